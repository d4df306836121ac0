"""Sweeps: grids are checked first, nothing runs twice, and workers, schedulers and disks may fail."""

import io
import json
import os
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from distributed import Client
from rich.console import Console
from toy_course import write_notebook
from typer.testing import CliRunner

from labkit.cli import app
from labkit.course.sweep_page import write_page
from labkit.runs import provenance, stop_mark, workers
from labkit.runs.grid import Grid, read_grid
from labkit.runs.key import Keys
from labkit.runs.many import ManyRuns
from labkit.runs.notebook import NotebookError
from labkit.runs.point import Job, Outcome, execute, outcome_of
from labkit.runs.runs_parquet import arrow_table
from labkit.runs.spread import read_sweep
from labkit.runs.sweep import SweepError, Tally, jobs_of, kept_threads, sweep, sweep_folder, sweep_in
from labkit.runs.workers import Workers, local_workers, visible_gpus
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
    about = {
        "status": "failed" if failed else "done",
        "parameters": dict(job.parameters),
        "error": {"message": "unlucky"},
    }
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
        (["rate=1,nan"], {}, "the grid has rate=nan, and nan does not equal itself"),
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
        assert sweep_folder(replace(found, parameters={"epochs": 3})) == place  # which is the default
        assert sweep_folder(replace(found, axes={"seed": [1]})) == place
        assert sweep_folder(replace(found, parameters={"epochs": 1})).name == "07_toy-2"
    notebook(tmp_path, "pass")
    assert sweep_folder(found).name == "07_toy-2"  # numbers of other code are other numbers


def test_another_grid_extends_a_sweep_and_the_done_points_are_not_run_again(tmp_path, two_workers):
    place = tmp_path / "sweep"
    sweep(grid(tmp_path, "seed=0..1", epochs="3"), place, two_workers, work=note)
    more = sweep(grid(tmp_path, "seed=0..3"), place, two_workers, work=note)  # 3 epochs are the default
    assert (more.done, more.there) == (4, 2)
    wide = sweep(grid(tmp_path, "rate=0.25,0.5", "seed=0..3"), place, two_workers, work=note)  # 0.5 is the default
    assert (wide.done, wide.there) == (8, 4)
    assert made(place) == sorted("01230123")
    about = json.loads((place / "sweep.json").read_text())
    assert about["axes"] == {"seed": [0, 1, 2, 3], "rate": [0.25, 0.5]}
    assert about["parameters"] == {"epochs": 3}
    assert sweep(grid(tmp_path, "seed=2"), place, two_workers, work=note).there == 1
    assert json.loads((place / "sweep.json").read_text()) == about


def test_the_table_and_the_page_of_an_extended_sweep_have_all_points(tmp_path, two_workers):
    place = tmp_path / "sweep"
    for rates in ("rate=0.5,2", "rate=1"):
        sweep(grid(tmp_path, rates, "seed=0..1"), place, two_workers, work=note)
    found = read_sweep(place)
    assert (found.axes, found.seeds, len(found.done)) == ({"rate": [0.5, 1.0, 2.0]}, [0, 1], 6)
    assert sorted(arrow_table(place)["param.rate"].to_pylist()) == [0.5, 0.5, 1.0, 1.0, 2.0, 2.0]
    assert "0.5, 1.0, 2.0" in write_page(place).read_text()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"notebook": "04_other.ipynb"}, "holds a sweep of 04_other.ipynb"),
        ({"key": "0"}, "the notebook's code has changed since the sweep in "),
        ({"key": "0", "version": "0"}, "labkit's code, torch or the notebook have changed since the sweep in "),
        ({"threads": 2}, "has 2 threads, and numbers depend on them: leave --threads out"),
        ({"axes": [1]}, "sweep.json is not of a sweep. Remove it, and its runs are found by their names"),
    ],
)
def test_a_sweep_of_other_code_or_threads_is_not_extended_and_the_reason_is_named(tmp_path, change, said):
    found, place = grid(tmp_path), tmp_path / "sweep"
    with sweep_in(place, found, 1):
        pass
    about = json.loads((place / "sweep.json").read_text()) | change
    (place / "sweep.json").write_text(json.dumps(about))
    with (
        pytest.raises(SweepError, match=f"{re.escape(said)}.*give another --folder"),
        sweep_in(place, replace(found, axes={"seed": [9]}), 1),
    ):
        pass
    assert json.loads((place / "sweep.json").read_text()) == about
    with pytest.raises(SweepError, match=re.escape(said)) if "threads" not in change else nullcontext():
        sweep_folder(found, place)


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
    for _, outcome in many.outcomes(jobs_of(found, tmp_path / "sweep", two_workers)):
        seen.append(outcome.status)
        many.stop()
    assert seen.count("stop") == 1
    assert seen.count("done") == len(made(tmp_path / "sweep")) <= 2 * two_workers.slots
    assert not [path for path in (tmp_path / "sweep").glob("07_toy-*") if not (path / "run.json").exists()]


def hold(job: Job) -> Outcome:
    """A run that has begun, and writes nothing before the file `go` is there."""
    (job.place.parent / f"begun-{job.parameters['seed']}").touch()
    while not (job.place.parent / "go").exists():
        time.sleep(0.01)
    return note(job)


def test_a_run_that_has_begun_and_written_nothing_goes_on_after_stop(tmp_path, two_workers):
    place, many = tmp_path / "sweep", ManyRuns(two_workers, work=hold)
    place.mkdir()

    def stop_and_go() -> None:
        while len([*place.glob("begun-*")]) < 2:
            time.sleep(0.01)
        many.stop()
        while not all(two_workers.client.run(is_marked, many._name).values()):
            time.sleep(0.01)
        (place / "go").touch()

    with ThreadPoolExecutor() as pool:
        pool.submit(stop_and_go)
        ended = [outcome.status for _, outcome in many.outcomes(jobs_of(grid(tmp_path), place, two_workers))]
    assert ended == ["done", "done"]
    assert len([*place.glob("begun-*")]) == 2


def test_workers_that_come_later_take_part(tmp_path):
    place = tmp_path / "sweep"
    place.mkdir()
    quiet = {"dashboard_address": "127.0.0.1:0", "silence_logs": 50, "set_as_default": False}
    with Client(n_workers=1, threads_per_worker=1, processes=False, **quiet) as client:
        many = ManyRuns(Workers(1, 1, (), client), work=hold)

        def grow_and_go() -> None:
            while not [*place.glob("begun-*")]:
                time.sleep(0.01)
            client.cluster.scale(3)
            while len([*place.glob("begun-*")]) < 3:  # two were handed out for one worker
                time.sleep(0.01)
            (place / "go").touch()

        with ThreadPoolExecutor() as pool:
            pool.submit(grow_and_go)
            ended = [*many.outcomes(jobs_of(grid(tmp_path), place, many.workers))]
    assert [outcome.status for _, outcome in ended] == ["done"] * 4
    assert many.workers.slots == 3


@pytest.mark.parametrize("part", ["place", "home"])
def test_a_run_on_a_worker_that_does_not_see_a_folder_has_failed(tmp_path, part):
    job = Job(notebook(tmp_path), {"seed": 1}, tmp_path / "run", 1, tmp_path)
    job = replace(job, **{part: tmp_path / "absent" / "run"})
    outcome = execute(job)
    assert outcome.status == "failed"
    assert f"does not see the folder {tmp_path / 'absent'}" in outcome.why
    assert not (tmp_path / "absent").exists()


def is_marked(name: str) -> bool:
    return name in stop_mark._marks


def test_stop_ends_a_sweep_that_no_worker_is_left_for(tmp_path):
    quiet = {"dashboard_address": "127.0.0.1:0", "silence_logs": 50, "set_as_default": False}
    with Client(n_workers=0, host="127.0.0.1", **quiet) as client:
        many = ManyRuns(Workers(2, 1, (), client), work=note)
        jobs = jobs_of(grid(tmp_path), tmp_path, many.workers)
        threading.Timer(0.5, many.stop).start()
        assert [*many.outcomes(jobs)] == []


def command(folder: Path, *options: str, answer: str = ""):
    """`labkit sweep` of the toy notebook in `folder`, in this process."""
    return CliRunner().invoke(app, ["sweep", str(notebook(folder)), *options], input=answer)


def test_a_dry_run_writes_the_points_and_starts_nothing(tmp_path):
    options = (
        "--grid",
        "rate=0.1,0.2",
        "--grid",
        "seed=0..2",
        "-p",
        "epochs=1",
        "--dry-run",
        "--folder",
        str(tmp_path),
    )
    done = command(tmp_path, *options)
    assert done.exit_code == 0
    assert f"6 points in {tmp_path}: to run 6" in done.stderr
    assert done.stdout.split() == [str(tmp_path / "params.yaml")]
    points = yaml.safe_load((tmp_path / "params.yaml").read_text())
    assert points[0] == {"epochs": 1, "rate": 0.1, "seed": 0}
    assert len(points) == 6
    assert command(tmp_path, *options).exit_code == 0  # the same file is not written again
    other = command(tmp_path, "--grid", "seed=1", "--dry-run", "--folder", str(tmp_path))
    assert other.exit_code == 2
    assert "params.yaml exists already; move it, or give --folder" in other.stderr


def test_a_dry_run_says_how_many_points_are_done(tmp_path, two_workers):
    place = tmp_path / "sweep"
    sweep(grid(tmp_path, "seed=10..14"), place, two_workers, work=note)
    options = ("--grid", "seed=10..19", "--dry-run", "--folder", str(place))
    assert "10 points in" in (said := command(tmp_path, *options).stderr)
    assert "sweep: done 4, failed 1, to run 5\n" in said
    assert "sweep: done 4, failed 1, to run 6\n" in command(tmp_path, *options, "--retry-failed").stderr


@pytest.mark.parametrize("answer", ["", "n\n", "perhaps\n"])
def test_ten_thousand_points_are_asked_about_first(tmp_path, answer):
    done = command(tmp_path, "--grid", "seed=1..10000", "--folder", str(tmp_path / "sweep"), answer=answer)
    assert done.exit_code == 1
    assert "this grid has 10,000 points; run them all (y, n) [n]:" in done.stderr
    assert "nothing was started; --yes runs them without asking" in done.stderr
    assert not (tmp_path / "sweep").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--grid", "sed=1"], "did you mean 'seed'?"),
        ([], "the grid is empty"),
        (["--grid", "seed=1", "--workers", "2", "--scheduler", "x:1"], "give one of them"),
        (["--grid", "seed=1", "--folder", "{}/07_toy.ipynb"], "07_toy.ipynb is a file: give a folder"),
    ],
)
def test_a_wrong_sweep_is_one_line_and_leaves_no_folder(tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    done = command(tmp_path, *(option.format(tmp_path) for option in options))
    assert done.exit_code == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["07_toy.ipynb"]


def test_a_grid_for_cuda_needs_a_worker_with_a_gpu_and_auto_takes_one(tmp_path, monkeypatch):
    found = Grid(notebook(tmp_path), {"device": ["cuda", "cpu", "auto"]}, {})
    with pytest.raises(SweepError, match="no worker has a GPU"):
        sweep(found, tmp_path / "sweep", Workers(1, 1))
    for gpus, wants in {(): [True, False, False], ("0",): [True, False, True]}.items():
        jobs = [*jobs_of(found, tmp_path, Workers(1, 1, gpus))]
        assert [job.gpu for job in jobs] == wants
        assert [job.place.name.rsplit("-", 1)[1] for job in jobs] == ["cuda", "cpu", "cuda" if gpus else "auto"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, 5")
    assert visible_gpus() == ["2", "5"]


def where(job: Job) -> Outcome:
    return Outcome("done", os.environ["CUDA_VISIBLE_DEVICES"])


def test_each_worker_of_this_machine_has_a_gpu_of_its_own(tmp_path):
    with local_workers(8, gpus=["2", "5"]) as found:
        assert found.slots == 2
        jobs = jobs_of(Grid(notebook(tmp_path), {"seed": [*range(6)]}, {"device": "cuda"}), tmp_path, found)
        used = [outcome.why for _, outcome in ManyRuns(found, work=where).outcomes(jobs)]
    assert len(used) == 6
    assert {*used} == {"2", "5"}


def test_the_cores_of_a_machine_are_shared_out_among_its_workers_and_the_least_share_counts():
    def worker(host, cores, slots=1):
        return {"host": host, "cores": cores, "slots": slots}

    here, there = worker("a", [0, 1, 2, 3]), worker("b", [*range(16)])
    assert workers._share([worker("a", [0, 1, 2, 3], 2)]) == 2
    assert workers._share([here, worker("a", [0, 1, 2, 3], 2)]) == 1
    assert workers._share([here, there]) == 4
    assert workers._share([here, worker("a", [4, 5, 6, 7])]) == 4  # a cluster gives each its own cores of one machine


def test_the_time_left_is_that_of_the_runs_that_ran(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("labkit.terminal.time.monotonic", lambda: now[0])
    lines = io.StringIO()
    shown, tally = SweepProgress(Console(file=lines, width=200), 8), Tally(8)
    job = Job(tmp_path, {"seed": 1}, tmp_path, 1, tmp_path)
    for seconds, outcome in (
        (0, Outcome("done", new=False)),
        (60, Outcome("done")),
        (60, Outcome("failed", "unlucky")),
    ):
        now[0] += seconds
        tally.count(job, outcome)
        shown.ended(tally, job, outcome)
    assert lines.getvalue().splitlines() == [
        "2 of 8 runs, 1 done before, about 6 min left",
        "seed=1: failed: unlucky",
        "3 of 8 runs, 1 failed, 1 done before, about 5 min left",
    ]


def test_a_scheduler_that_does_not_answer_leaves_no_folder(tmp_path):
    ended = command(
        tmp_path, "--grid", "seed=0,1", "--scheduler", "tcp://127.0.0.1:9", "--folder", str(tmp_path / "sweep")
    )
    assert ended.exit_code == 1
    assert "there is no Dask scheduler" in ended.stderr
    assert not (tmp_path / "sweep").exists()
