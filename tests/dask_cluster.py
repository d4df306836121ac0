"""A Dask scheduler and its workers, each a process of its own, for the tests of sweeps."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

DASK = "distributed.cli.dask_"


@contextmanager
def background(*command: str, **settings) -> "Iterator[subprocess.Popen[bytes]]":
    process = subprocess.Popen([sys.executable, "-m", *command], stderr=subprocess.DEVNULL, **settings)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def cluster(folder: Path, environments: list[dict[str, str]], *options: str) -> Iterator[str]:
    """A Dask scheduler, and a worker for each environment; the address."""
    file = folder / "scheduler.json"
    quiet = ["--no-dashboard", "--scheduler-file", str(file)]
    with ExitStack() as stack:
        stack.enter_context(background(f"{DASK}scheduler", "--host", "127.0.0.1", "--port", "0", *quiet))
        while not file.exists():
            time.sleep(0.1)
        for environment in environments:
            own = options or ("--nthreads", "1")
            worker = background(f"{DASK}worker", *own, *quiet, env={**os.environ, **environment}, cwd="/")
            stack.enter_context(worker)
        address = json.loads(file.read_text())["address"]
        _wait_for(address, len(environments))
        yield address


def _wait_for(address: str, workers: int) -> None:
    from distributed import Client

    with Client(address, timeout=60, set_as_default=False) as client:
        client.wait_for_workers(workers)
