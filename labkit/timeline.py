"""Timeline: the scores of one video over time, window after window. Prediction makes it, tables, pages and figures read it."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from labkit.atomic import write_atomically


class Top(NamedTuple):
    """One class of a video: its mean score, and its best window."""

    name: str
    mean: float  # over all windows, 0 to 1
    best: float  # the highest score of a window
    start: float  # seconds at which that window begins


class Stretch(NamedTuple):
    """A part of a video in which one class has the highest score."""

    start: float  # seconds
    end: float
    name: str
    mean: float  # the class's mean score in this part


@dataclass(frozen=True)
class Timeline:
    """The class scores of each window of one video. `scores` is float32 `(N, K)`, each row a probability per class."""

    video: str  # a name for people
    starts: np.ndarray  # float64 (N,), seconds from the first frame to each window's first frame
    window: float  # seconds that a window spans
    seconds: float  # length of the video, as far as it could be read
    scores: np.ndarray
    classes: tuple[str, ...]
    damage: str = ""  # why the video could not be read to its end; empty if it could

    def __post_init__(self) -> None:
        if self.scores.shape != (len(self.starts), len(self.classes)) or not len(self.starts):
            raise ValueError(
                f"scores are {self.scores.shape}, for {len(self.starts)} windows and {len(self.classes)} classes"
            )

    @property
    def mean(self) -> np.ndarray:
        """The mean score of each class over all windows, float64 `(K,)`."""
        mean: np.ndarray = self.scores.mean(axis=0, dtype=np.float64)
        return mean

    def order(self, k: int) -> list[int]:
        """The numbers of the `k` classes with the highest mean score, the highest first."""
        return [int(one) for one in np.argsort(-self.mean, kind="stable")[:k]]

    def top(self, k: int = 5) -> list[Top]:
        """The `k` classes with the highest mean score, each with its best window."""
        at = self.scores.argmax(axis=0)
        return [
            Top(self.classes[one], float(self.mean[one]), float(self.scores[at[one], one]), float(self.starts[at[one]]))
            for one in self.order(k)
        ]

    def stretches(self) -> list[Stretch]:
        """The video cut where the class with the highest score changes. A part ends where the next begins."""
        best = self.scores.argmax(axis=1)
        cuts = [0, *(np.flatnonzero(np.diff(best)) + 1).tolist(), len(best)]
        ends = [*self.starts[cuts[1:-1]].tolist(), max(self.seconds, float(self.starts[-1]))]
        return [
            Stretch(float(self.starts[a]), end, self.classes[best[a]], float(self.scores[a:b, best[a]].mean()))
            for a, b, end in zip(cuts, cuts[1:], ends, strict=False)
        ]

    def write_csv(self, path: str | Path) -> Path:
        """Write a row per window: its start and end in seconds, and the score of each class. The text is UTF-8."""

        def rows() -> Iterator[list[str]]:
            yield ["start (s)", "end (s)", *map(_cell, self.classes)]
            for start, scores in zip(self.starts.tolist(), self.scores.tolist(), strict=True):
                yield [f"{start:.3f}", f"{start + self.window:.3f}", *(f"{score:.6f}" for score in scores)]

        def write(temporary: Path) -> None:
            with temporary.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows(rows())

        return write_atomically(path, write)


def _cell(text: str) -> str:
    """A name that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in "=+-@\t\r" and text else text


def clock(seconds: float) -> str:
    """A time in a video: `0:07.5`, `12:03.0`, `1:02:03.0`."""
    tenths = round(10 * seconds)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{head}:{rest // 10:02d}.{rest % 10}"
