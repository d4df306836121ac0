"""Many runs of notebooks, several at the same time, each in its own process. A finished run is not repeated."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

from labkit.records import Run
from labkit.runs.provenance import hardware
from labkit.runs.table import status


class Seeds:
    """Runs of notebooks with several seeds, in `build/findings/` of the project, `jobs` at the same time.

    As a context manager it waits for the submitted runs. An error or Ctrl-C stops the processes; each run keeps its
    results so far. `tell(notebook, seed, state)` is called when a run starts, is done, failed, or was there.
    """

    def __init__(self, project: Path, jobs: int, tell: Callable[[str, int, str], None]):
        self._project, self._tell = project, tell
        self._threads = max(1, int(hardware()["cores"] or 1) // jobs)
        self._pool = ThreadPoolExecutor(jobs)
        self._processes: set[subprocess.Popen[str]] = set()
        self._stopping = False

    def submit(self, notebook: Path, seed: int, key: str, parameters: Mapping[str, Any]) -> "Future[Run]":
        """Run a notebook with a seed and parameters, unless a run with the same `key` is done. The future gives its `Run`."""
        return self._pool.submit(self._run, notebook, seed, key, parameters)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._stopping = True
            for process in [*self._processes]:
                # As Ctrl-C would: the run notes that it was interrupted and ends its kernel.
                process.terminate() if os.name == "nt" else process.send_signal(signal.SIGINT)
        self._pool.shutdown(cancel_futures=kind is not None)

    def _run(self, notebook: Path, seed: int, key: str, parameters: Mapping[str, Any]) -> Run:
        # Numbers depend on the threads too: they are a part of the name.
        name = f"{notebook.stem}-seed{seed}-{key}-{self._threads}"
        place = self._project / "build" / "findings" / name
        before = _kept(place)
        if before and before.status == "done":
            self._tell(notebook.stem, seed, "was there")
            return before
        if before and status(before) == "running":
            who = before.about.get("process", {})
            raise RuntimeError(
                f"{place} is being measured by process {who.get('pid')} on {who.get('host')}: wait for it, or stop it"
            )
        if place.exists():
            shutil.rmtree(place)
        self._tell(notebook.stem, seed, "starts")
        self._execute(notebook, {**parameters, "seed": seed}, place)
        run = Run.open(place)
        self._tell(notebook.stem, seed, run.status)
        return run

    def _execute(self, notebook: Path, parameters: Mapping[str, Any], place: Path) -> None:
        """One run in a process of its own, with its share of the cores. The result is in the folder."""
        command = [sys.executable, "-m", "labkit", "run", str(notebook), "--folder", str(place)]
        command += [word for name, value in parameters.items() for word in ("-p", f"{name}={value}")]
        command += ["--threads", str(self._threads), "--end-with-stdin"]
        if self._stopping:
            raise RuntimeError("stopped before it started")
        process = subprocess.Popen(
            command,
            cwd=self._project,
            stdin=subprocess.PIPE,  # closed when this process ends, however it ends: then the run ends too
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # the terminal's Ctrl-C reaches this process alone, which passes it on once
        )
        self._processes.add(process)
        assert process.stderr
        try:
            said = process.stderr.read()  # to its end; `communicate` would close the run's stdin at once
            process.wait()
        finally:
            self._processes.discard(process)
        if not (place / "run.json").is_file():
            last = said.strip().splitlines() or ["no reason given"]
            raise RuntimeError(f"{notebook.stem} with seed {parameters['seed']} did not start: {last[-1]}")


def _kept(place: Path) -> Run | None:
    """The earlier run; None if there is no readable one."""
    try:
        return Run.open(place)
    except (ValueError, OSError):
        return None
