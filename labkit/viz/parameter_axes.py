"""Trainings by the parameters in which they differ: which parameters are axes, and which trainings stand at one point."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labkit.records import Training
from labkit.viz.line_chart import are_numbers, number
from labkit.viz.measured import Measured

CLIPS, SEED = "training clips", "seed"
TOGETHER = "none, all together"

Place = tuple[Any, Any]  # the value across, and that of the line


@dataclass(frozen=True)
class Row:
    """One training that can be drawn."""

    name: str
    parameters: Mapping[str, Any]  # with the size of the training set
    measured: Measured
    level: str  # of its accuracies: clip or video


@dataclass(frozen=True)
class Group:
    """The trainings of one figure: a parameter across, another one as lines, and the rest the same."""

    across: str
    lines: str  # a parameter, or TOGETHER
    others: str  # the values of the rest, in words
    places: Mapping[Place, Sequence[Row]]

    @property
    def rows(self) -> list[Row]:
        """All trainings of the figure."""
        return [row for rows in self.places.values() for row in rows]

    @property
    def epochs(self) -> list[int]:
        """The epochs at which something changes, rising."""
        return sorted({epoch for row in self.rows for epoch in row.measured.seen})

    @property
    def names(self) -> dict[Any, str]:
        """The lines and their names."""
        values = dict.fromkeys(line for _, line in self.places)
        return {value: "gap" if self.lines == TOGETHER else said(self.lines, value) for value in values}

    @property
    def level(self) -> str:
        """The level of the accuracies: `clip level`."""
        return f"{' and '.join(sorted({row.level for row in self.rows}))} level"

    def called(self, place: Place) -> str:
        """A place in words: `training clips 41, width 8`."""
        across, line = place
        own = said(self.across, across)
        return own if self.lines == TOGETHER else f"{own}, {said(self.lines, line)}"


def said(name: str, value: Any) -> str:
    """A parameter with its value: `width 16`."""
    return f"{name} {number(value)}"


def rows_of(trainings: Iterable[Training]) -> tuple[list[Row], dict[str, str]]:
    """The trainings that have a gap or diverged, and the others with the reason why they are left out."""
    rows, left_out = [], {}
    for each in trainings:
        measured = Measured.of(each.history, diverged=each.diverged)
        table = each.history.table
        levels = dict(zip(table["split"], table["level"], strict=True))
        if {"train", "val"} <= levels.keys() and levels["train"] != levels["val"]:
            left_out[each.name] = (
                f"training is measured at {levels['train']} level, validation at {levels['val']} level"
            )
        elif measured.seen:
            given = {name: _hashable(value) for name, value in each.parameters.items()}
            rows.append(Row(each.name, {CLIPS: measured.clips, **given}, measured, str(levels.get("val", ""))))
        else:
            left_out[each.name] = "no epoch measured training and validation clips alike"
    return rows, left_out


def axes_of(rows: Sequence[Row]) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """The parameters that differ, with their values in order, and those that only go with another one.

    Runs with other seeds are repetitions, so the seed is no axis. Without a difference, the size of the training set is one.
    """
    names = dict.fromkeys(name for row in rows for name in row.parameters if name != SEED)
    found = {name: list(dict.fromkeys(row.parameters.get(name) for row in rows)) for name in names}
    axes: dict[str, list[Any]] = {}
    same: dict[str, str] = {}
    for name, values in found.items():
        if len(values) < 2:
            continue
        for other, known in axes.items():
            pairs = {(row.parameters.get(other), row.parameters.get(name)) for row in rows}
            if len(pairs) == len(known) == len(values):
                same[name] = other
        if name not in same:
            axes[name] = _sorted(values)
    return axes or {CLIPS: found[CLIPS]}, same


def groups_of(rows: Sequence[Row], axes: Mapping[str, Sequence[Any]]) -> Iterator[Group]:
    """Every figure: each axis across, each other one as lines, and each combination of values of the rest."""
    order = {name: {value: n for n, value in enumerate(values)} for name, values in axes.items()}
    for across in axes:
        for lines in [*(name for name in axes if name != across), TOGETHER]:
            rest = [name for name in axes if name not in (across, lines)] if lines != TOGETHER else []
            shown = [name for name in (across, lines) if name in axes]
            found: dict[tuple[Any, ...], dict[Place, list[Row]]] = {}
            for row in sorted(
                rows, key=lambda row: [order[name][row.parameters.get(name)] for name in [*rest, *reversed(shown)]]
            ):
                fixed = tuple(row.parameters.get(name) for name in rest)
                place = (row.parameters.get(across), row.parameters.get(lines))
                found.setdefault(fixed, {}).setdefault(place, []).append(row)
            for fixed, places in found.items():
                others = ", ".join(said(name, value) for name, value in zip(rest, fixed, strict=True))
                yield Group(across, lines, others or "–", places)


def _sorted(values: list[Any]) -> list[Any]:
    """Numbers by size; other values as they come."""
    return sorted(values) if are_numbers(values) else values


def _hashable(value: Any) -> Any:
    """A value that can be a key. NaN is unequal to itself, so it becomes text like a list."""
    return str(value) if isinstance(value, list | dict | tuple) or value != value else value
