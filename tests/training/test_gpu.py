"""What only a GPU can show, and the benchmark that measures one: here on a CPU, where its figures mean nothing."""

import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from tiny_training import SPEC, Tiny, tiny_model

from labkit.records import History
from labkit.training import epochs, fit, launch
from labkit.training.failures import TooLittleMemoryError

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "gpu.py"
SCRIPT = Path(__file__).with_name("tiny_training.py")
CUDA = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here")]
RECIPE = {"batch_size": 6, "lr": 0.05, "progress": False}


def on_gpu(test):
    for mark in CUDA:
        test = mark(test)
    return test


def benchmark(*arguments, **environment) -> subprocess.CompletedProcess:
    command = [sys.executable, str(BENCHMARK), *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=570, check=False, env=env)


@on_gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_gpu_learns_what_the_cpu_learns(precision, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)  # its rounding alone moves these losses by 0.03
    losses = {}
    for device in ("cpu", "cuda"):
        history = fit(
            tiny_model(dropout=0),
            Tiny(),
            epochs=4,
            device=device,
            precision=precision if device == "cuda" else "fp32",
            **RECIPE,
        )
        losses[device] = history.table["live_loss"].tolist()
    # bf16 rounds so coarsely that two runs on one GPU end 0.1 apart here: its first epoch is compared.
    compared = slice(None) if precision == "fp32" else slice(1)
    assert losses["cuda"][compared] == pytest.approx(losses["cpu"][compared], abs=0.1)
    assert losses["cuda"][-1] < losses["cuda"][0]


@on_gpu
def test_a_training_on_a_gpu_goes_on_from_its_checkpoint(tmp_path):
    fit(tiny_model(), Tiny(), epochs=1, folder=tmp_path, device="cuda", **RECIPE)
    history = fit(tiny_model(), Tiny(), epochs=2, folder=tmp_path, device="cuda", **RECIPE)
    assert history.table["epoch"].tolist() == [1, 2]


@on_gpu
def test_batches_for_a_gpu_are_pinned_and_read_by_workers():
    history = fit(tiny_model(), Tiny(), epochs=1, workers=2, device="cuda", **RECIPE)
    assert history.table["clips"].tolist() == [43]


@on_gpu
def test_one_process_learns_the_same_with_statistics_over_processes():
    losses = [
        fit(tiny_model(dropout=0), Tiny(12), epochs=2, device="cuda", precision="fp32", sync_batchnorm=sync, **RECIPE)
        .table["live_loss"]
        .tolist()
        for sync in (False, True)
    ]
    assert losses[1] == pytest.approx(losses[0], abs=1e-3)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=CUDA)])
def test_training_leaves_cudnn_on_and_its_settings_as_they_were(device, monkeypatch):
    names = ("enabled", "benchmark", "deterministic", "allow_tf32")
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    before, seen = {name: getattr(torch.backends.cudnn, name) for name in names}, []
    model = tiny_model()
    model.register_forward_hook(lambda *_: seen.append({name: getattr(torch.backends.cudnn, name) for name in names}))
    fit(model, Tiny(12), epochs=1, device=device, **RECIPE)
    assert seen
    assert all(each | {"benchmark": False} == before | {"benchmark": False} for each in seen)
    assert seen[0]["benchmark"] is (device == "cuda")
    assert {name: getattr(torch.backends.cudnn, name) for name in names} == before


@on_gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="this needs two GPUs")
def test_two_gpus_with_statistics_over_both_learn_what_one_gpu_learns(tmp_path):
    runs = {"one": 1, "two": 2}
    for name, processes in runs.items():
        options = {
            "clips": 12,
            "epochs": 2,
            "dropout": 0.0,
            "device": "cuda",
            "precision": "fp32",
            "sync_batchnorm": True,
        }
        launch(SCRIPT, str(tmp_path / name), json.dumps(options), processes=processes)
    tables = [History.read(tmp_path / name / "history.jsonl").table for name in runs]
    assert tables[1]["live_loss"].to_numpy() == pytest.approx(tables[0]["live_loss"].to_numpy(), abs=0.02, nan_ok=True)


def test_an_epochs_seconds_count_what_the_device_has_still_to_do(monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr(epochs.time, "perf_counter", lambda: next(clock))
    waited = []
    monkeypatch.setattr(epochs, "wait_for", lambda device: waited.append(next(clock)))
    history = fit(tiny_model(), Tiny(12), epochs=1, device="cpu", **RECIPE)
    assert len(waited) == 1
    assert history.table["seconds"].tolist() == [waited[0] + 1]


@pytest.mark.slow
def test_without_a_gpu_the_benchmark_says_so_in_one_line_and_is_no_failure():
    done = benchmark(CUDA_VISIBLE_DEVICES="")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1), done.stderr
    assert done.stdout.startswith("no GPU: torch sees none here")


def test_a_batch_that_does_not_fit_is_halved_until_it_does(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARK.parent))
    gpu = importlib.import_module("gpu")
    tried = []

    def rows(network, bench, peak):
        tried.append(network.batch)
        if network.batch > 2:
            raise TooLittleMemoryError("it does not fit")
        return [(network.title, "fits", "–")]

    monkeypatch.setattr(gpu, "speed_rows", rows)
    monkeypatch.setattr(gpu, "limit_row", lambda network, bench: (network.title, "limit", "–"))
    bench = gpu.Bench(gpu.SIZES["tiny"], torch.device("cpu"), 1, time.monotonic())
    found = gpu.measure(gpu.Network("i3d", SPEC, batch=8, width=4), bench, 1.0)
    assert tried == [8, 4, 2]
    assert [figure for _, figure, _ in found] == ["fits", "limit"]
    late = gpu.Bench(gpu.SIZES["tiny"], torch.device("cpu"), 1, time.monotonic() - gpu.LIMIT - 1)
    assert "8 minutes were over" in gpu.measure(gpu.Network("i3d", SPEC, batch=8, width=4), late, 1.0)[0][1]


@pytest.mark.slow
def test_the_benchmark_prints_a_row_for_everything_that_it_measures():
    done = benchmark("--device", "cpu", "--size", "tiny", "--rounds", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")][1:]
    what = "\n".join(row[0] for row in rows)
    for part in ("notebook 04", "resnet18, 2×3×4×16×16: `fit`", "i3d, 2×3×8×32×32: `fit`", "with torch.compile",
                 "without channels last", "normalised on the CPU", "the limit is", "TF32"):  # fmt: skip
        assert part in what
    assert all("clips/s" in row[1] or "times as fast" in row[1] or "TFLOP/s" in row[1] for row in rows)
