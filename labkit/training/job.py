"""One training that is asked for by name: which dataset, which network, which protocol. `labkit train` runs it.

Its folder holds `job.json`, the files of `fit`, and at the end `weights.safetensors`, which says what it is
(`labkit.models.open_trained`). The same job in the same folder goes on where it was stopped.
"""

import json
import math
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import nn

from labkit.atomic import write_atomically
from labkit.clip import ClipSpec
from labkit.counting import counted
from labkit.data.datasets import open_dataset
from labkit.data.layouts import LayoutError
from labkit.data.splits import Subset
from labkit.data.video_dataset import VideoDataset
from labkit.data.video_file import VideoError
from labkit.models.trained import WEIGHTS, Trained, same_classes
from labkit.models.weights import save_weights
from labkit.models.zoo import create_model
from labkit.names import did_you_mean
from labkit.records import History, Level, Predictions, read_mapping
from labkit.training.evaluate import evaluate_both
from labkit.training.loop import fit
from labkit.training.protocol import Protocol
from labkit.training.protocols import find_protocol

JOB = "job.json"
FEW_UPDATES = 100  # a network learns little in fewer
MEASURED = 20  # about so many times in a training


@dataclass(frozen=True, kw_only=True)
class Job:
    """What `labkit train` was asked to do. `changes` are fields of the protocol, `clip` of its clip, `overrides` of the network."""

    data: str = "folder"
    root: str = ""
    split: int = 1
    val: str = "test"
    limit: int | None = None
    model: str = "resnet18"
    protocol: str = "phone"
    overrides: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)
    clip: Mapping[str, Any] = field(default_factory=dict)
    cached: bool = False
    seed: int = 0

    @classmethod
    def read(cls, folder: str | Path) -> "Job":
        """The job of a folder. Raises `FileNotFoundError` if there is none, `ValueError` for a file that is not one."""
        file = Path(folder) / JOB
        if not file.is_file():
            raise FileNotFoundError(f"{folder} has no {JOB}: `labkit train` leaves one")
        values = read_mapping(file)
        known = {each.name: type(getattr(cls(), each.name)) for each in fields(cls)}
        for key, value in values.items():
            wanted = (int, type(None)) if key == "limit" else known.get(key)
            if wanted is None or not isinstance(value, wanted):
                raise ValueError(f"{file} is not of a training: {key!r} is {value!r:.60}")
        return cls(**values)

    def write(self, folder: Path) -> None:
        """Keep the job in its folder."""
        text = json.dumps(asdict(self), indent=1) + "\n"
        write_atomically(folder / JOB, lambda temporary: temporary.write_text(text, encoding="utf-8"))

    @property
    def recipe(self) -> Protocol:
        """The protocol with the changes of this job. Raises `ValueError` or `TypeError` for what it cannot be."""
        recipe = find_protocol(self.protocol)
        known = [each.name for each in fields(ClipSpec)]
        for name in self.clip:
            if name not in known:
                raise ValueError(f"a clip has no {name!r}{did_you_mean(name, known)}")
        return recipe.but(**self.changes, **({"clip": recipe.clip.but(**self.clip)} if self.clip else {}))

    def network(self, classes: int) -> nn.Module:
        """The network, with weights drawn by the job's seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return create_model(self.model, num_classes=classes, clip=self.recipe.clip, **self.overrides)

    def open(self, subset: Subset, *, workers: int | None = None, progress: bool = True) -> VideoDataset:
        """A subset of the dataset, cut as the protocol says. Raises as `open_dataset` does."""
        return open_dataset(
            self.data,
            self.root or None,
            subset,
            split=self.split,
            val=self.val,  # type: ignore[arg-type]
            limit=self.limit if subset == "train" else None,
            seed=self.seed,
            cached=self.cached and subset != "test",
            workers=workers,
            progress=progress,
            **self.recipe.clips(subset),
        )


def check_job(job: Job) -> None:
    """Check names and numbers before any file is read. Raises `ValueError` or `TypeError`, with the nearest name."""
    recipe = job.recipe
    if recipe.epochs is None and recipe.updates is None:
        raise ValueError("say how long to train: --epochs or --updates")
    with torch.device("meta"):
        network = create_model(job.model, num_classes=2, clip=recipe.clip, **job.overrides)
    if getattr(network, "flow", None) is not None:
        raise ValueError(
            f"{job.model} reads frames and flow; `labkit train` trains networks of frames. See notebook 07"
        )


def run_job(
    job: Job,
    folder: Path,
    *,
    device: str = "auto",
    workers: int = 0,
    resume: bool = True,
    progress: bool = True,
) -> History:
    """Train, and leave `weights.safetensors` in the folder. A job that was stopped goes on.

    Raises as `open_dataset` and `fit` do, before anything is written where names, numbers or data do not fit, and
    `ValueError` for a dataset of one class.
    """
    check_job(job)
    train = job.open("train", progress=progress)
    if len(train.classes) < 2:
        raise ValueError(
            f"{job.root or job.data} has one class, {train.classes[0]!r}, and a network tells classes apart: "
            "give each class a folder of its own"
        )
    val = _validation(job, progress)
    recipe = job.recipe
    batches = max(1, len(train) // recipe.batch_size)  # about, for the two numbers below
    updates = recipe.updates or (recipe.epochs or 1) * batches
    if updates < FEW_UPDATES:
        warnings.warn(
            f"{counted(len(train), 'clip')} and {counted(updates, 'update')}: a network learns little from so few. "
            "--updates 400 trains longer",
            stacklevel=2,
        )
    network = job.network(len(train.classes))
    folder.mkdir(parents=True, exist_ok=True)
    job.write(folder)
    history = fit(
        network,
        train,
        val,
        protocol=recipe,
        seed=job.seed,
        device=device,
        workers=workers,
        folder=folder,
        resume=resume,
        name=folder.resolve().name,
        progress=progress,
        val_every=max(1, math.ceil(updates / batches / MEASURED)),
    )
    save_weights(network.cpu(), folder / WEIGHTS, classes=list(train.classes), protocol=job.protocol)
    return history


def _validation(job: Job, progress: bool) -> VideoDataset | None:
    """The validation set; None, with a warning, where the dataset has no video for it."""
    try:
        return job.open("val", progress=progress)
    except (LayoutError, VideoError) as error:
        warnings.warn(f"training goes on without validation: {error}", stacklevel=3)
        return None


def evaluate_job(
    trained: Trained,
    job: Job,
    subset: Subset = "test",
    *,
    device: str = "auto",
    batch_size: int = 32,
    workers: int = 0,
    progress: bool = True,
) -> tuple[VideoDataset, dict[Level, Predictions]]:
    """A subset of the job's dataset, cut for the network's test, and its predictions at clip and video level.

    Raises as `open_dataset` does, and `ValueError` where the dataset's classes are not those of the weights.
    """
    cut = find_protocol(trained.protocol or None).but(clip=trained.clip).clips("test")
    dataset = open_dataset(
        job.data,
        job.root or None,
        subset,
        split=job.split,
        val=job.val,  # type: ignore[arg-type]
        seed=job.seed,
        progress=progress,
        **cut,
    )
    same_classes(trained.classes, dataset.classes, "the weights", "the dataset")
    found = evaluate_both(
        trained.network, dataset, device=device, batch_size=batch_size, workers=workers, progress=progress
    )
    return dataset, found
