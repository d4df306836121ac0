"""The functions that a `forward` may call, and their arguments in 3D.

A function that is not in `FUNCTIONS` is refused by its name. Each entry takes the function's arguments, with `Signal`s
for tensors, and gives the result. Where the call must change in 3D, the entry also gives the new arguments, or a layer
in its place. A `ValueError` says why a call cannot be followed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from labkit.models.inflate.axes import flatten, getitem, pad, parts, permute, sizes_of, unsqueeze, view
from labkit.models.inflate.signal import (
    IMAGE,
    VECTOR,
    Constant,
    Kind,
    Number,
    Outcome,
    Parts,
    Shape,
    Signal,
    Weight,
    join,
    moved,
    need,
    need_last,
)

Function = Callable[..., Outcome]


def _elementwise(*operands: Any, **named: Any) -> Outcome:
    """Number by number, with broadcasting. A tensor that does not depend on the input gets an axis for time.

    A weight gets it where it is kept; a tensor computed in the `forward`, where it is used.
    """
    if named.pop("memory_format", torch.preserve_format) != torch.preserve_format:
        return replace(_elementwise(*operands, **named), rest=())  # torch.channels_last is of four axes
    given: dict[Any, Any] = {**dict(enumerate(operands)), **named}
    if any(isinstance(each, Shape | Parts | Kind | tuple | list) for each in given.values()):
        raise ValueError("it reads values that are neither tensors nor numbers")
    signal = join([each for each in given.values() if isinstance(each, Signal)])
    shapes = {key: _with_time(each.shape, signal) for key, each in given.items() if isinstance(each, Constant)}
    weights = {given[key].name: shape for key, shape in shapes.items() if isinstance(given[key], Weight)}
    lifted = {
        key: _time_in(given[key].shape, signal)
        for key, shape in shapes.items()
        if not isinstance(given[key], Weight) and shape != given[key].shape
    }
    return Outcome(signal, weights=weights, lifted=lifted)


def _time_in(shape: tuple[int, ...], signal: Signal) -> int:
    """Where, in a tensor of this shape, an axis for time is missing beside the signal; below 1 if it needs none."""
    if len(shape) > len(signal.axes):
        raise ValueError(f"a tensor of shape {shape} beside one with the axes {signal.axes}")
    return signal.axes[len(signal.axes) - len(shape) :].find("H")


def _with_time(shape: tuple[int, ...], signal: Signal) -> tuple[int, ...]:
    """(C, 1, 1) beside BCHW becomes (C, 1, 1, 1). Left as it is, it would broadcast C over time where T is 1 or C."""
    where = _time_in(shape, signal)
    return shape if where < 1 else (*shape[:where], 1, *shape[where:])


def _cast(x: Any, *_: Any, memory_format: Any = None, **__: Any) -> Outcome:
    """Another type of number or device, the same axes."""
    if memory_format is not None:
        raise ValueError("it asks for a memory format, which is of four axes")
    return Outcome(Constant(x.like) if isinstance(x, Constant) else x)


def _channels_second(x: Signal, *_: Any, **__: Any) -> Outcome:
    return Outcome(need(x, IMAGE, VECTOR))


def _channels_last(x: Signal, *_: Any, **__: Any) -> Outcome:
    return Outcome(need_last(x))


def _layer_norm(x: Signal, normalized_shape: Sequence[int], *_: Any, **__: Any) -> Outcome:
    if len(normalized_shape) != 1:
        raise ValueError(f"it normalises the {len(normalized_shape)} last axes together, not the channels alone")
    return Outcome(need_last(x))


def _prelu(x: Signal, weight: Constant) -> Outcome:
    return Outcome(x if weight.shape in ((), (1,)) else need(x, IMAGE, VECTOR))


def _mean(x: Signal, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Outcome:
    """Over height and width: over time too."""
    if dim is None:
        raise ValueError("it takes the mean over everything, the batch too")
    dims = [dim] if isinstance(dim, int) else list(dim)
    gone = {x.axes[each] for each in dims}
    if len(gone & {"H", "W"}) == 1:
        raise ValueError("it takes the mean over one of height and width, not both")
    axes = x.axes if keepdim else "".join(axis for axis in x.axes if axis not in gone)
    places, changes = moved(x, dims)
    if "H" in gone:
        return Outcome(replace(x, axes=axes, pooled=True), rest=(sorted([x.axes.index("H"), *places]), keepdim))
    return Outcome(x.having(axes), rest=(places, keepdim) if changes else None)


def _cat(tensors: Any, dim: int = 0) -> Outcome:
    tensors = tensors.of if isinstance(tensors, Parts) else tensors
    if not isinstance(tensors, Signal) and not all(isinstance(each, Signal) for each in tensors):
        raise ValueError("it joins tensors that were not computed from the image")
    signal = tensors if isinstance(tensors, Signal) else join(tensors)  # a list that came as an argument is one signal
    (place,), changes = moved(signal, [dim])
    return Outcome(signal, rest=(place,) if changes else None)


def _softmax(x: Signal, dim: int, _stacklevel: int = 3) -> Outcome:
    (place,), changes = moved(x, [dim])
    return Outcome(x, rest=(place,) if changes else None)


def _getattr(x: Any, name: str) -> Outcome:
    if name == "shape":
        return Outcome(Shape(x))
    if name in ("dtype", "device"):
        return Outcome(Kind())
    raise ValueError(f"it asks a tensor for its {name}")


def _of_numbers(*numbers: Any) -> Outcome:
    if not all(isinstance(each, Number | int) for each in numbers):
        raise ValueError("it reads values that are not numbers")
    return Outcome(Number())


# The functional pools, as the layers that do the same.


def _avg_pool(x: Signal, *args: Any, **options: Any) -> Outcome:
    return Outcome(x, layer=nn.AvgPool2d(*args, **options))


def _max_pool(
    x: Signal,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Outcome:
    layer = nn.MaxPool2d(kernel_size, stride or None, padding, dilation, return_indices, ceil_mode)
    return Outcome(x, layer=layer)


def _adaptive_avg_pool(x: Signal, output_size: Any) -> Outcome:
    return Outcome(x, layer=nn.AdaptiveAvgPool2d(output_size))


def _adaptive_max_pool(x: Signal, output_size: Any, return_indices: bool = False) -> Outcome:
    return Outcome(x, layer=nn.AdaptiveMaxPool2d(output_size, return_indices))


ACTIVATIONS = (
    *("relu", "relu_", "relu6", "leaky_relu", "leaky_relu_", "elu", "elu_", "selu", "celu", "gelu", "silu", "mish"),
    *("hardswish", "hardsigmoid", "hardtanh", "hardtanh_", "sigmoid", "sigmoid_", "tanh", "softplus", "softsign"),
)
_ELEMENTWISE = (
    *ACTIVATIONS,
    *("add", "iadd", "add_", "sub", "isub", "sub_", "mul", "imul", "mul_", "truediv", "itruediv", "div", "div_"),
    *("neg", "clone", "clamp", "clip", "exp", "sqrt", "rsqrt", "pow", "abs"),
    *("dropout", "stochastic_depth", "contiguous", "detach", "float", "expand_as"),
)
# The results for numbers that do not depend on time.
NUMBERS: Mapping[str, Function] = dict.fromkeys(("add", "sub", "mul", "floordiv", "mod"), _of_numbers)

# By the name under which torch.fx meets them; a method and a function of one name take the same arguments.
FUNCTIONS: Mapping[str, Function] = {
    **dict.fromkeys(_ELEMENTWISE, _elementwise),
    **dict.fromkeys(("to", "type_as"), _cast),
    **dict.fromkeys(("batch_norm", "group_norm"), _channels_second),
    **dict.fromkeys(("cat", "concat", "concatenate"), _cat),
    **dict.fromkeys(("softmax", "log_softmax"), _softmax),
    **dict.fromkeys(("view", "reshape"), view),
    **dict.fromkeys(("split", "chunk"), parts),
    "layer_norm": _layer_norm,
    "prelu": _prelu,
    "linear": _channels_last,
    "permute": permute,
    "mean": _mean,
    "flatten": flatten,
    "size": sizes_of,
    "getattr": _getattr,
    "getitem": getitem,
    "unsqueeze": unsqueeze,
    "pad": pad,
    "avg_pool2d": _avg_pool,
    "max_pool2d": _max_pool,
    "adaptive_avg_pool2d": _adaptive_avg_pool,
    "adaptive_max_pool2d": _adaptive_max_pool,
}
