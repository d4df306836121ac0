"""The mark on the workers that many runs were stopped: a worker with the mark begins no more of them.

A worker sees its mark before it begins a run, and nobody else can tell whether it has begun. So no run starts after the mark,
and no run is cut off while it starts. The module loads Dask; only code that talks to workers imports it.
"""

from collections.abc import Callable

from distributed import Client, Worker, WorkerPlugin

from labkit.runs.point import NOT_BEGUN, Job, Outcome

_marks: set[str] = set()  # of this process


class _Mark(WorkerPlugin):
    """The mark with a name. Dask gives it to the workers that come later, too."""

    def __init__(self, name: str):
        self.name = name

    def setup(self, worker: Worker) -> None:
        _marks.add(self.name)


def unless_stopped(name: str, work: Callable[[Job], Outcome], job: Job) -> Outcome:
    """Do `work` on the worker; `NOT_BEGUN` if the mark `name` is there."""
    return NOT_BEGUN if name in _marks else work(job)


def mark(client: Client, name: str) -> None:
    """Set the mark on all workers. Raises `OSError` if one was lost meanwhile: then try again."""
    client.register_plugin(_Mark(name), name=name)


def forget(client: Client, name: str) -> None:
    """Let the scheduler give the mark to no more workers."""
    client.unregister_worker_plugin(name)
