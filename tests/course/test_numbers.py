import ast
import json
import re

import pytest

from labkit.course.numbers import UNITS, Shown, shown_numbers
from labkit.course.plan import read_plan


@pytest.mark.parametrize(
    ("unit", "value", "said"),
    [
        ("%", 0.9125, "91.2 %"),
        ("points", 0.7146, "+71.5 points"),
        ("times", 2.968, "2.97 times"),
        ("million", 33235280, "33.2 million"),
        ("ms", 26.63, "26.6 ms"),
        ("count", 2400, "2,400"),
        ("count", None, "–"),
    ],
)
def test_a_number_is_said_in_its_unit(unit, value, said):
    assert Shown("name", "words", unit).said(value) == said


def test_an_unknown_unit_names_the_nearest():
    with pytest.raises(ValueError, match="'milion'; did you mean 'million'"):
        shown_numbers({"parameters": ["parameters", "milion"]})
    with pytest.raises(ValueError, match="what it is"):
        shown_numbers({"parameters": "parameters"})


def recorded(path) -> list[str]:
    """Regular expressions of the names that a notebook records: keywords of `record`, keys of dicts that it is given."""
    cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    names = []
    for node in ast.walk(ast.parse("\n".join("".join(cell["source"]) for cell in cells))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "record":
            names += [re.escape(keyword.arg) for keyword in node.keywords if keyword.arg]
        if isinstance(node, ast.DictComp) and isinstance(node.key, ast.JoinedStr):
            parts = node.key.values
            names.append("".join(re.escape(p.value) if isinstance(p, ast.Constant) else r"\w+" for p in parts))
    return names


@pytest.mark.parametrize("lesson", read_plan().lessons, ids=lambda lesson: lesson.name)
def test_the_index_has_words_and_a_unit_for_each_number_it_shows_and_the_notebook_records_it(lesson):
    assert 1 <= len(lesson.numbers) <= 4
    names = recorded(lesson.path)
    for one in lesson.numbers:
        assert any(re.fullmatch(name, one.name) for name in names), f"{lesson.name} records no {one.name}"
        assert one.unit in UNITS
        assert "_" not in one.words
