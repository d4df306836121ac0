"""Residual networks: shapes, published counts and names, gradients, and the same numbers as other implementations."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from published_checkpoints import names_and_shapes
from torch import nn
from torchvision import models as torchvision
from twins import largest_difference, random_tensors

from labkit.models import ResNet, create_model, entry, list_models
from labkit.models.blocks import OPS, SHORTCUTS, BasicBlock, Bottleneck, PreActivation, ZeroPadShortcut
from labkit.models.convolutions import factored, flat, full, grouped, middle_width
from labkit.models.resnet import PLANS, Plan

NETWORKS = [name for name in list_models() if entry(name).builder == "resnet:ResNet" and len(entry(name).shape) == 4]


def small(name="resnet18", **overrides):
    torch.manual_seed(0)
    return create_model(name, num_classes=5, width=4, **overrides)


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


@pytest.mark.parametrize("name", [*list_models("*resnet*_2d")])
def test_2d_twins_read_images(name):
    assert small(name)(torch.randn(2, 3, 33, 35)).shape == (2, 5)


def test_other_input_channels():
    network = small(in_channels=2)
    assert network(torch.randn(2, 2, 4, 16, 16)).shape == (2, 5)
    assert network.clip.channels == 2


def test_forward_features_stops_at_the_endpoint_and_agrees_with_forward():
    network = small().eval()
    clip = torch.randn(2, 3, 8, 32, 32)
    features = network.forward_features(clip)
    assert features.shape == (2, 32)
    assert torch.equal(network.fc(features), network(clip))
    network.layer3 = nn.Identity()  # a wrong shape for layer4: would fail if it ran
    assert network.forward_features(clip, "layer2").shape == (2, 8, 2, 4, 4)


def test_unknown_endpoint_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown endpoint 'layer9'; did you mean 'layer"):
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


@pytest.mark.parametrize(
    ("name", "shortcut"),
    [("resnet18", "A"), *((n, "B") for n in ("resnet18", "resnet50", "resnext101", "preact_resnet200", "r2plus1d_18"))],
)
def test_every_parameter_gets_a_gradient(name, shortcut):
    network = small(name, shortcut=shortcut)
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


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50", "wide_resnet50"])
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


@pytest.mark.parametrize(
    ("checkpoint", "name", "shortcut"),
    [
        ("resnet18_a", "resnet18", "A"),
        ("resnet18_b", "resnet18", "B"),
        ("resnet50", "resnet50", "B"),
        ("preact_resnet200", "preact_resnet200", "B"),
        ("wide_resnet50", "wide_resnet50", "B"),
        ("resnext101", "resnext101", "B"),
    ],
)
def test_tensors_are_those_of_the_published_checkpoints(checkpoint, name, shortcut):
    with torch.device("meta"):
        ours = {key: tuple(t.shape) for key, t in create_model(name, shortcut=shortcut).state_dict().items()}
    assert ours == names_and_shapes(checkpoint, prefix="module.")


@pytest.mark.parametrize(
    ("name", "theirs"),
    [("resnet18_2d", torchvision.resnet18), ("resnet50_2d", torchvision.resnet50)],
)
def test_2d_networks_with_shortcut_b_compute_what_torchvisions_do(name, theirs):
    with torch.device("meta"):
        ours, theirs = create_model(name, 7, shortcut="B"), theirs(num_classes=7)
    assert largest_difference(ours, theirs, (), (3, 33, 35)) < 1e-10


@pytest.mark.parametrize(
    ("name", "options"),
    [("wide_resnet50", {"width_per_group": 128}), ("resnext101", {"groups": 32, "width_per_group": 4})],
)
def test_wide_and_grouped_blocks_compute_what_torchvisions_do(name, options):
    """The same blocks and stages in a shorter network: the full ones have 70 million parameters in 2D."""
    plan, depths = PLANS[name], (1, 2, 1, 1)
    short = Plan(plan.block, depths, convs=plan.convs, widening=plan.widening)
    with torch.device("meta"):
        ours = ResNet(short, dims=2, num_classes=7)
        theirs = torchvision.ResNet(torchvision.resnet.Bottleneck, list(depths), num_classes=7, **options)
    assert largest_difference(ours, theirs, (), (3, 33, 35)) < 1e-10


def test_a_pre_activation_block_computes_batch_norm_relu_and_convolution_in_that_order():
    with torch.device("meta"):
        block = PreActivation(OPS[3], 6, 2, stride=2, shortcut=SHORTCUTS["B"]).double().eval()
    w = random_tensors(block)
    block.load_state_dict(w, assign=True)
    x = torch.randn(2, 6, 5, 7, 7, dtype=torch.float64)

    def norm(x, name):
        return F.batch_norm(x, *(w[f"{name}.{t}"] for t in ("running_mean", "running_var", "weight", "bias")))

    out = F.conv3d(F.relu(norm(x, "bn1")), w["conv1.weight"])
    out = F.conv3d(F.relu(norm(out, "bn2")), w["conv2.weight"], stride=2, padding=1)
    out = F.conv3d(F.relu(norm(out, "bn3")), w["conv3.weight"])
    beside = norm(F.conv3d(x, w["downsample.0.weight"], stride=2), "downsample.1")  # of x itself, not of bn1's output
    torch.testing.assert_close(block(x), out + beside, rtol=0, atol=1e-12)


def test_the_pre_activation_network_ends_in_a_sum_without_batch_norm_or_relu():
    network = small("preact_resnet200").eval()
    last = network.forward_features(torch.randn(2, 3, 4, 16, 16), "layer4")
    assert (last < 0).any()
    assert not any(name.startswith("bn2") for name, _ in network.named_modules())


def test_a_factored_convolution_has_the_parameters_of_the_whole_one():
    for channels in ((64, 64), (64, 128), (512, 512)):
        halves, whole = (
            sum(p.numel() for name, p in conv(OPS[3], *channels).named_parameters() if not name.startswith("bn"))
            for conv in (factored, full)
        )
        assert 0.99 * whole < halves <= whole


def test_middle_widths_are_those_of_the_papers_formula():
    assert middle_width(64, 64) == 144
    assert middle_width(64, 128) == 230
    assert middle_width(3, 64, kernel=7) == 110  # the stem of Hara et al., factored
    with torch.device("meta"):
        published, torchvisions = create_model("r2plus1d_18"), create_model("torchvision_r2plus1d_18")
    assert published.conv1.spatial.out_channels == 110
    assert torchvisions.conv1.spatial.out_channels == 45
    second = [network.layer2[0].conv2.spatial.out_channels for network in (published, torchvisions)]
    assert second == [288, 230]  # by convolution, by block


def test_stages_of_mc3_after_the_first_leave_time_alone():
    with torch.device("meta"):
        network, clip = create_model("torchvision_mc3_18"), torch.empty(1, 3, 16, 112, 112)
        trace = {name: tuple(out.shape[2:]) for name, out in network.walk(clip)}
    assert [trace[f"layer{i}"] for i in (1, 2, 3, 4)] == [(16, s, s) for s in (56, 28, 14, 7)]
    assert network.layer1[0].conv1.kernel_size == (3, 3, 3)
    assert network.layer2[0].conv1.kernel_size == (1, 3, 3)


def test_resnext_has_32_groups_of_the_published_widths_and_depths():
    """Table 1 of the paper prints 24 and 36 blocks in the middle stages: an erratum."""
    with torch.device("meta"):
        network = create_model("resnext101")
    stages = [getattr(network, name) for name in network.stages]
    assert [len(stage) for stage in stages] == [3, 4, 23, 3]
    assert {block.conv2.groups for stage in stages for block in stage} == {32}
    assert [stage[0].conv2.out_channels for stage in stages] == [128, 256, 512, 1024]


def test_a_thin_network_has_as_many_groups_as_divide_its_channels():
    conv = partial(grouped, cardinality=32)
    assert [conv(OPS[3], c, c).groups for c in (128, 32, 8, 12)] == [32, 32, 8, 4]


@pytest.mark.parametrize("conv", [full, flat, factored, partial(grouped, cardinality=4)])
@pytest.mark.parametrize("block", [BasicBlock, Bottleneck, PreActivation])
@pytest.mark.parametrize("stride", [1, 2, (1, 2)])
def test_any_block_takes_any_convolution_and_stride(block, conv, stride):
    made = block(OPS[3], 8, 4, stride=stride, shortcut=SHORTCUTS["B"], conv=conv)
    time, space = (stride, stride) if isinstance(stride, int) else stride
    assert made(torch.randn(2, 8, 5, 7, 7)).shape == (
        2,
        made.out_channels,
        -(-5 // time),
        -(-7 // space),
        -(-7 // space),
    )
    flat_made = block(OPS[2], 8, 4, stride=stride, shortcut=SHORTCUTS["B"], conv=conv)
    assert flat_made(torch.randn(2, 8, 7, 7)).shape == (2, flat_made.out_channels, -(-7 // space), -(-7 // space))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_answers_at_every_endpoint_on_odd_sizes(name):
    network, clip = small(name).eval(), torch.randn(1, 3, 5, 19, 17)
    walked = dict(network.walk(clip))
    assert tuple(walked) == network.endpoints
    for endpoint in ("stem", "layer2", "features"):
        assert torch.equal(network.forward_features(clip, endpoint), walked[endpoint])
    assert network(clip).shape == (1, 5)
    assert network(torch.randn(1, 3, 1, 1, 1)).shape == (1, 5)


@pytest.mark.parametrize("name", NETWORKS)
def test_width_scales_every_layer(name):
    def channels(width):  # those between the halves of a factored convolution follow from the rest
        with torch.device("meta"):
            network = create_model(name, width=width)
        return [
            m.num_features
            for key, m in network.named_modules()
            if key.split(".")[-1].removeprefix("bn").isdigit() and isinstance(m, nn.BatchNorm3d)
        ]

    assert channels(64) == [4 * c for c in channels(16)]


def test_unknown_plans_and_dimensions_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown plan 'resnet19'; did you mean 'resnet"):
        ResNet("resnet19")
    with pytest.raises(ValueError, match="unknown dims 4; there are 2, 3"):
        ResNet("resnet18", dims=4)
