import json

import numpy as np
import plotly.graph_objects as go
import pytest

from labkit.front_end import has_front_end
from labkit.viz.explorer import PLOTLY, Explorer
from labkit.viz.theme import figure
from labkit.viz.twin import WIDGET


def draw(size: int, shape: str = "up") -> go.Figure:
    heights = np.array([1.0, 2.0, 3.0]) * size
    bars = go.Bar(x=["a", "b", "c"], y=heights if shape == "up" else heights[::-1])
    fig = figure([bars], f"size {size}", description=f"Bars of size {size}.")
    return fig.add_annotation(text="big", x=0, y=0) if size == 3 else fig


@pytest.fixture
def explorer():
    return Explorer(draw, slider={"size": [1, 2, 3]}, menu={"shape": ["up", "<down>"]}, live=True)


def test_it_starts_at_the_first_values_or_where_told():
    assert Explorer(draw, slider={"size": [1, 2, 3]}).values == {"size": 1}
    started = Explorer(draw, slider={"size": [1, 2, 3]}, start={"size": 2})
    assert started.values == {"size": 2}
    assert list(started.figure.data[0].y) == [2, 4, 6]
    assert started.static.layout.sliders[0].active == 1


def test_moving_a_widget_changes_values_figure_and_screen(explorer):
    menu, slider = explorer.controls
    slider.value = 2
    menu.value = 1
    assert explorer.values == {"shape": "<down>", "size": 3}
    assert list(explorer.figure.data[0].y) == [9, 6, 3]
    (shown,) = explorer.widget.children[1].outputs
    assert shown["data"][PLOTLY]["data"][0]["y"] == [9, 6, 3]
    assert shown["data"]["text/plain"] == "Bars of size 3."


def test_setting_values_moves_the_widgets(explorer):
    explorer.set(size=2)
    assert [control.value for control in explorer.controls] == [0, 1]
    assert explorer.set(shape="<down>").data[0].y[0] == 6


def test_controls_are_labelled(explorer):
    assert [control.description for control in explorer.controls] == ["shape", "size"]
    named = Explorer(draw, slider={"size": [1, 2]}, labels={"size": "size (px)"})
    assert named.controls[0].description == "size (px)"
    assert named.static.layout.sliders[0].currentvalue.prefix == "size (px): "


def test_one_bundle_carries_both_twins(explorer):
    bundle = explorer._repr_mimebundle_()
    assert bundle[WIDGET]["model_id"] == explorer.widget.model_id
    assert bundle[PLOTLY]["layout"]["sliders"]
    json.dumps(bundle, allow_nan=False)


def test_without_a_front_end_only_the_static_twin_is_stored(monkeypatch):
    for name in ("JPY_SESSION_NAME", "VSCODE_PID", "COLAB_RELEASE_TAG"):
        monkeypatch.delenv(name, raising=False)
    assert WIDGET not in Explorer(draw, slider={"size": [1, 2]})._repr_mimebundle_()
    monkeypatch.setenv("JPY_SESSION_NAME", "notebook.ipynb")
    assert WIDGET in Explorer(draw, slider={"size": [1, 2]})._repr_mimebundle_()


@pytest.mark.parametrize("run", ["LABKIT_RUN", "NBGRADER_EXECUTION"])
def test_a_run_that_a_front_end_started_has_none_itself(monkeypatch, run):
    monkeypatch.setenv("VSCODE_PID", "1")
    assert has_front_end()
    monkeypatch.setenv(run, "1")
    assert not has_front_end()


def test_each_static_step_carries_the_data_of_its_value():
    steps = Explorer(draw, slider={"size": [1, 2, 3]}).static.layout.sliders[0].steps
    assert [step.label for step in steps] == ["1", "2", "3"]
    assert [step.args[0]["y"] for step in steps] == [[[1, 2, 3]], [[2, 4, 6]], [[3, 6, 9]]]
    assert [step.args[1]["title.text"] for step in steps] == ["size 1", "size 2", "size 3"]


def test_what_only_some_figures_have_is_taken_away_by_the_others():
    steps = Explorer(draw, slider={"size": [1, 2, 3]}).static.layout.sliders[0].steps
    assert [len(step.args[1]["annotations"]) for step in steps] == [0, 0, 1]


def test_what_never_changes_is_not_repeated():
    steps = Explorer(draw, slider={"size": [1, 2, 3]}).static.layout.sliders[0].steps
    assert all("x" not in step.args[0] and "template" not in str(step.args[1]) for step in steps)


def test_a_static_menu_swaps_the_data_and_the_sliders_steps(explorer):
    up, down = explorer.static.layout.updatemenus[0].buttons
    assert down.label == "shape: &lt;down&gt;"
    assert down.args[0]["y"] == [[3, 2, 1]]
    assert [step["args"][0]["y"] for step in down.args[1]["sliders[0].steps"]] == [
        [[3, 2, 1]],
        [[6, 4, 2]],
        [[9, 6, 3]],
    ]
    assert down.args[1]["sliders[0].active"] == 0
    assert up.args[1]["sliders[0].steps"][1]["args"][0]["y"] == [[2, 4, 6]]


def test_packed_arrays_of_two_dimensions_become_lists_in_steps():
    explorer = Explorer(lambda k: figure([go.Heatmap(z=np.arange(6.0).reshape(2, 3) * k)]), slider={"k": [1, 2]})
    assert explorer.static.layout.sliders[0].steps[1].args[0]["z"] == [[[0, 2, 4], [6, 8, 10]]]


def test_a_figure_that_cannot_be_drawn_stops_at_once_and_names_the_values():
    def fails(size: int) -> go.Figure:
        return draw(6 // size)

    with pytest.raises(ValueError, match=r"size=0 cannot be drawn: ZeroDivisionError"):
        Explorer(fails, slider={"size": [1, 0]})


def test_figures_of_other_traces_are_refused():
    def other(n: int) -> go.Figure:
        return figure([go.Bar(y=[1])] * n)

    with pytest.raises(ValueError, match="same traces"):
        Explorer(other, slider={"n": [1, 2]})


def test_unknown_controls_and_values_and_empty_ones_are_refused(explorer):
    with pytest.raises(ValueError, match="no such control: 'sise'"):
        explorer.set(sise=1)
    with pytest.raises(ValueError, match="size cannot be 7; it can be 1, 2, 3"):
        explorer.set(size=7)
    with pytest.raises(ValueError, match="has no values"):
        Explorer(draw, slider={"size": []})
    with pytest.raises(ValueError, match="too many"):
        Explorer(draw, slider={"size": range(1000)})


def test_a_stored_explorer_is_small(explorer):
    assert len(json.dumps(explorer._repr_mimebundle_()[PLOTLY])) < 20_000
