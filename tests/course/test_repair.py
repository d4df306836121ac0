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

from labkit.course.assignment import grade_id, is_locked
from labkit.course.grading.repair import repair
from labkit.course.handout import write_notebook


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
