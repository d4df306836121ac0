"""Inception-V1 and I3D: published names, counts and shapes, and SAME padding against its formula written out."""

from itertools import product

import pytest
import torch
import torch.nn.functional as F
from published_checkpoints import names_and_shapes
from torch import nn

from labkit.models.inception import Inception, Mixed, same_ops
from labkit.models.same_padding import SameConv2d, SameConv3d, SameMaxPool2d, SameMaxPool3d, same_padding
from labkit.models.zoo import create_model

# Carreira & Zisserman's published network at 3x64x224x224, in order; Predictions has one row of scores.
SHAPES = {
    "Conv3d_1a_7x7": (64, 32, 112, 112),
    "MaxPool3d_2a_3x3": (64, 32, 56, 56),
    "Conv3d_2b_1x1": (64, 32, 56, 56),
    "Conv3d_2c_3x3": (192, 32, 56, 56),
    "MaxPool3d_3a_3x3": (192, 32, 28, 28),
    "Mixed_3b": (256, 32, 28, 28),
    "Mixed_3c": (480, 32, 28, 28),
    "MaxPool3d_4a_3x3": (480, 16, 14, 14),
    "Mixed_4b": (512, 16, 14, 14),
    "Mixed_4c": (512, 16, 14, 14),
    "Mixed_4d": (512, 16, 14, 14),
    "Mixed_4e": (528, 16, 14, 14),
    "Mixed_4f": (832, 16, 14, 14),
    "MaxPool3d_5a_2x2": (832, 8, 7, 7),
    "Mixed_5b": (832, 8, 7, 7),
    "Mixed_5c": (1024, 8, 7, 7),
    "Logits": (400, 7),
    "Predictions": (400,),
}


def small(name="i3d", **overrides):
    torch.manual_seed(0)
    return create_model(name, num_classes=5, width=8, **overrides)


def real_statistics(network, *clips):
    """Batch norms that know the clips, so that an untrained network's numbers are neither huge nor nothing."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()(*clips)
    return network.eval()


# --- SAME padding -----------------------------------------------------------------------------------------------------


def written_out(x, size, kernel, stride, read):
    """One dimension of a SAME layer by TensorFlow's formula: each output is `read` of its window's places.

    A place is a position of the input, or None where the window looks over the edge.
    """
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + kernel - size, 0)
    front = total // 2
    windows = [[o * stride - front + tap for tap in range(kernel)] for o in range(outputs)]
    return [read(x, [place if 0 <= place < size else None for place in window]) for window in windows]


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "front", "behind"),
    [
        (13, 6, 5, 1, 2),  # the example of TensorFlow's documentation
        (64, 7, 2, 2, 3),
        (224, 7, 2, 2, 3),
        (79, 7, 2, 3, 3),
        (112, 3, 2, 0, 1),
        (7, 3, 2, 1, 1),
        (28, 3, 1, 1, 1),
        (7, 2, 2, 0, 1),
        (8, 2, 2, 0, 0),
        (5, 1, 4, 0, 0),
    ],
)
def test_padding_is_tensorflows(size, kernel, stride, front, behind):
    assert same_padding((size,), (kernel,), (stride,)) == ((front, behind),)


@pytest.mark.parametrize(("kernel", "stride"), [(7, 2), (3, 1), (3, 2), (2, 2), (2, 1), (4, 1), (4, 3), (1, 3), (1, 1)])
def test_layers_read_the_positions_of_the_formula_at_every_size(kernel, stride):
    """Along time alone, with a kernel of distinct weights; values below zero show that padding never wins a maximum."""
    conv = SameConv3d(1, 1, (kernel, 1, 1), stride=(stride, 1, 1), bias=False).double()
    pool = SameMaxPool3d((kernel, 1, 1), stride=(stride, 1, 1))
    taps = conv.weight.flatten().tolist()
    for size in range(1, 14):
        values = (-torch.rand(size, dtype=torch.float64) - 0.1).tolist()
        clip = torch.tensor(values, dtype=torch.float64).view(1, 1, -1, 1, 1)
        sums = written_out(
            values,
            size,
            kernel,
            stride,
            lambda x, places: sum(w * x[p] for w, p in zip(taps, places, strict=True) if p is not None),
        )
        largest = written_out(
            values, size, kernel, stride, lambda x, places: max(x[p] for p in places if p is not None)
        )
        assert conv(clip).flatten().tolist() == pytest.approx(sums, rel=1e-12)
        assert pool(clip).flatten().tolist() == largest


@pytest.mark.parametrize("sizes", [(8, 9, 10), (5, 6, 7), (1, 2, 3)])
def test_each_dimension_is_padded_by_its_own_size(sizes):
    """Against explicit zeros (convolution) or minus infinity (pool) and torch's unpadded layers."""
    conv, pool = SameConv3d(2, 3, (7, 5, 4), stride=(2, 1, 3)), SameMaxPool3d((3, 2, 3), stride=(2, 1, 2))
    clip = torch.randn(2, 2, *sizes)

    def padded(kernel, stride, value):
        totals = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(sizes, kernel, stride, strict=True)]
        return F.pad(clip, [side for t in reversed(totals) for side in (t // 2, t - t // 2)], value=value)

    expected = F.conv3d(padded((7, 5, 4), (2, 1, 3), 0.0), conv.weight, conv.bias, stride=(2, 1, 3))
    torch.testing.assert_close(conv(clip), expected)
    expected = F.max_pool3d(padded((3, 2, 3), (2, 1, 2), float("-inf")), (3, 2, 3), stride=(2, 1, 2))
    assert torch.equal(pool(clip), expected)


def test_2d_layers_are_the_3d_ones_on_one_frame():
    image = torch.randn(2, 3, 9, 12)
    flat, deep = SameConv2d(3, 4, 7, stride=2), SameConv3d(3, 4, (1, 7, 7), stride=(1, 2, 2))
    deep.load_state_dict({"weight": flat.weight.unsqueeze(2), "bias": flat.bias})
    torch.testing.assert_close(flat(image), deep(image.unsqueeze(2)).squeeze(2))
    pooled = SameMaxPool3d((1, 3, 3), stride=(1, 2, 2))(image.unsqueeze(2)).squeeze(2)
    assert torch.equal(SameMaxPool2d(3, stride=2)(image), pooled)


def test_symmetric_padding_reads_other_positions():
    """What goes wrong without it: at an even size the windows of `padding=3` start one position earlier."""
    same = SameConv2d(1, 1, 7, stride=2, bias=False)
    image = torch.randn(1, 1, 8, 8)
    symmetric = F.conv2d(image, same.weight, stride=2, padding=3)
    assert symmetric.shape == same(image).shape
    assert (symmetric - same(image)).abs().max() > 0.1


def test_dilation_and_groups_are_torchs():
    same = SameConv2d(4, 4, 3, dilation=2, groups=2)
    plain = nn.Conv2d(4, 4, 3, dilation=2, groups=2, padding=2)
    plain.load_state_dict(same.state_dict())
    image = torch.randn(1, 4, 9, 8)
    torch.testing.assert_close(same(image), plain(image))


# --- the networks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "parameters"),
    [
        ("i3d", {}, 12_697_264),
        ("i3d", {"scale": False}, 12_689_984),  # the original: batch norm with an offset alone
        ("i3d_flow", {}, 12_675_312),
    ],
)
def test_parameters_are_exactly_those_of_the_published_code(name, options, parameters):
    with torch.device("meta"):
        assert sum(p.numel() for p in create_model(name, **options).parameters()) == parameters


def test_names_and_shapes_are_those_of_the_published_port():
    with torch.device("meta"):
        tensors = create_model("i3d").state_dict()
    ours = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    assert ours == names_and_shapes("i3d_rgb_pytorch_port")


def test_i3d_has_58_convolutions_and_the_published_batch_norm():
    with torch.device("meta"):
        modules = list(create_model("i3d", momentum=0.001).modules())
    assert sum(isinstance(m, nn.Conv3d) for m in modules) == 58
    norms = [m for m in modules if isinstance(m, nn.BatchNorm3d)]
    assert len(norms) == 57
    assert {(m.eps, m.momentum) for m in norms} == {(1e-3, 0.001)}


def test_endpoints_are_the_published_ones_in_order_with_their_shapes():
    with torch.device("meta"):
        network = create_model("i3d")
        trace = {name: tuple(out.shape[1:]) for name, out in network.walk(torch.empty(1, 3, 64, 224, 224))}
    assert tuple(trace) == network.endpoints
    assert trace.pop("features") == (1024, 7, 1, 1)
    assert trace.pop("logits") == (400,)
    assert list(trace.items()) == list(SHAPES.items())


def test_79_frames_give_logits_at_9_time_steps():
    with torch.device("meta"):
        network, clip = create_model("i3d"), torch.empty(1, 3, 79, 224, 224)
        assert network.forward_features(clip, "Logits").shape == (1, 400, 9)
        assert network(clip).shape == (1, 400)


def test_2d_endpoints_have_the_same_names_without_time():
    with torch.device("meta"):
        network = create_model("inception_v1_2d")
        trace = {name: tuple(out.shape[1:]) for name, out in network.walk(torch.empty(1, 3, 224, 224))}
    assert {name: trace[name] for name in SHAPES} == {
        name: (channels, *size[1:]) for name, (channels, *size) in SHAPES.items()
    }


def test_2d_and_3d_tensors_have_the_same_names_and_differ_in_time_alone():
    with torch.device("meta"):
        flat, deep = create_model("inception_v1_2d").state_dict(), create_model("i3d").state_dict()
    assert list(flat) == list(deep)
    for name, tensor in flat.items():
        shape = list(deep[name].shape)
        if len(shape) == 5:
            del shape[2]
        assert list(tensor.shape) == shape, name


def test_2d_network_is_the_3d_network_with_kernels_of_one_frame():
    """On one frame every 3D kernel meets only its middle slice: cut the others off and the 2D network remains."""
    images = torch.randn(4, 3, 56, 56, dtype=torch.float64)
    deep = real_statistics(small().double(), images.unsqueeze(2))
    flat = small("inception_v1_2d").eval().double()
    flat.load_state_dict({k: w[:, :, w.shape[2] // 2] if w.ndim == 5 else w for k, w in deep.state_dict().items()})
    logits = deep(images.unsqueeze(2))
    assert logits.std(dim=0).min() > 1e-3  # it tells the images apart
    torch.testing.assert_close(flat(images), logits, rtol=0, atol=1e-10)


def test_weights_repeated_and_divided_answer_a_repeated_image_as_in_2d_away_from_the_clips_ends():
    """SAME pads time with zeros, so the ends differ; the middle of a long clip does not see them."""
    images = torch.randn(4, 3, 32, 32, dtype=torch.float64)
    flat = real_statistics(small("inception_v1_2d").double(), images)
    deep = small().eval().double()
    inflated = {}
    for name, wanted in deep.state_dict().items():
        weight = flat.state_dict()[name]
        if wanted.ndim == 5:
            weight = weight.unsqueeze(2).expand(wanted.shape) / wanted.shape[2]
        inflated[name] = weight
    deep.load_state_dict(inflated)
    clips = images.unsqueeze(2).expand(-1, -1, 64, -1, -1)
    maps, expected = deep.forward_features(clips, "Mixed_4b"), flat.forward_features(images, "Mixed_4b")
    torch.testing.assert_close(maps[:, :, 8], expected, rtol=0, atol=1e-10)
    assert (maps[:, :, 0] - expected).abs().max() > 1e-2


def test_a_mixed_block_is_its_four_branches_written_out():
    torch.manual_seed(0)
    block = Mixed(same_ops(3), 6, 4, 3, 5, 2, 7, 1).eval()
    for norm in (m for m in block.modules() if isinstance(m, nn.BatchNorm3d)):
        nn.init.uniform_(norm.running_mean), nn.init.uniform_(norm.running_var, 0.5, 2)
        nn.init.uniform_(norm.weight), nn.init.uniform_(norm.bias)

    def unit(x, layer):
        norm = layer.bn
        x = F.conv3d(x, layer.conv3d.weight, padding=layer.conv3d.weight.shape[-1] // 2)
        x = (x - norm.running_mean.view(-1, 1, 1, 1)) / (norm.running_var.view(-1, 1, 1, 1) + 1e-3).sqrt()
        return F.relu(x * norm.weight.view(-1, 1, 1, 1) + norm.bias.view(-1, 1, 1, 1))

    x = torch.randn(2, 6, 3, 4, 5)
    expected = [
        unit(x, block.b0),
        unit(unit(x, block.b1a), block.b1b),
        unit(unit(x, block.b2a), block.b2b),
        unit(F.max_pool3d(x, 3, stride=1, padding=1), block.b3b),
    ]
    torch.testing.assert_close(block(x), torch.cat(expected, dim=1))
    assert block(x).shape[1] == block.out_channels == 4 + 5 + 7 + 1


def test_logits_are_the_mean_over_the_time_steps_and_predictions_their_softmax():
    network, clip = small().eval(), torch.randn(2, 3, 32, 32, 32)
    steps = network.forward_features(clip, "Logits")
    assert steps.shape == (2, 5, 3)
    torch.testing.assert_close(network(clip), steps.mean(dim=2))
    torch.testing.assert_close(network.forward_features(clip, "Predictions"), steps.mean(dim=2).softmax(dim=1))


@pytest.mark.parametrize("size", [(1, 1, 1), (1, 9, 7), (9, 33, 57), (17, 40, 31), (5, 250, 228)])
def test_any_clip_size_works(size):
    assert small()(torch.randn(2, 3, *size)).shape == (2, 5)


def test_a_laptop_sized_network_reads_16_frames_of_56_pixels_and_learns_with_all_its_parameters():
    network = small()
    out = network(torch.randn(4, 3, 16, 56, 56))
    assert out.shape == (4, 5)
    out.square().sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_width_scales_every_layer():
    with torch.device("meta"):
        half, full = create_model("i3d", width=32), create_model("i3d")
    ratios = {
        p.shape[0] / q.shape[0]
        for (name, p), q in zip(full.named_parameters(), half.parameters(), strict=True)
        if not name.startswith("logits")
    }
    assert ratios == {2.0}


def test_a_batch_norm_without_scale_is_one_of_scale_1_and_has_none_in_the_file():
    with_scale, without = small(dropout=0.0), small(dropout=0.0, scale=False)
    names = set(with_scale.state_dict()) - set(without.state_dict())
    assert len(names) == 57
    assert all(name.endswith("bn.weight") for name in names)
    without.load_state_dict({k: v for k, v in with_scale.state_dict().items() if k not in names})
    clip = torch.randn(2, 3, 8, 24, 24)
    assert torch.equal(with_scale(clip), without(clip))


def test_dropout_acts_before_the_classifier_in_training_only():
    network, clip = small(dropout=0.9), torch.randn(2, 3, 4, 16, 16)
    network.eval()
    assert torch.equal(network(clip), network(clip))
    network.dropout.train()
    assert not torch.equal(network(clip), network(clip))
    assert torch.equal(network.forward_features(clip), network.forward_features(clip))


def test_forward_features_stops_at_the_endpoint():
    network = small().eval()
    network.Mixed_3c = nn.Conv3d(1, 1, 1)  # a wrong shape: would fail if it ran
    assert network.forward_features(torch.randn(1, 3, 8, 32, 32), "Mixed_3b").shape == (1, 32, 4, 4, 4)


def test_input_that_does_not_fit_is_refused_in_one_line_that_says_what_is_read():
    with pytest.raises(ValueError, match=r"reads \(B, 3, T, H, W\), not a tensor of shape \(2, 3, 8, 8\)$"):
        small()(torch.zeros(2, 3, 8, 8))
    with pytest.raises(ValueError, match=r"reads \(B, 2, T, H, W\), not a tensor of shape \(2, 3, 4, 8, 8\)$"):
        small("i3d_flow")(torch.zeros(2, 3, 4, 8, 8))
    with pytest.raises(ValueError, match=r"reads \(B, 3, H, W\), not a tensor of shape \(2, 3, 4, 8, 8\)$"):
        small("inception_v1_2d")(torch.zeros(2, 3, 4, 8, 8))
    with pytest.raises(ValueError, match=r"not a tensor of shape \(2, 3, 0, 8, 8\)$"):
        small()(torch.zeros(2, 3, 0, 8, 8))


@pytest.mark.parametrize("override", ["num_classes", "width", "in_channels"])
def test_numbers_below_1_are_refused_by_name(override):
    with pytest.raises(ValueError, match=f"{override} must be at least 1, not 0"):
        Inception(**{override: 0})


def test_a_dimension_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="unknown dims 4; there are 2, 3"):
        Inception(dims=4)


def test_the_last_map_is_averaged_two_frames_at_a_time_and_whole_in_space_up_to_7x7():
    network = small().eval()
    for frames, pixels in product((8, 9, 17), (32, 200, 224)):
        clip = torch.randn(1, 3, frames, pixels, pixels)
        last = network.forward_features(clip, "Mixed_5c")
        pairs = torch.stack(
            [last[:, :, t : t + 2].mean(dim=(2, 3, 4)) for t in range(max(1, last.shape[2] - 1))], dim=2
        )
        torch.testing.assert_close(network.forward_features(clip).flatten(2), pairs)


def test_a_larger_map_has_logits_at_every_position_and_answers_with_their_mean():
    network, clip = small().eval(), torch.randn(1, 3, 16, 256, 288)
    features = network.forward_features(clip)
    assert features.shape == (1, 128, 1, 2, 3)
    torch.testing.assert_close(network(clip), network.logits(features).mean(dim=(2, 3, 4)))
