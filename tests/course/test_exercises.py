"""Every exercise of the course: its right answers pass, its wrong ones get their own message, and most mutants are rejected."""

import ast
import re
from collections import Counter
from pathlib import Path

import nbformat
import pytest
from mutants import mutants

from labkit.course.exercises import child, shelf
from labkit.course.exercises.format import BEGIN
from labkit.course.exercises.verbs import verdict_on
from labkit.course.plan import read_plan

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
MOST_SURVIVE = 0.2  # share of the mutants that a check may take for right
MUTANT_SECONDS = 2.0  # some mutants never end


def notebook(number):
    return nbformat.read(next(NOTEBOOKS.glob(f"{number}_*.ipynb")), as_version=nbformat.NO_CONVERT)


def answered(exercise, answer):
    """What the learner's cell defines with this answer, in a namespace like a notebook's."""
    return defined(exercise, exercise.answered(answer))


def defined(exercise, code):
    names = {"__name__": "__main__"}
    exec(exercise.setup, names)
    exec(code, names)
    return names


EXERCISES = {name: shelf.find(name) for name in shelf.cells()}
every = pytest.mark.parametrize("exercise", EXERCISES.values(), ids=list(EXERCISES))


@every
def test_the_notebook_has_the_text_and_the_cell_of_the_exercise(exercise):
    cells = notebook(exercise.number).cells
    at = next(n for n, cell in enumerate(cells) if cell.id == exercise.cell)
    assert exercise.text in cells[at - 1].source
    assert cells[at].source == exercise.code.strip("\n")
    assert exercise.asks() in cells[at + 1].source
    assert cells[at + 1].metadata.tags == ["aside"]


@every
def test_an_exercise_is_whole(exercise):
    assert shelf.module_of(exercise.cell).split(".")[-2] == f"notebook_{exercise.number}"
    for words in (r"difficulty [1-5] of 5", r"importance [1-5] of 5", r"\d+ minutes"):
        assert re.search(words, exercise.text)
    assert exercise.explanation
    assert len(exercise.hints) == 2
    assert len({ast.dump(ast.parse(exercise.answered(one))) for one in (exercise.solution, *exercise.right)}) >= 3
    assert len(exercise.wrong) >= 2
    assert exercise.is_function() or type(defined(exercise, exercise.code)[exercise.defines]) in (str, int, float)
    assert len({mistake.says for mistake in exercise.wrong}) == len(exercise.wrong)


@every
def test_names_that_answers_use_come_from_earlier_cells(exercise):
    cells = notebook(exercise.number).cells
    before = [
        cell.source for cell in cells[: [cell.id for cell in cells].index(exercise.cell)] if cell.cell_type == "code"
    ]
    known = set().union(*(names_bound(source) for source in before))
    assert names_bound(exercise.setup) <= known
    assert exercise.defines not in known, "an untouched cell would be taken for an attempt"


def names_bound(code):
    bound = set()
    for node in ast.parse(code).body:
        for one in ast.walk(node) if not isinstance(node, ast.FunctionDef | ast.ClassDef) else [node]:
            match one:
                case ast.alias():
                    bound.add(one.asname or one.name.split(".")[0])
                case ast.Name(ctx=ast.Store()):
                    bound.add(one.id)
                case ast.FunctionDef() | ast.ClassDef():
                    bound.add(one.name)
    return bound


@every
def test_right_answers_pass(exercise):
    for answer in (exercise.solution, *exercise.right):
        assert verdict_on(exercise, answered(exercise, answer)).state == "right", answer


@every
def test_each_typical_mistake_gets_its_own_message(exercise):
    for mistake in exercise.wrong:
        verdict = verdict_on(exercise, answered(exercise, mistake.answer))
        assert verdict.state == "wrong", mistake.name
        assert mistake.says in verdict.why, mistake.name


@every
def test_an_untouched_cell_is_not_attempted(exercise):
    for stub in ("raise NotImplementedError()", "..."):
        names = {}
        try:
            names = answered(exercise, stub)
        except NotImplementedError:
            assert not exercise.is_function()
        assert verdict_on(exercise, names).state == "empty", stub


@every
def test_most_mutants_of_our_answer_are_rejected(exercise, monkeypatch):
    monkeypatch.setattr(child, "SECONDS", MUTANT_SECONDS)
    code = exercise.answered(exercise.solution)
    first = exercise.code.strip("\n").split(BEGIN)[0].count("\n") + 1
    changed = dict(mutants(code, first, first + exercise.solution.count("\n") - 1))
    assert set(exercise.equivalent) <= set(changed)
    tried = {name: new for name, new in changed.items() if name not in exercise.equivalent}
    survivors = [name for name, new in tried.items() if right(exercise, new)]
    assert len(survivors) <= MOST_SURVIVE * len(tried), survivors


def right(exercise, code):
    try:
        names = defined(exercise, code)
    except Exception:
        return False
    return verdict_on(exercise, names).state == "right"


GARBAGE = """
import numpy as np

class Odd:
    "An object that cannot even be shown or compared."

    def __repr__(self):
        raise ValueError

    def __eq__(self, other):
        raise ValueError

    __hash__ = None

values = ["text", 17, float("nan"), [], {}, np.zeros((3, 0)), np.array(["a"]), np, Odd, Odd(), int, open, b"xff"]
values += [lambda *_: None, (n for n in "ab")]

def giving(value):
    return lambda *_, **__: value
"""


@every
def test_garbage_is_wrong_and_crashes_nothing(exercise):
    names = {"__name__": "__main__"}
    exec(GARBAGE, names)  # as in a notebook
    for value in names["values"]:
        given = [value, names["giving"](value)] if exercise.is_function() else [value]
        for answer in given:
            assert verdict_on(exercise, {exercise.defines: answer}).state != "right"


FROM_TO = [lesson.number for lesson in read_plan().lessons if "01" <= lesson.number <= "09"]


@pytest.mark.parametrize("number", FROM_TO)
def test_a_notebook_has_four_exercises_and_one_of_them_is_a_question(number):
    own = [exercise for exercise in EXERCISES.values() if exercise.number == number]
    assert len(own) >= 4
    assert not all(exercise.is_function() for exercise in own)


def test_no_two_exercises_share_a_cell():
    assert max(Counter(exercise.cell for exercise in EXERCISES.values()).values()) == 1
