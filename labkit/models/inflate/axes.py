"""Rules for the functions of a `forward` that count or change axes, and their counterparts in 3D.

Each rule takes the function's arguments, as the rules of `functions` do. A vector `BC` that gets two axes of one
position, as in squeeze-and-excitation, becomes a map of one frame: where the 2D network adds a height, the 3D one adds
time and height.
"""

import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from labkit.models.inflate.signal import IMAGE, VECTOR, Number, Outcome, Parts, Shape, Signal, Spatial, moved

EVERYTHING = slice(None)


def permute(x: Signal, *dims: Any) -> Outcome:
    """The axes in another order; time goes with the height."""
    order = list(dims[0]) if len(dims) == 1 and isinstance(dims[0], tuple | list) else list(dims)
    axes = "".join(x.axes[dim] for dim in order)
    if "H" not in axes:
        return Outcome(x.having(axes))
    time = axes.index("H")  # in the new order too, time stands in front of the height
    places = [x.axis(dim) for dim in order]
    return Outcome(x.having(axes), rest=(*places[:time], x.axes.index("H"), *places[time:]))


def flatten(x: Signal, start_dim: int = 0, end_dim: int = -1) -> Outcome:
    """The rest of the axes in one, once one frame is left."""
    if end_dim not in (-1, len(x.axes) - 1) or start_dim not in (1, 2):
        raise ValueError(f"it flattens the axes {start_dim} to {end_dim}, not all after the channels or the batch")
    if not x.pooled:
        raise ValueError("it flattens a map whose time has not been pooled")
    return Outcome(x.having(x.axes if len(x.axes) <= start_dim else x.axes[:start_dim] + "CN"[start_dim - 1]))


def view(x: Signal, *shape: Any) -> Outcome:
    """Once one frame is left: to `(B, C)`, or to `(B, C, 1, 1)`."""
    sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
    if x.pooled and len(sizes) == 2:
        return Outcome(x.having(VECTOR))
    if x.pooled and len(sizes) == 4 and tuple(sizes[2:]) == (1, 1):
        return Outcome(x.having(IMAGE), more=(1,))
    raise ValueError("it gives other axes to a map whose time has not been pooled, or others than (B, C) or its pixels")


def sizes_of(x: Signal, dim: int | None = None) -> Outcome:
    """All sizes, or one."""
    return Outcome(Shape(x)) if dim is None else _size(x, dim)


def _size(x: Signal, index: Any) -> Outcome:
    """One size, or several. The batch and the channels have the same size in 3D, perhaps at another place."""
    chosen = x.axes[index]
    if "H" in chosen or "W" in chosen:
        return Outcome(Spatial())
    if isinstance(index, slice):
        places, _ = moved(x, range(*index.indices(len(x.axes))))
        if index.step not in (None, 1) or (places and places[-1] - places[0] >= len(places)):
            raise ValueError("it takes several sizes that are not side by side in 3D")
        block = slice(places[0], places[-1] + 1) if places else slice(0, 0)
        return Outcome(tuple(Number() for _ in places), rest=None if index == block else (block,))
    (place,), changes = moved(x, [index])
    return Outcome(Number(), rest=(place,) if changes else None)


def getitem(x: Any, index: Any) -> Outcome:
    """A size, one of several tensors, or a tensor's batch or channels in part, with new axes of one position."""
    if isinstance(x, Shape):
        return _size(x.of, index)
    if isinstance(x, Parts):
        return Outcome(x.of if isinstance(index, int) else x)
    if not isinstance(x, Signal):
        return Outcome(x[index])
    indices = _without_ellipsis(index if isinstance(index, tuple) else (index,), len(x.axes))
    left, kept = list(x.axes), ""
    deep: list[Any] = []
    for each in indices:
        if each is None:
            kept += _new_axis(x.axes, kept)
            deep += [None, None] if kept[-1] == "H" else [None]
            continue
        axis = left.pop(0)
        if not isinstance(each, int | slice) or (axis in "HW" and each != EVERYTHING):
            raise ValueError("it takes parts of a map other than channels")
        kept += axis if isinstance(each, slice) else ""
        deep += [each, each] if axis == "H" else [each]
    value = replace(x, axes=kept + "".join(left), pooled=x.pooled or ("H" in kept and "H" not in x.axes))
    return Outcome(value, rest=None if len(deep) == len(indices) and Ellipsis not in _all(index) else (tuple(deep),))


def _all(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)


def _without_ellipsis(indices: Sequence[Any], rank: int) -> list[Any]:
    places = [place for place, each in enumerate(indices) if each is Ellipsis]
    if not places:
        return list(indices)
    spelt = sum(each is not None and each is not Ellipsis for each in indices)
    return [*indices[: places[0]], *[EVERYTHING] * (rank - spelt), *indices[places[0] + 1 :]]


def _new_axis(old: str, new: str) -> str:
    """The name of a new axis: the channels of a map without any, or else a height, then a width, of one pixel."""
    if "H" in old and "C" not in old + new and "H" not in new:
        return "C"
    if "C" not in old:
        raise ValueError("it adds an axis to a tensor without channels")
    missing = [axis for axis in "HW" if axis not in old + new]
    if not missing:
        raise ValueError("it adds an axis that is not the channels'")
    return missing[0]


def unsqueeze(x: Signal, dim: int) -> Outcome:
    """One new axis, of one position."""
    place = dim % (len(x.axes) + 1)
    new = _new_axis(x.axes, x.axes[:place])
    axes = f"{x.axes[:place]}{new}{x.axes[place:]}"
    if new == "H":
        at = (*[EVERYTHING] * place, None, None)
        return Outcome(replace(x, axes=axes, pooled=True), rest=(at,), call=operator.getitem)
    if new == "W":
        return Outcome(x.having(axes), rest=(place + 1,))
    return Outcome(x.having(axes), rest=(place,) if dim < 0 else None)


def parts(x: Signal, sizes: Any, dim: int = 0) -> Outcome:
    """The batch or the channels in several tensors."""
    if x.axes[dim] not in "BC":
        raise ValueError("it takes parts of a map other than channels")
    (place,), changes = moved(x, [dim])
    if changes and not isinstance(sizes, int | list | tuple):
        raise ValueError("it counts its parts by a size of the tensor")
    return Outcome(Parts(x), rest=(sizes, place) if changes else None)


def pad(x: Signal, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Outcome:
    """Constants around the map; never in time."""
    if mode != "constant" or not all(isinstance(each, int) for each in pad):
        raise ValueError("it does not pad with a constant, or it pads by a size of the tensor")
    behind = 2 * (len(x.axes) - x.axes.index("H")) if "H" in x.axes else len(pad)  # numbers up to the height's
    if len(pad) <= behind:
        return Outcome(x)
    return Outcome(x, rest=((*pad[:behind], 0, 0, *pad[behind:]), mode, value))
