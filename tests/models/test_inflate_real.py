"""Real 2D networks, inflated, on frames of real clips: they keep what they say."""

import pytest
import torch
import torchvision
from safetensors.torch import load_file
from torch import nn

from labkit.models import create_model, load_weights
from labkit.models.inflate import inflate

pytestmark = pytest.mark.real_data


def boring(images, frames=5):
    return images.unsqueeze(2).expand(-1, -1, frames, -1, -1)


def relative(a, b):
    return ((a.double() - b.double()).abs().max() / b.double().abs().max()).item()


def pixels_of_real_clips(folder, size):
    """Frames 0, 20, 40 of each clip: `(N, 3, size, size)` from 0 to 255."""
    import av

    pixels = []
    for path in sorted((folder / "videos").glob("*")):
        with av.open(str(path)) as container:
            frames = [frame for _, frame in zip(range(60), container.decode(video=0), strict=False)][::20]
            pixels += [torch.from_numpy(f.reformat(size, size, "rgb24").to_ndarray()) for f in frames]
    return torch.stack(pixels).permute(0, 3, 1, 2).float()


def keeps_its_predictions(network, images, placement):
    with torch.no_grad():
        expected = network(images)
        exact = network.double()(images.double())
        assert relative(exact[1:], exact[:-1]) > 0.05  # the answers depend on the picture
        assert exact.argmax(1).unique().numel() > 1
        assert relative(inflate(network, placement=placement).network(boring(images.double())), exact) < 1e-10
        deep = inflate(network.float(), placement=placement).network(boring(images))
    assert relative(deep, exact) < max(1e-5, 10 * relative(expected, exact))
    assert torch.equal(deep.argmax(1), expected.argmax(1))


@pytest.mark.parametrize("placement", ["mean", "centre"])
def test_a_real_cifar_network_keeps_its_predictions_on_repeated_frames_of_real_clips(real_data, placement):
    network = create_model("resnet20_2d", num_classes=10)
    loaded = load_weights(network, real_data / "weights" / "resnet20-12fca82f.th")
    assert loaded.metadata["best_prec1"] == pytest.approx(91.78)
    mean, std = (torch.tensor(values)[:, None, None] for values in (network.clip.mean, network.clip.std))
    keeps_its_predictions(network.eval(), (pixels_of_real_clips(real_data, 32) - mean) / std, placement)


@pytest.mark.slow
@pytest.mark.parametrize("placement", ["mean", "centre"])
def test_a_real_imagenet_network_keeps_its_predictions_on_repeated_frames_of_real_clips(real_data, placement):
    network = torchvision.models.squeezenet1_0()
    network.classifier[1] = nn.Conv2d(512, 1000, kernel_size=1, padding=1)  # as published
    network.load_state_dict(load_file(real_data / "weights" / "squeezenet1_0_imagenet.safetensors"))
    pixels = pixels_of_real_clips(real_data, 227)[::3, [2, 1, 0]]  # BGR
    keeps_its_predictions(network.eval(), pixels - torch.tensor([104.0, 117.0, 123.0])[:, None, None], placement)
