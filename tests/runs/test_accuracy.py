"""An accuracy is recorded with what it was measured on; generated clips are never called by another dataset's name."""

import json
from types import SimpleNamespace

import pandas as pd
import pytest

from labkit.clip import ClipSpec
from labkit.data.motion import MOTIONS
from labkit.runs.accuracy import FILE, read_accuracies, record_accuracy

UCF = tuple(f"class {n}" for n in range(101))


def dataset(name="ucf101 test", classes=UCF, videos=("a", "a", "b"), frames=16):
    """What `record_accuracy` asks of a dataset. A video may have several rows."""
    return SimpleNamespace(
        name=name, classes=classes, spec=ClipSpec(frames=frames), table=pd.DataFrame({"video": videos})
    )


def test_an_accuracy_is_kept_with_what_it_was_measured_on(tmp_path):
    made = record_accuracy(tmp_path, "top1", 0.5, dataset(), level="video", pretraining="Kinetics-400", split=2)
    assert read_accuracies(tmp_path) == {"top1": made}
    wanted = {"dataset": "UCF-101", "split": "split 2", "level": "video", "frames": 16, "videos": 2, "classes": 101}
    assert {name: getattr(made, name) for name in wanted} == wanted
    assert made.origin == "UCF-101, split 2, video level, 16 frames, Kinetics-400"


def test_a_second_accuracy_stands_beside_the_first_and_a_repeated_one_replaces_it(tmp_path):
    for name, top1 in (("a", 0.1), ("b", 0.2), ("a", 0.3)):
        record_accuracy(tmp_path, name, top1, dataset(), level="clip")
    assert {name: one.top1 for name, one in read_accuracies(tmp_path).items()} == {"a": 0.3, "b": 0.2}


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert record_accuracy("", "top1", 0.5, dataset(), level="video").top1 == 0.5
    assert list(tmp_path.iterdir()) == []
    assert read_accuracies(tmp_path) == {}


@pytest.mark.parametrize(
    ("name", "classes"),
    [
        ("motion test", tuple(MOTIONS)),
        ("motion test", ("ell", "tee")),
        ("ucf101 test", tuple(MOTIONS)),
        ("folder test", (*UCF, next(iter(MOTIONS)))),
    ],
)
def test_generated_clips_are_called_so_whatever_they_were_opened_as(name, classes):
    made = record_accuracy("", "top1", 0.5, dataset(name, classes), level="video", called="UCF-101")
    assert made.generated
    assert made.dataset == "motion"


@pytest.mark.parametrize(
    ("name", "split"),
    [("ucf101 val", "validation"), ("hmdb51 test", "split 1"), ("folder test", "test"), ("ucf101 train", "training")],
)
def test_the_split_is_that_of_the_subset(name, split):
    assert record_accuracy("", "top1", 0.5, dataset(name), level="video").split == split


def test_a_folder_may_be_called_as_papers_call_it():
    made = record_accuracy(
        "", "top1", 0.5, dataset("folder val"), level="clip", called="Kinetics-400", dataset_copy="mine"
    )
    assert (made.dataset, made.dataset_copy) == ("Kinetics-400", "mine")


@pytest.mark.parametrize("top1", [-0.1, 42.4, float("nan")])
def test_an_accuracy_is_a_share(top1):
    with pytest.raises(ValueError, match="top1: an accuracy is a share from 0 to 1"):
        record_accuracy("", "top1", top1, dataset(), level="video")


def test_an_unknown_level_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'video'"):
        record_accuracy("", "top1", 0.5, dataset(), level="vidoe")


def test_a_dataset_without_videos_has_no_accuracy():
    with pytest.raises(ValueError, match="the dataset has no video"):
        record_accuracy("", "top1", 0.5, dataset(videos=()), level="video")


@pytest.mark.parametrize("change", [{"top1": "half"}, {"level": None}, {"videos": 0}, {"top1": 2.0}, None])
def test_a_malformed_file_is_named(tmp_path, change):
    record_accuracy(tmp_path, "top1", 0.5, dataset(), level="video")
    entry = json.loads((tmp_path / FILE).read_text())["top1"]
    text = json.dumps({"top1": None if change is None else {**entry, **change}})
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ValueError, match=rf"{FILE}: 'top1' should"):
        read_accuracies(tmp_path)


@pytest.mark.parametrize(
    ("name", "called", "split"),
    [
        ("kinetics400 val", "Kinetics-400", "validation"),
        ("activitynet val", "ActivityNet v1.3", "validation"),
        ("something test", "Something-Something v2", "test"),
        ("hmdb51 test", "HMDB-51", "split 1"),
        ("csv test", "csv", "test"),
    ],
)
def test_each_dataset_of_the_table_is_called_as_papers_call_it(name, called, split):
    made = record_accuracy("", "top1", 0.5, dataset(name), level="video")
    assert (made.dataset, made.split) == (called, split)
