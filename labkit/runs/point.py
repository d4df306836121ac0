"""One run of many, on a worker: executed in a process of its own, unless its folder says that it has run already.

The run has its own process for three reasons. A worker is a daemonic process of Dask, which may not start the loader
processes that a notebook wants. A run that is stopped must be interrupted, which a thread of a worker cannot be. The
run ends with the worker, however that ends: its standard input closes then.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from labkit.own_group import own_group
from labkit.records import Run
from labkit.runs import provenance
from labkit.runs.key import code_version
from labkit.runs.table import status

PATIENCE = 30.0  # seconds in which a stopped run must save what it has
LOOK = 0.2  # seconds between two looks at a folder


@dataclass(frozen=True)
class Job:
    """A run to be done: a notebook, all given parameters, the folder, and the number of threads."""

    notebook: Path
    parameters: Mapping[str, Any]
    place: Path
    threads: int
    home: Path  # the folder to start in: relative paths in parameters begin there
    gpu: bool = False  # whether it needs a GPU of its own
    minutes: float = 60.0  # the time limit; 0: none
    code: Mapping[str, Any] | None = None  # the commit of the notebook's folder, looked up once a sweep
    version: str = ""  # the version of the package's code that the run's key stands for
    sweep: str = ""  # a name for all jobs that were started together


@dataclass(frozen=True)
class Outcome:
    """How a run ended: a status as in `labkit.runs.table.status`, and for a run that is not done the reason."""

    status: str
    why: str = ""
    new: bool = True  # False: it had ended before this sweep began


NOT_BEGUN = Outcome("not begun", "it was stopped before")


def execute(job: Job) -> Outcome:
    """Do one run, on the worker. A run that its folder holds already is not repeated, whoever asks again.

    Dask asks again for runs of a worker that was lost. A cancelled task stops the run, which keeps what it has.
    """
    if before := after_loss(job.place):
        return before
    if job.version and job.version != _own_version(job.sweep):
        return Outcome("failed", "this worker has another version of labkit's code, or of torch: restart it")
    for folder in (job.place.parent, job.home):  # of a worker that came later, nobody has looked at these
        if not folder.is_dir():
            return Outcome("failed", f"the worker on {platform.node()} does not see the folder {folder}")
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                _command(job),
                cwd=job.home,
                env=_environment(job),
                stdin=subprocess.PIPE,  # closed when this process ends, however it ends: then the run ends too
                stdout=subprocess.DEVNULL,
                stderr=said,
                **own_group().settings,  # the terminal's Ctrl-C reaches the sweep alone
            )
        except OSError as error:
            return Outcome("failed", f"did not start: {error.filename}: {error.strerror}")
        _wait(process, _is_cancelled())
        said.seek(0)
        last = (said.read().decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
    ended = outcome_of(job.place)
    if ended is None:
        return Outcome("failed", f"did not start: {last}")
    return Outcome("died", last) if ended.status == "died" else ended


def outcome_of(place: Path) -> Outcome | None:
    """How the run in a folder ended. None: no run has begun there. A run whose `run.json` cannot be read has died."""
    try:
        run = Run.open(place)
    except FileNotFoundError:
        return None
    except (ValueError, OSError) as error:
        return Outcome("died", str(error))
    state = status(run)
    if state == "running":
        who = run.about.get("process", {})
        return Outcome(state, f"is being run by process {who.get('pid')} on {who.get('host')}")
    reasons = {"done": "", "died": "its process was killed", "interrupted": "it was stopped"}
    return Outcome(state, reasons.get(state) or str((run.about.get("error") or {}).get("message", "")))


def settled(place: Path) -> Outcome | None:
    """`outcome_of`, after a wait for a run that is still saving what it has."""
    until = time.monotonic() + PATIENCE
    while (outcome := outcome_of(place)) and outcome.status == "running" and time.monotonic() < until:
        time.sleep(LOOK)
    return outcome


def after_loss(place: Path) -> Outcome | None:
    """The outcome of a run that is asked for again because its worker was lost; None if it had not begun."""
    left = settled(place)
    return Outcome("died", "its worker was killed") if left and left.status in ("died", "interrupted") else left


def _command(job: Job) -> list[str]:
    command = [sys.executable, "-m", "labkit", "run", str(job.notebook), "--folder", str(job.place)]
    command += [word for name, value in job.parameters.items() for word in ("-p", f"{name}={value}")]
    return [*command, "--threads", str(job.threads), "--time-limit", str(job.minutes), "--end-with-stdin"]


def _environment(job: Job) -> dict[str, str]:
    """The environment of the run, with its provenance, and without what Dask sets for a worker: one thread for each library."""
    import dask

    set_by_dask = dask.config.get("distributed.nanny.pre-spawn-environ", {})
    own = {name: value for name, value in os.environ.items() if name not in set_by_dask}
    about = _machine(job.sweep) | ({"code": job.code} if job.code else {})
    return {**own, provenance.GIVEN: json.dumps(about)}


@cache
def _machine(sweep: str) -> dict[str, Any]:
    """Versions and hardware, looked up once a sweep: it takes longer than the rest of a start."""
    return {"versions": provenance.versions(), "hardware": provenance.hardware()}


@cache
def _own_version(sweep: str) -> str:
    return code_version()


def _wait(process: "subprocess.Popen[bytes]", cancelled: Callable[[], bool]) -> None:
    """Wait for the end of a run. Once its task is cancelled, the run gets `PATIENCE` to save what it has."""
    assert process.stdin
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.5)
            process.stdin.close()
            return
        if cancelled():
            process.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
                return
            process.kill()


def _is_cancelled() -> Callable[[], bool]:
    """A function that says whether this task was cancelled, or its client is gone. Never, outside a Dask worker."""
    from distributed import get_worker

    try:
        worker = get_worker()
    except ValueError:
        return lambda: False
    key = worker.get_current_task()

    def cancelled() -> bool:
        task = worker.state.tasks.get(key)
        return task is None or task.state in ("cancelled", "released", "forgotten")

    return cancelled
