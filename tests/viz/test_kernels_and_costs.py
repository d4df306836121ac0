import numpy as np
import pandas as pd
import pytest

from labkit.viz.architecture import cost_bars
from labkit.viz.kernels import kernel_slices
from labkit.viz.theme import describe


@pytest.fixture
def weight():
    return np.random.default_rng(0).normal(size=(4, 3, 5, 2, 3))


def cells(fig) -> np.ndarray:
    return np.array(fig.data[0].z, dtype=float)


def test_each_row_is_a_filter_and_each_block_a_time_slice(weight):
    grid = cells(kernel_slices(weight, [2, 0], channel=1))
    assert grid.shape == (2 * 3 - 1, 5 * 4 - 1)
    for row, number in enumerate((2, 0)):
        for time in range(5):
            block = grid[row * 3 : row * 3 + 2, time * 4 : time * 4 + 3]
            assert np.allclose(block, weight[number, 1, time], atol=1e-6)


def test_without_a_channel_the_mean_over_input_channels_is_shown(weight):
    grid = cells(kernel_slices(weight, [3]))
    assert np.allclose(grid[:2, :3], weight[3].mean(axis=0)[0], atol=1e-6)


def test_gaps_between_slices_are_empty(weight):
    grid = cells(kernel_slices(weight, [0, 1]))
    assert np.isnan(grid[2]).all()
    assert np.isnan(grid[:, 3]).all()


def test_zero_is_in_the_middle_of_the_colours(weight):
    heat = kernel_slices(weight).data[0]
    assert heat.zmin == -heat.zmax
    assert kernel_slices(weight, limit=2.0).data[0].zmax == 2.0


def test_a_tensor_that_wants_gradients_is_drawn_too(weight):
    import torch

    fig = kernel_slices(torch.nn.Parameter(torch.tensor(weight)), [0])
    assert np.allclose(cells(fig)[:2, :3], weight[0].mean(axis=0)[0], atol=1e-6)


def test_the_words_say_how_the_weight_spreads_over_time():
    weight = np.zeros((1, 1, 2, 1, 1))
    weight[0, 0, :, 0, 0] = [3, 1]
    assert "75 % at t = 0, 25 % at t = 1" in describe(kernel_slices(weight))


def test_other_shapes_and_absent_filters_are_refused(weight):
    with pytest.raises(ValueError, match=r"\(O, I, T, H, W\)"):
        kernel_slices(weight[0])
    with pytest.raises(ValueError, match="there are 4 filters"):
        kernel_slices(weight, [4])
    with pytest.raises(ValueError, match="3 input channels"):
        kernel_slices(weight, channel=3)


@pytest.fixture
def costs():
    return pd.DataFrame(
        {"name": ["stem", "<b>layer1</b>"], "parameters": [1_000, 3_000], "macs": [1_000_000, 9_000_000]}
    )


def test_cost_bars_are_the_tables_numbers(costs):
    fig = cost_bars(costs)
    parameters, macs = fig.data
    assert list(parameters.x) == [1_000, 3_000]
    assert list(macs.x) == [1_000_000, 9_000_000]
    assert list(parameters.y) == ["stem", "&lt;b&gt;layer1&lt;/b&gt;"]
    assert "90 %" in describe(fig)


def test_layers_that_cost_the_same_are_both_named_as_the_dearest(costs):
    words = describe(cost_bars(costs.assign(macs=4e6)), markdown=False)
    assert "2 layers with 4,000 parameters and 8,000,000 multiply-accumulates" in words
    assert "stem and <b>layer1</b> take the most, 50 % each." in words


def test_the_two_measures_differ_in_pattern_too(costs):
    parameters, macs = cost_bars(costs).data
    assert parameters.marker.pattern.shape != macs.marker.pattern.shape


def test_a_table_without_costs_is_refused(costs):
    with pytest.raises(ValueError, match="missing: macs"):
        cost_bars(costs.drop(columns="macs"))


def test_the_ticks_of_costs_stand_upright_and_are_few_enough_for_a_phone():
    table = pd.DataFrame({"name": ["a", "b"], "parameters": [1, 2e6], "macs": [3e9, 4e9]})
    axes = [cost_bars(table).layout[name] for name in ("xaxis", "xaxis2")]
    assert [(axis.tickangle, axis.nticks) for axis in axes] == [(0, 4), (0, 4)]
