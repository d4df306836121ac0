"""Where the course is read and where runs are written: in a checkout, and where labkit was installed from a wheel."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from toy_course import write_course

from labkit.runs.project import PACKAGE, course_folder, has_library, project_folder

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder of packages that holds labkit as its wheel lays it out."""
    site = tmp_path_factory.mktemp("site packages")
    ignored = shutil.ignore_patterns("__pycache__")
    for package in SHIPPED["packages"]:
        shutil.copytree(ROOT / package, site / package, ignore=ignored)
    for source, target in SHIPPED["force-include"].items():
        shutil.copytree(ROOT / source, site / target, ignore=ignored)
    return site


def python(program: str, site: Path, cwd: Path) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": str(site)}
    command = [sys.executable, "-c", program]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=cwd, env=environment
    ).stdout.splitlines()


def test_in_a_checkout_both_are_the_checkout(tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "course.toml").touch()
    inside = tmp_path / "runs" / "deep"
    inside.mkdir(parents=True)
    assert project_folder(inside) == course_folder(inside) == tmp_path.resolve()


def test_a_folder_with_a_library_is_a_project_that_reads_the_packages_course(tmp_path):
    inside = tmp_path / "summaries" / "a-2020-b" / "cards"
    inside.mkdir(parents=True)
    (inside.parent / "paper.yaml").touch()
    assert project_folder(inside) == tmp_path.resolve()
    assert course_folder(inside) == ROOT


def test_summaries_of_another_program_are_no_library(tmp_path):
    (tmp_path / "summaries" / "train").mkdir(parents=True)
    (tmp_path / "summaries" / "train" / "events.out.tfevents").touch()
    inside = tmp_path / "code"
    inside.mkdir()
    assert not has_library(tmp_path)
    assert project_folder(inside) == inside.resolve()
    (tmp_path / "summaries" / "group").mkdir()
    assert has_library(tmp_path)


def test_a_checkout_somewhere_else_is_read_and_not_written(tmp_path):
    assert course_folder(tmp_path) == ROOT
    assert project_folder(tmp_path) == tmp_path.resolve()


def test_an_installed_package_brings_the_course_and_writes_where_one_is(installed, tmp_path):
    program = """
from labkit.runs.findings import declared
from labkit.runs.notebook import find_notebook
from labkit.runs.project import project_folder
from labkit.survey import paper
print(find_notebook("05"))
print(project_folder())
print(len(declared()) > 0)
print(paper("hara-2018-retrace").id)
"""
    notebook, project, finds_findings, card = python(program, installed, tmp_path)
    assert Path(notebook) == (installed / "labkit" / "notebooks" / "05_overfitting_curves.ipynb").resolve()
    assert Path(project) == tmp_path.resolve()
    assert (finds_findings, card) == ("True", "hara-2018-retrace")


def test_nothing_is_written_inside_the_installed_package(installed):
    inside = installed / "labkit" / "notebooks"
    program = """
from labkit.runs.execute import run_notebook
from labkit.runs.project import course_folder
print(course_folder())
try:
    run_notebook("00")
except PermissionError as error:
    print(error.strerror)
"""
    before = sorted(inside.iterdir())
    course, said = python(program, installed, inside)
    assert Path(course) == (installed / "labkit").resolve()
    assert "which is only read" in said
    assert sorted(inside.iterdir()) == before


def test_an_installed_package_gives_notebooks_to_work_in(installed, tmp_path):
    program = """
import re
from labkit.course.copies import get_course, reset_notebook
folder = get_course("mine", "student") / "notebooks"
path = folder / "03_inflating_2d.ipynb"
before = path.read_bytes()
path.write_text("{")
reset_notebook(path)
print(path.read_bytes() == before)
targets = {found for one in folder.glob("*.ipynb") for found in re.findall(r"\\]\\(((?:files|[.]{2})/[^)#\\s]+)", one.read_text(encoding="utf-8"))}
print(len(targets) > 5, *[target for target in targets if not (folder / target).exists()])
"""
    assert python(program, installed, tmp_path) == ["True", "True"]


def test_an_installed_package_takes_the_checkout_it_is_called_in(installed):
    (notebook,) = python("from labkit.runs.notebook import find_notebook; print(find_notebook('05'))", installed, ROOT)
    assert Path(notebook).parent == ROOT / "notebooks"


def test_a_course_without_a_file_takes_it_from_the_package(tmp_path):
    write_course(tmp_path)
    glossary, findings = Path("docs") / "glossary.md", Path("docs") / "findings.toml"
    assert course_folder(tmp_path / "notebooks", holds=findings) == tmp_path
    (tmp_path / findings).unlink()
    assert course_folder(tmp_path / "notebooks") == tmp_path
    assert course_folder(tmp_path / "notebooks", holds=findings) in (PACKAGE, PACKAGE.parent)
    assert course_folder(tmp_path / "notebooks", holds=glossary) == tmp_path
