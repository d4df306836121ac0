"""Choosers: which values go together, what they show, and both versions of them."""

import json
import re
import shutil
import subprocess

import pytest

from labkit.viz.chooser import Chooser, fill
from labkit.viz.twin import WIDGET

NASTY = "<b>x</b> & 動画 </script>"
TEMPLATE = "<p>{words}</p>{#rows}<i>{n}</i>{/rows}"
STATES = {
    ("a", "16"): {"words": "a of 16", "rows": [{"n": "1"}, {"n": "2"}]},
    ("a", "8"): {"words": "a of 8", "rows": []},
    ("b", "8"): {"words": "b of 8", "rows": [{"n": "{words}"}]},
    ("b", "32"): {"words": "b of 32", "rows": [{"n": "&lt;i&gt;"}]},
}


@pytest.fixture
def chooser():
    return Chooser(STATES, ["letter", "size"], TEMPLATE, name="letters", sliders=["size"], live=True)


def test_a_template_repeats_its_parts_and_reads_no_text_as_a_place():
    assert fill(TEMPLATE, STATES["a", "16"]) == "<p>a of 16</p><i>1</i><i>2</i>"
    assert fill(TEMPLATE, STATES["b", "8"]) == "<p>b of 8</p><i>{words}</i>"


def test_it_starts_at_the_first_state_and_keeps_what_goes_with_a_new_value(chooser):
    assert chooser.choice == ("a", "16")
    assert chooser.set(size="8")["words"] == "a of 8"
    assert chooser.set(letter="b")["words"] == "b of 8"
    assert chooser.set(size="32")["words"] == "b of 32"
    assert chooser.set(letter="a")["words"] == "a of 16"


def test_a_control_offers_numbers_by_size_and_only_those_that_go_with_the_controls_before(chooser):
    assert chooser.offered(1, ("a",)) == ["8", "16"]
    assert chooser.offered(1, ("b",)) == ["8", "32"]


def test_moving_a_widget_changes_the_picture_and_the_controls_after_it(chooser):
    above, screen, _ = chooser.widget.children
    letter, size = above.children
    letter.value = "b"
    assert tuple(size.options) == ("8", "32")
    assert (chooser.choice, size.value) == (("b", "8"), "8")
    assert "<p>b of 8</p>" in screen.value
    size.value = "32"
    assert "<p>b of 32</p>" in screen.value
    chooser.set(letter="a", size="8")
    assert (letter.value, size.value) == ("a", "8")


def test_unknown_controls_and_values_are_refused_with_the_nearest(chooser):
    with pytest.raises(ValueError, match="no such control: 'lette'; did you mean 'letter'"):
        chooser.set(lette="a")
    with pytest.raises(ValueError, match="size cannot be '7'"):
        chooser.set(size="7")
    with pytest.raises(ValueError, match="a value for each of letter, size"):
        Chooser({("a",): {"words": ""}}, ["letter", "size"], TEMPLATE, name="x")
    with pytest.raises(ValueError, match="a value for each of letter"):
        Chooser({}, ["letter"], TEMPLATE, name="x")


def test_both_versions_stand_in_one_output_and_without_a_front_end_the_static_one_alone(chooser):
    bundle = chooser._repr_mimebundle_()
    assert bundle[WIDGET]["model_id"] == chooser.widget.model_id
    assert (bundle["text/plain"], "<p>a of 16</p>" in bundle["text/html"]) == ("a of 16", True)
    alone = Chooser(STATES, ["letter", "size"], TEMPLATE, name="x", live=False)._repr_mimebundle_()
    assert set(alone) == {"text/html", "text/plain"}


def test_a_name_cannot_end_the_script_or_become_markup():
    made = Chooser({(NASTY,): {"words": "w"}, ("2" * 200,): {"words": "v"}}, [NASTY], "{words}", name=NASTY).static()
    assert made.count("</script>") == 2
    assert "<b>x</b>" not in made
    data = json.loads(re.search(r'<script type="application/json">(.*?)</script>', made)[1])
    assert data["values"] == [[NASTY, "2" * 200]]


def test_equal_texts_are_stored_once():
    states = {(str(k),): {"words": "w", "picture": "p" * 1000} for k in range(50)}
    assert Chooser(states, ["k"], "{words}{picture}", name="x").static().count("p" * 1000) == 2  # shown, and stored


@pytest.mark.skipif(not shutil.which("node"), reason="no node to read the script with")
def test_the_script_is_javascript(chooser, tmp_path):
    (tmp_path / "script.js").write_text(
        chooser.static().split("<script>")[1].removesuffix("</script>"), encoding="utf-8"
    )
    subprocess.run(["node", "--check", tmp_path / "script.js"], check=True)
