"""A sweep: a notebook run at each point of a grid, in one folder, which another call of the same sweep goes on with."""

import errno
import json
import os
import signal
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from labkit.atomic import write_atomically
from labkit.locks import alone
from labkit.records import read_mapping
from labkit.runs import provenance
from labkit.runs.grid import Grid
from labkit.runs.key import Keys, code_version
from labkit.runs.many import ManyRuns
from labkit.runs.notebook import read_parameters
from labkit.runs.point import Job, Outcome, execute
from labkit.runs.project import project_folder
from labkit.runs.workers import Workers

FILE = "sweep.json"
LOCK = ".lock"
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # a full disk, a used-up quota, a limit on the size of files


class SweepError(ValueError):
    """A sweep cannot start. The message says why, and what to do."""


@dataclass
class Tally:
    """What became of the points of a sweep. `asked` says whether Ctrl-C ended it early."""

    points: int
    done: int = 0
    there: int = 0  # done before this call; counted in `done` too
    failed: list[tuple[Job, Outcome]] = field(default_factory=list)
    stopped: bool = False

    @property
    def ended(self) -> int:
        """The number of points with an outcome."""
        return self.done + len(self.failed)

    def count(self, job: Job, outcome: Outcome) -> None:
        """Count one outcome."""
        if outcome.status == "done":
            self.done += 1
            self.there += not outcome.new
        else:
            self.failed.append((job, outcome))


class Tell:
    """What a sweep tells while it runs. A subclass shows it; this class says nothing."""

    def started(self, job: Job) -> None:
        """A run begins."""

    def ended(self, tally: Tally, job: Job, outcome: Outcome) -> None:
        """A point has its outcome, which `tally` has counted."""

    def stopping(self) -> None:
        """No more runs start."""


def sweep_folder(grid: Grid, folder: str | Path | None = None) -> Path:
    """The folder of a sweep. Without `folder`: that of the same sweep if it was begun before, else a new one.

    A new one is `runs/sweeps/<notebook>-<n>` in the project. Raises `SweepError` for a folder of another sweep.
    """
    about = _about(grid)
    if folder is not None:
        place = Path(folder).resolve()
        if place.exists() and not place.is_dir():
            raise SweepError(f"{place} is a file: give a folder")
        if (place / FILE).is_file() and not _is_same(place, about):
            raise SweepError(f"{place} holds another sweep, or one of other code: give another --folder")
        return place
    sweeps, number = project_folder() / "runs" / "sweeps", 1
    while (place := sweeps / f"{grid.notebook.stem}-{number}").exists():
        if _is_same(place, about):
            return place
        number += 1
    return place


def kept_threads(folder: Path) -> int | None:
    """The threads of the sweep that was begun in `folder`, which goes on with them; None for a new sweep."""
    threads = _read(folder).get("threads")
    return threads if isinstance(threads, int) else None


@contextmanager
def sweep_in(folder: Path, grid: Grid, threads: int) -> Iterator[None]:
    """Hold the folder for a sweep while the block runs, and write `sweep.json`.

    Raises `SweepError` if another process sweeps into the folder.
    """
    in_use = f"another sweep runs in {folder}: wait for it, or give another --folder"
    with alone(folder / LOCK, refuse=lambda: SweepError(in_use)):
        text = json.dumps({**_about(grid), "threads": threads}, indent=1, ensure_ascii=False) + "\n"
        write_atomically(folder / FILE, lambda temporary: temporary.write_text(text, encoding="utf-8"))
        yield


def jobs_of(grid: Grid, folder: Path, workers: Workers, *, minutes: float = 60.0) -> Iterator[Job]:
    """The jobs of a grid's points. A run's folder is named by the key of its numbers, its threads and its device."""
    keys, version, code = Keys(grid.notebook), code_version(), provenance.code(grid.notebook.parent)
    home, sweep, usual = Path.cwd(), uuid.uuid4().hex[:8], usual_device(grid.notebook)
    for point in grid.points():
        wanted = str(point.get("device", usual))
        gpu = wanted.startswith("cuda") or (wanted == "auto" and bool(workers.gpus))
        device = "cuda" if gpu else wanted
        name = f"{grid.notebook.stem}-{keys.of(point)}-{workers.threads}-{device}"
        yield Job(grid.notebook, point, folder / name, workers.threads, home, gpu, minutes, code, version, sweep)


def usual_device(notebook: Path) -> str:
    """The device that a notebook computes on if none is given: `cpu`, if it has no such parameter."""
    declared = read_parameters(notebook).get("device")
    return str(declared.default) if declared else "cpu"


def devices(grid: Grid) -> set[str]:
    """The devices that the points of a grid ask for."""
    asked = grid.axes.get("device") or [grid.parameters.get("device", usual_device(grid.notebook))]
    return {*map(str, asked)}


def sweep(
    grid: Grid,
    folder: Path,
    workers: Workers,
    *,
    minutes: float = 60.0,
    retry_failed: bool = False,
    tell: Tell | None = None,
    work: Callable[[Job], Outcome] = execute,
) -> Tally:
    """Run the notebook at each point of the grid, and return how the points ended. Done points are not run again.

    Ctrl-C once: no more runs start, and those under way go on to their end. Twice: all runs stop at once, and
    `KeyboardInterrupt` is raised. `minutes` is the time limit of each run. `work` is what a worker does for a job.

    Raises `SweepError` before anything starts, `ConnectionError` if the scheduler is lost, and `OSError` for a full disk.
    The same call goes on where it stopped.
    """
    if not workers.gpus and any(one.startswith("cuda") for one in devices(grid)):
        raise SweepError(
            "the grid asks for CUDA, and no worker has a GPU: on a cluster, `dask worker --resources GPU=1`"
        )
    tally, tell = Tally(len(grid)), tell or Tell()
    many = ManyRuns(workers, tell.started, tell.stopping, retry_failed, work)
    with sweep_in(folder, grid, workers.threads), first_ctrl_c(many.stop):
        for job, outcome in many.outcomes(jobs_of(grid, folder, workers, minutes=minutes)):
            tally.count(job, outcome)
            tell.ended(tally, job, outcome)
            if outcome.new and outcome.status != "done" and any(os.strerror(one) in outcome.why for one in NO_ROOM):
                raise OSError(
                    f"{folder}: no room on the disk; make some, then the same command goes on ({outcome.why})"
                )
    tally.stopped = many.stopped
    return tally


@contextmanager
def first_ctrl_c(call: Callable[[], object]) -> Iterator[None]:
    """Within the block, the first Ctrl-C only calls `call`; the second raises `KeyboardInterrupt`, as usual."""
    if threading.current_thread() is not threading.main_thread():  # which alone hears Ctrl-C
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def heard(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        call()

    signal.signal(signal.SIGINT, heard)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _about(grid: Grid) -> dict[str, Any]:
    """The contents of `sweep.json`: what makes two sweeps the same."""
    key = Keys(grid.notebook).of({})
    about = {"notebook": grid.notebook.name, "axes": grid.axes, "parameters": grid.parameters, "key": key}
    return dict(json.loads(json.dumps(about)))  # tuples become lists, as in the file


def _is_same(folder: Path, about: Mapping[str, Any]) -> bool:
    there = _read(folder)
    return all(there.get(name) == value for name, value in about.items())


def _read(folder: Path) -> Mapping[str, Any]:
    """The contents of a folder's `sweep.json`; empty without a readable one."""
    try:
        return read_mapping(folder / FILE)
    except (OSError, ValueError):
        return {}
