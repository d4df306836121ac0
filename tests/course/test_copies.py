"""A learner's folder of notebooks, got from the package, and a notebook brought back fresh."""

import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner

from labkit.cli import app
from labkit.course.copies import get_course, reset_notebook
from labkit.course.exercises.format import BEGIN
from labkit.course.plan import read_plan
from labkit.course.quiz import quiz
from labkit.runs.findings import findings
from labkit.runs.notebook import find_notebook

ROOT = Path(__file__).resolve().parents[2]
NAMES = [path.name for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]


@pytest.fixture(scope="module")
def got(tmp_path_factory) -> Path:
    """The student's folder, in a place with spaces and another script in its name."""
    return get_course(tmp_path_factory.mktemp("of 花子") / "my course", "student")


@pytest.fixture
def here(got, tmp_path, monkeypatch) -> Path:
    """A copy of the student's folder, to work in."""
    monkeypatch.chdir(shutil.copytree(got, tmp_path / "course"))
    return Path.cwd()


def code(path: Path) -> str:
    return "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")


def test_a_students_folder_has_every_notebook_without_our_answers(got):
    notebooks = sorted((got / "notebooks").glob("*.ipynb"))
    assert [path.name for path in notebooks] == NAMES
    for path in notebooks:
        nbformat.validate(nbformat.read(path, as_version=4))
        assert BEGIN not in code(path)
    assert "exercise(" in code(got / "notebooks" / "05_overfitting_curves.ipynb")


def test_links_of_the_notebooks_lead_to_files_in_the_folder(got):
    folder = got / "notebooks"
    for path in folder.glob("*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        targets = {target for target in re.findall(r"\]\(([^)#\s]+)", text) if not re.match(r"[a-z]+:", target)}
        assert {target for target in targets if not (folder / target).exists()} == set(), path.name


def test_the_folder_is_a_course_with_plan_quizzes_and_the_packages_findings(here):
    assert [lesson.path for lesson in read_plan().lessons] == [here / "notebooks" / name for name in NAMES]
    assert find_notebook("05") == here / "notebooks" / "05_overfitting_curves.ipynb"
    assert len(quiz("01").questions) == 5
    assert any(one.per_seed for one in findings())


def test_an_instructors_folder_has_the_answers(tmp_path):
    got = get_course(tmp_path / "teaching", "instructor")
    assert BEGIN in code(got / "notebooks" / "05_overfitting_curves.ipynb")


def test_a_folder_that_holds_something_is_refused_and_stays(tmp_path):
    (tmp_path / "mine.txt").write_text("kept")
    done = CliRunner().invoke(app, ["course", "get", str(tmp_path)])
    assert done.exit_code == 2
    assert "holds something already" in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    "content", [None, b"", b"{", "another notebook"], ids=["deleted", "empty", "broken", "changed"]
)
def test_a_reset_brings_back_the_notebook_that_was_handed_out_and_keeps_the_old_one(here, content):
    path = here / "notebooks" / "05_overfitting_curves.ipynb"
    handed_out = path.read_bytes()
    if content is None:
        path.unlink()
    elif content == "another notebook":
        path.write_text(json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    else:
        path.write_bytes(content)
    old = path.read_bytes() if path.exists() else None
    fresh, kept = reset_notebook("05")
    assert fresh == path
    assert path.read_bytes() == handed_out
    assert (kept and kept.read_bytes()) == old
    assert find_notebook("05") == path, "the kept one does not answer to the name"


def test_every_old_one_stays(here):
    path = here / "notebooks" / "01_video_is_a_tensor.ipynb"
    for text in ("first", "second"):
        path.write_text(text)
        done = CliRunner().invoke(app, ["course", "reset", str(path)])
        assert done.exit_code == 0, done.output
    kept = sorted((path.parent / "kept").iterdir())
    assert [one.read_text() for one in kept] == ["first", "second"]


def test_a_handed_out_notebook_alone_in_a_folder_is_reset_too(got, tmp_path):
    path = shutil.copy(got / "notebooks" / "00_start_here.ipynb", tmp_path / "hand-in of 花子.ipynb")
    before = Path(path).read_bytes()
    reset_notebook(path)
    assert Path(path).read_bytes() == before


def test_the_courses_own_notebook_and_one_that_labkit_lacks_are_refused(here):
    with pytest.raises(ValueError, match="git restore 05_overfitting_curves"):
        reset_notebook(ROOT / "notebooks" / "05_overfitting_curves.ipynb")
    (here / "notebooks" / "05_overfiting.ipynb").write_text("{}")
    with pytest.raises(ValueError, match="did you mean '05_overfitting_curves'"):
        reset_notebook("notebooks/05_overfiting.ipynb")
    with pytest.raises(ValueError, match="no notebook of the course starts with '55'"):
        reset_notebook("55")
    with pytest.raises(ValueError, match="could be any of"):
        reset_notebook("0")
