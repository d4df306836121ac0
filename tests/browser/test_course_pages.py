"""The course's pages in a real browser, from files alone: figures, a slider that moves, guesses, dark, a phone, paper."""

import json
import re
import time

import pandas as pd
import pytest
from toy_course import add_ran, write_course

from labkit.course.build import build_course
from labkit.course.guess import Beside, Guess
from labkit.course.page import PLOTLY
from labkit.course.quiz import Choice, Question, Quiz
from labkit.models.designs import read_designs
from labkit.survey.slides.page import Deck, Slide
from labkit.viz.architecture import architecture_explorer, cost_bars
from labkit.viz.stopwatch import Stopwatch

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1800)]
expect = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser").expect
DRAWN = "html[data-figures=drawn]"


SCRIPTED = (
    Stopwatch({"skim": (15, 30)}, live=False).static(),
    Deck("A deck", "en", ((Slide("<h2>One</h2>"),), (Slide("<h2>Two</h2>"),)))._repr_html_(),
    "<b id='foreign'>x</b><script>document.getElementById('foreign').textContent = 'ran'</script>",
)
ODD = '<b onclick="alert(1)">odd</b>'


def asked() -> list[dict]:
    """A guess, its result and a quiz, as a notebook shows them."""
    choices = (Choice(ODD, "reason one"), Choice("`T`", "reason two", right=True), Choice("c", "reason three"))
    quiz = Quiz("06", tuple(Question(f"Number {n}? {ODD}", choices) for n in range(5)), live=False)
    shown = [Guess("06-gap", f"How large? {ODD}", 0, 100, unit="%", live=False), Beside("06-gap", 71.26), quiz]
    return [one._repr_mimebundle_() for one in shown]


def costs() -> dict:
    table = pd.DataFrame({"name": ["pre-activation", "b"], "parameters": [1, 2e6], "macs": [3e9, 4e9]})
    return {PLOTLY: json.loads(cost_bars(table, "t").to_json())}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The toy course as a site, and beside its notebooks four that have run already, each with what one test looks at."""
    project = write_course(tmp_path_factory.mktemp("toy"))
    explorer = architecture_explorer(read_designs(), live=False).static()
    assert len(explorer) < 1_000_000
    add_ran(project, "03_costs", costs())
    add_ran(project, "04_scripts", *({"text/html": text} for text in SCRIPTED))
    add_ran(project, "05_explorer", {"text/html": explorer})
    add_ran(project, "06_asked", *asked())
    built = build_course(["00", "01", "02"], folder=project)
    assert built.site.faults == ()
    return built.site.index.parent


@pytest.fixture
def open_page(page, site):
    """Opens a page of the site; what the console complains of fails the test when it ends."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def go(name: str):
        page.goto((site / name).as_uri())
        if page.query_selector(".plotly-figure"):
            page.wait_for_selector(DRAWN, timeout=120_000)
        return page

    yield go
    assert complaints == []


def bars(page, figure: str) -> list[float]:
    return page.evaluate("id => document.getElementById(id).data[0].y", figure)


def until(page, true: str, *, seconds: float = 10) -> None:
    """Wait until an expression is true. (`wait_for_function` evaluates text in the page, which the page's policy forbids.)"""
    end = time.monotonic() + seconds
    while not page.evaluate(true):
        assert time.monotonic() < end, f"not within {seconds} s: {true}"
        page.wait_for_timeout(50)


def test_the_index_leads_to_every_notebook(open_page):
    page = open_page("index.html")
    for number in ("00", "01", "02"):
        page.locator(".lesson h3 a").nth(int(number)).click()
        assert page.url.endswith(".html")
        expect(page.locator("h1")).to_have_count(1)
        page.go_back()


def test_every_figure_is_drawn(open_page):
    page = open_page("notebooks/00_first.html")
    assert page.locator(".plotly-figure").count() == 2
    assert page.locator("#figure-1 svg .scatterlayer .js-line").count() == 1
    assert page.locator("#figure-2 svg .barlayer .point").count() == 2


def test_a_title_with_a_script_in_it_is_text(open_page):
    page = open_page("notebooks/00_first.html")
    assert page.locator("#figure-2-title").inner_text() == "b is larger </script><script>alert(1)</script>"


def test_moving_the_slider_changes_data_title_and_words(open_page):
    page = open_page("notebooks/00_first.html")
    assert bars(page, "figure-1") == [0, 1, 2, 3, 4]
    page.locator("#figure-1").scroll_into_view_if_needed()
    page.get_by_role("slider", name="power").fill("3")
    until(page, "document.getElementById('figure-1').data[0].y[4] === 256")
    assert bars(page, "figure-1") == [0, 1, 16, 81, 256]
    assert page.locator("#figure-1-title").inner_text() == "x to the power 4 ends at 256 < 300"
    page.locator("#figure-1").locator("xpath=ancestor::figure").locator("summary").click()
    assert page.locator("figure .in-words").first.inner_text() == "A curve that ends at 256."


def test_choosing_from_a_menu_keeps_the_slider_where_the_reader_put_it(open_page):
    page = open_page("notebooks/00_first.html")
    slider, menu = page.get_by_role("slider", name="power"), page.get_by_role("combobox", name="<sign>")
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    until(page, "document.getElementById('figure-1').data[0].y[4] === 64")
    menu.select_option("-1")
    until(page, "document.getElementById('figure-1').data[0].y[4] === -64")
    assert (slider.input_value(), slider.get_attribute("aria-valuetext")) == ("2", "3")
    assert page.locator("#figure-1-controls b").inner_text() == "3"
    assert page.locator("#figure-1-title").inner_text() == "x to the power 3 ends at -64 < 300"
    slider.press("ArrowLeft")
    until(page, "document.getElementById('figure-1').data[0].y[4] === -16")
    menu.select_option("1")
    until(page, "document.getElementById('figure-1').data[0].y[4] === 16")
    assert page.locator(".updatemenu-header, .slider-group").count() == 0  # plotly's, which know nothing of each other


OUTSIDE = "boxes => boxes.filter((box) => box.scrollWidth > box.clientWidth + 1).length"


@pytest.mark.parametrize("width", [390, 1280])
def test_no_line_of_code_is_cut_and_a_figure_fills_the_room_there_is(open_page, page, width):
    page.set_viewport_size({"width": width, "height": 900})
    open_page("notebooks/00_first.html")
    assert page.locator("div.cell_input pre").count() > 1
    assert page.locator("div.cell_input pre").evaluate_all(OUTSIDE) == 0
    drawing, svg = (page.locator(f".drawing:has(#figure-1){part}").first.bounding_box() for part in ("", " .main-svg"))
    assert abs(drawing["width"] - svg["width"]) <= 1


def test_a_figure_that_needs_more_room_scrolls_in_its_box_and_fades_where_there_is_more(open_page, page):
    page.set_viewport_size({"width": 390, "height": 900})
    open_page("notebooks/00_first.html")
    box = page.locator(".drawing:has(#figure-2)")
    assert page.locator("#figure-2").bounding_box()["width"] == 600
    assert "more" in box.get_attribute("class")
    box.evaluate("box => { box.scrollLeft = 9999 }")
    until(page, "!document.querySelector('.drawing:has(#figure-2)').classList.contains('more')")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_an_axis_title_has_lines_that_fit_its_figure(open_page):
    page = open_page("notebooks/00_first.html")
    title, figure = (page.locator(f"#figure-2{part}").bounding_box() for part in (" .xtitle", ""))
    assert figure["x"] <= title["x"]
    assert title["x"] + title["width"] <= figure["x"] + figure["width"]
    page.set_viewport_size({"width": 700, "height": 900})
    until(page, "document.querySelectorAll('#figure-2 .xtitle tspan').length > 1")


def test_names_of_axes_side_by_side_do_not_meet_on_a_phone(open_page, page):
    page.set_viewport_size({"width": 390, "height": 900})
    open_page("notebooks/03_costs.html")
    left, right, figure = (page.locator(f"#figure-1{part}").bounding_box() for part in (" .xtitle", " .x2title", ""))
    assert left["x"] + left["width"] < right["x"]
    assert right["x"] + right["width"] < figure["x"] + figure["width"]
    ticks = page.locator("#figure-1 .xaxislayer-above text").all()
    assert [tick.get_attribute("transform") for tick in ticks if "rotate" in tick.get_attribute("transform")] == []


def test_on_a_phone_the_bar_shows_the_whole_title_and_the_road_keeps_its_boxes_small(open_page, page):
    page.set_viewport_size({"width": 390, "height": 900})
    open_page("index.html")
    title = page.locator(".navbar-brand .logo__title").first
    assert title.inner_text() == "A toy <course>"
    assert title.evaluate("box => box.scrollWidth <= box.clientWidth + 1")
    arrows = (
        "(items) => items.map(item => ['before', 'after'].map(side => getComputedStyle(item, '::' + side).content))"
    )
    boxes = page.locator(".road li")
    assert boxes.evaluate_all(arrows) == [["none", "none"], *[['"→"', "none"]] * (boxes.count() - 1)]
    assert boxes.last.bounding_box()["width"] < 150


def test_figures_follow_the_systems_light_and_dark(open_page, page):
    colour = "document.getElementById('figure-1')._fullLayout.paper_bgcolor"
    page.emulate_media(color_scheme="light")
    open_page("notebooks/00_first.html")
    assert page.evaluate(colour) == "#ffffff"
    page.emulate_media(color_scheme="dark")
    until(page, f"{colour} === '#16191d'")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(map(int, re.findall(r"\d+", ground)[:3])) < 60


@pytest.mark.parametrize("name", ["index.html", "notebooks/00_first.html", "notebooks/01_second.html"])
def test_nothing_sticks_out_of_a_phone(open_page, page, name):
    page.set_viewport_size({"width": 375, "height": 720})
    open_page(name)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


def test_the_first_tab_stop_skips_to_the_text(open_page):
    page = open_page("notebooks/00_first.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Skip to main content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id || location.hash") == "#main-content"


def test_on_a_notebooks_page_labkits_scripts_run_and_no_others(site, page):
    page.goto((site / "notebooks" / "04_scripts.html").as_uri())
    page.locator(".labkit-stopwatch button").click()
    assert page.locator(".labkit-stopwatch button").inner_text() == "Stop"
    page.frame_locator("iframe").locator("html[data-slides=ready]").wait_for(state="attached")
    assert page.locator("#foreign").inner_text() == "x"


@pytest.mark.parametrize("width", [390, 1280])
def test_on_a_notebooks_page_the_architecture_explorer_answers_and_stays_within_the_page(open_page, page, width):
    page.set_viewport_size({"width": width, "height": 900})
    open_page("notebooks/05_explorer.html")
    box = page.get_by_role("group", name="Architecture explorer")
    numbers, words = box.locator(".labkit-numbers b"), box.locator("p[aria-live]")
    assert numbers.all_inner_texts()[:2] == ["14.6 M", "5.65 G"]
    box.get_by_label("family").select_option("Quo Vadis d: 3D-fused two-stream")
    assert numbers.all_inner_texts()[0] == "39.8 M"
    assert "on 5×112×112" in words.inner_text()
    box.get_by_label("size").focus()
    page.keyboard.press("ArrowRight")
    assert "on 5×224×224" in words.inner_text()
    assert "This is fused_two_stream of the zoo." in words.inner_text()
    box.get_by_label("family").select_option("ResNet")
    box.get_by_label("depth").select_option("50")
    box.get_by_label("frames").focus()
    page.keyboard.press("ArrowRight")
    assert "on 32×224×224" in words.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_page_hides_the_result_until_the_guess_and_then_sets_both_side_by_side(open_page):
    page = open_page("notebooks/06_asked.html")
    result = page.locator(".labkit-beside")
    expect(result.locator("p")).to_be_hidden()
    page.locator(".labkit-guess input").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".labkit-guess output")).to_have_text("49")
    page.get_by_role("button", name="Keep my guess").click()
    expect(result.locator("p")).to_be_visible()
    expect(result).to_contain_text("The result is 71.3 %. Your guess was 49 %, 22.26 points away.")
    page.reload()
    expect(result).to_contain_text("Your guess was 49 %")
    expect(page.locator(".labkit-guess output")).to_have_text("49")


def test_the_page_shows_the_reason_of_the_chosen_answer_alone(open_page):
    page = open_page("notebooks/06_asked.html")
    first = page.locator(".labkit-quiz fieldset").first
    assert first.locator("p:visible").count() == 0
    first.get_by_label("odd").check()
    assert first.locator("p:visible").all_inner_texts() == ["Not right. reason one"]
    page.keyboard.press("ArrowDown")
    assert first.locator("p:visible").all_inner_texts() == ["Right. reason two"]
    assert page.locator(".labkit-quiz fieldset").nth(1).locator("p:visible").count() == 0


def test_without_scripts_the_result_can_be_opened_and_the_quiz_answers(browser, site):
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto((site / "notebooks" / "06_asked.html").as_uri())
    plain.locator(".labkit-beside summary").click()
    expect(plain.locator(".labkit-beside p")).to_be_visible()
    plain.locator(".labkit-quiz input").nth(1).check()
    expect(plain.get_by_text("reason two").first).to_be_visible()
    context.close()


def test_on_paper_a_page_is_its_text_with_the_folded_code_and_without_the_ways_to_other_pages(open_page, page):
    open_page("notebooks/00_first.html")
    answer = page.get_by_text("answer = 42")
    for name in (".bd-header", ".prev-next-footer"):
        expect(page.locator(name).first).to_be_visible()
    page.emulate_media(media="print")
    for name in (".bd-header", ".prev-next-footer", ".bd-sidebar-primary", ".bd-sidebar-secondary"):
        expect(page.locator(name).first).to_be_hidden()
    until(page, "document.querySelector('details.hide div.highlight').checkVisibility({contentVisibilityAuto: true})")
    assert answer.bounding_box()["height"] > 0
