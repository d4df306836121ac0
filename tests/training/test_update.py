"""One update: in parts, with clipped gradients and smoothed labels; and a batch that needs more memory than there is."""

import gc
import weakref

import numpy as np
import pytest
import torch
from tiny_training import SPEC, Tiny, tiny_model
from torch import nn
from torch.nn import functional as F
from torch.optim.optimizer import register_optimizer_step_pre_hook

from labkit.training import checkpoint, evaluate, fit, learning_rates
from labkit.training.failures import TooLittleMemoryError
from labkit.training.folder import State
from labkit.training.meter import Meter
from labkit.training.schedule import SCHEDULES

QUIET = {"batch_size": 6, "progress": False, "device": "cpu"}


def without_norms(*, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    channels, frames, size, _ = SPEC.shape
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * frames * size * size, 8), nn.Tanh(), nn.Linear(8, 3))


def gradients(**options) -> list[torch.Tensor]:
    """The gradients with which the first update is made."""
    model, seen = without_norms(), []
    hook = register_optimizer_step_pre_hook(
        lambda optimiser, *_: seen.append([p.grad.clone() for g in optimiser.param_groups for p in g["params"]])
    )
    fit(model, Tiny(12), updates=1, **QUIET, **options)
    hook.remove()
    return seen[0]


@pytest.mark.parametrize("parts", [2, 3, 4, 100])
def test_gradients_of_a_batch_in_parts_are_those_of_the_whole_batch(parts):
    for whole, in_parts in zip(gradients(), gradients(accumulate=parts), strict=True):
        torch.testing.assert_close(in_parts, whole, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(("parts", "sizes"), [(1, [6, 6]), (2, [3, 3, 3, 3]), (4, [2, 2, 2, 2, 2, 2])])
def test_a_batch_in_parts_is_one_update_and_no_part_is_a_single_clip(parts, sizes):
    model, seen = without_norms(), []
    model.register_forward_pre_hook(
        lambda module, inputs: None if inputs[0].is_meta or not module.training else seen.append(len(inputs[0]))
    )
    history = fit(model, Tiny(12), epochs=1, accumulate=parts, **QUIET)
    assert seen == sizes
    assert history.table["clips"].tolist() == [12]


def test_a_run_goes_on_with_other_parts_and_says_so(tmp_path):
    fit(tiny_model(), Tiny(12), epochs=1, folder=tmp_path, **QUIET)
    with pytest.warns(UserWarning, match="not bit for bit.*accumulate 1 then and 2 now"):
        fit(tiny_model(), Tiny(12), epochs=2, folder=tmp_path, accumulate=2, **QUIET)


def test_gradients_are_clipped_to_the_norm():
    whole, clipped = (torch.cat([g.flatten() for g in gradients(**o)]) for o in ({}, {"clip_gradients": 0.01}))
    assert whole.norm() > 0.1
    assert clipped.norm() == pytest.approx(0.01, rel=1e-3)
    torch.testing.assert_close(clipped / clipped.norm(), whole / whole.norm())


def test_smoothed_labels_are_the_loss_that_is_learnt_and_counted():
    model, data = without_norms(), Tiny(6)
    items = [data[(1, i)] for i in range(6)]
    clips = torch.stack([clip for clip, _, _ in items]).transpose(1, 2).float()
    answers = model((clips - 127.5) / 60)
    smooth = F.cross_entropy(answers, torch.tensor([label for _, label, _ in items]), label_smoothing=0.2).item()
    history = fit(model, data, epochs=1, label_smoothing=0.2, **QUIET)
    assert history.table["live_loss"].item() == pytest.approx(smooth, rel=1e-5)


def test_gradients_that_the_caller_left_are_not_learnt():
    models = [tiny_model(dropout=0.0) for _ in range(2)]
    for parameter in models[0].parameters():
        parameter.grad = torch.ones_like(parameter)
    for model in models:
        fit(model, Tiny(12), epochs=1, **QUIET)
    assert all(torch.equal(value, models[1].state_dict()[name]) for name, value in models[0].state_dict().items())


# ---------------------------------------------------------------- schedules


def test_the_rate_falls_in_steps_where_the_published_training_had_them():
    rates = learning_rates("steps", lr=0.1, updates=115)
    assert rates == pytest.approx([0.1] * 97 + [0.01] * 11 + [0.001] * 7)


def test_a_cosine_falls_from_the_rate_to_nothing_by_half_at_the_middle():
    rates = learning_rates("cosine", lr=0.2, updates=100)
    assert (rates[0], rates[50]) == (0.2, pytest.approx(0.1))
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.001


def test_a_warm_up_rises_in_a_straight_line_and_then_falls_along_a_cosine():
    rates = learning_rates("warmup", lr=0.2, updates=200)
    assert rates[0] == pytest.approx(0.02)
    np.testing.assert_allclose(np.diff(rates[:11]), 0.018)
    assert max(rates) == pytest.approx(0.2) == rates[10]
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 0.001


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("updates", [1, 2, 3])
def test_every_schedule_serves_a_run_of_a_few_updates(name, updates):
    assert all(0 < rate <= 0.1 for rate in learning_rates(name, lr=0.1, updates=updates))


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("done", [0, 3, 19])
def test_every_schedule_goes_on_from_a_checkpoint(tmp_path, name, done):
    def state():
        model = nn.Linear(1, 1)
        optimiser = torch.optim.SGD(model.parameters(), 0.1)
        schedule = SCHEDULES[name].build(optimiser, 0.1, 20)
        return State(model, optimiser, schedule, Meter(torch.device("cpu"), 3))

    def go_on(state, updates):
        rates = []
        for _ in range(updates):
            rates.append(state.optimiser.param_groups[0]["lr"])
            state.optimiser.step()
            state.scheduler.step(*([1.0] if name == "plateau" else []))
        return rates

    whole, first, second = state(), state(), state()
    rates = go_on(whole, 20)
    assert go_on(first, done) == rates[:done]
    path = checkpoint.save(tmp_path / "c.safetensors", first.model, first.optimiser, first.scheduler, about={})
    checkpoint.restore(checkpoint.load(path), second.model, second.optimiser, second.scheduler)
    assert go_on(second, 20 - done) == pytest.approx(rates[done:])


# ---------------------------------------------------------------- memory


class Greedy(nn.Module):
    """A network that asks for more memory than any machine has, from a forward pass on."""

    def __init__(self, at: int = 1) -> None:
        super().__init__()
        self.inside, self.at, self.passes = tiny_model(), at, 0
        self.clip = self.inside.clip
        self.held: list[weakref.ref] = []

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        answer = self.inside(clips)
        if not clips.is_meta:
            self.passes += 1
            big = torch.zeros(1000) + answer.sum()
            self.held.append(weakref.ref(big))
            if self.passes >= self.at:
                answer = answer + torch.empty(2**45, device=clips.device).sum()
        return answer


def test_a_batch_that_does_not_fit_says_what_was_asked_what_there_is_and_what_to_lower(tmp_path):
    model = Greedy(at=3)
    asked = r"run: a batch of 6 clips of 3×4×16×16 needs more memory than cpu has \(\d.* GiB, .* free\)\. "
    with pytest.raises(
        TooLittleMemoryError, match=asked + r"The piece that did not fit is 131,072\.0 GiB\. .*accumulate=2"
    ):
        fit(model, Tiny(12), epochs=2, folder=tmp_path, checkpoint_every=2, **QUIET)
    gc.collect()
    assert all(reference() is None for reference in model.held)  # nothing of the attempt is left
    model.at = 1000
    with pytest.warns(UserWarning, match="accumulate 1 then and 2 now"):
        history = fit(model, Tiny(12), epochs=2, folder=tmp_path, accumulate=2, **QUIET)
    assert history.table["epoch"].tolist() == [1, 2]


def test_an_evaluation_that_does_not_fit_says_the_same():
    with pytest.raises(TooLittleMemoryError, match=r"evaluate: a batch of 6 clips needs more memory.*Lower batch_size"):
        evaluate(Greedy(), Tiny(12, sampling="centre"), **QUIET)


class Vast(Tiny):
    """Each clip needs an array that no machine has."""

    def __getitem__(self, key):
        np.empty(2**46, np.uint8)
        return super().__getitem__(key)


def test_clips_that_do_not_fit_while_they_are_read_say_how_many_were_read_together():
    said = r"reading a batch of 6 clips needs more memory.* Unable to allocate 64\.0 TiB .*Lower batch_size"
    with pytest.raises(TooLittleMemoryError, match=said):
        fit(tiny_model(), Vast(12), epochs=1, **QUIET)
    with pytest.raises(TooLittleMemoryError, match=said):
        evaluate(tiny_model(), Vast(12, sampling="centre"), **QUIET)


def test_a_measurement_that_does_not_fit_says_the_same():
    model = Greedy()
    model.inside.register_forward_pre_hook(lambda module, _: setattr(model, "passes", 0) if module.training else None)
    model.at = 2
    with pytest.raises(TooLittleMemoryError, match=r"run: a batch of 6 clips .*lower batch_size"):
        fit(model, Tiny(24), Tiny(6), epochs=1, statistics="running", **QUIET)


def test_another_error_of_a_network_is_left_as_it_is():
    model = tiny_model()
    model.register_forward_pre_hook(lambda module, inputs: None if inputs[0].is_meta else 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fit(model, Tiny(12), epochs=1, **QUIET)
