"""Checks before a long training starts. Every message says what does not fit, and what would."""

import warnings
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from labkit.clip import ClipSpec
from labkit.counting import counted
from labkit.data.transforms import TrainTransform
from labkit.models.head import head_layers, new_head
from labkit.models.weights import nan_tensors, unwrapped
from labkit.names import meant_or_all
from labkit.training.batches import ClipDataset
from labkit.training.device import input_dims
from labkit.training.protocol import Protocol
from labkit.training.stages import ALL, Part, check_stage


def check_numbers(*, epochs: int | None, updates: int | None, **at_least_one: int | None) -> None:
    """Check that one of `epochs` and `updates` is given, and that every number is at least 1. Raises `ValueError`."""
    if (epochs is None) == (updates is None):
        raise ValueError("say how long to train: epochs=... or updates=..., one of the two")
    for name, value in {"epochs": epochs, "updates": updates, **at_least_one}.items():
        if value is not None and value < 1:
            raise ValueError(f"{name} must be at least 1, not {value}")


def prepare(model: nn.Module, train: ClipDataset, val: ClipDataset | None, recipe: Protocol, *, seed: int) -> Part:
    """Check that all fits before a training starts, and give the part of the model that is trained.

    A model that has learnt before (`recipe.trained`) gets a new classifier where the classes differ. Raises
    `ValueError` for what does not fit.
    """
    learnt = recipe.trained is not None
    if recipe.trained not in (None, ALL):
        check_stage(model, recipe.trained)
    check_dataset(model.train(not learnt), train, "training set", batch_size=recipe.batch_size, any_classes=learnt)
    if val is not None:
        check_same_classes(train, val)
    if recipe.name:
        _check_cut(recipe, train)
    if learnt:
        _fit_head(model, len(train.classes), seed=seed)
    batch = min(recipe.batch_size, len(train))
    part = Part(model, recipe.trained, example(model, train.spec, batch))
    if learnt:  # frozen batch norms read batches of one clip, others do not
        part.train()
        _output_shape(unwrapped(model), train, "training set", batch=batch)
    if val is not None:
        check_dataset(model.eval(), val, "validation set", batch_size=recipe.batch_size)
    return part


def _fit_head(model: nn.Module, classes: int, *, seed: int) -> None:
    """A new classifier, where the model's own is for another number of classes."""
    layers = head_layers(model)
    if layers and len(layers[0].weight) != classes:  # type: ignore[arg-type]
        before = new_head(model, classes, seed=seed)
        said = f"the model's classifier was for {counted(before, 'class', 'classes')}, the training set has {classes}"
        warnings.warn(f"{said}: it got a new one, which knows nothing until it is trained", stacklevel=4)


def _check_cut(recipe: Protocol, train: ClipDataset) -> None:
    """Warn where the training clips are not cut as the protocol says."""
    found: dict[str, Any] = {**asdict(train.spec), "sampling": getattr(train, "sampling", recipe.sampling)}
    wanted: dict[str, Any] = {**asdict(recipe.clip), "sampling": recipe.sampling}
    transform = getattr(train, "transform", None)
    if isinstance(transform, TrainTransform):
        found |= {"crop": transform.crop, "flip": transform.flip}
        wanted |= {"crop": recipe.crop, "flip": recipe.flip}
    other = [f"{name} {wanted[name]} there, {found[name]} here" for name in wanted if wanted[name] != found[name]]
    if other:
        warnings.warn(
            f"the training set is not cut as the protocol {recipe.name} says ({'; '.join(other)}). Open it with "
            f"open_dataset(..., **protocol.clips('train')), where protocol = find_protocol({recipe.name!r}); other clips "
            "are find_protocol(..., clip=spec)",
            stacklevel=4,
        )


def check_dataset(
    model: nn.Module, dataset: ClipDataset, role: str, *, batch_size: int, any_classes: bool = False
) -> None:
    """Check that the model can read the dataset's clips and has its classes. `role` is its name: "training set", say.

    `any_classes` is for a model whose classifier will be replaced where the classes differ.

    Raises `ValueError` if not. Warns where the model was made for other clips, but can read these.
    """
    model = unwrapped(model)
    if len(dataset) == 0:
        raise ValueError(f"the {role} is empty")
    if batch_size > 1 and getattr(dataset, "sampling", "") == "whole":
        raise ValueError(f"whole videos differ in length and make no batch: the {role} needs batch_size=1")
    _check_labels(dataset, role)
    if spoilt := nan_tensors(model.state_dict()):
        raise ValueError(
            f"{len(spoilt)} of the model's tensors hold NaN, {spoilt[0]} first, and so would every answer: "
            "its training had failed. Make it anew, or load other weights"
        )
    spec, asked = dataset.spec, getattr(model, "clip", None)
    if asked is not None and asked != dataset.spec:
        differences = [
            f"{name} {getattr(asked, name)} there, {getattr(spec, name)} here"
            for name in ("frames", "stride", "size", "mean", "std", "fps")
            if getattr(asked, name) != getattr(spec, name)
        ]
        warnings.warn(
            f"the model was made for other clips than these ({'; '.join(differences)}). "
            "Give both the same ClipSpec, so that the model's says how to use it: create_model(..., clip=spec).",
            stacklevel=3,
        )
    outputs = _output_shape(model, dataset, role, batch=min(batch_size, len(dataset)))
    if outputs is not None and not any_classes and outputs[-1] != len(dataset.classes):
        raise ValueError(
            f"the model answers with {counted(outputs[-1], 'class', 'classes')}, the {role} has {len(dataset.classes)}: "
            f'create_model(..., num_classes={len(dataset.classes)}), or fit(..., trained="all") for a model with weights'
        )


def check_same_classes(train: ClipDataset, val: ClipDataset) -> None:
    """Check that a label means the same class in both sets. Raises `ValueError`."""
    if tuple(val.classes) != tuple(train.classes):
        raise ValueError(
            f"the training set's classes ({', '.join(train.classes[:3])}, ...) are not "
            f"the validation set's ({', '.join(val.classes[:3])}, ...)"
        )


def _check_labels(dataset: ClipDataset, role: str) -> None:
    table = getattr(dataset, "table", None)
    if table is None or "label" not in table:
        return
    labels = np.asarray(table["label"])
    outside = labels[(labels < 0) | (labels >= len(dataset.classes))]
    if len(outside):
        raise ValueError(
            f"label {outside[0]} in the {role} is outside the list of {counted(len(dataset.classes), 'class', 'classes')}"
        )


def _output_shape(model: nn.Module, dataset: ClipDataset, role: str, *, batch: int) -> torch.Size | None:
    """The shape of the model's answer, from a pass without values; None for a model that needs values."""
    clips, frames = example(model, dataset.spec, batch), dataset.spec.frames
    if input_dims(model) == 4 and frames != 1:
        raise ValueError(f"an image network reads single frames; the {role} has clips of {frames}: ClipSpec(frames=1)")
    try:
        return _shape_of_answer(model, clips)
    except NotImplementedError:
        return None
    except (RuntimeError, ValueError, IndexError) as error:
        if batch == 1 and model.training and _can_read(model, example(model, dataset.spec, 2)):
            few = f"the {role} has one clip" if len(dataset) == 1 else "batch_size is 1"
            raise ValueError(
                f"{few}, and this network needs two clips to learn from: its batch normalisation compares the values of a "
                "batch, and at the end of the network one clip has a single value in each channel"
            ) from error
        raise ValueError(f"the model cannot read a batch {tuple(clips.shape)} of the {role}: {error}") from error


def example(model: nn.Module, spec: ClipSpec, batch: int) -> Tensor:
    """A batch without values (on the meta device) as the model reads it: `(B, C, T, H, W)`; for images `(B, C, H, W)`."""
    channels, frames, size, _ = spec.shape
    shape = (batch, channels, size, size) if input_dims(model) == 4 else (batch, channels, frames, size, size)
    return torch.empty(shape, device="meta")


def _shape_of_answer(model: nn.Module, clips: Tensor) -> torch.Size:
    state: dict[str, Tensor] = {
        name: value.detach().to("meta") for name, value in [*model.named_parameters(), *model.named_buffers()]
    }
    with torch.no_grad():
        return functional_call(model, state, (clips,)).shape


def _can_read(model: nn.Module, clips: Tensor) -> bool:
    try:
        _shape_of_answer(model, clips)
    except (RuntimeError, ValueError, IndexError):
        return False
    return True


def fit_batch(batch_size: int, clips: int) -> int:
    """`batch_size`, or the number of clips where there are fewer, with a warning."""
    if batch_size > clips:
        warnings.warn(
            f"batch_size is {batch_size}, but there {'is' if clips == 1 else 'are'} {counted(clips, 'clip')}: every batch holds {clips}",
            stacklevel=3,
        )
    return min(batch_size, clips)


def check_evaluation(dataset: Any, level: str) -> None:
    """Check that the clips suit the level: a video needs windows or evenly spaced clips, not one random crop."""
    if level not in ("clip", "video"):
        raise ValueError(f"unknown level {level!r}{meant_or_all(level, ('clip', 'video'))}")
    if level == "video" and getattr(dataset, "sampling", "windows") == "random":
        raise ValueError('video level wants all of each video: evaluate(model, dataset.with_sampling("windows"))')
