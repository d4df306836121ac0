"""The figure of a sweep: its axis fits the values, and long names leave room for the curves."""

import math

import pandas as pd
import pytest

from labkit.viz.sweep import sweep_figure


def table(axis, values, line=""):
    rows = [(value, line, 2, 0.5, 0.4, 0.6) for value in values]
    return pd.DataFrame(rows, columns=[axis, "series", "runs", "mean", "low", "high"])


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1e-5, 1e-4, 1e-3], "log"),
        ([8, 16, 32], None),
        ([0, 1, 1000], None),
        ([0.001, 1.0], None),
        (["a", "b"], "category"),
        ([True, False], "category"),
    ],
)
def test_values_over_decades_have_a_logarithmic_axis_that_says_so(values, kind):
    axis = sweep_figure(table("lr", values), "top1", "lr").layout.xaxis
    assert axis.type == kind
    assert axis.title.text == ("lr, logarithmic" if kind == "log" else "lr")
    assert len(axis.tickvals) == len(axis.ticktext) == len(values)


def test_a_long_name_is_cut_in_its_middle_and_stays_whole_where_the_pointer_is():
    names = [f"a_network_with_a_name_that_goes_on_and_on_and_on_{end}" for end in "ab"]
    line = "the_name_of_a_parameter_that_is_really_long 8"
    fig = sweep_figure(table("model", names, line), "validation_top1_at_video_level_with_ten_clips", "model")
    assert fig.layout.xaxis.ticktext == tuple(f"a_network…{name[-10:]}" for name in names)
    assert max(map(len, fig.layout.xaxis.ticktext)) == 20
    assert list(fig.data[0].x) == names
    assert len(fig.data[0].name) <= 36
    assert line in fig.data[0].hovertemplate
    assert len(fig.layout.yaxis.title.text) < 70


def test_one_point_of_one_run_is_drawn_without_an_interval():
    one = pd.DataFrame(
        [("together", "", 1, 0.5, math.nan, math.nan)], columns=["all runs", "series", "runs", "mean", "low", "high"]
    )
    fig = sweep_figure(one, "top1", "all runs")
    assert list(fig.data[0].error_y.array) == [0.0]
    assert fig.layout.title.text == "top1: highest at all runs together, 0.5 (1 run)"
