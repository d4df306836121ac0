"""The built course in a real browser, from files alone: drawn figures, a slider that moves, light and dark, a phone."""

import json
import time
from types import SimpleNamespace

import nbformat
import pandas as pd
import pytest
from nbformat import v4
from toy_course import build_toy_course

from labkit.course.page import PLOTLY, notebook_body
from labkit.models.designs import read_designs
from labkit.survey.slides.page import Deck, Slide
from labkit.viz.architecture import architecture_explorer, cost_bars
from labkit.viz.stopwatch import Stopwatch

pytestmark = [pytest.mark.browser, pytest.mark.slow]
DRAWN = "html[data-figures=drawn]"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return build_toy_course(tmp_path_factory.mktemp("toy")).index.parent


@pytest.fixture
def open_page(page, site):
    """Opens a page of the site; what the console complains of fails the test when it ends."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def go(name: str):
        page.goto((site / name).as_uri())
        if page.query_selector(".plotly-figure"):
            page.wait_for_selector(DRAWN, timeout=60_000)
        return page

    yield go
    assert complaints == []


def bars(page, figure: str) -> list[float]:
    return page.evaluate("id => document.getElementById(id).data[0].y", figure)


def probe(site, folder, *outputs: dict) -> str:
    """The address of a notebook's page with these outputs, beside the site's own pages."""
    made = [v4.new_output("display_data", data) for data in outputs]
    nbformat.write(v4.new_notebook(cells=[v4.new_code_cell("x", outputs=made)]), folder / "a.ipynb")
    about = {"title": "T", "name": "", "lessons": [], "about": "", "minutes": "", "seconds": "", "source": "x"}
    about |= {"failure": "", "before": None, "after": None, "plan": SimpleNamespace(title="A course")}
    (site / "probe.html").write_text(notebook_body(folder / "a.ipynb", about), encoding="utf-8")
    return (site / "probe.html").as_uri()


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
        assert page.locator("h1").count() == 1
        page.go_back()


def test_every_figure_is_drawn(open_page):
    page = open_page("00_first.html")
    assert page.locator(".plotly-figure").count() == 2
    assert page.locator("#figure-1 svg .scatterlayer .js-line").count() == 1
    assert page.locator("#figure-2 svg .barlayer .point").count() == 2


def test_a_title_with_a_script_in_it_is_text(open_page):
    page = open_page("00_first.html")
    assert page.locator("#figure-2-title").inner_text() == "b is larger </script><script>alert(1)</script>"


def test_moving_the_slider_changes_data_title_and_words(open_page):
    page = open_page("00_first.html")
    assert bars(page, "figure-1") == [0, 1, 2, 3, 4]
    page.locator("#figure-1").scroll_into_view_if_needed()
    page.get_by_role("slider", name="power").fill("3")
    until(page, "document.getElementById('figure-1').data[0].y[4] === 256")
    assert bars(page, "figure-1") == [0, 1, 16, 81, 256]
    assert page.locator("#figure-1-title").inner_text() == "x to the power 4 ends at 256 < 300"
    page.locator("#figure-1").locator("xpath=ancestor::figure").locator("summary").click()
    assert page.locator("figure .in-words").first.inner_text() == "A curve that ends at 256."


def test_choosing_from_a_menu_keeps_the_slider_where_the_reader_put_it(open_page):
    page = open_page("00_first.html")
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
    open_page("00_first.html")
    assert page.locator(".input_area pre").count() > 1
    assert page.locator(".input_area pre").evaluate_all(OUTSIDE) == 0
    drawing, svg = (page.locator(f".drawing:has(#figure-1){part}").first.bounding_box() for part in ("", " .main-svg"))
    assert abs(drawing["width"] - svg["width"]) <= 1


def test_a_figure_that_needs_more_room_scrolls_in_its_box_and_fades_where_there_is_more(open_page, page):
    page.set_viewport_size({"width": 390, "height": 900})
    open_page("00_first.html")
    box = page.locator(".drawing:has(#figure-2)")
    assert page.locator("#figure-2").bounding_box()["width"] == 600
    assert "more" in box.get_attribute("class")
    box.evaluate("box => { box.scrollLeft = 9999 }")
    until(page, "!document.querySelector('.drawing:has(#figure-2)').classList.contains('more')")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_an_axis_title_has_lines_that_fit_its_figure(open_page):
    page = open_page("00_first.html")
    title, figure = (page.locator(f"#figure-2{part}").bounding_box() for part in (" .xtitle", ""))
    assert figure["x"] <= title["x"]
    assert title["x"] + title["width"] <= figure["x"] + figure["width"]
    page.set_viewport_size({"width": 700, "height": 900})
    until(page, "document.querySelectorAll('#figure-2 .xtitle tspan').length > 1")


def test_names_of_axes_side_by_side_do_not_meet_on_a_phone(site, page, tmp_path):
    page.set_viewport_size({"width": 390, "height": 900})
    table = pd.DataFrame({"name": ["pre-activation", "b"], "parameters": [1, 2e6], "macs": [3e9, 4e9]})
    page.goto(probe(site, tmp_path, {PLOTLY: json.loads(cost_bars(table, "t").to_json())}))
    page.wait_for_selector(DRAWN, timeout=60_000)
    left, right, figure = (page.locator(f"#figure-1{part}").bounding_box() for part in (" .xtitle", " .x2title", ""))
    assert left["x"] + left["width"] < right["x"]
    assert right["x"] + right["width"] < figure["x"] + figure["width"]
    ticks = page.locator("#figure-1 .xaxislayer-above text").all()
    assert [tick.get_attribute("transform") for tick in ticks if "rotate" in tick.get_attribute("transform")] == []


def test_on_a_phone_the_bar_shows_the_whole_title_and_the_road_keeps_its_boxes_small(open_page, page):
    page.set_viewport_size({"width": 390, "height": 900})
    open_page("index.html")
    assert page.locator("header .home").evaluate_all(OUTSIDE) == 0
    assert page.locator("header .home").bounding_box()["width"] > 300
    arrows = (
        "(items) => items.map(item => ['before', 'after'].map(side => getComputedStyle(item, '::' + side).content))"
    )
    boxes = page.locator(".road li")
    assert boxes.evaluate_all(arrows) == [["none", "none"], *[['"→"', "none"]] * (boxes.count() - 1)]
    assert boxes.last.bounding_box()["width"] < 150


def test_figures_follow_the_systems_light_and_dark(open_page, page):
    colour = "document.getElementById('figure-1')._fullLayout.paper_bgcolor"
    page.emulate_media(color_scheme="light")
    open_page("00_first.html")
    assert page.evaluate(colour) == "#ffffff"
    page.emulate_media(color_scheme="dark")
    until(page, f"{colour} === '#16191d'")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 25, 29)"


@pytest.mark.parametrize("name", ["index.html", "00_first.html", "01_second.html"])
def test_nothing_sticks_out_of_a_phone(open_page, page, name):
    page.set_viewport_size({"width": 375, "height": 720})
    open_page(name)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


def test_the_first_tab_stop_skips_to_the_text(open_page):
    page = open_page("00_first.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_on_a_notebooks_page_labkits_scripts_run_and_no_others(site, page, tmp_path):
    deck = Deck("A deck", "en", ((Slide("<h2>One</h2>"),), (Slide("<h2>Two</h2>"),)))
    foreign = "<b id='foreign'>x</b><script>document.getElementById('foreign').textContent = 'ran'</script>"
    outputs = (Stopwatch({"skim": (15, 30)}, live=False).static(), deck._repr_html_(), foreign)
    page.goto(probe(site, tmp_path, *({"text/html": text} for text in outputs)))
    page.locator(".labkit-stopwatch button").click()
    assert page.locator(".labkit-stopwatch button").inner_text() == "Stop"
    page.frame_locator("iframe").locator("html[data-slides=ready]").wait_for(state="attached")
    assert page.locator("#foreign").inner_text() == "x"


@pytest.mark.parametrize("width", [390, 1280])
def test_on_a_notebooks_page_the_architecture_explorer_answers_and_stays_within_the_page(site, page, tmp_path, width):
    page.set_viewport_size({"width": width, "height": 900})
    made = architecture_explorer(read_designs(), live=False).static()
    assert len(made) < 1_000_000
    page.goto(probe(site, tmp_path, {"text/html": made}))
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
