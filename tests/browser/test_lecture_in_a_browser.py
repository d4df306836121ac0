"""A notebook's slides in a real browser: they walk, figures are as wide as their slide, and nothing comes from elsewhere."""

import pytest
from toy_course import write_course

from labkit.course.slides import write_lecture
from labkit.runs.execute import run_notebook

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def lecture(tmp_path_factory):
    """The slides of a notebook that ran, and of one that did not."""
    project = write_course(tmp_path_factory.mktemp("lecture"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        run_notebook(project / "notebooks" / "00_first.ipynb", {}, project / "build" / "runs" / "00_first")
        return write_lecture(project / "slides")


def test_the_slides_walk_and_their_figures_fit(page, lecture):
    complaints = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto((lecture / "00_first.html").as_uri())
    page.wait_for_selector("html[data-slides=ready][data-figures=drawn]", timeout=30_000)
    assert page.locator(".slides > section.present h1").inner_text() == "00 First"
    widths = page.evaluate("[...document.querySelectorAll('.plotly-figure .main-svg')].map(one => one.clientWidth)")
    assert widths
    assert min(widths) > 500
    assert complaints == []


def test_a_notebook_that_did_not_run_has_slides_too(page, lecture):
    page.goto((lecture / "01_second.html").as_uri())
    page.wait_for_selector("html[data-slides=ready]", timeout=30_000)
    assert page.locator(".slides > section").count() == 2
    page.keyboard.press("ArrowRight")
    assert page.locator(".slides > section.present h2").inner_text() == "Where it breaks"


def test_the_page_allows_no_other_script(lecture):
    text = (lecture / "00_first.html").read_text(encoding="utf-8")
    assert text.count("Content-Security-Policy") == 1
    assert "https://" not in text.partition("<body>")[0]
    assert "alert(1)</script>" not in text
