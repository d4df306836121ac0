"""Keys pressed on labkit's live controls in JupyterLab: the control has them, the notebook does not."""

import pytest
from test_explorer_in_jupyterlab import open_and_run, run_again, write_notebook

pytestmark = pytest.mark.browser

CONTROLS = """
from IPython.display import display
from labkit.viz.explorer import Explorer
from labkit.viz.stopwatch import Stopwatch
from labkit.viz.theme import figure

explorer = Explorer(
    lambda shape, size: figure([{"type": "bar", "y": [size]}], f"{size}, {shape}"),
    slider={"size": range(1, 8)},
    menu={"shape": ["up", "down", "flat"]},
)
watch = Stopwatch({"skim": (15, 30)})
display(explorer, watch)
"""
AGAIN = "display(explorer, watch)"
KINDS = {
    "menu": ".jp-OutputArea select",
    "slider": ".jp-OutputArea .noUi-handle",
    "button": ".jp-OutputArea .jupyter-button",
}
COMMANDS = ("b", "x", "Escape", "b", "x", "d", "d", "ArrowUp", "ArrowDown")  # in JupyterLab: insert, cut, delete, move
CELLS = ".jp-Notebook .jp-Cell"


@pytest.fixture(scope="module")
def opened(shared_page, jupyterlab):
    write_notebook(jupyterlab.folder / "keys.ipynb", CONTROLS, AGAIN)
    open_and_run(shared_page, jupyterlab, "keys.ipynb")
    return shared_page


@pytest.fixture
def lab_page(opened):
    run_again(opened)
    opened.locator(KINDS["button"]).nth(1).wait_for(timeout=90_000)
    return opened


def press(page, keys) -> None:
    for key in keys:
        page.keyboard.press(key)
    page.wait_for_timeout(300)


@pytest.mark.parametrize("kind", KINDS)
def test_keys_pressed_on_a_control_change_no_cell_where_it_stands_and_where_it_is_shown_again(lab_page, kind):
    for control in lab_page.locator(KINDS[kind]).all():
        control.focus()
        press(lab_page, COMMANDS)
        assert lab_page.locator(CELLS).count() == 2
        assert control.evaluate("control => control === document.activeElement")


def test_arrows_move_the_menu_and_the_slider(lab_page):
    for kind, value in (("menu", "control => control.selectedIndex"), ("slider", "h => +h.ariaValueNow")):
        control = lab_page.locator(KINDS[kind]).first
        control.focus()
        press(lab_page, ["ArrowDown" if kind == "menu" else "ArrowRight"] * 2)
        assert control.evaluate(value) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_control_that_the_mouse_pressed_has_the_keys(lab_page, kind):
    pressed = lab_page.locator(KINDS[kind] if kind != "slider" else ".jp-OutputArea .noUi-target").first
    box = pressed.bounding_box()
    lab_page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    control = lab_page.locator(KINDS[kind]).first
    lab_page.wait_for_function("kind => document.activeElement.matches(kind)", arg=KINDS[kind])
    press(lab_page, COMMANDS)
    assert lab_page.locator(CELLS).count() == 2
    assert control.evaluate("control => control === document.activeElement")


def test_the_notebook_keeps_what_is_pressed_with_ctrl_and_beside_the_controls(lab_page):
    lab_page.locator(KINDS["menu"]).first.focus()
    press(lab_page, ["b", "Control+s"])
    lab_page.wait_for_function("!jupyterapp.shell.currentWidget.context.model.dirty", timeout=20_000)
    lab_page.evaluate("() => { jupyterapp.shell.currentWidget.content.node.focus() }")
    press(lab_page, ["b"])
    assert lab_page.locator(CELLS).count() == 3
    press(lab_page, ["d", "d"])
    assert lab_page.locator(CELLS).count() == 2
