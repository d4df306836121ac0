"""What a learner does in JupyterLab: exercises answered wrongly and rightly, a quiz, and a guess that stays."""

import os
from pathlib import Path

import pytest
from lab import PATIENCE, Lab
from test_explorer_in_jupyterlab import open_and_run, write_notebook

from labkit.course.copies import get_course
from labkit.course.exercises.shelf import find
from labkit.course.progress import noted

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
