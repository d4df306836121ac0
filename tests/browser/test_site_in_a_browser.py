"""The built site in a real browser, from disk and over loopback: it draws, finds, quizzes, folds, and has no barriers."""

import functools
import http.server
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from toy_course import write_course

from labkit.course.build import build_course

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1800)]
ROOT = Path(__file__).resolve().parents[2]
DRAWN = "html[data-figures=drawn]"
PAGES = ("index.html", "notebooks/00_first.html", "docs/glossary.html", "api/labkit.html", "papers.html", "search.html")


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    project = write_course(tmp_path_factory.mktemp("toy"))
    for paper in ("hara-2018-retrace", "carreira-2017-quo-vadis"):
        shutil.copytree(ROOT / "summaries" / paper, project / "summaries" / paper, dirs_exist_ok=True)
    built = build_course(folder=project).site.index.parent
    room = tmp_path_factory.mktemp("room") / "教室 1"  # unpacked as docs/without_network.md says
    archive = room.parent / "site.zip"
    subprocess.run([sys.executable, "-m", "zipfile", "-c", archive, built], check=True)
    subprocess.run([sys.executable, "-m", "zipfile", "-e", archive, room], check=True)
    return room / "site"


@pytest.fixture(scope="module")
def served(site):
    """The address of the site over loopback."""
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@pytest.fixture(params=["disk", "loopback"])
def open_page(request, page, site, served):
    """Opens a page of the site, both ways. What the console complains of fails the test when it ends."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def go(name: str):
        page.goto(served + name if request.param == "loopback" else site.as_uri() + "/" + name)
        return page

    yield go
    assert complaints == []


def test_figures_are_drawn_and_a_slider_moves_them(open_page):
    page = open_page("notebooks/00_first.html")
    page.wait_for_selector(DRAWN, timeout=120_000)
    assert page.evaluate("document.getElementById('figure-1').data[0].y[4]") == 4
    page.get_by_role("slider", name="power").fill("3")
    page.wait_for_timeout(1000)
    assert page.evaluate("document.getElementById('figure-1').data[0].y[4]") == 256


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("overfitting", "hara-2018-retrace"),
        ("行動認識", "carreira-2017-quo-vadis"),
        ("학습", "hara-2018-retrace"),
        ("视频", "hara-2018-retrace"),
        ("create_model", "labkit.models.zoo"),
    ],
)
def test_the_search_finds_papers_and_names_in_any_language(open_page, question, found):
    page = open_page(f"search.html?q={question}")
    link = page.locator(f"#search-results li a[href*='{found}']").first  # the results appear one after the other
    link.wait_for(timeout=60_000)
    assert found in link.get_attribute("href")


def test_python_and_javascript_cut_a_question_alike(open_page):
    from labkit.course.website.search import SearchPairs

    page = open_page("search.html")
    for question in ("動画認識", "학습 데이터", "视频", "動", "ResNet-18 動画", "ﾃﾞｰﾀ"):
        asked = page.evaluate("question => splitQuery(question)", question)
        assert asked
        assert set(asked) <= set(SearchPairs({}).split(question))


def test_the_switch_of_the_theme_changes_the_page_and_its_figures(open_page):
    page = open_page("notebooks/00_first.html")
    page.wait_for_selector(DRAWN, timeout=120_000)
    colour = "document.getElementById('figure-1')._fullLayout.paper_bgcolor"
    for theme, paper in (("light", "#ffffff"), ("dark", "#16191d")):
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        page.wait_for_timeout(1000)
        assert page.evaluate(colour) == paper


def test_what_was_found_opens_once_every_guess_is_kept(open_page):
    page = open_page("index.html")
    fold = page.locator("details.found-out").first
    assert fold.get_attribute("open") is None
    fold.evaluate("fold => { fold.dataset.guesses = '00-a 00-b'; localStorage.setItem('labkit-guess-00-a', '1'); }")
    page.evaluate("localStorage.setItem('labkit-guess-00-b', '2')")
    page.add_script_tag(url=page.locator("script[src$='found.js']").get_attribute("src").replace("./", "", 1))
    assert fold.get_attribute("open") is not None


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious_and_nothing_sticks_out_of_a_phone(new_page, serious, served, name, width, scheme):
    page = new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(served + name)
    if page.query_selector(".plotly-figure"):
        page.wait_for_selector(DRAWN, timeout=120_000)
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
