"""What differs between two runs. The executed notebooks are made by hand, as two executions would leave them."""

import json

import pytest
from made_runs import make_run
from nbformat import v4
from typer.testing import CliRunner

from labkit.cli import app
from labkit.records import Run
from labkit.runs.diff import diff

UUIDS = ("01234567-89ab-cdef-0123-456789abcdef", "fedcba98-7654-3210-fedc-ba9876543210")


def executed(folder, *cells, parameters=None, results=None, **about):
    """A run whose executed notebook has these cells: their code, and their outputs."""
    make_run(folder, parameters, results, **about)
    made = [v4.new_code_cell(source, outputs=outputs) for source, *outputs in cells]
    injected = v4.new_code_cell(f"seed = {parameters}", metadata={"tags": ["injected-parameters"]})
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell("# Toy"), injected, *made])
    (folder / "07_toy.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    return Run.open(folder)


def shown(text, mime="text/plain"):
    return v4.new_output("execute_result", {mime: text}, execution_count=1)


def said(text, name="stdout"):
    return v4.new_output("stream", name=name, text=text)


def told(found):
    return [(one.kind, one.name, one.first, one.second, one.note) for one in found]


def test_a_run_does_not_differ_from_itself_and_its_copy(tmp_path):
    a, b = (executed(tmp_path / name, ("1 + 1", shown("2")), results={"top1": 0.5}) for name in "ab")
    assert diff(a, a) == diff(a, b) == []


def test_parameters_code_versions_machine_and_numbers_are_compared(tmp_path):
    a = executed(tmp_path / "a", parameters={"seed": 0, "out": "."}, results={"top1": 0.5, "n": 0, "old": 1})
    other = {
        "code": {"commit": "beef", "dirty": True},
        "versions": {"python": "3.12.1", "torch": "2.12.0"},
        "hardware": {"system": "Linux x86_64", "cores": 4},
        "threads": 1,
        "notebook_sha256": "cd",
        "status": "failed",
    }
    b = executed(tmp_path / "b", parameters={"seed": 1, "out": "x"}, results={"top1": 0.55, "n": 1, "new": 2}, **other)
    found = told(diff(a, b))
    assert {
        ("status", "status", "done", "failed", ""),
        ("parameter", "seed", "0", "1", ""),
        ("code", "commit", "c0ffee", "beef", ""),
        ("code", "notebook_sha256", "ab", "cd", ""),
        ("version", "torch", "2.11.0", "2.12.0", ""),
        ("machine", "cores", "2", "4", ""),
        ("machine", "threads", "2", "1", ""),
        ("machine", "processor", "A chip", "–", ""),
        ("number", "top1", "0.5", "0.55", "+10.00%"),
        ("number", "n", "0", "1", ""),
        ("number", "old", "1", "–", ""),
        ("number", "new", "–", "2", ""),
    } <= set(found)
    assert not [one for one in found if one[1] == "out" or one[0] == "output"]


def test_a_cell_with_another_output_is_named_with_the_first_line_that_differs(tmp_path):
    a = executed(tmp_path / "a", ("1",), ("# why\nprint(x)", said("same\ntop-1 0.5\n")))
    b = executed(tmp_path / "b", ("1",), ("# why\nprint(x)", said("same\ntop-1 0.6\n")))
    assert told(diff(a, b)) == [("output", "cell 2 `print(x)`", "top-1 0.5", "top-1 0.6", "stdout")]


def test_times_ids_and_progress_are_no_difference(tmp_path):
    cells = [
        (
            "fit()",
            said(f"{n}0 it/s", "stderr"),
            shown(f"<object at 0x7f00{n}aa>"),
            shown(f"<i id='{uuid}'>", "text/html"),
        )
        for n, uuid in enumerate(UUIDS)
    ]
    a, b = (executed(tmp_path / name, cell) for name, cell in zip("ab", cells, strict=True))
    content = json.loads((b.folder / "07_toy.ipynb").read_text())
    content["cells"][2]["execution_count"] = 9
    content["cells"][2]["metadata"]["papermill"] = {"duration": 5.0}
    (b.folder / "07_toy.ipynb").write_text(json.dumps(content))
    assert diff(a, b) == []


def test_a_figure_with_other_points_is_a_difference(tmp_path):
    mime = "application/vnd.plotly.v1+json"
    a, b = (executed(tmp_path / name, ("fig", shown({"data": [{"y": [y]}]}, mime))) for name, y in (("a", 1), ("b", 2)))
    ((kind, name, first, second, note),) = told(diff(a, b))
    assert (kind, name, note) == ("output", "cell 1 `fig`", mime)
    assert "1" in first
    assert "2" in second


def test_a_changed_cell_is_a_difference_in_the_code_and_the_cells_after_it_are_still_compared(tmp_path):
    a = executed(tmp_path / "a", ("x = 1\ny = 2",), ("old()",), ("print(x)", said("1")))
    b = executed(tmp_path / "b", ("x = 1\ny = 3",), ("print(x)", said("2")))
    assert told(diff(a, b)) == [
        ("code", "cell 1 `x = 1`", "y = 2", "y = 3", ""),
        ("code", "cell 2 `old()`", "old()", "–", ""),
        ("output", "cell 3 `print(x)`", "1", "2", "stdout"),
    ]


def test_a_run_without_its_notebook_is_compared_as_far_as_it_goes(tmp_path):
    a = executed(tmp_path / "a", ("1",), results={"top1": 0.5})
    b = Run.open(make_run(tmp_path / "b", None, {"top1": 1.0}))
    assert told(diff(a, b)) == [
        ("number", "top1", "0.5", "1.0", "+100.00%"),
        ("output", "all cells", "", "", "not compared: b has no executed notebook"),
    ]


def test_the_command_takes_folders_and_names_and_suggests_the_nearest_name(tmp_path, monkeypatch):
    executed(tmp_path / "runs" / "one", parameters={"seed": 0})
    executed(tmp_path / "elsewhere", parameters={"seed": 1})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    done = CliRunner().invoke(app, ["runs", "diff", "one", "elsewhere"])
    assert done.exit_code == 0
    assert "parameter" in done.output
    assert "no difference" in CliRunner().invoke(app, ["runs", "diff", "one", "runs/one"]).output
    wrong = CliRunner().invoke(app, ["runs", "diff", "oen", "elsewhere"])
    assert wrong.exit_code == 2
    assert "oen is not a run: it has no run.json; did you mean 'one'?" in wrong.output


@pytest.mark.parametrize("text", ["{", '{"cells": 3}'])
def test_a_damaged_notebook_is_named_in_one_line(tmp_path, text):
    a, b = (executed(tmp_path / name, ("1",)) for name in "ab")
    (b.folder / "07_toy.ipynb").write_text(text)
    done = CliRunner().invoke(app, ["runs", "diff", str(a.folder), str(b.folder)])
    assert done.exit_code == 2
    assert "b/07_toy.ipynb is not a notebook that can be read" in done.output
