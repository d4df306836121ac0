"""Numbers that are none: said where they appear, and never counted as right, kept as the best, or loaded."""

import math
import warnings

import numpy as np
import pytest
import torch
from tiny_training import Tiny, tiny_model
from torch import nn

from labkit.records import History, Predictions
from labkit.training import evaluate, fit
from labkit.training.meter import Meter

QUIET = {"batch_size": 6, "progress": False, "device": "cpu"}


class NaNInEvaluation(nn.Module):
    """The network inside, whose answers are NaN in evaluation mode once it has trained more than `after` updates."""

    def __init__(self, after: int = -1) -> None:
        super().__init__()
        self.inside, self.after, self.updates = tiny_model(), after, 0
        self.clip = self.inside.clip

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        answer = self.inside(clips)
        if clips.is_meta:  # a check of shapes
            return answer
        self.updates += self.training
        return answer * math.nan if not self.training and self.updates > self.after else answer


def spoilt():
    model = tiny_model()
    with torch.no_grad():
        model.layer1[0].conv1.weight[0, 0, 0, 0, 0] = math.nan
    return model


def test_a_validation_loss_that_is_no_number_is_said():
    with pytest.warns(UserWarning, match="the validation loss is nan in epoch 1, which cannot be the best: try a sm"):
        fit(NaNInEvaluation(), Tiny(12), Tiny(6), epochs=1, **QUIET)


@pytest.mark.filterwarnings("ignore:the validation loss is nan")
def test_an_epoch_whose_validation_loss_is_no_number_is_never_the_best(tmp_path):
    history = fit(NaNInEvaluation(), Tiny(12), Tiny(6), epochs=1, folder=tmp_path / "all", **QUIET)
    assert not (tmp_path / "all" / "best.safetensors").exists()
    with pytest.raises(ValueError, match="val loss is not a number in any of 1 epochs"):
        history.best()
    history = fit(NaNInEvaluation(after=2), Tiny(12), Tiny(6), epochs=3, folder=tmp_path / "one", **QUIET)
    for metric in ("top1", "loss"):
        assert history.best(metric)["epoch"] == 1
    assert (tmp_path / "one" / "best.safetensors").exists()


def test_the_best_epoch_of_a_history_written_before_is_one_with_a_loss():
    row = {"run": "r", "split": "val", "level": "clip", "top5": 1.0, "lr": 0.1, "seconds": 1.0, "clips": 6}
    rows = [{**row, "epoch": 1, "loss": math.nan, "top1": 0.9}, {**row, "epoch": 2, "loss": 1.0, "top1": 0.5}]
    assert History.of(rows).best()["epoch"] == 2


def test_nan_is_right_for_no_class():
    meter = Meter(torch.device("cpu"), classes=3)
    logits = torch.tensor([[math.nan, 0.0, 0.0], [0.0, 0.0, math.nan], [0.0, 1.0, 0.0]])
    meter.add(torch.tensor(1.0), logits, torch.tensor([0, 2, 1]))
    assert meter.means()["top1"] == meter.means()["top5"] == pytest.approx(1 / 3)


def test_answers_that_are_no_numbers_are_no_predictions():
    with pytest.raises(ValueError, match=r"answer is NaN for 6 of 6 clips, of v0 first"):
        evaluate(NaNInEvaluation(), Tiny(12, sampling="centre"), **QUIET)
    with pytest.raises(ValueError, match=r"scores of 1 of 2 rows are NaN.*: b first"):
        Predictions(
            ("a", "b"), np.zeros(2, int), np.array([[1.0, 0.0], [math.nan, 0.0]]), np.ones(2, int), ("x", "y"), "clip"
        )


@pytest.mark.parametrize("what", [fit, evaluate])
def test_a_model_whose_weights_are_no_numbers_is_refused_before_any_work(what):
    with pytest.raises(ValueError, match=r"1 of the model's tensors hold NaN, layer1\.0\.conv1\.weight first"):
        what(spoilt(), Tiny(12, sampling="centre"), **QUIET, **({"epochs": 1} if what is fit else {}))


def test_going_on_from_weights_that_are_no_numbers_is_said(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit(tiny_model(), Tiny(12), epochs=1, lr=1e30, folder=tmp_path, **QUIET)
    with pytest.warns(UserWarning, match=r"checkpoint\.safetensors holds NaN.*resume=False starts over"):
        fit(tiny_model(), Tiny(12), epochs=1, lr=1e30, folder=tmp_path, **QUIET)
