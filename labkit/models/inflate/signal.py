"""The facts about a tensor that are known without computing it: its axes, its size, its frames."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, nn

IMAGE = "BCHW"
VECTOR = "BC"


@dataclass(frozen=True)
class Signal:
    """A tensor of the 2D network, and its counterpart in the 3D network.

    The 3D tensor has one axis more, time, in front of the height: `BCHW` becomes `BCTHW`, `BHWC` becomes `BTHWC`.
    """

    axes: str = IMAGE  # of the 2D tensor
    scale: int = 1  # the image's height over this one's
    stride: int = 1  # the clip's frames over this one's
    pooled: bool = False  # one frame is left of the clip

    def axis(self, index: int) -> int:
        """The place of a 2D tensor's axis in the 3D tensor. Raises `ValueError` for an axis that the tensor lacks."""
        if not -len(self.axes) <= index < len(self.axes):
            raise ValueError(f"there is no axis {index} among {self.axes}")
        index %= len(self.axes)
        return index + ("H" in self.axes and index >= self.axes.index("H"))

    def having(self, axes: str) -> "Signal":
        """The same with other axes."""
        return replace(self, axes=axes)


@dataclass(frozen=True)
class Constant:
    """A tensor that does not depend on the input: computed from weights and numbers. The 3D network has the same one."""

    like: Tensor  # of its shape and type, on the meta device

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape, in 2D and in 3D."""
        return tuple(self.like.shape)


@dataclass(frozen=True)
class Weight(Constant):
    """A parameter or buffer that a `forward` uses by itself."""

    name: str


class Number:
    """A size that does not depend on time: of the batch or of the channels."""


class Spatial:
    """A height or a width, or several sizes of which one is: harmless as long as nobody uses it."""


class Kind:
    """A tensor's type or device: the same in 3D."""


@dataclass(frozen=True)
class Shape:
    """The shape of a tensor, to take numbers from."""

    of: Signal


@dataclass(frozen=True)
class Parts:
    """The results of `split` and `chunk`: tensors with the axes of this one."""

    of: Signal


FOLLOWED = (Signal, Number, Spatial, Kind, Shape, Parts)  # what depends on the input


@dataclass(frozen=True)
class Outcome:
    """The result of a call, and the change that the call needs in 3D."""

    value: Any
    rest: tuple[Any, ...] | None = None  # the arguments after the first, where they are others in 3D
    more: tuple[Any, ...] = ()  # sizes behind those that are given
    call: Callable[..., Any] | None = None  # the function to call in its place, with `rest`
    layer: nn.Module | None = None  # the 2D layer that does the same, to be inflated in its place
    weights: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # the new shapes of weights that it reads
    lifted: Mapping[Any, int] = field(default_factory=dict)  # argument -> where it gets an axis for time


def join(signals: Sequence[Signal]) -> Signal:
    """Branches meet. Raises `ValueError` where they do not fit in their axes or in their frames."""
    maps = [each for each in signals if not each.pooled] or list(signals)
    if len({each.axes for each in signals}) > 1:
        raise ValueError(f"tensors with the axes {' and '.join(sorted({each.axes for each in signals}))} meet")
    strides = sorted({each.stride for each in maps})
    if len(strides) > 1:
        every = " and ".join(f"1/{stride}" if stride > 1 else "all" for stride in strides)
        raise ValueError(f"branches with {every} of the frames meet: give them equal strides in time")
    return maps[0]


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


def moved(signal: Signal, dims: Sequence[int]) -> tuple[list[int], bool]:
    """Where these axes are in 3D, and whether the numbers would mean others there."""
    places = [signal.axis(dim) for dim in dims]
    rank = len(signal.axes) + ("H" in signal.axes)
    return places, places != [dim % rank if dim < 0 else dim for dim in dims]
