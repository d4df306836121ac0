import copy
import itertools
import json

import plotly.graph_objects as go
import pytest

from labkit.course.controls import controls_html, take_controls
from labkit.viz.explorer import PLOTLY, Explorer
from labkit.viz.theme import figure


def stored(**controls) -> dict:
    """The layout of an explorer as a notebook keeps it; its bar's height is the digits of all values."""

    def draw(**values):
        height = int("".join(map(str, values.values())))
        return figure([go.Bar(y=[height])], f"bar of {height}")

    return Explorer(draw, live=False, **controls)._repr_mimebundle_()[PLOTLY]["layout"]


SHAPES = [
    {"slider": {"a": [1, 2, 3]}},
    {"menu": {"a": [1, 2]}, "slider": {"b": [1, 2, 3], "c": [4, 5]}},
    {"menu": {"a": [1, 2], "b": [3, 4]}, "slider": {}},
]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_table_has_a_row_for_every_choice_in_order(shape):
    controls, table = take_controls(stored(**shape))
    choices = itertools.product(*(one["values"] for one in controls))
    assert [row[0]["y"][0][0] for row in table] == [int("".join(choice)) for choice in choices]
    assert [one["label"] for one in controls] == [*shape.get("menu", {}), *shape["slider"]]


def test_a_row_changes_the_figure_and_no_control():
    _, table = take_controls(stored(**SHAPES[1]))
    assert {key for _, layout in table for key in layout} == {"title.text"}


def test_the_room_for_plotlys_controls_goes_with_them():
    layout = stored(**SHAPES[1])
    take_controls(layout)
    bare = figure([], "a title")
    assert (layout["height"], layout["margin"]["t"]) == (bare.layout.height, bare.layout.margin.t)
    assert not {"updatemenus", "sliders"} & set(layout)


def test_the_table_is_smaller_than_the_steps_it_comes_from():
    layout = stored(**SHAPES[1])
    before = len(json.dumps(layout))
    _, table = take_controls(layout)
    assert len(json.dumps(table)) < before


def test_controls_that_are_not_an_explorers_stay():
    layout = {"sliders": [{"steps": [{"args": [{}, {}]}]}], "updatemenus": [{"buttons": []}], "meta": "text"}
    before = copy.deepcopy(layout)
    assert take_controls(layout) == ([], [])
    assert layout == before


def test_labels_and_values_are_text():
    explorer = Explorer(
        lambda a, b: figure([go.Bar(y=[1])]),
        menu={"a": ['<b onclick="x">', "2"]},
        slider={"b": ["<i>", "&amp;"]},
        labels={"a": "<script>"},
        live=False,
    )
    controls, _ = take_controls(explorer._repr_mimebundle_()[PLOTLY]["layout"])
    made = controls_html(controls, "figure-1")
    assert "&lt;b onclick=&quot;x&quot;&gt;" in made
    assert not any(part in made for part in ("<script", "<b onclick", "<i>"))
