import numpy as np
import pandas as pd
import pytest

from labkit.records import History
from labkit.viz.curves import gap_curve, lag_curves, training_curves
from labkit.viz.theme import describe


def trace(fig, name):
    (found,) = [t for t in fig.data if t.name.split(" (")[0] == name]
    return found


def values(table, split, metric="top1"):
    return table[table["split"] == split][metric].to_numpy()


def test_lines_are_the_historys_accuracies_in_percent(make_history):
    past = make_history()
    fig = training_curves(past)
    for split in ("train", "val"):
        np.testing.assert_allclose(trace(fig, split).y, 100 * values(past.table, split))
        assert list(trace(fig, split).x) == [1, 2, 3, 4, 5]


def test_lines_differ_in_dash_and_marker_too(make_history):
    fig = training_curves(make_history())
    train, val = trace(fig, "train"), trace(fig, "val")
    assert train.line.dash != val.line.dash
    assert train.marker.symbol != val.marker.symbol


def test_the_gap_is_shaded_between_the_lines_and_measured_at_the_end(make_history):
    past = make_history()
    fig = training_curves(past)
    train, val = 100 * values(past.table, "train"), 100 * values(past.table, "val")
    np.testing.assert_allclose(trace(fig, "gap").y, [*train, *val[::-1]])
    assert trace(fig, "gap").name == f"gap ({train[-1] - val[-1]:.1f} points at the end)"


def test_the_best_epoch_is_marked_where_the_history_says(make_history):
    past = make_history()
    best = past.best()
    fig = training_curves(past)
    assert [shape.x0 for shape in fig.layout.shapes] == [best["epoch"]]
    assert [shape.name for shape in fig.layout.shapes] == [f"best epoch {best['epoch']}: {100 * best['top1']:.1f} %"]
    assert fig.layout.shapes[0].showlegend


def test_what_a_curve_says_of_itself_stands_in_the_legend_where_it_covers_no_line(make_history):
    for metric in ("top1", "loss"):
        assert not training_curves(make_history(), metric).layout.annotations


def test_the_best_epoch_by_loss_is_the_lowest(make_history):
    past = make_history()
    fig = training_curves(past, "loss")
    assert fig.layout.shapes[0].x0 == past.best("loss")["epoch"]


def test_several_runs_become_their_mean_with_a_band_from_lowest_to_highest(make_history):
    runs = [make_history(seed) for seed in range(3)]
    fig = training_curves(runs)
    stack = np.stack([100 * values(run.table, "train") for run in runs])
    np.testing.assert_allclose(trace(fig, "train").y, stack.mean(axis=0))
    band = trace(fig, "train: lowest to highest")
    np.testing.assert_allclose(band.y, [*stack.max(axis=0), *stack.min(axis=0)[::-1]])
    assert "mean of 3" in fig.data[-1].name


def test_runs_of_one_name_in_several_histories_stay_apart(make_history):
    runs = [make_history(seed).named("run") for seed in range(2)]
    assert "mean of 2" in training_curves(runs).data[-1].name
    assert "mean of 2 runs" in describe(training_curves(runs))


def test_a_band_of_standard_deviation_lies_that_far_from_the_mean(make_history):
    runs = [make_history(seed) for seed in range(3)]
    fig = training_curves(runs, spread="sd")
    stack = np.stack([100 * values(run.table, "val") for run in runs])
    band = trace(fig, "val: mean ± standard deviation")
    np.testing.assert_allclose(band.y[:5], stack.mean(axis=0) + stack.std(axis=0, ddof=1))


def test_the_axis_says_the_level(make_history):
    assert training_curves(make_history()).layout.yaxis.title.text == "Top-1 accuracy (%), clip level"
    mixed = training_curves(make_history(levels=("clip", "video")))
    assert mixed.layout.yaxis.title.text == "Top-1 accuracy (%), train: clip level, val: video level"


def test_a_history_without_validation_is_drawn_without_a_gap(make_history):
    past = make_history()
    fig = training_curves(History(past.table[past.table["split"] == "train"]))
    assert [t.name for t in fig.data] == ["train"]


def test_validation_of_every_second_epoch_is_shaded_where_both_are_known(make_history):
    table = make_history().table
    fig = training_curves(History(table[(table["split"] == "train") | (table["epoch"] % 2 == 0)]))
    assert list(trace(fig, "gap").x) == [2, 4, 4, 2]


def test_an_empty_history_and_an_unknown_metric_are_refused(make_history):
    with pytest.raises(ValueError, match="no rows"):
        training_curves(History.of([]))
    with pytest.raises(ValueError, match="top1, top5, loss"):
        training_curves(make_history(), "accuracy")
    with pytest.raises(ValueError, match="did you mean 'top1'"):
        training_curves(make_history(), "top-1")


@pytest.mark.parametrize("metric", ["top1", "loss"])
def test_a_history_that_is_nan_in_every_epoch_is_refused_with_the_reason(make_history, metric):
    past = make_history()
    lost = History(past.table.assign(top1=np.nan, loss=np.nan))
    with pytest.raises(ValueError, match=f"nothing to draw: {metric} is not a number in any epoch"):
        training_curves(lost, metric)
    with pytest.raises(ValueError, match=f"nothing to draw: {metric} is not a number in any epoch on the training"):
        lag_curves(lost, lost, metric)
    with pytest.raises(ValueError, match=f"the val {metric} is not a number in any of 5 epochs"):
        lost.best(metric)


def test_where_one_subset_is_nan_the_other_is_drawn_without_a_gap(make_history):
    past = make_history().table
    for lost, kept in (("val", "train"), ("train", "val")):
        fig = training_curves(History(past.assign(top1=past["top1"].mask(past["split"] == lost))))
        assert [t.name for t in fig.data] == [kept]
        assert "nan" not in describe(fig)


@pytest.fixture
def gaps():
    rows = [
        {"clips": clips, "seed": seed, "train": 1.0, "val": val + 0.01 * seed, "series": series}
        for series, base in (("fixed epochs", 0.3), ("fixed <updates>", 0.2))
        for clips, val in ((48, base), (480, base + 0.4))
        for seed in range(3)
    ]
    return pd.DataFrame(rows)


def test_the_gap_curve_is_training_minus_validation_in_points(gaps):
    fig = gap_curve(gaps)
    np.testing.assert_allclose(trace(fig, "fixed epochs").y, [69, 29])
    np.testing.assert_allclose(trace(fig, "fixed &lt;updates&gt;").y, [79, 39])
    assert list(trace(fig, "fixed epochs").x) == [48, 480]
    assert fig.layout.xaxis.type == "log"
    assert "points" in fig.layout.yaxis.title.text
    assert "clip level" in fig.layout.yaxis.title.text


def test_the_gap_curves_band_spans_the_seeds(gaps):
    band = trace(gap_curve(gaps), "fixed epochs: lowest to highest")
    np.testing.assert_allclose(band.y, [70, 30, 28, 68])


def test_one_seed_has_no_band(gaps):
    assert len(gap_curve(gaps[gaps["seed"] == 0]).data) == 2


def test_a_gap_that_is_nan_is_left_out_of_the_words(gaps):
    some = gap_curve(gaps.assign(val=gaps["val"].mask(gaps["clips"] == 48)))
    assert "fixed epochs: 29.0 points at 480 clips, 29.0 at 480" in describe(some)
    none = gap_curve(gaps.assign(val=gaps["val"].mask(gaps["series"] == "fixed epochs")))
    assert "fixed epochs: not a number at any size" in describe(none)


def test_a_gap_table_without_a_column_is_refused(gaps):
    with pytest.raises(ValueError, match="missing: val"):
        gap_curve(gaps.drop(columns="val"))


def counted(past, live):
    """The same history with what was counted while training, and nothing measured in the first epoch."""
    train = past.table["split"] == "train"
    table = past.table.assign(live_loss=np.where(train, live, np.nan), live_top1=np.where(train, 0.5, np.nan))
    table.loc[train & (table["epoch"] == 1), ["loss", "top1"]] = np.nan
    return History(table)


def test_a_history_that_was_only_counted_is_drawn_as_that(make_history):
    past = counted(make_history(), live=1.5)
    train = past.table[past.table["split"] == "train"].assign(top1=np.nan, loss=np.nan)
    fig = training_curves(History(train))
    assert [t.name for t in fig.data] == ["train, while training"]
    assert list(fig.data[0].y) == [50.0] * 5


def test_training_clips_are_drawn_where_they_were_measured(make_history):
    fig = training_curves(counted(make_history(), live=1.5))
    assert list(trace(fig, "train").x) == [2, 3, 4, 5]


def test_the_lag_is_three_judgements_of_one_training(make_history):
    running, fresh = (counted(make_history(seed), live=1.5) for seed in (0, 1))
    fig = lag_curves(running, fresh)
    expected = {
        "while training": [50.0] * 4,
        "afterwards, fresh statistics": 100 * values(fresh.table, "train")[1:],
        "afterwards, running statistics": 100 * values(running.table, "train")[1:],
    }
    assert [t.name for t in fig.data] == list(expected)
    for line, wanted in zip(fig.data, expected.values(), strict=True):
        np.testing.assert_allclose(line.y, wanted)
    assert "judged in three ways" in describe(fig)
    assert lag_curves(running, fresh, "loss").layout.yaxis.type == "log"


def test_the_lag_of_two_trainings_is_refused(make_history):
    with pytest.raises(ValueError, match="not of the same training"):
        lag_curves(counted(make_history(), live=1.5), counted(make_history(), live=1.6))
