"""Networks of two streams: what each stream sees, how the two are put together, and the paper's counts."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from labkit.clip import ClipSpec
from labkit.models.inception import LAYERS
from labkit.models.streams import as_images, as_video
from labkit.models.zoo import create_model, entry

NAMES = ("two_stream", "fused_two_stream", "two_stream_i3d")
FRAMES = {"two_stream": (2, 20), "fused_two_stream": (2, 20), "two_stream_i3d": (9, 10)}  # RGB and flow, in the tests


def small(name, **overrides):
    torch.manual_seed(0)
    return create_model(name, num_classes=5, width=8, **overrides)


def pair(name, batch=2, size=32):
    frames, fields = FRAMES[name]
    return torch.randn(batch, 3, frames, size, size), torch.randn(batch, 2, fields, size, size)


def empty_pair(clip, flow, batch=1):
    return torch.empty(batch, *clip.shape), torch.empty(batch, *flow.shape)


@pytest.mark.parametrize(
    ("name", "printed", "parameters"),
    [
        ("two_stream", 12, 12_073_120),
        ("fused_two_stream", 39, 39_770_896),
        ("two_stream_i3d", 25, 12_697_264 + 12_675_312),
    ],
)
def test_parameters_cut_to_millions_are_those_of_table_1(name, printed, parameters):
    with torch.device("meta"):
        counted = sum(p.numel() for p in create_model(name).parameters())
    assert counted == parameters
    assert counted // 10**6 == printed


def test_only_one_reading_of_the_fused_network_gives_39_million():
    with torch.device("meta"):
        network = create_model("fused_two_stream")
        positions = network.forward_features(empty_pair(network.clip, network.flow), "pool")[0, 0].numel()
    counted, joined = sum(p.numel() for p in network.parameters()), network.fusion.conv3d.weight.numel()
    assert joined == 2048 * 512 * 27
    over_the_sum = counted - joined // 2  # of both maps
    over_every_position = counted + (positions - 1) * 512 * 400
    assert [round(n / 1e6, 1) for n in (over_the_sum, counted, over_every_position)] == [25.6, 39.8, 49.4]


@pytest.mark.parametrize(("name", "frames"), [("two_stream", 25), ("fused_two_stream", 25), ("two_stream_i3d", 250)])
def test_the_papers_test_input_goes_through_in_one_piece(name, frames):
    with torch.device("meta"):
        network = create_model(name)
        clips = empty_pair(network.clip.but(frames=frames), network.flow.but(frames=250))
        assert network(clips).shape == (1, 400)


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_of_a_laptop_sized_network_gets_a_gradient(name):
    network = small(name)
    network(pair(name, batch=4, size=56)).square().sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(1, 1), (33, 57)])
def test_any_height_and_width_works_and_need_not_be_the_same_in_both_streams(name, size):
    frames, fields = FRAMES[name]
    assert small(name)((torch.randn(2, 3, frames, *size), torch.randn(2, 2, fields, *size))).shape == (2, 5)


@pytest.mark.parametrize("name", NAMES)
def test_the_walk_yields_the_endpoints_in_order_and_forward_features_stops_there(name):
    network, clips = small(name).eval(), pair(name)
    trace = dict(network.walk(clips))
    assert tuple(trace) == network.endpoints
    for endpoint in ("rgb.Mixed_3b", "flow.Mixed_5c", "features", "logits"):
        assert torch.equal(network.forward_features(clips, endpoint), trace[endpoint])
    stream = network.get_submodule("flow_trunk" if "fused" in name else "flow_stream")
    stream.Conv3d_2c_3x3 = nn.Conv3d(1, 1, 1)  # a wrong shape: would fail if it ran
    assert torch.equal(network.forward_features(clips, "flow.Conv3d_2b_1x1"), trace["flow.Conv3d_2b_1x1"])


def test_stacked_fields_are_x_and_y_of_the_first_then_of_the_second():
    flow = torch.arange(2 * 20).view(1, 2, 20, 1, 1)  # x of field t is t, y is 20 + t
    images = as_images(flow, stack=10)
    assert images.shape == (2, 20, 1, 1)
    assert images[0].flatten().tolist() == [0, 20, 1, 21, 2, 22, 3, 23, 4, 24, 5, 25, 6, 26, 7, 27, 8, 28, 9, 29]
    assert images[1].flatten().tolist()[:4] == [10, 30, 11, 31]


def test_images_of_clips_become_clips_again():
    clips = torch.randn(3, 2, 5, 4, 6)
    assert torch.equal(as_video(as_images(clips), batch=3), clips)


@pytest.mark.parametrize("name", ["two_stream", "two_stream_i3d"])
def test_logits_are_the_sum_of_the_streams_which_are_networks_of_their_own(name):
    network, (rgb, flow) = small(name).eval(), pair(name)
    torch.testing.assert_close(network((rgb, flow)), network.rgb_stream(rgb) + network.flow_stream(flow))
    assert torch.equal(network.forward_features((rgb, flow), "rgb.logits"), network.rgb_stream(rgb))
    assert torch.equal(network.forward_features((rgb, flow), "flow.logits"), network.flow_stream(flow))


def test_two_stream_averages_the_logits_of_its_frames_and_of_its_stacks():
    network, rgb, flow = small("two_stream").eval(), torch.randn(2, 3, 3, 32, 32), torch.randn(2, 2, 20, 32, 32)
    frames = [network.rgb_stream(rgb[:, :, t : t + 1]) for t in range(3)]
    stacks = [network.flow_stream(flow[:, :, t : t + 10]) for t in (0, 10)]
    expected = torch.stack(frames).mean(dim=0) + torch.stack(stacks).mean(dim=0)
    torch.testing.assert_close(network((rgb, flow)), expected)


def test_two_stream_is_made_of_2d_networks_whose_weights_load_as_they_are():
    network, image = small("two_stream").eval(), torch.randn(2, 3, 32, 32)
    alone = small("inception_v1_2d").eval()
    network.rgb_stream.load_state_dict(alone.state_dict())
    torch.testing.assert_close(network.rgb_stream(image.unsqueeze(2)), alone(image))


def test_two_stream_i3d_is_made_of_i3ds_whose_weights_load_as_they_are():
    network, (rgb, flow) = small("two_stream_i3d").eval(), pair("two_stream_i3d")
    rgb_alone, flow_alone = small("i3d").eval(), small("i3d_flow").eval()
    network.rgb_stream.load_state_dict(rgb_alone.state_dict())
    network.flow_stream.load_state_dict(flow_alone.state_dict())
    torch.testing.assert_close(network((rgb, flow)), rgb_alone(rgb) + flow_alone(flow))


def test_features_of_two_streams_are_both_averaged_over_time_and_joined():
    network, clips = small("two_stream_i3d").eval(), pair("two_stream_i3d")
    features = network.forward_features(clips)
    each = [network.forward_features(clips, f"{stream}.features").mean(dim=(2, 3, 4)) for stream in ("rgb", "flow")]
    torch.testing.assert_close(features, torch.cat(each, dim=1))


def test_fused_network_convolves_the_joined_last_maps_in_space_and_time():
    """From the maps on, against torch's own functions."""
    network, clips = small("fused_two_stream").eval(), pair("fused_two_stream", size=120)
    maps = [network.forward_features(clips, f"{stream}.Mixed_5c") for stream in ("rgb", "flow")]
    assert [m.shape for m in maps] == [(2, 128, 2, 4, 4)] * 2
    norm = network.fusion.bn
    out = F.conv3d(torch.cat(maps, dim=1), network.fusion.conv3d.weight, padding=1)
    out = F.relu(F.batch_norm(out, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=1e-3))
    out = F.max_pool3d(F.pad(out, (0, 1, 0, 1, 0, 1)), 3, stride=2)  # even sizes: SAME pads behind alone
    out = out.mean(dim=(2, 3, 4))
    torch.testing.assert_close(network.forward_features(clips), out)
    torch.testing.assert_close(network(clips), F.linear(out, network.fc.weight, network.fc.bias))


def test_fused_network_has_the_shapes_of_the_paper():
    with torch.device("meta"):
        network = create_model("fused_two_stream")
        trace = {name: tuple(out.shape[1:]) for name, out in network.walk(empty_pair(network.clip, network.flow))}
    assert network.endpoints[:16] == tuple(f"rgb.{name}" for name in LAYERS)
    assert trace["rgb.Mixed_5c"] == trace["flow.Mixed_5c"] == (1024, 5, 7, 7)
    assert trace["fusion"] == (512, 5, 7, 7)
    assert trace["features"] == (512,)


@pytest.mark.parametrize("name", NAMES)
def test_each_stream_matters(name):
    network, (rgb, flow) = small(name).train(), pair(name, size=56)  # train: batch norms that know the clips
    network.requires_grad_(False)
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.eval()
    answer = network((rgb, flow))
    assert (network((torch.randn_like(rgb), flow)) - answer).abs().max() > 1e-3
    assert (network((rgb, torch.randn_like(flow))) - answer).abs().max() > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_input_that_does_not_fit_is_refused_in_one_line_that_says_what_is_read(name):
    network, (rgb, flow) = small(name), pair(name)
    for wrong, message in (
        (rgb, r"reads a pair \(rgb, flow\), not Tensor$"),
        ((rgb, flow, flow), r"reads a pair \(rgb, flow\)"),
        ((flow, rgb), r"^the RGB stream reads \(B, 3, T, H, W\), not a tensor of shape \(2, 2, "),
        ((rgb, flow[:, :, 0]), r"^the flow stream reads \(B, 2, T, H, W\), not a tensor of shape \(2, 2, 32, 32\)$"),
        ((rgb, flow[:1]), "belongs to the same clips, but rgb has 2 and flow 1$"),
    ):
        with pytest.raises(ValueError, match=message):
            network(wrong)


def test_a_stream_by_itself_says_what_it_reads():
    network = small("two_stream")
    with pytest.raises(
        ValueError, match=r"^this stream reads \(B, 3, T, H, W\), not a tensor of shape \(2, 3, 16, 16\)$"
    ):
        network.rgb_stream(torch.zeros(2, 3, 16, 16))
    with pytest.raises(ValueError, match=r"^this stream reads \(B, 2, T, H, W\), not a tensor of shape \(2, 20, "):
        network.flow_stream(torch.zeros(2, 20, 1, 16, 16))
    with pytest.raises(ValueError, match="stacks of 10 flow fields: 9 do not fill whole stacks"):
        network.flow_stream(torch.zeros(2, 2, 9, 16, 16))


def test_flow_comes_in_whole_stacks_and_in_the_fused_network_one_for_each_frame():
    rgb, flow = torch.zeros(1, 3, 2, 16, 16), torch.zeros(1, 2, 30, 16, 16)
    with pytest.raises(ValueError, match="stacks of 10 flow fields: 12 do not fill whole stacks"):
        small("two_stream")((rgb, flow[:, :, :12]))
    with pytest.raises(ValueError, match="2 frames need 20 fields, not 30"):
        small("fused_two_stream")((rgb, flow))


@pytest.mark.parametrize("name", NAMES)
def test_the_network_carries_both_specs_and_takes_others(name):
    assert (small(name).clip, small(name).flow) == (entry(name).clip, entry(name).flow)
    grey, strain = ClipSpec(frames=2, mean=(0.0,), std=(1.0,)), ClipSpec(frames=20, mean=(0.0,) * 3, std=(1.0,) * 3)
    network = small(name, clip=grey, in_channels=1, flow=strain)
    assert (network.clip, network.flow) == (grey, strain)
    assert network((torch.randn(2, 1, 2, 16, 16), torch.randn(2, 3, 20, 16, 16))).shape == (2, 5)


@pytest.mark.parametrize("name", NAMES)
def test_numbers_below_1_are_refused_by_name(name):
    with pytest.raises(ValueError, match="width must be at least 1, not 0"):
        create_model(name, width=0)
    with pytest.raises(ValueError, match="num_classes must be at least 1, not 0"):
        create_model(name, num_classes=0, width=8)
