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

from tqdm.auto import tqdm

Item = TypeVar("Item")
Result = TypeVar("Result")

TRIAL_SECONDS = 1.0  # work done here first, to learn what one file costs
WORTH_SECONDS = 4.0  # seconds of work that must be left before a pool of processes is started
CHUNK = 4  # files per task


def map_files(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    label: str,
    workers: int | None = None,
    progress: bool = True,
) -> Iterator[tuple[int, Result]]:
    """Yield `(position, function(item))` for every item, in no promised order.

    The first second of work is done in this process; a pool of `workers` spawned processes (one per core if None, none
    at all if 0) takes over if more than a few seconds are left, and ends with this process, however that ends.
    `function` must be importable by name. An exception it raises is raised here. Where processes cannot be started, the
    rest is done here, and a warning says so.
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
        try:
            for position, result in _in_processes(function, rest, workers):
                del rest[position]
                yield position, result
                bar.update()
        except BrokenProcessPool:
            warnings.warn(
                "worker processes cannot be started, or died; going on with one process "
                "(in a script, such calls belong under `if __name__ == '__main__':`)",
                stacklevel=2,
            )
            for position, item in list(rest.items()):
                yield position, function(item)
                bar.update()


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _in_processes(
    function: Callable[[Item], Result], items: dict[int, Item], workers: int
) -> Iterator[tuple[int, Result]]:
    if not items:
        return
    todo = iter(list(items.items()))
    # Spawned, not forked: a forked child of a process with threads (torch's, a notebook's) can hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_work)
    try:
        running: set[Future[list[tuple[int, Result]]]] = set()
        while True:
            while len(running) < 4 * workers and (chunk := list(islice(todo, CHUNK))):
                running.add(pool.submit(_apply, function, chunk))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield from future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _apply(function: Callable[[Item], Result], chunk: list[tuple[int, Item]]) -> list[tuple[int, Result]]:
    return [(position, function(item)) for position, item in chunk]


def _begin_work() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which ends its workers
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    """A worker waits for work at a pipe that its siblings hold open too: it would outlive a parent that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
