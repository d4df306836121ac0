"""`sweep.json` in a sweep's folder: the notebook, its code, the grid, the threads. Another grid may extend the sweep.

Points that the folder has are not run again then. Another notebook, other code and other threads are refused: numbers
depend on them, and a mean over such runs says nothing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from labkit.atomic import write_atomically
from labkit.counting import counted
from labkit.records import read_mapping
from labkit.runs.grid import Grid
from labkit.runs.key import Keys, code_version
from labkit.runs.notebook import read_parameters

FILE = "sweep.json"
ELSEWHERE = "give another --folder"


class SweepError(ValueError):
    """A sweep cannot start. The message says why, and what to do."""


@dataclass(frozen=True)
class About:
    """The contents of a `sweep.json`. `key` stands for the notebook's code and the package's, `version` for the package's alone."""

    notebook: str = ""
    axes: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""
    version: str = ""
    threads: int | None = None


def about(grid: Grid, threads: int | None = None) -> About:
    """What a sweep over this grid is about."""
    axes, parameters = json.loads(json.dumps([grid.axes, grid.parameters]))  # tuples become lists, as in the file
    return About(grid.notebook.name, axes, parameters, Keys(grid.notebook).of({}), code_version(), threads)


def read(folder: Path) -> About | None:
    """The contents of a folder's `sweep.json`; None without one. Raises `SweepError` for a damaged one."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        there = read_mapping(path)
        found = About(**{name: there[name] for name in asdict(About()) if name in there})
        if not isinstance(found.parameters, dict) or not all(isinstance(one, list) for one in found.axes.values()):
            raise ValueError(f"{path} is not of a sweep")
    except (OSError, ValueError, AttributeError) as error:
        what = f"{path} is not of a sweep" if isinstance(error, AttributeError) else str(error)
        raise SweepError(f"{what}. Remove it, and its runs are found by their names, or {ELSEWHERE}") from None
    return found


def write(folder: Path, contents: About) -> None:
    """Write the `sweep.json`."""
    text = json.dumps(asdict(contents), indent=1, ensure_ascii=False) + "\n"
    write_atomically(folder / FILE, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def refusal(there: About, new: About, folder: Path) -> str:
    """The reason why a sweep may not extend the one of the folder, with the way out; empty if it may."""
    if there.notebook != new.notebook:
        return f"{folder} holds a sweep of {there.notebook}: {ELSEWHERE}"
    if there.key != new.key:
        what = (
            "the notebook's code has" if there.version == new.version else "labkit's code, torch or the notebook have"
        )
        return (
            f"{what} changed since the sweep in {folder} began, so new runs do not compare with its runs: {ELSEWHERE}"
        )
    if there.threads and new.threads and there.threads != new.threads:
        said = f"each run of the sweep in {folder} has {counted(there.threads, 'thread')}, and numbers depend on them"
        return f"{said}: leave --threads out, or {ELSEWHERE}"
    return ""


def joined(there: About, new: About, notebook: Path) -> About:
    """The contents for both sweeps. A parameter with several values is an axis; numbers stand in their order."""
    names = dict.fromkeys(name for one in (there, new) for name in (*one.axes, *one.parameters))
    usual = _defaults(notebook)
    values = {name: _united(_values(there, name, usual), _values(new, name, usual)) for name in names}
    axes = {name: some for name, some in values.items() if len(some) > 1 or name in {**there.axes, **new.axes}}
    parameters = {name: some[0] for name, some in values.items() if name not in axes}
    return replace(new, axes=axes, parameters=parameters, threads=new.threads or there.threads)


def covers(there: About, new: About, notebook: Path) -> bool:
    """Whether the sweep of a folder has all values of the new one, and the same code."""
    usual, names = _defaults(notebook), {*there.axes, *there.parameters, *new.axes, *new.parameters}
    return (there.notebook, there.key) == (new.notebook, new.key) and all(
        value in _values(there, name, usual) for name in names for value in _values(new, name, usual)
    )


def _values(one: About, name: str, usual: Mapping[str, Any]) -> list[Any]:
    """The values that a sweep has of a parameter. None are known of a computed default."""
    if name in one.axes:
        return [*one.axes[name]]
    return [{**usual, **one.parameters}[name]] if name in {**usual, **one.parameters} else []


def _united(first: Sequence[Any], second: Sequence[Any]) -> list[Any]:
    both = [*first, *(value for value in second if value not in first)]
    grown = len(both) > len(first) and bool(first)
    return sorted(both) if grown and all(isinstance(value, int | float) for value in both) else both


def _defaults(notebook: Path) -> dict[str, Any]:
    """The plain defaults of a notebook's parameters, as in a file."""
    found = {name: one.default for name, one in read_parameters(notebook).items() if one.plain}
    return dict(json.loads(json.dumps(found)))
