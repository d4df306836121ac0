"""The command `labkit runs`: the list, the table and the page of a folder."""

import json

import pandas as pd
import pytest
from made_runs import make_run
from nbformat import v4
from typer.testing import CliRunner

from labkit.cli import app
from labkit.records import Run


def labkit(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.mark.parametrize("command", [["runs"], ["runs", "list"]])
def test_a_folder_is_listed_with_and_without_the_name_of_the_command(tmp_path, command):
    make_run(tmp_path / "one", {"seed": 7})
    done = labkit(*command, tmp_path)
    assert done.exit_code == 0
    assert "one" in done.output
    assert "seed=7" in done.output


def test_a_folder_named_like_a_command_is_listed_by_its_path(tmp_path, monkeypatch):
    make_run(tmp_path / "list" / "one", {"seed": 7})
    monkeypatch.chdir(tmp_path)
    assert "seed=7" in labkit("runs", "./list").output


def test_the_table_and_the_page_are_written_and_their_paths_printed(tmp_path):
    make_run(tmp_path / "runs" / "one", {"seed": 7}, {"top1": 0.5})
    done = labkit("runs", tmp_path / "runs", "--to", tmp_path / "t.parquet", "--page")
    assert done.output.splitlines() == [str(tmp_path / "t.parquet"), str(tmp_path / "runs" / "sweep.html")]
    assert pd.read_parquet(tmp_path / "t.parquet")["param.seed"].tolist() == [7]
    assert (tmp_path / "runs" / "sweep.html").is_file()


def test_a_table_with_another_ending_is_refused_in_one_line(tmp_path):
    done = labkit("runs", tmp_path, "--to", tmp_path / "t.csv")
    assert done.exit_code == 2
    assert done.output.endswith("t.csv: the table is a Parquet file; end its name in .parquet\n")
    assert not (tmp_path / "t.csv").exists()


def test_of_several_folders_those_that_papermill_left_are_adopted_and_the_others_named(tmp_path):
    notebook = v4.new_notebook(
        metadata={"papermill": {"start_time": "2026-01-02T03:04:05", "end_time": "2026-01-02T03:04:06"}}
    )
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "out.ipynb").write_text(json.dumps(notebook))
    (tmp_path / "empty").mkdir()
    done = labkit("runs", "adopt", *(tmp_path / name for name in ("a", "empty", "b")))
    assert done.exit_code == 2
    assert [line for line in done.output.splitlines() if "holds no notebook" in line]
    assert [Run.open(tmp_path / name).status for name in ("a", "b")] == ["done", "done"]
    assert not (tmp_path / "empty" / "run.json").exists()
