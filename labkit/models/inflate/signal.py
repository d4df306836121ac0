"""What is known of a tensor while the layers of a network are followed, without computing it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

IMAGE = "BCHW"
VECTOR = "BC"


@dataclass(frozen=True)
class Signal:
    """A tensor of the 2D network, and what its 3D counterpart will be.

    The 3D tensor has one axis more, time, in front of the height: `BCHW` becomes `BCTHW`, `BHWC` becomes `BTHWC`.
    """

    axes: str = IMAGE  # of the 2D tensor
    scale: int = 1  # the image's height over this one's
    stride: int = 1  # the clip's frames over this one's
    pooled: bool = False  # one frame is left of the clip

    def axis(self, index: int) -> int:
        """Where an axis of the 2D tensor is in the 3D tensor. Raises `ValueError` for one that is not there."""
        if not -len(self.axes) <= index < len(self.axes):
            raise ValueError(f"there is no axis {index} among {self.axes}")
        index %= len(self.axes)
        return index + ("H" in self.axes and index >= self.axes.index("H"))

    def having(self, axes: str) -> "Signal":
        """The same with other axes."""
        return replace(self, axes=axes)


@dataclass(frozen=True)
class Weight:
    """A parameter or buffer that a `forward` uses by itself."""

    name: str
    shape: tuple[int, ...]


class Number:
    """A size that does not depend on time: of the batch or of the channels."""


class Shape:
    """The shape of a tensor, to take numbers from."""


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
