"""Benchmarks still run: the smallest sizes, without their figures."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="the benchmark ends its cluster by signals")
def test_the_benchmark_of_sweeps_counts_points_and_the_schedulers_memory():
    command = [sys.executable, str(BENCHMARKS / "sweep.py"), "--part", "points", "--tiny"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line.split()[0] for line in done.stdout.splitlines() if line[:2] in ("20", "50")]
    assert rows == ["20", "50"]
    assert "the scheduler's memory in MiB" in done.stdout


@pytest.mark.slow
def test_the_benchmark_of_the_index_measures_headers_opening_and_the_cache():
    command = [sys.executable, str(BENCHMARKS / "dataset_index.py"), "--tiny"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for line in ("kinetics.mp4", "opening again, s", "private memory a worker needs more, MiB", "megapixels a second"):
        assert line in done.stdout


@pytest.mark.slow
def test_the_benchmark_of_shards_compares_them_with_loose_files_and_webdataset():
    pytest.importorskip("webdataset")
    command = [sys.executable, str(BENCHMARKS / "shards.py"), "--tiny"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "8 videos of 20 frames" in done.stdout
    rows = [line for line in done.stdout.splitlines() if line.startswith(("loose files,", "shards,", "webdataset,"))]
    assert len(rows) == 5
    assert done.stdout.count("shards against loose files") == 2


@pytest.mark.slow
def test_the_benchmark_of_prediction_gives_the_same_scores_as_a_loop_by_hand():
    command = [sys.executable, str(BENCHMARKS / "predict.py"), "--tiny"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "the same scores: yes" in done.stdout
    assert "over_time, of the loop's rate" in done.stdout
