"""The browser of predictions as a reader uses it: a cell of the confusion matrix, its videos, and keys, on a page and live."""

import numpy as np
import pytest
from test_explorer_in_jupyterlab import open_and_run, write_notebook

from labkit.data.previews import preview
from labkit.records import Predictions
from labkit.viz.prediction_browser import PredictionBrowser

pytestmark = [pytest.mark.browser, pytest.mark.slow]
expect = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser").expect

CLASSES = ("jump", "手を振る", "<b>turn</b>")
SCORES = np.array([[0.9, 0.1, 0.0], [0.4, 0.35, 0.25], [0.2, 0.7, 0.1], [0.1, 0.8, 0.1]], np.float32)
MOVING = np.random.default_rng(0).integers(0, 255, (16, 48, 64, 3), np.uint8)


def predictions(scores, labels, videos, level):
    return Predictions(tuple(videos), np.array(labels), scores, np.ones(len(labels), np.int64), CLASSES, level)


def browser_of_four(**options):
    videos = ["v0", "v1", "v2", "v3"]
    by_video = predictions(SCORES, [0, 1, 0, 1], videos, "video")
    by_clip = predictions(np.repeat(SCORES, 2, axis=0), [0, 0, 1, 1, 0, 0, 1, 1], np.repeat(videos, 2), "clip")
    show = {"play": lambda video: preview(MOVING, 10.0), "frames": lambda video: [MOVING[0], MOVING[8]]}
    return PredictionBrowser(by_video, by_clip, **show, **options)


def test_on_a_page_a_cell_of_the_confusion_matrix_leads_to_its_video_which_plays(page, tmp_path):
    page.set_viewport_size({"width": 390, "height": 900})
    (tmp_path / "page.html").write_text(
        f"<!doctype html><meta charset='utf-8'>{browser_of_four(live=False).static()}", encoding="utf-8"
    )
    page.goto((tmp_path / "page.html").as_uri())
    expect(page.locator("h4")).to_have_text("v2: 手を振る (wrong: it is jump)")
    assert page.get_by_label("video").locator("option").count() == 4
    page.get_by_label("order").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("h4")).to_have_text("v1: jump (wrong: it is 手を振る)")
    page.get_by_label("true class").select_option("手を振る")
    page.get_by_label("answer").select_option("手を振る")
    expect(page.locator("h4")).to_have_text("v3: 手を振る (right)")
    assert page.locator("table").first.locator("tr").all_inner_texts()[1:] == [
        "手を振る ✓\t80.0%\t",
        "jump\t10.0%\t",
        "<b>turn</b>\t10.0%\t",
    ]
    assert page.locator(".wide td").all_inner_texts() == ["\n手を振る 80%"] * 2
    page.locator("video").evaluate("video => video.play()")
    page.wait_for_function("document.querySelector('video').currentTime > 0.2", timeout=30_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


CELL = """
import sys
sys.path.insert(0, {tests!r})
from test_prediction_browser_in_a_browser import browser_of_four
browser_of_four()
"""


def test_in_jupyterlab_the_menus_lead_to_a_video_by_keys(page, jupyterlab, request):
    write_notebook(jupyterlab.folder / "browser.ipynb", CELL.format(tests=str(request.path.parent)))
    open_and_run(page, jupyterlab, "browser.ipynb")
    output = page.locator(".jp-CodeCell .jp-OutputArea")
    title = output.locator("h4")
    expect(title).to_have_text("v2: 手を振る (wrong: it is jump)", timeout=120_000)
    output.get_by_label("true class").focus()
    page.keyboard.press("End")
    expect(title).to_contain_text("it is 手を振る", timeout=60_000)
    page.locator("video").evaluate("video => video.play()")
    page.wait_for_function("document.querySelector('video').currentTime > 0.2", timeout=30_000)
    assert page.locator(".jp-CodeCell").count() == 1  # the keys went to the menu
