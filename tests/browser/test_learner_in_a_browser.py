"""What a learner does, in a real browser: exercises answered wrongly and rightly, a quiz, and a guess that stays."""

import os
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from lab import PATIENCE, Lab
from nbformat import v4
from test_explorer_in_jupyterlab import open_and_run, write_notebook

from labkit.course.copies import get_course
from labkit.course.exercises.shelf import find
from labkit.course.guess import Beside, Guess
from labkit.course.page import notebook_body
from labkit.course.progress import noted
from labkit.course.quiz import Choice, Question, Quiz

pytestmark = pytest.mark.browser
expect = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser").expect


@pytest.fixture(scope="module")
def course(jupyterlab) -> Path:
    """The student's notebooks, in the folder that JupyterLab serves, of a student who has done nothing yet."""
    Path(os.environ["LABKIT_PROGRESS"]).unlink(missing_ok=True)
    return get_course(jupyterlab.folder / "course", "student") / "notebooks"


@pytest.mark.slow
def test_an_exercise_answered_wrongly_and_then_rightly_says_why_and_right(page, jupyterlab, course):
    found = find("gap-solution")
    (path,) = course.glob(f"{found.number}_*.ipynb")
    lab = Lab(page, jupyterlab, f"course/notebooks/{path.name}")
    lab.type("imports")
    check = lab.ids[lab.ids.index(found.cell) + 1]
    expect(lab.type(check)).to_contain_text("Not attempted yet", timeout=PATIENCE)
    mistake = found.wrong[0]
    lab.type(found.cell, found.answered(mistake.answer))
    said = lab.type(check)
    expect(said).to_contain_text("Not right yet", timeout=PATIENCE)
    expect(said).to_contain_text(mistake.says.replace("`", ""))
    lab.type(found.cell, found.answered(found.right[0]))
    expect(lab.type(check)).to_contain_text("Right.", timeout=PATIENCE)
    kept = noted("exercise", found.number, found.cell)
    assert (kept.done, kept.tries) == (True, 2)


@pytest.mark.slow
def test_a_quiz_is_answered_and_a_guess_stays_after_a_restart_of_the_kernel(page, jupyterlab, course):
    lab = Lab(page, jupyterlab, "course/notebooks/01_video_is_a_tensor.ipynb")
    quiz = lab.type("quiz")
    buttons = quiz.locator("button")
    buttons.first.wait_for(timeout=PATIENCE)
    buttons.nth(0).click()
    expect(quiz).to_contain_text("A. Not right. A dataset gives a clip in the order T, C, H, W.")
    buttons.nth(1).click()
    expect(quiz).to_contain_text("B. Right.")
    expect(quiz).to_contain_text("1 of 5 right.")
    assert noted("quiz", "01", "1").done

    guess = lab.type("guess-backwards")
    guess.locator(".noUi-handle").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    guess.locator("button").click()
    expect(guess).to_contain_text("Your guess is kept: 53 %.")
    lab.restart()
    guess = lab.type("guess-backwards")
    expect(guess).to_contain_text("Your guess is kept: 53 %.", timeout=PATIENCE)
    expect(guess.locator(".noUi-handle")).to_have_attribute("aria-valuenow", "53.0")
    beside = lab.type("beside-backwards", 'from labkit.course.guess import beside\n\nbeside("01-backwards", 90)')
    expect(beside).to_contain_text("Your guess was 53 %. The result is 90 %: 37 points away.", timeout=PATIENCE)


def test_a_result_above_an_open_guess_changes_when_the_guess_is_kept(page, jupyterlab):
    asked = 'from labkit.course.guess import beside, guess\nguess("01-gap", "How large?", 0, 10)'
    write_notebook(jupyterlab.folder / "guess.ipynb", asked, 'beside("01-gap", 7)')
    open_and_run(page, jupyterlab, "guess.ipynb")
    outputs = page.locator(".jp-Cell-outputWrapper")
    expect(outputs.nth(1)).to_contain_text("The result is 7.", timeout=PATIENCE)
    outputs.nth(0).locator("button").click()
    expect(outputs.nth(1)).to_contain_text("Your guess was 5. The result is 7: 2 away.")


# ---------------------------------------------------------------- the page, without a kernel

PAGE = {
    "title": "T", "name": "01", "lessons": [], "about": "", "minutes": "", "seconds": "", "source": "", "failure": "",
    "before": None, "after": None, "plan": SimpleNamespace(title="A course"),
}  # fmt: skip
ODD = '<b onclick="alert(1)">odd</b>'


@pytest.fixture
def built(page, tmp_path):
    """A page with a guess, its result and a quiz; what the console complains of fails the test when it ends."""
    choices = (Choice(ODD, "reason one"), Choice("`T`", "reason two", right=True), Choice("c", "reason three"))
    quiz = Quiz("01", tuple(Question(f"Number {n}? {ODD}", choices) for n in range(5)), live=False)
    shown = [Guess("01-gap", f"How large? {ODD}", 0, 100, unit="%", live=False), Beside("01-gap", 71.26), quiz]
    outputs = [v4.new_output("display_data", one._repr_mimebundle_()) for one in shown]
    nbformat.write(v4.new_notebook(cells=[v4.new_code_cell("x", outputs=outputs)]), tmp_path / "a.ipynb")
    (tmp_path / "page.html").write_text(notebook_body(tmp_path / "a.ipynb", PAGE), encoding="utf-8")
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if "Refused" in message.text else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto((tmp_path / "page.html").as_uri())
    yield page
    assert complaints == []


def test_the_page_hides_the_result_until_the_guess_and_then_sets_both_side_by_side(built):
    result = built.locator(".labkit-beside")
    expect(result.locator("p")).to_be_hidden()
    built.locator(".labkit-guess input").focus()
    built.keyboard.press("ArrowLeft")
    expect(built.locator(".labkit-guess output")).to_have_text("49")
    built.get_by_role("button", name="Keep my guess").click()
    expect(result.locator("p")).to_be_visible()
    expect(result).to_contain_text("The result is 71.3 %. Your guess was 49 %, 22.26 points away.")
    built.reload()
    expect(result).to_contain_text("Your guess was 49 %")
    expect(built.locator(".labkit-guess output")).to_have_text("49")


def test_the_page_shows_the_reason_of_the_chosen_answer_alone(built):
    first = built.locator(".labkit-quiz fieldset").first
    assert first.locator("p:visible").count() == 0
    first.get_by_label("odd").check()
    assert first.locator("p:visible").all_inner_texts() == ["Not right. reason one"]
    built.keyboard.press("ArrowDown")
    assert first.locator("p:visible").all_inner_texts() == ["Right. reason two"]
    assert built.locator(".labkit-quiz fieldset").nth(1).locator("p:visible").count() == 0


def test_without_scripts_the_result_can_be_opened_and_the_quiz_answers(browser, tmp_path, built):
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto((tmp_path / "page.html").as_uri())
    plain.locator(".labkit-beside summary").click()
    expect(plain.locator(".labkit-beside p")).to_be_visible()
    plain.locator(".labkit-quiz input").nth(1).check()
    expect(plain.get_by_text("reason two").first).to_be_visible()
    context.close()
