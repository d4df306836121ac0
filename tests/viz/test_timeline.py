"""Scores over the time of a video: what is drawn, said and written is what the scores say."""

import csv

import numpy as np
import pytest

from labkit.timeline import Timeline, clock
from labkit.viz.theme import describe
from labkit.viz.timeline import scores_over_time, shown_over_time

NAMES = ("<b>jump</b>", "手を振る", "=SUM(A1)")


@pytest.fixture
def timeline():
    scores = np.array([[0.7, 0.2, 0.1], [0.9, 0.1, 0.0], [0.2, 0.7, 0.1]], np.float32)
    return Timeline("a.mp4", np.array([0.0, 0.5, 1.0]), 0.4, 1.6, scores, NAMES)


def test_the_classes_stand_in_the_order_of_their_mean_scores_with_their_best_windows(timeline):
    assert [(one.name, round(one.mean, 3), round(one.best, 2), one.start) for one in timeline.top(2)] == [
        ("<b>jump</b>", 0.6, 0.9, 0.5),
        ("手を振る", 0.333, 0.7, 1.0),
    ]


def test_a_stretch_ends_where_another_class_gets_the_highest_score(timeline):
    found = [(one.start, one.end, one.name, round(one.mean, 2)) for one in timeline.stretches()]
    assert found == [(0.0, 1.0, "<b>jump</b>", 0.8), (1.0, 1.6, "手を振る", 0.7)]


def test_the_figure_draws_each_class_in_percent_up_to_the_end_of_the_video(timeline):
    fig = scores_over_time(timeline, 2)
    assert [trace.name for trace in fig.data] == ["&lt;b&gt;jump&lt;/b&gt;", "手を振る"]
    assert list(fig.data[0].x) == [0.0, 0.5, 1.0, 1.6]
    assert list(fig.data[0].y) == pytest.approx([70, 90, 20, 20])
    assert "手を振る from 0:01.0 to 0:01.6 (70%)" in describe(fig)
    with pytest.raises(ValueError, match="at least 1"):
        scores_over_time(timeline, 0)


def test_a_notebook_gets_a_table_a_figure_with_the_finding_and_its_words(timeline):
    table, fig, words = shown_over_time(timeline)
    assert table["class"].tolist()[0] == "<b>jump</b>"
    assert "60%" in fig.layout.title.text
    assert "<b>" not in words.data.replace("\\<b>", "")


def test_the_csv_has_a_row_per_window_and_no_formula(timeline, tmp_path):
    rows = list(csv.reader(timeline.write_csv(tmp_path / "a.csv").open(encoding="utf-8", newline="")))
    assert rows[0] == ["start (s)", "end (s)", "<b>jump</b>", "手を振る", "'=SUM(A1)"]
    assert rows[2][:3] == ["0.500", "0.900", "0.900000"]
    assert len(rows) == 4


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00.0"), (7.46, "0:07.5"), (59.97, "1:00.0"), (723, "12:03.0"), (3723.04, "1:02:03.0")]
)
def test_a_time_in_a_video_as_people_write_it(seconds, text):
    assert clock(seconds) == text


def test_scores_that_do_not_fit_the_windows_are_refused():
    with pytest.raises(ValueError, match="for 2 windows and 3 classes"):
        Timeline("a.mp4", np.zeros(2), 0.4, 1.0, np.zeros((1, 3), np.float32), NAMES)
