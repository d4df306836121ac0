"""Runs with real kernels: what a run leaves when it ends well, fails, hangs, is stopped or killed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from toy_course import write_notebook

from labkit.records import Run
from labkit.runs.execute import RunFailed, run_notebook
from labkit.runs.notebook import NotebookError
from labkit.runs.table import runs_table, status

PARAMETERS = 'seed: int = 0  # a seed\nwait: float = 0.0\nout: str = ""  # folder'
RECORDS = "from labkit.runs.results import record\nrecord(out, double=2 * seed)"


def notebook(folder: Path, *parts: str) -> Path:
    return write_notebook(folder / "07_toy.ipynb", ["# 07 Toy", *parts], PARAMETERS)


def test_a_run_keeps_the_notebook_its_numbers_and_how_they_came_about(tmp_path):
    steps = []
    path = notebook(tmp_path, "print('hello')", "## Then", RECORDS)
    run = run_notebook(path, {"seed": "3"}, tmp_path / "run", on_step=steps.append)
    assert run.results == {"double": 6}
    assert Run.open(run.folder).about == run.about
    assert run.status == "done"
    assert run.parameters == {"seed": 3, "wait": 0.0, "out": "."}
    assert run.about["changed"] == {"seed": 3}
    assert run.about["seed"] == 3
    assert {"torch", "python", "labkit"} <= set(run.about["versions"])
    assert run.about["hardware"]["cores"] >= 1
    assert (run.folder / "log.txt").read_text() == "hello\n"
    assert [step.cell for step in steps] == [*range(1, 7)]
    assert (steps[-1].heading, steps[-1].cells) == ("Then", 6)


def test_a_run_computes_with_the_threads_asked_for_and_says_so(tmp_path):
    path = notebook(
        tmp_path, "import torch\nfrom labkit.runs.results import record\nrecord(out, n=torch.get_num_threads())"
    )
    run = run_notebook(path, None, tmp_path / "run", threads=1)
    assert run.results == {"n": 1}
    assert run.about["threads"] == 1


def test_a_kernel_waits_briefly_and_has_the_number_of_threads_that_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    read = "import os\nfrom labkit.runs.results import record\n"
    read += "record(out, spin=int(os.environ['GOMP_SPINCOUNT']), n=int(os.environ['OMP_NUM_THREADS']))"
    run = run_notebook(notebook(tmp_path, read), None, tmp_path / "run")
    assert run.results["n"] == run.about["threads"] == 2
    assert run.results["spin"] == int(os.environ["GOMP_SPINCOUNT"])  # which importing labkit set here


def test_no_path_of_this_machine_is_in_the_executed_notebook(tmp_path):
    run = run_notebook(notebook(tmp_path, "1 + 1"), None, tmp_path / "run")
    text = (run.folder / "07_toy.ipynb").read_text()
    assert str(tmp_path) not in text
    assert 'out = \\".\\"' in text


def test_a_wrong_parameter_leaves_no_folder(tmp_path):
    with pytest.raises(NotebookError, match="did you mean 'seed'"):
        run_notebook(notebook(tmp_path), {"sed": 1}, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_folder_with_a_run_is_not_overwritten(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(FileExistsError, match="holds a run already"):
        run_notebook(notebook(tmp_path), None, tmp_path)


def test_of_two_runs_at_once_one_gets_the_folder(tmp_path):
    path = notebook(tmp_path, RECORDS)
    command = [sys.executable, "-m", "labkit", "run", str(path), "--folder", str(tmp_path / "run")]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [process.communicate(timeout=60)[1] for process in both]
    assert sorted(process.returncode for process in both) == [0, 2]
    assert sum(f"labkit: {tmp_path / 'run'} holds a run already: give another folder" in said for said in errors) == 1
    assert Run.open(tmp_path / "run").results == {"double": 0}


def test_a_failed_run_names_cell_line_and_cause_and_keeps_what_it_had(tmp_path):
    path = notebook(tmp_path, RECORDS, "whole = 1\nwhole / 0", "print('never')")
    with pytest.raises(RunFailed, match=r"07_toy failed in cell \[4\] at `whole / 0`: ZeroDivisionError") as caught:
        run_notebook(path, None, tmp_path / "run")
    assert str(caught.value).count("\n") == 0
    run = Run.open(tmp_path / "run")
    assert (run.status, run.results) == ("failed", {"double": 0})
    assert run.about["error"]["exception"] == "ZeroDivisionError: division by zero"
    kept = nbformat.read(run.folder / "07_toy.ipynb", as_version=4)
    assert kept.cells[-1].outputs == []


def test_a_run_over_its_time_limit_fails_with_the_cell_it_was_in(tmp_path):
    path = notebook(tmp_path, "import time\nwhile True:\n    time.sleep(0.01)")
    with pytest.raises(RunFailed, match=r"stopped in cell \[3\], which starts `import time`: .* time limit of 6 s"):
        run_notebook(path, None, tmp_path / "run", time_limit=6)
    assert Run.open(tmp_path / "run").status == "failed"


def test_a_kernel_that_does_nothing_is_ended(tmp_path):
    path = notebook(tmp_path, "import time\ntime.sleep(1000)")
    with pytest.raises(RunFailed, match="the kernel hung: it did nothing for 4 s"):
        run_notebook(path, None, tmp_path / "run", stall_limit=4)


def test_a_kernel_that_dies_is_a_failed_run(tmp_path):
    path = notebook(tmp_path, "import os, signal\nos._exit(1)")
    with pytest.raises(RunFailed, match="the kernel died"):
        run_notebook(path, None, tmp_path / "run")


def start(folder: Path) -> subprocess.Popen:
    """A run in a process of its own, inside a cell that takes long."""
    path = notebook(
        folder, RECORDS, "import time\nprint('waiting', flush=True)\nfor _ in range(600):\n    time.sleep(0.1)"
    )
    command = [sys.executable, "-m", "labkit", "run", str(path), "--folder", str(folder / "run")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    log = folder / "run" / "log.txt"
    deadline = time.monotonic() + 90
    while not (log.is_file() and "waiting" in log.read_text()):
        assert process.poll() is None, process.stderr
        assert time.monotonic() < deadline, "the run did not reach its cell"
        time.sleep(0.1)
    return process


def children(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def gone(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, timeout=20)[1]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to a child")
def test_ctrl_c_keeps_what_ran_ends_the_kernel_and_says_one_line(tmp_path):
    process = start(tmp_path)
    kernels = children(process.pid)
    assert kernels
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.splitlines()[0] == "07_toy ..."
    assert re.fullmatch(r"07_toy: \d+ s", errors.splitlines()[1])
    assert errors.splitlines()[2:] == [f"labkit: 07_toy was stopped; what it had is kept in {tmp_path / 'run'}"]
    assert gone(kernels)
    run = Run.open(tmp_path / "run")
    assert (run.status, run.results) == ("interrupted", {"double": 0})
    assert (run.folder / "07_toy.ipynb").is_file()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of files")
def test_where_the_notebook_can_not_be_saved_any_more_the_last_whole_one_is_kept(tmp_path):
    def limit() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # as a full disk: writing fails

    path = notebook(tmp_path, RECORDS, "from IPython.display import HTML\nHTML('a' * 200_000)", "print('never')")
    command = [sys.executable, "-m", "labkit", "run", str(path), "--folder", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, check=False)
    assert done.returncode == 1
    said = done.stderr.splitlines()[-1]
    assert said.startswith("labkit: 07_toy stopped in cell [4], which starts `from IPython.display import HTML`")
    assert said.endswith(f"{tmp_path / 'run'}: File too large")
    assert "Traceback" not in done.stderr
    run = Run.open(tmp_path / "run")
    assert (run.status, run.results) == ("failed", {"double": 0})
    kept = nbformat.read(run.folder / "07_toy.ipynb", as_version=4)
    assert kept.cells[3].outputs
    assert sorted(file.name for file in run.folder.iterdir()) == ["07_toy.ipynb", "log.txt", "results.json", "run.json"]


def test_folders_may_have_any_name(tmp_path):
    folder = tmp_path / "it's {a} [b] %d\u00e9 & c"
    folder.mkdir()
    run = run_notebook(notebook(folder, RECORDS), None, folder / "run {out}")
    assert (run.status, run.results) == ("done", {"double": 0})
    assert 'out = \\".\\"' in (run.folder / "07_toy.ipynb").read_text()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_run_shows_as_died(tmp_path):
    process = start(tmp_path)
    assert status(Run.open(tmp_path / "run")) == "running"
    process.kill()
    process.communicate(timeout=30)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "running"
    table = runs_table(tmp_path)
    assert table["status"].tolist() == ["died"]
    assert table["results"].tolist() == [{"double": 0}]


def test_damaged_files_of_a_run_hide_no_other_run(tmp_path):
    contents = {"cut": "", "other": "[]", "whole": '{"status": "done"}'}
    for name, text in contents.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(text)
    (tmp_path / "whole" / "results.json").write_text('{"x": ')
    table = runs_table(tmp_path)
    assert table[["run", "status", "results"]].to_numpy().tolist() == [["whole", "done", {}]]


def test_the_table_of_an_absent_folder_says_how_to_make_runs(tmp_path):
    with pytest.raises(FileNotFoundError, match="labkit run NOTEBOOK"):
        runs_table(tmp_path / "none")


def test_plain_papermill_runs_the_notebook_too(tmp_path):
    import papermill

    path = notebook(tmp_path, RECORDS)
    papermill.execute_notebook(str(path), str(tmp_path / "done.ipynb"), {"out": str(tmp_path)}, progress_bar=False)
    assert json.loads((tmp_path / "results.json").read_text()) == {"double": 0}
