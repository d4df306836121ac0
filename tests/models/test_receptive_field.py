"""Receptive fields against what a number really sees: spoil one frame, row or column of the input, and look who knows."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from labkit.models import create_model
from labkit.models.profile import profile, trace
from labkit.models.receptive_field import FieldTrace, Reach


def field_of(network, *shapes):
    """The traced field of a network's output, and the output's shape."""
    inputs = [torch.empty(1, *shape, device="meta", dtype=torch.float64) for shape in shapes]
    network = copy.deepcopy(network).double().eval().to("meta")
    with FieldTrace() as fields, torch.no_grad():
        for number, tensor in enumerate(inputs):
            fields.source(tensor, number)
        out = network(*inputs)
    return fields.field(out), out.shape


def really_seen(network, shape, axis, position):
    """First and last input position along one axis that reach the given output position.

    A NaN spoils all that is computed from it, through zero weights and poolings too.
    """
    seen = [at for at in range(shape[1 + axis]) if sees(network, shape, axis, at, position)]
    return seen[0], seen[-1]


def sees(network, shape, axis, at, position):
    """Whether one input position along one axis reaches the given output position."""
    x = torch.zeros(1, *shape, dtype=torch.float64)
    x.select(axis + 2, at).fill_(torch.nan)
    with torch.no_grad():
        out = network.double().eval()(x)
    for dim, index in position.items():
        out = out.narrow(dim, index, 1)
    return bool(out.isnan().any())


def on_the_input(reach, position, size):
    """First and last input position of a reach, without what is padding."""
    first = reach.start + reach.jump * position.get(reach.dim, 0)
    return max(first, 0), min(first + reach.size, size) - 1


class Sum(nn.Module):
    """Parts side by side, added."""

    def __init__(self, *parts):
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, x):
        return sum(part(x) for part in self.parts[1:]) + self.parts[0](x)


class Cat(Sum):
    """Parts side by side, their channels one after the other."""

    def forward(self, x):
        return torch.cat([part(x) for part in self.parts], 1)


class Lambda(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Upto(nn.Module):
    """A network up to one of its endpoints."""

    def __init__(self, network, endpoint):
        super().__init__()
        self.network, self.endpoint = network, endpoint

    def forward(self, x):
        return self.network.forward_features(x, self.endpoint)


class Gate(nn.Module):
    """Squeeze and excitation: a factor per channel, from the mean over all positions."""

    def forward(self, x):
        return x * x.mean((2, 3, 4), keepdim=True)


def conv(kernel, **settings):
    return nn.Conv3d(2, 2, kernel, **settings)


EXACT = {
    "one convolution": conv((3, 5, 1), padding=(1, 2, 0)),
    "a chain with strides": nn.Sequential(conv(3, stride=(1, 2, 2), padding=1), nn.ReLU(), conv((1, 3, 5), padding=1)),
    "holes in the kernel": conv(3, dilation=(2, 3, 1), padding=3),
    "max pool": nn.Sequential(nn.MaxPool3d(3, (2, 1, 2), 1), conv(3, padding=1)),
    "average pool": nn.Sequential(nn.AvgPool3d(2), conv((3, 1, 1))),
    "pool to a given size": nn.Sequential(nn.AdaptiveAvgPool3d((4, 6, 3)), conv(1)),
    "residual": nn.Sequential(Sum(nn.Identity(), nn.Sequential(conv(3, padding=1), conv(3, padding=1))), conv(1)),
    "residual with a strided shortcut": Sum(conv(1, stride=2), conv(3, stride=2, padding=1)),
    "branches joined": nn.Sequential(Cat(conv(1), conv(5, padding=2), nn.MaxPool3d(3, 1, 1)), nn.BatchNorm3d(6)),
    "padding on one side": nn.Sequential(nn.ConstantPad3d((0, 0, 1, 0, 4, 0), 0.0), conv((5, 2, 1))),
    "replicated frames": nn.Sequential(nn.ReplicationPad3d((0, 0, 0, 0, 1, 1)), conv((3, 1, 1))),
    "every second frame": nn.Sequential(Lambda(lambda x: x[:, :, 1::2]), conv((3, 1, 1))),
    "frames as a batch": nn.Sequential(
        Lambda(lambda x: x.transpose(1, 2).flatten(0, 1)),
        nn.Conv2d(2, 2, 3, padding=1),
        Lambda(lambda x: x.unflatten(0, (1, -1)).transpose(1, 2)),
        conv((3, 1, 1), padding=(1, 0, 0)),
    ),
    "frames stacked": nn.Sequential(
        Lambda(lambda x: torch.stack([frame.relu() for frame in x.unbind(2)], 2)), conv(3, padding=1)
    ),
    "zeros joined": Lambda(lambda x: F.avg_pool3d(torch.cat([torch.zeros_like(x[:, :, :2]), x], 2), (3, 1, 1), 1)),
    "global mean": nn.Sequential(conv(3), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(2, 3)),
    "all positions read at once": nn.Sequential(conv(3), nn.Flatten(), nn.Linear(2 * 10 * 12 * 10, 3)),
    "gated": nn.Sequential(conv(3), Gate()),
    "broadcast": nn.Sequential(Lambda(lambda x: x[:, :, 2:3] + x[:, :, 3:4].expand_as(x)), conv(1)),
    "permuted": Lambda(lambda x: F.conv2d(x[0].permute(1, 0, 3, 2), torch.ones(2, 2, 3, 1).to(x))),
    "halves": Lambda(lambda x: torch.chunk(x, 2, 2)[1] + torch.split(x, [4, 2, 6], 2)[2]),
    "normalised over columns": nn.LayerNorm(12),
}


class Recurrent(nn.Module):
    """Frame after frame through an LSTM."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(2, 3, batch_first=True)

    def forward(self, x):
        return self.lstm(x.mean((3, 4)).transpose(1, 2))[0].transpose(1, 2)


class Attention(nn.Module):
    """Every frame looks at every frame."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(2, 1, batch_first=True)

    def forward(self, x):
        x = x.mean((3, 4)).transpose(1, 2)
        return self.attention(x, x, x)[0].transpose(1, 2)


def written_frame_by_frame(x):
    out = torch.zeros_like(x)
    for t in range(x.shape[2]):
        out[:, :, t] = x[:, :, max(t - 1, 0)]
    return out


LARGER = {
    "recurrent": Recurrent(),
    "attention": Attention(),
    "written frame by frame": Lambda(written_frame_by_frame),
    "frames repeated by joining": Lambda(lambda x: torch.cat([x[:, :, :2], x, x[:, :, -1:]], 2)),
    "reversed": Lambda(lambda x: x.flip(2)),
    "picked": Lambda(lambda x: x[:, :, [0, 3, 4]]),
    "space as channels": Lambda(lambda x: F.pixel_unshuffle(x[:, 0], 2)),
    "transposed": nn.ConvTranspose3d(2, 2, 3, stride=2),
    "unevenly pooled": nn.AdaptiveMaxPool3d((5, 5, 5)),
    "enlarged": nn.Upsample(scale_factor=2),
    "frames as channels": Lambda(lambda x: x.flatten(1, 2)),
}


@pytest.mark.parametrize("name", EXACT)
def test_the_field_is_what_a_position_really_sees(name):
    shape = (2, 12, 14, 12)
    field, out = field_of(EXACT[name], shape)
    centre = {reach.dim: out[reach.dim] // 2 for reach in field.values() if reach.dim is not None}
    for axis in range(3):
        traced = on_the_input(field[0, axis], centre, shape[1 + axis])
        assert traced == really_seen(EXACT[name], shape, axis, centre), f"axis {axis}: {field[0, axis]}"


@pytest.mark.parametrize("name", LARGER)
def test_where_order_is_lost_the_field_is_never_too_small(name):
    shape = (2, 12, 14, 12)
    field, out = field_of(LARGER[name], shape)
    for axis in range(3):
        for position in range(3 if field[0, axis].dim is None else out[field[0, axis].dim]):
            at = {2: position} if field[0, axis].dim is None else {field[0, axis].dim: position}
            first, last = on_the_input(field[0, axis], at, shape[1 + axis])
            really = really_seen(LARGER[name], shape, axis, at)
            assert first <= really[0]
            assert last >= really[1]


@pytest.mark.parametrize(
    ("name", "endpoint", "shape"),
    [
        ("resnet18", "layer1", (3, 30, 60, 60)),
        ("resnet50", "layer1", (3, 26, 50, 50)),
        ("r2plus1d_18", "pool", (3, 16, 32, 32)),
        ("densenet121_2d", "block1", (3, 100, 100)),
        ("i3d", "Mixed_3b", (3, 40, 80, 80)),
    ],
)
def test_the_centre_of_an_endpoint_sees_its_traced_field_and_no_further(name, endpoint, shape):
    network = create_model(name, num_classes=2, width=2)
    row = trace(network, shape).set_index("endpoint").loc[endpoint]
    part = Upto(network, endpoint)
    field, out = field_of(part, shape)
    centre = {dim: out[dim] // 2 for dim in range(2, len(out))}
    for axis, (size, jump) in enumerate(zip(row["field"], row["jump"], strict=True)):
        reach = field[0, axis]
        assert (reach.size, reach.jump) == (size, jump)
        first, last = on_the_input(reach, centre, shape[1 + axis])
        assert last - first + 1 == size, "the input is too small to show the field"
        assert [sees(part, shape, axis, at, centre) for at in (first - 1, first, last, last + 1)] == [0, 1, 1, 0]


def test_vgg16_sees_212_pixels_as_published():
    from torchvision.models import vgg16

    with torch.device("meta"):
        table = profile(vgg16(), (3, 224, 224)).set_index("name")  # Araujo et al., Distill 2019
    assert table.loc["features.30", "field"] == (212, 212)
    assert table.loc["features.30", "jump"] == (32, 32)


def test_each_input_of_a_pair_has_its_own_field():
    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.rgb, self.flow = conv(3), conv((5, 1, 1), stride=(2, 1, 1), padding=(1, 0, 0))
            self.joint = nn.Linear(4, 3)

        def forward(self, pair):
            rgb, flow = self.rgb(pair[0]), self.flow(pair[1])
            return self.joint(torch.cat([rgb.mean((2, 3, 4)), flow.mean((2, 3, 4))], 1))

    table = profile(Pair(), ((2, 4, 8, 8), (2, 10, 6, 6))).set_index("name")
    assert table.loc["rgb", "field"] == (3, 3, 3)
    assert (table.loc["flow", "field"], table.loc["flow", "jump"]) == ((5, 1, 1), (2, 1, 1))
    assert table.loc["joint", "field"] == ((4, 8, 8), (11, 6, 6))
    assert table.loc["joint", "jump"] == ((0, 0, 0), (0, 0, 0))


def test_what_depends_on_no_input_has_no_field():
    with FieldTrace() as fields:
        fields.source(x := torch.empty(1, 1, 4, 4, device="meta"))
        noise = torch.ones(3, device="meta") * 2
        assert fields.field(x)[0, 1] == Reach(3, 1, 0, 1)
    assert fields.field(noise) == {}
