"""The student's and the instructor's notebooks: valid for nbgrader, without our answers, with locked cells behind them."""

import ast
import json

import nbformat
import pytest
from toy_class import RELEASE, TEACHERS, cell, tiny_source

from labkit.course.assignment import (
    checksum,
    grade_id,
    instructor,
    is_exercise,
    is_graded,
    is_locked,
    stripped,
    student,
)
from labkit.course.handout import write_handout, write_notebook
from labkit.course.plan import read_plan
from labkit.course.short import short_parameters
from labkit.runs.notebook import check_parameters, read_content, read_parameters

LESSONS = {lesson.name: lesson for lesson in read_plan().lessons}
every_notebook = pytest.mark.parametrize("name", LESSONS)


def source(name):
    return read_content(LESSONS[name].path)


@every_notebook
@pytest.mark.parametrize("build", [student, instructor])
def test_nbgrader_takes_every_notebook(name, build, tmp_path):
    from nbgrader.nbgraderformat import MetadataValidator
    from nbgrader.utils import compute_checksum

    write_notebook(build(source(name), name), tmp_path / "a.ipynb")
    notebook = nbformat.read(tmp_path / "a.ipynb", as_version=4)
    nbformat.validate(notebook)
    MetadataValidator().validate_nb(notebook)
    marked = [one for one in notebook.cells if grade_id(one)]
    assert [one.metadata.nbgrader.checksum for one in marked] == [compute_checksum(one) for one in marked]
    assert len({one.id for one in notebook.cells}) == len(notebook.cells)


@every_notebook
def test_a_student_gets_stubs_and_no_outputs(name):
    ours = {one["id"]: "".join(one["source"]) for one in source(name)["cells"]}
    made = student(source(name), name)
    exercises = [one for one in made["cells"] if is_exercise(one)]
    assert len(exercises) == sum("### BEGIN SOLUTION" in text for text in ours.values())
    for one in exercises:
        answer = ours[one["id"]].partition("### BEGIN SOLUTION\n")[2].partition("### END SOLUTION")[0]
        lines = [line.strip() for line in answer.splitlines() if line.strip()]
        assert not set(lines) & {line.strip() for line in one["source"].splitlines()}
        assert "raise NotImplementedError()" in one["source"]
        ast.parse(one["source"])
    assert not any(one.get("outputs") for one in made["cells"])
    assert "NBVAL" not in json.dumps(made)


@every_notebook
def test_every_exercise_gives_points(name):
    made = student(source(name), name)["cells"]
    graded = [one["metadata"]["nbgrader"]["points"] for one in made if is_graded(one)]
    assert len(graded) == sum(is_exercise(one) for one in made)
    assert all(points in range(1, 6) for points in graded)


@every_notebook
def test_short_parameters_are_parameters_of_their_notebook(name):
    check_parameters(read_parameters(LESSONS[name].path), LESSONS[name].short, name)


def test_short_parameters_are_for_grading_only(monkeypatch):
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    assert short_parameters("05_overfitting_curves") == {}
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert short_parameters("05_overfitting_curves")["largest_epochs"] == 1
    assert short_parameters("a teacher's own") == {}


def test_locked_cells_stand_behind_the_answer_and_its_check():
    made = [one["id"] for one in student(source("05_overfitting_curves"), "05_overfitting_curves")["cells"]]
    place = made.index("gap-solution")
    assert made[place : place + 4] == ["gap-solution", "gap-asked", "gap-use", "gap-grade"]


def test_the_instructor_has_answers_and_a_note():
    assert "at_end" in cell(TEACHERS, "gap-solution")["source"]
    assert "the sign is wrong" in cell(TEACHERS, "gap-note")["source"]
    assert not any(one["id"] == "gap-note" for one in RELEASE["cells"])


def test_a_teachers_own_cells_keep_their_points():
    assert cell(RELEASE, "doubled-grade")["metadata"]["nbgrader"]["points"] == 4
    assert not is_graded(cell(RELEASE, "doubled"))
    assert is_locked(cell(RELEASE, "doubled-grade"))
    assert cell(RELEASE, "doubled-grade")["metadata"]["nbgrader"]["checksum"] == checksum(
        cell(RELEASE, "doubled-grade")
    )


def test_an_exercise_that_labkit_cannot_check_is_graded_by_hand():
    made = tiny_source()
    cell(made, "doubled")["metadata"].pop("nbgrader")
    marks = cell(student(made, "tiny"), "doubled")["metadata"]["nbgrader"]
    assert (marks["grade"], marks["solution"], marks["points"]) == (True, True, 4)


def test_the_release_is_named_by_what_is_in_it():
    other = tiny_source()
    cell(other, "end")["source"] = "print('another end')"
    marks = [student(one, "tiny")["metadata"]["labkit"]["release"] for one in (tiny_source(), tiny_source(), other)]
    assert marks[0] == marks[1] != marks[2]


@pytest.mark.parametrize(
    "text", ["### BEGIN SOLUTION\n1", "1\n### END SOLUTION", "### BEGIN SOLUTION\n### BEGIN SOLUTION"]
)
def test_a_marker_without_its_partner_is_named(text):
    with pytest.raises(ValueError, match="stands without its partner"):
        stripped(text)


def test_a_handout_has_the_files_that_it_links_to(tmp_path):
    out = write_handout("student", tmp_path / "release", ["05"])
    assert [path.name for path in sorted(out.iterdir())] == ["05_overfitting_curves.ipynb", "files"]
    made = (out / "05_overfitting_curves.ipynb").read_text(encoding="utf-8")
    assert "](files/summaries/hara-2018-retrace/paper.yaml" in made
    assert "](../" not in made
    assert (out / "files" / "summaries" / "hara-2018-retrace" / "paper.yaml").is_file()


def test_a_handout_overwrites_nothing(tmp_path):
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "mine.ipynb").write_text("mine")
    with pytest.raises(FileExistsError, match="give a new folder"):
        write_handout("student", tmp_path / "release", ["00"])
    assert [path.name for path in (tmp_path / "release").iterdir()] == ["mine.ipynb"]


@pytest.mark.slow
def test_nbgrader_makes_the_same_student_notebook_from_the_instructors(tmp_path):
    from nbgrader.preprocessors import ClearSolutions

    plain = {**TEACHERS, "cells": [one for one in TEACHERS["cells"] if one["id"] != "gap-note"]}
    write_notebook(plain, tmp_path / "a.ipynb")
    notebook = nbformat.read(tmp_path / "a.ipynb", as_version=4)
    made, _ = ClearSolutions().preprocess(notebook, {})
    assert [one.source for one in made.cells] == [one["source"] for one in RELEASE["cells"]]


@pytest.mark.slow
@pytest.mark.parametrize(("notebook", "failed"), [(RELEASE, 2), (TEACHERS, 0)], ids=["untouched", "instructor"])
def test_nbgrader_validates_the_instructors_answers_and_not_the_stubs(tmp_path, notebook, failed):
    from nbgrader.validator import Validator

    write_notebook(notebook, tmp_path / "tiny.ipynb")
    found = Validator().validate(str(tmp_path / "tiny.ipynb"))
    assert len(found.pop("failed", [])) == failed
    assert found == {}
