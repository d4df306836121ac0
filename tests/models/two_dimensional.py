"""2D networks to inflate in tests: one of each family, whose outputs depend on their input.

A batch norm with statistics of nothing passes little on: the logits of some families then hardly depend on the image,
and a forgotten 1/t goes unnoticed. So the statistics are those of frames of videos, scale and shift are then drawn, and
layer scales are near 1.
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torchvision
from torch import Tensor, nn

from labkit.data.motion import MOTIONS, draw_scene, render
from labkit.models import create_model


def _torchvision(name: str, **options: object) -> Callable[[], nn.Module]:
    return lambda: torchvision.models.get_model(name, num_classes=10, **options)


def _ours(name: str, **options: object) -> Callable[[], nn.Module]:
    return lambda: create_model(name, num_classes=10, **{"width": 16, **options})


def _vgg(name: str) -> Callable[[], nn.Module]:
    """With a small classifier: VGG's own has 120 million weights, none of them in a convolution."""

    def build() -> nn.Module:
        with torch.device("meta"):  # its own would be drawn only to be thrown away
            network = torchvision.models.get_model(name, init_weights=False)
            network.classifier = nn.Identity()
        network = network.to_empty(device="cpu")
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                nn.init.normal_(module.bias, std=0.1)
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
        network.classifier = nn.Sequential(nn.Linear(512 * 7 * 7, 64), nn.ReLU(), nn.Dropout(), nn.Linear(64, 10))
        return network

    return build


FAMILIES: dict[str, Callable[[], nn.Module]] = {
    "resnet18": _torchvision("resnet18"),
    "resnext50_32x4d": _torchvision("resnext50_32x4d"),
    "densenet121": _torchvision("densenet121"),
    "vgg11_bn": _vgg("vgg11_bn"),
    "googlenet": _torchvision("googlenet", init_weights=False),
    "inception_v3": _torchvision("inception_v3", init_weights=False, aux_logits=False),
    "squeezenet1_1": _torchvision("squeezenet1_1"),
    "mobilenet_v2": _torchvision("mobilenet_v2"),
    "mobilenet_v3_small": _torchvision("mobilenet_v3_small"),
    "efficientnet_b0": _torchvision("efficientnet_b0"),
    "convnext_tiny": _torchvision("convnext_tiny"),
    "our resnet18": _ours("resnet18_2d", shortcut="A"),
    "our densenet121": _ours("densenet121_2d"),
    "our inception_v1": _ours("inception_v1_2d"),
}


def size_of(family: str) -> int:
    """The images' height and width. Inception-V3 needs 75, and far more for its auxiliary head, which is left out."""
    return 80 if family == "inception_v3" else 64


def network_of(family: str, frames: Tensor) -> nn.Module:
    """A network of this family in float64 and evaluation mode, made to depend on its input by `frames`."""
    torch.manual_seed(0)
    network = FAMILIES[family]().double()
    for name, parameter in network.named_parameters():
        if name.endswith("layer_scale"):
            nn.init.uniform_(parameter, 0.5, 1.5)
    take_statistics(network, frames)
    for norm in _norms(network):
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, std=0.2)
    return network


def take_statistics(network: nn.Module, frames: Tensor) -> None:
    """Give its batch norms the statistics of `frames`, under the scales and shifts that they have."""
    for norm in _norms(network):
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over what it sees
    with torch.no_grad():
        network.train()(frames)
    network.eval()


def _norms(network: nn.Module) -> list[nn.BatchNorm2d]:
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


VIDEOS = Path(os.environ.get("LABKIT_REAL_DATA", Path(__file__).resolve().parents[3] / "shared" / "real")) / "videos"


def frames_of_videos(size: int, count: int) -> Tensor:
    """`(count, 3, size, size)` in float64, standardised: frames of the real clips.

    Where the real clips are not there, frames of the generated dataset take their place.
    """
    pixels = _real(VIDEOS, size, count) if VIDEOS.is_dir() else _generated(size, count)
    frames = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).double()
    return (frames - frames.mean()) / frames.std()


def _real(videos: Path, size: int, count: int) -> list[np.ndarray]:
    import av

    paths = [*sorted(videos.glob("v_*.avi")), videos / "cleaning_pool.mp4"]
    pixels: list[np.ndarray] = []
    for path in paths:
        with av.open(str(path)) as container:
            wanted = -(-count // len(paths))
            frames = [frame for _, frame in zip(range(100), container.decode(video=0), strict=False)]
            pixels += [f.reformat(size, size, "rgb24").to_ndarray() for f in frames[:: 100 // wanted][:wanted]]
    return pixels[::-1][:count]


def _generated(size: int, count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    names = list(MOTIONS)
    return [render(names[i % len(names)], draw_scene(rng), size=size)[i % 4] for i in range(count)]
