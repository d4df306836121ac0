"""Everything to touch has both versions in one output: what each kind of front end finds there."""

import json

import numpy as np
import pytest

from labkit import front_end
from labkit.course.guess import Beside, Guess
from labkit.course.quiz import Choice, Question, Quiz
from labkit.lab_extensions import WIDGETS
from labkit.records import Predictions
from labkit.viz import twin
from labkit.viz.chooser import Chooser
from labkit.viz.explorer import PLOTLY, Explorer
from labkit.viz.prediction_browser import PredictionBrowser
from labkit.viz.stopwatch import Stopwatch
from labkit.viz.theme import figure
from labkit.viz.twin import WIDGET

CHOICES = (Choice("a", "why", right=True), Choice("b", "why"), Choice("c", "why"))
ONE = Predictions(("v",), np.array([0]), np.ones((1, 1), np.float32), np.ones(1, np.int64), ("a",), "video")


def explorer(live):
    return Explorer(
        lambda size: figure([{"type": "bar", "y": [size]}], f"size {size}"), slider={"size": [1, 2]}, live=live
    )


def beside(live):
    Guess("01-of-a-test", "How many?", 0, 10, live=live)
    return Beside("01-of-a-test", 7)


# The kind, and the mimetype of its version without a kernel.
KINDS = {
    "explorer": (explorer, PLOTLY),
    "chooser": (
        lambda live: Chooser({("a",): {"words": "w"}}, ["letter"], "{words}", name="x", live=live),
        "text/html",
    ),
    "predictions": (lambda live: PredictionBrowser(ONE, live=live), "text/html"),
    "stopwatch": (lambda live: Stopwatch({"skim": (15, 30)}, live=live), "text/html"),
    "guess": (lambda live: Guess("01-of-a-test", "How many?", 0, 10, live=live), "text/html"),
    "beside": (beside, "text/html"),
    "quiz": (lambda live: Quiz("01", (Question("Why?", CHOICES),), live=live), "text/html"),
}


@pytest.fixture(autouse=True)
def _no_front_end(monkeypatch):
    for name in ("JPY_SESSION_NAME", "VSCODE_PID", "COLAB_RELEASE_TAG", "LABKIT_RUN", "NBGRADER_EXECUTION"):
        monkeypatch.delenv(name, raising=False)
    for kept in (front_end._widgets, twin._say):
        kept.cache_clear()
    yield
    for kept in (front_end._widgets, twin._say):
        kept.cache_clear()


@pytest.mark.parametrize("kind", KINDS)
def test_the_version_without_a_kernel_is_always_there_and_the_widget_only_if_it_lives(kind):
    make, stored = KINDS[kind]
    assert set(make(False)._repr_mimebundle_()) == {stored, "text/plain"}
    live = make(True)
    bundle = live._repr_mimebundle_()
    assert set(bundle) == {stored, "text/plain", WIDGET}
    assert bundle[WIDGET]["model_id"] == live.widget.model_id
    assert bundle["text/plain"].strip()
    json.dumps(bundle, allow_nan=False)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("front_end", ["JPY_SESSION_NAME", "VSCODE_PID", "COLAB_RELEASE_TAG"])
def test_a_front_end_that_shows_widgets_gets_them(monkeypatch, kind, front_end):
    monkeypatch.setenv(front_end, "1")
    assert WIDGET in KINDS[kind][0](None)._repr_mimebundle_()


@pytest.mark.parametrize(("state", "said"), [("missing", "is missing"), ("disabled", "is switched off")])
def test_a_jupyterlab_without_the_extension_gets_the_other_version_and_is_told_once(monkeypatch, state, said):
    asked = []
    monkeypatch.setattr(front_end, "extension_state", lambda name: asked.append(name) or state)
    monkeypatch.setenv("JPY_SESSION_NAME", "notebook.ipynb")
    with pytest.warns(
        UserWarning, match=f"extension for controls {said}, so they run without.*`labkit doctor`"
    ) as warned:
        bundles = [make(None)._repr_mimebundle_() for make, _ in KINDS.values()]
    assert not any(WIDGET in bundle for bundle in bundles)
    assert (len(warned), asked) == (1, [WIDGETS])
    monkeypatch.setenv("VSCODE_PID", "1")  # has its own
    assert WIDGET in explorer(None)._repr_mimebundle_()


def test_colab_which_draws_no_plotly_json_gets_the_figure_as_html(monkeypatch):
    assert "text/html" not in explorer(True)._repr_mimebundle_()
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release")
    made = explorer(None)
    stored, (shown,) = made._repr_mimebundle_(), made.widget.children[1].outputs
    assert '"sliders"' in stored["text/html"]
    assert "plotly-graph-div" in shown["data"]["text/html"]
    assert PLOTLY in stored
    monkeypatch.setenv("LABKIT_RUN", "1")  # what such a run stores is for pages
    assert "text/html" not in explorer(None)._repr_mimebundle_()
