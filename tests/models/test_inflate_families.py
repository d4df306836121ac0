"""The inflation argument, family by family: on a boring video the 3D network is the 2D network.

The statistics of the batch norms are those of frames of the real clips; where these are absent, of the generated
dataset.
"""

import copy

import pytest
import torch
from torch import nn
from two_dimensional import FAMILIES, frames_of_videos, network_of, size_of, take_statistics

from labkit.models.inflate import PRESETS, check_inflation, inflate

EXACT = 1e-10


def boring(images, frames=3):
    """`(B, C, H, W)` to `(B, C, T, H, W)`: the image repeated."""
    return images.unsqueeze(2).expand(-1, -1, frames, -1, -1)


def relative(a, b):
    return ((a.double() - b.double()).abs().max() / b.double().abs().max()).item()


def in_use(network, kind):
    """Names of modules of a kind, without those of the auxiliary heads, which only run in training."""
    return [name for name, module in network.named_modules() if isinstance(module, kind) and "aux" not in name]


def wide_convolutions(network):
    """Those with something to forget: a kernel of several frames, so weights that are divided."""
    return [name for name in in_use(network, nn.Conv3d) if network.get_submodule(name).kernel_size[0] > 1]


def is_scale_free(network, name):
    """Whether a LayerNorm per position follows at once: it takes out again what its input was multiplied by."""
    parent, _, child = name.rpartition(".")
    siblings = network.get_submodule(parent)
    if not isinstance(siblings, nn.Sequential) or not child.isdigit():
        return False
    return any(type(each).__name__.startswith("LayerNorm") for each in list(siblings)[int(child) + 1 : int(child) + 3])


def spread(items, count):
    """`count` of them: the first, the last, and some between; none of none."""
    return sorted(
        {items[round(i * (len(items) - 1) / (count - 1))] for i in range(count if items else 0)}, key=items.index
    )


def effect_of_forgetting(network3d, name, images, expected):
    """What shows if one convolution's weights are not divided by t: in the logits, or in its own output.

    Where a LayerNorm follows at once, as in ConvNeXt, the convolution's own output is looked at.
    """
    convolution = network3d.get_submodule(name)
    frames = convolution.kernel_size[0]
    own = []
    hook = convolution.register_forward_hook(lambda module, args, out: own.append(out))
    convolution.weight.data *= frames
    wrong = network3d(boring(images))
    convolution.weight.data /= frames
    scale_free = is_scale_free(network3d, name)
    if scale_free:
        network3d(boring(images))
    hook.remove()
    return relative(own[0], own[1]) if scale_free else relative(wrong, expected)


@pytest.fixture(scope="module", autouse=True)
def _no_gradients():
    with torch.no_grad():
        yield


# They take seconds each: `make check` leaves them out.
LARGE = ("convnext_tiny", "densenet121", "efficientnet_b0", "googlenet", "inception_v3", "resnext50_32x4d", "vgg11_bn")


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=[pytest.mark.slow] * (name in LARGE)) for name in FAMILIES]
)
def family(request):
    return request.param


@pytest.fixture(scope="module")
def frames(family):
    """The frames that the statistics are of."""
    return frames_of_videos(size_of(family), 12)


@pytest.fixture(scope="module")
def case(family, frames):
    """A family's 2D network, two of the frames as its images, and its logits for them."""
    network = network_of(family, frames)
    images = frames[[0, 5]]
    return network, images, network(images)


# Under scales and shifts drawn after the statistics its values grow to thousands. Its own rounding grows with them: in
# float32 to 1e-2, of which ten times would be a bound worth nothing; in float64, in its gates, to a few 1e-11.
GROWING = ("efficientnet_b0",)


def calmed(network2d, frames):
    """The network with its statistics taken once more, under the scales and shifts drawn: values stay near 1."""
    network2d = copy.deepcopy(network2d)
    take_statistics(network2d, frames)
    return network2d


def test_inflated_network_equals_2d_network_on_a_boring_video(case):
    network2d, images, expected = case
    assert relative(inflate(network2d).network(boring(images)), expected) < EXACT
    assert relative(inflate(network2d, "hara", placement="centre").network(boring(images, frames=1)), expected) < EXACT


def test_in_float32_it_is_off_by_no_more_than_rounding(case, family, frames):
    network2d, images, expected = case
    if family in GROWING:
        network2d = calmed(network2d, frames)
        expected = network2d(images)
    network32, images32 = copy.deepcopy(network2d).float(), images.float()
    own_error = relative(network32(images32), expected)
    assert own_error < 5e-5
    assert relative(inflate(network32).network(boring(images32)), expected) < max(1e-5, 10 * own_error)


def test_the_proof_has_power(case):
    """What must show, shows: another image, a forgotten 1/t, zeros in time, one batch norm left in training mode."""
    network2d, images, expected = case
    assert relative(expected.flip(0), expected) > 0.05

    assert relative(inflate(network2d, time_padding="zeros").network(boring(images)), expected) > 1e-3

    network3d = inflate(network2d).network
    for name in spread(wide_convolutions(network3d), 3):
        assert effect_of_forgetting(network3d, name, images, expected) > 1e-3, name

    norms = in_use(network3d, nn.BatchNorm3d)
    for name in spread(norms, 2):
        norm = network3d.get_submodule(name)
        before = {key: tensor.clone() for key, tensor in norm.state_dict().items()}
        norm.train()
        assert relative(network3d(boring(images)), expected) > 1e-3, name
        norm.eval().load_state_dict(before)


@pytest.mark.slow
@pytest.mark.parametrize("placement", ["mean", "centre"])
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_and_placement_keeps_the_equality_in_every_layer(case, family, frames, preset, placement):
    network2d, images, _ = case
    if family in GROWING:
        network2d = calmed(network2d, frames)
    network3d = inflate(network2d, preset, placement=placement).network
    for length in (1, 2, 5):
        report = check_inflation(network2d, network3d, images[:1], frames=length)
        assert report.holds, report


@pytest.mark.slow
def test_forgetting_to_divide_shows_in_whichever_convolution(case):
    """In a dozen of them, from the first to the last; with one image, for time."""
    network2d, images, expected = case
    network3d = inflate(network2d).network
    for name in spread(wide_convolutions(network3d), 12):
        assert effect_of_forgetting(network3d, name, images[:1], expected[:1]) > 1e-3, name
