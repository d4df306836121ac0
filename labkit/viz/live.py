"""Curves that grow while a training runs: in another cell of the same notebook, in another notebook, or on its own.

    LiveCurves("runs/my-network")
    fit(model, train, val, epochs=20, folder="runs/my-network")

A thread reads the `history.jsonl` that `fit` leaves in its folder, and sends the picture to the front end. So it goes on
while the kernel is busy. The thread ends with the training, with the widget, and with the kernel.
"""

import html
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from labkit.counting import counted
from labkit.locks import is_training
from labkit.records import History
from labkit.viz import line_chart
from labkit.viz.chooser import CLASS
from labkit.viz.chooser import STYLE as PAGE
from labkit.viz.measured import LEGEND, LOST, WHILE, Measured, curves, epochs_axis
from labkit.viz.twin import Twin

FILE = "history.jsonl"
EVERY = 1.0  # seconds between two looks at the file
PATIENCE = 600.0  # seconds without a change after which it stops to look, if no training is at work
ROOM = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)  # epochs that the axis has room for


class LiveCurves(Twin):
    """Training and validation accuracy of the training in `folder`, drawn anew after each epoch.

    Show it before `fit(..., folder=folder)` starts, or while it runs; the folder need not be there yet. `every` is the time
    in seconds between two looks. `live` shows the ipywidgets. None: only if Jupyter Server, VS Code or Colab started the
    kernel. Without them it is the picture of what is there now. A saved notebook keeps the picture of the moment in which the
    cell ran: show it again when the training has ended.

    `words` is the picture in words, `following` says whether the thread still looks, and `stop()` ends it.
    """

    def __init__(self, folder: str | Path, *, every: float = EVERY, live: bool | None = None) -> None:
        super().__init__(live)
        if every <= 0:
            raise ValueError(f"every must be above 0 seconds, not {every}")
        self.folder, self._every = Path(folder), every
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._seen: Any = None
        self._picture, self.words = "", ""
        self._look(is_training(self.folder))

    @property
    def following(self) -> bool:
        """Whether it still looks at the file."""
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        """Look no more. The last picture stays."""
        self._stopped.set()

    def _build_widget(self) -> Any:
        import ipywidgets

        self._widget = ipywidgets.HTML(self._page())
        self._widget.add_class(CLASS)
        self._thread = threading.Thread(target=self._follow, name="live-curves", daemon=True)
        self._thread.start()
        return self._widget

    def _follow(self) -> None:
        """Look at the file again and again, until its training has ended or the widget is closed."""
        was_training, since = False, time.monotonic()
        while not self._stopped.wait(self._every) and self._widget.comm is not None:
            training = is_training(self.folder)
            if self._look(training):
                since = time.monotonic()
                self._widget.value = self._page()
            if not training and (was_training or time.monotonic() - since > PATIENCE):
                return
            was_training = training

    def _look(self, training: bool) -> bool:
        """Draw what the file holds now. Returns whether anything has changed."""
        file = self.folder / FILE
        try:
            found = file.stat()
            seen: Any = (found.st_mtime_ns, found.st_size, training)
        except OSError:
            seen = training
        if seen == self._seen:
            return False
        self._seen = seen
        try:
            history = History.read(file)
            self._picture, self.words = _drawn(history) if len(history.table) else ("", "No epoch has ended yet.")
        except FileNotFoundError:
            self._picture, self.words = "", "No epoch has ended yet."
        except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
            self.words = f"The history cannot be read now: {error}"[:200]
        self.words += " The training goes on." if training else " No training is at work in this folder now."
        return True

    def static(self) -> str:
        """The picture of now as HTML."""
        return f'<div class="{CLASS}">{self._page()}</div>'

    def _page(self) -> str:
        name = html.escape(self.folder.resolve().name)
        return f"<style>{PAGE} {line_chart.STYLE}</style><h4>{name}</h4>{self._picture}<p>{html.escape(self.words)}</p>"

    def _stored(self) -> dict[str, Any]:
        return {"text/html": self.static(), "text/plain": self.words}


def _drawn(history: History) -> tuple[str, str]:
    """The picture of a history with at least one row, and its words."""
    measured = Measured.of(history)
    across = epochs_axis(next((room for room in ROOM if room >= measured.last), measured.last))
    legend, drawn = LEGEND, curves([measured], across)
    words = f"After {counted(measured.last, 'epoch')}"
    if measured.diverged is not None:
        words = f"{words}: it diverged in epoch {measured.diverged} ({LOST})."
    elif len(measured.epochs):
        train, val, gap = (float(each[-1]) for each in (measured.train, measured.val, measured.gaps))
        at = "" if measured.epochs[-1] == measured.last else f", measured after epoch {measured.epochs[-1]}"
        level = history.table["level"].iloc[-1]
        words = f"{words}, at {level} level: {train:.0f} % of training clips and {val:.0f} % of validation clips are right, a gap of {gap:.0f} points{at}."
    else:
        table = history.table[history.table["split"] == "train"]
        up, known = line_chart.up(0, 100), table[np.isfinite(table["live_top1"])]
        points = [(across.at(e), up.at(100 * v)) for e, v in zip(known["epoch"], known["live_top1"], strict=True)]
        drawn += line_chart.line(points, WHILE) + "".join(line_chart.marker(x, y, WHILE) for x, y in points)
        legend = line_chart.legend([("training clips, counted while training", WHILE)])
        words = f"{words}: nothing was measured in evaluation mode yet."
    picture = line_chart.svg(drawn, "Training and validation accuracy over the epochs, in words below")
    return f'<div class="labkit-pair"><div>{picture}{legend}</div></div>', words
