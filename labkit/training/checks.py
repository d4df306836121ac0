"""What is checked before a long training starts: every message says what does not fit and what would."""

import warnings
from dataclasses import fields
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from labkit.clip import ClipSpec
from labkit.counting import counted
from labkit.models.network import Network
from labkit.models.weights import nan_tensors, unwrapped
from labkit.training.batches import ClipDataset, flow_spec
from labkit.training.device import input_dims


def check_numbers(*, epochs: int | None, updates: int | None, **at_least_one: int | None) -> None:
    """Exactly one of `epochs` and `updates`, and no count below 1."""
    if (epochs is None) == (updates is None):
        raise ValueError("say how long to train: epochs=... or updates=..., one of the two")
    for name, value in {"epochs": epochs, "updates": updates, **at_least_one}.items():
        if value is not None and value < 1:
            raise ValueError(f"{name} must be at least 1, not {value}")


def check_dataset(model: nn.Module, dataset: ClipDataset, role: str, *, batch_size: int) -> None:
    """That the model can read the dataset's clips and answers with its classes. `role` names it: "training set", say.

    Raises `ValueError` if not. Warns if the model was made for other clips, but can read these.
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
    _check_streams(model, dataset, role)
    for name, found in (("clip", dataset.spec), ("flow", flow_spec(dataset))):
        _compare_specs(name, getattr(model, name, None), found)
    outputs = _output_shape(model, dataset, role, batch=min(batch_size, len(dataset)))
    if outputs is not None and outputs[-1] != len(dataset.classes):
        raise ValueError(
            f"the model answers with {counted(outputs[-1], 'class', 'classes')}, the {role} has {len(dataset.classes)}: "
            f"create_model(..., num_classes={len(dataset.classes)})"
        )


def _check_streams(model: nn.Module, dataset: ClipDataset, role: str) -> None:
    """That pairs meet a network of two streams, and clips another one. A network from elsewhere does not say."""
    if not isinstance(model, Network) or (model.flow is None) == (flow_spec(dataset) is None):
        return
    kind = type(model).__name__
    if model.flow is None:
        raise ValueError(
            f"{kind} reads clips, and the {role} gives pairs (rgb, flow): take one of the two, as in "
            'dataset.stream("flow"), or a network of two streams, such as two_stream_i3d'
        )
    raise ValueError(
        f"{kind} reads pairs (rgb, flow), and the {role} gives clips: add the flow, as in "
        "dataset.with_flow(spec=model.flow), or train a stream by itself, such as model.rgb_stream"
    )


def _compare_specs(name: str, asked: ClipSpec | None, found: ClipSpec | None) -> None:
    """Warn where a dataset's clips, or its flow, are others than the model was made for."""
    if asked is None or found is None or asked == found:
        return
    differences = [
        f"{field.name} {getattr(asked, field.name)} there, {getattr(found, field.name)} here"
        for field in fields(ClipSpec)
        if getattr(asked, field.name) != getattr(found, field.name)
    ]
    what = {"clip": "clips", "flow": "flow"}[name]
    warnings.warn(
        f"the model was made for other {what} than these ({'; '.join(differences)}). "
        f"Give both the same ClipSpec, so that the model's says how to use it: create_model(..., {name}=spec).",
        stacklevel=4,
    )


def check_same_classes(train: ClipDataset, val: ClipDataset) -> None:
    """That a label means the same in both."""
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
    """The shape of the model's answer, by a pass that computes no values; None where the model cannot do without."""
    frames = dataset.spec.frames
    if input_dims(model) == 4 and frames != 1:
        raise ValueError(f"an image network reads single frames; the {role} has clips of {frames}: ClipSpec(frames=1)")
    shape = _batch_shape(model, dataset, batch)
    try:
        return _shape_of_answer(model, shape)
    except NotImplementedError:
        return None
    except (RuntimeError, ValueError, IndexError) as error:
        if batch == 1 and model.training and _can_read(model, _batch_shape(model, dataset, 2)):
            few = f"the {role} has one clip" if len(dataset) == 1 else "batch_size is 1"
            raise ValueError(
                f"{few}, and this network learns from two at least: its batch normalisation compares the values of a "
                "batch, and at the end of the network one clip has a single value a channel"
            ) from error
        raise ValueError(f"the model cannot read a batch {shape} of the {role}: {error}") from error


def _batch_shape(model: nn.Module, dataset: ClipDataset, batch: int) -> tuple[Any, ...]:
    """The shape of a batch as the model reads it, `(B, C, T, H, W)`; a pair of those where the dataset gives pairs."""
    if (flow := flow_spec(dataset)) is not None:
        return ((batch, *dataset.spec.shape), (batch, *flow.shape))
    channels, frames, size, _ = dataset.spec.shape
    return (batch, channels, size, size) if input_dims(model) == 4 else (batch, channels, frames, size, size)


def _shape_of_answer(model: nn.Module, shape: tuple[Any, ...]) -> torch.Size:
    state: dict[str, Tensor] = {
        name: value.detach().to("meta") for name, value in [*model.named_parameters(), *model.named_buffers()]
    }
    pair = isinstance(shape[0], tuple)
    example = tuple(torch.empty(one, device="meta") for one in (shape if pair else (shape,)))
    with torch.no_grad():
        return functional_call(model, state, (example,) if pair else example).shape


def _can_read(model: nn.Module, shape: tuple[Any, ...]) -> bool:
    try:
        _shape_of_answer(model, shape)
    except (RuntimeError, ValueError, IndexError):
        return False
    return True


def fit_batch(batch_size: int, clips: int) -> int:
    """`batch_size`, or all the clips there are; a warning says so."""
    if batch_size > clips:
        warnings.warn(
            f"batch_size is {batch_size}, but there {'is' if clips == 1 else 'are'} {counted(clips, 'clip')}: every batch holds {clips}",
            stacklevel=3,
        )
    return min(batch_size, clips)


def check_evaluation(dataset: Any, level: str) -> None:
    """That video level means what it says: windows or evenly spaced clips, not one random crop of each video."""
    if level not in ("clip", "video"):
        raise ValueError(f"unknown level {level!r}: choose from clip, video")
    if level == "video" and getattr(dataset, "sampling", "windows") == "random":
        raise ValueError('video level wants all of each video: evaluate(model, dataset.with_sampling("windows"))')
