"""What a learner does in JupyterLab: exercises answered wrongly and rightly, a quiz, and a guess that stays."""

import re
from pathlib import Path

import nbformat
import pytest
from test_explorer_in_jupyterlab import open_and_run, write_notebook

from labkit.course.copies import get_course
from labkit.course.exercises.shelf import cells as exercises
from labkit.course.exercises.shelf import find
from labkit.course.progress import noted

pytestmark = pytest.mark.browser
expect = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser").expect

PATIENCE = 120_000  # milliseconds; a kernel loads torch
KERNEL = "jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel"


def first_exercises() -> list[str]:
    """The first exercise of three notebooks: where the course begins, in the middle, and where it ends."""
    firsts: dict[str, str] = {}
    for cell in exercises():
        firsts.setdefault(find(cell).number, cell)
    there = sorted(firsts)
    return [firsts[number] for number in dict.fromkeys((there[0], there[len(there) // 2], there[-1]))]


@pytest.fixture(scope="module")
def course(jupyterlab) -> Path:
    """The student's notebooks, in the folder that JupyterLab serves."""
    return get_course(jupyterlab.folder / "course", "student") / "notebooks"


class Lab:
    """A notebook of the course, open in JupyterLab with a kernel."""

    def __init__(self, page, jupyterlab, path: Path) -> None:
        self.page = page
        page.goto(jupyterlab.open(f"course/notebooks/{path.name}"))
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=PATIENCE)
        self.until_idle()
        self._ids = [cell.id for cell in nbformat.read(path, as_version=4).cells]

    def until_idle(self) -> None:
        self.page.wait_for_function(f"window.jupyterapp && {KERNEL}?.status === 'idle'", timeout=PATIENCE)

    def cell(self, name: str):
        """The cell with this id."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(self._ids.index(name))

    def run(self, name: str, source: str | None = None):
        """Run a cell as a reader does, with a new text if one is given. Returns its output."""
        cell = self.cell(name)
        editor = cell.locator(".cm-content")
        editor.click()
        if source is not None:
            self.page.keyboard.press("ControlOrMeta+a")
            self.page.keyboard.insert_text(source)
        self.page.keyboard.press("Shift+Enter")
        expect(cell.locator(".jp-InputPrompt")).to_have_text(re.compile(r"\[\d+\]"), timeout=PATIENCE)
        return cell.locator(".jp-Cell-outputWrapper")

    def restart(self) -> None:
        self.page.evaluate(f"() => {KERNEL}.restart()")
        self.until_idle()


@pytest.mark.slow
@pytest.mark.parametrize("name", first_exercises())
def test_an_exercise_answered_wrongly_and_then_rightly_says_why_and_right(page, jupyterlab, course, name):
    found = find(name)
    (path,) = course.glob(f"{found.number}_*.ipynb")
    lab = Lab(page, jupyterlab, path)
    lab.run("imports")
    check = lab._ids[lab._ids.index(found.cell) + 1]
    expect(lab.run(check)).to_contain_text("Not attempted yet", timeout=PATIENCE)
    mistake = found.wrong[0]
    lab.run(found.cell, found.answered(mistake.answer))
    said = lab.run(check)
    expect(said).to_contain_text("Not right yet", timeout=PATIENCE)
    expect(said).to_contain_text(mistake.says.replace("`", ""))
    lab.run(found.cell, found.answered(found.right[0]))
    expect(lab.run(check)).to_contain_text("Right.", timeout=PATIENCE)
    kept = noted("exercise", found.number, found.cell)
    assert (kept.done, kept.tries) == (True, 2)


@pytest.mark.slow
def test_a_quiz_is_answered_and_a_guess_stays_after_a_restart_of_the_kernel(page, jupyterlab, course):
    lab = Lab(page, jupyterlab, course / "01_video_is_a_tensor.ipynb")
    quiz = lab.run("quiz")
    buttons = quiz.locator("button")
    buttons.first.wait_for(timeout=PATIENCE)
    buttons.nth(0).click()
    expect(quiz).to_contain_text("A. Not right. A dataset gives a clip in the order T, C, H, W.")
    buttons.nth(1).click()
    expect(quiz).to_contain_text("B. Right.")
    expect(quiz).to_contain_text("1 of 5 right.")
    assert noted("quiz", "01", "1").done

    guess = lab.run("guess-backwards")
    guess.locator(".noUi-handle").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    guess.locator("button").click()
    expect(guess).to_contain_text("Your guess is kept: 53 %.")
    lab.restart()
    guess = lab.run("guess-backwards")
    expect(guess).to_contain_text("Your guess is kept: 53 %.", timeout=PATIENCE)
    expect(guess.locator(".noUi-handle")).to_have_attribute("aria-valuenow", "53.0")
    beside = lab.run("beside-backwards", 'from labkit.course.guess import beside\n\nbeside("01-backwards", 90)')
    expect(beside).to_contain_text("Your guess was 53 %. The result is 90 %: 37 points away.", timeout=PATIENCE)


def test_a_result_above_an_open_guess_changes_when_the_guess_is_kept(page, jupyterlab):
    asked = 'from labkit.course.guess import beside, guess\nguess("01-gap", "How large?", 0, 10)'
    write_notebook(jupyterlab.folder / "guess.ipynb", asked, 'beside("01-gap", 7)')
    open_and_run(page, jupyterlab, "guess.ipynb")
    outputs = page.locator(".jp-Cell-outputWrapper")
    expect(outputs.nth(1)).to_contain_text("The result is 7.", timeout=PATIENCE)
    outputs.nth(0).locator("button").click()
    expect(outputs.nth(1)).to_contain_text("Your guess was 5. The result is 7: 2 away.")
