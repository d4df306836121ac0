"""Run a function on many files, with a progress bar, and on all cores if there is enough work for several processes."""

import multiprocessing
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import TypeVar

from labkit.bars import tqdm
from labkit.data.watchdog import end_when_ffmpeg_stands_still

Item = TypeVar("Item")
Result = TypeVar("Result")
Running = dict[Future[list[tuple[int, Result]]], list[int]]

TRIAL_SECONDS = 1.0  # work done here first, to learn what one file costs
WORTH_SECONDS = 4.0  # seconds of work that must be left before a pool of processes is started
CHUNK = 4  # files per task


class WorkerDiedError(RuntimeError):
    """The process that worked on an item died, twice: with others at work beside it, and alone."""


def map_files(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    label: str,
    lost: Callable[[Item, str], Result] | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> Iterator[tuple[int, Result]]:
    """Yield `(position, function(item))` for every item, in no promised order.

    The first second of work is done in this process; a pool of `workers` spawned processes (one per core if None, none
    at all if 0) takes over if more than a few seconds are left, and ends with this process, however that ends.
    `function` must be importable by name. An exception it raises is raised here. Where processes cannot be started, the
    rest is done here, and a warning says so.

    Where a worker dies, because a decoder crashed or stood still, the items under way are done again, one at a time, in
    a process beside this one. If that dies too, the item gives `lost(item, reason)`; without `lost`, `WorkerDiedError`
    is raised.
    """
    todo = iter(enumerate(items))
    workers = available_cores() if workers is None else workers
    with tqdm(total=len(items), desc=label, unit="video", delay=1, disable=not progress) as bar:
        started = time.monotonic()
        for position, item in todo:
            yield position, function(item)
            bar.update()
            spent = time.monotonic() - started
            left = len(items) - position - 1
            if workers > 1 and spent > TRIAL_SECONDS and left * spent / (position + 1) > WORTH_SECONDS:
                break
        rest = dict(todo)
        for position, result in _in_pools(function, rest, lost, workers):
            yield position, result
            bar.update()


def _in_pools(
    function: Callable[[Item], Result],
    rest: dict[int, Item],
    lost: Callable[[Item, str], Result] | None,
    workers: int,
) -> Iterator[tuple[int, Result]]:
    """The results of `rest`, which is emptied. A pool that breaks is followed by another."""
    while rest:
        running: Running[Result] = {}
        try:
            for position, result in _in_processes(function, rest, workers, running):
                del rest[position]
                yield position, result
        except BrokenProcessPool:
            begun = {
                position: rest.pop(position) for chunk in running.values() for position in chunk if position in rest
            }
            if not _can_start():
                warnings.warn(
                    "worker processes cannot be started; going on with one process "
                    "(in a script, such calls belong under `if __name__ == '__main__':`)",
                    stacklevel=3,
                )
                begun, rest = begun | rest, {}
                yield from ((position, function(item)) for position, item in begun.items())
            else:
                yield from _one_by_one(function, begun, lost)


def _can_start() -> bool:
    with _pool(1) as pool:
        try:
            return pool.submit(os.getpid).result() > 0
        except BrokenProcessPool:
            return False


def _one_by_one(
    function: Callable[[Item], Result], items: dict[int, Item], lost: Callable[[Item, str], Result] | None
) -> Iterator[tuple[int, Result]]:
    """Each item while no other is under way: whatever process dies now died of its item."""
    pool = _pool(1)
    try:
        for position, item in items.items():
            try:
                result = pool.submit(function, item).result()
            except BrokenProcessPool:
                pool.shutdown()
                pool = _pool(1)
                reason = "the process that read it died: its decoder crashed or stood still, or memory ran out"
                if lost is None:
                    raise WorkerDiedError(f"{item}: {reason}") from None
                result = lost(item, reason)
            yield position, result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _pool(workers: int) -> ProcessPoolExecutor:
    # Spawned, not forked: a forked child of a process with threads (torch's, a notebook's) can hang.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_work)


def _in_processes(
    function: Callable[[Item], Result], items: dict[int, Item], workers: int, running: "Running[Result]"
) -> Iterator[tuple[int, Result]]:
    """Results from one pool. `running` holds the positions under way, for the case that the pool breaks."""
    todo = iter(list(items.items()))
    pool = _pool(workers)
    try:
        while True:
            while len(running) < 4 * workers and (chunk := list(islice(todo, CHUNK))):
                running[pool.submit(_apply, function, chunk)] = [position for position, _ in chunk]
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield from future.result()
                del running[future]
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _apply(function: Callable[[Item], Result], chunk: list[tuple[int, Item]]) -> list[tuple[int, Result]]:
    return [(position, function(item)) for position, item in chunk]


def _begin_work() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which ends its workers
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    end_when_ffmpeg_stands_still()


def _end_with_the_parent() -> None:
    """A worker waits for work at a pipe that its siblings hold open too: it would outlive a parent that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
