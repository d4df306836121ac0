"""A 2D network that names shapes in single frames of the embedded dataset, for inflation without a download.

It takes the place of ImageNet weights on a machine that is offline. It trains in under a minute on a CPU, and its
weights are kept: the same settings, data and code (its own and all that it imports) give them at once.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from labkit.cache import cache_folder
from labkit.clip import ClipSpec
from labkit.closure import digest_of_code
from labkit.data import motion
from labkit.data.datasets import open_dataset
from labkit.data.motion_labels import relabel
from labkit.data.video_dataset import VideoDataset
from labkit.models import WeightsError, create_model, load_weights, save_weights
from labkit.training.evaluate import evaluate
from labkit.training.loop import fit

IMAGE = motion.CLIP.but(frames=1)  # one frame of a clip
EPOCHS, BATCH, RATE = 6, 64, 0.1


class ShapeNetwork(NamedTuple):
    """The result of `shape_network`."""

    network: nn.Module  # in evaluation mode, on the CPU
    clip: ClipSpec  # the images that it reads
    categories: tuple[str, ...]
    accuracy: float  # share in 0-1 of test frames named right (clip level, one frame of each video)
    path: Path  # where the weights are kept
    trained: bool  # whether it was trained now; False if its weights were kept


def shape_network(
    root: str | Path = "",
    *,
    model: str = "resnet18_2d",
    width: int = 16,
    epochs: int = EPOCHS,
    seed: int = 0,
    device: str = "auto",
    progress: bool = True,
) -> ShapeNetwork:
    """A small 2D network of the zoo, trained to name the shape in one frame of a video. It never sees a movement.

    `root` is the motion dataset's folder; generated, if empty. The weights are kept in labkit's cache under a name that
    depends on the settings, the data and the code, and are found there the next time. The training of a stopped call
    starts over. Raises what `open_dataset` and `create_model` raise.
    """
    settings = {"model": model, "width": width, "epochs": epochs, "seed": seed}
    with torch.random.fork_rng(devices=[]):  # the caller's random numbers go on as they were
        torch.manual_seed(seed)
        network = create_model(model, width=width, num_classes=len(motion.SHAPES), clip=IMAGE)
    train = _frames("train", root, seed, progress)
    path = cache_folder("shapes") / f"{model}-{_key(settings, network, train)}.safetensors"
    accuracy = _kept_accuracy(network, path)
    trained = accuracy is None
    if accuracy is None:
        test = _frames("test", root, seed, progress, sampling="centre")
        recipe: dict[str, Any] = {"batch_size": min(BATCH, len(train)), "lr": RATE, "nesterov": True}
        fit(network, train, epochs=epochs, schedule="onecycle", seed=seed, device=device, name="2D, shapes",
            progress=progress, **recipe)  # fmt: skip
        accuracy = evaluate(network, test, level="clip", device=device, progress=progress).accuracy()
        save_weights(network.cpu().float(), path, accuracy=accuracy, classes=train.classes, settings=settings)
    return ShapeNetwork(network.cpu().float().eval(), IMAGE, tuple(train.classes), accuracy, path, trained)


def _frames(subset: Any, root: str | Path, seed: int, progress: bool, **options: Any) -> VideoDataset:
    opened = open_dataset(
        "motion", root or None, subset, spec=IMAGE, seed=seed, cached=True, progress=progress, **options
    )
    return relabel(opened, "shape")


def _kept_accuracy(network: nn.Module, path: Path) -> float | None:
    """Load the kept weights and return their accuracy; None if there are none, or the file is damaged."""
    if not path.is_file():
        return None
    try:
        return float(load_weights(network, path, new_head=False).metadata["accuracy"])
    except WeightsError:
        return None  # trained anew, and written over


def _key(settings: Mapping[str, Any], network: nn.Module, train: VideoDataset) -> str:
    """A short hash of everything that decides the weights."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    # The zoo names the module of a network by a string.
    digest.update(digest_of_code(__name__, type(network).__module__).encode())
    table = train.table
    digest.update(json.dumps([table["video"].tolist(), table["label"].tolist()]).encode())
    # The folder's own settings decide the pixels: seed, size, noise.
    about = Path(table["path"].iloc[0]).parents[2] / "motion.json"
    digest.update(about.read_bytes() if about.is_file() else b"")
    return digest.hexdigest()[:16]
