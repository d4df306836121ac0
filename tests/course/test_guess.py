"""The guess and its result, as objects: what they say with and without a guess, and what a page gets."""

import math
import re

import pytest

from labkit.course import guess as guesses
from labkit.course.guess import Beside, Guess
from labkit.course.progress import noted
from labkit.viz.twin import WIDGET


@pytest.fixture(autouse=True)
def learner(tmp_path, monkeypatch):
    """A learner at a front end, with a file of their own and a fresh kernel."""
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setenv("JPY_SESSION_NAME", "notebook.ipynb")
    monkeypatch.setattr(guesses, "_asked", {})
    monkeypatch.setattr(guesses, "_told", {})


def test_without_a_guess_the_result_stands_alone():
    Guess("01-gap", "How large?", 0, 100, unit="%")
    assert str(Beside("01-gap", 51.26)) == "The result is 51.3 %."


@pytest.mark.parametrize(
    ("given", "unit", "step", "value", "said"),
    [
        (60, "%", 1, 51.3, "Your guess was 60 %. The result is 51.3 %: 8.7 points away."),
        (60, "", 10, 60, "Your guess was 60. The result is 60: 0 away."),
        (0.25, "s", 0.05, 0.3004, "Your guess was 0.25 s. The result is 0.3 s: 0.05 s away."),
        (100, "clips/s", 1, 2345.6, "Your guess was 100 clips/s. The result is 2,345.6 clips/s: 2,245.6 clips/s away."),
    ],
)
def test_the_guess_stands_beside_the_result_with_the_distance(given, unit, step, value, said):
    asked = Guess("01-gap", "How large?", 0, 100, step=step, unit=unit)
    asked.keep(given)
    assert str(Beside("01-gap", value)) == said


def test_a_run_without_a_result_says_so():
    Guess("01-gap", "How large?", 0, 100)
    assert str(Beside("01-gap", math.nan)) == "This run has no result to set beside the guess."


def test_a_result_whose_guess_was_not_run_says_which_cell_to_run():
    assert str(Beside("01-gap", 7)) == "The result is 7. Run the cell with the guess first to see both."


def test_the_guess_is_kept_for_the_next_kernel(monkeypatch):
    Guess("01-gap", "How large?", 0, 100, unit="%").keep(60)
    monkeypatch.setattr(guesses, "_asked", {})
    again = Guess("01-gap", "How large?", 0, 100, unit="%")
    assert again.widget.children[1].children[0].value == 60
    assert str(Beside("01-gap", 50)).startswith("Your guess was 60 %.")


def test_a_run_without_a_front_end_neither_reads_nor_writes_the_learners_guess(monkeypatch):
    Guess("01-gap", "How large?", 0, 100).keep(60)
    monkeypatch.delenv("JPY_SESSION_NAME")
    page = Guess("01-gap", "How large?", 0, 100)
    assert str(Beside("01-gap", 50)) == "The result is 50."
    page.keep(70)
    assert noted("guess", "01", "01-gap").value == 60


def test_a_result_that_is_shown_already_changes_when_the_guess_is_kept():
    asked = Guess("01-gap", "How large?", 0, 100)
    result = Beside("01-gap", 50)
    assert result.widget.value == "The result is 50."
    asked.widget.children[1].children[0].value = 30
    asked.widget.children[1].children[1].click()
    assert result.widget.value == "Your guess was 30. The result is 50: 20 away."


def test_the_cell_run_again_moves_the_result_to_the_new_guess():
    first = Guess("01-gap", "How large?", 0, 100)
    result = Beside("01-gap", 50)
    assert first.widget is not None
    assert result.widget.value == "The result is 50."
    second = Guess("01-gap", "How large?", 0, 100)
    second.keep(40)
    assert result.widget.value == "Your guess was 40. The result is 50: 10 away."


def test_a_kept_value_outside_a_changed_range_is_cut_to_it():
    Guess("01-gap", "How large?", 0, 1000).keep(900)
    assert Guess("01-gap", "How large?", 0, 100).value == 100


@pytest.mark.parametrize("name", ["gap", "1-gap", "01", "01-", "01-Gap", "01 gap", '01-"'])
def test_another_name_is_refused(name):
    with pytest.raises(ValueError, match="notebook's number"):
        Guess(name, "How large?", 0, 100)


@pytest.mark.parametrize(("low", "high", "step"), [(1, 1, 1), (2, 1, 1), (0, 1, 2), (0, 1, 0), (0, math.nan, 1)])
def test_a_range_without_room_is_refused(low, high, step):
    with pytest.raises(ValueError, match="low < high"):
        Guess("01-gap", "How large?", low, high, step=step)


def test_the_page_gets_escaped_text_and_native_controls():
    made = Guess("01-gap", "<b>&", 0, 100, unit="</script>").static()
    assert "&lt;b&gt;&amp;" in made
    assert made.count("</script>") == 1
    assert re.search(r'<input type="range" min="0" max="100" step="1" value="50"', made)


def test_the_page_folds_the_result_until_the_guess():
    Guess("01-gap", "How large?", 0, 100, unit="%")
    made = Beside("01-gap", 51.26).static()
    assert made.startswith('<details class="labkit-beside" data-guess="01-gap" data-value="51.26">')
    assert "open" not in made.partition(">")[0]


def test_only_a_live_guess_shows_widgets(monkeypatch):
    live = Guess("01-gap", "How large?", 0, 100)
    assert WIDGET in live._repr_mimebundle_()
    assert WIDGET in Beside("01-gap", 5)._repr_mimebundle_()
    monkeypatch.delenv("JPY_SESSION_NAME")
    assert set(Guess("01-gap", "How large?", 0, 100)._repr_mimebundle_()) == {"text/html", "text/plain"}
    assert set(Beside("01-gap", 5)._repr_mimebundle_()) == {"text/html", "text/plain"}
