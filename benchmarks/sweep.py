"""Sweeps: two workers against one, a warmed kernel against a fresh one, and 100,000 points through the window.

    python benchmarks/sweep.py [--part workers] [--part kernels] [--part points] [--rounds 3] [--seeds 6] [--epochs 6] [--tiny]

- workers: notebook 04 over the same seeds, with one worker and with two, each run on one thread. Beside it stands one worker
  whose runs have all cores. The time is that of the whole sweep, with the start and the end of its workers.
- kernels: from the start of a kernel to its answer after the imports of a course notebook. The warmed one is forked from a
  process that has imported them. Sweeps do not use this: only Linux can fork, a fork is safe only as long as no import
  starts a thread, and the watch for hung kernels knows kernels of their own. The figures say what that costs.
- points: each run is a folder with a `run.json`, without a kernel. The scheduler is a process of its own, and its memory is
  the largest during the sweep.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import timing

from labkit.runs.grid import Grid
from labkit.runs.notebook import find_notebook
from labkit.runs.point import Job, Outcome
from labkit.runs.sweep import sweep
from labkit.runs.workers import Workers, connected_workers, local_workers
from labkit.timing import Spread

IMPORTS = "import torch, torchvision, pandas, plotly.graph_objects, labkit.training"
MIB = 2**20
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
# Reads the paths of connection files, and forks a kernel for each.
WARM = f"""
import os, signal, sys
{IMPORTS}
from ipykernel.kernelapp import IPKernelApp
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print(len(os.listdir("/proc/self/task")), flush=True)
for line in sys.stdin:
    if os.fork() == 0:
        IPKernelApp.launch_instance(argv=["-f", line.strip()])
        os._exit(0)
"""


def note(job: Job) -> Outcome:
    """A run without a kernel: its folder and its `run.json`."""
    job.place.mkdir()
    about = {"status": "done", "notebook": job.notebook.name, "parameters": dict(job.parameters)}
    (job.place / "run.json").write_text(json.dumps(about))
    return Outcome("done")


def compare_workers(seeds: int, epochs: int, rounds: int) -> bool:
    """Print the seconds of a sweep with one worker, two workers, and one worker on all cores."""
    grid = Grid(find_notebook("04"), {"seed": [*range(seeds)]}, {"epochs": epochs, "device": "cpu"})
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    kinds = {
        "one worker, 1 thread": (1, 1),
        "two workers, 1 thread each": (2, 1),
        f"one worker, {cores} threads": (1, cores),
    }

    def swept(slots: int, threads: int) -> Callable[[], None]:
        def work() -> None:
            with tempfile.TemporaryDirectory() as folder, local_workers(slots, threads) as workers:
                tally = sweep(grid, Path(folder), workers)
                assert tally.done == seeds, tally.failed

        return work

    seconds = timing.interleaved({name: swept(*kind) for name, kind in kinds.items()}, rounds=rounds)
    rows = [
        (name, f"{Spread(values):.1f}", f"{Spread(seconds[name]).rate(seeds):.2f}") for name, values in seconds.items()
    ]
    timing.show(f"Notebook 04 over {seeds} seeds, {epochs} epochs", ("workers", "s", "runs/s"), rows)
    one, two, _ = seconds.values()
    return timing.verdict("two workers against one, same threads", timing.ratio(one, two), 1.75)


def compare_kernels(rounds: int) -> None:
    """Print the seconds from the start of a kernel to its answer after the imports, fresh and forked."""
    if not hasattr(os, "fork") or not Path("/proc/self/task").is_dir():
        print("\nkernels: left out, only Linux can fork a warmed kernel")
        return
    warm = subprocess.Popen([sys.executable, "-c", WARM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert warm.stdin
    assert warm.stdout
    tasks = int(warm.stdout.readline())

    def fresh() -> None:
        with connection() as file:
            kernel = subprocess.Popen(
                [sys.executable, "-m", "ipykernel_launcher", "-f", file], stdout=subprocess.DEVNULL
            )
            answered(file)
            kernel.wait()

    def forked() -> None:
        assert warm.stdin
        with connection() as file:
            warm.stdin.write(f"{file}\n")
            warm.stdin.flush()
            answered(file)

    seconds = timing.interleaved({"fresh": fresh, "forked from a warmed process": forked}, rounds=rounds)
    warm.stdin.close()
    warm.wait()
    rows = [(name, f"{Spread(values):.2f}") for name, values in seconds.items()]
    timing.show("A kernel, from its start to the end of the imports", ("kernel", "s"), rows)
    print(f"threads in the warmed process: {tasks}; a fork takes one along, so more than 1 is not safe")


@contextmanager
def connection() -> Iterator[str]:
    """A connection file for one kernel."""
    from jupyter_client.connect import write_connection_file

    with tempfile.TemporaryDirectory() as folder:
        file, _ = write_connection_file(str(Path(folder) / "kernel.json"))
        yield file


def answered(file: str) -> None:
    """Let the kernel import what a course notebook does, and end it."""
    from jupyter_client.blocking.client import BlockingKernelClient

    client = BlockingKernelClient(connection_file=file)
    client.load_connection_file()
    client.start_channels(hb=False)  # without it, a kernel that is still starting counts as dead
    client.wait_for_ready(timeout=120)
    reply = client.execute_interactive(IMPORTS, timeout=120)
    assert reply["content"]["status"] == "ok", reply
    client.shutdown()
    client.stop_channels()


@contextmanager
def cluster(workers: int) -> Iterator[tuple[Workers, psutil.Process]]:
    """A scheduler and workers in processes of their own; the connection to them, and the scheduler."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        file = Path(folder) / "scheduler.json"
        common = ["--no-dashboard", "--scheduler-file", str(file)]
        here = str(Path(__file__).resolve().parent)  # where the workers find `note`
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])}

        def start(what: str, *options: str) -> "subprocess.Popen[bytes]":
            command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *common, *options]
            process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            return process

        scheduler = start("scheduler", "--host", "127.0.0.1", "--port", "0")
        while not file.exists():
            time.sleep(0.1)
        for _ in range(workers):
            start("worker", "--nthreads", "1")
        address = json.loads(file.read_text())["address"]
        _wait_for(address, workers)
        with connected_workers(address, 1) as connected:
            yield connected, psutil.Process(scheduler.pid)


def _wait_for(address: str, workers: int) -> None:
    from distributed import Client

    with Client(address, timeout=60, set_as_default=False) as client:
        client.wait_for_workers(workers)


@contextmanager
def largest_memory(process: psutil.Process) -> Iterator[list[int]]:
    """The most resident memory of a process during the block, in bytes."""
    most, over = [process.memory_info().rss], threading.Event()

    def look() -> None:
        while not over.wait(0.2):
            most[0] = max(most[0], process.memory_info().rss)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield most
    finally:
        over.set()
        thread.join()


def count_points(sizes: list[int]) -> bool:
    """Print points per second and the scheduler's memory for sweeps of these sizes."""
    import sweep as by_name  # `note` must not belong to __main__, which the workers do not have

    rows, rate, memory = [], 0.0, 0.0
    for size in sizes:
        grid = Grid(find_notebook("04"), {"seed": [*range(size)]}, {"device": "cpu"})
        with tempfile.TemporaryDirectory() as folder, cluster(2) as (workers, scheduler):
            before = scheduler.memory_info().rss / MIB
            with largest_memory(scheduler) as most, largest_memory(psutil.Process()) as own:
                began = time.perf_counter()
                tally = by_name.run_points(grid, Path(folder), workers)
                seconds = time.perf_counter() - began
            assert tally.done == size, tally.failed[:3]
        rate, memory = size / seconds, most[0] / MIB
        rows.append((f"{size:,}", seconds, rate, before, memory, own[0] / MIB))
    header = ("points", "s", "points/s", "scheduler before, MiB", "scheduler, MiB", "this process, MiB")
    timing.show("Run folders without a kernel, two workers", header, rows)
    met = timing.verdict(f"points/s at {sizes[-1]:,} points", rate, 200)
    return timing.verdict("the scheduler's memory in MiB", memory, 200, at_least=False) and met


def run_points(grid: Grid, folder: Path, workers: Workers):
    """A sweep whose runs are only noted."""
    return sweep(grid, folder, workers, work=note)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=("workers", "kernels", "points"), help="default: all")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the workers, after one that is not counted")
    parser.add_argument("--seeds", type=int, default=6, help="runs of the workers' sweep")
    parser.add_argument("--epochs", type=int, default=6, help="epochs of each of them")
    parser.add_argument("--tiny", action="store_true", help="one round of the smallest sizes: tries the script")
    arguments = parser.parse_args()
    parts = arguments.part or ["workers", "kernels", "points"]
    print(timing.conditions())
    met = True
    if "workers" in parts:
        met &= (
            compare_workers(2, 1, 1)
            if arguments.tiny
            else compare_workers(arguments.seeds, arguments.epochs, arguments.rounds)
        )
    if "kernels" in parts:
        compare_kernels(1 if arguments.tiny else timing.ROUNDS)
    if "points" in parts:
        met &= count_points([20, 50] if arguments.tiny else [1_000, 10_000, 100_000])
    return 0 if met or arguments.tiny else 1


if __name__ == "__main__":
    sys.exit(main())
