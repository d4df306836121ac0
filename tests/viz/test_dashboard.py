"""The overfitting dashboard: which gap stands where, what its words say, and trainings that do not fit in."""

import pytest
from made_trainings import history, training

from labkit.records import Training
from labkit.viz.chooser import CLASS
from labkit.viz.dashboard import STORED, Dashboard
from labkit.viz.parameter_axes import TOGETHER

NASTY = "</script><b>x</b> & 動画 " + "y" * 200


def small_and_large(small=(60, 50, 70), large=(5, 6, 7)):
    """Two sizes with so many seeds, whose gaps after the second of two epochs are these."""
    return [
        training(f"{clips}-{seed}", [(50, 50), (100, 100 - gap)], clips=clips, seed=seed)
        for clips, gaps in ((40, small), (2000, large))
        for seed, gap in enumerate(gaps)
    ]


def words(dashboard):
    return dashboard._stored()["text/plain"]


def test_the_gap_is_training_minus_validation_as_a_mean_over_the_seeds_with_its_interval():
    dashboard = Dashboard(small_and_large())
    assert dashboard.controls == ("point", "epoch")
    assert dashboard.record["title"] == "After epoch 2 the gap is largest at training clips 40: 60 points"
    said = "largest at training clips 40: 60 points (95 % interval 35 to 85, 3 trainings), and smallest at training clips 2,000: 6 points (95 % interval 4 to 8, 3 trainings)"
    assert said in words(dashboard)


@pytest.mark.parametrize(
    ("small", "large", "said"),
    [
        ((60, 50, 70), (5, 6, 7), "Their intervals lie apart."),
        ((60, 50, 70), (50, 30, 70), "Their intervals touch: these trainings do not tell the two apart."),
        ((60,), (5, 6, 7), "A point of one training has no interval"),
    ],
)
def test_the_words_say_whether_the_intervals_tell_the_largest_and_the_smallest_gap_apart(small, large, said):
    assert said in words(Dashboard(small_and_large(small, large)))


def test_the_title_and_the_words_name_the_same_point_where_two_are_level():
    dashboard = Dashboard(small_and_large((60,), (60,)))
    assert "largest at training clips 2,000: 60" in dashboard.record["title"]
    assert "is largest at training clips 2,000: 60" in words(dashboard)


def test_the_slider_goes_back_to_earlier_epochs_and_both_figures_follow():
    dashboard = Dashboard(small_and_large())
    end = dict(dashboard.record)
    start = dashboard.set(epoch="1")
    assert start["title"].endswith("0 points")
    assert (start["gap"], start["at"]) != (end["gap"], end["at"])
    assert start["curves"] == end["curves"]
    assert dashboard.set(point="training clips 2,000")["curves"] != end["curves"]


def test_the_last_measurement_counts_between_two_and_after_the_end():
    dashboard = Dashboard(
        [
            training("long", [(50, 40)] * 3 + [(90, 10)], every=2, width=8),
            training("short", [(50, 30)], width=16),
        ]
    )
    assert dashboard.offered(dashboard.controls.index("epoch"), dashboard.choice[:-1]) == ["1", "2", "4"]
    assert "width 8: 80 points" in words(dashboard)
    assert "1 of 2 trainings had ended before: the last measurement counts." in words(dashboard)
    dashboard.set(epoch="1")
    assert "the gap at width 16 is 20 points" in words(dashboard)


def test_a_diverged_training_is_marked_counted_and_in_no_mean():
    trainings = small_and_large((60, 50, 70), (5,))
    trainings[2] = training("gone", [(50, 50), (0, 0)], lost_at=2, clips=40, seed=2)
    dashboard = Dashboard(trainings)
    assert "training clips 40: 55 points" in words(dashboard)
    assert "1 of 4 trainings diverged (loss or weights are not numbers): gone." in words(dashboard)
    assert "training clips 40: 1 training diverged" in dashboard.record["gap"]
    assert "1 training diverged in epoch 2" in dashboard.record["curves"]
    assert "diverged" not in dashboard.set(epoch="1")["words"]


def test_a_training_that_ended_because_it_diverged_counts_as_diverged_after_its_last_epoch():
    dashboard = Dashboard([training("a", [(50, 40)], seed=0), training("b", [(50, 20)], seed=1, diverged=True)])
    assert "1 of 2 trainings diverged (loss or weights are not numbers): b." in words(dashboard)
    assert "20 points" in dashboard.set(epoch="1")["words"]


def test_trainings_that_all_diverged_have_no_gap():
    dashboard = Dashboard([training("a", [(0, 0)], lost_at=1), training("b", [(0, 0)], lost_at=1)])
    assert words(dashboard).startswith("After epoch 1 no training has a gap. 2 of 2 trainings diverged")
    assert "nan" not in dashboard.static().lower()


def test_every_parameter_that_differs_is_an_axis_and_the_others_stay_the_same_in_one_figure():
    trainings = [
        training(f"{clips} {width} {decay}", [(100, 100 - gap)], clips=clips, width=width, weight_decay=decay)
        for gap, (clips, width, decay) in enumerate(
            (clips, width, decay) for clips in (40, 2000) for width in (8, 16) for decay in (0.0, 0.001)
        )
    ]
    dashboard = Dashboard(trainings)
    assert dashboard.controls == ("across", "lines", "the rest", "point")
    assert dashboard.offered(0, ()) == ["training clips", "width", "weight_decay"]
    assert dashboard.offered(2, ("training clips", "width")) == ["weight_decay 0", "weight_decay 0.001"]
    dashboard.set(across="width", lines="weight_decay", **{"the rest": "training clips 2,000"})
    assert "largest at width 16, weight_decay 0.001: 7 points (1 training)" in words(dashboard)
    dashboard.set(lines=TOGETHER)
    assert "largest at width 16: 4 points (95 % interval 1 to 8, 4 trainings)" in words(dashboard)


def test_a_parameter_that_goes_with_another_one_is_no_axis_of_its_own():
    dashboard = Dashboard([training(f"{n}", [(100, 100 - n)], clips=n, share=n / 100) for n in (10, 20, 50)])
    assert dashboard.controls == ("point",)
    assert "share differs together with training clips." in dashboard.record["notes"]


def test_trainings_without_a_gap_are_named_with_the_reason():
    one_sided = history([(50, 50)])
    one_sided = type(one_sided)(one_sided.table[one_sided.table["split"] == "train"])
    video = history([(50, 50)])
    video.table.loc[video.table["split"] == "val", "level"] = "video"
    given = [training("good", [(50, 50)]), Training("no validation", {}, one_sided), Training("mixed", {}, video)]
    notes = Dashboard(given, {"lost": "it has no history (failed)"}).record["notes"]
    assert "3 runs are left out: lost (it has no history (failed))" in notes
    assert "no validation (no epoch measured training and validation clips alike)" in notes
    assert "mixed (training is measured at clip level, validation at video level)" in notes
    with pytest.raises(ValueError, match=r"no training with a gap to draw; lost: it has no history"):
        Dashboard(given[1:2], {"lost": "it has no history (failed)"})


def test_no_training_at_all_is_refused():
    with pytest.raises(ValueError, match="no training with a gap"):
        Dashboard([])


def test_long_values_that_begin_alike_are_points_of_their_own():
    roots = ["/data/" + "x" * 60 + end for end in "ab"] + [0.1234567891, 0.1234567892]
    dashboard = Dashboard([training(f"{root}", [(50, 50)], root=root) for root in roots])
    assert len(dashboard.offered(0, ())) == 4


def test_a_single_training_of_one_epoch_has_no_controls():
    dashboard = Dashboard([training("only", [(80, 30)])])
    assert (dashboard.controls, len(dashboard.states)) == ((), 1)
    assert "After epoch 1, the gap at training clips 10 is 50 points (1 training), at clip level." in words(dashboard)
    assert CLASS in dashboard.static()


def test_names_and_values_are_text():
    given = [training(NASTY, [(50, 50), (0, 0)], lost_at=2, net=value) for value in (NASTY, "resnet18", None)]
    made = Dashboard(given, {NASTY: NASTY}).static()
    assert made.count("</script>") == 2
    assert "<b>x</b>" not in made


def test_two_hundred_runs_open_with_one_picture_drawn_and_are_stored_in_under_two_megabytes():
    many = [
        training(f"{clips} {width} {seed}", [(epoch, 0) for epoch in range(40)], clips=clips, width=width, seed=seed)
        for clips in (40, 100, 250, 800, 2000)
        for width in (8, 16)
        for seed in range(20)
    ]
    dashboard = Dashboard(many)
    assert dashboard.picture()
    assert (dashboard._left.cache_info().misses, dashboard._right.cache_info().misses) == (1, 1)
    made = dashboard.static()
    assert len(made) < 2e6
    assert "This page holds a part of the points and epochs" in made
    assert len(dashboard._states(STORED)) <= STORED < len(dashboard.states)


def test_with_ipywidgets_moving_the_slider_changes_the_picture():
    dashboard = Dashboard(small_and_large(), live=True)
    above, screen, _ = dashboard.widget.children
    slider = above.children[dashboard.controls.index("epoch")]
    assert "Gap after epoch 2" in screen.value
    slider.value = "1"
    assert "Gap after epoch 1" in screen.value


def test_the_stored_version_shows_what_was_chosen():
    dashboard = Dashboard(small_and_large())
    dashboard.set(point="training clips 2,000", epoch="1")
    shown = dashboard.static().partition('<script type="application/json">')[0]
    assert "Gap after epoch 1" in shown
    assert "<b>training clips 2,000</b>" in shown
