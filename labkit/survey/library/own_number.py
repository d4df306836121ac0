"""A measured accuracy beside a published one, with their confidence intervals, or the reason why they cannot be compared.

```
ours = record_accuracy(out, "top1", predictions.accuracy(), test, level="video")
compare(ours, cite("hara-2018-retrace", model="ResNet-18", dataset="UCF-101", source="Table 4", pretraining="scratch"))
compare("runs/2026-11-26-04-1", ...)        # the accuracy that a run recorded
compare([first, second, third], ...)        # runs that differ in their seed: with the interval over the seeds
```
"""

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean

import numpy as np

from labkit.counting import counted
from labkit.intervals import mean_interval, wilson
from labkit.names import meant_or_all
from labkit.records import Run
from labkit.runs.accuracy import FILE, GENERATED, PUBLISHED, Accuracy, read_accuracies
from labkit.survey.library.compare import Mixed, check_comparable
from labkit.survey.publication.cite import folded
from labkit.survey.publication.schema import Result

ALSO = ("frames", "pretraining")  # must agree too, beside what `check_comparable` asks of published numbers
CLASSES = {folded(kind.title): kind.classes for kind in PUBLISHED.values()}  # of the whole dataset, by its folded name
SPLITS, MEAN_OF_SPLITS = ("split 1", "split 2", "split 3"), "mean of 3 splits"
Interval = tuple[float, float]
Measurement = Accuracy | Run | str | Path


@dataclass(frozen=True)
class Comparison:
    """A measured accuracy and a published one. With `reasons` they are not comparable, and no verdict is given.

    `values` are the shares of all runs. The intervals are of 95 %: `by_videos` is Wilson's, `by_seeds` Student's (NaN for one
    run), `theirs` Wilson's for the published number, on as many videos as ours.
    """

    ours: Accuracy
    result: Result
    values: tuple[float, ...]
    reasons: tuple[str, ...]

    @property
    def comparable(self) -> bool:
        """Whether the two numbers may stand side by side."""
        return not self.reasons

    @property
    def by_videos(self) -> Interval:
        """The interval of our accuracy that follows from the number of videos."""
        return _share_interval(mean(self.values), self.ours.videos)

    @property
    def by_seeds(self) -> Interval:
        """The interval of our mean over the seeds."""
        return mean_interval(self.values)

    @property
    def theirs(self) -> Interval:
        """The interval of the published accuracy on as many videos as ours."""
        return _share_interval(self.result.share, self.ours.videos)

    @property
    def verdict(self) -> str:
        """Whether the intervals show a difference. Ours reaches over both the videos' and the seeds' interval."""
        if self.reasons:
            return f"Not compared with {self.result.origin}."
        low, high = (pick(self.by_videos[i], self.by_seeds[i]) for i, pick in ((0, np.fmin), (1, np.fmax)))
        if low > self.theirs[1]:
            return "The intervals lie apart: ours is higher."
        if high < self.theirs[0]:
            return "The intervals lie apart: ours is lower."
        return "The intervals overlap: these numbers show no difference."

    @property
    def rows(self) -> list[tuple[str, str, str, str]]:
        """Both numbers in words: whose, the accuracy, its intervals, what it was measured on."""
        ours = f"{_interval(self.by_videos)} ({counted(self.ours.videos, 'video')})"
        if len(self.values) > 1:
            ours += f", {_interval(self.by_seeds)} ({counted(len(self.values), 'run')})"
        theirs = f"{_interval(self.theirs)} (on as many videos)"
        return [
            ("here", f"{100 * mean(self.values):.1f} %", ours, self.ours.origin),
            (self.result.model or "published", self.result.number, theirs, self.result.origin),
        ]

    def __str__(self) -> str:
        if self.reasons:
            return "\n".join([self.verdict, *(f"- {reason}" for reason in self.reasons)])
        lines = [f"{who}: {number}, {interval}; {origin}" for who, number, interval, origin in self.rows]
        return "\n".join([*lines, self.verdict])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        e = html.escape
        if self.reasons:
            reasons = "".join(f"<li>{e(reason).replace('`', '')}</li>" for reason in self.reasons)
            return f'<div class="finding open"><b>{e(self.verdict)}</b><ul>{reasons}</ul></div>'
        head = "".join(f'<th scope="col">{name}</th>' for name in ("", "top-1", "95 % interval", "measured on"))
        body = "".join(
            f'<tr><th scope="row">{e(who)}</th>{"".join(f"<td>{e(cell)}</td>" for cell in cells)}</tr>'
            for who, *cells in self.rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{e(self.verdict)}</p>"


def compare(run: Measurement | Sequence[Measurement], result: Result, *, number: str = "") -> Comparison:
    """A measured accuracy beside the published `result`.

    `run` is an `Accuracy`, a run or its folder, or several of these that differ in their seed alone. Three of the splits 1, 2
    and 3 become their mean, which papers print. `number` is the name of the accuracy in the runs; it may be left out if they
    recorded only one.

    The two are not comparable, and the reasons say why, if dataset, copy, split, level, metric, frames or pretraining differ
    or the paper does not state them, or if one was measured on generated clips.

    Raises `LookupError` for a run without such an accuracy, `ValueError` for runs that measured different things.
    """
    several: Iterable[Measurement] = [run] if isinstance(run, Accuracy | Run | str | Path) else run
    found = _repeats([_accuracy(one, number) for one in several])
    return Comparison(found[0], result, tuple(one.top1 for one in found), tuple(_reasons(found[0], result)))


def _repeats(found: list[Accuracy]) -> list[Accuracy]:
    """The accuracies, which must be repeats of one measurement. Those of three splits become their mean."""
    if not found:
        raise ValueError("there is no run to compare")
    splits = sorted(one.split for one in found) == list(SPLITS)
    free = {"top1", *(("split", "videos") if splits else ())}
    for one in found[1:]:
        for name in (name for name in vars(one) if name not in free):
            values = [getattr(each, name) for each in (found[0], one)]
            if values[0] != values[1]:
                raise ValueError(f"these runs do not repeat one measurement: {name} is {values[0]} and {values[1]}")
    if splits:
        videos = sum(one.videos for one in found)
        return [replace(found[0], top1=mean(one.top1 for one in found), split=MEAN_OF_SPLITS, videos=videos)]
    return found


def _accuracy(run: Measurement, number: str) -> Accuracy:
    if isinstance(run, Accuracy):
        return run
    opened = run if isinstance(run, Run) else Run.open(run)
    found = read_accuracies(opened.folder)
    if not found:
        raise LookupError(f"{opened.folder} has no {FILE}: its notebook records no accuracy with record_accuracy()")
    if not number and len(found) > 1:
        raise LookupError(f"{opened.folder} has several accuracies; give number=, one of {', '.join(found)}")
    name = number or next(iter(found))
    if name not in found:
        raise LookupError(f"{opened.folder} has no accuracy {name!r}{meant_or_all(name, found)}")
    # What the parameters say goes before a file that somebody may have edited.
    generated = opened.parameters.get("data") == GENERATED
    return replace(found[name], dataset=GENERATED) if generated else found[name]


def _reasons(ours: Accuracy, result: Result) -> Iterable[str]:
    """Why the two are not comparable, a sentence each; nothing if they are."""
    if ours.generated:
        yield _exam(ours, result)
        return
    if folded(ours.dataset) != folded(result.dataset):
        yield f"the dataset is {ours.dataset} here, and {result.dataset or 'not stated'} there"
    whole = CLASSES.get(folded(ours.dataset))
    if whole and ours.classes != whole:
        yield f"it was measured on {ours.classes} of the {whole} classes of {ours.dataset}"
    stated = {"dataset_copy": ours.dataset_copy, "split": ours.split, "level": ours.level, "frames": ours.frames}
    row = {**stated, "pretraining": ours.pretraining, "metric": "top-1", "unit": "%"}
    own = Result(dataset=result.dataset, value=100 * ours.top1, source="this run", **row)  # type: ignore[arg-type]
    names: list[str] = []
    try:
        check_comparable([own, result])
    except Mixed as mixed:
        names = [name for columns in mixed.differs.values() for name in columns]
    names += [name for name in ALSO if folded(getattr(own, name)) != folded(getattr(result, name))]
    for name in names:
        here, there = (getattr(one, name) or "not stated" for one in (own, result))
        yield f"{name.replace('dataset_copy', 'copy of the dataset')}: {here} here, {there} there"


def _exam(ours: Accuracy, result: Result) -> str:
    """Why a number of generated clips says nothing beside one of real videos."""
    return (
        f"the clips here are generated ({GENERATED}): one shape that moves in one of {ours.classes} ways. "
        f"{result.dataset or 'The paper'} shows people in real videos. A share of right answers depends on how hard the questions "
        "are, as a mark depends on the exam, so a higher share here says nothing about the network there. What can carry over "
        "is an order, for example which of two networks is better, and even that must be tried: run the notebook on the real "
        "videos, `-p data=ucf101 -p root=FOLDER`."
    )


def _share_interval(share: float, videos: int) -> Interval:
    low, high = wilson(np.array([share * videos]), np.array([videos]))
    return float(low[0]), float(high[0])


def _interval(interval: Interval) -> str:
    return f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f} %"


__all__ = ["Comparison", "compare"]
