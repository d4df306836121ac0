"""C3D and the 3D ConvNet: published counts, the paper's shapes, and a network written out layer by layer."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from labkit.clip import ClipSpec
from labkit.models import create_model

SMALL = ClipSpec(size=32)


def small(name="c3d", **overrides):
    torch.manual_seed(0)
    return create_model(name, **{"num_classes": 5, "width": 2, "clip": SMALL, **overrides})


def convolutions(biases):
    """Parameters of the eight convolutions, from the channels of Figure 3."""
    channels = [3, 64, 128, 256, 256, 512, 512, 512, 512]
    return sum(27 * a * b + biases * b for a, b in pairwise(channels))


@pytest.mark.parametrize("classes", [487, 400, 101])
def test_c3d_has_the_parameters_of_the_paper_s_layers(classes):
    with torch.device("meta"):
        network = create_model("c3d", num_classes=classes)
    linear = (8192 + 1) * 4096 + (4096 + 1) * 4096 + (4096 + 1) * classes
    count = sum(p.numel() for p in network.parameters())
    assert count == convolutions(biases=1) + linear
    assert 78e6 < count < 80e6


def test_the_3d_convnet_has_the_79_million_parameters_of_quo_vadis():
    with torch.device("meta"):
        network = create_model("c3d_bn", num_classes=400)
    norms = 2 * (64 + 128 + 2 * 256 + 4 * 512) + 2 * 2 * 4096
    linear = 8192 * 4096 + 4096 * 4096 + (4096 + 1) * 400
    count = sum(p.numel() for p in network.parameters())
    assert count == convolutions(biases=0) + norms + linear
    assert count // 10**6 == 79


PLAIN = {
    "conv1a": (64, 16, 112, 112),
    "pool1": (64, 16, 56, 56),
    "conv2a": (128, 16, 56, 56),
    "pool2": (128, 8, 28, 28),
    "conv3a": (256, 8, 28, 28),
    "conv3b": (256, 8, 28, 28),
    "pool3": (256, 4, 14, 14),
    "conv4a": (512, 4, 14, 14),
    "conv4b": (512, 4, 14, 14),
    "pool4": (512, 2, 7, 7),
    "conv5a": (512, 2, 7, 7),
    "conv5b": (512, 2, 7, 7),
    "pool5": (512, 1, 4, 4),
    "fc6": (4096,),
    "features": (4096,),
    "logits": (400,),
}
HALVED_FROM_POOL1 = {"pool1": 8, "conv2a": 8, "pool2": 4, "conv3a": 4, "conv3b": 4, "pool3": 2}
HALVED_FROM_POOL1 |= {"conv4a": 2, "conv4b": 2, "pool4": 1, "conv5a": 1, "conv5b": 1}


@pytest.mark.parametrize("name", ["c3d", "c3d_bn"])
def test_shape_trace_is_that_of_the_paper(name):
    with torch.device("meta"):
        network = create_model(
            name, num_classes=400
        ).eval()  # one clip has no statistics for the norm of a linear layer
        trace = {end: tuple(out.shape[1:]) for end, out in network.walk(torch.empty(1, 3, 16, 112, 112))}
    times = HALVED_FROM_POOL1 if name == "c3d_bn" else {}
    expected = {
        end: (shape[0], times.get(end, shape[1]), *shape[2:]) if len(shape) > 1 else shape
        for end, shape in PLAIN.items()
    }
    assert trace == expected
    assert tuple(trace) == network.endpoints


def written_out(network, norms):
    """The same layers as a plain sequence, with the network's weights."""

    def conv(module):
        kept = module[0]
        layer = nn.Conv3d(kept.in_channels, kept.out_channels, 3, padding=1, bias=not norms)
        layer.load_state_dict(kept.state_dict())
        return [layer, *([module[1]] if norms else []), nn.ReLU()]

    def linear(module):
        return [module[0], *([module[1]] if norms else []), nn.ReLU(), nn.Dropout(0.5)]

    first, last = ((2, 2, 2), (1, 2, 2)) if norms else ((1, 2, 2), (2, 2, 2))
    return nn.Sequential(
        *conv(network.conv1a), nn.MaxPool3d(first),
        *conv(network.conv2a), nn.MaxPool3d(2),
        *conv(network.conv3a), *conv(network.conv3b), nn.MaxPool3d(2),
        *conv(network.conv4a), *conv(network.conv4b), nn.MaxPool3d(2),
        *conv(network.conv5a), *conv(network.conv5b), nn.MaxPool3d(last, padding=(0, 1, 1)),
        nn.Flatten(), *linear(network.fc6), *linear(network.fc7), network.fc8,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["c3d", "c3d_bn"])
@pytest.mark.parametrize("training", [False, True])
def test_it_computes_what_the_layers_written_out_compute(name, training):
    network, clip = small(name, dropout=0.0).train(training), torch.randn(2, 3, 16, 32, 32)
    plain = written_out(network, norms=name == "c3d_bn").train(training)
    for module in plain:
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    assert torch.allclose(network(clip), plain(clip), rtol=0, atol=1e-6)


def test_unit_input_reaches_the_classifier_where_pytorch_s_own_start_lets_it_fade():
    network, clips = small(width=4).eval(), torch.randn(4, 3, 16, 32, 32)
    assert 0.1 < network.forward_features(clips).std() < 10
    for module in network.modules():
        if isinstance(module, nn.Conv3d | nn.Linear):
            module.reset_parameters()
    assert network.forward_features(clips).std() < 0.05


@pytest.mark.parametrize("size", [(16, 32, 32), (31, 47, 32), (17, 33, 45)])
def test_sizes_that_the_pools_round_to_the_same_are_read(size):
    assert small()(torch.randn(2, 3, *size)).shape == (2, 5)


@pytest.mark.parametrize("size", [(32, 32, 32), (16, 64, 32), (15, 32, 32)])
def test_another_size_is_refused_by_the_one_that_is_read(size):
    with pytest.raises(ValueError, match=r"reads 16 frames of 32x32, not .* clip=ClipSpec\(frames="):
        small()(torch.randn(2, 3, *size))


def test_another_size_is_asked_for_by_the_clip():
    network = small(clip=ClipSpec(frames=32, size=48))
    assert network(torch.randn(1, 3, 32, 48, 48)).shape == (1, 5)


def test_a_clip_that_the_pools_swallow_is_refused_before_anything_is_built():
    with pytest.raises(ValueError, match="nothing of 8 frames of 32x32: C3D needs at least 16 frames of 16x16"):
        small(clip=ClipSpec(frames=8, size=32))


def test_dropout_is_only_there_in_training():
    network, clip = small(dropout=0.9), torch.randn(1, 3, 16, 32, 32)
    assert torch.equal(network.eval()(clip), network.eval()(clip))
    assert not torch.equal(network.train()(clip), network.train()(clip))


def test_dropout_follows_both_hidden_layers():
    network, clip, dropped = small().eval(), torch.randn(1, 3, 16, 32, 32), []
    network.dropout.register_forward_hook(lambda module, inputs, output: dropped.append(inputs[0]))
    network(clip)
    assert len(dropped) == 2
    for seen, endpoint in zip(dropped[:2], ("fc6", "features"), strict=True):
        assert torch.equal(seen, network.forward_features(clip, endpoint))


def test_other_input_channels_and_the_head_s_name():
    network = small(in_channels=2)
    assert network(torch.randn(1, 2, 16, 32, 32)).shape == (1, 5)
    assert [name for name, _ in network.named_parameters() if name.startswith(network.head)] == [
        "fc8.weight",
        "fc8.bias",
    ]
