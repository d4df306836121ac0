"""Training and validation clips are measured alike: same mode, same cut, statistics that follow the weights."""

import math

import numpy as np
import pytest
import torch
from tiny_training import SPEC, Tiny, tiny_model
from torch import nn

from labkit.clip import ClipSpec
from labkit.data import motion
from labkit.data.datasets import open_dataset
from labkit.models import create_model
from labkit.records import History
from labkit.training import evaluate, fit
from labkit.training.measuring import some_clips

QUIET = {"batch_size": 6, "progress": False, "device": "cpu"}
MEASURED = ["loss", "top1", "top5"]


def split(history, name):
    return history.table[history.table["split"] == name].set_index("epoch")


def test_a_training_row_is_measured_at_the_epochs_that_validate_and_counted_in_all():
    history = fit(tiny_model(), Tiny(12), Tiny(6, seed=1), epochs=5, val_every=2, **QUIET)
    train = split(history, "train")
    assert train.index[train["top1"].notna()].tolist() == split(history, "val").index.tolist() == [2, 4, 5]
    assert train[["live_loss", "live_top1"]].notna().all(axis=None)
    assert split(history, "val")[["live_loss", "live_top1"]].isna().all(axis=None)


def test_without_validation_a_training_is_counted_and_not_measured():
    train = split(fit(tiny_model(), Tiny(12), epochs=2, **QUIET), "train")
    assert train[MEASURED].isna().all(axis=None)
    assert train["live_loss"].notna().all()


@pytest.mark.parametrize("statistics", ["fresh", "running"])
def test_the_last_rows_are_what_evaluate_says_of_the_finished_network(statistics):
    model, train, val = tiny_model(), Tiny(12), Tiny(9, seed=1)
    history = fit(model, train, val, epochs=3, lr=0.05, statistics=statistics, **QUIET)
    for name, data in (("train", train), ("val", val)):
        scores = evaluate(model, data, level="clip", device="cpu", progress=False)
        assert split(history, name)["top1"].iloc[-1] == pytest.approx(scores.accuracy())
        loss = -np.log(scores.scores[np.arange(len(data)), scores.labels]).mean()
        assert split(history, name)["loss"].iloc[-1] == pytest.approx(loss, rel=1e-4)


def test_the_weights_do_not_depend_on_how_they_are_measured():
    models = {statistics: tiny_model() for statistics in ("fresh", "running")}
    live = {
        statistics: split(fit(model, Tiny(), Tiny(9), epochs=3, statistics=statistics, **QUIET), "train")["live_loss"]
        for statistics, model in models.items()
    }
    assert live["fresh"].equals(live["running"])
    fresh, running = (dict(models[name].named_parameters()) for name in ("fresh", "running"))
    assert all(torch.equal(fresh[name], running[name]) for name in fresh)


def test_fresh_statistics_are_those_of_the_training_clips_under_the_last_weights():
    model, data = tiny_model(dropout=0.0), Tiny(12)
    fit(model, data, Tiny(9), epochs=2, **QUIET)
    order = some_clips(12, 512, seed=0)
    clips = torch.stack([data[int(i)][0] for i in order]).transpose(1, 2).float()
    outputs = [model.conv1((part - 127.5) / 60) for part in clips.split(6)]
    mean = torch.stack([out.mean((0, 2, 3, 4)) for out in outputs]).mean(0)
    torch.testing.assert_close(model.bn1.running_mean, mean, rtol=1e-4, atol=1e-5)


def test_the_momentum_of_a_batch_norm_is_left_as_it_was():
    model = tiny_model()
    before = [m.momentum for m in model.modules() if isinstance(m, nn.BatchNorm3d)]
    fit(model, Tiny(12), Tiny(6), epochs=1, **QUIET)
    assert [m.momentum for m in model.modules() if isinstance(m, nn.BatchNorm3d)] == before
    assert None not in before


def test_statistics_are_taken_of_batches_of_one_clip_too():
    spec = SPEC.but(frames=8, size=64)  # large enough that a batch norm has several values of one clip
    model = tiny_model(dropout=0.0, clip=spec)
    fit(model, Tiny(5, spec=spec), Tiny(3, spec=spec), epochs=1, **{**QUIET, "batch_size": 1})
    assert model.bn1.running_mean.abs().min() > 0
    assert model.bn1.num_batches_tracked == 5


def test_an_unknown_choice_of_statistics_is_refused_before_anything_starts():
    with pytest.raises(ValueError, match="unknown statistics 'new'; there are fresh, running"):
        fit(tiny_model(), Tiny(12), epochs=1, statistics="new", **QUIET)


def test_of_many_training_clips_as_many_are_measured_as_validate_but_at_least_512():
    assert len(some_clips(2400, 512, seed=0)) == 512
    assert sorted(some_clips(48, 512, seed=0)) == list(range(48))
    assert some_clips(2400, 512, seed=0).tolist() == some_clips(2400, 600, seed=0)[:512].tolist()


def test_training_clips_are_measured_as_the_validation_clips_are_cut(tmp_path):
    root, spec = motion.generate(tmp_path / "motion", videos=24, seed=0, progress=False), ClipSpec(frames=4, size=32)
    train = open_dataset("motion", root, "train", spec=spec, progress=False)
    val = open_dataset("motion", root, "val", spec=spec, sampling="centre", progress=False)
    alike = train.cut_like(val)
    assert (alike.sampling, type(alike.transform), len(alike)) == ("centre", type(val.transform), len(train))
    assert alike.table.equals(train.table)
    assert all(torch.equal(alike[(0, i)][0], alike[(7, i)][0]) for i in range(3))  # nothing random is left


def test_what_was_not_measured_is_null_in_the_file_and_nan_in_the_table(tmp_path):
    fit(tiny_model(), Tiny(12), Tiny(6), epochs=3, val_every=2, folder=tmp_path, **QUIET)
    text = (tmp_path / "history.jsonl").read_text()
    assert "NaN" not in text
    assert '"top1": null' in text
    assert math.isnan(History.read(tmp_path / "history.jsonl").table["top1"].iloc[0])


@pytest.mark.slow
def test_running_statistics_lag_behind_the_weights_on_the_smallest_set_of_notebook_05(tmp_path):
    """Both ways of measuring the same training of 48 clips; the bars are far from what was seen on one and two threads."""
    root = motion.generate(tmp_path / "motion", seed=0, progress=False)
    train = open_dataset("motion", root, "train", spec=motion.CLIP, limit=4, progress=False)
    val = open_dataset("motion", root, "val", spec=motion.CLIP, sampling="centre", limit=10, progress=False)
    assert len(train) == 48
    found = {}
    for statistics in ("running", "fresh"):
        torch.manual_seed(0)
        model = create_model("resnet18", num_classes=12, width=16, clip=motion.CLIP)
        recipe = {"lr": 0.05, "nesterov": True, "schedule": "onecycle", "batch_size": 32, "device": "cpu"}
        found[statistics] = fit(model, train, val, epochs=57, val_every=3, statistics=statistics, progress=False, **recipe)  # fmt: skip
    running, fresh = (split(found[name], "train").dropna(subset="top1") for name in ("running", "fresh"))
    assert running["live_top1"].equals(fresh["live_top1"])
    early = slice(6, 9)  # the network has learnt its clips, says the count while training
    assert fresh.loc[early, "live_top1"].mean() > 0.7
    assert running.loc[early, "top1"].mean() < 0.5
    assert fresh.loc[early, "top1"].mean() > running.loc[early, "top1"].mean() + 0.3
    assert running["loss"].max() > 3 * fresh["loss"].max()  # the spike is the statistics', not the weights'
    assert min(running["top1"].iloc[-1], fresh["top1"].iloc[-1]) > 0.95
    assert abs(split(found["running"], "val")["top1"].iloc[-1] - split(found["fresh"], "val")["top1"].iloc[-1]) < 0.1
