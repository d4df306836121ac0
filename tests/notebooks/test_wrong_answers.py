"""A student's notebook goes on with labkit's own version, whatever the answers are: only the exercises' own cells complain.

Each notebook runs once, on its short parameters. At each exercise it meets the untouched cell, then one typical wrong answer
after the other; the last one stays. What follows the exercise runs beside them all.
"""

import copy

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from labkit.course.assignment import STUB, grade_id, is_exercise, is_graded, student
from labkit.course.exercises import shelf
from labkit.course.plan import read_plan
from labkit.runs.notebook import read_content

LESSONS = {lesson.name: lesson for lesson in read_plan().lessons}
WITH_EXERCISES = [
    name for name in LESSONS if any(f"notebook_{name[:2]}." in module for module in shelf.cells().values())
]


def with_all_wrong_answers(notebook):
    """The notebook with the cells of an exercise once for the untouched cell, and again for each typical wrong answer."""
    cells, group = [], []
    for cell in notebook.cells:
        if is_exercise(cell) and stem(cell.id) in shelf.cells():
            group = [cell]
        elif group:
            group.append(cell)
            if is_graded(cell):
                cells += attempts(shelf.find(grade_id(group[0])), group)
                group = []
            continue
        else:
            cells.append(cell)
    assert not group, "an exercise has no cell that grades it"
    notebook.cells = cells
    return notebook


def stem(cell_id):
    return cell_id.removesuffix("-solution")


def attempts(exercise, group):
    for number, mistake in enumerate([None, *exercise.wrong]):
        for cell in copy.deepcopy(group):
            if is_exercise(cell) and mistake:
                cell.source = exercise.answered(mistake.answer)
            cell.metadata.attempt = mistake.name if mistake else "untouched"
            cell.metadata.says = mistake.says if mistake else "there is no answer yet"
            cell.id = f"{cell.id[:50]}-try{number}"
            yield cell


def outputs(cell, kind):
    return [one for one in cell.get("outputs", []) if one.output_type == kind]


def partly(cell, said):
    return 0 < float(said.data["text/plain"]) < cell.metadata.nbgrader.points


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", WITH_EXERCISES)
def test_only_the_exercises_own_cells_complain_about_wrong_answers(name, tmp_path, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")  # short parameters
    made: NotebookNode = nbformat.from_dict(student(read_content(LESSONS[name].path), name))
    notebook = with_all_wrong_answers(made)
    NotebookClient(notebook, timeout=600, allow_errors=True, resources={"metadata": {"path": tmp_path}}).execute()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in code:
        own = is_graded(cell) or (is_exercise(cell) and STUB[1] in cell.source)
        assert own or not outputs(cell, "error"), f"{cell.id}: {outputs(cell, 'error')}"
        if is_graded(cell) and "attempt" in cell.metadata:
            (said,) = [*outputs(cell, "error"), *outputs(cell, "execute_result")]
            assert cell.metadata.says in said.get("evalue", "") or partly(cell, said), cell.id
            assert not outputs(cell, "stream"), "nbgrader gives nothing where a cell writes to stderr"
