"""Inflation: 2D weights become 3D ones (Carreira & Zisserman, CVPR 2017, section 2.4).

A video that repeats one image is a *boring* video. An N×N kernel becomes t×N×N; with its weights repeated t times and
divided by t, every frame of a boring video gives what the image gave: t times W/t times the same pixel.

That holds inside the clip. At its ends the padding decides: zeros in time are frames that are not there, and the sum
is short of them; `replicate` repeats the first and the last frame, and the equality holds everywhere. Replication is
in time only: in height and width the 3D network pads with zeros, as the 2D network did.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import singledispatch
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.models.blocks import ZeroPadShortcut

Placement = Literal["mean", "centre"]
TimePadding = Literal["replicate", "zeros"]
_PADDINGS = {"replicate": "replicate", "zeros": "constant"}  # ours -> F.pad's


class TimePaddedConv3d(nn.Conv3d):
    """A 3D convolution that pads time by itself: `before` and `after` frames, repeated or zero.

    `nn.Conv3d(padding_mode="replicate")` would replicate height and width too, which the 2D network did not; and an
    even kernel needs unequal numbers before and after. Tensor names and shapes are those of `nn.Conv3d`.
    """

    def __init__(self, *args: Any, before: int, after: int, time_padding: TimePadding, **options: Any) -> None:
        super().__init__(*args, **options)
        self.before, self.after, self.time_padding = before, after, time_padding

    def forward(self, x: Tensor) -> Tensor:
        """`(B, C, T, H, W)` to `(B, O, T/s, H', W')`."""
        return super().forward(F.pad(x, (0, 0, 0, 0, self.before, self.after), mode=_PADDINGS[self.time_padding]))

    def extra_repr(self) -> str:
        """What `print(network)` shows in the brackets."""
        return f"{super().extra_repr()}, time_padding={self.time_padding} ({self.before}, {self.after})"


def inflate_weight(weight: Tensor, frames: int, placement: Placement = "mean") -> Tensor:
    """`(O, I, H, W)` to `(O, I, frames, H, W)`: repeated and divided by `frames` (`mean`), or in the middle slice alone.

    Both sum to the 2D weight over time. `mean` is I3D's: it averages frames; `centre` starts as the 2D network on
    every frame, the other slices at zero.
    """
    if placement == "mean":
        return (weight / frames).unsqueeze(2).repeat(1, 1, frames, 1, 1)
    inflated = weight.new_zeros((*weight.shape[:2], frames, *weight.shape[2:]))
    inflated[:, :, (frames - 1) // 2] = weight  # the slice that meets the output's own frame, see the padding below
    return inflated


def inflate_conv(
    conv2d: nn.Conv2d,
    frames: int,
    *,
    placement: Placement = "mean",
    time_stride: int = 1,
    time_padding: TimePadding = "replicate",
) -> nn.Conv3d:
    """The 3D convolution that gives, on a boring video, what `conv2d` gives on its image.

    `frames` is the kernel's length in time; `frames - 1` frames are padded, the smaller half in front, so that with
    `time_stride=1` T frames stay T. Bias, groups, dilation, spatial stride and padding are kept; device, dtype and
    `requires_grad` too.

    Raises `ValueError` for choices that are not there and for a convolution that pads space with anything but zeros.
    """
    _check(placement, time_padding)
    if frames < 1 or time_stride < 1:
        raise ValueError(f"frames and time_stride must be at least 1, not {frames} and {time_stride}")
    if conv2d.padding_mode != "zeros":
        raise ValueError(f"cannot inflate a convolution with padding_mode={conv2d.padding_mode!r}: only zeros in space")
    before = (frames - 1) // 2
    after = frames - 1 - before
    symmetric_zeros = before == after and (time_padding == "zeros" or frames == 1)
    options: dict[str, Any] = {
        "in_channels": conv2d.in_channels,
        "out_channels": conv2d.out_channels,
        "kernel_size": (frames, *conv2d.kernel_size),
        "stride": (time_stride, *conv2d.stride),
        "padding": (before if symmetric_zeros else 0, *_spatial_padding(conv2d)),
        "dilation": (1, *conv2d.dilation),
        "groups": conv2d.groups,
        "bias": conv2d.bias is not None,
        "device": conv2d.weight.device,
        "dtype": conv2d.weight.dtype,
    }
    conv3d = (
        nn.Conv3d(**options)
        if symmetric_zeros
        else TimePaddedConv3d(**options, before=before, after=after, time_padding=time_padding)
    )
    with torch.no_grad():
        conv3d.weight.copy_(inflate_weight(conv2d.weight, frames, placement))
        conv3d.weight.requires_grad_(conv2d.weight.requires_grad)
        if conv2d.bias is not None and conv3d.bias is not None:
            conv3d.bias.copy_(conv2d.bias)
            conv3d.bias.requires_grad_(conv2d.bias.requires_grad)
    return conv3d


def _check(placement: str, time_padding: str) -> None:
    if placement not in ("mean", "centre"):
        raise ValueError(f"placement must be 'mean' or 'centre', not {placement!r}")
    if time_padding not in _PADDINGS:
        raise ValueError(f"time_padding must be 'replicate' or 'zeros', not {time_padding!r}")


def _spatial_padding(conv2d: nn.Conv2d) -> tuple[int, ...]:
    if not isinstance(conv2d.padding, str):
        return tuple(conv2d.padding)
    if conv2d.padding == "valid":
        return (0, 0)
    total = [d * (k - 1) for d, k in zip(conv2d.dilation, conv2d.kernel_size, strict=True)]
    if any(t % 2 for t in total):
        raise ValueError(f"cannot inflate padding='same' with the even kernel {conv2d.kernel_size}: it pads unequally")
    return tuple(t // 2 for t in total)


# A whole network: every 2D module is replaced by its 3D counterpart, everything else is kept.


@dataclass(frozen=True)
class TimePlan:
    """What one spatial layer does in time."""

    kernel: int
    stride: int


Plan = Callable[[str, int, int], TimePlan]  # (module name, spatial kernel, spatial stride) -> TimePlan


def _like_space(name: str, kernel: int, stride: int) -> TimePlan:
    """Time is treated as space is, but the stem keeps every frame (Hara et al. 2018, Table 1)."""
    return TimePlan(kernel, 1 if name == "conv1" else stride)


def _every_frame(name: str, kernel: int, stride: int) -> TimePlan:
    """Time is treated as space is, and never strided: as many frames come out as went in."""
    return TimePlan(kernel, 1)


PRESETS: Mapping[str, Plan] = {"hara": _like_space, "every_frame": _every_frame}


@dataclass(frozen=True)
class Recipe:
    """How a network is inflated; the rules below read it."""

    plan: Plan
    placement: Placement
    time_padding: TimePadding


def inflate_modules(
    model2d: nn.Module,
    preset: str | Plan = "hara",
    *,
    placement: Placement = "mean",
    time_padding: TimePadding = "replicate",
) -> nn.Module:
    """A 3D copy of a 2D network, made by replacing modules; `model2d` is left as it is.

    Enough for networks whose `forward` calls modules only (residual networks): convolutions, batch norms, pools and
    parameter-free shortcuts are replaced, the rest (ReLU, linear, dropout) is copied. Every new module keeps the
    training or evaluation mode of the old one. `preset` says what each layer does in time: a key of `PRESETS`, or a
    function of (name, spatial kernel, spatial stride).

    Raises `ValueError` for an unknown preset, and names the module for one that has no 3D counterpart here.
    """
    _check(placement, time_padding)
    if isinstance(preset, str) and preset not in PRESETS:
        raise ValueError(f"unknown preset {preset!r}: choose from {', '.join(PRESETS)}")
    plan = PRESETS[preset] if isinstance(preset, str) else preset
    recipe = Recipe(plan, placement, time_padding)
    model3d = copy.deepcopy(model2d)
    for name, module in list(model3d.named_modules()):
        replacement = _inflated(module, name, recipe)
        if replacement is module:
            continue
        replacement.train(module.training)
        if not name:
            return replacement
        parent, _, child = name.rpartition(".")
        setattr(model3d.get_submodule(parent), child, replacement)
    return model3d


@singledispatch
def _inflated(module: nn.Module, name: str, recipe: Recipe) -> nn.Module:
    """The 3D counterpart of one module; the module itself where it does not care about dimensions."""
    if "2d" in type(module).__name__:
        raise ValueError(f"no rule to inflate {type(module).__name__} ({name or 'the module itself'})")
    return module


@_inflated.register
def _(module: nn.Conv2d, name: str, recipe: Recipe) -> nn.Module:
    time = recipe.plan(name, module.kernel_size[0], module.stride[0])
    return inflate_conv(
        module,
        time.kernel,
        placement=recipe.placement,
        time_stride=time.stride,
        time_padding=recipe.time_padding,
    )


@_inflated.register
def _(module: nn.BatchNorm2d, name: str, recipe: Recipe) -> nn.Module:
    """The same statistics, scale and shift per channel: on a boring video mean and variance are the image's."""
    norm = nn.BatchNorm3d(
        module.num_features,
        eps=module.eps,
        momentum=module.momentum,
        affine=module.affine,
        track_running_stats=module.track_running_stats,
    )
    for tensor in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
        setattr(norm, tensor, getattr(module, tensor))
    return norm


@_inflated.register
def _(module: nn.MaxPool2d, name: str, recipe: Recipe) -> nn.Module:
    """Padding of a max-pool never wins, so the equality holds with it."""
    kernel, stride, padding, dilation = (
        _pair(value) for value in (module.kernel_size, module.stride, module.padding, module.dilation)
    )
    time = recipe.plan(name, kernel[0], stride[0])
    return nn.MaxPool3d(
        (time.kernel, *kernel),
        stride=(time.stride, *stride),
        padding=((time.kernel - 1) // 2, *padding),
        dilation=(1, *dilation),
        ceil_mode=module.ceil_mode,
    )


@_inflated.register
def _(module: nn.AvgPool2d, name: str, recipe: Recipe) -> nn.Module:
    """One frame at a time: a mean over zero frames would be short. A stride in time picks frames."""
    kernel, stride, padding = (_pair(value) for value in (module.kernel_size, module.stride, module.padding))
    time = recipe.plan(name, kernel[0], stride[0])
    return nn.AvgPool3d(
        (1, *kernel),
        stride=(time.stride, *stride),
        padding=(0, *padding),
        ceil_mode=module.ceil_mode,
        count_include_pad=module.count_include_pad,
        divisor_override=module.divisor_override,
    )


@_inflated.register
def _(module: nn.AdaptiveAvgPool2d, name: str, recipe: Recipe) -> nn.Module:
    """Over all of time; of space what it was."""
    return nn.AdaptiveAvgPool3d((1, *_pair(module.output_size)))


@_inflated.register
def _(module: nn.AdaptiveMaxPool2d, name: str, recipe: Recipe) -> nn.Module:
    return nn.AdaptiveMaxPool3d((1, *_pair(module.output_size)))


@_inflated.register
def _(module: nn.Dropout2d, name: str, recipe: Recipe) -> nn.Module:
    return nn.Dropout3d(module.p, module.inplace)


@_inflated.register
def _(module: ZeroPadShortcut, name: str, recipe: Recipe) -> nn.Module:
    """Its stride in time must be its block's: the plan is asked as for the block's first strided convolution."""
    time = recipe.plan(name, 1, module.stride[0])
    return ZeroPadShortcut((time.stride, *module.stride), module.before, module.after)


def _pair(value: Any) -> tuple[Any, Any]:
    return (value[0], value[1]) if isinstance(value, tuple | list) else (value, value)
