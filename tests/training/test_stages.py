"""Training from a stage on: what is below stays as it is, bit for bit, and the classifier fits the classes."""

import pytest
import torch
from tiny_training import SPEC, Tiny, tiny_model
from torch import nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from labkit.models import create_model
from labkit.models.head import head_layers, new_head
from labkit.training import evaluate, fit
from labkit.training.checkpoint import CheckpointError
from labkit.training.stages import Part

QUIET = {"batch_size": 6, "progress": False, "device": "cpu"}

# One network of each family, and the stage to train from.
FAMILIES = {
    "resnet10": "layer4",
    "preact_resnet200": "layer4",
    "densenet121": "block4",
    "r2plus1d_18": "layer4",
    "torchvision_mc3_18": "layer4",
    "p3d_63": "layer4",
    "c3d_bn": "fc6",
    "i3d": "Mixed_5c",
    "convnet_lstm": "features",
    "resnet20_2d": "layer3",
    "inception_v1_2d": "Mixed_5b",
    "two_stream": "Mixed_5c",
    "two_stream_i3d": "Mixed_5b",
    "fused_two_stream": "fusion",
    "st_multiplier": "layer4",
}


def example(network):
    def of(spec):
        channels, frames, size, _ = spec.shape
        shape = (2, channels, frames, size, size) if network.dims == 3 else (2, channels, size, size)
        return torch.empty(shape, device="meta")

    return of(network.clip) if network.flow is None else (of(network.clip), of(network.flow))


def tensors(network, *, below):
    """Copies of the parameters and buffers whose names do not start with one of `below`."""
    return {name: value.clone() for name, value in network.state_dict().items() if not name.startswith(below)}


@pytest.mark.parametrize("name", FAMILIES)
def test_every_layer_of_every_family_belongs_to_a_stage_and_a_stage_parts_them(name):
    network = create_model(name, num_classes=5, width=4)
    whole = Part(network, "all", example(network))
    assert set(network.parameters()) == {*whole.parameters}
    assert "frozen" not in whole.describe()
    part = Part(network, FAMILIES[name], example(network))
    kept = {*part.parameters}
    assert 0 < len(kept) < len(whole.parameters)
    assert all(parameter in kept for layer in head_layers(network) for parameter in layer.parameters())
    frozen = part.describe().partition("frozen: ")[2].split(", ")
    assert frozen
    assert FAMILIES[name] not in frozen
    head = Part(network, "head", example(network))
    assert {*head.parameters} == {p for layer in head_layers(network) for p in layer.parameters()}


@pytest.mark.parametrize("statistics", ["fresh", "running"])
def test_frozen_layers_do_not_move_in_20_steps_parameters_and_buffers_bit_for_bit(statistics):
    model = tiny_model()
    above = ("layer4", "fc")
    before, moving = (
        tensors(model, below=above),
        {"layer4.0.bn1.running_mean": model.layer4[0].bn1.running_mean.clone()},
    )
    weight = model.fc.weight.clone()
    fit(model, Tiny(24), Tiny(9), epochs=5, lr=0.05, weight_decay=0.1, trained="layer4", statistics=statistics, **QUIET)
    after = model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert len([name for name in before if "running" in name]) > 10
    assert not torch.equal(model.fc.weight, weight)
    assert not any(torch.equal(value, after[name]) for name, value in moving.items())
    evaluate(model, Tiny(9, sampling="centre"), device="cpu", progress=False)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())


def test_frozen_layers_get_no_gradient_and_are_the_callers_again_afterwards():
    model, with_gradient = tiny_model(), set()

    def look(optimiser, *_):
        with_gradient.update(name for name, parameter in model.named_parameters() if parameter.grad is not None)

    hook = register_optimizer_step_pre_hook(look)
    fit(model, Tiny(12), updates=1, trained="layer3", **QUIET)
    hook.remove()
    assert with_gradient == {
        name for name, _ in model.named_parameters() if name.startswith(("layer3", "layer4", "fc"))
    }
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_what_the_caller_has_frozen_stays_frozen_with_its_statistics():
    model = tiny_model()
    model.layer1.requires_grad_(False)
    before = tensors(model.layer1, below=())
    fit(model, Tiny(12), Tiny(6), epochs=2, **QUIET)
    assert all(torch.equal(value, model.layer1.state_dict()[name]) for name, value in before.items())
    assert not any(parameter.requires_grad for parameter in model.layer1.parameters())


def test_a_fixed_network_reads_batches_of_one_clip():
    history = fit(tiny_model(), Tiny(3), epochs=1, trained="head", **{**QUIET, "batch_size": 1})
    assert history.table["clips"].tolist() == [3]


def test_what_is_trained_is_said_first_as_a_count_and_a_list_of_stages(capsys):
    fit(tiny_model(), Tiny(12), updates=1, trained="layer4", **{**QUIET, "progress": True})
    first = capsys.readouterr().out.strip().splitlines()[0]
    model = tiny_model()
    count = sum(p.numel() for part in (model.layer4, model.fc) for p in part.parameters())
    total = sum(p.numel() for p in model.parameters())
    assert (
        first == f"run: trains {count:,} of {total:,} parameters: layer4, logits; frozen: stem, layer1, layer2, layer3"
    )


@pytest.mark.parametrize(
    ("trained", "words"),
    [
        ("layer5", r"no stage 'layer5'; did you mean 'layer\d'\? There are stem, pool, layer1"),
        ("Layer4", "did you mean 'layer4'"),
    ],
)
def test_an_unknown_stage_is_refused_with_the_nearest(trained, words):
    with pytest.raises(ValueError, match=words):
        fit(tiny_model(), Tiny(12), epochs=1, trained=trained, **QUIET)


def test_a_stage_above_the_classifier_is_refused():
    torch.manual_seed(0)
    model = create_model("i3d", num_classes=3, width=4, clip=SPEC)
    with pytest.raises(ValueError, match="'logits' comes after the classifier; did you mean 'head'"):
        fit(model, Tiny(12), epochs=1, trained="logits", **QUIET)


def test_a_network_without_stages_says_how_to_freeze_its_layers():
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 16 * 16, 3))
    with pytest.raises(ValueError, match=r"Sequential is another one\. Freeze its layers with requires_grad_\(False\)"):
        fit(model, Tiny(12), epochs=1, trained="layer4", **QUIET)


def test_a_network_whose_every_parameter_is_frozen_is_refused():
    with pytest.raises(ValueError, match="the caller has frozen every parameter"):
        fit(tiny_model().requires_grad_(False), Tiny(12), epochs=1, **QUIET)


@pytest.mark.parametrize("trained", ["all", "layer4", "head"])
def test_the_classifier_is_replaced_where_the_classes_differ_and_a_warning_says_so(trained):
    torch.manual_seed(0)
    model = create_model("resnet10", num_classes=7, width=4, clip=SPEC)
    with pytest.warns(UserWarning, match="classifier was for 7 classes, the training set has 3: it got a new one"):
        fit(model, Tiny(12), epochs=1, trained=trained, **QUIET)
    assert model(torch.zeros(2, *SPEC.shape)).shape == (2, 3)


@pytest.mark.parametrize(
    ("train", "val"),
    [(Tiny(12, spec=SPEC.but(mean=(0.0,), std=(1.0,))), None), (Tiny(0), None), (Tiny(12), Tiny(6, seed=1))],
)
@pytest.mark.filterwarnings("ignore:the model was made for other clips")
def test_a_classifier_is_replaced_only_once_all_else_fits(train, val):
    torch.manual_seed(0)
    model = create_model("resnet10", num_classes=7, width=4, clip=SPEC)
    if val is not None:
        val.classes = val.classes[::-1]
    with pytest.raises(ValueError, match=r"cannot read|is empty|validation set's"):
        fit(model, train, val, epochs=1, trained="layer4", **QUIET)
    assert model.fc.out_features == 7


@pytest.mark.parametrize("name", ["resnet10", "i3d", "c3d", "convnet_lstm", "two_stream", "st_multiplier"])
def test_a_new_head_is_drawn_by_its_seed_and_leaves_the_rest(name):
    networks = []
    for _ in range(2):
        torch.manual_seed(0)
        network = create_model(name, num_classes=7, width=4)
        before = {key: value.clone() for key, value in network.state_dict().items()}
        state = torch.get_rng_state()
        assert new_head(network, 3, seed=5) == 7
        assert torch.equal(torch.get_rng_state(), state)
        networks.append(network.state_dict())
    assert all(torch.equal(networks[0][key], networks[1][key]) for key in before)
    changed = {key for key in before if networks[0][key].shape != before[key].shape}
    assert {key.rpartition(".")[2] for key in changed} == {"weight", "bias"}
    assert all(torch.equal(networks[0][key], before[key]) for key in before if key not in changed)
    assert {len(layer.weight) for layer in head_layers(network)} == {3}


@pytest.mark.filterwarnings("ignore:the model's classifier")
def test_a_run_from_a_stage_on_goes_on_bit_for_bit_and_from_another_stage_is_refused(tmp_path):
    common = {**QUIET, "trained": "layer4", "lr": 0.05}
    whole, resumed = tiny_model(), tiny_model()
    fit(whole, Tiny(12), epochs=4, **common)
    fit(tiny_model(), Tiny(12), epochs=2, folder=tmp_path, **common)
    fit(resumed, Tiny(12), epochs=4, folder=tmp_path, **common)
    assert all(torch.equal(value, resumed.state_dict()[name]) for name, value in whole.state_dict().items())
    with pytest.raises(CheckpointError, match="trained layer4 then and head now"):
        fit(tiny_model(), Tiny(12), epochs=5, folder=tmp_path, **{**common, "trained": "head"})


def test_evaluation_gives_every_layer_its_mode_back():
    model = tiny_model().train()
    model.layer1.eval()
    before = [module.training for module in model.modules()]
    evaluate(model, Tiny(5, sampling="centre"), device="cpu", progress=False)
    assert [module.training for module in model.modules()] == before
    with pytest.raises(ValueError, match="with_sampling"):
        evaluate(model, Tiny(5), device="cpu", progress=False)
    assert [module.training for module in model.modules()] == before
