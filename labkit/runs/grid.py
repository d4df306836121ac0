"""The grid of a sweep: the values of some parameters, in all combinations. Everything is checked before anything starts."""

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.runs.meaning import check_meaning
from labkit.runs.notebook import NotebookError, check_parameters, read_parameters, split_assignments

RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)")
LONGEST = 1_000_000  # values of one axis


@dataclass(frozen=True)
class Grid:
    """A notebook, the axes (the values of each parameter that varies), and the parameters that all points share."""

    notebook: Path
    axes: Mapping[str, Sequence[Any]]
    parameters: Mapping[str, Any]

    def __len__(self) -> int:
        return math.prod(len(values) for values in self.axes.values())

    def points(self) -> Iterator[dict[str, Any]]:
        """The given parameters of each run. The last axis varies fastest."""
        for values in itertools.product(*self.axes.values()):
            yield {**self.parameters, **dict(zip(self.axes, values, strict=True))}


def read_grid(notebook: Path, axes: Sequence[str], given: Mapping[str, Any], *, device: bool = True) -> Grid:
    """The grid of texts like `depth=18,34` and `seed=0..4`; all points share the `given` parameters.

    Values are separated by commas; by semicolons, if the text has one, for values that have commas themselves. `0..4` are
    the whole numbers from 0 to 4. `device=False` does not ask whether this machine has the device.

    Raises `NotebookError` for an empty grid, an unknown parameter, with the nearest name, and a wrong value.
    """
    declared = read_parameters(notebook)
    texts = split_assignments(axes)
    if not texts:
        raise NotebookError("the grid is empty: give at least one --grid name=values, for example --grid seed=0..4")
    if "out" in {**texts, **given}:
        raise NotebookError("the parameter 'out' is not for you to set: each run of a sweep has a folder of its own")
    if both := [name for name in texts if name in given]:
        raise NotebookError(f"the parameter {both[0]!r} is given by --grid and by -p: give it once")
    read = {name: _values(name, text) for name, text in texts.items()}
    checked = {
        name: [check_parameters(declared, {name: value}, notebook.name)[name] for value in values]
        for name, values in read.items()
    }
    shared = check_parameters(declared, given, notebook.name)
    for name, value in [*shared.items(), *((name, value) for name, values in checked.items() for value in values)]:
        if device or name != "device":
            check_meaning({name: value})
    for name, values in checked.items():
        if any(value != value for value in values):
            raise NotebookError(
                f"the grid has {name}=nan, and nan does not equal itself: its run could not be found again"
            )
        first = [*dict.fromkeys(map(repr, values))]
        if len(first) < len(values):
            twice = next(value for value in first if [*map(repr, values)].count(value) > 1)
            raise NotebookError(f"the grid has {name}={twice} twice")
    return Grid(notebook, checked, shared)


def _values(name: str, text: str) -> list[str]:
    """The values in the text of an axis, ranges written out."""
    values: list[str] = []
    for part in text.split(";" if ";" in text else ","):
        part = part.strip()
        if found := RANGE.fullmatch(part):
            first, last = map(int, found.groups())
            if last - first >= LONGEST:
                raise NotebookError(
                    f"the grid has {last - first + 1:,} values of {name}; at most {LONGEST:,} are possible"
                )
            if last < first:
                raise NotebookError(f"the grid is empty: {name}={part} counts down; write {last}..{first}")
            values += map(str, range(first, last + 1))
        elif part:
            values.append(part)
    if not values:
        raise NotebookError(f"the grid is empty: {name} has no values; write {name}=1,2 or {name}=0..4")
    return values
