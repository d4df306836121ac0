"""What differs between two runs: parameters, code, versions, machine, recorded numbers, outputs of cells."""

import difflib
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.records import Run
from labkit.runs.failure import ANSI
from labkit.runs.notebook import read_cells
from labkit.runs.table import results, status

BEFORE = 20  # letters shown before a difference
MISSING = "–"
ADDED = ("injected-parameters", "papermill-error-cell-tag")  # papermill's tags of cells that are not the notebook's
READABLE = (
    "error",
    "stdout",
    "text/plain",
    "text/markdown",
)  # kinds of outputs to show a line of, the first choice first
WIDGET = "application/vnd.jupyter.widget-view+json"
# Names that are made anew at every execution: UUIDs, addresses of objects, the ids of pandas' styled tables.
FRESH = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b0x[0-9a-f]{6,}\b|\bT_[0-9a-f]{5}\b", re.IGNORECASE)


@dataclass(frozen=True)
class Difference:
    """One thing that differs: `kind` is parameter, code, version, machine, number, output or status; `note` may be empty."""

    kind: str
    name: str
    first: str
    second: str
    note: str = ""


def diff(first: Run, second: Run) -> list[Difference]:
    """All differences between two runs. Times, ids and what cells wrote to stderr are not compared.

    Cells are compared if their code is the same. A cell that only one of the notebooks has, or whose code differs, is a
    difference in the code. Raises `NotebookError` for an executed notebook that cannot be read.
    """
    parts = [
        _mappings("status", {"status": status(first)}, {"status": status(second)}),
        _mappings("parameter", *(_without_out(run.parameters) for run in (first, second))),
        _mappings("code", *(_code(run) for run in (first, second))),
        _mappings("version", *(run.about.get("versions", {}) for run in (first, second))),
        _mappings("machine", *(_machine(run) for run in (first, second))),
        _numbers(results(first), results(second)),
        _cells(first, second),
    ]
    return [one for part in parts for one in part]


def executed_notebook(run: Run) -> Path | None:
    """The executed notebook in a run's folder; None if it is not there."""
    name = run.about.get("executed") or run.about.get("notebook") or ""
    path = run.folder / Path(str(name)).name
    return path if path.is_file() else None


def _without_out(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name != "out"}


def _code(run: Run) -> dict[str, Any]:
    about = run.about
    code = about.get("code", {})
    found = {
        "notebook": about.get("notebook"),
        "notebook_sha256": str(about.get("notebook_sha256") or "")[:12],
        "commit": str(code.get("commit") or "")[:12],
        "changed files": code.get("dirty"),
    }
    return {name: value for name, value in found.items() if value not in (None, "")}


def _machine(run: Run) -> dict[str, Any]:
    about = run.about
    found = {"host": about.get("process", {}).get("host"), **about.get("hardware", {}), "threads": about.get("threads")}
    return {name: value for name, value in found.items() if value is not None}


def _mappings(kind: str, first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[Difference]:
    for name in dict.fromkeys([*first, *second]):
        if name not in first or name not in second or first[name] != second[name]:
            yield Difference(kind, name, *(_shown(one[name]) if name in one else MISSING for one in (first, second)))


def _numbers(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[Difference]:
    for one in _mappings("number", first, second):
        yield Difference(
            one.kind, one.name, one.first, one.second, _relative(first.get(one.name), second.get(one.name))
        )


def _relative(first: Any, second: Any) -> str:
    """The second number's distance from the first, as a share of the first."""
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in (first, second))
    return f"{(second - first) / abs(first):+.2%}" if numbers and first and math.isfinite(first) else ""


def _cells(first: Run, second: Run) -> Iterator[Difference]:
    """Differences between the executed notebooks' code cells, which are paired by their code."""
    paths = [executed_notebook(run) for run in (first, second)]
    for run, path in zip((first, second), paths, strict=True):
        if path is None:
            yield Difference("output", "all cells", "", "", f"not compared: {run.folder.name} has no executed notebook")
            return
    cells = [list(_code_cells(path)) for path in paths if path]
    sources = [[cell["source"] for cell in some] for some in cells]
    for kind, a, b, c, d in difflib.SequenceMatcher(None, sources[0], sources[1], autojunk=False).get_opcodes():
        if kind == "equal":
            for one, other in zip(cells[0][a:b], cells[1][c:d], strict=True):
                yield from _outputs(one, other)
            continue
        for number in range(max(b - a, d - c)):
            pair = [
                some[start + number] if start + number < end else None
                for some, start, end in zip(cells, (a, c), (b, d), strict=True)
            ]
            name = next(_name(cell) for cell in pair if cell)
            yield Difference("code", name, *(_changed_line(cell, pair) for cell in pair))


def _code_cells(path: Path) -> Iterator[dict[str, Any]]:
    """The notebook's own code cells, each with its `number`, counted from 1."""
    number = 0
    for cell in read_cells(path):
        tags = cell.get("metadata", {}).get("tags") or ()
        if cell["cell_type"] == "code" and not set(ADDED) & set(tags):
            number += 1
            yield {**cell, "number": number}


def _name(cell: Mapping[str, Any]) -> str:
    lines = [line.strip() for line in cell["source"].splitlines() if line.strip() and not line.strip().startswith("#")]
    return f"cell {cell['number']} `{_short(lines[0]) if lines else ''}`"


def _changed_line(cell: Mapping[str, Any] | None, pair: list[Any]) -> str:
    """The first line of a cell that the other cell lacks."""
    if cell is None:
        return MISSING
    others = {line for other in pair if other and other is not cell for line in other["source"].splitlines()}
    lines = [line for line in cell["source"].splitlines() if line not in others]
    return _short(lines[0].strip()) if lines else "(fewer lines)"


def _outputs(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[Difference]:
    """The difference between the outputs of two equal cells, if there is one. The note names the kinds that differ."""
    made = [_made(cell) for cell in (first, second)]
    kinds = [kind for kind in dict.fromkeys([*made[0], *made[1]]) if made[0].get(kind) != made[1].get(kind)]
    if kinds:
        kind = next((kind for kind in READABLE if kind in kinds), kinds[0])
        texts = [one.get(kind) for one in made]
        before, after = (_from_difference(text, other) for text, other in zip(texts, texts[::-1], strict=True))
        yield Difference("output", _name(first), before, after, ", ".join(kinds))


def _made(cell: Mapping[str, Any]) -> dict[str, str]:
    """The outputs of a cell by their kind, as text without what is new at every execution."""
    made: dict[str, list[str]] = {}
    for output in cell.get("outputs") or []:
        kind = output.get("output_type")
        if kind == "stream" and output.get("name") == "stdout":
            made.setdefault("stdout", []).append("".join(output.get("text", "")))
        elif kind == "error":
            made.setdefault("error", []).append(f"{output.get('ename')}: {ANSI.sub('', str(output.get('evalue')))}")
        elif kind in ("display_data", "execute_result") and WIDGET not in output.get("data", {}):
            for mime, value in output.get("data", {}).items():
                made.setdefault(mime, []).append(_text(value))
    return {kind: FRESH.sub("…", "".join(texts)) for kind, texts in made.items()}


def _text(value: Any) -> str:
    """Text as it is; lists of lines joined; any other JSON, such as a figure, as text in a fixed order."""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(value)
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _from_difference(text: str | None, other: str | None) -> str:
    """The first line that differs, from shortly before the place where it does."""
    if text is None:
        return MISSING
    lines, others = text.splitlines(), (other or "").splitlines()
    at = next((n for n, line in enumerate(lines) if n >= len(others) or line != others[n]), len(lines))
    line, beside = lines[at] if at < len(lines) else "(no more lines)", others[at] if at < len(others) else ""
    start = next((n for n, pair in enumerate(zip(line, beside, strict=False)) if len(set(pair)) > 1), 0)
    return _short(line if start <= BEFORE else f"…{line[start - BEFORE :]}")


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
