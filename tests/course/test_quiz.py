"""The quizzes of the course keep the format, and a quiz answers with reasons."""

import re
from pathlib import Path

import pytest

from labkit.course.progress import noted
from labkit.course.quiz import Choice, Question, Quiz, quiz, read_quiz
from labkit.survey.publication.files import paper_ids, read_results
from labkit.viz.twin import WIDGET

FILES = sorted((Path(__file__).resolve().parents[2] / "notebooks" / "quiz").glob("*.toml"))
CHOICES = """choices = [
  { says = "a", why = "because" },
  { says = "b", right = true, why = "because" },
  { says = "c", why = "because" },
]
"""
QUESTION = f'[[question]]\nask = "What?"\n{CHOICES}'
GOOD = QUESTION * 5


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_quiz_of_the_course_keeps_the_format(path):
    questions = read_quiz(path)
    right = {[choice.right for choice in question.choices].index(True) for question in questions}
    assert len(right) > 1, "the right answer always stands in the same place"
    for question in questions:
        assert question.ask.rstrip().endswith("?")
        assert len({choice.says for choice in question.choices}) == len(question.choices)
        assert len({choice.why for choice in question.choices}) == len(question.choices), (
            "each choice has its own reason"
        )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_quiz_types_a_measured_or_published_number(path):
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"\d[\d.,]*\s?(?:%|percent\b|points\b|seconds\b|ms\b)", text) == []
    published = {r.printed for name in paper_ids() for r in read_results(name) if r.unit == "%" and "." in r.printed}
    assert published.isdisjoint(re.findall(r"(?<![\d.])\d+\.\d+(?![\d.])", text))


def written(folder: Path, text: str) -> Path:
    path = folder / "07.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[[question]]", "[question", "is not TOML"),
        (QUESTION, QUESTION * 2, "a quiz is 5 tables"),
        ("right = true, ", "", "question 1 has 0 right choices"),
        ('"a", why', '"a", right = true, why', "question 1 has 2 right choices"),
        ('  { says = "a", why = "because" },\n', "", "question 1 has 2 choices, not 3 or 4"),
        ('why = "because"', 'why = " "', "question 1 has an empty text"),
        ('ask = "What?"', "ask = 7", "question 1 has an empty text"),
        ('ask = "What?"', 'asks = "What?"', "question 1 has `ask` and `choices`"),
        ('says = "a"', 'say = "a"', "question 1 has `ask` and `choices`"),
        (CHOICES, "choices = 5\n", "question 1 has `ask` and `choices`"),
    ],
)
def test_a_quiz_in_another_format_names_the_file_and_the_question(tmp_path, old, new, said):
    assert old in GOOD
    with pytest.raises(ValueError, match=f"07.toml.*{re.escape(said)}"):
        read_quiz(written(tmp_path, GOOD.replace(old, new, 1)))


def test_a_quiz_in_another_encoding_is_named(tmp_path):
    path = tmp_path / "07.toml"
    path.write_bytes(GOOD.replace("What?", "Où ?").encode("latin-1"))
    with pytest.raises(ValueError, match=r"07\.toml is not TOML in UTF-8"):
        read_quiz(path)


def test_an_unknown_quiz_names_the_nearest():
    with pytest.raises(ValueError, match=r"there is no quiz '011' .*'01'"):
        quiz("011")
    with pytest.raises(ValueError, match=r"there is no quiz '\.\./quiz/01'"):
        quiz("../quiz/01")


@pytest.fixture
def toy(tmp_path, monkeypatch) -> Quiz:
    """A live quiz with markup in every text, and a progress file of its own."""
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setenv("JPY_SESSION_NAME", "notebook.ipynb")
    choices = (Choice("<i>no</i>", "<b>wrong</b> & so on"), Choice("`a < b`", "yes", right=True), Choice("c", "no"))
    return Quiz("07", tuple(Question(f"<u>{n}</u>?", choices) for n in range(5)))


def test_an_answer_says_right_or_not_and_why(toy):
    assert toy.answer(0, 0) == "<b>Not right.</b> &lt;b&gt;wrong&lt;/b&gt; &amp; so on"
    assert toy.answer(0, 1) == "<b>Right.</b> yes"
    assert toy.score == "1 of 5 right."


def test_answers_count_in_the_learners_progress(toy):
    toy.answer(2, 0)
    assert (noted("quiz", "07", "3").done, noted("quiz", "07", "3").tries) == (False, 1)
    toy.answer(2, 1)
    assert (noted("quiz", "07", "3").done, noted("quiz", "07", "3").tries) == (True, 2)
    assert noted("quiz", "07", "1") is None


def test_buttons_answer_in_the_notebook(toy):
    question, buttons, said = toy.widget.children[3:6]
    assert "2. &lt;u&gt;1&lt;/u&gt;?" in question.value
    buttons.children[1].click()
    assert said.value == "B. <b>Right.</b> yes"
    assert toy.widget.children[-2].value == "1 of 5 right."


def test_the_page_gets_native_radio_buttons_and_escaped_text(toy):
    made = toy.static()
    assert made.count('type="radio"') == 15
    assert not re.search(r"<(?:i|u|script)\b", made)
    assert "<code>a &lt; b</code>" in made
    names = re.findall(r'type="radio" name="([^"]+)"', made)
    assert len(set(names)) == 5
    assert set(re.findall(r'name="([^"]+)"', toy.static())).isdisjoint(names), "shown twice, two groups of buttons"


def test_the_text_of_a_quiz_gives_no_answer_away(toy):
    bundle = toy._repr_mimebundle_()
    assert WIDGET in bundle
    assert "yes" not in bundle["text/plain"]
    assert "Right" not in repr(toy)
