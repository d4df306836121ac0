"""The spatiotemporal multiplier network: its gate and its temporal filters against 2D residual networks."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import resnet50
from torchvision.models.resnet import Bottleneck, ResNet

from labkit.models import create_model
from labkit.models.multiplier import IdentityInTime, MultiplierNetwork, fields_as_channels, gated_stage

DEPTHS = (2, 2, 3, 2)


def small(**overrides):
    torch.manual_seed(0)
    return MultiplierNetwork(DEPTHS, **{"num_classes": 5, "width": 4, **overrides})


def pair(frames=3, height=33, width=47, batch=2):
    return torch.randn(batch, 3, frames, height, width), torch.randn(batch, 2, 10 * frames, height, width)


def shaken(module):
    """Random batch norms, so that a forgotten or a swapped one shows."""
    for each in module.modules():
        if isinstance(each, nn.BatchNorm3d):
            each.weight.data.uniform_(0.5, 1.5)
            each.bias.data.uniform_(-0.3, 0.3)
            each.running_mean.uniform_(-0.3, 0.3)
            each.running_var.uniform_(0.5, 1.5)
    return module.eval()


def test_it_is_two_resnet_50_a_wider_flow_stem_and_eight_convolutions_in_time():
    with torch.device("meta"):
        network, one = create_model("st_multiplier", num_classes=101), resnet50(num_classes=101)
    stream = sum(p.numel() for p in one.parameters())
    wider = (20 - 3) * 64 * 7 * 7
    time = sum(3 * c * c + c for c in (64, 128, 256, 512))
    assert sum(p.numel() for p in network.parameters()) == 2 * stream + wider + 2 * time


def test_shape_trace_at_the_clip_size_of_the_paper():
    with torch.device("meta"):
        network = create_model("st_multiplier", num_classes=101)
        x = torch.empty(1, 3, 5, 224, 224), torch.empty(1, 2, 50, 224, 224)
        trace = {name: tuple(out.shape[1:]) for name, out in network.walk(x)}
    sizes = {
        "stem": (64, 5, 56, 56),
        "layer1": (256, 5, 56, 56),
        "layer2": (512, 5, 28, 28),
        "layer3": (1024, 5, 14, 14),
        "layer4": (2048, 5, 7, 7),
    }
    streams = {f"{stream}.{name}": size for name, size in sizes.items() for stream in ("rgb", "flow")}
    assert trace == streams | {"features": (4096,), "rgb.logits": (101,), "flow.logits": (101,), "logits": (101,)}
    assert tuple(trace) == network.endpoints


def as_2d(stream, in_channels):
    """torchvision's residual network with a stream's weights; what looks along time is left out."""
    network = ResNet(Bottleneck, list(DEPTHS), num_classes=5)
    network.conv1 = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
    weights = {n: t.squeeze(2) if t.ndim == 5 else t for n, t in stream.state_dict().items() if ".time." not in n}
    network.load_state_dict(weights)
    return network.eval()


def frames_of(x):
    return x.transpose(1, 2).flatten(0, 1)


def before_relu(block, x, read):
    """One of torchvision's bottlenecks up to its sum, its residual branch reading something else."""
    out = F.relu(block.bn1(block.conv1(read)))
    out = block.bn3(block.conv3(F.relu(block.bn2(block.conv2(out)))))
    return out + (x if block.downsample is None else block.downsample(x))


def test_a_fresh_network_is_two_2d_networks_on_each_frame_with_the_paper_s_gate_between():
    network = shaken(small(width=64))
    rgb, flow = pair(frames=2, height=32, width=32)
    a2d, m2d = as_2d(network.rgb_stream, 3), as_2d(network.flow_stream, 20)

    a = a2d.maxpool(F.relu(a2d.bn1(a2d.conv1(frames_of(rgb)))))
    m = m2d.maxpool(F.relu(m2d.bn1(m2d.conv1(frames_of(fields_as_channels(flow))))))
    for name in ("layer1", "layer2", "layer3", "layer4"):
        ours, theirs = getattr(a2d, name), getattr(m2d, name)
        total = before_relu(ours[0], a, a)
        gate = theirs[0](m)
        a = F.relu(before_relu(ours[1], F.relu(total), read=total * gate))  # f(x) + F(x · f(motion))
        m = theirs[1](gate)
        for unit, other in zip(ours[2:], theirs[2:], strict=True):
            a, m = unit(a), other(m)
        reached = frames_of(network.forward_features((rgb, flow), f"rgb.{name}"))
        assert torch.allclose(reached, a, rtol=1e-4, atol=1e-4 * a.abs().max().item())
        assert torch.allclose(frames_of(network.forward_features((rgb, flow), f"flow.{name}")), m, rtol=1e-4, atol=1e-3)

    over_time = [out.unflatten(0, (2, 2)).amax(1).mean((2, 3)) for out in (a, m)]
    logits = (a2d.fc(over_time[0]) + m2d.fc(over_time[1])) / 2
    assert torch.allclose(network((rgb, flow)), logits, rtol=1e-4, atol=1e-4 * logits.abs().max().item())


class Gate(nn.Module):
    """A first motion unit that gives the same number everywhere."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, x):
        return x.new_full((len(x), 16, *x.shape[2:]), self.value)


@pytest.mark.parametrize("value", [1.0, 0.0, -1.0])
def test_a_gate_of_ones_is_no_gate_and_one_of_zeros_or_below_shuts_the_residual_branch(value):
    network = shaken(small())
    appearance, motion = network.rgb_stream.layer1, network.flow_stream.layer1
    motion[0] = Gate(value)
    a, m = torch.randn(2, 4, 3, 9, 9), torch.randn(2, 4, 3, 9, 9)
    total = appearance[0](a)
    seen = total if value == 1.0 else torch.zeros_like(total)
    second = appearance[1]
    expected = F.relu(second.forward(F.relu(total), read=seen))
    assert torch.allclose(gated_stage(appearance, motion, a, m)[0], expected, atol=1e-6)


def test_time_begins_as_the_identity_and_stands_in_the_second_unit_of_each_stage_of_both_streams():
    network = small()
    for stream in (network.rgb_stream, network.flow_stream):
        for name in network.stages:
            found = [isinstance(unit.time, IdentityInTime) for unit in getattr(stream, name)]
            assert found == [index == 1 for index in range(len(found))]
    layer, x = IdentityInTime(6), torch.randn(2, 6, 4, 3, 3)
    assert torch.equal(layer(x), x)


def test_frames_only_meet_once_a_temporal_filter_leaves_the_identity():
    network = shaken(small())
    rgb, flow = pair(frames=4)
    other = rgb.clone()
    other[:, :, 0] += 1.0

    def changed():
        with torch.no_grad():
            there, here = (network.forward_features((x, flow), "rgb.layer1") for x in (rgb, other))
        return [(there - here)[:, :, frame].abs().max().item() > 1e-6 for frame in range(4)]

    assert changed() == [True, False, False, False]
    network.rgb_stream.layer1[1].time.weight.data[:, :, 0] = 0.5
    assert changed() == [True, True, False, False]


def test_motion_learns_from_the_appearance_logits_but_not_the_other_way_round():
    network, x = small(), pair()
    network.forward_features(x, "rgb.logits").sum().backward()
    assert network.flow_stream.conv1.weight.grad.abs().max() > 0
    assert network.flow_stream.fc.weight.grad is None
    network.zero_grad()
    network.forward_features(x, "flow.logits").sum().backward()
    assert network.rgb_stream.conv1.weight.grad is None


def test_ten_fields_of_each_frame_become_twenty_channels_x_and_y_in_turn():
    flow = torch.arange(2 * 30.0).view(1, 2, 30, 1, 1)  # x of field i is i, y of field i is 30 + i
    channels = fields_as_channels(flow)
    assert channels.shape == (1, 20, 3, 1, 1)
    assert channels[0, :, 1].flatten().tolist() == [n for i in range(10, 20) for n in (i, 30 + i)]


@pytest.mark.parametrize(("frames", "height", "width"), [(1, 32, 32), (5, 33, 47), (7, 20, 9)])
def test_any_number_of_frames_and_odd_sizes_work(frames, height, width):
    assert small()(pair(frames, height, width)).shape == (2, 5)


def test_a_pair_that_does_not_fit_is_refused_with_what_it_lacks():
    rgb, flow = pair(frames=3)
    with pytest.raises(ValueError, match="3 frames need 30 fields, not 20"):
        small()((rgb, flow[:, :, :20]))
    with pytest.raises(ValueError, match=r"reads a pair \(rgb, flow\)"):
        small()(rgb)
    with pytest.raises(ValueError, match=r"the flow stream reads \(B, 2, T, H, W\)"):
        small()((rgb, torch.randn(2, 3, 30, 33, 47)))


def test_a_stage_of_one_unit_has_no_place_for_the_gate():
    with pytest.raises(
        ValueError, match=r"second unit of each stage: depths must be at least 2 each, not \(1, 2, 2, 2\)"
    ):
        MultiplierNetwork((1, 2, 2, 2), width=4)


def test_both_classifiers_are_the_head():
    network = small()
    heads = [name for name, _ in network.named_parameters() if name.startswith(network.head)]
    assert heads == ["rgb_stream.fc.weight", "rgb_stream.fc.bias", "flow_stream.fc.weight", "flow_stream.fc.bias"]
