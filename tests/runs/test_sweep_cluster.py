"""Sweeps with real kernels, on a real scheduler with two workers and on this machine: killed, stopped, out of room."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import psutil
import pytest
from dask_cluster import cluster
from toy_course import write_notebook

import labkit
from labkit.records import Run
from labkit.runs.workers import connected_workers

PARAMETERS = 'seed: int = 0  # a seed\nwait: float = 0.0\nout: str = ""  # folder'
RECORDS = """\
import os, time
from labkit.runs.results import record
mkl = "MKL_NUM_THREADS" in os.environ
record(out, double=2 * seed, threads=int(os.environ["OMP_NUM_THREADS"]), set_by_dask=mkl)
time.sleep(wait)"""


def notebook(folder: Path, code: str = RECORDS) -> Path:
    return write_notebook(folder / "07_toy.ipynb", ["# 07 Toy", code], PARAMETERS)


def started(folder: Path, *options: str, **settings) -> "subprocess.Popen[str]":
    """`labkit sweep` of the toy notebook into `folder/sweep`."""
    command = [sys.executable, "-m", "labkit", "sweep", "07_toy.ipynb", "--folder", "sweep", *options]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, **pipes, **settings)


def runs(folder: Path) -> list[Run]:
    found = [Run.open(path.parent) for path in (folder / "sweep").glob("07_toy-*/run.json")]
    return sorted(found, key=lambda run: run.parameters["seed"])


def states(folder: Path) -> list[str]:
    return [run.status for run in runs(folder)]


def first_under_way(process: "subprocess.Popen[str]", folder: Path) -> Run:
    """The run that has come to its last line, in which it waits."""
    while not (found := [run for run in runs(folder) if run.results and run.status == "running"]):
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    return found[0]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with cluster(tmp_path_factory.mktemp("dask"), [{}, {}]) as found:
        yield found


pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to a child, and has no SIGKILL")


@pytest.mark.slow
def test_a_cluster_does_the_same_sweep_and_it_ends_with_a_table_and_a_page(tmp_path, address):
    notebook(tmp_path)
    process = started(tmp_path, "--grid", "seed=0..1", "--scheduler", address, "--threads", "3")
    printed, said = process.communicate()
    assert process.returncode == 0, said
    found = runs(tmp_path)
    assert [run.results for run in found] == [{"double": 2 * n, "threads": 3, "set_by_dask": False} for n in (0, 1)]
    assert all({"versions", "hardware", "code"} <= set(run.about) and run.about["threads"] == 3 for run in found)
    table, page = printed.splitlines()
    assert sorted(pd.read_parquet(table)["result.double"]) == [0.0, 2.0]
    assert "07_toy" in Path(page).read_text()
    assert "2 done (0 before), 0 failed, 0 not run" in said


@pytest.mark.slow
def test_a_killed_worker_takes_its_run_along_and_no_other_and_the_next_call_runs_the_rest(tmp_path, address):
    notebook(tmp_path)
    process = started(tmp_path, "--grid", "wait=0,600", "--scheduler", address)
    run = first_under_way(process, tmp_path)
    while run.parameters["wait"] != 600:
        run = first_under_way(process, tmp_path)
    own = psutil.Process(run.about["process"]["pid"])
    kernel = own.children(recursive=True)
    assert kernel
    own.parent().kill()
    _, said = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "wait=600: died: its worker was killed" in said
    assert "1 done (0 before), 1 failed, 0 not run" in said
    assert psutil.wait_procs([own, *kernel], timeout=60)[1] == []
    assert {run.parameters["wait"]: run.status for run in runs(tmp_path)} == {0.0: "done", 600.0: "interrupted"}


@pytest.mark.slow
def test_runs_on_a_cluster_end_when_the_sweep_is_killed(tmp_path, address):
    notebook(tmp_path)
    process = started(tmp_path, "--grid", "wait=600", "--scheduler", address)
    run = first_under_way(process, tmp_path)
    own = psutil.Process(run.about["process"]["pid"])
    started_by_it = [own, *own.children(recursive=True)]
    process.kill()
    process.communicate()
    assert psutil.wait_procs(started_by_it, timeout=60)[1] == []
    assert states(tmp_path) == ["interrupted"]


@pytest.mark.slow
def test_ctrl_c_once_ends_after_the_run_under_way_and_the_same_command_runs_the_rest_once(tmp_path):
    notebook(tmp_path)
    options = ("--grid", "seed=0..2", "-p", "wait=3", "--workers", "1")
    process = started(tmp_path, *options)
    run = first_under_way(process, tmp_path)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "1 done (0 before), 0 failed, 2 not run" in said
    assert said.splitlines()[-1] == "labkit: stopped; the same command goes on"
    assert "Traceback" not in said
    begun = Run.open(run.folder).about["started"]
    again = started(tmp_path, *options)
    _, said = again.communicate(timeout=300)
    assert again.returncode == 0
    assert "3 done (1 before)" in said
    assert states(tmp_path) == ["done"] * 3
    assert Run.open(run.folder).about["started"] == begun
    assert not (tmp_path / "sweep" / ".aside").exists()


@pytest.mark.slow
def test_ctrl_c_twice_stops_at_once_and_keeps_what_the_run_had(tmp_path):
    notebook(tmp_path)
    process = started(tmp_path, "--grid", "seed=0..2", "-p", "wait=600", "--workers", "1")
    first_under_way(process, tmp_path)
    process.send_signal(signal.SIGINT)
    assert process.stderr
    lines = iter(process.stderr)
    assert any("Ctrl-C again stops them at once" in line for line in lines)
    process.send_signal(signal.SIGINT)
    said = "".join(lines)
    process.communicate(timeout=300)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "labkit: stopped"
    assert "Traceback" not in said
    assert states(tmp_path) == ["interrupted"]


@pytest.mark.slow
def test_a_full_disk_ends_the_sweep_with_one_message_and_keeps_what_is_done(tmp_path):
    def limit() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # as a full disk: writing fails

    notebook(tmp_path, f"{RECORDS}\nprint('a' * 200_000 * (seed == 1))")
    process = started(tmp_path, "--grid", "seed=0..5", "--workers", "1", preexec_fn=limit)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 1
    assert said.count("no room on the disk") == 1
    assert "make some, then the same command goes on" in said.splitlines()[-1]
    assert "File too large" in said.splitlines()[-1]
    assert "Traceback" not in said
    assert states(tmp_path)[:2] == ["done", "failed"]
    assert "done" not in states(tmp_path)[2:]


def test_a_scheduler_that_does_not_answer_is_named(tmp_path):
    with (
        pytest.raises(ConnectionError, match=r"no Dask scheduler at tcp://127\.0\.0\.1:9: it does not answer"),
        connected_workers("tcp://127.0.0.1:9"),
    ):
        pass
    with pytest.raises(ConnectionError, match="no Dask scheduler at head: missing port"), connected_workers("head"):
        pass


def test_another_program_at_the_address_is_named_and_not_waited_for(address):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes the connection and says nothing
        where = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ConnectionError, match=f"{where}: it does not answer"), connected_workers(where):
            pass
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as web:  # as Dask's own dashboard
        threading.Thread(target=web.serve_forever, daemon=True).start()
        where = f"tcp://127.0.0.1:{web.server_port}"
        with pytest.raises(ConnectionError, match=f"there is no Dask scheduler at {where}"), connected_workers(where):
            pass
        web.shutdown()
    with connected_workers(address) as found:
        worker = next(iter(found.client.nthreads()))
    with (
        pytest.raises(ConnectionError, match="the address of a Worker of Dask, not of its scheduler"),
        connected_workers(worker),
    ):
        pass


@pytest.mark.slow
def test_workers_with_other_code_without_labkit_or_without_the_folder_are_named_before_anything_starts(tmp_path):
    other, without = tmp_path / "other", tmp_path / "without"
    package = Path(labkit.__file__).parent
    shutil.copytree(package, other / "labkit", ignore=shutil.ignore_patterns("__pycache__"))
    clip = other / "labkit" / "clip.py"
    clip.write_text(clip.read_text() + "\n")
    (without / "labkit").mkdir(parents=True)
    (without / "labkit" / "__init__.py").touch()
    with (
        cluster(tmp_path, [{"PYTHONPATH": str(path)} for path in (other, without)]) as address,
        pytest.raises(RuntimeError) as caught,
        connected_workers(address),
    ):
        pass
    said = str(caught.value)
    assert said.startswith("2 machines cannot take part: tcp://127.0.0.1:")
    assert "has another version of labkit's code or of torch" in said
    assert "has no labkit, or an older one" in said


@pytest.mark.slow
def test_workers_say_how_many_runs_they_do_and_which_have_a_gpu(tmp_path):
    with (
        cluster(tmp_path, [{}], "--nthreads", "3", "--resources", "GPU=1") as address,
        connected_workers(address) as found,
    ):
        assert (found.slots, len(found.gpus)) == (3, 1)
        assert found.threads >= 1


def test_a_worker_that_does_not_see_the_folder_is_named(tmp_path, address):
    with (
        pytest.raises(RuntimeError, match=f"does not see the folder {tmp_path / 'absent'}"),
        connected_workers(address, folders=[tmp_path, tmp_path / "absent"]),
    ):
        pass
