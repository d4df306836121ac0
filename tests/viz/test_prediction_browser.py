"""The browser of predictions: orders, cells, what a picture says, and how much it holds."""

import re
import tracemalloc

import numpy as np
import pytest

from labkit.records import Predictions
from labkit.viz.prediction_browser import ANY, LISTED, STORED, PredictionBrowser, least_sure, most_wrong


def predictions(scores, labels, classes=("a", "b", "c"), level="video", videos=None) -> Predictions:
    scores = np.asarray(scores, np.float32)
    videos = videos or [f"v{number}" for number in range(len(scores))]
    ones = np.ones(len(scores), np.int64)
    return Predictions(tuple(videos), np.asarray(labels), scores, ones, tuple(classes), level)


SCORES = [[0.8, 0.1, 0.1], [0.5, 0.45, 0.05], [0.1, 0.9, 0.0], [0.3, 0.3, 0.4]]
FOUR = predictions(SCORES, [0, 1, 0, -1])


def test_the_most_wrong_come_first_and_unknown_labels_are_left_out():
    assert most_wrong(FOUR).tolist() == [2, 1, 0]


def test_the_least_sure_come_first():
    assert least_sure(FOUR).tolist() == [1, 3, 0, 2]


def test_it_opens_with_the_most_wrong_video_of_all():
    browser = PredictionBrowser(FOUR)
    assert browser.choice == ("most wrong first", ANY, ANY, "1. v2")
    assert browser.record["words"].startswith("v2: answered b, wrong: it is a. Best scores: b 90%, a 10%, c 0%.")


def test_a_cell_of_the_confusion_matrix_leads_to_its_videos():
    browser = PredictionBrowser(FOUR)
    assert browser.cell("b", "a")["title"] == "v1: a (wrong: it is b)"
    assert browser.offered(3, browser.choice[:3]) == ["1. v1"]
    with pytest.raises(ValueError, match="no video of b was answered c"):
        browser.cell("b", "c")
    with pytest.raises(ValueError, match="cannot be 'd'"):
        browser.cell("b", "d")


def test_a_video_without_a_label_is_found_by_its_answer():
    browser = PredictionBrowser(FOUR)
    browser.set(order="least sure first")
    assert "its true class is not known" in browser.cell("not known", "c")["title"]


def test_windows_show_their_answer_and_the_true_classs_score_beside_a_frame():
    windows = predictions([[0.2, 0.8, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], [0, 0, 0], videos=["v2", "v2", "v0"])
    frame = np.zeros((8, 8, 3), np.uint8)
    browser = PredictionBrowser(FOUR, windows, play=lambda video: video.encode(), frames=lambda video: [frame, frame])
    parts = browser.record["windows"]
    assert [part["said"] for part in parts] == ["b 80%<br>a 20%", "b 100%<br>a 0%"]
    assert all(part["picture"].startswith('<img src="data:image/webp;base64,') for part in parts)
    assert 'src="data:video/mp4;base64,djI="' in browser.record["player"]


def test_a_video_that_cannot_be_read_says_so_and_keeps_its_scores():
    browser = PredictionBrowser(FOUR, play=lambda video: None)
    assert "cannot be shown" in browser.record["player"]
    assert browser.record["answers"]


@pytest.mark.parametrize("classes", [("<script>alert(1)</script>", '"b"', "c"), ("動作", "x" * 200, "한국어")])
def test_names_are_text(classes):
    html = PredictionBrowser(
        predictions(SCORES, [0, 1, 0, -1], classes, videos=["<img src=x>", "b", "c", "d"])
    ).static()
    assert "<script>alert" not in html
    assert "<img src=x>" not in html


def test_one_class_and_no_prediction():
    assert PredictionBrowser(predictions([[1.0]], [0], ("a",))).record["title"] == "v0: a (right)"
    with pytest.raises(ValueError, match="there is no prediction"):
        PredictionBrowser(predictions(np.zeros((0, 3)), np.zeros(0, np.int64)))


def test_a_saved_notebook_holds_the_first_videos_of_each_order_once_each():
    rng = np.random.default_rng(0)
    many = predictions(rng.dirichlet(np.ones(3), 300), rng.integers(0, 3, 300))
    made = []
    html = PredictionBrowser(many, play=lambda video: made.append(video) or video.encode()).static()
    assert STORED <= len(set(made)) <= 2 * STORED
    assert len(made) == len(set(made)) or len(made) <= 2 * STORED + 1
    assert len(re.findall(r"data:video/mp4", html)) <= 2 * STORED + 1
    assert f"This page has {len(set(made))} of 300 videos: the first of each order." in html
    assert "This page has" not in PredictionBrowser(FOUR).static()


def test_the_test_list_of_ucf101_opens_with_few_videos_read_and_in_little_memory():
    rng = np.random.default_rng(0)
    names, classes = [f"v{k}" for k in range(3783)], [f"class {k}" for k in range(101)]
    scores, labels = rng.dirichlet(np.full(101, 0.1), 3783), rng.integers(0, 101, 3783)
    large = predictions(scores, labels, classes, videos=names)
    windows = predictions(scores.repeat(10, 0), labels.repeat(10), classes, "clip", list(np.repeat(names, 10)))
    read, mp4, frame = [], bytes(50_000), rng.integers(0, 255, (112, 112, 3), np.uint8)
    tracemalloc.start()
    browser = PredictionBrowser(
        large, windows, play=lambda video: read.append(video) or mp4, frames=lambda video: [frame] * 10, live=True
    )
    assert read == []
    assert len(browser.offered(3, browser.choice[:3])) == LISTED
    shown = browser._repr_mimebundle_()
    memory = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(read) <= 2 * STORED + 1
    assert len(shown["text/html"]) < 3_000_000
    assert memory < 300e6
