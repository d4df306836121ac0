"""Notebook 04's training on a quiet machine, and beside one busy program per core: threads that wait briefly, or as torch has them.

    python benchmarks/busy.py [--rounds 7]

Each measurement is a training in a process of its own; what is counted is the training, not the start. `import labkit`
before torch sets a short spin (`labkit.waiting`); the other side imports torch first, as one would without labkit. They
take turns; on the quiet machine epoch by epoch, since a few percent would drown in how its speed drifts. A measurement during which other programs took processor time is void, and made again. A training that takes
over half a minute is ended there: beside busy programs torch's own waiting may take many.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import timing

from labkit.waiting import CHOICES

HERE = Path(__file__).resolve().parent
LIMIT = 30.0  # seconds for one training
OTHERS = 0.03  # share of the machine's processor time that other programs may take
TRIES = 5  # for one measurement
FIRST = {"labkit": "labkit", "torch's own": "torch"}  # what is imported first


def train() -> None:
    """What notebook 04 trains, with its defaults: 480 clips, 6 epochs, measured after each. Prints the seconds."""
    import torch

    from labkit.data import motion
    from labkit.data.datasets import open_dataset
    from labkit.models import create_model
    from labkit.training import fit

    common = {"spec": motion.CLIP, "limit": 40, "cached": True, "progress": False}
    clips = open_dataset("motion", None, "train", **common)
    val = open_dataset("motion", None, "val", sampling="centre", **common)

    def training(**length: int) -> float:
        torch.manual_seed(0)
        model = create_model("resnet18", num_classes=len(clips.classes), width=16, clip=motion.CLIP)
        began = time.perf_counter()
        fit(model, clips, val, lr=0.05, nesterov=True, schedule="onecycle", device="cpu", progress=False, **length)
        return time.perf_counter() - began

    training(epochs=1)  # unmeasured
    print("ready", flush=True)
    for epochs in sys.stdin:
        print(json.dumps({"seconds": training(epochs=int(epochs)), "threads": torch.get_num_threads()}), flush=True)


@dataclass(frozen=True)
class Measured:
    """One training: its seconds (the limit, where it took longer) and the share of processor time that others took."""

    seconds: float
    others: float


def started(first: str) -> "subprocess.Popen[str]":
    """A process that imports `first` first, and waits for how many epochs to train."""
    environment = {name: value for name, value in os.environ.items() if name not in CHOICES}
    program = f"import {first}, sys; sys.path.insert(0, {str(HERE)!r}); import busy; busy.train()"
    child = subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout
    child.stdout.readline()
    return child


def ask(child: "subprocess.Popen[str]", epochs: int) -> float:
    """The seconds of a training of so many epochs, or the limit."""
    assert child.stdin
    child.stdin.write(f"{epochs}\n")
    child.stdin.flush()
    return answer(child)


def quiet_ratio(rounds: int = 24) -> tuple[float, float, float]:
    """labkit's time for an epoch over that of torch's own waiting, on the quiet machine: median and quartiles."""
    children = [started(first) for first in FIRST.values()]
    ratios = []
    for number in range(rounds):
        turn = number % 2
        seconds = {one: ask(children[one], 1) for one in (turn, 1 - turn)}
        ratios.append(seconds[0] / seconds[1])
    for child in children:
        child.kill()
        child.wait()
    low, middle, high = statistics.quantiles(ratios, n=4)
    return middle, low, high


def measure(first: str, *, busy: bool) -> Measured:
    """Train six epochs in a process that imports `first` first, beside a busy loop per core or not."""
    child = started(first)
    with busy_loops(os.cpu_count() if busy else 0) as loops:
        began, machine, own = time.perf_counter(), taken(), used([psutil.Process(child.pid), *loops])
        seconds = ask(child, 6)
        wall = time.perf_counter() - began
        spent = used([psutil.Process(child.pid), *loops]) - own
        others = (taken() - machine - spent) / (wall * (os.cpu_count() or 1))
    child.kill()
    child.wait()
    return Measured(seconds, others)


def answer(child: "subprocess.Popen[str]") -> float:
    """The seconds that the child says, or the limit. The child lives on, so that its processor time can be read."""
    import selectors

    assert child.stdout
    with selectors.DefaultSelector() as ready:
        ready.register(child.stdout, selectors.EVENT_READ)
        if not ready.select(LIMIT):
            return LIMIT
    return float(json.loads(child.stdout.readline())["seconds"])


@contextmanager
def busy_loops(count: int | None) -> Iterator[list[psutil.Process]]:
    """So many programs that do nothing but ask for a processor."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count or 0)]
    try:
        time.sleep(0.5 if loops else 0)
        yield [psutil.Process(loop.pid) for loop in loops]
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def taken() -> float:
    """Processor seconds that the whole machine has given, and that other machines took from it."""
    times = psutil.cpu_times()
    return sum(getattr(times, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq", "steal"))


def used(processes: list[psutil.Process]) -> float:
    """Processor seconds of these processes, and of this one and what it has waited for."""
    own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    times = [process.cpu_times() for process in processes]
    return sum(one.ru_utime + one.ru_stime for one in own) + sum(one.user + one.system for one in times)


def undisturbed(first: str, *, busy: bool) -> Measured:
    """A measurement during which others took almost nothing; the last try, whatever it was."""
    for _ in range(TRIES):
        found = measure(first, busy=busy)
        if found.others <= OTHERS:
            return found
        print(f"void: others took {found.others:.0%} of the processor time", file=sys.stderr)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=timing.ROUNDS)
    rounds = parser.parse_args().rounds
    measure("labkit", busy=False)  # makes the dataset, where it is not there
    asked = [(name, busy) for busy in (False, True) for name in FIRST]
    found: dict[tuple[str, bool], list[Measured]] = {one: [] for one in asked}
    for number in range(rounds):
        turn = number % len(asked)
        for one in asked[turn:] + asked[:turn]:
            found[one].append(undisturbed(FIRST[one[0]], busy=one[1]))
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
    rows = []
    for (name, busy), runs in found.items():
        seconds = [run.seconds for run in runs]
        quiet = [run.seconds for run in found[name, False]]
        slower = [a / b for a, b in zip(seconds, quiet, strict=True)]
        rows.append(
            (f"{name}, {'busy' if busy else 'quiet'}", statistics.median(seconds), min(seconds), max(seconds),
             statistics.median(slower), max(slower), max(run.others for run in runs))
        )  # fmt: skip
    header = ("threads wait", "s, median", "least", "most", "× quiet, median", "worst", "others, most")
    timing.show("Notebook 04's training", header, rows)
    print(f"\n{timing.conditions()}; a training of {LIMIT:.0f} s was ended there")
    timing.verdict("labkit, busy against quiet, worst round", rows[2][5], 3.5, at_least=False)
    middle, low, high = quiet_ratio()
    print(f"quiet, epoch by epoch in turn: {middle:.3f} times torch's own waiting; quartiles {low:.3f} and {high:.3f}")
    timing.verdict("labkit against torch's own, quiet, median", middle, 1.03, at_least=False)


if __name__ == "__main__":
    main()
