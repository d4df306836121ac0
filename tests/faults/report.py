"""Tries faults in large numbers and writes what came of them: `python tests/faults/report.py [mutants] [kills] [page]`.

`mutants` tries 1,000 broken videos, `kills` 50 kills of each kind of work; each takes minutes and leaves a JSON file
beside this script. `page` writes docs/faults.md from these files, and is done after the others too.
"""

import json
import os
import platform
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from kills_trial import SUBJECTS
from mutants_trial import kinds_of_reasons, outcome, try_mutants
from run_elsewhere import HERE, ROOT, python

from labkit.atomic import write_atomically

PAGE = ROOT / "docs" / "faults.md"
SEEDS = range(1000)
MOMENTS = 50
SEED = 0


def keep(name: str, found: dict[str, Any]) -> None:
    """Write what was found, with the day and the versions."""
    import av

    versions = {"python": platform.python_version(), "av": av.__version__, "system": platform.system()}
    text = json.dumps({"day": time.strftime("%Y-%m-%d"), "versions": versions, **found}, indent=1, ensure_ascii=False)
    write_atomically(HERE / f"{name}.json", lambda file: file.write_text(text + "\n", encoding="utf-8"))


def mutants() -> None:
    """The broken videos, from sound ones made here and, where they are, from the real clips."""
    real = Path(os.environ.get("LABKIT_REAL_DATA", ROOT.parent / "shared" / "real")) / "videos"
    with tempfile.TemporaryDirectory() as folder:
        found = try_mutants(SEEDS, Path(folder), real=real if real.is_dir() else None)
    rows = found.pop("rows")
    slowest = max(row.pop("seconds") for row in rows)
    lines = [[row["seed"], row["source"], row["way"], row["frames"], row["reason"] or row["damage"]] for row in rows]
    tables = {
        "outcomes": Counter(map(outcome, rows)),
        "by source": _crossed(rows, "source"),
        "by way": _crossed(rows, "way"),
        "reasons": kinds_of_reasons(rows),
    }
    keep("mutants", {"seeds": [SEEDS.start, SEEDS.stop], **found, "slowest_s": slowest, **tables, "videos": lines})


def _crossed(rows: list[dict[str, Any]], name: str) -> dict[str, Counter[str]]:
    return {
        value: Counter(outcome(row) for row in rows if row[name] == value)
        for value in sorted({row[name] for row in rows})
    }


def kills(moments: int = MOMENTS) -> None:
    """The kills, one kind of work after another. What the file has already is not done again: remove it to start over."""
    file = HERE / "kills.json"
    before = json.loads(file.read_text(encoding="utf-8"))["subjects"] if file.exists() else {}
    found = {name: row for name, row in before.items() if "failed" not in row}
    for subject in [name for name in SUBJECTS if name not in found]:
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder) / "work"
            process = python(
                HERE / "kills_trial.py", subject, moments, SEED, work, cache=Path(folder) / "cache", stderr=None
            )
            out, _ = process.communicate()
        found[subject] = json.loads(out) if process.returncode == 0 else {"failed": process.returncode}
        print(subject, found[subject], flush=True)
        keep("kills", {"subjects": found})


def page() -> None:
    """docs/faults.md, between its two marks."""
    text = PAGE.read_text(encoding="utf-8")
    for name, table in (("mutants", mutants_table), ("kills", kills_table)):
        begin, end = f"<!-- {name}: written by tests/faults/report.py -->", f"<!-- end of {name} -->"
        before, rest = text.split(begin)
        text = f"{before}{begin}\n\n{table(json.loads((HERE / f'{name}.json').read_text(encoding='utf-8')))}\n\n{end}{rest.split(end)[1]}"
    write_atomically(PAGE, lambda file: file.write_text(text, encoding="utf-8"))


def _measured(found: dict[str, Any]) -> str:
    about = found["versions"]
    return f"Measured on {found['day']} with Python {about['python']} and PyAV {about['av']} on {about['system']}"


def mutants_table(found: dict[str, Any]) -> str:
    """The outcomes of the broken videos, by source and by way, and the reasons that were given."""
    outcomes = ("read to its end", "read up to the damage", "cannot be read")
    lines = [
        f"{_measured(found)}, seeds {found['seeds'][0]} to {found['seeds'][1] - 1}. Crashes: 0. Hangs: 0; the slowest file took "
        f"{found['slowest_s']:.2f} s. Memory grew by {found['memory']['grown_mib']:g} MiB over the last three quarters of the "
        f"files. The dataset left out {found['dataset']['unreadable']} files and kept {found['dataset']['videos']}, "
        f"{found['sound']} sound ones among them; an epoch with two workers trained on {found['epoch']['clips']} clips. "
        f"Files that the index took for readable and that were not: {len(found['late'])}.",
        "",
        f"| made from, or how | {' | '.join(outcomes)} |",
        "|---|---:|---:|---:|",
    ]
    for name in ("by source", "by way"):
        lines += [
            f"| {key} | {' | '.join(str(row.get(one, 0)) for one in outcomes)} |" for key, row in found[name].items()
        ]
    lines += [f"| all | {' | '.join(str(found['outcomes'].get(one, 0)) for one in outcomes)} |", ""]
    lines += ["| reason given | files |", "|---|---:|"]
    lines += [f"| {reason} | {count} |" for reason, count in sorted(found["reasons"].items(), key=lambda one: -one[1])]
    return "\n".join(lines)


def kills_table(found: dict[str, Any]) -> str:
    """How often each kind of work was killed."""
    lines = [
        f"{_measured(found)}, seed {SEED}.",
        "",
        "| work | kills | from beginning to end | lost or different |",
        "|---|---:|---:|---:|",
    ]
    for name, row in found["subjects"].items():
        if "failed" in row:
            lines.append(f"| {name} | failed with exit status {row['failed']} | | |")
        else:
            lines.append(f"| {name} | {row['kills']} | {row['chains']} times | 0 |")
    return "\n".join(lines)


PARTS = {"mutants": mutants, "kills": kills, "page": page}


if __name__ == "__main__":
    for part in dict.fromkeys([*(sys.argv[1:] or ["mutants", "kills"]), "page"]):
        PARTS[part]()
