"""Output of the command line: progress of notebooks, and tables. On a terminal it moves; in a log it is lines."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from labkit.counting import counted
from labkit.runs.execute import Step
from labkit.runs.point import Job, Outcome
from labkit.runs.sweep import Tally, Tell
from labkit.survey.publication.problems import plain, plain_lines

COLOURS = {
    "ok": "green",
    "done": "green",
    "holds": "green",
    "warning": "yellow",
    "error": "red",
    "failed": "red",
    "died": "red",
    "not shown": "yellow",
    "does not hold": "red",
    "running": "cyan",
}


class RunProgress:
    """The progress of notebooks, a line each: number of the cell and of all cells, heading, seconds."""

    def __init__(self, progress: Progress, console: Console):
        self._progress, self._console = progress, console
        self._task: Any = None
        self._name, self._started = "", 0.0

    def start(self, name: str, heading: str = "starting the kernel") -> None:
        """A notebook, or the site, starts; the one before it, if any, is over."""
        self.finish()
        self._name, self._started = name, time.monotonic()
        self._task = self._progress.add_task(plain(name), total=None, heading=heading)
        if not self._console.is_terminal:
            self._console.print(Text(f"{plain(name)} ..."))

    def step(self, step: Step) -> None:
        """A cell starts."""
        self._progress.update(self._task, total=step.cells, completed=step.cell - 1, heading=plain(step.heading))

    def finish(self) -> None:
        """The notebook is over: its line stays, with its time."""
        if self._task is None:
            return
        self._progress.remove_task(self._task)
        self._console.print(Text(f"{plain(self._name)}: {time.monotonic() - self._started:.0f} s"))
        self._task = None


@contextmanager
def run_progress(console: Console) -> Iterator[RunProgress]:
    """Show the progress of notebooks while the block runs."""
    columns = (
        TextColumn("{task.description}", markup=False),  # names and headings are somebody's own words
        BarColumn(bar_width=24),
        TextColumn("{task.completed}/{task.total} cells"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[heading]}", style="dim", markup=False),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        shown = RunProgress(progress, console)
        try:
            yield shown
        finally:
            shown.finish()


class SweepProgress(Tell):
    """The progress of a sweep: points with an outcome, the failed ones, the time left. In a log it is a line now and then."""

    def __init__(self, console: Console, points: int):
        self._console, self._points = console, points
        self._started, self._said, self._ran = time.monotonic(), 0.0, 0
        columns = (
            TextColumn("{task.fields[state]}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed}/{task.total} runs"),
            TimeElapsedColumn(),
        )
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task("", total=points, state="starting")

    def __enter__(self) -> "SweepProgress":
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def ended(self, tally: Tally, job: Job, outcome: Outcome) -> None:
        """Show a failure at once, and how far the sweep is."""
        self._ran += outcome.new
        if outcome.status != "done":
            self._console.print(
                Text(f"{plain(assignments(job.parameters))}: {plain(outcome.status)}: {plain(outcome.why)}")
            )
        state = self._state(tally)
        self._bar.update(self._task, completed=tally.ended, state=state)
        last = tally.ended == self._points
        if not self._console.is_terminal and (last or time.monotonic() - self._said > 10):
            self._said = time.monotonic()
            self._console.print(Text(f"{tally.ended:,} of {counted(self._points, 'run')}{state and ', '}{state}"))

    def stopping(self) -> None:
        """Ctrl-C was pressed once."""
        self._console.print(Text("stopping: the runs under way go on to their end; Ctrl-C again stops them at once"))

    def _state(self, tally: Tally) -> str:
        parts = [f"{len(tally.failed)} failed"] if tally.failed else []
        parts += [f"{tally.there} done before"] if tally.there else []
        if self._ran and tally.ended < self._points:
            seconds = (time.monotonic() - self._started) / self._ran * (self._points - tally.ended)
            parts.append(f"about {_duration(seconds)} left")
        return ", ".join(parts)


def _duration(seconds: float) -> str:
    """`40 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[str] = ()) -> Table:
    """A table of plain text: no cell is read as markup. States have their colours. `right` aligns numbers."""
    made = Table(box=None, header_style="bold", pad_edge=False)
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text(plain_lines(str(cell)), style=COLOURS.get(str(cell), "")) for cell in row))
    return made


def assignments(values: Mapping[str, Any], *, most: int = 6) -> str:
    """`seed=3 device=cpu`, numbers to three digits; the first `most` of them."""
    shown = [f"{name}={value:.3g}" if isinstance(value, float) else f"{name}={value}" for name, value in values.items()]
    return " ".join(shown[:most]) + (f" … ({len(shown)})" if len(shown) > most else "")
