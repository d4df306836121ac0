"""A file that goes bad after it was indexed: skipped and counted, or one clear error, in training and in evaluation."""

import os
import signal
import warnings
from pathlib import Path

import numpy as np
import pytest
from tiny_training import SPEC, Tiny, tiny_model

from labkit.data.datasets import open_dataset
from labkit.data.encode import write_video
from labkit.data.video import VideoError
from labkit.models import create_model
from labkit.records import History
from labkit.training import evaluate, fit
from labkit.training.interrupt import TrainingInterrupted


class Spoilt(Tiny):
    """Some clips of it cannot be read."""

    def __init__(self, *arguments, bad: tuple[int, ...], on_error: str = "skip", **options):
        super().__init__(*arguments, **options)
        self.bad, self.on_error = bad, on_error

    def __getitem__(self, key):
        epoch, index = key if isinstance(key, tuple) else (0, key)
        if index in self.bad:
            raise VideoError(f"v{index}.mp4", "it has gone bad")
        return super().__getitem__((epoch, index))


def train(data, val=None, **options):
    settings = {"epochs": 2, "batch_size": 6, "lr": 0.01, "device": "cpu", "progress": False}
    return fit(tiny_model(), data, val, **{**settings, **options}).table


@pytest.mark.parametrize("workers", [0, 2])
def test_clips_that_cannot_be_read_are_left_out_of_training_and_counted(workers):
    with pytest.warns(UserWarning, match=r"could not be read and were left out") as caught:
        table = train(Spoilt(24, bad=(3, 17)), Spoilt(9, bad=(1,)), workers=workers)
    assert table.loc[table["split"] == "train", "clips"].tolist() == [22, 22]
    assert table.loc[table["split"] == "val", "clips"].tolist() == [8, 8]
    told = [str(warning.message) for warning in caught if "left out" in str(warning.message)]
    assert len(told) == 4
    assert told[0].startswith("epoch 1, training: 2 of 24 clips could not be read and were left out, of 2 videos; ")
    assert told[1].startswith("epoch 1, validation: 1 of 9 clips")
    assert told[1].endswith("of 1 video; the first is v1.mp4: it has gone bad")


@pytest.mark.parametrize("workers", [0, 2])
def test_the_first_clip_that_cannot_be_read_ends_training_by_choice_with_its_own_error(workers):
    with pytest.raises(VideoError) as caught:
        train(Spoilt(24, bad=(3,), on_error="raise"), workers=workers)
    assert str(caught.value) == "v3.mp4: it has gone bad"
    assert caught.value._render_traceback_() == ["VideoError: v3.mp4: it has gone bad"]


def test_without_any_clip_that_can_be_read_there_is_an_error_and_no_row():
    with pytest.raises(VideoError, match="it has gone bad"):
        train(Spoilt(4, bad=(0, 1, 2, 3)), batch_size=2)
    with pytest.raises(VideoError, match="it has gone bad"):
        train(Tiny(6), Spoilt(4, bad=(0, 1, 2, 3)), batch_size=2)
    with pytest.raises(VideoError, match="it has gone bad"):
        evaluate(tiny_model(), Spoilt(4, bad=(0, 1, 2, 3)), level="clip", device="cpu", progress=False)


def test_a_batch_of_which_one_clip_is_left_is_left_out_and_training_goes_on():
    with pytest.warns(UserWarning, match="could not be read"):
        table = train(Spoilt(4, bad=(0,)), batch_size=2, epochs=3)
    assert table["clips"].tolist() == [2, 2, 2]
    assert np.isfinite(table["live_loss"]).all()


def test_a_resumed_epoch_with_clips_left_out_gives_what_one_run_gives(tmp_path):
    data, asked = Spoilt(24, bad=(3, 17)), []

    class Stop(Spoilt):
        def __getitem__(self, key):
            asked.append(key)
            if len(asked) == 20:
                os.kill(os.getpid(), signal.SIGINT)
            return super().__getitem__(key)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = train(data, folder=tmp_path / "whole", batch_size=2)
        with pytest.raises(TrainingInterrupted):
            train(Stop(24, bad=(3, 17)), folder=tmp_path / "parts", batch_size=2)
        train(data, folder=tmp_path / "parts", batch_size=2)
    parts = History.read(tmp_path / "parts" / "history.jsonl").table
    assert parts["clips"].tolist() == whole["clips"].tolist()
    assert parts["live_loss"].tolist() == whole["live_loss"].tolist()


def test_evaluation_leaves_out_the_video_and_says_so():
    with pytest.warns(UserWarning, match=r"evaluate: 3 of 24 clips .* of 3 videos"):
        found = evaluate(
            tiny_model(), Spoilt(12, bad=(0, 1, 3), sampling="windows"), device="cpu", progress=False, batch_size=4
        )
    assert "v0" not in found.videos
    assert len(found.videos) == 11
    assert found.clips[:2].tolist() == [1, 2]  # of v1, one of its two windows


@pytest.fixture
def gone_bad(tmp_path) -> tuple[Path, Path]:
    """A folder of eight videos, and the one that a test will spoil."""
    for name in ("a", "b"):
        for i in range(4):
            path = tmp_path / "set" / "train" / name / f"{i}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_video(path, np.random.default_rng(i).integers(0, 256, (8, 32, 32, 3), dtype=np.uint8))
    (tmp_path / "set" / "test").mkdir()
    return tmp_path / "set", tmp_path / "set" / "train" / "a" / "2.mp4"


@pytest.mark.parametrize("on_error", ["skip", "raise"])
@pytest.mark.parametrize("how", ["deleted", "emptied"])
def test_real_files_that_go_bad_after_the_index_are_left_out_or_raised(gone_bad, on_error, how):
    root, bad = gone_bad
    data = open_dataset("folder", root, spec=SPEC, on_error=on_error, progress=False)
    bad.unlink() if how == "deleted" else bad.write_bytes(b"")
    options = {"epochs": 1, "batch_size": 4, "lr": 0.01, "device": "cpu", "progress": False, "workers": 1}
    model = create_model("resnet10", num_classes=2, width=4, clip=SPEC)
    if on_error == "raise":
        with pytest.raises(VideoError, match=r"2\.mp4: "):
            fit(model, data, **options)
    else:
        with pytest.warns(UserWarning, match=r"1 of 8 clips could not be read .*2\.mp4"):
            assert fit(model, data, **options).table["clips"].tolist() == [7]
