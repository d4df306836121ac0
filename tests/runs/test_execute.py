"""Runs with real kernels: what a run leaves when it ends well, fails, hangs, is stopped or killed."""

import json
import os
import platform
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
from labkit.runs.results import read_results
from labkit.runs.table import runs_table, status

PARAMETERS = 'seed: int = 0  # a seed\nwait: float = 0.0\nout: str = ""  # folder'
RECORDS = "from labkit.runs.results import record\nrecord(out, double=2 * seed)"


def notebook(folder: Path, *parts: str) -> Path:
    return write_notebook(folder / "07_toy.ipynb", ["# 07 Toy", *parts], PARAMETERS)


def printed(run: Run) -> list[str]:
    return (run.folder / "log.txt").read_text().splitlines()


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
    assert printed(run) == ["hello"]
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


def test_a_run_that_jupyterlab_started_shows_no_live_controls_and_counts_in_no_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "notebook.ipynb")
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path / "progress.json"))
    note = "from labkit.course.progress import note\nnote('quiz', '01', '1', True)\n"
    asked = note + "from labkit.front_end import has_front_end\nfrom labkit.runs.results import record\n"
    run = run_notebook(notebook(tmp_path, asked + "record(out, live=int(has_front_end()))"), None, tmp_path / "run")
    assert run.results == {"live": 0}
    assert not (tmp_path / "progress.json").exists()


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


@pytest.mark.parametrize(
    "name", ["07_toy.ipynb", "log.txt", "results.json", "history.jsonl", "predictions_clip.parquet", "training"]
)
def test_a_folder_with_a_file_that_the_run_would_write_over_is_refused_before_anything_starts(tmp_path, name):
    path = notebook(tmp_path)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / name).write_text("somebody's")
    with pytest.raises(FileExistsError, match=f"folder holds {re.escape(name)} already: give another folder"):
        run_notebook(path, None, folder)
    assert [file.name for file in folder.iterdir()] == [name]
    assert (folder / name).read_text() == "somebody's"


def test_what_an_ending_kernel_says_is_not_in_the_log(tmp_path):
    last_words = "import atexit, os\natexit.register(lambda: os.write(2, b'gone'))\nprint('hello')"
    run = run_notebook(notebook(tmp_path, last_words), None, tmp_path / "run")
    assert printed(run) == ["hello"]


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "run").touch()
    with pytest.raises(FileExistsError, match="run is a file: give a folder"):
        run_notebook(notebook(tmp_path), None, tmp_path / "run")


def test_a_notebook_is_not_run_over_itself(tmp_path):
    path = notebook(tmp_path)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match=r"holds 07_toy\.ipynb already"):
        run_notebook(path, None, tmp_path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["07_toy.ipynb"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_kill_while_the_run_is_noted_leaves_a_folder_that_can_be_used(tmp_path):
    path = notebook(tmp_path, RECORDS)
    program = f"""
import os, signal
from pathlib import Path
from labkit.runs.execute import run_notebook
Path.write_text = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
run_notebook({str(path)!r}, None, {str(tmp_path / "run")!r})
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -signal.SIGKILL
    assert runs_table(tmp_path).empty
    assert run_notebook(path, None, tmp_path / "run").status == "done"


CELL = {
    "computed": """%load_ext autoreload
from pathlib import Path
seed: int = 0  # a seed
twice = seed * 2
home: str = str(Path.home())  # computed
size = 2**10
limit: int | None = None  # no limit""",
    "plain": "seed: int = 0  # a seed",
}


def saved(path: Path, metadata: dict, cell: str = "plain", mark: bytes = b"") -> Path:
    """A notebook as another program saved it: it prints its interpreter and its seed."""
    write_notebook(path, ["# Saved elsewhere", "import sys\nprint(sys.executable, seed)"], CELL[cell])
    content = json.loads(path.read_text())
    path.write_bytes(mark + json.dumps({**content, "metadata": metadata}).encode())
    return path


KERNELS = {
    "none": ({}, "was saved without a kernel"),
    "another": ({"kernelspec": {"name": "conda-env", "language": "python"}}, "was saved with the kernel 'conda-env'"),
    "odd": ({"kernelspec": None, "language_info": "python"}, "was saved without a kernel"),
}


@pytest.mark.parametrize(("metadata", "said"), KERNELS.values(), ids=KERNELS)
def test_a_notebook_saved_with_another_kernel_runs_on_this_interpreter_and_that_is_said(tmp_path, metadata, said):
    path = saved(tmp_path / "a.ipynb", metadata, mark=b"\xef\xbb\xbf")
    with pytest.warns(UserWarning, match=f"a.ipynb {said}: it runs on this interpreter, {re.escape(sys.executable)}"):
        run = run_notebook(path, {"seed": 3}, tmp_path / "run")
    assert printed(run) == [f"{sys.executable} 3"]
    assert run.about["kernel"] == "python3"


def test_the_usual_kernel_is_this_interpreter_whatever_jupyter_calls_so(tmp_path, monkeypatch, recwarn):
    spec = tmp_path / "jupyter" / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps({"argv": ["nowhere", "{connection_file}"], "display_name": "x", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    path = saved(tmp_path / "a.ipynb", {"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    run = run_notebook(path, None, tmp_path / "run")
    assert printed(run) == [f"{sys.executable} 0"]
    assert not [one for one in recwarn if "kernel" in str(one.message)]


def test_an_installed_kernel_can_be_named_and_an_unknown_one_is_answered_before_anything_starts(tmp_path, monkeypatch):
    spec = tmp_path / "jupyter" / "kernels" / "mine" / "kernel.json"
    spec.parent.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec.write_text(json.dumps({"argv": command, "display_name": "Mine", "language": "python", "env": {"MINE": "1"}}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    path = notebook(tmp_path, "import os\nprint(os.environ['MINE'])")
    with pytest.raises(NotebookError, match=r"there is no kernel 'mien'; did you mean 'mine'\?"):
        run_notebook(path, None, tmp_path / "run", kernel="mien")
    assert not (tmp_path / "run").exists()
    run = run_notebook(path, None, tmp_path / "run", kernel="mine")
    assert (printed(run), run.about["kernel"]) == (["1"], "mine")


def test_a_notebook_of_another_language_is_refused_before_anything_starts(tmp_path):
    path = saved(tmp_path / "a.ipynb", {"kernelspec": {"name": "ir", "language": "R"}})
    with pytest.raises(NotebookError, match=r"a\.ipynb is written in R; labkit runs Python"):
        run_notebook(path, None, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_notebook_with_computed_parameters_and_magics_runs(tmp_path):
    path = saved(tmp_path / "a.ipynb", {"kernelspec": {"name": "python3", "language": "python"}}, "computed")
    with pytest.warns(UserWarning, match=r"twice = seed \* 2: computed from the defaults"):
        run = run_notebook(path, {"seed": "3", "limit": "5"}, tmp_path / "run")
    assert printed(run) == [f"{sys.executable} 3"]
    assert (run.parameters, run.about["changed"]) == ({"seed": 3, "limit": 5}, {"seed": 3, "limit": 5})


def test_other_files_in_the_folder_stay(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "batch.log").write_text("of the queue")
    assert run_notebook(notebook(tmp_path, RECORDS), None, tmp_path / "run").status == "done"
    assert (tmp_path / "run" / "batch.log").read_text() == "of the queue"


@pytest.mark.slow
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
    assert errors.splitlines()[2:] == [f"labkit: 07_toy was stopped; its results so far are in {tmp_path / 'run'}"]
    assert gone(kernels)
    run = Run.open(tmp_path / "run")
    assert (run.status, run.results) == ("interrupted", {"double": 0})
    assert (run.folder / "07_toy.ipynb").is_file()


@pytest.mark.slow
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
    assert said.endswith(f"{tmp_path / 'run' / '07_toy.ipynb'}: File too large")
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


ODD = {
    "cut": "",
    "list": "[]",
    "deep": "[" * 100_000,
    "latin": b'{"status": "\xe9"}',
    "changed": '{"changed": ["seed"]}',
    "no changes": '{"changed": null}',
    "seconds": '{"seconds": "12"}',
    "notebook": '{"notebook": 5}',
    "process": '{"status": "running", "process": 7}',
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_an_odd_run_hides_no_other_and_is_one_line(tmp_path, text):
    for name, content in {"odd": text, "whole": '{"status": "done"}'}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.warns(UserWarning, match="a run is left out") as said:
        table = runs_table(tmp_path)
    assert table[["run", "status", "results"]].to_numpy().tolist() == [["whole", "done", {}]]
    (message,) = [str(one.message) for one in said]
    assert str(tmp_path / "odd" / "run.json") in message
    assert "\n" not in message


def test_a_run_whose_process_is_written_oddly_has_died(tmp_path):
    process = {"host": platform.node(), "pid": "many", "since": None}
    (tmp_path / "run.json").write_text(json.dumps({"status": "running", "process": process}))
    assert runs_table(tmp_path)["status"].tolist() == ["died"]


@pytest.mark.parametrize("text", ['{"x": ', "[1]", "3", '"a"'])
def test_odd_numbers_hide_no_run_and_are_one_line(tmp_path, text):
    (tmp_path / "run.json").write_text('{"status": "done"}')
    (tmp_path / "results.json").write_text(text)
    with pytest.warns(UserWarning, match=r"a run's numbers are left out: .*results\.json"):
        assert runs_table(tmp_path)[["status", "results"]].to_numpy().tolist() == [["done", {}]]
    with pytest.raises(ValueError, match=r"results\.json"):
        read_results(tmp_path)


def test_the_table_of_an_absent_folder_says_how_to_make_runs(tmp_path):
    with pytest.raises(FileNotFoundError, match="labkit run NOTEBOOK"):
        runs_table(tmp_path / "none")


def test_plain_papermill_runs_the_notebook_too(tmp_path):
    import papermill

    path = notebook(tmp_path, RECORDS)
    papermill.execute_notebook(str(path), str(tmp_path / "done.ipynb"), {"out": str(tmp_path)}, progress_bar=False)
    assert json.loads((tmp_path / "results.json").read_text()) == {"double": 0}
