"""Function by function: which ones a `forward` may call, and what becomes of their arguments in 3D.

A function that is not in `FUNCTIONS` is refused by its name. Each entry takes the function's arguments, with `Signal`s
for tensors, and says what comes out; where the call must change, also with which arguments, or which layer stands for
it. A `ValueError` says why a call cannot be followed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import nn

from labkit.models.inflate.signal import IMAGE, VECTOR, Number, Shape, Signal, Weight, join


@dataclass(frozen=True)
class Outcome:
    """What a call gives, and how it changes."""

    value: Any
    rest: tuple[Any, ...] | None = None  # the arguments after the first, where they are others in 3D
    layer: nn.Module | None = None  # the 2D layer that does the same, to be inflated in its place
    weights: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # the new shapes of weights that it reads


Function = Callable[..., Outcome]


def _elementwise(*operands: Any, **_: Any) -> Outcome:
    """Number by number, with broadcasting: weights get an axis for time where they reach across it."""
    signal = join([each for each in operands if isinstance(each, Signal)])
    weights = {each.name: _with_time(each.shape, signal) for each in operands if isinstance(each, Weight)}
    return Outcome(signal, weights=weights)


def _with_time(shape: tuple[int, ...], signal: Signal) -> tuple[int, ...]:
    """(C, 1, 1) beside BCHW becomes (C, 1, 1, 1). Left as it is, it would broadcast C over time where T is 1 or C."""
    if len(shape) > len(signal.axes):
        raise ValueError(f"a weight of shape {shape} beside a tensor with the axes {signal.axes}")
    aligned = signal.axes[len(signal.axes) - len(shape) :]
    where = aligned.find("H")
    return shape if where < 1 else (*shape[:where], 1, *shape[where:])


def _channels_second(x: Signal, *_: Any, **__: Any) -> Outcome:
    return Outcome(need(x, IMAGE, VECTOR))


def _channels_last(x: Signal, *_: Any, **__: Any) -> Outcome:
    return Outcome(need_last(x))


def need(signal: Signal, *axes: str) -> Signal:
    """The signal itself. Raises `ValueError` if its axes are none of these."""
    if signal.axes not in axes:
        raise ValueError(f"it reads {' or '.join(axes)}, and gets a tensor with the axes {signal.axes}")
    return signal


def need_last(signal: Signal) -> Signal:
    """The signal itself. Raises `ValueError` if its last axis is not the channels."""
    if signal.axes[-1] != "C":
        raise ValueError(f"it reads the last axis, and gets a tensor with the axes {signal.axes}")
    return signal


def _layer_norm(x: Signal, normalized_shape: Sequence[int], *_: Any, **__: Any) -> Outcome:
    if len(normalized_shape) != 1:
        raise ValueError(f"it normalises the {len(normalized_shape)} last axes together, not the channels alone")
    return Outcome(need_last(x))


def _moved(signal: Signal, dims: Sequence[int]) -> tuple[list[int], bool]:
    """Where these axes are in 3D, and whether the numbers would mean others there."""
    moved = [signal.axis(dim) for dim in dims]
    rank = len(signal.axes) + ("H" in signal.axes)
    return moved, moved != [dim % rank if dim < 0 else dim for dim in dims]


def _permute(x: Signal, *dims: Any) -> Outcome:
    order = list(dims[0]) if len(dims) == 1 and isinstance(dims[0], tuple | list) else list(dims)
    axes = "".join(x.axes[dim] for dim in order)
    if "H" not in axes:
        return Outcome(x.having(axes))
    time = axes.index("H")  # in the new order too, time stands in front of the height
    moved = [x.axis(dim) for dim in order]
    return Outcome(x.having(axes), rest=(*moved[:time], x.axes.index("H"), *moved[time:]))


def _mean(x: Signal, dim: int | Sequence[int] | None = None, keepdim: bool = False, **_: Any) -> Outcome:
    """Over height and width: over time too."""
    if dim is None:
        raise ValueError("it takes the mean over everything, the batch too")
    dims = [dim] if isinstance(dim, int) else list(dim)
    gone = {x.axes[each] for each in dims}
    if len(gone & {"H", "W"}) == 1:
        raise ValueError("it takes the mean over one of height and width, not both")
    axes = x.axes if keepdim else "".join(axis for axis in x.axes if axis not in gone)
    moved, changes = _moved(x, dims)
    if "H" in gone:
        return Outcome(replace(x, axes=axes, pooled=True), rest=(sorted([x.axes.index("H"), *moved]), keepdim))
    return Outcome(x.having(axes), rest=(moved, keepdim) if changes else None)


def _cat(tensors: Sequence[Any], dim: int = 0) -> Outcome:
    signal = tensors if isinstance(tensors, Signal) else join(tensors)  # a list that came as an argument is one signal
    (moved,), changes = _moved(signal, [dim])
    return Outcome(signal, rest=(moved,) if changes else None)


def _softmax(x: Signal, dim: int, **_: Any) -> Outcome:
    (moved,), changes = _moved(x, [dim])
    return Outcome(x, rest=(moved,) if changes else None)


def flatten(x: Signal, start_dim: int = 0, end_dim: int = -1) -> Outcome:
    """The rest of the axes in one, once one frame is left."""
    if end_dim not in (-1, len(x.axes) - 1) or start_dim not in (1, 2):
        raise ValueError(f"it flattens the axes {start_dim} to {end_dim}, not all after the channels or the batch")
    if not x.pooled:
        raise ValueError("it flattens a map whose time has not been pooled")
    return Outcome(x.having(x.axes if len(x.axes) <= start_dim else x.axes[:start_dim] + "CN"[start_dim - 1]))


def _view(x: Signal, *shape: Any) -> Outcome:
    sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
    if len(sizes) != 2 or not x.pooled:
        raise ValueError("it gives other axes to a map whose time has not been pooled, or more than two")
    return Outcome(x.having(VECTOR))


def _size(x: Signal, dim: int | None = None) -> Outcome:
    return Outcome(Shape()) if dim is None else Outcome(_number(dim))


def _number(index: Any) -> Number:
    if index not in (0, 1):
        raise ValueError("it asks for sizes other than those of the batch and the channels")
    return Number()


def _getattr(x: Any, name: str) -> Outcome:
    if name != "shape":
        raise ValueError(f"it asks a tensor for its {name}")
    return Outcome(Shape())


def _getitem(x: Any, index: Any) -> Outcome:
    if isinstance(x, Shape):
        return Outcome(_number(index))
    if not isinstance(x, Signal):
        return Outcome(x[index])
    indices = index if isinstance(index, tuple) else (index,)
    before_time = x.axes.index("H") if "H" in x.axes else len(x.axes)
    if len(indices) > before_time or not all(isinstance(each, int | slice) for each in indices):
        raise ValueError("it takes parts of a map other than channels")
    kept = [axis for axis, each in zip(x.axes, indices, strict=False) if isinstance(each, slice)]
    return Outcome(x.having("".join(kept) + x.axes[len(indices) :]))


def _unsqueeze(x: Signal, dim: int) -> Outcome:
    before_time = x.axes.index("H") if "H" in x.axes else len(x.axes)
    if not 0 <= dim <= before_time or "C" in x.axes:
        raise ValueError("it adds an axis that is not the channels'")
    return Outcome(x.having(f"{x.axes[:dim]}C{x.axes[dim:]}"))


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


_ELEMENTWISE = (
    *("add", "iadd", "add_", "sub", "isub", "mul", "imul", "mul_", "truediv", "itruediv", "div", "neg", "clone"),
    *("relu", "relu_", "relu6", "leaky_relu", "elu", "gelu", "silu", "mish", "hardswish", "hardsigmoid", "hardtanh"),
    *("sigmoid", "tanh", "softplus", "clamp", "dropout", "stochastic_depth", "contiguous", "detach", "float"),
)

# By the name under which torch.fx meets them; a method and a function of one name take the same arguments.
FUNCTIONS: Mapping[str, Function] = {
    **dict.fromkeys(_ELEMENTWISE, _elementwise),
    **dict.fromkeys(("batch_norm", "group_norm"), _channels_second),
    **dict.fromkeys(("cat", "concat", "concatenate"), _cat),
    **dict.fromkeys(("softmax", "log_softmax"), _softmax),
    **dict.fromkeys(("view", "reshape"), _view),
    "layer_norm": _layer_norm,
    "linear": _channels_last,
    "permute": _permute,
    "mean": _mean,
    "flatten": flatten,
    "size": _size,
    "getattr": _getattr,
    "getitem": _getitem,
    "unsqueeze": _unsqueeze,
    "avg_pool2d": _avg_pool,
    "max_pool2d": _max_pool,
    "adaptive_avg_pool2d": _adaptive_avg_pool,
    "adaptive_max_pool2d": _adaptive_max_pool,
}
