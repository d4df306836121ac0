"""Both twins of an explorer, moved in a real browser as a reader would move them."""

import json
from pathlib import Path

import nbformat
import papermill
import plotly
import pytest

from labkit.viz.explorer import PLOTLY, Explorer
from labkit.viz.theme import figure

pytestmark = pytest.mark.browser
expect = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser").expect

CELL = """
from labkit.viz.explorer import Explorer
from labkit.viz.theme import figure

def draw(size, shape):
    height = [size, size ** 2, size ** 3]
    bars = {"type": "bar", "x": ["a", "<b>b</b>", "c"], "y": height if shape == "up" else height[::-1]}
    return figure([bars], f"size {size}, {shape}")

explorer = Explorer(draw, slider={"size": range(1, 8)}, menu={"shape": ["up", "down"]}, labels={"size": "size (px)"})
explorer
"""

SHOWN = "[...document.querySelectorAll('.js-plotly-plot')].at(-1)"


def shown(page) -> tuple[list[float], str]:
    """What the figure's bars are now, and its title."""
    return tuple(page.evaluate(f"[[...{SHOWN}.data[0].y], {SHOWN}.layout.title.text]"))


def until_shown(page, expected: tuple[list[float], str]) -> None:
    want = json.dumps(list(expected))
    page.wait_for_function(
        f"(() => {{ const g = {SHOWN}; return g && g.data && "
        f"JSON.stringify([[...g.data[0].y], g.layout.title.text]) === JSON.stringify({want}); }})()",
        timeout=20_000,
    )
    assert shown(page) == expected


def open_and_run(page, lab, name: str) -> None:
    page.goto(lab.open(name))
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)
    page.wait_for_function(
        "window.jupyterapp && jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'",
        timeout=90_000,
    )
    page.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells') }")


def write_notebook(path: Path, *cells: str) -> None:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = [nbformat.v4.new_code_cell(cell) for cell in cells]
    notebook = nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": kernel})
    nbformat.write(notebook, path)


def run_again(page) -> None:
    """Run the open notebook once more, so that its controls are at their start."""
    page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")


@pytest.fixture(scope="module")
def opened(shared_page, jupyterlab):
    write_notebook(jupyterlab.folder / "explorer.ipynb", CELL)
    open_and_run(shared_page, jupyterlab, "explorer.ipynb")
    return shared_page


@pytest.fixture
def lab_page(opened):
    run_again(opened)
    opened.wait_for_selector(".jp-OutputArea .noUi-handle", timeout=90_000)
    return opened


def test_moving_the_slider_in_jupyterlab_changes_the_bars(lab_page):
    until_shown(lab_page, ([1, 1, 1], "size 1, up"))
    handle = lab_page.locator(".jp-OutputArea .noUi-handle").first
    handle.focus()
    lab_page.keyboard.press("ArrowRight")
    lab_page.keyboard.press("ArrowRight")
    until_shown(lab_page, ([3, 9, 27], "size 3, up"))


def test_the_figure_in_jupyterlab_has_the_height_it_asks_for(lab_page):
    until_shown(lab_page, ([1, 1, 1], "size 1, up"))
    box = lab_page.locator(".jp-OutputArea .js-plotly-plot .main-svg").first.bounding_box()
    assert box["height"] == figure().layout.height
    assert box["width"] > 500


def test_choosing_from_the_menu_in_jupyterlab_keeps_the_slider_where_it_is(lab_page):
    handle = lab_page.locator(".jp-OutputArea .noUi-handle").first
    handle.focus()
    lab_page.keyboard.press("ArrowRight")
    until_shown(lab_page, ([2, 4, 8], "size 2, up"))
    lab_page.get_by_label("shape").select_option("down")
    until_shown(lab_page, ([8, 4, 2], "size 2, down"))


def test_controls_in_jupyterlab_carry_their_names(lab_page):
    labels = lab_page.locator(".jp-OutputArea .widget-label").all_inner_texts()
    assert {"shape", "size (px)"} <= set(labels)


def show_stored(page, folder: Path, explorer: Explorer) -> None:
    """The explorer as a saved notebook holds it, in a page of its own: no kernel, no server."""
    stored = json.dumps(explorer._repr_mimebundle_()[PLOTLY])
    (folder / "plotly.min.js").write_text(plotly.offline.get_plotlyjs(), encoding="utf-8")
    (folder / "index.html").write_text(
        "<!doctype html><meta charset='utf-8'><script src='plotly.min.js'></script><div id='figure'></div>"
        f"<script>Plotly.newPlot('figure', {stored})</script>",
        encoding="utf-8",
    )
    page.goto((folder / "index.html").as_uri())
    page.wait_for_selector(".slider-group", timeout=20_000)


@pytest.fixture
def static_page(page, tmp_path):
    space: dict = {}
    exec(CELL, space)  # the same cell that JupyterLab runs
    show_stored(page, tmp_path, space["explorer"])
    return page


def drag_slider(page, to: float) -> None:
    """Press the static slider's rail at a share of its length."""
    box = page.locator(".slider-rail-touch-rect").last.bounding_box()
    page.mouse.click(box["x"] + box["width"] * to, box["y"] + box["height"] / 2)


def choose(page, label: str) -> None:
    page.locator(".updatemenu-header").first.click()
    page.locator(".updatemenu-dropdown-button", has_text=label).click()


def test_the_static_slider_changes_the_bars_without_a_kernel(static_page):
    until_shown(static_page, ([1, 1, 1], "size 1, up"))
    drag_slider(static_page, 0.5)
    until_shown(static_page, ([4, 16, 64], "size 4, up"))


def test_the_static_menu_changes_the_bars_and_the_sliders_steps(static_page):
    drag_slider(static_page, 0.5)
    until_shown(static_page, ([4, 16, 64], "size 4, up"))
    choose(static_page, "down")
    until_shown(static_page, ([1, 1, 1], "size 1, down"))
    drag_slider(static_page, 1.0)
    until_shown(static_page, ([343, 49, 7], "size 7, down"))
    choose(static_page, "up")
    drag_slider(static_page, 1.0)
    until_shown(static_page, ([7, 49, 343], "size 7, up"))


def test_three_controls_without_a_kernel_show_the_figure_of_all_three(page, tmp_path):
    explorer = Explorer(
        lambda a, b, c: figure([{"type": "bar", "x": ["x"], "y": [100 * a + 10 * b + c]}], f"{a}{b}{c}"),
        slider={"b": [1, 2, 3], "c": [1, 2, 3]},
        menu={"a": [1, 2]},
    )
    show_stored(page, tmp_path, explorer)
    choose(page, "a: 2")
    until_shown(page, ([211], "211"))
    rails = page.locator(".slider-rail-touch-rect")
    box = rails.first.bounding_box()
    page.mouse.click(box["x"] + box["width"], box["y"] + box["height"] / 2)
    until_shown(page, ([231], "231"))
    drag_slider(page, 0.5)
    until_shown(page, ([232], "232"))


@pytest.mark.slow
def test_a_notebook_executed_without_a_front_end_still_moves_in_jupyterlab(page, jupyterlab, monkeypatch):
    for name in ("JPY_SESSION_NAME", "VSCODE_PID", "COLAB_RELEASE_TAG"):
        monkeypatch.delenv(name, raising=False)
    path = jupyterlab.folder / "executed.ipynb"
    write_notebook(path, CELL)
    papermill.execute_notebook(path, path, kernel_name="python3", progress_bar=False, execution_timeout=120)
    page.goto(jupyterlab.open("executed.ipynb"))
    page.wait_for_selector(".jp-OutputArea .slider-group", timeout=60_000)
    assert page.locator(".jp-OutputArea .js-plotly-plot .main-svg").first.bounding_box()["height"] > 420
    drag_slider(page, 0.5)
    until_shown(page, ([4, 16, 64], "size 4, up"))


CHOOSER = """
import numpy as np
from labkit.viz.kernels import kernel_viewer

weights = np.random.default_rng(0).normal(size=(3, 2, 3, 3, 3))
kernel_viewer({"before": weights, "after": weights * np.array([1, 0, 0]).reshape(3, 1, 1)})
"""


def test_a_chooser_in_jupyterlab_follows_its_menu_and_its_slider_by_keys(page, jupyterlab):
    write_notebook(jupyterlab.folder / "chooser.ipynb", CHOOSER)
    open_and_run(page, jupyterlab, "chooser.ipynb")
    page.wait_for_selector(".jp-OutputArea .noUi-handle", timeout=90_000)
    words = page.locator(".jp-OutputArea p[aria-live]")
    expect(words).to_contain_text("after: 100%, 0%, 0% of the weight in its slices")
    before = words.inner_text()
    page.locator(".jp-OutputArea .noUi-handle").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".jp-OutputArea .widget-readout")).to_have_text("1")
    expect(words).not_to_have_text(before)
    filters = words.inner_text()
    page.get_by_label("input channel").select_option("1")
    expect(words).not_to_have_text(filters)
    assert page.locator(".jp-CodeCell").count() == 1  # the keys went to the slider


ARCHITECTURE = """
from labkit.models.designs import measure, read_designs
from labkit.viz.architecture import architecture_explorer

architecture_explorer(read_designs(), measure=measure)
"""


@pytest.mark.slow
def test_the_architecture_explorer_in_jupyterlab_counts_a_number_that_is_typed(page, jupyterlab):
    write_notebook(jupyterlab.folder / "architecture.ipynb", ARCHITECTURE)
    open_and_run(page, jupyterlab, "architecture.ipynb")
    page.wait_for_selector(".jp-OutputArea .noUi-handle", timeout=180_000)
    cell = page.locator(".jp-CodeCell")
    title, numbers = cell.locator("h4"), cell.locator(".labkit-numbers b")
    expect(numbers.first).to_have_text("14.6 M")
    width = cell.get_by_label("width (channels)")
    width.fill("48")
    width.press("Enter")
    expect(title).to_contain_text("width 48", timeout=60_000)
    assert numbers.first.inner_text() == "8.27 M"
    cell.get_by_label("family").select_option("C3D")
    expect(title).to_contain_text("C3D, depth 11, width 64, on 16×112×112", timeout=60_000)
    frames = cell.locator(".widget-inline-hbox", has_text="frames")
    frames.locator(".noUi-handle").focus()
    page.keyboard.press("ArrowLeft")
    alert = cell.get_by_role("alert")
    expect(alert).to_contain_text("five pools leave nothing of 15 frames", timeout=60_000)
    expect(frames.locator(".widget-readout")).to_have_text("16")
