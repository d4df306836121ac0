"""A student's notebook in order again: the release's cells, the student's answers, and a sentence for each difference."""

import copy

import nbformat
import pytest
from toy_class import (
    CLASS,
    GAP,
    RELEASE,
    RIGHT_GAP,
    SIGN,
    answered,
    cell,
    code,
    from_another_release,
    greedy,
    other_front_end,
    pasted,
    stripped,
    with_cells,
    without,
)

from labkit.course.assignment import grade_id, instructor, is_exercise, is_locked, student
from labkit.course.grading.classroom import _without
from labkit.course.grading.repair import repair
from labkit.course.handout import write_notebook
from labkit.course.plan import read_plan
from labkit.runs.notebook import read_content


def read_back(notebook):
    """The notebook as the program reads what was handed in: nothing is shared with the release."""
    return copy.deepcopy(notebook)


@pytest.mark.parametrize(("name", "notebook"), [(name, notebook) for name, notebook, _ in CLASS])
def test_nbgrader_takes_every_repaired_notebook(name, notebook, tmp_path):
    from nbgrader.nbgraderformat import MetadataValidator

    repaired = repair(read_back(notebook), RELEASE).notebook
    write_notebook(repaired, tmp_path / "a.ipynb")
    read = nbformat.read(tmp_path / "a.ipynb", as_version=4)
    nbformat.validate(read)
    MetadataValidator().validate_nb(read)
    assert [grade_id(one) for one in repaired["cells"] if grade_id(one)] == [
        grade_id(one) for one in RELEASE["cells"] if grade_id(one)
    ]
    locked = [one["source"] for one in repaired["cells"] if is_locked(one)]
    assert locked == [one["source"] for one in RELEASE["cells"] if is_locked(one)]
    assert len({one["id"] for one in repaired["cells"]}) == len(repaired["cells"])


def test_an_answered_notebook_needs_no_repair():
    repaired = repair(answered(), RELEASE)
    assert repaired.said == ()
    assert [one["source"] for one in repaired.notebook["cells"]] == [one["source"] for one in answered()["cells"]]


def test_a_changed_cell_between_the_exercises_stays_changed():
    made = answered()
    cell(made, "imports")["source"] += "\nimport math"
    assert cell(repair(made, RELEASE).notebook, "imports")["source"].endswith("import math")


def test_the_students_own_cells_stay_where_they_stood():
    made = answered()
    place = made["cells"].index(cell(made, "doubled"))
    made["cells"].insert(place, code("mine", "helper = 2"))
    sources = [one["source"] for one in repair(made, RELEASE).notebook["cells"]]
    assert sources[sources.index("helper = 2") + 1] == cell(made, "doubled")["source"]


def test_the_last_answer_counts_and_the_earlier_one_stays():
    repaired = repair(pasted(SIGN, RIGHT_GAP), RELEASE)
    assert cell(repaired.notebook, "gap-solution")["source"] == RIGHT_GAP
    assert SIGN in [one["source"] for one in repaired.notebook["cells"]]
    assert repaired.said == ("gap-solution stood there 2 times; the last answer counts",)


def test_an_answer_in_a_cell_of_its_own_counts():
    made = answered(gap=None)
    made["cells"].append(code("mine", RIGHT_GAP))
    assert cell(repair(made, RELEASE).notebook, "gap-solution")["source"] == RIGHT_GAP


def test_an_answer_in_a_text_cell_becomes_code():
    made = answered()
    answer = cell(made, "gap-solution")
    answer["cell_type"] = "markdown"
    assert cell(repair(made, RELEASE).notebook, "gap-solution")["cell_type"] == "code"


@pytest.mark.parametrize(
    ("notebook", "said"),
    [
        (without("imports"), "1 cell had been deleted and came back: imports"),
        (greedy(), "the locked cell gap-grade had been changed and is as it was"),
        (stripped(), "the metadata for grading were gone; they were taken from the release"),
        (other_front_end(), "the metadata for grading were gone; they were taken from the release"),
        (with_cells(answered()["cells"][::-1]), "its cells were in another order; they are in the release's"),
        (from_another_release(), "it was made from another release (0123456789abcdef) than the one it is graded by"),
    ],
)
def test_every_difference_is_said(notebook, said):
    assert any(one.startswith(said) for one in repair(read_back(notebook), RELEASE).said)


@pytest.mark.parametrize(
    "damage", [None, [], "text", {"grade_id": 3, "solution": "yes"}, {"grade_id": ["gap-solution"]}]
)
def test_odd_metadata_harm_nothing(damage):
    made = answered()
    for one in made["cells"]:
        one["metadata"] = {"nbgrader": damage, "tags": 3}
    made["metadata"] = {"labkit": damage}
    assert cell(repair(made, RELEASE).notebook, "gap-solution")["source"] == RIGHT_GAP
    assert GAP not in RIGHT_GAP


def number_of(notebook, cell_id):
    return notebook["cells"].index(cell(notebook, cell_id))


@pytest.mark.parametrize(
    ("died", "left_out"),
    [("gap-solution", "gap-solution"), ("doubled-grade", "doubled"), ("imports", None), ("gap-use", None)],
)
def test_only_a_students_own_code_is_left_out_where_a_cell_hangs(died, left_out):
    made = repair(answered(), RELEASE).notebook
    got = _without(made, RELEASE, number_of(made, died))
    assert (got and got[1]) == left_out
    if left_out:
        assert cell(got[0], left_out)["source"] == cell(RELEASE, left_out)["source"]
        assert cell(made, left_out)["source"] != cell(RELEASE, left_out)["source"]


def test_a_cell_that_the_student_added_is_left_out_too():
    made = answered()
    made["cells"].insert(3, code("mine", "while True: pass"))
    repaired = repair(made, RELEASE).notebook
    at = next(number for number, one in enumerate(repaired["cells"]) if one["source"] == "while True: pass")
    assert _without(repaired, RELEASE, at)[0]["cells"][at]["source"] == ""


def test_every_answer_of_a_real_notebook_is_found_without_metadata_and_ids():
    name = "05_overfitting_curves"
    (lesson,) = [lesson for lesson in read_plan().lessons if lesson.name == name]
    content = read_content(lesson.path)
    release, ours = student(content, name), student_with_answers(content, name)
    bare = [{"cell_type": one["cell_type"], "metadata": {}, "source": one["source"]} for one in ours["cells"]]
    repaired = repair({"cells": bare, "metadata": {}}, release)
    answers = [(one["id"], one["source"]) for one in ours["cells"] if is_exercise(one)]
    assert len(answers) >= 4
    assert [(one["id"], one["source"]) for one in repaired.notebook["cells"] if is_exercise(one)] == answers
    assert len(repaired.notebook["cells"]) == len(release["cells"])
    assert repaired.said == ("the metadata for grading were gone; they were taken from the release",)


def student_with_answers(content, name):
    """The student's notebook with our answers in the exercises' cells."""
    answers = {one["id"]: one["source"] for one in instructor(content, name)["cells"] if is_exercise(one)}
    made = student(content, name)
    cells = [{**one, "source": answers.get(one["id"], one["source"])} for one in made["cells"]]
    return {**made, "cells": cells}
