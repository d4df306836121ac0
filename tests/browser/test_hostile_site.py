"""The site with a hostile library in it: what a card says runs nothing, there and in the site's own lists and search."""

import shutil
from pathlib import Path

import pytest
import test_survey_pages
from test_survey_pages import TITLE
from toy_course import write_course

from labkit.course.build import build_course

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1800)]
hostile, unguarded, watched = test_survey_pages.hostile, test_survey_pages.unguarded, test_survey_pages.watched
PAGES = (
    "index.html",
    "papers.html",
    "papers/hostile.html",
    "papers/index.html",
    "papers/results.html",
    "papers/next.html",
    "papers/map.html",
    "search.html?q=attack",
    "search.html?q=script",
    "search.html?q=悪い題",
)


@pytest.fixture(scope="module")
def site(hostile, tmp_path_factory) -> Path:
    """A site of a small course whose library holds the hostile card."""
    project = write_course(tmp_path_factory.mktemp("site"))
    library = next(folder / "summaries" for folder in hostile.parents if (folder / "summaries" / "hostile").is_dir())
    shutil.copytree(library / "hostile", project / "summaries" / "hostile")
    return build_course(folder=project).site.index.parent


@pytest.mark.parametrize("name", PAGES)
def test_nothing_that_a_card_says_runs_or_loads_in_the_site(unguarded, site, name):
    page = unguarded.page
    page.goto(f"{site.as_uri()}/{name}")
    page.wait_for_load_state("load")
    if "?" in name:
        page.locator("#search-results li a", has_text="attack('title')").first.wait_for(timeout=60_000)
    if page.query_selector(".plotly-figure"):
        page.wait_for_selector("html[data-figures=drawn]", timeout=60_000)
    for summary in page.locator("details:not([open]) > summary").all():
        summary.dispatch_event("click")
    for thing in page.locator("main :is(a, b, summary, img, h3, td, li)").all()[:200]:
        thing.dispatch_event("mouseover")
    page.wait_for_timeout(300)
    assert [url for url in unguarded.asked if not url.startswith((site.as_uri(), "data:", "blob:"))] == []
    assert unguarded.done == []
    handlers = (
        "[...document.querySelectorAll('main *')].flatMap(e => e.getAttributeNames()).filter(n => n.startsWith('on'))"
    )
    assert page.evaluate(handlers) == []


def test_the_title_that_holds_scripts_stands_in_the_sites_list_and_search_as_it_is(watched, site):
    page = watched.page
    page.goto(f"{site.as_uri()}/papers.html")
    assert page.locator("main a", has_text=TITLE).count() == 1
    page.goto(f"{site.as_uri()}/search.html?q=attack")
    found = page.locator("#search-results li a", has_text="attack('title')").first
    found.wait_for(timeout=60_000)
    assert found.inner_text() == TITLE
    assert watched.done == []
