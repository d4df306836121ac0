import nbformat
import pytest
from nbformat import v4

from labkit.course.notebook_facts import facts_of
from labkit.course.plan import read_plan


def test_the_minutes_are_those_of_the_text_and_of_the_exercises(tmp_path):
    cells = [
        v4.new_markdown_cell("# Title\n\n" + "word " * 199),
        v4.new_code_cell("code " * 400),
        v4.new_markdown_cell(
            "1. (difficulty 1 of 5, importance 2 of 5, 2 minutes) A\n2. (difficulty 2 of 5, 15 minutes) B"
        ),
        v4.new_code_cell('from labkit.course.guess import guess\n\nguess("05-new-clips", "How many?", 0, 1)'),
    ]
    nbformat.write(v4.new_notebook(cells=cells), tmp_path / "a.ipynb")
    facts = facts_of(tmp_path / "a.ipynb")
    assert (facts.reading, facts.exercises, facts.guesses) == (2, 17, ("05-new-clips",))


@pytest.mark.parametrize("lesson", read_plan().lessons, ids=lambda lesson: lesson.number)
def test_each_notebook_has_text_and_exercises(lesson):
    facts = facts_of(lesson.path)
    assert 3 <= facts.reading <= 60
    assert facts.exercises > 5
    assert all(name.startswith(f"{lesson.number}-") for name in facts.guesses)
