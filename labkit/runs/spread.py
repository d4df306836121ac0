"""Runs over a grid of parameters: the axes, and for every point the mean and the spread of each number over the seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from labkit.intervals import mean_interval
from labkit.records import Run, read_mapping
from labkit.runs.table import find_runs, results, status

FILE = "sweep.json"
SEED = "seed"  # the axis over which numbers are averaged
OWN = ("out",)  # parameters that differ in every run and are no axis

Point = tuple[Any, ...]


@dataclass(frozen=True)
class Sweep:
    """A folder of runs over a grid. `axes` maps a parameter to its values, without the seed; `runs` are all runs."""

    folder: Path
    notebook: str
    axes: Mapping[str, Sequence[Any]]
    seeds: Sequence[Any]
    parameters: Mapping[str, Any]  # the same in all runs
    runs: Sequence[Run]

    @property
    def done(self) -> list[Run]:
        """The runs that ended well."""
        return [run for run in self.runs if run.status == "done"]

    @property
    def unfinished(self) -> list[tuple[Run, str]]:
        """The other runs, each with its status."""
        return [(run, status(run)) for run in self.runs if run.status != "done"]


@dataclass(frozen=True)
class Spread:
    """One recorded number at one point of the grid: of how many runs, their mean, its 95 % interval, their deviation.

    The interval and the deviation of a single run are NaN.
    """

    point: Point
    runs: int
    mean: float
    low: float
    high: float
    deviation: float


def read_sweep(folder: str | Path) -> Sweep:
    """The sweep in a folder, from its `sweep.json` and its runs. Without that file, parameters that differ are the axes.

    Raises `FileNotFoundError` for a missing folder, `ValueError` for a malformed `sweep.json`. Warns of damaged runs.
    """
    folder = Path(folder)
    runs = find_runs(folder)
    path = folder / FILE
    about = _checked(path) if path.is_file() else _found(runs)
    axes = dict(about["axes"])
    seeds = axes.pop(SEED, [])
    return Sweep(folder, about["notebook"], axes, seeds, about["parameters"], runs)


def spreads(sweep: Sweep) -> dict[str, list[Spread]]:
    """By the name of the recorded number, its spread at every point where a run recorded it, in the order of the grid.

    A number recorded as "not a number" does not count.
    """
    found: dict[str, dict[Point, list[float]]] = {}
    for run in sweep.done:
        point = tuple(_hashable(run.parameters.get(name)) for name in sweep.axes)
        for name, value in results(run).items():
            if isinstance(value, int | float):
                found.setdefault(name, {}).setdefault(point, []).append(float(value))
    return {name: [_spread(*one) for one in _in_order(points, sweep)] for name, points in found.items()}


def lost_numbers(sweep: Sweep) -> dict[str, dict[Point, int]]:
    """By the name of the recorded number, the points at which it is "not a number" in some done runs, and in how many."""
    found: dict[str, dict[Point, int]] = {}
    for run in sweep.done:
        point = tuple(_hashable(run.parameters.get(name)) for name in sweep.axes)
        for name in (name for name, value in results(run).items() if value is None):
            at = found.setdefault(name, {})
            at[point] = at.get(point, 0) + 1
    return found


def _spread(point: Point, values: Sequence[float]) -> Spread:
    low, high = mean_interval(values)
    return Spread(point, len(values), mean(values), low, high, stdev(values) if len(values) > 1 else low)


def _in_order(points: Mapping[Point, list[float]], sweep: Sweep) -> list[tuple[Point, list[float]]]:
    """The points in the order of the axes' values; points beside the grid come last."""
    places = [{_hashable(value): number for number, value in enumerate(values)} for values in sweep.axes.values()]

    def place(entry: tuple[Point, list[float]]) -> list[int]:
        return [known.get(value, len(known)) for known, value in zip(places, entry[0], strict=True)]

    return sorted(points.items(), key=place)


def _checked(path: Path) -> Mapping[str, Any]:
    about = read_mapping(path)
    axes = about.get("axes")
    if not isinstance(axes, dict) or not all(isinstance(values, list) for values in axes.values()):
        raise ValueError(f"{path} is not of a sweep: 'axes' should map each parameter to a list of values")
    parameters = about.get("parameters")
    return {
        "axes": axes,
        "notebook": str(about.get("notebook", "")),
        "parameters": parameters if isinstance(parameters, dict) else {},
    }


def _found(runs: Sequence[Run]) -> Mapping[str, Any]:
    """The axes among the runs of any folder: the parameters of which they have several values."""
    values: dict[str, dict[Any, Any]] = {}
    for run in runs:
        for name, value in run.parameters.items():
            if name not in OWN:
                values.setdefault(name, {})[_hashable(value)] = value
    axes = {name: _sorted(list(some.values())) for name, some in values.items() if len(some) > 1}
    notebooks = dict.fromkeys(str(run.about.get("notebook", "")) for run in runs)
    same = {name: next(iter(some.values())) for name, some in values.items() if name not in axes}
    return {"axes": axes, "notebook": ", ".join(notebooks), "parameters": same}


def _sorted(values: list[Any]) -> list[Any]:
    numbers = all(isinstance(value, int | float) for value in values)
    return sorted(values) if numbers else sorted(values, key=str)


def _hashable(value: Any) -> Any:
    return str(value) if isinstance(value, list | dict) else value
