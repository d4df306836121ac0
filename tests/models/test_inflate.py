"""Inflation: on a boring video (one image, repeated) the 3D network is the 2D network."""

import pytest
import torch
from torch import nn

from labkit.models import create_model, inflate_conv, inflate_modules, load_weights
from labkit.models.inflate import TimePaddedConv3d, inflate_weight


def boring(images, frames=9):
    """`(B, C, H, W)` to `(B, C, T, H, W)`: the image repeated."""
    return images.unsqueeze(2).expand(-1, -1, frames, -1, -1)


def relative(a, b):
    return ((a - b).abs().max() / b.abs().max()).item()


@pytest.fixture(scope="module", params=["A", "B"])
def network2d(request):
    """A 2D ResNet-18 in float64 whose batch norms have seen images, and have drawn scales and shifts."""
    torch.manual_seed(0)
    network = create_model("resnet18_2d", num_classes=6, width=8, shortcut=request.param).double()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
    network.train()
    with torch.no_grad():
        for _ in range(20):
            network(torch.randn(16, 3, 40, 40, dtype=torch.float64))
    return network.eval()


@pytest.fixture(scope="module")
def images():
    return torch.randn(3, 3, 40, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("placement", ["mean", "centre"])
@pytest.mark.parametrize("time_stride", [1, 2])
@pytest.mark.parametrize(
    "conv2d",
    [
        nn.Conv2d(4, 6, 3, padding=1),
        nn.Conv2d(4, 6, 7, stride=2, padding=3, bias=False),
        nn.Conv2d(4, 8, 3, padding=2, dilation=2, groups=4),
        nn.Conv2d(4, 6, 4, stride=4),
        nn.Conv2d(4, 6, (3, 5), padding="same"),
    ],
    ids=["3x3", "strided without bias", "dilated and grouped", "patches", "same padding"],
)
def test_every_frame_of_a_boring_video_gives_what_the_image_gave(conv2d, frames, placement, time_stride):
    conv2d = conv2d.double()
    image = torch.randn(2, 4, 12, 11, dtype=torch.float64)
    conv3d = inflate_conv(conv2d, frames, placement=placement, time_stride=time_stride)
    out, expected = conv3d(boring(image)), conv2d(image)
    assert out.shape[2] == (9 if time_stride == 1 else 5)
    assert all((frame - expected).abs().max() < 1e-10 for frame in out.unbind(2))


@pytest.mark.parametrize("frames", [3, 4])
def test_zero_padding_in_time_breaks_the_ends_and_only_them(frames):
    conv2d = nn.Conv2d(4, 6, 3, padding=1, bias=False).double()
    image = torch.randn(2, 4, 8, 8, dtype=torch.float64)
    out, expected = inflate_conv(conv2d, frames, time_padding="zeros")(boring(image)), conv2d(image)
    errors = [relative(frame, expected) for frame in out.unbind(2)]
    before, after = (frames - 1) // 2, frames - 1 - (frames - 1) // 2
    # A slice that meets a frame of zeros is missing from a sum of `frames` equal ones.
    wanted = [1 / frames] * before + [0] * (9 - before - after) + [k / frames for k in range(1, after + 1)]
    assert errors == pytest.approx(wanted, abs=1e-12)


def test_replicating_space_too_would_be_wrong_at_the_borders():
    """Why there is `TimePaddedConv3d`, and `nn.Conv3d(padding_mode="replicate")` is not used."""
    conv2d = nn.Conv2d(3, 4, 3, padding=1, bias=False).double()
    wrong = nn.Conv3d(3, 4, 3, padding=1, bias=False, padding_mode="replicate").double()
    wrong.weight.data = inflate_weight(conv2d.weight.data, 3)
    image = torch.randn(1, 3, 8, 8, dtype=torch.float64)
    assert relative(wrong(boring(image))[:, :, 4], conv2d(image)) > 0.1
    assert relative(wrong(boring(image))[:, :, 4, 1:-1, 1:-1], conv2d(image)[..., 1:-1, 1:-1]) < 1e-12


@pytest.mark.parametrize("frames", [1, 2, 3, 6])
@pytest.mark.parametrize("placement", ["mean", "centre"])
def test_the_weights_of_all_time_slices_sum_to_the_2d_weights(frames, placement):
    weight = torch.randn(2, 3, 5, 5, dtype=torch.float64)
    inflated = inflate_weight(weight, frames, placement)
    assert inflated.shape == (2, 3, frames, 5, 5)
    torch.testing.assert_close(inflated.sum(2), weight)
    assert (inflated != 0).any(dim=(0, 1, 3, 4)).sum() == (frames if placement == "mean" else 1)


def test_device_dtype_and_requires_grad_are_kept():
    conv2d = nn.Conv2d(2, 2, 3, device="meta", dtype=torch.bfloat16)
    conv2d.weight.requires_grad_(False)
    conv3d = inflate_conv(conv2d, 3)
    assert conv3d.weight.is_meta
    assert conv3d.weight.dtype == torch.bfloat16
    assert not conv3d.weight.requires_grad
    assert conv3d.bias.requires_grad


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"placement": "center"}, "placement must be 'mean' or 'centre'"),
        ({"time_padding": "reflect"}, "time_padding must be 'replicate' or 'zeros'"),
        ({"frames": 0}, "frames and time_stride must be at least 1"),
        ({"conv2d": nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect")}, "padding_mode='reflect'"),
        ({"conv2d": nn.Conv2d(2, 2, 4, padding="same")}, "even kernel"),
    ],
)
def test_what_cannot_be_inflated_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        inflate_conv(**{"conv2d": nn.Conv2d(2, 2, 3), "frames": 3, **change})


@pytest.mark.parametrize("preset", ["hara", "every_frame"])
@pytest.mark.parametrize("placement", ["mean", "centre"])
def test_inflated_network_equals_2d_network_on_a_boring_video(network2d, images, preset, placement):
    network3d = inflate_modules(network2d, preset, placement=placement)
    flat, deep = dict(network2d.walk(images)), dict(network3d.walk(boring(images)))
    for name, expected in flat.items():
        out = deep[name] if deep[name].ndim == expected.ndim else deep[name].movedim(2, 0)
        assert relative(out, expected) < 1e-10, name
    assert deep["layer4"].shape[2] == (1 if preset == "hara" else 9)


def test_the_proof_has_power(network2d, images):
    """What must show, shows: another image, a forgotten 1/t, zeros in time, one batch norm left in training mode."""
    expected = network2d(images)
    assert relative(network2d(images.flip(0)), expected) > 0.05

    convolutions = [name for name, module in network2d.named_modules() if isinstance(module, nn.Conv2d)]
    for name in convolutions:
        forgotten = inflate_modules(network2d)
        forgotten.get_submodule(name).weight.data *= forgotten.get_submodule(name).kernel_size[0]
        if forgotten.get_submodule(name).kernel_size[0] > 1:  # 1x1x1 has nothing to forget
            assert relative(forgotten(boring(images)), expected) > 1e-3, name

    assert relative(inflate_modules(network2d, time_padding="zeros")(boring(images)), expected) > 1e-3

    live = inflate_modules(network2d)
    live.layer2[0].bn1.train()
    assert relative(live(boring(images)), expected) > 1e-3


def test_inflation_by_hand_gives_our_3d_resnet18(network2d):
    """Preset hara with zero padding is the very architecture of `resnet18`: tensor by tensor, and in its output."""
    shortcut = "B" if isinstance(network2d.layer2[0].downsample, nn.Sequential) else "A"
    by_hand = create_model("resnet18", num_classes=6, width=8, shortcut=shortcut).double().eval()
    by_hand.load_state_dict(
        {
            name: torch.stack([w] * w.shape[-1], dim=2) / w.shape[-1] if w.ndim == 4 else w
            for name, w in network2d.state_dict().items()
        }
    )
    inflated = inflate_modules(network2d, "hara", time_padding="zeros")
    assert not any(isinstance(module, TimePaddedConv3d) for module in inflated.modules())
    clip = torch.randn(2, 3, 8, 40, 40, dtype=torch.float64)
    assert relative(inflated(clip), by_hand(clip)) < 1e-12


def test_the_2d_network_is_left_as_it_was_and_modes_are_kept(network2d):
    before = {name: tensor.clone() for name, tensor in network2d.state_dict().items()}
    inflated = inflate_modules(network2d)
    assert not any(module.training for module in inflated.modules())
    with torch.no_grad():
        for tensor in inflated.state_dict().values():
            tensor.zero_()
    assert all(torch.equal(tensor, before[name]) for name, tensor in network2d.state_dict().items())


def test_pools_are_inflated_too():
    flat = nn.Sequential(
        nn.MaxPool2d(3, 2, ceil_mode=True), nn.AvgPool2d(2, padding=1), nn.Dropout2d(0.5), nn.AdaptiveMaxPool2d(2)
    ).eval()
    image = torch.randn(1, 2, 18, 18, dtype=torch.float64)
    torch.testing.assert_close(inflate_modules(flat)(boring(image)).squeeze(2), flat(image))


def test_a_module_without_a_rule_is_refused_by_name():
    with pytest.raises(ValueError, match=r"no rule to inflate LPPool2d \(0\.1\)"):
        inflate_modules(nn.Sequential(nn.Sequential(nn.ReLU(), nn.LPPool2d(2, 2))))
    with pytest.raises(ValueError, match="unknown preset 'i4d': choose from i3d, hara"):
        inflate_modules(nn.Sequential(), "i4d")


@pytest.mark.real_data
def test_a_real_cifar_network_keeps_its_predictions_on_repeated_frames_of_real_clips(real_data):
    import av

    network = create_model("resnet20_2d", num_classes=10)
    loaded = load_weights(network, real_data / "weights" / "resnet20-12fca82f.th")
    assert loaded.metadata["best_prec1"] == pytest.approx(91.78)
    network.eval()

    pixels = []
    for path in sorted((real_data / "videos").glob("*")):
        with av.open(str(path)) as container:
            frames = [frame for _, frame in zip(range(60), container.decode(video=0), strict=False)][::20]
            pixels += [torch.from_numpy(f.reformat(32, 32, "rgb24").to_ndarray()) for f in frames]
    images = torch.stack(pixels).permute(0, 3, 1, 2).float()  # (N, 3, 32, 32)
    mean, std = (torch.tensor(values)[:, None, None] for values in (network.clip.mean, network.clip.std))
    images = (images - mean) / std

    with torch.no_grad():
        expected = network(images)
        exact = network.double()(images.double())
        deep = inflate_modules(network)(boring(images.double()))
        deep32 = inflate_modules(network.float())(boring(images))
    assert relative(exact[1:], exact[:-1]) > 0.05  # the answers depend on the picture
    assert relative(deep, exact) < 1e-10
    assert relative(deep32, exact) < max(1e-5, 10 * relative(expected, exact))
    assert torch.equal(deep32.argmax(1), expected.argmax(1))
