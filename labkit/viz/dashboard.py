"""The overfitting dashboard: the gap between training and validation of many trainings, epoch by epoch.

    Dashboard(*read_trainings("runs/sweeps/05-1"))

On the left the gap over a parameter, such as the size of the training set, with mean and spread over the seeds; on the
right the curves of the point chosen there. A slider over the epochs moves both. The live version has every epoch; the one
that a notebook stores has fewer, if there are many points.
"""

import html
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from statistics import mean
from typing import NamedTuple

from labkit.counting import counted, named
from labkit.intervals import mean_interval
from labkit.records import Training
from labkit.viz import line_chart
from labkit.viz.chooser import Choice, Chooser, Lazy, Record
from labkit.viz.line_chart import Scale
from labkit.viz.measured import LEGEND, LOST, curves, epochs_axis
from labkit.viz.parameter_axes import Group, Place, axes_of, groups_of, rows_of
from labkit.viz.theme import look_of

CONTROLS = ("across", "lines", "the rest", "point", "epoch")
MOST, STORED = 40_000, 600  # states, live and in a saved notebook
KEPT = 256  # pictures kept while it is live
NAMED = 4  # trainings that a sentence names

PART = " This page holds a part of the points and epochs; the cell shows all of them when it runs."

RING = '<circle cx="{x}" cy="{y}" r="9" fill="none" stroke="currentColor" stroke-width="2"/>'
MARK = (
    f'<path d="M{{at}} {line_chart.TOP}V{line_chart.BOTTOM}" stroke="currentColor" stroke-width="1.5" stroke-dasharray="4 3"/>'
    '<text x="{above}" y="9" text-anchor="middle">epoch {epoch}</text>'
)
TEMPLATE = f"""<style>{line_chart.STYLE}</style><h4>{{title}}</h4>
<div class="labkit-pair"><div><b>Gap after epoch {{epoch}}</b>
{line_chart.svg("{gap}" + RING, "Gap between training and validation after epoch {epoch}, in words below")}
{{legend}}</div><div><b>{{point}}</b>
{line_chart.svg("{curves}" + MARK, "Training and validation accuracy over the epochs of {point}")}
{LEGEND}</div></div>
<p aria-live="polite">{{words}}</p><p><small>{{notes}}</small></p>"""


class Gap(NamedTuple):
    """The gap at one point after one epoch, in points: mean, 95 % interval (NaN for one training), and each training's."""

    mean: float
    low: float
    high: float
    each: list[float]
    lost: int  # trainings that have diverged


class State(NamedTuple):
    """What one picture shows."""

    group: int
    place: Place
    epoch: int


class Dashboard(Chooser):
    """Menus for the parameter across, the lines and the point; a slider over the epochs; two figures that follow them.

    `trainings` differ in their parameters. The number of training clips comes from the histories, and the seed is no axis:
    trainings that differ in the seed alone are repetitions. The gap is training minus validation top-1, both measured in
    evaluation mode (the column `top1`). At each epoch the last measurement up to it counts. A training that has diverged is
    marked and counted, and is in no mean from there on. `left_out` maps the names of runs that could not be read to the reason.

    Raises `ValueError` if no training has a gap, with the reasons.
    """

    def __init__(
        self,
        trainings: Iterable[Training],
        left_out: Mapping[str, str] | None = None,
        *,
        live: bool | None = None,
    ) -> None:
        self.rows, more = rows_of(trainings)
        self.left_out = {**(left_out or {}), **more}
        if not self.rows:
            why = named([f"{name}: {reason}" for name, reason in self.left_out.items()], most=NAMED)
            raise ValueError(f"there is no training with a gap to draw{f'; {why}' if why else ''}")
        axes, self._same = axes_of(self.rows)
        self.groups = list(groups_of(self.rows, axes))
        self._left = lru_cache(maxsize=KEPT)(self._drawn_gap)
        self._right = lru_cache(maxsize=KEPT)(self._drawn_curves)
        self._said = lru_cache(maxsize=KEPT)(self._in_words)
        self._gaps = lru_cache(maxsize=None)(self._gaps_of)
        self._shown, controls = _used(self._states(MOST))
        super().__init__(
            Lazy(self._shown, self._made),
            controls,
            TEMPLATE,
            name="overfitting dashboard",
            sliders=["epoch"],
            live=live,
        )

    def static(self) -> str:
        """A chooser of at most `STORED` states, whose pictures are made now."""
        found = self._states(STORED)
        whole = len(found) == len(self._shown)
        states, controls = _used(found)
        some = "" if whole else PART
        made = {
            choice: {**(each := self._made(state)), "notes": each["notes"] + some} for choice, state in states.items()
        }
        kept = Chooser(made, controls, TEMPLATE, name=self.name, sliders=["epoch"], live=False)
        now = self._shown[self.choice]
        kept.choice = next((choice for choice, state in states.items() if state == now), kept.choice)
        return kept.static()

    def _states(self, most: int) -> dict[Choice, State]:
        """About so many states at most: of each figure fewer epochs, where there are too many. The end comes first."""
        points = sum(len(group.places) for group in self.groups)
        found: dict[Choice, State] = {}
        for number, group in enumerate(self.groups):
            epochs = _thinned(group.epochs, max(2, most // points))
            if found and len(found) + len(epochs) * len(group.places) > most:
                break
            for place in group.places:
                for epoch in reversed(epochs):
                    choice = (group.across, group.lines, group.others, group.called(place), str(epoch))
                    found[choice] = State(number, place, epoch)
        return found

    def _made(self, state: State) -> Record:
        """The places of the template for one state; all texts are HTML."""
        group = self.groups[state.group]
        title, words = self._said(state.group, state.epoch)
        x, y = self._pixel(group, state)
        at = self._epochs(state.group).at(state.epoch)
        own = self._curve_words(group, state)
        return {
            "title": html.escape(title),
            "epoch": str(state.epoch),
            "gap": self._left(state.group, state.epoch),
            "x": f"{x:.1f}",
            "y": f"{y:.1f}",
            "legend": line_chart.legend(zip(group.names.values(), map(look_of, range(len(group.names))), strict=True)),
            "point": html.escape(group.called(state.place)),
            "curves": self._right(state.group, state.place),
            "at": f"{at:.1f}",
            "above": f"{line_chart.beside(at, f'epoch {state.epoch}'):.1f}",
            "words": html.escape(f"{words} {own}"),
            "notes": html.escape(self._notes()),
        }

    # The figure on the left

    def _gaps_of(self, number: int, epoch: int) -> dict[Place, Gap]:
        return {place: _gap_at(rows, epoch) for place, rows in self.groups[number].places.items()}

    def _axes(self, group: Group) -> tuple[Scale, Scale, list[object]]:
        """The same axes at every epoch, so that the slider moves nothing but the points."""
        values = list(dict.fromkeys(across for across, _ in group.places))
        heights = [0.0, *(float(gap) for row in group.rows for gap in row.measured.gaps)]
        room = 0.12 * (max(heights) - min(heights)) or 5.0
        up = line_chart.up(max(min(heights) - room, -100), min(max(heights) + room, 100))
        return Scale.across(values), up, values

    def _place(self, group: Group, place: Place, across: Scale) -> float:
        """Lines stand a little beside each other, so that their intervals can be told apart."""
        lines = list(group.names)
        return across.at(place[0]) + (lines.index(place[1]) - (len(lines) - 1) / 2) * min(5.0, 30 / len(lines))

    def _pixel(self, group: Group, state: State) -> tuple[float, float]:
        """The middle of the ring around the chosen point; out of the picture where it has no gap at this epoch."""
        across, up, _ = self._axes(group)
        gap = self._gaps(state.group, state.epoch)[state.place]
        if gap.each:
            return self._place(group, state.place, across), up.at(gap.mean)
        return (self._place(group, state.place, across) if gap.lost else -50, line_chart.BOTTOM - 7)

    def _drawn_gap(self, number: int, epoch: int) -> str:
        group = self.groups[number]
        across, up, marks = self._axes(group)
        parts = [line_chart.axes(across, marks, group.across, up, "gap (points)")]
        for count, line in enumerate(group.names):
            look, points = look_of(count), []
            gaps = {place: gap for place, gap in self._gaps(number, epoch).items() if place[1] == line}
            for place, gap in gaps.items():
                x, called = self._place(group, place, across), group.called(place)
                if gap.each:
                    points.append((x, up.at(gap.mean)))
                    parts.append(_spread(x, gap, up, count))
                    parts.append(line_chart.marker(x, up.at(gap.mean), look, f"{called}: {_said(gap)}"))
                if gap.lost:
                    said = f"{called}: {counted(gap.lost, 'training')} diverged"
                    parts.append(line_chart.diverged(x, look, said))
            parts.append(line_chart.line(points, look))
        return "".join(parts)

    def _in_words(self, number: int, epoch: int) -> tuple[str, str]:
        """The finding of the figure on the left, and the sentences about it."""
        group = self.groups[number]
        gaps = self._gaps(number, epoch)
        known = {place: gap for place, gap in gaps.items() if gap.each}
        order, more = sorted(known, key=lambda place: known[place].mean), " ".join(_uncounted(group, epoch))
        if not order:
            return f"No gap after epoch {epoch}", f"After epoch {epoch} no training has a gap. {more}"
        most = order[-1]
        where = f"largest at {group.called(most)}: " if len(known) > 1 else ""
        title = f"After epoch {epoch} the gap is {where}{known[most].mean:.0f} points"
        return title, f"After epoch {epoch}, {_compared(group, known, order[0], most)} {more}".rstrip()

    # The figure on the right

    def _epochs(self, number: int) -> Scale:
        return epochs_axis(max(row.measured.seen[-1] for row in self.groups[number].rows))

    def _drawn_curves(self, number: int, place: Place) -> str:
        return curves([row.measured for row in self.groups[number].places[place]], self._epochs(number))

    def _curve_words(self, group: Group, state: State) -> str:
        rows = group.places[state.place]
        known = [(row.measured, at) for row in rows if (at := row.measured.row(state.epoch)) is not None]
        if not known:
            return f"The point {group.called(state.place)} has no measurement here."
        train, val = (mean(float(getattr(each, split)[at]) for each, at in known) for split in ("train", "val"))
        return f"At the point {group.called(state.place)}, {train:.0f} % of training clips and {val:.0f} % of validation clips are right."

    def _notes(self) -> str:
        seeds = "A point is the mean of its trainings, the bar its 95 % interval, a dot one training."
        same = [f"{name} differs together with {other}." for name, other in self._same.items()]
        out = [f"{name} ({reason})" for name, reason in self.left_out.items()]
        left = [f"{counted(len(out), 'run is', 'runs are')} left out: {named(out, most=NAMED)}."] if out else []
        return " ".join([seeds, *same, *left])


def _gap_at(rows: Sequence, epoch: int) -> Gap:
    each = [float(row.measured.gaps[at]) for row in rows if (at := row.measured.row(epoch)) is not None]
    low, high = mean_interval(each)
    lost = sum(row.measured.lost(epoch) for row in rows)
    return Gap(mean(each) if each else float("nan"), low, high, each, lost)


def _spread(x: float, gap: Gap, up: Scale, number: int) -> str:
    if len(gap.each) < 2:
        return ""
    look = look_of(number)
    dots = line_chart.dots([(x, up.at(each)) for each in gap.each], look)
    return line_chart.bar(x, gap.low, gap.high, up, look) + dots


def _said(gap: Gap) -> str:
    between = f"95 % interval {gap.low:.0f} to {gap.high:.0f}, " if len(gap.each) > 1 else ""
    return f"{gap.mean:.0f} points ({between}{counted(len(gap.each), 'training')})"


def _compared(group: Group, gaps: Mapping[Place, Gap], least: Place, most: Place) -> str:
    """Where the gap is largest and smallest, and whether their intervals tell the two apart."""
    if least == most:
        return f"the gap at {group.called(most)} is {_said(gaps[most])}, at {group.level}."
    words = (
        f"the gap (training minus validation top-1, {group.level}) is largest at {group.called(most)}: {_said(gaps[most])}, and smallest "
        f"at {group.called(least)}: {_said(gaps[least])}."
    )
    if min(len(gaps[least].each), len(gaps[most].each)) < 2:
        return f"{words} A point of one training has no interval: other seeds may give another order."
    if gaps[least].high >= gaps[most].low:
        return f"{words} Their intervals touch: these trainings do not tell the two apart."
    return f"{words} Their intervals lie apart."


def _uncounted(group: Group, epoch: int) -> list[str]:
    """Sentences on trainings that had ended or diverged by this epoch."""
    rows, words = group.rows, []
    ended = sum(row.measured.last < epoch and not row.measured.lost(epoch) for row in rows)
    if ended:
        words.append(f"{ended} of {counted(len(rows), 'training')} had ended before: the last measurement counts.")
    lost = [row.name for row in rows if row.measured.lost(epoch)]
    if lost:
        words.append(f"{len(lost)} of {counted(len(rows), 'training')} diverged ({LOST}): {named(lost, most=NAMED)}.")
    return words


def _thinned(epochs: Sequence[int], most: int) -> list[int]:
    """At most so many of the epochs, evenly chosen, with the first and the last."""
    if len(epochs) <= most:
        return list(epochs)
    return [epochs[round(k * (len(epochs) - 1) / (most - 1))] for k in range(most)]


def _used(states: Mapping[Choice, State]) -> tuple[dict[Choice, State], list[str]]:
    """The states without the controls that have one value only, and the names of the others."""
    kept = [k for k in range(len(CONTROLS)) if len({choice[k] for choice in states}) > 1]
    return {tuple(choice[k] for k in kept): state for choice, state in states.items()}, [CONTROLS[k] for k in kept]
