"""A real notebook of the course, graded by nbgrader: full points for our answers, none for stubs."""

import pytest
from toy_class import as_bytes

from labkit.course.assignment import instructor, is_graded, student
from labkit.course.grading.classroom import grade_class
from labkit.course.handout import write_handout
from labkit.course.plan import read_plan
from labkit.runs.notebook import read_content

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
NAME = "10_reading_group"


def stripped(notebook):
    """Without metadata, and without the cells that give points."""
    cells = [{**cell, "metadata": {}} for cell in notebook["cells"] if not is_graded(cell) or "def" in cell["source"]]
    return {**notebook, "metadata": {}, "cells": cells}


@pytest.fixture(scope="module")
def marks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reading")
    write_handout("student", folder / "release", ["10"])
    (lesson,) = [lesson for lesson in read_plan().lessons if lesson.name == NAME]
    ours = instructor(read_content(lesson.path), NAME)
    empty = student(read_content(lesson.path), NAME)
    for name, notebook in (("ours", ours), ("empty", empty), ("stripped", stripped(ours))):
        (folder / name).mkdir()
        (folder / name / f"{NAME}.ipynb").write_bytes(as_bytes(notebook))
    possible = sum(cell["metadata"]["nbgrader"]["points"] for cell in empty["cells"] if is_graded(cell))
    return possible, {mark.student: mark for mark in grade_class(folder)}


def test_our_answers_get_all_points(marks):
    possible, by_student = marks
    for name in ("ours", "stripped"):
        mark = by_student[name]
        assert mark.points + mark.by_hand == mark.most == possible, mark


def test_stubs_get_none(marks):
    mark = marks[1]["empty"]
    assert (mark.points, mark.by_hand) == (0, 0)
