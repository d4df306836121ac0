"""Residual networks: shapes, published counts, gradients, and 2D and 3D as the same lines."""

import pytest
import torch
from torch import nn

from labkit.models import create_model
from labkit.models.blocks import OPS, SHORTCUTS, BasicBlock, Bottleneck, ZeroPadShortcut

# Counted by running the published code, 400 classes.
PARAMETERS = {
    ("resnet10", "B"): 14_604_624,
    ("resnet18", "A"): 33_235_280,
    ("resnet18", "B"): 33_409_104,
    ("resnet34", "A"): 63_544_912,
    ("resnet34", "B"): 63_718_736,
    ("resnet50", "B"): 47_018_576,
    ("resnet101", "B"): 86_064_720,
    ("resnet152", "B"): 118_223_440,
    ("resnet200", "B"): 127_423_056,
}


def small(name="resnet18", **overrides):
    torch.manual_seed(0)
    return create_model(name, num_classes=5, width=4, **overrides)


@pytest.mark.parametrize(("name", "shortcut"), PARAMETERS)
def test_parameters_are_exactly_those_of_the_published_code(name, shortcut):
    with torch.device("meta"):
        network = create_model(name, shortcut=shortcut)
    assert sum(p.numel() for p in network.parameters()) == PARAMETERS[name, shortcut]


def test_resnet18_and_34_use_shortcut_a_and_the_deeper_ones_b():
    with torch.device("meta"):
        for name in ("resnet18", "resnet34"):
            assert isinstance(create_model(name).layer2[0].downsample, ZeroPadShortcut)
        assert isinstance(create_model("resnet50").layer1[0].downsample, nn.Sequential)


def test_shape_trace_is_that_of_the_paper():
    with torch.device("meta"):
        network, clip = create_model("resnet18"), torch.empty(1, 3, 16, 112, 112)
    trace = {name: tuple(out.shape[1:]) for name, out in network.walk(clip)}
    assert trace == {
        "stem": (64, 16, 56, 56),
        "pool": (64, 8, 28, 28),
        "layer1": (64, 8, 28, 28),
        "layer2": (128, 4, 14, 14),
        "layer3": (256, 2, 7, 7),
        "layer4": (512, 1, 4, 4),
        "features": (512,),
        "logits": (400,),
    }
    assert tuple(trace) == network.endpoints


@pytest.mark.parametrize("size", [(1, 7, 9), (7, 33, 35), (16, 32, 32), (5, 112, 57)])
@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_odd_clip_sizes_work(size, shortcut):
    network = small(shortcut=shortcut)
    assert network(torch.randn(2, 3, *size)).shape == (2, 5)


@pytest.mark.parametrize("name", ["resnet18_2d", "resnet34_2d", "resnet20_2d"])
def test_2d_twins_read_images(name):
    assert small(name)(torch.randn(2, 3, 33, 35)).shape == (2, 5)


def test_other_input_channels():
    network = small(in_channels=2)
    assert network(torch.randn(2, 2, 4, 16, 16)).shape == (2, 5)
    assert network.clip.channels == 2


def test_input_of_the_wrong_rank_is_refused_by_shape():
    with pytest.raises(ValueError, match=r"reads \(B, C, T, H, W\), not a tensor of shape \(2, 3, 8, 8\)"):
        small()(torch.randn(2, 3, 8, 8))


def test_forward_features_stops_at_the_endpoint_and_agrees_with_forward():
    network = small().eval()
    clip = torch.randn(2, 3, 8, 32, 32)
    features = network.forward_features(clip)
    assert features.shape == (2, 32)
    assert torch.equal(network.fc(features), network(clip))
    network.layer3 = nn.Identity()  # a wrong shape for layer4: would fail if it ran
    assert network.forward_features(clip, "layer2").shape == (2, 8, 2, 4, 4)


def test_unknown_endpoint_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown endpoint 'layer9': choose from stem, pool, layer1"):
        small().forward_features(torch.randn(1, 3, 4, 8, 8), "layer9")


def test_gradients_flow_through_shortcut_a():
    """With the convolutional path at zero, whatever gradient arrives came through the shortcut."""
    block = BasicBlock(OPS[3], 4, 8, stride=2, shortcut=SHORTCUTS["A"])
    nn.init.zeros_(block.bn2.weight)
    x = torch.rand(1, 4, 4, 6, 6, requires_grad=True)
    block(x).sum().backward()
    expected = torch.zeros_like(x)
    expected[:, :, ::2, ::2, ::2] = 1  # each position that is kept is passed on once
    assert torch.equal(x.grad, expected)


@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_every_parameter_gets_a_gradient(shortcut):
    network = small(shortcut=shortcut)
    network(torch.randn(4, 3, 8, 32, 32)).square().sum().backward()
    without = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_shortcut_a_pads_new_channels_after_or_around():
    x = torch.ones(1, 2, 1, 1, 1)
    after = SHORTCUTS["A"](OPS[3], 2, 6, 1)(x)
    around = SHORTCUTS["A-centred"](OPS[3], 2, 6, 1)(x)
    assert after.flatten().tolist() == [1, 1, 0, 0, 0, 0]
    assert around.flatten().tolist() == [0, 0, 1, 1, 0, 0]


def test_bottleneck_strides_in_its_3x3x3_convolution():
    block = Bottleneck(OPS[3], 8, 4, stride=2, shortcut=SHORTCUTS["B"])
    assert [c.stride for c in (block.conv1, block.conv2, block.conv3)] == [(1,) * 3, (2,) * 3, (1,) * 3]
    assert block(torch.randn(1, 8, 4, 6, 6)).shape == (1, 16, 2, 3, 3)


def test_dropout_acts_in_training_only():
    network = small(dropout=0.5)
    clip = torch.randn(2, 3, 4, 16, 16)
    network.eval()
    assert torch.equal(network(clip), network(clip))
    network.train()
    assert not torch.equal(network(clip), network(clip))


@pytest.mark.parametrize("name", ["resnet18", "resnet34"])
def test_2d_twin_is_the_3d_network_with_kernels_of_one_frame(name):
    """On one frame every 3D kernel meets only its middle slice: cut the others off and the 2D twin remains."""
    deep, flat = small(name).eval().double(), small(f"{name}_2d").eval().double()
    middle = {key: w[:, :, w.shape[2] // 2] if w.ndim == 5 else w for key, w in deep.state_dict().items()}
    flat.load_state_dict(middle)
    images = torch.randn(3, 3, 32, 32, dtype=torch.float64)
    torch.testing.assert_close(deep(images.unsqueeze(2)), flat(images), rtol=0, atol=1e-12)


def test_initialisation_is_kaiming_over_the_outgoing_connections():
    weight = create_model("resnet10", num_classes=2).layer4[0].conv2.weight
    assert weight.std().item() == pytest.approx((2 / (512 * 27)) ** 0.5, rel=0.01)


def test_initialise_starts_anew_and_forgets_statistics():
    network = small()
    network(torch.randn(4, 3, 4, 16, 16))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.initialise()
    assert not torch.equal(network.conv1.weight, before["conv1.weight"])
    assert not torch.equal(network.fc.weight, before["fc.weight"])
    assert network.bn1.num_batches_tracked == 0
    assert not network.bn1.running_mean.any()


def test_tensor_names_are_those_of_the_published_checkpoints():
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    names = {"conv1.weight", "fc.weight", "fc.bias", *(f"bn1.{tensor}" for tensor in norm)}
    for block in (f"layer{stage}.{index}" for stage in (1, 2, 3, 4) for index in (0, 1)):
        names |= {f"{block}.conv{i}.weight" for i in (1, 2)}
        names |= {f"{block}.bn{i}.{tensor}" for i in (1, 2) for tensor in norm}
    with torch.device("meta"):
        assert set(create_model("resnet18").state_dict()) == names
        for stage in (2, 3, 4):
            names |= {f"layer{stage}.0.downsample.0.weight"}
            names |= {f"layer{stage}.0.downsample.1.{tensor}" for tensor in norm}
        assert set(create_model("resnet18", shortcut="B").state_dict()) == names
