"""Measures a GPU: its tests, notebook 04 at the paper's size, and the speed of two networks with each switch by itself.

    make gpu                                             all of it, at most 8 minutes on one GPU
    python benchmarks/gpu.py --parts networks            only the speeds
    python benchmarks/gpu.py --device cpu --size tiny    all of its code, without a GPU; the figures mean nothing

It prints rows for docs/measured.md. Without a GPU it says so and ends. In one run it compares labkit's `fit` with an eager
fp32 loop, and a loop with all switches with loops that lack one of them. Decoding, transfer and computing are measured
separately: the slowest of them is the limit.
"""

import argparse
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import timing
import torch
from train_step import CLASSES, InMemory
from training_loops import PLAIN, Batch, Loop, Switches, make_batches

from labkit.clip import ClipSpec
from labkit.counting import counted
from labkit.data import motion
from labkit.data.datasets import open_dataset
from labkit.data.processes import available_cores
from labkit.models import create_model
from labkit.models.profile import costs
from labkit.records import Run
from labkit.timing import Spread
from labkit.training import fit, pick_device
from labkit.training.batches import EpochBatches, make_loader
from labkit.training.device import describe_device, gains_from_bf16, wait_for
from labkit.training.failures import TooLittleMemoryError

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 8 * 60.0  # seconds for everything
COMPILING = 90.0  # seconds that torch.compile may take for one network
AIM = 3.0  # times an eager fp32 loop
PARTS = ("tests", "notebook", "networks")


@dataclass(frozen=True)
class Network:
    """A network with its clip and its batch."""

    name: str
    spec: ClipSpec
    batch: int
    width: int

    @property
    def title(self) -> str:
        """Name and shape of a batch."""
        spec = self.spec
        return f"{self.name}, {self.batch}×{spec.channels}×{spec.frames}×{spec.size}×{spec.size}"

    def build(self) -> torch.nn.Module:
        torch.manual_seed(0)
        return create_model(self.name, num_classes=CLASSES, width=self.width, clip=self.spec)


@dataclass(frozen=True)
class Size:
    """How large everything is."""

    networks: tuple[Network, ...]
    notebook: dict[str, object]  # parameters of notebook 04
    videos: int  # of the embedded dataset, for the notebook
    matrix: int  # rows of the square matrices that measure the peak
    steps: int  # updates in a round
    decoded: int  # videos of the embedded dataset, as long as the network's clips
    compiler: str  # a backend of torch.compile


SIZES = {
    "paper": Size(
        (
            Network("resnet18", ClipSpec(frames=16, size=112), batch=128, width=64),
            Network("i3d", ClipSpec(frames=64, size=224), batch=8, width=64),
        ),
        {"frames": 16, "size": 112, "width": 64, "batch_size": 128, "precision": "bf16"},
        videos=600,
        matrix=8192,
        steps=4,
        decoded=96,
        compiler="inductor",
    ),
    "tiny": Size(
        (
            Network("resnet18", ClipSpec(frames=4, size=16), batch=2, width=4),
            Network("i3d", ClipSpec(frames=8, size=32), batch=2, width=4),
        ),
        {"frames": 2, "size": 16, "width": 4, "batch_size": 2, "epochs": 2, "limit": 2, "device": "cpu"},
        videos=48,
        matrix=64,
        steps=1,
        decoded=24,
        compiler="eager",  # follows the network without a C++ compiler
    ),
}

Row = tuple[str, str, str]  # what, figure, target


@dataclass(frozen=True)
class Bench:
    """What all measurements share."""

    size: Size
    device: torch.device
    rounds: int
    began: float  # by time.monotonic()

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.began + LIMIT - time.monotonic()

    def wait(self) -> None:
        wait_for(self.device)

    def say(self, what: str) -> None:
        """A line of progress, with the seconds since the start."""
        print(f"{time.monotonic() - self.began:4.0f} s  {what}", file=sys.stderr, flush=True)


def main() -> int:
    asked = arguments()
    sys.stdout.reconfigure(line_buffering=True)  # a run that is cut off has said what it knew
    device = pick_device(asked.device)
    if device.type == "cpu" and asked.device != "cpu":
        print("no GPU: torch sees none here, so nothing is measured (all code on a CPU: --device cpu --size tiny)")
        return 0
    bench = Bench(SIZES[asked.size], device, asked.rounds, time.monotonic())
    failed, rows = [], 0
    show_head(device)
    for row in every_row(bench, asked.parts, failed):
        show_row(row)
        rows += 1
    print(f"\n{rows} rows in {time.monotonic() - bench.began:.0f} s")
    if failed:
        print(f"failed: {', '.join(failed)}")
    return len(failed)


def every_row(bench: Bench, parts: Sequence[str], failed: list[str]) -> Iterator[Row]:
    """The rows, each as soon as it is measured: a run that is cut off has shown the others. Adds what fails to `failed`."""
    if "tests" in parts and run_tests():
        failed.append("tests")
    if "notebook" in parts:
        found = run_notebook(bench)
        failed += [] if found else ["notebook"]
        yield from found
    if "networks" in parts:
        peak = matrix_peak(bench)
        yield "product of bf16 matrices", f"{peak / 1e12:.2f} TFLOP/s", "–"
        # torch.compile comes last: it can take minutes for a network, and may be cut off.
        for work in (measure, measure_compiled):
            for network in bench.size.networks:
                bench.say(f"{network.title}: {work.__name__.replace('_', ' ')}")
                yield from work(network, bench, peak)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto", help="auto, cuda, cuda:1, or cpu to try the code")
    parser.add_argument("--size", choices=list(SIZES), default="paper")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    return parser.parse_args()


def run_tests() -> int:
    """The tests marked `gpu`; their exit code."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", str(ROOT / "tests" / "training")]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def run_notebook(bench: Bench) -> list[Row]:
    """Notebook 04 with the size's parameters, in half of the time at most: its row; none where it failed."""
    given = bench.size.notebook
    with tempfile.TemporaryDirectory() as folder:
        root = motion.generate(Path(folder, "motion"), videos=bench.size.videos, progress=False)
        parameters = [f"--parameter={name}={value}" for name, value in {**given, "root": root}.items()]
        limit = f"--time-limit={min(bench.left, LIMIT / 2) / 60:.2f}"
        run, began = Path(folder, "run"), time.monotonic()
        command = [sys.executable, "-m", "labkit", "run", "04", *parameters, limit, f"--folder={run}"]
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            return []
        results = Run.open(run).results
        said = f"{results['clips_per_second']:.0f} clips/s in training, {time.monotonic() - began:.0f} s in all"
    if "gpu_megabytes" in results:
        said += f", {results['gpu_megabytes'] / 1000:.1f} GB"
    return [("notebook 04, " + ", ".join(f"{name}={value}" for name, value in given.items()), said, "–")]


def matrix_peak(bench: Bench) -> float:
    """Operations a second of a bf16 product of two square matrices (fp32 where the device has no bf16 units)."""
    rows, kind = bench.size.matrix, torch.bfloat16 if gains_from_bf16(bench.device) else torch.float32
    a, b = (torch.randn(rows, rows, device=bench.device, dtype=kind) for _ in range(2))
    seconds = timing.interleaved({"product": lambda: a @ b}, rounds=4 * bench.rounds, wait=bench.wait)
    return 2 * rows**3 / min(seconds["product"])


def measure(network: Network, bench: Bench, peak: float) -> list[Row]:
    """All rows of one network. Where its batch does not fit the memory, half of it is tried, and so on."""
    while bench.left > 0:
        try:
            rows = speed_rows(network, bench, peak)
            bench.say(f"{network.title}: decoding, transfer, computing")
            return [*rows, limit_row(network, bench)]
        except (torch.OutOfMemoryError, TooLittleMemoryError):
            if network.batch == 1:
                return [(network.title, "does not fit the device's memory", "–")]
        print(f"{network.title} does not fit: half the batch is tried")
        torch.cuda.empty_cache()
        network = replace(network, batch=network.batch // 2)
    return [(network.title, "not measured: the 8 minutes were over", "–")]


def candidates(size: Size, device: torch.device) -> dict[str, Switches]:
    """What takes turns: name and switches."""
    full = Switches(bf16=gains_from_bf16(device), pinned=device.type == "cuda")
    turned = {
        "without bf16": replace(full, bf16=False),
        "without channels last": replace(full, channels_last=False),
        "without pinned memory": replace(full, pinned=False),
        "normalised on the CPU": replace(full, normalise_on_device=False),
        "without choosing algorithms": replace(full, tuned=False),
    }
    return {"eager fp32 loop": PLAIN, "all switches": full, **{k: v for k, v in turned.items() if v != full}}


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise `TimeoutError` in the block after so many seconds, where the system has an alarm (not Windows)."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def measure_compiled(network: Network, bench: Bench, peak: float) -> list[Row]:
    """The row of a loop with torch.compile, its first update apart, against the same loop without it."""
    title, size = f"{network.title}: a loop with torch.compile", bench.size
    if bench.left < 30:
        return [(title, "not measured: the 8 minutes were over", "–")]
    full = candidates(size, bench.device)["all switches"]
    fed = make_batches(network.spec, network.batch, size.steps, classes=CLASSES, pinned=full.pinned)
    loops = {
        name: Loop(network.build, network.spec, bench.device, replace(full, compiler=compiler))
        for name, compiler in {"plain": "", "compiled": size.compiler}.items()
    }
    began = time.monotonic()
    try:
        with at_most(min(COMPILING, bench.left - 20)):
            loops["compiled"].run(fed[:1])
            bench.wait()
    except TimeoutError:
        return [(title, f"not measured: compiling took more than {time.monotonic() - began:.0f} s", "–")]
    compiling = time.monotonic() - began
    works = {name: (lambda loop=loop: loop.run(fed)) for name, loop in loops.items()}
    seconds = timing.interleaved(works, rounds=bench.rounds, wait=bench.wait)
    rate = Spread(seconds["compiled"]).rate(network.batch * size.steps)
    times = timing.ratio(seconds["plain"], seconds["compiled"])
    said = f"{rate:.0f} clips/s, {times:.2f} times all switches without it, after {compiling:.0f} s of compiling"
    return [(title, said, "–")]


def speed_rows(network: Network, bench: Bench, peak: float) -> list[Row]:
    """labkit's `fit` and each switch against the eager fp32 loop: clips/s, memory, share of the peak."""
    rates, memory = loop_rates(network, bench)
    bench.say(f"{network.title}: fit")
    plain, fitted = rates.pop("eager fp32 loop"), fit_rate(network, bench)
    operations = 3 * 2 * costs(network.build(), network.spec.shape)[1]  # forward once, backward twice
    tf32 = f"TF32 {on(torch.backends.cudnn.allow_tf32)} in convolutions, {on(torch.backends.cuda.matmul.allow_tf32)} in products"

    def share(rate: Spread) -> str:
        return f"{rate.median * operations / peak:.0%} of the peak"

    rows = [
        (f"{network.title}: an eager fp32 loop ({tf32})", f"{plain:.0f} clips/s{memory['eager fp32 loop']}", "–"),
        (f"{network.title}: `fit`", f"{fitted:.0f} clips/s, {share(fitted)}", "–"),
        ("the same against the eager loop", f"{fitted.median / plain.median:.2f} times as fast", f"at least {AIM:.0f}"),
    ]
    for name, rate in rates.items():
        said = f"{rate:.0f} clips/s, {rate.per(plain):.2f} times the eager loop, {share(rate)}{memory[name]}"
        rows.append((f"{network.title}: a loop, {name}", said, "–"))
    return rows


def loop_rates(network: Network, bench: Bench) -> tuple[dict[str, Spread], dict[str, str]]:
    """Clips/s and memory of every candidate; what is not made before the time is over is left out, and said."""
    size, device = bench.size, bench.device
    fed = {
        pinned: make_batches(network.spec, network.batch, size.steps, classes=CLASSES, pinned=pinned)
        for pinned in (False, device.type == "cuda")
    }
    works: dict[str, Callable[[], object]] = {}
    memory = {}
    for name, switches in candidates(size, device).items():
        if works and bench.left < 0:
            print(f"{network.title}: {name} is not measured, since the 8 minutes are over")
            continue
        loop = Loop(network.build, network.spec, device, switches)
        works[name] = lambda loop=loop, batches=fed[switches.pinned]: loop.run(batches)
        bench.say(f"{network.title}: {name}")
        memory[name] = peak_memory(works[name], device)
    seconds = timing.interleaved(works, rounds=bench.rounds, wait=bench.wait)
    return {name: Spread(each).rate(network.batch * size.steps) for name, each in seconds.items()}, memory


def on(state: bool) -> str:
    return "on" if state else "off"


def peak_memory(work: Callable[[], object], device: torch.device) -> str:
    """`, 11.2 GB beside the weights` that `work` takes on a GPU at its highest; empty elsewhere."""
    if device.type != "cuda":
        work()
        return ""
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    work()
    wait_for(device)
    return f", {(torch.cuda.max_memory_allocated(device) - before) / 1e9:.1f} GB beside the weights"


def fit_rate(network: Network, bench: Bench) -> Spread:
    """Clips/s of labkit's `fit`, its loader and meter included, one value an epoch; the first epoch warms up."""
    device = bench.device
    data = InMemory(network.batch * bench.size.steps, network.spec)
    # In training, statistics are the batch's in both loops; taking them anew is no part of an update.
    options = {"batch_size": network.batch, "lr": 0.01, "device": str(device), "statistics": "running"}
    workers = min(8, available_cores() - 1) if device.type == "cuda" else 0
    history = fit(network.build(), data, epochs=bench.rounds + 1, workers=workers, progress=False, **options)
    later = history.table.iloc[1:]
    return Spread(later["clips"] / later["seconds"])


def limit_row(network: Network, bench: Bench) -> Row:
    """Clips/s of decoding, transfer and computing, each by itself, and which of them is the limit."""
    size, device, cuda = bench.size, bench.device, bench.device.type == "cuda"
    fed = make_batches(network.spec, network.batch, size.steps, classes=CLASSES, pinned=cuda)
    there: Sequence[Batch] = [(clips.to(device), labels.to(device)) for clips, labels in fed]
    loop = Loop(network.build, network.spec, device, candidates(size, device)["all switches"])
    works = {
        "transfer": lambda: [clips.to(device, non_blocking=cuda, copy=True) for clips, _ in fed],
        "computing": lambda: loop.run(there),
    }
    seconds = timing.interleaved(works, rounds=bench.rounds, wait=bench.wait)
    rates = {name: Spread(each).rate(network.batch * size.steps) for name, each in seconds.items()}
    workers = available_cores() if cuda else 0
    rates["decoding"] = decode_rate(network, bench, workers)
    first = min(rates, key=lambda name: rates[name].median)
    apart = all(rates[first].side(rate) for name, rate in rates.items() if name != first)
    verdict = f"the limit is {first}" + ("" if apart else " by its median, though ranges touch")
    decoders = f"{counted(workers, 'process', 'processes')} decoding" if workers else "no process for decoding alone"
    said = "; ".join(f"{name} {rate:.0f} clips/s" for name, rate in rates.items())
    return f"{network.title}: {verdict} ({decoders}, videos of 64×64)", said, "–"


def decode_rate(network: Network, bench: Bench, workers: int) -> Spread:
    """Clips/s that the loader decodes from the embedded dataset's files, one value a pass; the first starts the workers."""
    spec = network.spec
    with tempfile.TemporaryDirectory() as folder:
        options = {"videos": bench.size.decoded, "frames": max(16, spec.frames), "progress": False}
        data = open_dataset(
            "motion", motion.generate(Path(folder, "motion"), **options), "train", spec=spec, progress=False
        )
        batches = EpochBatches(len(data), min(network.batch, max(2, len(data) // max(1, workers))))
        loader, seconds = make_loader(data, batches, workers=workers, device=torch.device("cpu")), []
        for _ in range(bench.rounds + 1):
            began = time.perf_counter()
            for _ in loader:
                pass
            seconds.append(time.perf_counter() - began)
        del loader  # ends the workers before their files go
    return Spread(seconds[1:]).rate(len(data))


def show_head(device: torch.device) -> None:
    """The first lines of the section in docs/measured.md."""
    driver = f", CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}" if device.type == "cuda" else ""
    print(f"\n## On {describe_device(device)}, {date.today().isoformat()}\n")
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, torch {torch.__version__}{driver}.")
    print("\n| what | figure | target | command |\n|---|---|---|---|")


def show_row(row: Row) -> None:
    what, figure, target = row
    print(f"| {what} | {figure} | {target} | `{' '.join(['python benchmarks/gpu.py', *sys.argv[1:]])}` |")


if __name__ == "__main__":
    sys.exit(main())
