"""The overfitting dashboard and the live curves as a reader meets them: on a page without a kernel, and in JupyterLab."""

from pathlib import Path

import pytest
from made_trainings import small_and_wide
from test_explorer_in_jupyterlab import open_and_run, write_notebook

from labkit.viz.dashboard import Dashboard

pytestmark = [pytest.mark.browser, pytest.mark.slow]
expect = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser").expect


def test_the_page_moves_by_keyboard_and_by_menu_without_a_kernel(page, tmp_path):
    made = Dashboard(small_and_wide(), live=False).static()
    (tmp_path / "index.html").write_text(f"<!doctype html><meta charset='utf-8'>{made}", encoding="utf-8")
    page.set_viewport_size({"width": 390, "height": 900})
    page.goto((tmp_path / "index.html").as_uri())
    heading, words = page.locator("h4"), page.locator("p[aria-live]")
    expect(heading).to_have_text("After epoch 2 the gap is largest at training clips 40, width 16: 63 points")
    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowLeft")
    expect(heading).to_contain_text("After epoch 1")
    page.get_by_label("point").select_option("training clips 2,000, width 16")
    expect(words).to_contain_text("At the point training clips 2,000, width 16, 50 % of training clips")
    page.get_by_label("across").select_option("width")
    expect(page.locator("svg[role=img]").first).to_contain_text("width")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


DASHBOARD = f"""
import sys
sys.path.append({str(Path(__file__).parents[1])!r})
from made_trainings import small_and_wide
from labkit.viz.dashboard import Dashboard

Dashboard(small_and_wide())
"""


def test_in_jupyterlab_the_slider_moves_both_figures(page, jupyterlab):
    write_notebook(jupyterlab.folder / "dashboard.ipynb", DASHBOARD)
    open_and_run(page, jupyterlab, "dashboard.ipynb")
    page.wait_for_selector(".jp-OutputArea .noUi-handle", timeout=90_000)
    output = page.locator(".jp-OutputArea")
    expect(output.locator("h4")).to_contain_text("After epoch 2")
    page.locator(".jp-OutputArea .noUi-handle").focus()
    page.keyboard.press("ArrowLeft")
    expect(output.locator("h4")).to_contain_text("After epoch 1")
    expect(output.locator("svg[role=img]").last).to_contain_text("epoch 1")


SHOW = """
from pathlib import Path
from labkit.viz.live import LiveCurves

curves = LiveCurves("run", every=0.2)
curves
"""
FIT = f"""
import sys, time
sys.path.append({str(Path(__file__).parents[1] / "training")!r})
from tiny_training import Tiny, tiny_model
from labkit.training import fit

model, batches = tiny_model(), 0

def wait_in_epoch_3(module, inputs):
    global batches
    batches += module.training and inputs[0].device.type != "meta"
    while batches == 5 and not Path("seen").exists():
        time.sleep(0.05)

model.register_forward_pre_hook(wait_in_epoch_3)
fit(model, Tiny(12), Tiny(12, seed=1), epochs=4, batch_size=6, lr=0.05, device="cpu", folder="run", progress=False)
print("fit has", "ended")
"""


def test_curves_grow_in_jupyterlab_while_fit_runs_in_the_next_cell(page, jupyterlab):
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    write_notebook(jupyterlab.folder / "live.ipynb", SHOW, FIT)
    open_and_run(page, jupyterlab, "live.ipynb")
    cell, ended = page.locator(".jp-CodeCell").first, page.get_by_text("fit has ended")
    words, picture = cell.locator(".labkit-chooser p"), cell.locator("svg[role=img]")
    expect(words).to_contain_text("No epoch has ended yet.", timeout=90_000)
    assert picture.count() == 0
    expect(words).to_contain_text("After 2 epochs", timeout=120_000)
    expect(words).to_contain_text("The training goes on.")
    drawn = picture.inner_html()
    assert ended.count() == 0  # the kernel is busy: the training waits in its third epoch
    (jupyterlab.folder / "seen").touch()
    ended.wait_for(timeout=120_000)
    expect(words).to_contain_text("After 4 epochs", timeout=60_000)
    expect(words).to_contain_text("No training is at work in this folder now.")
    assert picture.inner_html() != drawn
    assert problems == []
