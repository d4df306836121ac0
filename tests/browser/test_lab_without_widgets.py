"""JupyterLab without the extension for ipywidgets: the version without a kernel shows and moves, and the kernel says why."""

import pytest
from lab import Lab
from test_explorer_in_jupyterlab import write_notebook

from conftest import JupyterLab
from labkit.lab_extensions import WIDGETS

pytestmark = [pytest.mark.browser, pytest.mark.slow]
expect = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser").expect

EXPLORER = """
from labkit.viz.explorer import Explorer
from labkit.viz.theme import figure

def draw(size):
    return figure([{"type": "bar", "y": [size, size ** 2]}], f"size {size}")

Explorer(draw, slider={"size": range(1, 8)})
"""
FORCED = 'Explorer(draw, slider={"size": range(1, 8)}, live=True)'  # the kernel knows nothing of the front end
CHOOSER = """
from labkit.viz.chooser import Chooser

hostile = "<img src=x onerror='window.attacked = 1'>"
states = {(letter,): {"words": f"this is {letter}"} for letter in ("a", "b")}
Chooser({**states, (hostile,): {"words": "hostile"}}, ["letter"], "<p>{words}</p>", name=hostile, live=True)
"""
BAR = """
import time
from labkit.bars import tqdm

for _ in tqdm(range(3), desc="clips"):
    time.sleep(0.2)
"""
LEARNER = """
from IPython.display import display
from labkit.course.guess import beside, guess
from labkit.course.quiz import quiz

display(guess("01-of-a-test", "How many?", 0, 10), beside("01-of-a-test", 7), quiz("01"))
"""


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A JupyterLab whose extension for widgets is switched off."""
    lab = JupyterLab(tmp_path_factory.mktemp("bare"), without=[WIDGETS])
    try:
        lab.wait()
        yield lab
    finally:
        lab.stop()


def test_every_kind_shows_its_version_without_a_kernel_and_moves(page, bare):
    write_notebook(bare.folder / "bare.ipynb", EXPLORER, FORCED, CHOOSER, LEARNER, BAR)
    lab = Lab(page, bare, "bare.ipynb")
    lab.run_all()
    said, forced, chooser, learner, bar = lab.ids
    lab.until_shown(said, "JupyterLab's extension for controls is switched off, so they run without the kernel")
    assert "switched off" not in lab.cell(learner).inner_text()
    assert page.locator(".noUi-handle").count() == 0
    lab.until_shown(bar, "clips: 100%")

    for name in (said, forced):
        lab.until_shown(name, "size 1")
        rail = lab.cell(name).locator(".slider-rail-touch-rect")
        rail.scroll_into_view_if_needed()
        box = rail.bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        lab.until_shown(name, "size 4")

    letters = lab.cell(chooser).get_by_label("letter")
    lab.until_shown(chooser, "this is a")
    letters.select_option("b")
    lab.until_shown(chooser, "this is b")
    letters.select_option("<img src=x onerror='window.attacked = 1'>")
    lab.until_shown(chooser, "hostile")
    assert page.evaluate("window.attacked") is None

    asked = lab.cell(learner)
    expect(asked.locator(".labkit-beside p")).to_be_hidden()
    asked.get_by_role("button", name="Keep my guess").click()
    expect(asked.locator(".labkit-beside")).to_contain_text("Your guess was 5")
    asked.locator(".labkit-quiz fieldset").first.get_by_role("radio").nth(1).check()
    expect(asked.locator(".labkit-quiz fieldset").first).to_contain_text("Right.")
    lab.close()
