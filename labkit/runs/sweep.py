"""A sweep: a notebook run at each point of a grid, in one folder, which another call of the same sweep goes on with."""

import errno
import os
import signal
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from labkit.locks import alone
from labkit.runs import provenance, sweep_file
from labkit.runs.grid import Grid
from labkit.runs.key import Keys, code_version
from labkit.runs.many import ManyRuns
from labkit.runs.notebook import Parameter, read_parameters
from labkit.runs.point import Job, Outcome, execute, outcome_of
from labkit.runs.project import project_folder
from labkit.runs.sweep_file import SweepError
from labkit.runs.workers import Workers

LOCK = ".lock"
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # a full disk, a used-up quota, a limit on the size of files


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
    """The folder of a sweep. Without `folder`: one that has a sweep of the same code with all values of the grid, else a new one.

    A new one is `runs/sweeps/<notebook>-<n>` in the project. A given `folder` may hold a sweep with other values, which the
    grid extends. Raises `SweepError` for a folder of another notebook or other code.
    """
    new = sweep_file.about(grid)
    if folder is not None:
        place = Path(folder).resolve()
        if place.exists() and not place.is_dir():
            raise SweepError(f"{place} is a file: give a folder")
        if (there := sweep_file.read(place)) and (why := sweep_file.refusal(there, new, place)):
            raise SweepError(why)
        return place
    sweeps, number = project_folder() / "runs" / "sweeps", 1
    while (place := sweeps / f"{grid.notebook.stem}-{number}").exists():
        with suppress(SweepError):  # a damaged one
            if (there := sweep_file.read(place)) and sweep_file.covers(there, new, grid.notebook):
                return place
        number += 1
    return place


def kept_threads(folder: Path) -> int | None:
    """The threads of the sweep that was begun in `folder`, which goes on with them; None for a new sweep."""
    there = sweep_file.read(folder)
    return there.threads if there else None


@contextmanager
def sweep_in(folder: Path, grid: Grid, threads: int) -> Iterator[None]:
    """Hold the folder for a sweep while the block runs. `sweep.json` has the grid, and what was there before.

    Raises `SweepError` if another process sweeps into the folder, and if the folder has runs of other code or threads.
    """
    in_use = f"another sweep runs in {folder}: wait for it, or give another --folder"
    with alone(folder / LOCK, refuse=lambda: SweepError(in_use)):
        there, new = sweep_file.read(folder), sweep_file.about(grid, threads)
        if there and (why := sweep_file.refusal(there, new, folder)):
            raise SweepError(why)
        sweep_file.write(folder, sweep_file.joined(there, new, grid.notebook) if there else new)
        yield


def jobs_of(grid: Grid, folder: Path, workers: Workers, *, minutes: float = 60.0) -> Iterator[Job]:
    """The jobs of a grid's points, each with the folder of its run."""
    version, code = code_version(), provenance.code(grid.notebook.parent)
    home, sweep = Path.cwd(), uuid.uuid4().hex[:8]
    for point, gpu, place in _places(grid, folder, workers.threads, bool(workers.gpus)):
        yield Job(grid.notebook, point, place, workers.threads, home, gpu, minutes, code, version, sweep)


def before(grid: Grid, folder: Path) -> tuple[int, int]:
    """How many points of the grid are done in the folder, with or without a GPU, and how many have failed."""
    threads = kept_threads(folder)
    if threads is None:
        return 0, 0
    done = failed = 0
    both = (_places(grid, folder, threads, gpus) for gpus in (False, True))
    for places in zip(*both, strict=True):
        states = {outcome.status for *_, place in places if (outcome := outcome_of(place))}
        done += "done" in states
        failed += "failed" in states and "done" not in states
    return done, failed


def _places(grid: Grid, folder: Path, threads: int, gpus: bool) -> Iterator[tuple[dict[str, Any], bool, Path]]:
    """Each point, whether it needs a GPU, and the folder of its run, named by all that its numbers depend on.

    A parameter that is given its own default makes no other run.
    """
    keys, usual, declared = Keys(grid.notebook), usual_device(grid.notebook), read_parameters(grid.notebook)
    for point in grid.points():
        wanted = str(point.get("device", usual))
        gpu = wanted.startswith("cuda") or (wanted == "auto" and gpus)
        changed = {name: value for name, value in point.items() if not _is_usual(declared[name], value)}
        name = f"{grid.notebook.stem}-{keys.of(changed)}-{threads}-{'cuda' if gpu else wanted}"
        yield point, gpu, folder / name


def _is_usual(parameter: Parameter, value: Any) -> bool:
    return parameter.plain and bool(value == parameter.default)


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
