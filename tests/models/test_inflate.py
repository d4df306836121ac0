"""Inflation: on a boring video (one image, repeated) the 3D network is the 2D network."""

import pytest
import torch
import torchvision
from torch import nn
from torch.nn.utils import parametrizations, prune

from labkit.models import create_model
from labkit.models.inflate import InTime, TimePaddedConv3d, inflate, inflate_conv, inflate_weight


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


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5])
def test_centre_is_the_2d_convolution_on_every_frame_of_a_moving_clip(frames):
    conv2d = nn.Conv2d(4, 6, 3, padding=1).double()
    clip = torch.randn(2, 4, 6, 8, 8, dtype=torch.float64)
    out = inflate_conv(conv2d, frames, placement="centre")(clip)
    assert all(relative(out[:, :, t], conv2d(clip[:, :, t])) < 1e-12 for t in range(6))


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
    network3d = inflate(network2d, preset, placement=placement).network
    flat, deep = dict(network2d.walk(images)), dict(network3d.walk(boring(images)))
    for name, expected in flat.items():
        out = deep[name] if deep[name].ndim == expected.ndim else deep[name].movedim(2, 0)
        assert relative(out, expected) < 1e-10, name
    assert deep["layer4"].shape[2] == (1 if preset == "hara" else 9)


def test_the_proof_has_power(network2d, images):
    """What must show, shows: another image, a forgotten 1/t, zeros in time, one batch norm left in training mode."""
    expected = network2d(images)
    assert relative(network2d(images.flip(0)), expected) > 0.05

    network3d = inflate(network2d, "hara").network
    for name, module in network3d.named_modules():
        if isinstance(module, nn.Conv3d) and module.kernel_size[0] > 1:  # 1x1x1 has nothing to forget
            module.weight.data *= module.kernel_size[0]
            assert relative(network3d(boring(images)), expected) > 1e-3, name
            module.weight.data /= module.kernel_size[0]

    zeros = inflate(network2d, "hara", time_padding="zeros").network
    assert relative(zeros(boring(images)), expected) > 1e-3

    network3d.layer2[0].bn1.train()
    assert relative(network3d(boring(images)), expected) > 1e-3


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
    inflated = inflate(network2d, "hara", time_padding="zeros").network
    assert not any(isinstance(module, TimePaddedConv3d) for module in inflated.modules())
    clip = torch.randn(2, 3, 8, 40, 40, dtype=torch.float64)
    assert relative(inflated(clip), by_hand(clip)) < 1e-12


def test_the_2d_network_is_left_as_it_was_and_modes_are_kept(network2d):
    before = {name: tensor.clone() for name, tensor in network2d.state_dict().items()}
    inflated = inflate(network2d).network
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
    torch.testing.assert_close(inflate(flat).network(boring(image)).squeeze(2), flat(image))


class Means(nn.Module):
    def forward(self, x):
        return x.mean((2, 3), keepdim=True)


@pytest.mark.parametrize("pool", [nn.AdaptiveAvgPool2d(1), Means()], ids=["module", "function"])
def test_what_is_global_in_space_is_global_in_time(pool):
    clip = torch.randn(2, 3, 4, 5, 6, dtype=torch.float64)
    torch.testing.assert_close(inflate(pool).network(clip), clip.mean((2, 3, 4), keepdim=True))


def test_an_average_over_an_even_number_of_frames_begins_at_its_own():
    clip = torch.randn(2, 3, 4, 6, 6, dtype=torch.float64)
    pool3d = inflate(nn.AvgPool2d(2), policy=lambda name, layer: InTime(2)).network
    following = torch.cat([clip[:, :, 1:], clip[:, :, -1:]], dim=2)  # the last frame is repeated
    expected = nn.AvgPool3d((1, 2, 2))((clip + following) / 2)
    torch.testing.assert_close(pool3d(clip), expected)


def test_an_unknown_preset_is_refused_with_those_that_are_there():
    with pytest.raises(ValueError, match="unknown preset 'i4d'; did you mean 'i3d'"):
        inflate(nn.Sequential(), "i4d")


def test_inflation_by_hand_gives_our_i3d():
    """Preset i3d with zero padding is the very architecture of `i3d`, TensorFlow's padding included."""
    torch.manual_seed(0)
    network2d = create_model("inception_v1_2d", num_classes=6, width=8).double()
    for module in network2d.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    network2d.eval()
    by_hand = create_model("i3d", num_classes=6, width=8).double().eval()
    shapes = {name: tensor.shape for name, tensor in by_hand.state_dict().items()}
    by_hand.load_state_dict(
        {
            name: torch.stack([w] * shapes[name][2], dim=2) / shapes[name][2] if w.ndim == 4 else w
            for name, w in network2d.state_dict().items()
        }
    )
    inflated = inflate(network2d, "i3d", time_padding="zeros").network
    clip = torch.randn(2, 3, 19, 50, 50, dtype=torch.float64)  # odd sizes: unequal padding
    for (name, ours), (_, expected) in zip(inflated.walk(clip), by_hand.walk(clip), strict=True):
        assert relative(ours, expected) < 1e-10, name


@pytest.mark.parametrize(
    ("name", "stem", "pools"),
    [("inception_v1_2d", "2", ["1 1", "1 1", "3 2", "2 2"]), ("resnet50_2d", "2", ["1 1"])],
)
def test_the_table_says_what_each_layer_became(name, stem, pools):
    table = inflate(create_model(name, width=8)).table
    assert table.iloc[0]["kernel"] == "7"
    assert table.iloc[0]["stride"] == stem
    trunk = table[table["2D"].str.contains("MaxPool") & ~table.index.str.contains("Mixed")]
    assert [f"{row.kernel} {row.stride}" for row in trunk.itertuples()] == pools
    convolutions = table[table["2D"].str.contains("Conv2d")]
    assert set(convolutions["placement"]) == {"mean", ""}  # a kernel of one frame has nothing to place


def test_a_policy_has_the_last_word_on_a_layer_and_leaves_the_rest_to_the_preset():
    def policy(name, layer):
        return InTime(5, 1, placement="centre", padding="zeros") if name == "conv1" else None

    network, table = inflate(create_model("resnet18_2d", width=8), "hara", policy=policy)
    assert table.loc["conv1", ["kernel", "placement", "padding"]].tolist() == ["5", "centre", "zeros"]
    assert network.conv1.kernel_size == (5, 7, 7)
    assert table.loc["layer1.0.conv1", ["kernel", "placement", "padding"]].tolist() == ["3", "mean", "replicate"]


def test_strides_that_keep_branches_from_meeting_are_refused():
    def policy(name, layer):
        return InTime(3, 2) if name == "layer1.0.conv1" else None

    with pytest.raises(ValueError, match=r"add in the forward of BasicBlock \(layer1.0\): branches with 1/2 and 1/4"):
        inflate(create_model("resnet18_2d", width=8), "hara", policy=policy)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (lambda: 3, "policy must give an InTime or None, not 3"),
        (lambda: InTime(0), "must be whole numbers from 1, not 0, 1"),
        (lambda: InTime(3, 0.5), "must be whole numbers from 1, not 3, 0.5"),
        (lambda: InTime(3, placement="center"), "placement must be 'mean' or 'centre'"),
        (lambda: InTime(3, padding="zero"), "time_padding must be 'replicate' or 'zeros'"),
        (lambda: InTime(None), "kernel=None in time; a number for windows"),
    ],
)
def test_a_choice_that_no_layer_can_follow_is_refused_with_the_layers_name(choice, message):
    with pytest.raises(ValueError, match=r"cannot inflate Conv2d \(0\): .*" + message):
        inflate(nn.Sequential(nn.Conv2d(3, 4, 3)), policy=lambda name, layer: choice())


def test_layers_that_share_a_weight_share_it_in_3d():
    network2d = nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU())
    network2d[2].weight = network2d[0].weight
    network3d = inflate(network2d).network
    assert network3d[0].weight is network3d[2].weight
    assert network3d[0].bias is not network3d[2].bias
    assert network3d[1] is not network3d[3]
    with pytest.raises(ValueError, match=r"0.weight and 2.weight are one weight: give their layers equal kernels"):
        inflate(network2d, policy=lambda name, layer: InTime(5) if name == "2" else None)


class Upsamples(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return nn.functional.interpolate(self.conv(x), scale_factor=2)


class AsksForHeight(nn.Module):
    def forward(self, x):
        return x * x.shape[2]


class Decides(nn.Module):
    def forward(self, x):
        return x if x.shape[1] > 4 else -x


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nn.Sequential(nn.ReLU(), nn.Sequential(nn.LPPool2d(2, 2))), r"no rule to inflate LPPool2d \(1\.0\)"),
        (nn.Sequential(Upsamples()), r"no rule to inflate interpolate in the forward of Upsamples \(0\)"),
        (nn.Sequential(AsksForHeight()), r"getitem in the forward of AsksForHeight \(0\): it asks for sizes"),
        (nn.Sequential(Decides()), r"cannot follow the forward of Decides \(0\): .*control flow"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(1), nn.Linear(4, 2)), r"Flatten \(1\): .* not been pooled"),
        (nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect")), r"Conv2d \(0\): .*reflect"),
        (nn.Sequential(parametrizations.weight_norm(nn.Conv2d(3, 4, 3))), r"Conv2d \(0\): its weight is computed"),
        (nn.Sequential(prune.identity(nn.Conv2d(3, 4, 3), "weight")), r"Conv2d \(0\): its weight is computed"),
        (nn.Sequential(nn.Conv3d(3, 4, 3)), r"no rule to inflate Conv3d \(0\)"),
        ("resnet18", "only an nn.Module can be inflated, not 'resnet18'"),
        (torchvision.models.swin_t(), "_get_relative_position_bias in the forward of ShiftedWindowAttention"),
    ],
)
def test_an_operator_without_a_rule_is_refused_by_its_name(network, message):
    with pytest.raises(ValueError, match=message):
        inflate(network)


def test_modules_keep_their_mode_and_weights_their_own_tensors():
    network2d = torchvision.models.densenet121(num_classes=4).train()
    network2d.features.denseblock1.eval()
    network2d.features.conv0.weight.requires_grad_(False)
    network3d = inflate(network2d).network
    modes = {name: module.training for name, module in network3d.named_modules()}
    assert all(modes[name] == module.training for name, module in network2d.named_modules())
    assert not network3d.features.conv0.weight.requires_grad
    assert not {id(each) for each in network3d.parameters()} & {id(each) for each in network2d.parameters()}
    shared = {each.data_ptr() for each in network3d.parameters()} & {each.data_ptr() for each in network2d.parameters()}
    assert not shared


def test_names_are_kept_where_a_forward_is_rewritten_and_gradients_flow():
    network2d = torchvision.models.convnext_tiny(num_classes=4)
    network3d = inflate(network2d).network
    assert [name for name, _ in network3d.named_parameters()] == [name for name, _ in network2d.named_parameters()]
    assert network3d.get_parameter("features.1.0.layer_scale").shape == (96, 1, 1, 1)
    network3d(torch.randn(1, 3, 2, 32, 32)).sum().backward()
    assert all(each.grad is not None for each in network3d.parameters())


def test_auxiliary_heads_are_inflated_too():
    torch.manual_seed(0)
    network2d = torchvision.models.inception_v3(num_classes=4, init_weights=False).double().eval()
    image = torch.randn(2, 768, 17, 17, dtype=torch.float64)
    head3d = inflate(network2d).network.AuxLogits
    assert relative(head3d(boring(image, 4)), network2d.AuxLogits(image)) < 1e-10


def test_a_network_is_inflated_on_the_meta_device():
    with torch.device("meta"):
        network2d = torchvision.models.vgg16(init_weights=False)
    network3d = inflate(network2d).network
    assert all(each.is_meta for each in network3d.parameters())
    assert network3d(torch.empty(1, 3, 16, 64, 64, device="meta")).shape == (1, 1000)
