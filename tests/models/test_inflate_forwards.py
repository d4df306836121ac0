"""What a `forward` does by itself: the 3D network gives the 2D network's numbers, or is refused. Never a third thing."""

import copy

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from labkit.models import create_model
from labkit.models.inflate import check_inflation, inflate

EXACT = 1e-12


def relative(a, b):
    return ((a - b).abs().max() / b.abs().max()).item()


class Form(nn.Module):
    """A module with a weight, a buffer, a plain tensor and a few layers, and any `forward` over four channels."""

    def __init__(self, forward):
        super().__init__()
        self.do = forward
        self.gamma = nn.Parameter(0.5 + torch.rand(4, 1, 1))
        self.register_buffer("mean", torch.randn(4))
        self.register_buffer("std", 0.5 + torch.rand(4))
        self.plain = torch.randn(4, 1, 1, dtype=torch.float64)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 4), nn.Sigmoid())
        self.conv = nn.Conv2d(2, 2, 3, padding=1)
        self.calls = 0

    def forward(self, x):
        return self.do(self, x)


def unpacked(self, x):
    b, c, _, _ = x.size()
    return x * self.fc(self.pool(x).view(b, c)).view(b, c, 1, 1).expand_as(x)


def sliced_shape(self, x):
    b, c = x.shape[:2]
    return x * self.fc(x.mean((2, 3))).reshape((b, c, 1, 1))


def asserts(self, x):
    assert x.ndim == 4
    assert len(x.shape) == x.dim() == 4
    return x * self.gamma


def chunked(self, x):
    a, b = x.chunk(2, dim=1)
    return torch.cat([self.conv(a), b], 1)


def split_by_sizes(self, x):
    a, b = torch.split(x, [2, 2], dim=-3)
    return torch.cat((self.conv(b), a), dim=1)


def halves(self, x):
    half = x.shape[1] // 2
    return torch.cat((self.conv(x[:, half:]), x[:, :half]), 1)


def channels_last(self, x):
    x = x.permute(0, 2, 3, 1)
    return (x * x.shape[-1] + self.mean).permute(0, 3, 1, 2)


FORWARDS = {
    "normalised, view": lambda self, x: (x - self.mean.view(1, 4, 1, 1)) / self.std.view(1, -1, 1, 1),
    "normalised, None": lambda self, x: (x - self.mean[:, None, None]) / self.std[None, :, None, None],
    "normalised, the channels asked for": lambda self, x: x - self.mean.reshape(1, x.shape[1], 1, 1),
    "normalised, unsqueeze": lambda self, x: x.sub(self.mean.unsqueeze(-1).unsqueeze(-1)).div(other=self.gamma),
    "the constant first": lambda self, x: self.mean.view(-1, 1, 1) - x,
    "expanded": lambda self, x: x * self.std.view(1, 4, 1, 1).expand_as(x),
    "of the input's type": lambda self, x: x * self.std.to(x.dtype)[:, None, None],
    "one weight twice": lambda self, x: x * self.gamma + self.gamma,
    "a plain tensor": lambda self, x: x - self.plain,
    "made in the forward": lambda self, x: x * torch.tensor([1.0, 2, 3, 4], dtype=torch.float64).view(1, 4, 1, 1),
    "a ramp over the rows": lambda self, x: x + torch.linspace(0, 1, 12, dtype=torch.float64).view(12, 1),
    "a ramp over the channels": lambda self, x: x + torch.arange(4.0).view(4, 1, 1),
    "asserted axes": asserts,
    "squeeze-excite, view": unpacked,
    "squeeze-excite, reshape": sliced_shape,
    "squeeze-excite, -1": lambda self, x: x * self.fc(self.pool(x).flatten(1)).view(x.size(0), -1, 1, 1),
    "squeeze-excite, None": lambda self, x: x * self.fc(x.mean((2, 3)))[:, :, None, None],
    "squeeze-excite, ellipsis": lambda self, x: x * self.fc(x.mean((2, 3)))[..., None, None],
    "squeeze-excite, unsqueeze": lambda self, x: x * self.fc(x.mean((2, 3))).unsqueeze(2).unsqueeze(3),
    "squeeze-excite, unsqueeze from the end": lambda self, x: (
        x * self.fc(x.mean([-2, -1])).unsqueeze(dim=-1).unsqueeze(-1)
    ),
    "chunk": chunked,
    "split": split_by_sizes,
    "half of the channels": halves,
    "softmax by name": lambda self, x: torch.softmax(input=x, dim=-1),
    "joined by name": lambda self, x: torch.cat(tensors=[x[:, 2:] * 2, x[:, :2]], dim=-3),
    "channels last": channels_last,
    "another memory format": lambda self, x: 2 * x.contiguous(memory_format=torch.channels_last),
    "padded": lambda self, x: F.pad(x, (1, 0, 2, 1), value=0.3),
    "padded in channels": lambda self, x: F.pad(x, (1, 0, 2, 1, 1, 1))[:, 1:5],
    "PReLU": lambda self, x: F.prelu(x, self.std),
}

LAYERS = {
    "FrozenBatchNorm2d": lambda: torchvision.ops.FrozenBatchNorm2d(4),
    "softmax over channels": lambda: nn.Softmax(dim=1),
    "softmax over columns": lambda: nn.Softmax(dim=-1),
    "softmax over rows": lambda: nn.LogSoftmax(2),
    "Softmax2d": nn.Softmax2d,
    "GLU": lambda: nn.Sequential(nn.Conv2d(4, 8, 1), nn.GLU(-3)),
    "PReLU": lambda: nn.PReLU(4),
    "PReLU of one": nn.PReLU,
    "zeros around": lambda: nn.ZeroPad2d((1, 2, 0, 3)),
    "constants around": lambda: nn.ConstantPad2d(1, 0.5),
    **{each.__name__: each for each in (nn.CELU, nn.Hardshrink, nn.LogSigmoid, nn.Softsign, nn.Tanhshrink)},
}


def network_with(form):
    """A form between convolutions, in float64, each of its tensors drawn; four channels, to be taken for four frames."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), form, nn.Conv2d(4, 5, 3, stride=2), nn.AdaptiveAvgPool2d(1), nn.Flatten(1)
    ).double()
    for name, tensor in form.state_dict().items():
        if name in ("weight", "bias", "running_mean", "running_var"):
            tensor.copy_(0.5 + torch.rand_like(tensor))
    return network.eval()


@pytest.fixture
def images():
    return torch.randn(2, 3, 12, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("form", [*FORWARDS, *LAYERS])
@torch.no_grad()
def test_each_form_gives_the_2d_networks_numbers_with_one_frame_and_with_as_many_as_channels(form, images):
    module = LAYERS[form]() if form in LAYERS else Form(FORWARDS[form])
    network2d = network_with(module)
    without = copy.deepcopy(network2d)
    without[1] = nn.Identity()
    expected = network2d(images)
    assert relative(without(images), expected) > 1e-3, "the form must show"
    assert relative(expected.flip(0), expected) > 1e-3, "the image must show"
    before = {name: tensor.clone() for name, tensor in network2d.state_dict().items()}
    network3d = inflate(network2d).network
    for frames in (1, 4, 5):
        report = check_inflation(network2d, network3d, images, frames=frames, tolerance=EXACT)
        assert report.holds, report
    assert list(network3d.state_dict()) == list(before)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network2d.state_dict().items())


class BatchNormAct2d(nn.BatchNorm2d):
    """As timm's behaves: it asserts the number of axes, normalises, drops and activates, in one module."""

    def __init__(self, channels, act=nn.ReLU):
        super().__init__(channels)
        self.drop = nn.Identity()
        self.act = act()

    def forward(self, x):
        assert x.ndim == 4, f"expected four axes, not {x.ndim}"
        factor = 0.0 if self.momentum is None else self.momentum
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                factor = 1.0 / float(self.num_batches_tracked)
        settings = (self.weight, self.bias, self.training or self.running_mean is None, factor, self.eps)
        return self.act(self.drop(F.batch_norm(x, self.running_mean, self.running_var, *settings)))


class CheckedBatchNormAct2d(BatchNormAct2d):
    """The same, checked by torch's own function, and by super's forward."""

    def forward(self, x):
        torch._assert(x.ndim == 4, f"expected four axes, not {x.ndim}")
        return F.leaky_relu(nn.BatchNorm2d.forward(self, x), 0.2)


class Block(nn.Module):
    """A residual block with such norms and a gate, as timm's families have them."""

    def __init__(self, channels, norm):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False), norm(channels)
        self.conv2, self.bn2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False), norm(channels)
        self.gate = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        out = self.bn2(self.conv2(self.bn1(self.conv1(x))))
        return x + out * self.gate(out.mean((2, 3), keepdim=True)).sigmoid()


def family(norm):
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, padding=1), norm(4), nn.MaxPool2d(2), Block(4, norm), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(1), nn.Linear(4, 3),
    ).double()  # fmt: skip
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
            module.momentum = None
    network(torch.randn(16, 3, 12, 12, dtype=torch.float64))
    return network


NORMS = {
    "asserts": BatchNormAct2d,
    "checks": CheckedBatchNormAct2d,
    "PReLU": lambda channels: BatchNormAct2d(channels, lambda: nn.PReLU(channels)),
    "SiLU": lambda channels: BatchNormAct2d(channels, nn.SiLU),
}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("norm", NORMS)
@torch.no_grad()
def test_batch_norms_with_an_activation_inside_are_inflated_as_one_layer(norm, training, images):
    network2d = family(NORMS[norm]).train(training)
    expected = copy.deepcopy(network2d)(images)
    assert relative(expected.flip(0), expected) > 1e-3
    zeros = inflate(network2d, "every_frame", time_padding="zeros").network
    assert check_inflation(network2d, zeros, images).output > 1e-3
    network3d = inflate(network2d, "every_frame").network
    assert check_inflation(network2d, network3d, images, frames=4, tolerance=EXACT).holds
    norm3d = network3d.get_submodule("3.bn1")
    assert isinstance(norm3d, nn.BatchNorm3d)
    assert norm3d.training == training
    assert [name for name, _ in network3d.named_parameters()] == [name for name, _ in network2d.named_parameters()]
    norm3d.weight.mul_(1.1)
    assert check_inflation(network2d, network3d, images).first_break.startswith("3.bn1")


class Head(nn.Module):
    """It decides by a setting, as heads of timm's networks do, and counts axes."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x, features: bool = False, scale=None):
        b, c, _, _ = x.shape
        x = x.mean((2, 3)).reshape(b, c, 1, 1).flatten(1)
        x = x if scale is None else x * scale
        return x if features else self.fc(x)


@pytest.mark.parametrize("call", [{}, {"features": True}, {"features": False, "scale": 3.0}, {"scale": 2}])
@torch.no_grad()
def test_a_forward_may_decide_by_a_setting(call, images):
    network2d = Form(lambda self, x: self.head(x, **call))
    network2d.head = Head()
    network2d = nn.Sequential(nn.Conv2d(3, 4, 3), network2d).double().eval()
    expected = network2d(images)
    assert relative(expected.flip(0), expected) > 1e-3
    assert check_inflation(network2d, inflate(network2d).network, images, frames=4, tolerance=EXACT).holds


def test_a_module_that_is_rewritten_has_one_setting(images):
    network2d = Form(lambda self, x: self.head(x) + self.head(x, features=True))
    network2d.head = Head()
    with pytest.raises(ValueError, match=r"Head \(head\): it is called on tensors with different axes or settings"):
        inflate(network2d)
    with pytest.raises(AssertionError, match="features has been specialized to have value False"):
        inflate(Head()).network(images, features=True)


def test_a_residual_network_with_frozen_norms_is_inflated(images):
    network2d = torchvision.models.resnet18(norm_layer=torchvision.ops.FrozenBatchNorm2d, num_classes=3).double().eval()
    for name, buffer in network2d.named_buffers():
        buffer.copy_(0.5 + torch.rand_like(buffer)) if not name.endswith("mean") else buffer.normal_(std=0.1)
    images = F.interpolate(images, 40)
    with torch.no_grad():
        expected = network2d(images)
    assert relative(expected.flip(0), expected) > 1e-3
    assert check_inflation(network2d, inflate(network2d, time_padding="zeros").network, images).output > 1e-3
    assert check_inflation(network2d, inflate(network2d).network, images, frames=3).holds


def test_a_head_of_ones_own_on_our_network_is_inflated(images):
    network2d = create_model("resnet18_2d", num_classes=3, width=4)
    network2d.fc = nn.Sequential(nn.Dropout(), nn.Linear(32, 8), nn.PReLU(8), nn.Linear(8, 2))
    network2d = network2d.double().eval()
    images = F.interpolate(images, 40)
    assert check_inflation(network2d, inflate(network2d).network, images, frames=3).holds


class OwnConvolution(nn.Conv2d):
    """Standardises its weight where `nn.Conv2d` calls the convolution."""

    def _conv_forward(self, x, weight, bias):
        return super()._conv_forward(x, weight - weight.mean(), bias)


@torch.fx.wrap
def relu(x):
    """A function of a known name that does something else."""
    return x.flatten(2).sum(-1)


def decides_inside(self, x):
    x = x * 2
    return x if x.ndim == 4 else -x


def patched():
    layer = nn.Conv2d(4, 4, 1)
    layer.forward = lambda x: x.flip(-1)
    return layer


def other_in_training(self, x):
    return x * self.std.view(4, 1, 1) + torch.ones(4, 1, 1) * (2 if self.training else 3)


REFUSED = {
    "tensors of the mode": (other_in_training, "its forward counts axes, and is another in training mode"),
    "noise": (lambda self, x: x + torch.randn(4, 1, 1), "forward of Form .1.: it draws random numbers"),
    "control flow": (decides_inside, r"`return x if x.ndim == 4 else -x` decides by .* \(control flow\)"),
    "a number of a weight": (
        lambda self, x: x * float(self.mean[0]),
        "`.*float.*` needs numbers, and is followed without",
    ),
    "item": (lambda self, x: x * self.mean.sum().item(), "no rule for calling it in this way"),
    "a convolution's weight": (
        lambda self, x: x * self.conv.weight.mean(),
        r"with the weight of Conv2d \(conv.weight\)",
    ),
    "two uses": (
        lambda self, x: x * self.gamma + self.gamma.sum(),
        "gamma is used there with other axes than elsewhere",
    ),
    "height": (lambda self, x: x * x.permute(0, 2, 3, 1).shape[1], "getitem in the forward of Form .*asks for sizes"),
    "all sizes": (lambda self, x: x / x.shape[2:].numel(), "getitem in the forward of Form .*asks for sizes"),
    "joined with a constant": (
        lambda self, x: torch.cat([x, self.gamma], 1),
        "tensors that were not computed from the image",
    ),
    "mean in another type": (lambda self, x: x.mean((2, 3), dtype=torch.float32), "no rule for calling it in this way"),
    "reflected": (lambda self, x: F.pad(x, (1, 1, 1, 1), mode="reflect"), "does not pad with a constant"),
    "a function of one's own": (lambda self, x: relu(x), "no rule to inflate relu in the forward of Form"),
    "half of the columns": (
        lambda self, x: x.chunk(2, -1)[0],
        "chunk in .* it takes parts of a map other than channels",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_followed_to_the_same_number_is_refused_in_words(case):
    forward, message = REFUSED[case]
    network = network_with(Form(forward))
    with pytest.raises(ValueError, match=message) as error:
        inflate(network)
    internal = ("object", "attribute", "argument", "Proxy", "NoneType", "__", "traced")
    assert not any(word in str(error.value) for word in internal), error.value


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (OwnConvolution(4, 4, 1), r"with the weight of OwnConvolution \(weight\)"),
        (patched(), r"no rule to inflate Conv2d \(1\)"),
        (nn.Softmax(), r"Softmax \(1\): it names no axis"),
        (nn.GLU(), r"GLU \(1\): it halves another axis than the channels"),
    ],
)
def test_layers_that_compute_something_else_than_their_class_are_refused(layer, message):
    with pytest.raises(ValueError, match=message):
        inflate(network_with(layer))


def counts(self, x):
    self.calls += 1
    self.seen = x
    self.mean.add_(1)
    return x * self.gamma * torch.ones(4, 1, 1)


def test_the_2d_network_is_only_looked_at(images):
    network2d = network_with(Form(counts))
    attributes = {name: set(vars(module)) for name, module in network2d.named_modules()}
    before = {name: tensor.clone() for name, tensor in network2d.state_dict().items()}
    inflate(network2d)
    inflate(family(BatchNormAct2d).train())
    assert network2d[1].calls == 0
    assert {name: set(vars(module)) for name, module in network2d.named_modules()} == attributes
    assert all(torch.equal(tensor, before[name]) for name, tensor in network2d.state_dict().items())
    graph = torch.fx.symbolic_trace(nn.Sequential(nn.Conv2d(3, 4, 3))).eval()
    inflate(graph)
    assert not graph.training
    normed = family(BatchNormAct2d).train()
    seen = normed[1].num_batches_tracked.item()
    inflate(normed)
    assert normed[1].num_batches_tracked.item() == seen


def test_tensors_made_in_a_forward_go_where_the_network_goes(images):
    network2d = network_with(Form(FORWARDS["made in the forward"]))
    network3d = copy.deepcopy(inflate(network2d).network).float()
    clip = images.float().unsqueeze(2).expand(-1, -1, 4, -1, -1)
    assert network3d(clip).dtype == torch.float32
    meta = inflate(network2d).network.to("meta")
    assert meta(clip.double().to("meta")).shape == (2, 5)


@pytest.mark.parametrize("form", ["made in the forward", "a plain tensor", "normalised, view"])
@torch.no_grad()
def test_a_copy_of_an_inflated_network_has_all_that_it_has(form, images):
    network2d = network_with(Form(FORWARDS[form]))
    network2d[1].note = "kept"
    network2d[1].register_buffer("unsaved", torch.zeros(2), persistent=False)
    network3d = inflate(network2d).network
    copied = copy.deepcopy(network3d)
    assert list(copied.state_dict()) == list(network3d.state_dict()) == list(network2d.state_dict())
    assert copied[1].note == "kept"
    clip = images.unsqueeze(2).expand(-1, -1, 4, -1, -1)
    assert torch.equal(copied(clip), network3d(clip))
    assert copied[1].gamma is not network3d[1].gamma


def test_layers_that_are_called_by_the_name_of_their_argument_run(images):
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.pool = nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(2)

        def forward(self, x):
            return self.pool(input=self.conv(input=x))

    network2d = Named().double()
    assert check_inflation(network2d, inflate(network2d, "hara").network, images, frames=3).holds


def test_a_network_of_nothing_that_changes_has_an_empty_table():
    inflated = inflate(nn.Sequential(nn.ReLU()))
    assert list(inflated.table.columns) == ["2D", "3D", "kernel", "stride", "placement", "padding"]
    assert inflated.table.empty
