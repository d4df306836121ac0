"""Many runs at the same time: handed to the workers through a bounded window. What a run's folder says counts, not Dask.

A done run is not repeated. A dead one is moved aside and run again. A run that kills its worker has failed, and the
others go on. `make findings` and `labkit sweep` both use this.
"""

import queue
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.counting import counted
from labkit.runs.point import LOOK, NOT_BEGUN, Job, Outcome, after_loss, execute, outcome_of, settled
from labkit.runs.workers import GPU, Workers

if TYPE_CHECKING:
    from distributed import Future

TRIES = 3  # for a run that had not begun when its worker was lost
ASIDE = ".aside"  # the folder for runs that were moved aside; the tables of runs leave hidden folders out


@dataclass
class ManyRuns:
    """Does jobs on `workers`. Call `stop` to let the runs under way end.

    - `on_start`: called when a run begins. `on_stop`: called once after `stop`.
    - `retry_failed`: run again what has failed before.
    - `work`: what a worker does for a job.
    """

    workers: Workers
    on_start: Callable[[Job], object] = lambda job: None
    on_stop: Callable[[], object] = lambda: None
    retry_failed: bool = False
    work: Callable[[Job], Outcome] = execute
    stopped: bool = False
    _name: str = field(default_factory=lambda: uuid.uuid4().hex)  # of the mark on the workers
    _waiting: "dict[Future, Job]" = field(default_factory=dict)
    _begun: set[Path] = field(default_factory=set)
    _tries: dict[Path, int] = field(default_factory=dict)
    _told: bool = False
    _marked: bool = False

    def outcomes(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Outcome]]:
        """Each job with its outcome, in the order in which they end. Jobs that `stop` has kept from starting are left out.

        Leaving the loop before its end stops all runs; each keeps what it has. Raises `ConnectionError` if the scheduler
        is lost.
        """
        ended: queue.SimpleQueue[Future] = queue.SimpleQueue()
        todo, finished = iter(jobs), False
        try:
            while True:
                while not finished and not self.stopped and len(self._waiting) < 2 * self.workers.slots:
                    job = next(todo, None)
                    finished = job is None
                    if job is None:
                        break
                    if before := self._before(job):
                        yield job, before
                    else:
                        self._submit(job, ended)
                if self.stopped:
                    self._keep_from_starting()
                if not self._waiting:
                    return
                yield from self._collected(ended)
        finally:
            self._cancel()
            self._forget_mark()

    def stop(self) -> None:
        """Start no more runs. Those under way go on to their end. This only sets `stopped`: a signal may call it."""
        self.stopped = True

    def _keep_from_starting(self) -> None:
        """After `stop`: keep the jobs that no worker has begun from starting. Without workers, that is all of them."""
        if not self._told:
            self._told = True
            self.on_stop()
        if not self._waiting:
            return
        from labkit.runs.stop_mark import mark

        with suppress(OSError):  # a worker or the scheduler was lost; the next call tries again
            if not self._marked:
                mark(self.workers.client, self._name)
                self._marked = True
            if not self.workers.client.nthreads():
                self._cancel()

    def _forget_mark(self) -> None:
        from labkit.runs.stop_mark import forget

        if self._marked:
            with suppress(OSError, ValueError):  # the scheduler is lost, or another one that has no such mark
                forget(self.workers.client, self._name)

    def _before(self, job: Job) -> Outcome | None:
        """The outcome of an earlier run that need not be repeated. Another earlier run is moved aside."""
        before = outcome_of(job.place)
        if before and (before.status in ("done", "running") or (before.status == "failed" and not self.retry_failed)):
            return replace(before, new=False)
        if job.place.is_dir() and any(job.place.iterdir()):
            move_aside(job.place)
        return None

    def _submit(self, job: Job, ended: "queue.SimpleQueue[Future]") -> None:
        from labkit.runs.stop_mark import unless_stopped

        job.place.parent.mkdir(parents=True, exist_ok=True)  # the workers look for it
        self._tries[job.place] = number = self._tries.get(job.place, 0) + 1
        future = self.workers.client.submit(
            unless_stopped,
            self._name,
            self.work,
            job,
            key=f"{job.place.name}-{job.sweep}-{number}",
            pure=False,
            resources={GPU: 1} if job.gpu else None,
        )
        self._waiting[future] = job
        future.add_done_callback(ended.put)

    def _collected(self, ended: "queue.SimpleQueue[Future]") -> Iterator[tuple[Job, Outcome]]:
        """The outcomes of the tasks that have ended, after a short wait for the first."""
        try:
            futures = [ended.get(timeout=LOOK)]
        except queue.Empty:
            self._look()
            return
        while not ended.empty():
            futures.append(ended.get())
        for future in futures:
            job = self._waiting.pop(future, None)
            if job is None:  # it was cancelled
                continue
            outcome = self._outcome(future, job)
            if outcome == NOT_BEGUN:
                continue
            if outcome is None:
                self._submit(job, ended)
                continue
            self._start(job)
            self._begun.discard(job.place)
            self._tries.pop(job.place, None)
            yield job, outcome

    def _outcome(self, future: "Future", job: Job) -> Outcome | None:
        """The outcome of an ended task; None if the run has not begun, and is to be submitted again."""
        from distributed.scheduler import KilledWorker

        if future.status == "finished":
            outcome: Outcome = future.result()
            return outcome
        if future.status != "error":
            raise ConnectionError("the Dask scheduler is gone; the same command goes on where this one stopped")
        error = future.exception()
        if not isinstance(error, KilledWorker):
            return Outcome("failed", f"did not start: {error}")
        left = after_loss(job.place)
        if left is None and self.stopped:
            return NOT_BEGUN
        if left is None and self._tries[job.place] < TRIES:
            return None
        return left or Outcome("died", f"its worker was killed before it began, {counted(TRIES, 'time')}")

    def _look(self) -> None:
        """Tell of the runs that have begun since the last look, and count the workers."""
        with suppress(OSError):  # the scheduler is lost, of which the futures tell
            self.workers.recount()
        for job in self._waiting.values():
            if job.place not in self._begun and (job.place / "run.json").exists():
                self._start(job)

    def _start(self, job: Job) -> None:
        if job.place not in self._begun:
            self._begun.add(job.place)
            self.on_start(job)

    def _cancel(self) -> None:
        """Stop the runs that are still waited for, and wait until they have saved what they have."""
        futures, self._waiting = self._waiting, {}
        if futures:
            self.workers.client.cancel([*futures], force=True)
        for job in futures.values():
            settled(job.place)


def move_aside(place: Path) -> Path:
    """Move the folder of a dead run into the hidden folder beside it; returns the new place."""
    number = 1
    while (aside := place.parent / ASIDE / f"{place.name}-{number}").exists():
        number += 1
    aside.parent.mkdir(exist_ok=True)
    return place.rename(aside)
