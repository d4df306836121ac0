"""The output of plain papermill as a run. papermill's own command line makes it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from toy_course import write_notebook

from labkit.records import Run
from labkit.runs.adopt import adopt
from labkit.runs.execute import run_notebook
from labkit.runs.notebook import NotebookError
from labkit.runs.runs_parquet import arrow_table

PARAMETERS = 'seed: int = 0  # a seed\nrate: float = 0.5\nout: str = ""  # folder'
RECORDS = "from labkit.runs.results import record\nrecord(out, double=2 * seed)"


def papermill(folder: Path, *parts: str, arguments: tuple[str, ...] = ()) -> Path:
    """The folder of a notebook of `parts` that papermill executed from the folder above it."""
    folder.mkdir(parents=True)
    source = write_notebook(folder.parent / "07_toy.ipynb", ["# 07 Toy", *parts], PARAMETERS)
    command = [sys.executable, "-m", "papermill", source.name, f"{folder.name}/07_toy.ipynb", *arguments]
    subprocess.run(command, cwd=folder.parent, capture_output=True, check=False)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("papermill") / "run"
    return papermill(folder, RECORDS, arguments=("-p", "seed", "3", "-p", "out", str(folder)))


@pytest.fixture
def output(done, tmp_path):
    """A copy of the output, which a test may adopt."""
    for name, text in contents(done).items():
        (tmp_path / "run").mkdir(exist_ok=True)
        (tmp_path / "run" / name).write_bytes(text)
    return tmp_path / "run"


def test_what_papermill_left_is_a_run_after_it_is_adopted(output):
    before = contents(output)
    run = adopt(output)
    assert Run.open(output).about == run.about
    assert run.status == "done"
    assert run.parameters == {"seed": 3, "rate": 0.5, "out": "."}
    assert run.about["changed"] == {"seed": 3}
    assert run.about["notebook"] == "07_toy.ipynb"
    assert run.about["seconds"] > 0
    assert run.about["started"].endswith("+00:00")
    assert run.about["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert run.results == {"double": 6}
    after = contents(output)
    assert set(after) - set(before) == {"run.json"}
    assert {name: after[name] for name in before} == before


def test_no_path_of_a_machine_is_in_an_adopted_run(output, done):
    run = adopt(output)
    text = (run.folder / "run.json").read_text()
    assert str(done) not in text
    assert str(output) not in text


def test_an_adopted_run_stands_in_the_table_beside_the_others(output):
    adopt(output)
    row = arrow_table(output.parent).to_pylist()[0]
    assert (row["run"], row["status"], row["result.double"], row["threads"]) == ("run", "done", 6.0, None)


@pytest.mark.slow
def test_an_adopted_failure_names_cell_line_and_cause_as_labkits_own(tmp_path):
    run = adopt(papermill(tmp_path / "run", "whole = 1", "whole / 0", "print('never')"))
    assert run.status == "failed"
    message = run.about["error"]["message"]
    assert message == "failed in cell [3] at `whole / 0`: ZeroDivisionError: division by zero"


@pytest.mark.slow
def test_a_kernel_that_died_under_papermill_is_a_failed_run(tmp_path):
    run = adopt(papermill(tmp_path / "run", "import os, signal", "os.kill(os.getpid(), 9)", "print('never')"))
    assert run.status == "failed"
    assert "stopped in cell [3], which starts `os.kill(os.getpid(), 9)`" in run.about["error"]["message"]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_notebook_that_papermill_has_not_ended_is_refused(tmp_path):
    source = write_notebook(tmp_path / "a.ipynb", ["# A", "import time; time.sleep(60)"], PARAMETERS)
    (tmp_path / "run").mkdir()
    process = subprocess.Popen([sys.executable, "-m", "papermill", source, tmp_path / "run" / "a.ipynb"],
                               stderr=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
    while '"status": "running"' not in (
        Path(tmp_path / "run" / "a.ipynb").read_text() if any((tmp_path / "run").iterdir()) else ""
    ):
        assert process.poll() is None
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    with pytest.raises(NotebookError, match=r"papermill has not ended .*a\.ipynb: it still runs, or it was killed"):
        adopt(tmp_path / "run")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["a.ipynb"]


def test_a_run_is_not_adopted_again(output):
    adopt(output)
    with pytest.raises(FileExistsError, match="holds a run already"):
        adopt(output)


def test_a_run_of_labkit_is_not_adopted(tmp_path):
    path = write_notebook(tmp_path / "07_toy.ipynb", ["# 07 Toy", "1 + 1"], PARAMETERS)
    run = run_notebook(path, None, tmp_path / "run")
    before = contents(run.folder)
    with pytest.raises(FileExistsError, match="holds a run already"):
        adopt(run.folder)
    assert contents(run.folder) == before


def test_a_folder_without_papermills_output_is_refused(tmp_path):
    write_notebook(tmp_path / "plain.ipynb", ["# Plain"], PARAMETERS)
    with pytest.raises(NotebookError, match=r"holds no notebook that papermill executed; `papermill IN\.ipynb"):
        adopt(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        adopt(tmp_path / "none")
    assert [path.name for path in tmp_path.iterdir()] == ["plain.ipynb"]


def test_a_damaged_notebook_is_named(tmp_path):
    (tmp_path / "a.ipynb").write_text("{")
    with pytest.raises(NotebookError, match=r"holds no notebook that papermill executed: .*a\.ipynb is not a notebook"):
        adopt(tmp_path)


def test_a_folder_with_several_outputs_is_refused_with_their_names(output):
    (output / "second.ipynb").write_bytes((output / "07_toy.ipynb").read_bytes())
    with pytest.raises(NotebookError, match=r"holds 2 executed notebooks \(07_toy\.ipynb, second\.ipynb\)"):
        adopt(output)


@pytest.mark.parametrize(
    ("changes", "key", "value"),
    [
        ({"input_path": "C:\\work\\05_x.ipynb"}, "notebook", "05_x.ipynb"),
        ({"input_path": "s3://bucket/05_x.ipynb"}, "notebook", "05_x.ipynb"),
        ({"input_path": None}, "notebook", "07_toy.ipynb"),
        ({"start_time": "2026-01-02T03:04:05.678901"}, "started", "2026-01-02T03:04:05+00:00"),
        ({"start_time": "2026-01-02T05:04:05+02:00"}, "started", "2026-01-02T03:04:05+00:00"),
        ({"duration": "long"}, "seconds", None),
        ({"parameters": None}, "changed", {}),
        ({"parameters": {"out": "/home/other/runs/a"}}, "changed", {}),
    ],
)
def test_metadata_of_other_machines_and_versions_are_read(output, changes, key, value):
    path = output / "07_toy.ipynb"
    content = json.loads(path.read_text())
    content["metadata"]["papermill"].update(changes)
    path.write_text(json.dumps(content))
    run = adopt(output)
    assert run.about[key] == value
    assert "/home/other" not in (output / "run.json").read_text()
