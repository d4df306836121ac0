"""Broken videos through probing, the index, a dataset and an epoch of training; in a process that may die of them.

As a script, `python mutants_trial.py ROOT` is that process: it prints what became of each file below ROOT.
"""

import json
import subprocess
import sys
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

from broken_videos import break_video, write_sources
from run_elsewhere import python

HOURS = 3600.0


def try_mutants(seeds: range, folder: Path, *, real: Path | None = None, limit: float = 3 * HOURS) -> dict[str, Any]:
    """What became of the broken videos of these seeds: a row each, and the facts of the process that read them.

    Raises `AssertionError` where that process died, and `subprocess.TimeoutExpired` after `limit` seconds.
    """
    sources = write_sources(folder / "sources", real)
    made = []
    for name in "abc":
        (folder / "set" / "train" / name).mkdir(parents=True)
        (folder / "set" / "test").mkdir(exist_ok=True)
        for number, source in enumerate(sorted(sources.values())):  # sound ones, so that there is something to train on
            (folder / "set" / "train" / name / f"sound{number}{source.suffix}").write_bytes(source.read_bytes())
    for seed in seeds:
        made.append(break_video(seed, sources, folder / "set" / "train" / "abc"[seed % 3]))
    process = python(Path(__file__), folder / "set", cache=folder / "cache", stderr=subprocess.DEVNULL)
    try:
        out, _ = process.communicate(timeout=limit)
    finally:
        process.kill()
    assert process.returncode == 0, f"the process that read the broken videos ended with {process.returncode}"
    found = json.loads(out)
    rows = [
        {"seed": seed, "source": one.source, "way": one.way, **found["files"][one.path.name]}
        for seed, one in zip(seeds, made, strict=True)
    ]
    return {
        "rows": rows,
        "sound": 3 * len(sources),
        **{name: found[name] for name in ("late", "memory", "dataset", "epoch")},
    }


def outcome(row: dict[str, Any]) -> str:
    """What became of one broken video, in words."""
    if row["reason"]:
        return "cannot be read"
    return "read up to the damage" if row["damage"] else "read to its end"


def kinds_of_reasons(rows: list[dict[str, Any]]) -> Counter[str]:
    """How often each reason was given, without the numbers of frames."""
    said = (row["reason"] or row["damage"].partition(": ")[2] for row in rows)
    return Counter(reason for reason in said if reason)


def _read_all(root: Path) -> dict[str, Any]:
    import psutil
    from tiny_training import tiny_model

    from labkit.clip import ClipSpec
    from labkit.data.dataset_index import probe
    from labkit.data.datasets import open_dataset
    from labkit.data.video import VideoError, VideoReader
    from labkit.training import fit

    memory = psutil.Process().memory_info
    files, late, spec = {}, [], ClipSpec(frames=4, size=16)
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    warm = 0
    for number, path in enumerate(paths):
        began = time.perf_counter()
        facts = probe(path)
        try:
            if not facts["reason"]:
                with VideoReader(path) as reader:  # all that the index promises
                    assert len(reader.frames(size=16)) == facts["frames"]
        except VideoError as error:
            late.append(f"{path.name}: {error.reason}")
        files[path.name] = {name: facts[name] for name in ("frames", "damage", "reason")}
        files[path.name]["seconds"] = round(time.perf_counter() - began, 3)
        warm = memory().rss if number == len(paths) // 4 else warm
    grown = memory().rss - warm
    data = open_dataset("folder", root, spec=spec, workers=2, progress=False)
    unreadable = (data.report["what"] == "unreadable").sum()
    options = {"epochs": 1, "batch_size": 8, "workers": 2, "device": "cpu", "progress": False, "lr": 0.01}
    history = fit(tiny_model(clip=spec), data, folder=root.with_name("run"), **options)
    return {
        "files": files,
        "late": late,  # those that the index took for readable and that were not
        "memory": {"grown_mib": round(grown / 2**20, 1), "at_mib": round(warm / 2**20, 1)},
        "dataset": {"videos": len(data.table), "unreadable": int(unreadable)},
        "epoch": {"clips": int(history.table["clips"].iloc[0])},
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # one for each file that is left out
    print(json.dumps(_read_all(Path(sys.argv[1]))))
