"""2D networks trained on images, ready to be inflated: torchvision's ImageNet weights, or weights from a local file.

`pretrained_2d("resnet50")` downloads, checks and loads; `pretrained_2d("resnet50", path)` reads a local file instead.
Either way the network comes with the images it reads and the names of its classes.
"""

import hashlib
import http.client
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError

import torch
import torchvision
from torch import nn

from labkit.clip import ClipSpec
from labkit.models.weight_files import WeightsError
from labkit.models.weights import Loaded, class_count, load_weights
from labkit.models.zoo import entry, list_models
from labkit.names import did_you_mean

PATIENCE = 10.0  # seconds without a sign of life after which a download is given up
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class DownloadError(OSError):
    """Weights that could not be downloaded. The message is one line, with the way out."""


class Pretrained(NamedTuple):
    """What `pretrained_2d` gives."""

    network: nn.Module  # in evaluation mode; reads RGB images (B, 3, H, W)
    clip: ClipSpec  # the images that it reads: one frame, its size and the scale of its pixels
    categories: tuple[str, ...]  # names of its classes; empty if they are not known
    loaded: Loaded


@dataclass(frozen=True)
class Source:
    """One network by name: its builder, its images, the address of its weights."""

    build: Callable[..., nn.Module]  # (num_classes=) -> network, in the shape of its file
    clip: ClipSpec
    categories: tuple[str, ...] = ()
    url: str = ""  # of the published weights; empty where they come from a file alone
    finish: Callable[[Any], None] | None = None  # turns the network of the file into the result


def pretrained_2d(name: str, path: str | Path = "", *, progress: bool = True, **options: Any) -> Pretrained:
    """A 2D classification network by name, with its published ImageNet weights or with those of a local file.

    `name` is one of `pretrained_names()`: torchvision's classification networks, the zoo's 2D networks (`resnet18_2d`
    reads torchvision's ImageNet weights too), and `squeezenet1_0_caffe`. Without a `path`, torchvision's weights are
    downloaded into torchvision's own folder, with progress. Their checksum is compared with the published one, also if
    the file is there already. `path` is a local file instead, safetensors or PyTorch's; the network then has the
    number of classes of the file. `options` go to the network's builder.

    Raises `ValueError` for an unknown name, with the nearest; `DownloadError` if the download fails or its checksum is
    not the published one; `WeightsError` for a file that cannot be read or does not fit.
    """
    source = _source(name, options)
    file = Path(path).expanduser() if path else _published_file(name, source.url, progress)
    with torch.device("meta"):
        shape_only = source.build(num_classes=1000)
    classes = class_count(shape_only, file)
    network = source.build(num_classes=classes)
    loaded = load_weights(network, file, new_head=False)
    if source.finish is not None:
        source.finish(network)
    known = source.categories if len(source.categories) == classes else loaded.metadata.get("classes", ())
    return Pretrained(network.eval(), source.clip, tuple(known), loaded)


def pretrained_names() -> list[str]:
    """The names that `pretrained_2d` takes."""
    return [*_torchvision_names(), *list_models("*_2d"), *OTHERS]


def _torchvision_names() -> list[str]:
    return torchvision.models.list_models(module=torchvision.models)  # the classifiers; subpackages hold the others


def _source(name: str, options: Mapping[str, Any]) -> Source:
    if name in OTHERS:
        return OTHERS[name](options)
    if name in _torchvision_names():
        return _torchvision(name, options)
    if name in list_models("*_2d"):
        return _from_the_zoo(name, options)
    hint = did_you_mean(name, pretrained_names())
    raise ValueError(f"unknown 2D network {name!r}{hint} labkit.models.pretrained.pretrained_names() lists them")


def _torchvision(name: str, options: Mapping[str, Any]) -> Source:
    # The first weights where there are several: trained as the papers did, before longer recipes.
    weights = next(iter(torchvision.models.get_model_weights(name)))
    images = weights.transforms()
    mean, std = (tuple(round(255 * value, 3) for value in values) for values in (images.mean, images.std))
    finish = None
    if name in ("googlenet", "inception_v3"):
        # These were trained on pixels in [-1, 1]. torchvision rescales inside `forward`; here `clip` scales the pixels.
        mean = std = (127.5,) * 3
        finish = _drop_auxiliary_classifiers
        options = {"init_weights": False, "transform_input": False, **options}
    return Source(
        build=lambda num_classes: torchvision.models.get_model(name, num_classes=num_classes, **options),
        clip=ClipSpec(frames=1, size=images.crop_size[0], mean=mean, std=std),
        categories=tuple(weights.meta["categories"]),
        url=weights.url,
        finish=finish,
    )


def _drop_auxiliary_classifiers(network: Any) -> None:
    """Remove the classifiers that are used in training alone; the published files have them."""
    network.aux_logits = False
    for name in ("aux1", "aux2", "AuxLogits"):
        if hasattr(network, name):
            setattr(network, name, None)


def _from_the_zoo(name: str, options: Mapping[str, Any]) -> Source:
    """Our own 2D networks. Where torchvision has the same one, its weights are read, with shortcut B as it has them."""
    row = entry(name)
    published = {"wide_resnet50_2d": "wide_resnet50_2"}.get(name, name.removesuffix("_2d"))
    if published not in _torchvision_names():
        categories = CIFAR10 if name == "resnet20_2d" else ()
        return Source(lambda num_classes: row.build(num_classes, **options), options.get("clip", row.clip), categories)
    source = _torchvision(published, {})
    residual = {"shortcut": "B"} if "shortcut" in row.overrides else {}
    settings = {"clip": source.clip, **residual, **options}
    return Source(
        lambda num_classes: row.build(num_classes, **settings), settings["clip"], source.categories, source.url
    )


def _caffe_squeezenet(options: Mapping[str, Any]) -> Source:
    """SqueezeNet v1.0 as published for Caffe: its last convolution pads by 1, and its images are BGR."""

    def build(num_classes: int) -> nn.Module:
        network = torchvision.models.squeezenet1_0(num_classes=num_classes, **options)
        network.classifier[1].padding = (1, 1)
        return network

    clip = ClipSpec(frames=1, size=227, mean=(123.0, 117.0, 104.0), std=(1.0, 1.0, 1.0))
    return Source(build, clip, _torchvision("squeezenet1_0", {}).categories, finish=_read_rgb)


@torch.no_grad()
def _read_rgb(network: nn.Module) -> None:
    """Turn a network for BGR images into the same network for RGB: its first convolution's channels the other way."""
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    first.weight.copy_(first.weight.flip(1))


OTHERS: dict[str, Callable[[Mapping[str, Any]], Source]] = {"squeezenet1_0_caffe": _caffe_squeezenet}


def _published_file(name: str, url: str, progress: bool) -> Path:
    """The published weights on this machine, downloaded unless they are there. Raises `DownloadError`."""
    if not url:
        raise WeightsError(name, "its weights are not for download here: pass a file of them as path=...")
    file = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    checksum = checksum_in(url)
    if file.is_file() and _sha256(file).startswith(checksum):
        return file
    way_out = "Pass a file of these weights as path=..., or go on without."
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with _patience(PATIENCE):
            torch.hub.download_url_to_file(url, str(file), hash_prefix=checksum, progress=progress)
    except RuntimeError as error:  # torch's word for another checksum
        raise DownloadError(f"the file from {url} is not the published {name}: {error}. {way_out}") from None
    except (OSError, http.client.HTTPException) as error:
        reason = error if isinstance(error, HTTPError) else getattr(error, "reason", error)
        raise DownloadError(f"the weights of {name} could not be downloaded from {url} ({reason}). {way_out}") from None
    return file


def checksum_in(url: str) -> str:
    """The beginning of the file's SHA-256, which published file names carry: `resnet18-f37072fd.pth`."""
    found = re.search(r"-([0-9a-f]{8,})\.", url)
    if found is None:
        raise ValueError(f"{url} has no checksum in its name, so the file could not be checked")
    return found[1]


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """Give up connections that stay silent for so many seconds. Otherwise a stalled download waits for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
