"""The costs of every network of the zoo: by our count, by torch's, by a formula for each layer, and as published.

All of it on the meta device, at full width and at the papers' clip sizes: shapes are computed and numbers are not.
"""

import math

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from labkit.models import create_model, entry, list_models
from labkit.models.profile import costs

# At 400 classes; 10^9 multiply-accumulates for one clip of the paper. Counted by running the published code.
PUBLISHED = {  # network: {shortcut: (parameters, 10^9 multiply-accumulates)}
    "resnet10": {"B": (14_604_624, 5.654)},
    "resnet18": {"A": (33_235_280, 8.296), "B": (33_409_104, 8.308)},
    "resnet34": {"A": (63_544_912, 12.685), "B": (63_718_736, 12.696)},
    "resnet50": {"B": (47_018_576, 10.069)},
    "resnet101": {"B": (86_064_720, 13.891)},
    "resnet152": {"B": (118_223_440, 18.611)},
    "resnet200": {"B": (127_423_056, 25.805)},
    "preact_resnet200": {"B": (127_419_088, 25.805)},
    "wide_resnet50": {"B": (158_248_272, 26.240)},
    "resnext101": {"B": (48_340_816, 9.568)},
    "densenet121": {None: (11_696_528, 10.404)},
    "densenet169": {None: (19_252_624, 10.678)},
    "densenet201": {None: (26_143_120, 11.243)},
    "r2plus1d_18": {"B": (33_421_164, 8.477)},
    "r2plus1d_34": {"B": (63_747_500, 12.865)},
    "r2plus1d_50": {"B": (47_035_382, 10.524)},
    "torchvision_r3d_18": {"B": (33_371_472, None)},
    "torchvision_mc3_18": {"B": (11_695_440, None)},
    "torchvision_r2plus1d_18": {"B": (31_505_325, None)},
    "i3d": {None: (12_697_264, 111.15)},
    "i3d_flow": {None: (12_675_312, 102.34)},
}
# Carreira & Zisserman 2017, Table 1: millions of parameters. Some are rounded there and some cut off.
QUO_VADIS = {"convnet_lstm": 9, "c3d_bn": 79, "two_stream": 12, "fused_two_stream": 39, "two_stream_i3d": 25}
FAMILIES = {entry(name).builder: name for name in reversed(list_models())}  # the first network of each builder


def on_meta(name, **overrides):
    with torch.device("meta"):
        return create_model(name, **overrides)


def example(one, batch=1):
    """What the network reads: a tensor, or a pair of them."""
    if one.flow is None:
        return torch.empty(batch, *one.shape, device="meta")
    return tuple(torch.empty(batch, *shape, device="meta") for shape in one.shape)


def of_layer(layer, read, out):
    """Multiply-accumulates of one layer by its definition; torch's own operations are not asked."""
    if isinstance(layer, nn.Conv2d | nn.Conv3d):
        sums = math.prod(out.shape[2:]) * layer.out_channels * len(out)
        return sums * math.prod(layer.kernel_size) * layer.in_channels // layer.groups
    if isinstance(layer, nn.Linear):
        return out.numel() * layer.in_features
    if isinstance(layer, nn.LSTM):  # four gates, each reading the input and the state
        steps = math.prod(read.shape[:2])
        return steps * 4 * layer.hidden_size * (layer.input_size + layer.hidden_size)
    return 0


@pytest.mark.parametrize("name", list_models())
def test_our_count_torchs_count_and_the_layers_formulas_agree(name):
    network, clip = on_meta(name).eval(), example(entry(name))
    parameters, macs = costs(network, entry(name).shape)
    by_formula = []
    for layer in network.modules():
        layer.register_forward_hook(lambda layer, read, out: by_formula.append(of_layer(layer, read[0], out)))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(clip)
    assert parameters == sum(p.numel() for p in network.parameters())
    assert macs == sum(by_formula)
    assert 2 * macs == counter.get_total_flops()


@pytest.mark.parametrize(("name", "shortcut"), [(name, each) for name, kinds in PUBLISHED.items() for each in kinds])
def test_parameters_and_multiply_accumulates_are_those_of_the_published_code(name, shortcut):
    overrides = {} if shortcut is None else {"shortcut": shortcut}
    printed, gmacs = PUBLISHED[name][shortcut]
    parameters, macs = costs(on_meta(name, **overrides), entry(name).shape)
    assert parameters == printed
    if gmacs is not None:
        assert macs / 1e9 == pytest.approx(gmacs, rel=1e-3)


def test_the_shortcut_of_the_published_network_is_the_default():
    for name, kinds in PUBLISHED.items():
        assert sum(p.numel() for p in on_meta(name).parameters()) == next(iter(kinds.values()))[0]


@pytest.mark.parametrize("name", QUO_VADIS)
def test_parameters_are_within_the_rounding_of_quo_vadis(name):
    millions = sum(p.numel() for p in on_meta(name).parameters()) / 1e6
    assert QUO_VADIS[name] in (math.floor(millions), round(millions))


def test_a_network_of_two_streams_costs_what_its_streams_cost():
    rgb, flow, both = (costs(on_meta(name), entry(name).shape) for name in ("i3d", "i3d_flow", "two_stream_i3d"))
    assert both == (rgb[0] + flow[0], rgb[1] + flow[1])


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in list_models() if not name.endswith("_2d")])
def test_a_training_step_runs_at_the_papers_clip_size_and_reaches_every_parameter(name):
    network = on_meta(name).train()
    logits = network(example(entry(name), batch=2))
    assert logits.shape == (2, 400)
    logits.sum().backward()
    assert [path for path, p in network.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("name", FAMILIES.values(), ids=FAMILIES)
def test_forward_features_answers_at_every_endpoint(name):
    network, clip = on_meta(name).eval(), example(entry(name))
    with torch.no_grad():
        walked = {endpoint: out.shape for endpoint, out in network.walk(clip)}
        answered = {endpoint: network.forward_features(clip, endpoint).shape for endpoint in network.endpoints}
        assert answered == walked
        assert network(clip).shape == walked["logits"]
    with pytest.raises(ValueError, match="unknown endpoint 'nowhere'"):
        network.forward_features(clip, "nowhere")


@pytest.mark.parametrize("name", list_models())
def test_classes_width_channels_and_clip_are_free(name):
    one = entry(name)
    frames = one.clip.frames * (1 if len(one.shape) < 4 else 2)
    smaller = {"clip": one.clip.but(size=96, frames=frames)}
    if one.flow is not None:
        smaller["flow"] = one.flow.but(size=96)
    network = on_meta(name, num_classes=7, width=8, in_channels=5, **smaller)
    network_shape = (5, *((frames,) if len(one.shape) == 4 or one.flow else ()), 96, 96)
    clip = torch.empty(2, *network_shape, device="meta")
    if one.flow is not None:
        clip = (clip, torch.empty(2, *network.flow.shape, device="meta"))
    with torch.no_grad():
        assert network(clip).shape == (2, 7)
    assert sum(p.numel() for p in network.parameters()) < 3e6  # of up to 158 million
