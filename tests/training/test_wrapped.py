"""A network in `nn.DataParallel`, or compiled, is trained, kept and evaluated as the network inside."""

import pytest
import torch
from tiny_training import Tiny, tiny_model
from torch import nn

from labkit.models import load_weights
from labkit.models.weights import unwrapped
from labkit.training import checkpoint, evaluate, fit
from labkit.training.device import input_dims

QUIET = {"batch_size": 6, "lr": 0.05, "progress": False, "device": "cpu"}


class Counted(nn.DataParallel):
    """It counts how often it is called."""

    calls = 0

    def forward(self, *inputs):
        self.calls += 1
        return super().forward(*inputs)


def compiled(model):
    return torch.compile(model, backend="eager")


WRAPPERS = {
    "parallel": nn.DataParallel,
    "compiled": compiled,
    "both": lambda model: compiled(nn.DataParallel(model)),
    "parallel of compiled": lambda model: nn.DataParallel(compiled(model)),
}


@pytest.fixture(autouse=True)
def _fresh_compiler():
    yield
    torch.compiler.reset()


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[pytest.mark.slow] if "compiled" in kind or kind == "both" else []) for kind in WRAPPERS],
)
def test_a_wrapped_network_trains_to_the_same_weights_files_and_predictions(tmp_path, kind):
    val = Tiny(8, seed=1, sampling="centre")
    plain, inside = tiny_model(dropout=0.0), tiny_model(dropout=0.0)
    wrapped = WRAPPERS[kind](inside)
    histories = [
        fit(model, Tiny(14), val, epochs=2, folder=tmp_path / name, **QUIET)
        for name, model in (("plain", plain), ("wrapped", wrapped))
    ]
    assert histories[0].table.drop(columns="seconds").equals(histories[1].table.drop(columns="seconds"))
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(inside.state_dict()[name], value, rtol=0, atol=0)
    kept = [checkpoint.load(tmp_path / name / "checkpoint.safetensors") for name in ("plain", "wrapped")]
    assert kept[0].tensors.keys() == kept[1].tensors.keys()
    assert load_weights(tiny_model(), tmp_path / "wrapped" / "best.safetensors").fresh == ()
    scores = [evaluate(model, val, level="clip", progress=False, device="cpu").scores for model in (plain, wrapped)]
    assert (scores[0] == scores[1]).all()


def test_the_wrapper_is_what_is_called():
    wrapped = Counted(tiny_model())
    fit(wrapped, Tiny(12), Tiny(6, sampling="centre"), epochs=1, statistics="running", **QUIET)
    trained = wrapped.calls
    assert trained == 2 + 2 + 1  # updates, and measurements of both sets
    evaluate(wrapped, Tiny(6, sampling="centre"), progress=False, device="cpu")
    assert wrapped.calls == trained + 1


def test_a_run_goes_on_with_or_without_a_wrapper(tmp_path):
    whole = fit(tiny_model(), Tiny(12), epochs=3, folder=tmp_path / "whole", **QUIET)
    fit(nn.DataParallel(tiny_model()), Tiny(12), epochs=1, folder=tmp_path / "parts", **QUIET)
    fit(tiny_model(), Tiny(12), epochs=2, folder=tmp_path / "parts", **QUIET)
    parts = fit(compiled(tiny_model()), Tiny(12), epochs=3, folder=tmp_path / "parts", **QUIET)
    assert parts.table["live_loss"].tolist() == whole.table["live_loss"].tolist()


def test_what_is_inside_is_found_however_it_is_wrapped():
    model = tiny_model()
    assert unwrapped(model) is model
    for wrap in WRAPPERS.values():
        assert unwrapped(wrap(model)) is model
        assert input_dims(wrap(model)) == 5


def test_a_wrapped_network_of_other_classes_is_refused_as_the_network_inside_is():
    model = tiny_model()
    model.fc = nn.Linear(model.fc.in_features, 4)
    for wrap in WRAPPERS.values():
        with pytest.raises(ValueError, match="the model answers with 4 classes, the training set has 3"):
            fit(wrap(model), Tiny(12), epochs=1, **QUIET)
