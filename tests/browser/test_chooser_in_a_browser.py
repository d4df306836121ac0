"""A chooser of a page without a kernel, moved in a real browser by mouse and keys."""

import pytest

from labkit.viz.chooser import Chooser

pytestmark = pytest.mark.browser
TEMPLATE = "<p>{words}</p>{#rows}<i>{n}</i>{/rows}"
STATES = {
    ("a", "16"): {"words": "a of 16", "rows": [{"n": "1"}, {"n": "2"}]},
    ("a", "8"): {"words": "a of 8", "rows": []},
    ("b", "8"): {"words": "b of 8", "rows": [{"n": "{0}"}]},
    ("b", "32"): {"words": "b of 32", "rows": [{"n": "&lt;i&gt;"}]},
    ("<c> 動画", "32"): {"words": "c of 32", "rows": []},
}


def test_menus_and_sliders_show_what_goes_together(page, tmp_path):
    made = Chooser(STATES, ["letter", "size"], TEMPLATE, name="letters", sliders=["size"], live=False).static()
    (tmp_path / "index.html").write_text(f"<!doctype html><meta charset='utf-8'>{made}<hr>{made}", encoding="utf-8")
    page.goto((tmp_path / "index.html").as_uri())
    one, two = page.get_by_role("group", name="letters").all()
    shown, letter, size = one.locator(".labkit-chooser-shown"), one.get_by_label("letter"), one.get_by_role("slider")
    assert shown.inner_html() == "<p>a of 16</p><i>1</i><i>2</i>"
    size.focus()
    page.keyboard.press("ArrowLeft")
    assert (shown.inner_html(), size.get_attribute("aria-valuetext")) == ("<p>a of 8</p>", "8")
    letter.select_option("b")
    assert shown.inner_html() == "<p>b of 8</p><i>{0}</i>"
    letter.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert shown.inner_html() == "<p>b of 32</p><i>&lt;i&gt;</i>"
    letter.select_option("<c> 動画")
    assert (shown.inner_text(), size.is_disabled()) == ("c of 32", True)
    letter.select_option("a")
    assert (shown.inner_text().splitlines()[0], size.is_disabled()) == ("a of 16", False)
    assert two.locator(".labkit-chooser-shown").inner_text().splitlines()[0] == "a of 16"
