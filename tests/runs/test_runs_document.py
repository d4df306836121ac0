"""Every block of docs/runs.md is run, from top to bottom, in a project whose notebook 05 is a tiny one."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from toy_course import write_notebook

from labkit.records import Run
from labkit.runs.runs_parquet import arrow_table

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "runs.md").read_text(encoding="utf-8")
RECORDS = "from labkit.runs.results import record\nrecord(out, double=2 * seed)"
ALIASES = 'labkit() { "$PYTHON" -m labkit "$@"; }\npapermill() { "$PYTHON" -m papermill "$@"; }\nset -e\n'


def blocks(heading: str) -> list[tuple[str, str]]:
    """The blocks of code below a heading: language and text."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"```(\w+)\n(.*?)```", section, flags=re.DOTALL)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "notebooks").mkdir()
    (folder / "notebooks" / "course.toml").write_text("")
    parameters = 'seed: int = 0  # a seed\nout: str = ""  # folder'
    write_notebook(folder / "notebooks" / "05_overfitting_curves.ipynb", ["# 05 Toy", RECORDS], parameters)
    return folder


def bash(project: Path, text: str, **environment: str) -> str:
    env = {**os.environ, "PYTHON": sys.executable, **environment}
    command = ["bash", "-c", ALIASES + text]
    done = subprocess.run(command, cwd=project, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="the blocks are for a Unix shell")
def test_papermill_and_a_file_of_parameters_make_runs(project):
    by_hand, from_file = (text for _, text in blocks("Plain papermill"))
    bash(project, by_hand)
    run = Run.open(project / "runs" / "by-hand")
    assert (run.status, run.results, run.parameters["seed"]) == ("done", {"double": 6}, 3)
    assert str(project) not in (run.folder / "run.json").read_text()
    bash(project, from_file)
    assert Run.open(project / "runs" / "from-file").results == {"double": 8}
    assert "seed = 4" in (project / "out.ipynb").read_text()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="the blocks are for a Unix shell")
def test_a_loop_makes_runs_that_are_read_as_a_table_a_page_and_a_difference(project):
    ((_, loop),) = blocks("A loop in the shell")
    assert "seed-2" in bash(project, loop)
    (_, shell), (_, python) = blocks("Reading runs")
    said = bash(project, shell)
    assert re.search(r"number +double +0 +2", said)
    assert (project / "copied" / "sweep.html").is_file()
    done = subprocess.run([sys.executable, "-c", python], cwd=project, capture_output=True, text=True, check=True)
    assert "05_overfitting_curves" in done.stdout
    assert arrow_table(project / "copied")["param.seed"].to_pylist() == [0, 1, 2]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="the blocks are for a Unix shell")
def test_a_makefile_makes_every_run_once(project):
    ((_, makefile),) = blocks("A Makefile")
    (project / "Makefile").write_text(makefile.replace("labkit run", f"{sys.executable} -m labkit run"))
    subprocess.run(["make", "-j2"], cwd=project, capture_output=True, check=True)
    assert sorted(arrow_table(project / "runs" / "made")["result.double"].to_pylist()) == [0.0, 2.0, 4.0]
    again = subprocess.run(["make", "-j2"], cwd=project, capture_output=True, text=True, check=True)
    assert "Nothing to be done" in again.stdout


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="the blocks are for a Unix shell")
def test_each_task_of_an_array_runs_its_entry(project):
    (_, entries), (_, script) = blocks("SLURM arrays")
    (project / "params.yaml").write_text(entries)
    for task in ("0", "2"):
        bash(project, script, SLURM_ARRAY_TASK_ID=task, SLURM_CPUS_PER_TASK="2")
    run = Run.open(project / "runs" / "array" / "2")
    assert (run.results, run.about["threads"]) == ({"double": 4}, 2)
