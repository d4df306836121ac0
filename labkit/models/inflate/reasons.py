"""The reason why a 3D layer disagrees with its 2D layer although their inputs agree, found by comparing the layers."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from labkit.models.inflate.conv import TimePaddedConv3d
from labkit.models.inflate.layers import RepeatingSameConv3d
from labkit.models.same_padding import SameConv3d

Shapes = tuple[tuple[int, ...], tuple[int, ...]]  # of the outputs of the 2D and the 3D layer


def reason(flat: Any, deep: Any, differences: Sequence[float], tolerance: float, shapes: Shapes) -> str:
    """The first of the known reasons that applies. `differences` are by frame, infinite where shapes do not fit."""
    if shapes[0] != shapes[1] and differences == (float("inf"),):
        return f"it gives a tensor of shape {shapes[1]} where the 2D layer gives {shapes[0]}"
    broken = [index for index, value in enumerate(differences) if not value <= tolerance]
    known = (
        _mode(flat, deep),
        _weights_over_time(flat, deep),
        _tensors(flat, deep),
        _settings(flat, deep),
        _padding(deep, broken, len(differences)),
        _kind(flat, deep),
    )
    return next((text for text in known if text), _unknown(deep))


def _mode(flat: nn.Module, deep: nn.Module) -> str:
    if not deep.training or (flat.training and not _draws(deep)):
        return ""
    if isinstance(deep, nn.modules.batchnorm._BatchNorm):
        return "this batch norm is in training mode and uses the statistics of these clips, not the learnt ones"
    if _draws(deep):
        return "it is in training mode and drops values at random"
    return ""


def _draws(module: nn.Module) -> bool:
    return "Drop" in type(module).__name__ or "Stochastic" in type(module).__name__


def _weights_over_time(flat: Any, deep: Any) -> str:
    """A convolution's weights must sum to the 2D weights over time."""
    old, new = (getattr(module, "weight", None) for module in (flat, deep))
    if not isinstance(deep, nn.Conv3d) or old is None or new is None or old.ndim != 4 or new.ndim != 5:
        return ""
    total, frames = new.detach().sum(2), new.shape[2]
    if total.shape != old.shape:
        return f"its weights are {tuple(new.shape)} for {tuple(old.shape)} in 2D"
    if _same(total, old):
        return ""
    factor = ((total * old).sum() / (old * old).sum()).item()
    if _same(total, frames * old) and frames > 1:
        return f"its weights are not divided by {frames}: over time they sum to {frames} times the 2D weights"
    if _same(total, factor * old):
        return f"over time its weights sum to {factor:.3g} times the 2D weights"
    return "over time its weights do not sum to the 2D weights"


def _tensors(flat: nn.Module, deep: nn.Module) -> str:
    """All other tensors must be the 2D layer's."""
    other = {name: tensor for name, tensor in _own(deep).items() if tensor.ndim < 5 or not isinstance(deep, nn.Conv3d)}
    for name, old in _own(flat).items():
        new = other.get(name)
        if new is None or name == "num_batches_tracked":
            continue
        if new.ndim == old.ndim and old.ndim == 3:
            return f"its {name} of shape {tuple(new.shape)} has no axis for time"
        if new.numel() == old.numel() and not _same(new.reshape(old.shape), old):
            return f"its {name} is not the 2D layer's"
    return ""


def _own(module: nn.Module) -> dict[str, Tensor]:
    return dict((*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)))


def _same(a: Tensor, b: Tensor) -> bool:
    scale = b.detach().abs().max()
    return (
        bool((a - b).detach().abs().max() <= 100 * torch.finfo(b.dtype).eps * scale)
        if b.is_floating_point()
        else bool((a == b).all())
    )


def _settings(flat: Any, deep: Any) -> str:
    for name in ("eps", "groups", "normalized_shape", "num_groups", "negative_slope", "output_size"):
        old, new = getattr(flat, name, None), getattr(deep, name, None)
        if name == "output_size" and isinstance(new, tuple):
            continue
        if old != new and new is not None:
            return f"its {name} is {new}, the 2D layer's {old}"
    if isinstance(deep, nn.Conv3d | nn.MaxPool3d | nn.AvgPool3d):
        for name in ("kernel_size", "stride", "padding", "dilation"):
            old, new = (getattr(module, name, None) for module in (flat, deep))
            if isinstance(old, int | tuple) and isinstance(new, int | tuple) and _in_space(old) != _in_space(new):
                return f"its {name} in space is {_in_space(new)}, the 2D layer's {_in_space(old)}"
    return ""


def _in_space(value: int | tuple[int, ...]) -> tuple[int, ...]:
    return (value, value) if isinstance(value, int) else value[-2:]


def _padding(deep: Any, broken: Sequence[int], frames: int) -> str:
    if _pads_zeros(deep):
        where = " and ".join(
            text for text, there in (("the beginning", 0 in broken), ("the end", frames - 1 in broken)) if there
        )
        return f"zero padding in time: at {where or 'the ends'} of the clip the sum misses frames that are not there"
    mode = getattr(deep, "padding_mode", "zeros")
    if mode != "zeros":
        return f"padding_mode={mode!r} pads height and width too, where the 2D layer has zeros"
    return ""


def _pads_zeros(deep: Any) -> bool:
    if isinstance(deep, TimePaddedConv3d):
        return deep.time_padding == "zeros"
    if isinstance(deep, SameConv3d):
        return not isinstance(deep, RepeatingSameConv3d) and deep.kernel_size[0] > 1
    if isinstance(deep, nn.Conv3d):
        return deep.padding_mode == "zeros" and not isinstance(deep.padding, str) and deep.padding[0] > 0
    if isinstance(deep, nn.AvgPool3d):
        padding = deep.padding
        return (padding[0] if isinstance(padding, tuple | list) else padding) > 0 and deep.count_include_pad
    return False


def _kind(flat: nn.Module, deep: nn.Module) -> str:
    old, new = (type(module).__name__ for module in (flat, deep))
    if old.replace("2d", "3d") in new:  # TimePaddedAvgPool3d for AvgPool2d
        return ""
    return f"it is {new}, and {old} in the 2D network"


def _unknown(deep: nn.Module) -> str:
    if list(deep.children()):
        return "the layers inside agree, but its forward uses them in another way"
    return "its weights and settings agree, but its computation differs"
