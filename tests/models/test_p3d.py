"""P3D: the published network's counts and names, and its three blocks written out."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from labkit.models import create_model, load_weights
from labkit.models.convolutions import OPS
from labkit.models.p3d import P3D, PseudoBottleneck

# Counted by building the published PyTorch port (github.com/qijiezhao/pseudo-3d-pytorch), 400 classes.
PARAMETERS = {"p3d_63": 25_745_232, "p3d_199": 66_492_240}
FLOW_PARAMETERS = {"p3d_63": 25_742_096, "p3d_199": 66_489_104}


def small(depths=(2, 2, 2, 2), **overrides):
    torch.manual_seed(0)
    return P3D(depths, **{"num_classes": 5, "width": 4, **overrides})


def shaken(module):
    """Random batch norms, so that a forgotten or a swapped one shows."""
    for each in module.modules():
        if isinstance(each, nn.BatchNorm2d | nn.BatchNorm3d):
            each.weight.data.uniform_(0.5, 1.5)
            each.bias.data.uniform_(-0.3, 0.3)
            each.running_mean.uniform_(-0.3, 0.3)
            each.running_var.uniform_(0.5, 1.5)
    return module.eval()


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize(("channels", "published"), [(3, PARAMETERS), (2, FLOW_PARAMETERS)])
def test_parameters_are_exactly_those_of_the_published_port(name, channels, published):
    with torch.device("meta"):
        network = create_model(name, in_channels=channels)
    assert sum(p.numel() for p in network.parameters()) == published[name]


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_number_in_the_name_counts_the_layers(name):
    with torch.device("meta"):
        network = create_model(name)
    layers = [
        layer
        for layer, module in network.named_modules()
        if isinstance(module, nn.Conv2d | nn.Conv3d | nn.Linear) and "downsample" not in layer
    ]
    assert len(layers) == int(name.removeprefix("p3d_"))


def test_shape_trace_is_that_of_the_published_network():
    with torch.device("meta"):
        network = create_model("p3d_199")
        trace = {end: tuple(out.shape[1:]) for end, out in network.walk(torch.empty(1, 3, 16, 160, 160))}
    assert trace == {
        "stem": (64, 16, 80, 80),
        "pool": (64, 8, 40, 40),
        "layer1": (256, 4, 40, 40),
        "layer2": (512, 2, 20, 20),
        "layer3": (1024, 1, 10, 10),
        "layer4": (2048, 1, 5, 5),
        "features": (2048,),
        "logits": (400,),
    }
    assert tuple(trace) == network.endpoints


def test_the_kinds_take_turns_through_three_stages_and_the_last_is_2d():
    network = small((3, 4, 6, 3), width=1)
    kinds = [block.kind for name in network.stages for block in getattr(network, name)]
    assert "".join(kinds[:13]) == "ABCABCABCABCA"
    assert kinds[13:] == ["2D"] * 3


def test_a_mixture_of_one_kind_is_asked_for_by_name():
    assert {block.kind for block in small(kinds=("B",)).layer2} == {"B"}
    with pytest.raises(ValueError, match="unknown kind 'D'; "):
        small(kinds=("D",))


def normed(x, conv, norm, padding=0, stride=1):
    x = F.conv3d(x, conv.weight, padding=padding, stride=stride)
    return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)


@pytest.mark.parametrize("kind", ["A", "B", "C"])
def test_each_kind_of_block_computes_its_formula(kind):
    torch.manual_seed(0)
    block = shaken(PseudoBottleneck(OPS[3], 8, 4, stride=2, kind=kind))
    x = torch.randn(2, 8, 5, 9, 7)

    def space(z):
        return F.relu(normed(z, *block.spatial[:2], padding=(0, 1, 1)))

    def time(z):
        return F.relu(normed(z, *block.temporal[:2], padding=(1, 0, 0)))

    z = F.relu(normed(x, *block.reduce[:2], stride=(1, 2, 2)))
    both = {"A": lambda: time(space(z)), "B": lambda: space(z) + time(z), "C": lambda: space(z) + time(space(z))}[
        kind
    ]()
    expected = F.relu(normed(both, *block.expand) + normed(x, *block.downsample, stride=(1, 2, 2)))
    assert torch.allclose(block(x), expected, rtol=0, atol=1e-5)
    assert block(x).shape == (2, 16, 5, 5, 4)


def still(unit):
    """Make a temporal unit the identity on what a ReLU let through."""
    nn.init.dirac_(unit[0].weight)
    norm = unit[1]
    norm.running_mean.zero_(), norm.running_var.fill_(1.0), norm.bias.data.zero_()
    norm.weight.data.fill_((1 + norm.eps) ** 0.5)


@pytest.mark.parametrize(("kind", "sum_of"), [("A", (0, 1)), ("B", (1, 1)), ("C", (0, 2))])
def test_with_temporal_filters_at_the_identity_a_block_looks_at_each_frame_by_itself(kind, sum_of):
    torch.manual_seed(0)
    block = shaken(PseudoBottleneck(OPS[3], 16, 4, stride=1, kind=kind))
    still(block.temporal)
    clip = torch.randn(2, 16, 5, 7, 7)

    def in_2d(x, sequence, padding=0):
        conv, norm = sequence[0], sequence[1]
        x = F.conv2d(x, conv.weight.squeeze(2), padding=padding)
        return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)

    beside, after = sum_of  # how often the middle's input and its convolution in space are in the sum
    for frame in range(5):
        x = clip[:, :, frame]
        z = F.relu(in_2d(x, block.reduce))
        middle = beside * z + after * F.relu(in_2d(z, block.spatial, padding=1))
        expected = F.relu(in_2d(middle, block.expand) + x)
        assert torch.allclose(block(clip)[:, :, frame], expected, rtol=0, atol=1e-5)


def test_with_temporal_filters_at_the_identity_a_boring_video_gives_what_one_frame_gives():
    network = shaken(small(kinds=("A",)))
    for name in network.stages[:-1]:
        for block in getattr(network, name):
            still(block.temporal)
    frame = torch.randn(2, 3, 1, 33, 33)
    spatial = [network.stem, nn.MaxPool2d(3, 2, 1), network.layer1, network.layer2, network.layer3]
    x = frame.clone()
    for layer in spatial:  # the same layers on a clip of one frame, without the pools in time
        x = layer(x.squeeze(2)).unsqueeze(2) if isinstance(layer, nn.MaxPool2d) else layer(x)
    expected = network.fc(network.layer4(x.squeeze(2)).mean((2, 3)))
    assert torch.allclose(network(frame.expand(-1, -1, 16, -1, -1)), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["A", "B", "C"])
def test_with_random_temporal_filters_the_order_of_frames_counts(kind):
    torch.manual_seed(0)
    block = shaken(PseudoBottleneck(OPS[3], 8, 4, stride=1, kind=kind))
    clip = torch.randn(1, 8, 6, 5, 5)
    assert (block(clip.flip(2)).flip(2) - block(clip)).abs().max() > 0.1


@pytest.mark.parametrize("size", [(16, 32, 32), (17, 33, 47), (35, 1, 9), (64, 20, 20)])
def test_odd_clip_sizes_work(size):
    assert small()(torch.randn(2, 3, *size)).shape == (2, 5)


def test_time_that_is_left_at_the_last_stage_is_averaged():
    network = shaken(small())
    clip = torch.randn(1, 3, 32, 32, 32)
    last = network.forward_features(clip, "layer4")
    assert last.shape == (1, 128, 2, 1, 1)
    assert torch.allclose(network.forward_features(clip), last.mean((2, 3, 4)))


def test_too_few_frames_are_refused_by_their_number():
    with pytest.raises(ValueError, match="P3D halves time 4 times: it needs 16 frames, not 15"):
        small()(torch.randn(1, 3, 15, 32, 32))


def published_tensors(depths, width, classes):
    """Names and shapes of the published PyTorch port's tensors, distinct random numbers in each."""
    shapes = {"conv1_custom.weight": (width, 3, 1, 7, 7), "fc.weight": (classes, width * 32), "fc.bias": (classes,)}
    norms = {"bn1": width}
    channels = width
    for stage, depth in enumerate(depths, start=1):
        inner, flat = width * 2 ** (stage - 1), stage == len(depths)
        for index in range(depth):
            prefix = f"layer{stage}.{index}"
            one = (1, 1) if flat else (1, 1, 1)
            shapes[f"{prefix}.conv1.weight"] = (inner, channels, *one)
            shapes[f"{prefix}.conv4.weight"] = (inner * 4, inner, *one)
            norms |= {f"{prefix}.bn1": inner, f"{prefix}.bn4": inner * 4}
            if flat:
                shapes[f"{prefix}.conv_normal.weight"] = (inner, inner, 3, 3)
                norms[f"{prefix}.bn_normal"] = inner
            else:
                shapes[f"{prefix}.conv2.weight"] = (inner, inner, 1, 3, 3)
                shapes[f"{prefix}.conv3.weight"] = (inner, inner, 3, 1, 1)
                norms |= {f"{prefix}.bn2": inner, f"{prefix}.bn3": inner}
            if index == 0:
                shapes[f"{prefix}.downsample.0.weight"] = (inner * 4, channels, *one)
                norms[f"{prefix}.downsample.1"] = inner * 4
            channels = inner * 4
    for norm, size in norms.items():
        shapes |= {f"{norm}.{each}": (size,) for each in ("weight", "bias", "running_mean", "running_var")}
    return {name: torch.rand(shape) for name, shape in shapes.items()}


def test_a_checkpoint_with_the_names_of_the_published_port_is_read(tmp_path):
    depths, width = (3, 4, 6, 3), 2
    tensors = published_tensors(depths, width, classes=7)
    torch.save({"state_dict": tensors}, tmp_path / "p3d.pth.tar")
    network = create_model("p3d_63", num_classes=7, width=width)
    load_weights(network, tmp_path / "p3d.pth.tar")
    for ours, theirs in {
        "stem.0.weight": "conv1_custom.weight",
        "stem.1.running_var": "bn1.running_var",
        "layer1.0.reduce.0.weight": "layer1.0.conv1.weight",
        "layer1.2.spatial.0.weight": "layer1.2.conv2.weight",
        "layer2.0.downsample.1.bias": "layer2.0.downsample.1.bias",
        "layer2.3.temporal.0.weight": "layer2.3.conv3.weight",
        "layer3.5.temporal.1.running_mean": "layer3.5.bn3.running_mean",
        "layer3.5.expand.0.weight": "layer3.5.conv4.weight",
        "layer4.2.spatial.0.weight": "layer4.2.conv_normal.weight",
        "layer4.2.spatial.1.weight": "layer4.2.bn_normal.weight",
        "fc.bias": "fc.bias",
    }.items():
        assert torch.equal(network.state_dict()[ours], tensors[theirs])
