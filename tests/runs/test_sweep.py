"""Sweeps: grids are checked first, nothing runs twice, and workers, schedulers and disks may fail."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from toy_course import write_notebook

from labkit.records import Run
from labkit.runs import provenance, workers
from labkit.runs.grid import Grid, read_grid
from labkit.runs.key import Keys
from labkit.runs.many import ManyRuns
from labkit.runs.notebook import NotebookError
from labkit.runs.point import Job, Outcome, outcome_of
from labkit.runs.sweep import SweepError, kept_threads, sweep, sweep_folder, sweep_in
from labkit.runs.workers import Workers, connected_workers, local_workers
from labkit.terminal import SweepProgress

PARAMETERS = """\
seed: int = 0  # a seed
rate: float = 0.5
sizes: list[int] = [1]
depths: str = "10, 18"
wait: float = 0.0
epochs: int = 3
device: str = "auto"  # where
out: str = ""  # folder"""
RECORDS = """\
import os, time
from labkit.runs.results import record
record(out, double=2 * seed, threads=int(os.environ["OMP_NUM_THREADS"]), mkl="MKL_NUM_THREADS" in os.environ)
time.sleep(wait)"""


def notebook(folder: Path, code: str = RECORDS) -> Path:
    return write_notebook(folder / "07_toy.ipynb", ["# 07 Toy", code], PARAMETERS)


def note(job: Job) -> Outcome:
    """What a worker does in the quick tests: a run's folder without a kernel, with a line for each time it is made."""
    if before := outcome_of(job.place):
        return before
    job.place.mkdir()
    with (job.place.parent / "made.txt").open("a") as file:
        file.write(f"{job.parameters['seed']}\n")
    failed = job.parameters["seed"] == 13
    about = {"status": "failed" if failed else "done", "parameters": dict(job.parameters), "error": {"message": "unlucky"}}
    (job.place / "run.json").write_text(json.dumps(about))
    return Outcome(about["status"], "unlucky" if failed else "")


def die(job: Job) -> Outcome:
    """A run that kills its worker if its seed is 2: at its first try only, before it has begun, if its seed is 1."""
    marker = job.place.parent / f"tried-{job.parameters['seed']}"
    first = not marker.exists()
    marker.touch()
    if job.parameters["seed"] == 2:
        job.place.mkdir()
        about = {"status": "running", "process": {"host": provenance.platform.node(), "pid": 0, "since": 0}}
        (job.place / "run.json").write_text(json.dumps(about))
        os._exit(1)
    if job.parameters["seed"] == 1 and first:
        os._exit(1)
    return note(job)


def grid(folder: Path, *axes: str, **given) -> Grid:
    return read_grid(notebook(folder), axes or ["seed=0..3"], given)


@pytest.fixture(scope="module")
def two_workers():
    with local_workers(2) as found:
        yield found


def made(folder: Path) -> list[str]:
    return sorted((folder / "made.txt").read_text().split())


def test_an_axis_has_values_and_ranges_and_the_last_axis_varies_fastest(tmp_path):
    found = grid(tmp_path, "rate=0.1, 0.2", "seed=0..1,7", "depths=10,18;34", epochs="5")
    assert len(found) == 12
    points = [*found.points()]
    assert points[0] == {"epochs": 5, "rate": 0.1, "seed": 0, "depths": "10,18"}
    assert [point["seed"] for point in points[:6]] == [0, 0, 1, 1, 7, 7]
    assert [*grid(tmp_path, "sizes=1,2;3").points()] == [{"sizes": [1, 2]}, {"sizes": [3]}]


@pytest.mark.parametrize(
    ("axes", "given", "said"),
    [
        ([], {}, "the grid is empty: give at least one --grid name=values"),
        (["seed="], {}, "the grid is empty: seed has no values"),
        (["seed=4..0"], {}, "the grid is empty: seed=4..0 counts down; write 0..4"),
        (["seed=0..9999999999"], {}, "10,000,000,000 values of seed; at most 1,000,000"),
        (["sed=0..4"], {}, "has no parameter 'sed'; did you mean 'seed'?"),
        (["seed=1,two"], {}, "the parameter 'seed' takes int, not 'two'"),
        (["seed=1,2,1"], {}, "the grid has seed=1 twice"),
        (["seed=1", "seed=2"], {}, "given twice"),
        (["seed=1"], {"seed": "2"}, "'seed' is given by --grid and by -p"),
        (["out=a,b"], {}, "each run of a sweep has a folder of its own"),
        (["seed=1"], {"epcohs": "2"}, "did you mean 'epochs'?"),
        (["epochs=1,-1"], {}, "epochs: must be at least 0"),
        (["device=cpu,cdua"], {}, "device: "),
    ],
)
def test_a_wrong_grid_is_refused_with_what_would_be_right(tmp_path, axes, given, said):
    with pytest.raises(NotebookError, match=re.escape(said)):
        read_grid(notebook(tmp_path), axes, given)


def test_a_key_depends_on_parameters_and_code_and_on_no_prose(tmp_path):
    path = notebook(tmp_path)
    key = Keys(path).of({"seed": 1})
    assert Keys(path).of({"seed": 2}) != key
    path.write_text(path.read_text().replace("# 07 Toy", "# Seven"))
    assert Keys(path).of({"seed": 1}) == key
    notebook(tmp_path, RECORDS + "\n1 + 1")
    assert Keys(path).of({"seed": 1}) != key


def test_done_points_are_not_run_again_and_failed_ones_on_request(tmp_path, two_workers):
    found, place = grid(tmp_path, "seed=10..14"), tmp_path / "sweep"
    first = sweep(found, place, two_workers, work=note)
    assert (first.done, first.there, [job.parameters["seed"] for job, _ in first.failed]) == (4, 0, [13])
    assert first.failed[0][1].why == "unlucky"
    again = sweep(found, place, two_workers, work=note)
    assert (again.done, again.there, len(again.failed)) == (4, 4, 1)
    assert made(place) == ["10", "11", "12", "13", "14"]
    sweep(found, place, two_workers, work=note, retry_failed=True)
    assert made(place) == ["10", "11", "12", "13", "13", "14"]
    assert len([*(place / ".aside").iterdir()]) == 1  # what failed is kept


def test_a_dead_run_is_moved_aside_and_run_again_once(tmp_path, two_workers):
    found, place = grid(tmp_path), tmp_path / "sweep"
    sweep(found, place, two_workers, work=note)
    dead = sorted(place.glob("07_toy-*"))[0]
    (dead / "run.json").write_text('{"status": "interrupted"}')
    (dead / "results.json").write_text("{}")
    assert sweep(found, place, two_workers, work=note).done == 4
    assert len(made(place)) == 5
    assert [path.name for path in (place / ".aside").iterdir()] == [f"{dead.name}-1"]
    assert not (dead / "results.json").exists()


def test_a_run_that_kills_its_worker_has_failed_and_the_others_go_on(tmp_path, two_workers):
    tally = sweep(grid(tmp_path, "seed=0..5"), tmp_path / "sweep", two_workers, work=die)
    assert [(job.parameters["seed"], one.status, one.why) for job, one in tally.failed] == [
        (2, "died", "its worker was killed")
    ]
    assert made(tmp_path / "sweep") == ["0", "1", "3", "4", "5"]  # 1 had not begun when its worker was lost


def test_the_same_sweep_has_the_same_folder_and_threads_and_another_sweep_a_new_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = grid(tmp_path)
    place = sweep_folder(found)
    assert place == tmp_path / "runs" / "sweeps" / "07_toy-1"
    with sweep_in(place, found, 3):
        assert sweep_folder(found) == place
        assert kept_threads(place) == 3
        other = replace(found, parameters={"epochs": 1})
        assert sweep_folder(other).name == "07_toy-2"
        with pytest.raises(SweepError, match="holds another sweep"):
            sweep_folder(other, place)
    notebook(tmp_path, "pass")
    assert sweep_folder(found).name == "07_toy-2"  # numbers of other code are other numbers


def test_of_two_sweeps_in_one_folder_the_second_is_refused(tmp_path):
    found = grid(tmp_path)
    with (
        sweep_in(tmp_path / "sweep", found, 1),
        pytest.raises(SweepError, match=f"another sweep runs in {tmp_path}"),
        sweep_in(tmp_path / "sweep", found, 1),
    ):
        pass
    with sweep_in(tmp_path / "sweep", found, 1):  # the lock is free again
        assert json.loads((tmp_path / "sweep" / "sweep.json").read_text())["axes"] == {"seed": [0, 1, 2, 3]}


def test_after_stop_no_run_starts_and_those_under_way_end(tmp_path, two_workers):
    found, seen = grid(tmp_path, "seed=0..99"), []
    many = ManyRuns(two_workers, on_stop=lambda: seen.append("stop"), work=note)
    (tmp_path / "sweep").mkdir()
    from labkit.runs.sweep import jobs_of

    for job, outcome in many.outcomes(jobs_of(found, tmp_path / "sweep", two_workers)):
        seen.append(outcome.status)
        many.stop()
    assert seen[:2] == ["done", "stop"] or "stop" in seen
    assert set(seen) == {"done", "stop"}
    assert len(made(tmp_path / "sweep")) < 10
    assert not [path for path in (tmp_path / "sweep").glob("07_toy-*") if not (path / "run.json").exists()]
