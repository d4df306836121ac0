"""The 2D layers that have rules, and the 3D layer that each becomes.

A rule holds for a class and for subclasses that keep its `forward`. Layers that work in any dimension (ReLU, dropout,
linear, ...) are copied as they are. A layer that stands in none of the tables below is refused.
"""

import copy
from functools import singledispatch
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from labkit.models.blocks import ZeroPadShortcut
from labkit.models.densenet import HalvingPool2d, HalvingPool3d
from labkit.models.inception import FittingAvgPool
from labkit.models.inflate.conv import check_space, inflate_conv, pad_time, set_weights
from labkit.models.inflate.intime import InTime
from labkit.models.inflate.pooling import TimePaddedAvgPool3d, TimePaddedMaxPool3d
from labkit.models.same_padding import SameConv2d, SameConv3d, SameMaxPool2d, SameMaxPool3d, same_padding

CONVOLUTIONS = (nn.Conv2d, SameConv2d)
# They read a window of the map and have a stride.
SPATIAL = (
    *CONVOLUTIONS,
    nn.MaxPool2d,
    SameMaxPool2d,
    nn.AvgPool2d,
    HalvingPool2d,
    FittingAvgPool,
    ZeroPadShortcut,
)
# They read the whole map, and all of time.
GLOBAL = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
# They treat channels apart, which must be the second axis of a map.
CHANNELWISE = (
    nn.BatchNorm2d,
    nn.SyncBatchNorm,
    nn.InstanceNorm2d,
    nn.GroupNorm,
    nn.Dropout2d,
    nn.Softmax2d,
)
# They treat channels apart, which must be the second axis, and read maps and vectors.
CHANNELS_OF_ANY = (nn.PReLU,)
# They put constants around the map, in space alone: the same numbers do it in 3D.
PADS = (nn.ConstantPad2d, nn.ZeroPad2d)
# They read the last axis, which must be the channels.
LAST_AXIS = (nn.Linear, nn.LayerNorm)
# They name the axis that they read, which is another one in 3D.
NAMED_AXIS = (nn.Softmax, nn.LogSoftmax, nn.Softmin, nn.GLU)
# They read vectors, the same in 3D.
OF_VECTORS = (nn.BatchNorm1d,)
# They treat every number apart.
ELEMENTWISE = (
    nn.Identity,
    nn.Dropout,
    nn.ReLU,
    nn.ReLU6,
    nn.LeakyReLU,
    nn.ELU,
    nn.SELU,
    nn.GELU,
    nn.SiLU,
    nn.Mish,
    nn.Softplus,
    nn.Hardtanh,
    nn.Hardswish,
    nn.Hardsigmoid,
    nn.Sigmoid,
    nn.Tanh,
    nn.AlphaDropout,
    nn.CELU,
    nn.Hardshrink,
    nn.LogSigmoid,
    nn.RReLU,
    nn.Softshrink,
    nn.Softsign,
    nn.Tanhshrink,
    nn.Threshold,
)
FLATTEN = (nn.Flatten,)
CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict)
_RULES = (
    *(*SPATIAL, *GLOBAL, *CHANNELWISE, *CHANNELS_OF_ANY, *PADS, *LAST_AXIS, *NAMED_AXIS, *OF_VECTORS),
    *(*ELEMENTWISE, *FLATTEN),
)


def rule(layer: nn.Module) -> type[nn.Module] | None:
    """The class whose rule holds for this layer: its own, or its nearest base if it keeps the computation of that base."""
    base = next((each for each in type(layer).__mro__ if each in _RULES), None)
    return base if base is not None and _computes_as(layer, base) else None


def _computes_as(layer: nn.Module, base: type[Any]) -> bool:
    """Whether `forward` and the methods it calls are those of the base, in its class and in this one layer."""
    parts = ("forward", "_conv_forward")
    return not any(part in vars(layer) or getattr(type(layer), part, 0) is not getattr(base, part, 0) for part in parts)


def in_space(layer: Any) -> tuple[int | None, int]:
    """Height of the kernel (None: the whole map) and stride of a layer."""
    if isinstance(layer, GLOBAL):
        return None, 1
    if isinstance(layer, ZeroPadShortcut):
        return 1, layer.stride[0]
    if isinstance(layer, FittingAvgPool):
        return layer.kernel[0], 1
    return _pair(layer.kernel_size)[0], _pair(layer.stride)[0]


def check_layer(layer: nn.Module, time: InTime | None) -> None:
    """Raises `ValueError` where the rule does not hold for the settings of this layer, or for this choice."""
    if parametrize.is_parametrized(layer) or not _has_plain_weights(layer):
        raise ValueError("its weight is computed, by weight norm, pruning or the like: make it a plain weight first")
    if isinstance(layer, SameConv2d):
        if time is not None and time.padding == "none":
            raise ValueError("SAME padding cannot go without padding in time")
    elif isinstance(layer, nn.Conv2d):
        check_space(layer)
    if isinstance(layer, nn.MaxPool2d | nn.AdaptiveMaxPool2d) and layer.return_indices:
        raise ValueError("it returns indices")
    if isinstance(layer, nn.LayerNorm) and len(layer.normalized_shape) != 1:
        raise ValueError(f"it normalises the {len(layer.normalized_shape)} last axes together, not the channels alone")


def _has_plain_weights(layer: nn.Module) -> bool:
    kept = {**layer._parameters, **layer._buffers}
    return all(name in kept or not isinstance(getattr(layer, name, None), Tensor) for name in ("weight", "bias"))


class RepeatingSameConv3d(SameConv3d):
    """`SameConv3d` whose padding in time repeats the first and the last frame; in space it is zeros, as in 2D."""

    def forward(self, x: Tensor) -> Tensor:
        """`(B, C, T, H, W)` to `(B, out, T/s, H/s, W/s)`, sizes rounded up."""
        reach = [(k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation, strict=True)]
        time, height, width = same_padding(x.shape[2:], reach, self.stride)
        x = F.pad(pad_time(x, *time), (*width, *height))
        return F.conv3d(x, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


@singledispatch
def becomes(layer: nn.Module, time: InTime) -> nn.Module:
    """The 3D layer for a 2D layer with a rule; a copy of the layer itself if it works in any dimension.

    It holds tensors of its own and is in the same mode, training or evaluation, as the old one.
    """
    return copy.deepcopy(layer)


def _same_mode(layer: nn.Module, made: nn.Module) -> nn.Module:
    made.training = layer.training  # new layers are in training mode
    return made


@becomes.register
def _(layer: nn.Conv2d, time: InTime) -> nn.Module:
    assert time.kernel
    assert time.placement
    assert time.padding
    made = inflate_conv(
        layer, time.kernel, placement=time.placement, time_stride=time.stride, time_padding=time.padding
    )
    return _same_mode(layer, made)


@becomes.register
def _(layer: SameConv2d, time: InTime) -> nn.Module:
    """With zeros it is the very layer of our I3D."""
    assert time.kernel
    assert time.placement
    options: dict[str, Any] = {
        "in_channels": layer.in_channels,
        "out_channels": layer.out_channels,
        "kernel_size": (time.kernel, *layer.kernel_size),
        "stride": (time.stride, *layer.stride),
        "dilation": (1, *layer.dilation),
        "groups": layer.groups,
        "bias": layer.bias is not None,
        "device": "meta",
    }
    made = (RepeatingSameConv3d if time.padding == "replicate" and time.kernel > 1 else SameConv3d)(**options)
    set_weights(made, layer, time.kernel, time.placement)
    return _same_mode(layer, made)


@becomes.register
def _(layer: nn.BatchNorm2d, time: InTime) -> nn.Module:
    """The same statistics, scale and shift per channel: on a boring video mean and variance are the image's."""
    return _same_mode(layer, renamed_norm(nn.BatchNorm3d, layer))


@becomes.register
def _(layer: nn.InstanceNorm2d, time: InTime) -> nn.Module:
    return _same_mode(layer, renamed_norm(nn.InstanceNorm3d, layer))


def renamed_norm(kind: type[nn.Module], layer: Any) -> Any:
    """A norm of another dimension with copies of this one's tensors, whether they are parameters or buffers."""
    made = kind(
        layer.num_features,
        eps=layer.eps,
        momentum=layer.momentum,
        affine=layer.affine,
        track_running_stats=layer.track_running_stats,
        device="meta",
    )
    like = copy.deepcopy(layer)
    made._parameters, made._buffers = like._parameters, like._buffers
    made._non_persistent_buffers_set = like._non_persistent_buffers_set
    return made


@becomes.register
def _(layer: nn.MaxPool2d, time: InTime) -> nn.Module:
    """Padding of a max-pool never wins, so the equality holds with it."""
    assert time.kernel
    kernel, stride, padding, dilation = (
        _pair(value) for value in (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    )
    plain = time.padding == "none" or (time.kernel % 2 == 1 and (not layer.ceil_mode or time.stride == 1))
    made = (nn.MaxPool3d if plain else TimePaddedMaxPool3d)(
        (time.kernel, *kernel),
        stride=(time.stride, *stride),
        padding=(time.kernel // 2 if plain and time.padding != "none" else 0, *padding),
        dilation=(1, *dilation),
        ceil_mode=layer.ceil_mode,
    )
    return _same_mode(layer, made)


@becomes.register
def _(layer: SameMaxPool2d, time: InTime) -> nn.Module:
    assert time.kernel
    made = SameMaxPool3d((time.kernel, *_pair(layer.kernel_size)), (time.stride, *_pair(layer.stride)))
    return _same_mode(layer, made)


@becomes.register
def _(layer: nn.AvgPool2d, time: InTime) -> nn.Module:
    """An average over real frames: the clip's ends are repeated, also where convolutions pad zeros."""
    assert time.kernel
    made = TimePaddedAvgPool3d(copy.deepcopy(layer), time.kernel, time.stride, repeat=time.padding != "none")
    return _same_mode(layer, made)


@becomes.register
def _(layer: HalvingPool2d, time: InTime) -> nn.Module:
    """With a kernel and stride of 2 in time it is the very layer of our 3D DenseNet."""
    if (time.kernel, time.stride) == (2, 2):
        return _same_mode(layer, HalvingPool3d())
    return becomes.dispatch(nn.AvgPool2d)(layer, time)


@becomes.register
def _(layer: FittingAvgPool, time: InTime) -> nn.Module:
    """Without padding, and no longer than the clip is."""
    assert time.kernel
    return _same_mode(layer, FittingAvgPool((time.kernel, *layer.kernel)))


@becomes.register
def _(layer: ZeroPadShortcut, time: InTime) -> nn.Module:
    return _same_mode(layer, ZeroPadShortcut((time.stride, *layer.stride), layer.before, layer.after))


@becomes.register(nn.AdaptiveAvgPool2d)
@becomes.register(nn.AdaptiveMaxPool2d)
def _(layer: Any, time: InTime) -> nn.Module:
    """A global pool: the same in space; over all of time, or frame by frame where `time.kernel` is 1."""
    kind = nn.AdaptiveAvgPool3d if isinstance(layer, nn.AdaptiveAvgPool2d) else nn.AdaptiveMaxPool3d
    return _same_mode(layer, kind((1 if time.kernel is None else None, *_pair(layer.output_size))))


@becomes.register
def _(layer: nn.Softmax2d, time: InTime) -> nn.Module:
    return _same_mode(layer, nn.Softmax(1))


@becomes.register
def _(layer: nn.Dropout2d, time: InTime) -> nn.Module:
    return _same_mode(layer, nn.Dropout3d(layer.p, layer.inplace))


def _pair(value: Any) -> tuple[Any, Any]:
    return (value[0], value[1]) if isinstance(value, tuple | list) else (value, value)
