"""The site's page of each notebook of the course in a real browser: no barrier, nothing cut off, no complaint.

The outputs are small ones of every kind. With `LABKIT_SITE` set to the folder of a built site, its pages are looked at.
"""

import os
from pathlib import Path

import pytest
from shown_course import ROOT, write_shown_course

from labkit.course.website.build import build_site

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1800)]
NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
# Colours depend on the scheme and boxes on the width: two pages show both of each.
VIEWS = {"a-desk": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}}, "a-phone-in-the-dark": {
    "color_scheme": "dark", "viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}}  # fmt: skip
# What ends right of the page and stands in no box that scrolls: a reader cannot see its end. A control ends in the page.
CUT = """() => [...document.querySelectorAll("main *")].filter((one) => {
  const box = one.getBoundingClientRect();
  if (box.width < 2 || box.height < 2 || box.right <= innerWidth + 1) return false;
  if (one.matches("select, button, input")) return true;
  for (let up = one.parentElement; up; up = up.parentElement)
    if (["auto", "scroll", "hidden"].includes(getComputedStyle(up).overflowX) && up.tagName !== "BODY"
      && !up.matches("main, .bd-content, .bd-article-container, .bd-container__inner, .bd-container, html")) return false;
  return true;
}).map((one) => one.outerHTML.slice(0, 120))"""
REACHED = """() => { document.activeElement.dataset.reached = "yes"; return document.activeElement.tagName; }"""
LEFT = """() => [...document.querySelectorAll("main :is(a[href], button, select, input, summary, video, [tabindex='0'])")]
  .filter((one) => one.checkVisibility({ visibilityProperty: true }) && one.dataset.reached === undefined
    && !(one.type === "radio" && document.querySelector(`[name="${one.name}"][data-reached]`)))
  .map((one) => one.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    built = os.environ.get("LABKIT_SITE")
    if built:
        return Path(built).resolve()
    return build_site(folder=write_shown_course(tmp_path_factory.mktemp("course"))).index.parent


@pytest.fixture
def open_notebook(new_page, site):
    """Opens a notebook's page from disk, with its figures drawn. What the console complains of fails the test."""
    complaints: list[str] = []

    def go(name: str, view: str = "a-desk"):
        page = new_page(**VIEWS[view])
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto((site / "notebooks" / f"{name}.html").as_uri())
        if page.query_selector(".plotly-figure"):
            page.wait_for_selector("html[data-figures=drawn]", timeout=240_000)
        return page

    yield go
    assert complaints == []


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebooks_page_has_no_barrier_and_cuts_nothing_off(open_notebook, serious, name, view):
    page = open_notebook(name, view)
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    assert page.evaluate(CUT) == []
    assert serious(page) == []


def test_the_tab_key_reaches_every_control_of_a_page(open_notebook):
    page = open_notebook("00_start_here")
    for _ in range(2000):
        page.keyboard.press("Tab")
        if page.evaluate(REACHED) == "BODY":
            break
    assert page.evaluate(LEFT) == []


def test_a_quiz_gives_the_reason_of_the_chosen_answer_alone(open_notebook):
    page = open_notebook("05_overfitting_curves")
    quiz = page.locator(".labkit-quiz").first
    assert quiz.locator("p:visible").count() == 0
    quiz.get_by_role("radio").first.check()
    assert quiz.locator("p:visible").count() == 1
    assert quiz.locator("p:visible b").inner_text() in ("Right.", "Not right.")
