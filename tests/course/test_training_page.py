"""The page of one training, with what a training can leave: no predictions, no labels, no numbers, odd names."""

import numpy as np
import pytest

from labkit.course.training_page import write_page
from labkit.records import History, Predictions

ODD = ("<script>alert(1)</script>", "動作認識", "x" * 200)


def write_history(folder, **values) -> None:
    row = {"run": "r", "level": "clip", "loss": 1.0, "top1": 0.5, "top5": 1.0, "lr": 0.1, "seconds": 1.0, "clips": 6}
    rows = [{**row, "epoch": epoch, "split": split, **values} for epoch in (1, 2) for split in ("train", "val")]
    History.append(folder / "history.jsonl", rows)


def page(folder) -> str:
    return write_page(folder).read_text(encoding="utf-8")


def predictions(labels, classes=ODD) -> Predictions:
    scores = np.eye(len(classes), dtype=np.float32)[np.arange(len(labels)) % len(classes)]
    videos = tuple(f"v{n}" for n in range(len(labels)))
    return Predictions(videos, np.asarray(labels), scores, np.ones(len(labels), np.int64), tuple(classes), "video")


def test_a_training_without_predictions_says_which_command_makes_them(tmp_path):
    write_history(tmp_path)
    made = page(tmp_path)
    assert f"There are no predictions yet. <code>labkit evaluate {tmp_path.name}</code> makes them" in made
    assert made.count('class="plotly-figure"') == 2


@pytest.mark.parametrize(
    ("values", "figures"),
    [
        ({"top1": float("nan"), "loss": float("nan")}, 0),
        ({"loss": float("nan")}, 1),
        ({"top1": float("nan")}, 1),
        ({"top1": float("nan"), "live_top1": 0.25}, 2),
    ],
)
def test_a_history_with_nan_has_the_curves_that_have_a_number(tmp_path, values, figures):
    write_history(tmp_path, **values)
    made = page(tmp_path)
    assert made.count('class="plotly-figure"') == figures
    assert ("There is no curve: no epoch has" in made) == (figures == 0)


@pytest.mark.parametrize("classes", [ODD, ("only",)])
def test_odd_names_and_one_class_are_drawn_as_text(tmp_path, classes):
    write_history(tmp_path)
    predictions([0] * 4, classes).save(tmp_path / "predictions-video.parquet")
    made = page(tmp_path)
    assert made.count('class="plotly-figure"') == 4
    assert "<script>alert" not in made


def test_predictions_without_a_label_are_named_and_not_drawn(tmp_path):
    write_history(tmp_path)
    predictions([-1, -1]).save(tmp_path / "predictions-video.parquet")
    made = page(tmp_path)
    assert "Predictions of 2 videos at video level" in made
    assert "Their true classes are not known" in made
    assert made.count('class="plotly-figure"') == 2
