"""Numbers that are none: said where they appear, and never counted as right, kept as the best, or loaded."""

import math

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from tiny_training import Tiny, tiny_model
from torch import nn

from labkit.models import load_weights
from labkit.records import History, Predictions
from labkit.training import evaluate, fit
from labkit.training.failures import DivergedError, LossWatch, is_finite
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


def answer_with(model: nn.Module, value: float, *, update: int) -> None:
    """From its `update`-th forward pass in training mode on, the network's answers are `value` times what they were."""
    done = 0

    def change(module, inputs, answer):
        nonlocal done
        done += module.training and not answer.is_meta
        return answer * value if done >= update else answer

    model.register_forward_hook(change)


def ruined_after(model: nn.Module, *, update: int) -> nn.Module:
    """A network whose weights become infinite in this update, its loss being finite: its gradients overflow."""
    done = 0

    def overflow(gradient):
        nonlocal done
        done += 1
        return gradient * math.inf if done == update else gradient

    model.fc.weight.register_hook(overflow)
    return model


def spoil(path) -> None:
    """Write NaN into the first weight of a checkpoint."""
    with safe_open(path, "pt") as file:
        about = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    tensors["model.conv1.weight"][0] = math.nan
    save_file(tensors, path, about)


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
    with pytest.raises(ValueError, match=r"scores of 1 of 2 rows are NaN, the first of them those of b"):
        Predictions(
            ("a", "b"), np.zeros(2, int), np.array([[1.0, 0.0], [math.nan, 0.0]]), np.ones(2, int), ("x", "y"), "clip"
        )


@pytest.mark.parametrize("what", [fit, evaluate])
def test_a_model_whose_weights_are_no_numbers_is_refused_before_any_work(what):
    with pytest.raises(ValueError, match=r"1 of the model's tensors hold NaN, layer1\.0\.conv1\.weight first"):
        what(spoilt(), Tiny(12, sampling="centre"), **QUIET, **({"epochs": 1} if what is fit else {}))


def test_going_on_from_weights_that_are_no_numbers_is_said(tmp_path):
    fit(tiny_model(), Tiny(12), epochs=1, folder=tmp_path, **QUIET)
    spoil(tmp_path / "checkpoint.safetensors")
    with pytest.warns(UserWarning, match=r"checkpoint\.safetensors holds NaN.*resume=False starts over"):
        fit(tiny_model(), Tiny(12), epochs=1, folder=tmp_path, **QUIET)


# ---------------------------------------------------------------- a training that diverges


@pytest.mark.parametrize("spoiled", [math.nan, math.inf])
def test_a_loss_that_is_not_a_number_stops_the_training_and_names_the_videos_of_its_batch(spoiled):
    model = tiny_model(dropout=0.0)
    answer_with(model, spoiled, update=3)
    with pytest.raises(
        DivergedError, match=r"the loss is (nan|inf) in epoch 2, update 3, in a batch of 6 videos: "
    ) as stopped:
        fit(model, Tiny(12), epochs=5, seed=4, **QUIET)
    order = np.arange(12)
    np.random.default_rng((4, 2)).shuffle(order)
    assert stopped.value.videos == tuple(f"v{i}" for i in order[:6])
    assert all(video in str(stopped.value) for video in stopped.value.videos)
    assert stopped.value.history.table["epoch"].tolist() == [1]
    assert is_finite(model)


def test_the_last_checkpoint_of_a_training_that_diverged_is_good_and_named(tmp_path):
    model = tiny_model(dropout=0.0)
    with pytest.raises(DivergedError, match=r"The last good checkpoint, after update 1, is .*checkpoint\.safetensors"):
        fit(ruined_after(model, update=2), Tiny(24), epochs=9, checkpoint_every=1, folder=tmp_path, **QUIET)
    kept = tiny_model(seed=3)
    load_weights(kept, tmp_path / "checkpoint.safetensors")
    assert is_finite(kept)
    history = fit(kept, Tiny(24), epochs=1, lr=0.001, folder=tmp_path / "anew", **QUIET)
    assert np.isfinite(history.table["live_loss"]).all()


def test_weights_that_overflow_in_the_last_update_are_said():
    with pytest.raises(
        DivergedError, match=r"weights that are not finite numbers in epoch 1, update 2.*No folder was given"
    ):
        fit(ruined_after(tiny_model(), update=2), Tiny(12), epochs=1, **QUIET)


def test_a_device_that_works_ahead_is_asked_for_its_losses_at_the_epochs_end_at_the_latest():
    seen = []
    watch = LossWatch(torch.device("meta"), lambda what, update, rows: seen.append((what, update, list(rows))))
    for update, loss in enumerate([1.0, math.nan, 1.0], start=1):
        watch.add(torch.tensor(loss), update, torch.tensor([update, 10 * update]))
    assert seen == []
    watch.look()
    assert seen == [("the loss is nan", 2, [2, 20])]
