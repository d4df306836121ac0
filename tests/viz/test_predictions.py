from dataclasses import replace

import numpy as np
import pytest

from labkit.records import Predictions
from labkit.viz.predictions import class_answers, confusion, per_class, wilson
from labkit.viz.theme import describe, plain


def test_bars_are_the_records_accuracies_in_percent(predictions):
    bars = per_class(predictions, "name").data[0]
    assert list(bars.y) == ["&lt;b&gt;bold&lt;/b&gt; (4)", "&lt;script&gt;alert(1)&lt;/script&gt; (2)", "a &amp; b (0)"]
    assert list(bars.x) == [50.0, 100.0, None]


@pytest.mark.parametrize(("sort", "first"), [("accuracy", 1), ("videos", 0), ("name", 0)])
def test_bars_come_in_the_order_asked_for(predictions, sort, first):
    fig = per_class(predictions, sort)
    assert fig.data[0].y[0].startswith(plain(predictions.classes[first]))
    assert fig.layout.yaxis.autorange == "reversed"


def test_no_class_name_reaches_plotly_as_markup(predictions):
    text = per_class(predictions).to_json() + confusion(predictions).to_json()
    assert "<script>" not in text
    assert "<b>" not in text


def test_the_axis_says_the_level(predictions):
    assert "video level" in per_class(predictions).layout.xaxis.title.text
    assert "clip level" in per_class(replace(predictions, level="clip")).layout.xaxis.title.text


def test_the_overall_accuracy_is_drawn_and_named(predictions):
    fig = per_class(predictions)
    assert fig.layout.shapes[0].x0 == pytest.approx(100 * 4 / 6)
    assert fig.layout.annotations[0].text == "all videos: 66.7 %"


def test_intervals_are_wilsons():
    # Agresti & Coull 1998: 9 of 10 has the 95 % score interval 0.596 to 0.982.
    low, high = wilson(np.array([9, 0]), np.array([10, 0]))
    assert low[0] == pytest.approx(0.596, abs=1e-3)
    assert high[0] == pytest.approx(0.982, abs=1e-3)
    assert (low[1], high[1]) == (0.0, 1.0)


def test_error_bars_reach_from_low_to_high(predictions):
    bars = per_class(predictions, "name").data[0]
    low, high = wilson(np.array([2]), np.array([4]))
    assert bars.x[0] + bars.error_x.array[0] == pytest.approx(100 * high[0])
    assert bars.x[0] - bars.error_x.arrayminus[0] == pytest.approx(100 * low[0])


def test_the_matrix_holds_the_records_counts(predictions):
    assert np.array_equal(confusion(predictions).data[0].z, predictions.confusion())


def test_a_normalised_matrix_is_percent_of_each_row_and_zero_where_a_class_has_no_video(predictions):
    z = np.array(confusion(predictions, True).data[0].z)
    assert np.allclose(z, [[50, 50, 0], [0, 100, 0], [0, 0, 0]])


def test_an_order_moves_rows_and_columns_together(predictions):
    order = [predictions.classes[1], predictions.classes[0]]
    heat = confusion(predictions, order=order).data[0]
    assert np.array_equal(heat.z, [[2, 0], [2, 2]])
    assert list(heat.x) == list(heat.y) == [plain(name) for name in order]


def test_unknown_classes_and_orders_are_refused(predictions):
    with pytest.raises(ValueError, match="no such class: 'cat'"):
        confusion(predictions, order=["cat"])
    with pytest.raises(ValueError, match="accuracy, name, videos"):
        per_class(predictions, "size")


def test_predictions_without_a_class_are_refused():
    with pytest.raises(
        ValueError, match="the predictions of 2 videos need a class, and their list of classes is empty"
    ):
        Predictions(("a", "b"), np.array([-1, -1]), np.zeros((2, 0), np.float32), np.ones(2, np.int64), (), "video")


def test_one_class_has_a_bar_and_a_matrix_of_one_cell():
    one = Predictions(("a",), np.array([0]), np.ones((1, 1), np.float32), np.ones(1, np.int64), ("only",), "video")
    assert describe(per_class(one)).startswith("Top-1 accuracy of 1 class at video level, 100.0 % over all.")
    assert describe(confusion(one)) == "Confusion matrix of 1 class: 1 of 1 answer is right."


def test_predictions_without_labels_have_no_accuracy_to_draw(predictions):
    with pytest.raises(ValueError, match="no prediction has a known label"):
        per_class(replace(predictions, labels=np.full(7, -1)))


def test_the_figures_say_in_words_what_they_show(predictions):
    words = describe(per_class(predictions), markdown=False)
    assert f"Best: {predictions.classes[1]} with 100.0 %; worst: {predictions.classes[0]} with 50.0 %" in words
    words = describe(confusion(predictions), markdown=False)
    assert "4 of 6 answers are right" in words
    assert f"{predictions.classes[0]} taken for {predictions.classes[1]}, 2 times" in words


def test_one_answer_is_one_time_in_words(predictions):
    one = replace(
        predictions,
        scores=predictions.scores[[0, 4]],
        labels=predictions.labels[[0, 4]],
        videos=predictions.videos[:2],
        clips=predictions.clips[:2],
    )
    words = describe(class_answers(one, one.classes[0]), markdown=False)
    assert " 1 time." in words


def test_classes_that_are_as_good_as_each_other_are_all_named(predictions):
    right = replace(predictions, scores=np.eye(len(predictions.classes))[predictions.labels])
    words = describe(per_class(right), markdown=False)
    assert f"Best: {right.classes[0]} and {right.classes[1]} with 100.0 %" in words


def test_the_answers_of_a_class_are_its_row_of_the_matrix_most_frequent_first(predictions):
    bold, script, _ = map(plain, predictions.classes)
    accuracies, answers = class_answers(predictions, predictions.classes[1]).data
    assert list(accuracies.y) == list(per_class(predictions).data[0].y)
    assert list(accuracies.x) == list(per_class(predictions).data[0].x)
    assert list(answers.x) == [2, 0, 0]
    assert list(answers.y) == [f"{script} ✓", bold, "a &amp; b"]


def test_the_chosen_class_is_marked_by_colour_and_pattern(predictions):
    marker = class_answers(predictions, predictions.classes[0], "name").data[0].marker
    assert list(marker.pattern.shape) == ["/", "", ""]
    assert marker.color[0] != marker.color[1] == marker.color[2]


def test_the_answers_of_an_unknown_class_are_refused(predictions):
    with pytest.raises(ValueError, match="no such class: 'cat'"):
        class_answers(predictions, "cat")
