"""`labkit run -f`: a file with one mapping of parameters, or a list of them and `--index`. Nothing is run here."""

import pytest
import yaml
from toy_course import write_notebook
from typer.testing import CliRunner

import labkit.runs.execute
from labkit.cli import app
from labkit.records import Run

POINTS = [{"seed": 0, "rate": 0.1}, {"seed": 1, "rate": 0.2}, {"seed": 2}]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Calls `labkit run` on a notebook with a file of parameters; what it would have run with, and the output."""
    given = []

    def run_notebook(path, parameters, folder, **_):
        given.append(dict(parameters))
        return Run(tmp_path, {})

    monkeypatch.setattr(labkit.runs.execute, "run_notebook", run_notebook)
    notebook = write_notebook(tmp_path / "07_toy.ipynb", ["# 07 Toy"])

    def call(content, *arguments):
        (tmp_path / "params.yaml").write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        command = ["run", str(notebook), "-f", str(tmp_path / "params.yaml"), *arguments]
        done = CliRunner().invoke(app, command)
        return done.exit_code, given[-1] if given else None, " ".join(done.output.split())

    return call


@pytest.mark.parametrize("index", [0, 1, 2])
def test_the_index_chooses_an_entry_of_the_list_counted_from_0(run, index):
    assert run(POINTS, "--index", str(index))[:2] == (0, POINTS[index])


def test_a_parameter_of_the_command_line_goes_before_the_entry(run):
    assert run(POINTS, "--index", "1", "-p", "seed=9")[1] == {"seed": 9, "rate": 0.2}


def test_one_mapping_needs_no_index(run):
    assert run(POINTS[0])[:2] == (0, POINTS[0])


def test_a_list_of_very_many_points_is_read(run):
    points = "".join(f"- {{seed: {n}, rate: 0.5, name: a}}\n" for n in range(15_000))
    assert run(points, "--index", "14999")[1] == {"seed": 14_999, "rate": 0.5, "name": "a"}


@pytest.mark.parametrize(
    ("content", "arguments", "said"),
    [
        (POINTS, ["--index", "3"], "params.yaml holds a list of 3: --index goes from 0 to 2, not 3"),
        (POINTS, [], "params.yaml holds a list of 3: choose one with --index, from 0 to 2"),
        ([], ["--index", "0"], "params.yaml holds an empty list"),
        (POINTS[0], ["--index", "0"], "params.yaml should hold a list of mappings for --index, not a dict"),
        ([3], ["--index", "0"], "params.yaml, entry 0 should hold lines of name: value"),
        ([{1: 2}], ["--index", "0"], "params.yaml, entry 0: 1 cannot be the name of a parameter"),
        ([{"sed": 2}], ["--index", "0"], "07_toy.ipynb has no parameter 'sed'; did you mean 'seed'?"),
        ([{"seed": "many"}], ["--index", "0"], "the parameter 'seed' takes int, not 'many'"),
        (POINTS, ["--index", "-1"], "Invalid value for '--index'"),
        (POINTS, ["--index", "first"], "Invalid value for '--index'"),
    ],
)
def test_a_wrong_entry_is_answered_in_one_line_before_anything_starts(run, content, arguments, said):
    code, given, output = run(content, *arguments)
    assert code == 2
    assert given is None
    assert said in output


def test_an_index_without_a_file_is_refused(tmp_path):
    notebook = write_notebook(tmp_path / "07_toy.ipynb", ["# 07 Toy"])
    done = CliRunner().invoke(app, ["run", str(notebook), "--index", "0"])
    assert done.exit_code == 2
    assert "--index chooses an entry of a file: give the file with -f" in done.output
