"""A network's answers to look at: from a cell of the confusion matrix to its videos, the worst first, and how each was scored.

    PredictionBrowser(by_video, by_clip, play=lambda video: ..., frames=lambda video: [...])

The live version reaches every video; the one that a notebook stores holds the first of each order.
"""

import html
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np

from labkit.counting import counted
from labkit.records import Predictions
from labkit.viz.chooser import Choice, Chooser, Lazy, Record
from labkit.viz.player import data_uri

CONTROLS = ("order", "true class", "answer", "video")
ANY = "any"
TOP = 5  # best scores shown
LISTED = 200  # videos that a menu lists for one cell: the worst; more would only be scrolled past
STORED = 6  # videos of each order in a saved notebook: all are read when the browser opens, a tenth of a second each
KEPT = 32  # pictures kept while it is live
Play = Callable[[str], bytes | None]  # a video's name -> an MP4 file, None where it cannot be read
Frames = Callable[[str], Sequence[np.ndarray]]  # a video's name -> one frame for each window, uint8 (H, W, 3)

TEMPLATE = """<h4>{title}</h4>
<div style="display:flex;flex-wrap:wrap;gap:1.4em;align-items:flex-start">{player}
<table><tr><th>answer</th><th class="n">score</th><th></th></tr>{#answers}<tr><td>{name}</td><td class="n">{score}</td>
<td><span class="{kind}" style="width:{width}em"></span></td></tr>{/answers}</table></div>
<div class="wide"><table><tr>{#windows}<td>{picture}<br>{said}</td>{/windows}</tr></table></div><p aria-live="polite">{words}</p>"""


def most_wrong(predictions: Predictions) -> np.ndarray:
    """Rows with a known label, the most wrong first: by the highest score minus the true class's, int64 `(n,)`."""
    known = np.flatnonzero(predictions.labels >= 0)
    scores = predictions.scores[known]
    lead = scores.max(axis=1) - scores[np.arange(len(known)), predictions.labels[known]]
    return known[np.argsort(-lead, kind="stable")]


def least_sure(predictions: Predictions) -> np.ndarray:
    """All rows, the least sure first: by the distance between the two highest scores, int64 `(N,)`."""
    if predictions.scores.shape[1] < 2:
        return np.arange(len(predictions.videos))
    best = np.partition(predictions.scores, -2, axis=1)[:, -2:]
    return np.argsort(best[:, 1] - best[:, 0], kind="stable")


ORDERS: Mapping[str, Callable[[Predictions], np.ndarray]] = {
    "most wrong first": most_wrong,
    "least sure first": least_sure,
}


class PredictionBrowser(Chooser):
    """Menus for the order, the true class, the answer and the video; below, the video and its scores.

    `by_video` are predictions with a row a video, `by_clip` those of its windows, if there are any. `play` and `frames` give
    what is shown of a video, when it is shown; without them there are only scores. A video without a known label has the
    true class "not known".

    Raises `ValueError` if there is no prediction.
    """

    def __init__(
        self,
        by_video: Predictions,
        by_clip: Predictions | None = None,
        *,
        play: Play | None = None,
        frames: Frames | None = None,
        live: bool | None = None,
    ) -> None:
        if not len(by_video.videos):
            raise ValueError("there is no prediction to look at")
        self.by_video, self.by_clip = by_video, by_clip
        self._play, self._frames = play, frames
        self._record = lru_cache(maxsize=KEPT)(self._made)
        orders = {name: order(by_video) for name, order in ORDERS.items()}
        self._orders = {name: rows for name, rows in orders.items() if len(rows)}
        super().__init__(
            Lazy(self._choices(LISTED), self._record), CONTROLS, TEMPLATE, name="predictions of a network", live=live
        )

    def cell(self, true: str, answer: str) -> Record:
        """Go to a cell of the confusion matrix. Raises `ValueError` for an unknown class, or a cell without a video."""
        record = self.set(**{CONTROLS[1]: true, CONTROLS[2]: answer})
        if self.choice[1:3] != (true, answer):
            raise ValueError(f"no video of {true} was answered {answer}")
        return record

    def _choices(self, most: int) -> dict[Choice, int]:
        """Every choice with the row that it shows; of each cell, so many videos at most."""
        found: dict[Choice, int] = {}
        answers = [self._name(label) for label in self.by_video.predicted.tolist()]
        for order, rows in self._orders.items():
            for true in (ANY, None):
                for answer in (ANY, None):
                    taken: dict[tuple[str, str], int] = {}
                    for row in rows.tolist():
                        cell = (true or self._true(row), answer or answers[row])
                        taken[cell] = taken.get(cell, 0) + 1
                        if taken[cell] <= most:
                            found[order, *cell, f"{taken[cell]}. {self.by_video.videos[row]}"] = row
        return found

    def static(self) -> str:
        """A chooser of the first videos of each order, whose pictures are made now."""
        first = {int(row) for rows in self._orders.values() for row in rows[:STORED]}
        choices = {choice: row for choice, row in self._choices(LISTED).items() if row in first}
        kept = Chooser(
            {choice: self._record(row) for choice, row in choices.items()},
            CONTROLS,
            TEMPLATE,
            name=self.name,
            live=False,
        )
        if len(first) < len(self.by_video.videos):
            kept.note = f'<p style="flex-basis:100%"><small>{self._note(len(first))}</small></p>'
        return kept.static()

    def _note(self, kept: int) -> str:
        every = counted(len(self.by_video.videos), "video")
        return f"This page has {kept} of {every}: the first of each order. In JupyterLab the menus lead to all."

    def _true(self, row: int) -> str:
        label = int(self.by_video.labels[row])
        return self._name(label) if label >= 0 else "not known"

    def _name(self, label: int) -> str:
        return self.by_video.classes[label]

    def _made(self, row: int) -> Record:
        """The places of the template for one video; all texts are HTML."""
        video, scores = self.by_video.videos[row], self.by_video.scores[row]
        label, answer = int(self.by_video.labels[row]), int(scores.argmax())
        verdict = (
            "its true class is not known"
            if label < 0
            else "right"
            if label == answer
            else f"wrong: it is {self._true(row)}"
        )
        windows = list(self._windows(video, label))
        answers = ", ".join(f"{self._name(k)} {scores[k]:.0%}" for k in np.argsort(-scores, kind="stable")[:TOP])
        words = f"{video}: answered {self._name(answer)}, {verdict}. Best scores: {answers}."
        if windows:
            words += f" It was scored in {counted(len(windows), 'window')}."
        return {
            "title": html.escape(f"{video}: {self._name(answer)} ({verdict})"),
            "player": self._player(video),
            "answers": [self._bar(k, float(scores[k]), label) for k in np.argsort(-scores, kind="stable")[:TOP]],
            "windows": windows or [{"picture": "", "said": ""}],
            "words": html.escape(words),
        }

    def _player(self, video: str) -> str:
        file = self._play(video) if self._play else None
        if file is None:
            return "<p>This video cannot be shown.</p>" if self._play else ""
        address = "data:video/mp4;base64," + b64encode(file).decode("ascii")
        said = html.escape(video)
        return f'<video src="{address}" width="220" loop muted playsinline controls aria-label="{said}"></video>'

    def _bar(self, number: int, score: float, label: int) -> dict[str, str]:
        tick = " ✓" if number == label else ""
        return {
            "name": html.escape(self._name(number)) + tick,
            "score": f"{score:.1%}",
            "kind": "bar" if number == label else "bar other",
            "width": f"{12 * score:.2f}",
        }

    def _windows(self, video: str, label: int) -> Iterator[dict[str, str]]:
        """One part a window: a frame of it, its answer, and the true class's score."""
        if self.by_clip is None:
            return
        rows = [row for row, name in enumerate(self.by_clip.videos) if name == video]
        pictures = list(self._frames(video)) if self._frames else []
        for number, row in enumerate(rows):
            scores = self.by_clip.scores[row]
            best = int(scores.argmax())
            told = [best] if label in (best, -1) else [best, label]
            said = "<br>".join(html.escape(f"{self._name(each)} {scores[each]:.0%}") for each in told)
            shown = pictures[number] if number < len(pictures) else None
            picture = (
                ""
                if shown is None
                else f'<img src="{data_uri(shown, exact=False)}" width="96" alt="window {number + 1}">'
            )
            yield {"picture": picture, "said": said}
