"""The choice of each layer's kernel and stride in time, and the presets that make it.

Space is given by the 2D network; time has to be chosen. Branches that meet again need equal numbers of frames. Where
time shrinks together with space, they always have them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import nn

from labkit.models.inception import FittingAvgPool
from labkit.models.inflate.intime import InTime
from labkit.models.inflate.layers import in_space


@dataclass(frozen=True)
class Place:
    """A layer and its place in the network: the preset's input."""

    name: str
    layer: nn.Module  # the 2D layer
    scale: int  # the image's height over that of the map that this layer reads
    first: bool  # whether it is the first convolution

    @property
    def kernel(self) -> int | None:
        """Its height in space; None for a global pool. A 1×7 kernel counts as 1 and a 7×1 as 7: a pair makes 7×7×7."""
        return in_space(self.layer)[0]

    @property
    def stride(self) -> int:
        """Its stride in space."""
        return in_space(self.layer)[1]


Preset = Callable[[Place], InTime]
Policy = Callable[[str, nn.Module], InTime | None]  # a user's: (name, 2D layer) -> its choice, None: the preset's


def _hara(place: Place) -> InTime:
    """Time is treated like space, but the first convolution keeps every frame (Hara et al. 2018, Table 1)."""
    return InTime(place.kernel, 1 if place.first else place.stride)


def _every_frame(place: Place) -> InTime:
    """Kernels as in space, and no stride: all frames are kept."""
    return InTime(place.kernel, 1)


# Carreira & Zisserman 2017, section 2.4 and Figure 3: by what time is divided where the map's height is halved for the
# first time, the second time, ...: the first convolution, max-pools 2a, 3a, 4a, 5a.
_I3D_HALVINGS = (2, 1, 1, 2, 2)


def _i3d(place: Place) -> InTime:
    """Kernels as in space; time is halved at the first, the fourth and the fifth halving of space.

    A pool that halves space alone reads one frame (1×3×3, as I3D's first two). The average pool before the classifier
    reads two, unpadded (2×7×7). For other families than Inception-V1 it is the same rule: a stride of 4 makes two
    halvings; branches that meet again have halved space alike, and so time.
    """
    if isinstance(place.layer, FittingAvgPool):
        return InTime(2)
    stride = 1
    for number in range(12):
        if place.scale <= 2**number < place.scale * place.stride:
            stride *= _I3D_HALVINGS[number] if number < len(_I3D_HALVINGS) else 2
    space_alone = stride == 1 and place.stride > 1 and not isinstance(place.layer, nn.Conv2d)
    return InTime(1 if space_alone else place.kernel, stride)


PRESETS: Mapping[str, Preset] = {"i3d": _i3d, "hara": _hara, "every_frame": _every_frame}
