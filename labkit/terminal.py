"""Output of the command line: progress of notebooks, and tables. On a terminal it moves; in a log it is lines."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from labkit.runs.execute import Step
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

    def start(self, name: str) -> None:
        """A notebook starts; the one before it, if any, is over."""
        self.finish()
        self._name, self._started = name, time.monotonic()
        self._task = self._progress.add_task(plain(name), total=None, heading="starting the kernel")
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
