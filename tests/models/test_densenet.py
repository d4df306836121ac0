"""DenseNets: published counts, the trace of the paper, sizes, and the same numbers as torchvision's."""

import pytest
import torch
from torch import nn
from torchvision import models as torchvision
from twins import largest_difference

from labkit.models import create_model
from labkit.models.convolutions import OPS
from labkit.models.densenet import DenseLayer, DenseNet, HalvingPool2d, HalvingPool3d

# Counted by running the published 3D code, 400 classes.
PARAMETERS = {"densenet121": 11_696_528, "densenet169": 19_252_624, "densenet201": 26_143_120}

# torchvision's names -> ours
RENAMES = (
    (r"^features\.", ""),
    (r"^conv0", "conv1"),
    (r"^norm0", "bn1"),
    (r"^norm5", "bn2"),
    (r"denseblock(\d)\.denselayer", r"block\1.layer"),
    (r"norm", "bn"),
    (r"^classifier", "fc"),
)


def small(name="densenet121", **overrides):
    torch.manual_seed(0)
    return create_model(name, num_classes=5, width=4, **overrides)


@pytest.mark.parametrize("size", [(33, 35), (64, 47)])
def test_the_2d_network_computes_what_torchvisions_does(size):
    with torch.device("meta"):
        ours, theirs = create_model("densenet121_2d", 7), torchvision.densenet121(num_classes=7)
    assert largest_difference(ours, theirs, RENAMES, (3, *size)) < 1e-10


@pytest.mark.parametrize("name", ["densenet169", "densenet201"])
def test_the_deeper_2d_networks_have_torchvisions_tensors(name):
    with torch.device("meta"):
        ours, theirs = create_model(f"{name}_2d"), getattr(torchvision, name)(num_classes=400)
    assert [t.shape for t in ours.state_dict().values()] == [t.shape for t in theirs.state_dict().values()]


def test_shape_trace_is_that_of_the_paper():
    with torch.device("meta"):
        network, clip = create_model("densenet121"), torch.empty(1, 3, 16, 112, 112)
        trace = {name: tuple(out.shape[1:]) for name, out in network.walk(clip)}
    assert trace == {
        "stem": (64, 16, 56, 56),
        "pool": (64, 8, 28, 28),
        "block1": (256, 8, 28, 28),
        "transition1": (128, 4, 14, 14),
        "block2": (512, 4, 14, 14),
        "transition2": (256, 2, 7, 7),
        "block3": (1024, 2, 7, 7),
        "transition3": (512, 1, 3, 3),
        "block4": (1024, 1, 3, 3),
        "features": (1024,),
        "logits": (400,),
    }
    assert tuple(trace) == network.endpoints


def test_a_dense_layer_passes_on_what_it_read_and_adds_to_it():
    layer, x = DenseLayer(OPS[3], 6, 4).eval(), torch.randn(2, 6, 3, 5, 5)
    out = layer(x)
    assert out.shape == (2, 10, 3, 5, 5)
    assert torch.equal(out[:, :6], x)
    assert layer.conv1.out_channels == 16


@pytest.mark.parametrize(
    ("pool", "reference", "dims"), [(HalvingPool2d, nn.AvgPool2d, 2), (HalvingPool3d, nn.AvgPool3d, 3)]
)
def test_the_halving_pool_is_torchs_but_for_sizes_of_one(pool, reference, dims):
    x = torch.randn(2, 3, *(4, 5, 7)[-dims:])
    assert torch.equal(pool()(x), reference(2)(x))
    thin = x[:, :, :1]
    assert torch.equal(pool()(thin), reference((1, *(2,) * (dims - 1)))(thin))


@pytest.mark.parametrize("size", [(1, 1, 1), (5, 19, 17), (8, 32, 32), (16, 57, 112)])
def test_odd_clip_sizes_work(size):
    network = small().eval()
    clip = torch.randn(2, 3, *size)
    walked = dict(network.walk(clip))
    assert walked["logits"].shape == (2, 5)
    for endpoint in network.endpoints:
        assert torch.equal(network.forward_features(clip, endpoint), walked[endpoint])


def test_every_parameter_gets_a_gradient():
    network = small()
    network(torch.randn(4, 3, 16, 32, 32)).square().sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_2d_twin_is_the_3d_network_with_kernels_of_one_frame():
    """On one frame every 3D kernel meets only its middle slice: cut the others off and the 2D twin remains."""
    deep, flat = small().eval().double(), small("densenet121_2d").eval().double()
    middle = {key: w[:, :, w.shape[2] // 2] if w.ndim == 5 else w for key, w in deep.state_dict().items()}
    flat.load_state_dict(middle)
    images = torch.randn(3, 3, 47, 64, dtype=torch.float64)
    torch.testing.assert_close(deep(images.unsqueeze(2)), flat(images), rtol=0, atol=1e-12)


def test_width_scales_every_layer():
    def channels(width):
        with torch.device("meta"):
            network = create_model("densenet169", width=width)
        return [m.num_features for m in network.modules() if isinstance(m, nn.BatchNorm3d)]

    assert channels(64) == [4 * c for c in channels(16)]


def test_input_channels_dropout_and_bad_values():
    assert small(in_channels=2)(torch.randn(2, 2, 4, 16, 16)).shape == (2, 5)
    clip, network = torch.randn(2, 3, 4, 16, 16), small(dropout=0.5).train()
    assert not torch.equal(network(clip), network(clip))
    with pytest.raises(ValueError, match="width must be at least 2"):
        create_model("densenet121", width=1)
    with pytest.raises(ValueError, match=r"reads \(B, 3, T, H, W\), not a tensor of shape \(2, 3, 8, 8\)"):
        small()(torch.randn(2, 3, 8, 8))
    with pytest.raises(ValueError, match="unknown dims 1"):
        DenseNet((1,), dims=1)
