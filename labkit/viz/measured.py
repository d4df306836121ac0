"""What a training measured, epoch by epoch: training and validation clips alike, the gap between them, and where it diverged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

import numpy as np

from labkit.counting import counted
from labkit.records import History
from labkit.viz import line_chart
from labkit.viz.line_chart import Point, Scale
from labkit.viz.theme import GREY, look_of

TRAIN, VAL, WHILE = look_of(0), look_of(1), look_of(2)
NAMES = {"train": "training clips", "val": "validation clips"}
COLUMNS = ("split", "epoch", "loss", "top1", "live_loss", "clips")
Columns = Mapping[str, np.ndarray]
MOST_MARKED = 12  # epochs; more have a line alone
LOST = "loss or weights are not numbers"


@dataclass(frozen=True)
class Measured:
    """The epochs that measured training and validation clips alike, in evaluation mode. Accuracies are top-1 in percent."""

    epochs: np.ndarray  # int64 (N,), rising
    train: np.ndarray  # float64 (N,)
    val: np.ndarray
    last: int  # the last epoch of the history
    clips: int  # of the training set; 0 if the history does not say
    diverged: int | None  # the first epoch whose loss is NaN or infinite

    @classmethod
    def of(cls, history: History, *, diverged: bool = False) -> "Measured":
        """From the columns `top1` of the splits train and val. `diverged` says that the training ended so, after its last row."""
        columns = {name: history.table[name].to_numpy() for name in COLUMNS}
        rows = {split: {name: each[columns["split"] == split] for name, each in columns.items()} for split in NAMES}
        last = int(columns["epoch"].max(initial=0))
        first = _diverged_at(**rows)
        first = last + 1 if first is None and diverged else first
        top1 = {split: _by_epoch(part) for split, part in rows.items()}
        both = sorted(top1["train"].keys() & top1["val"].keys())
        epochs = [epoch for epoch in both if first is None or epoch < first]
        train, val = (np.array([100 * top1[split][epoch] for epoch in epochs]) for split in NAMES)
        clips = int(rows["train"]["clips"].max(initial=0))
        return cls(np.array(epochs, dtype=np.int64), train, val, last, clips, first)

    @property
    def gaps(self) -> np.ndarray:
        """Training minus validation, in points."""
        return self.train - self.val

    @property
    def seen(self) -> list[int]:
        """The epochs at which it changes: those that measured, and the one that diverged."""
        return [*self.epochs.tolist(), *([] if self.diverged is None else [self.diverged])]

    def lost(self, epoch: int) -> bool:
        """Whether it has diverged by then."""
        return self.diverged is not None and epoch >= self.diverged

    def row(self, epoch: int) -> int | None:
        """The number of the last measurement up to an epoch. None: there is none, or it has diverged."""
        number = int(np.searchsorted(self.epochs, epoch, side="right")) - 1
        return None if number < 0 or self.lost(epoch) else number


def _by_epoch(rows: Columns) -> dict[int, float]:
    """The measured top-1 accuracy of each epoch; the last row counts."""
    measured = ~np.isnan(rows["top1"])
    return dict(zip(rows["epoch"][measured].tolist(), rows["top1"][measured].tolist(), strict=True))


def _diverged_at(train: Columns, val: Columns) -> int | None:
    """A row of NaN alone says nothing: an epoch without a validation has no loss, and an old history no `live_loss`."""
    counted_while = np.isfinite(train["live_loss"]).any()
    lost = [
        val["epoch"][~np.isfinite(val["loss"])],
        train["epoch"][~np.isfinite(train["loss"]) & ~np.isnan(train["top1"])],
        train["epoch"][~np.isfinite(train["live_loss"]) & counted_while],
    ]
    return min((int(epoch) for each in lost for epoch in each), default=None)


def curves(trainings: Sequence[Measured], across: Scale) -> str:
    """Training and validation accuracy over the epochs, as means with a band from the lowest to the highest training.

    A training that has ended goes on with its last measurement; one that diverged is left out from there on.
    """
    upwards = line_chart.up(0, 100)
    epochs = sorted({epoch for each in trainings for epoch in each.seen})
    means: list[list[Point]] = []
    bands, lines = "", ""
    for split, look in zip(NAMES, (TRAIN, VAL), strict=True):
        values = {epoch: _values_at(trainings, split, epoch) for epoch in epochs}
        known = {across.at(epoch): each for epoch, each in values.items() if each}
        middle, low, high = ([(x, upwards.at(of(each))) for x, each in known.items()] for of in (mean, min, max))
        means.append(middle)
        bands += line_chart.area(low, high, look.colour, 0.2)
        lines += line_chart.line(middle, look)
        if len(epochs) <= MOST_MARKED:
            lines += "".join(line_chart.marker(x, y, look) for x, y in middle)
    lost = [each.diverged for each in trainings if each.diverged is not None]
    for epoch in sorted(set(lost)):
        said = f"{counted(lost.count(epoch), 'training')} diverged in epoch {epoch}"
        lines += line_chart.diverged(across.at(epoch), TRAIN, said)
    frame = line_chart.axes(across, _marks(across), "epoch", upwards, "top-1 accuracy (%)")
    return frame + line_chart.area(means[0], means[1], GREY, 0.18) + bands + lines


def _values_at(trainings: Sequence[Measured], split: str, epoch: int) -> list[float]:
    rows = [(each, row) for each in trainings if (row := each.row(epoch)) is not None]
    return [float(getattr(each, split)[row]) for each, row in rows]


def epochs_axis(last: int) -> Scale:
    """A horizontal axis for so many epochs."""
    return Scale(line_chart.LEFT, line_chart.RIGHT, 0, max(last, 1))


def _marks(across: Scale) -> list[int]:
    return [int(step) for step in line_chart.steps(across.low, across.high) if step == int(step)]


LEGEND = line_chart.legend(zip(NAMES.values(), (TRAIN, VAL), strict=True))
