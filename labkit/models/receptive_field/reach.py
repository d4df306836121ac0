"""One receptive field: an interval of the input that moves in even steps. Several fields can be joined."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from torch import Tensor


class Reach(NamedTuple):
    """The input positions that the positions of one tensor see, along one axis of the input.

    Position `p` of dimension `dim` sees input positions `start + p * jump` to `start + p * jump + size - 1`. Positions
    outside the input are padding: as in the literature, sizes are not cut at the border.
    `dim` is None, and `jump` 0, where all positions see the same: after a global average, for example.
    """

    dim: int | None
    jump: int
    start: int
    size: int

    def at(self, dim: int | None) -> "Reach":
        """The same, in another dimension of another tensor."""
        return self._replace(dim=dim)

    def everywhere(self, count: int) -> "Reach":
        """The field of `count` neighbouring positions together."""
        return Reach(None, 0, self.start, self.size + (count - 1) * self.jump)

    def windowed(self, kernel: int, stride: int, padding: int, dilation: int = 1) -> "Reach":
        """After a convolution or a pooling: the size grows by the kernel's span, the jump by the stride."""
        size = self.size + (kernel - 1) * dilation * self.jump
        return Reach(self.dim, self.jump * stride, self.start - padding * self.jump, size)

    def sliced(self, first: int, step: int = 1) -> "Reach":
        """Of every `step`-th position from `first` on; a negative `first` stands for padding in front."""
        return self._replace(start=self.start + first * self.jump, jump=self.jump * step)


Axis = tuple[int, int]  # which input of the network, which of its axes after the channels
Field = dict[Axis, Reach]


def together(parts: Iterable[Field], shape: Sequence[int]) -> Field:
    """Several fields in dimensions of the same shape, joined."""
    reaches: dict[Axis, list[Reach]] = {}
    for part in parts:
        for axis, reach in part.items():
            reaches.setdefault(axis, []).append(reach)
    return {axis: _union(several, shape) for axis, several in reaches.items()}


def _union(reaches: Sequence[Reach], shape: Sequence[int]) -> Reach:
    if len({(reach.dim, reach.jump) for reach in reaches}) > 1:  # they do not move together: only the whole is sure
        reaches = [reach if reach.dim is None else reach.everywhere(shape[reach.dim]) for reach in reaches]
    start = min(reach.start for reach in reaches)
    return reaches[0]._replace(start=start, size=max(reach.start + reach.size for reach in reaches) - start)


def spread(reach: Reach, tensor: Tensor) -> Reach:
    """All positions of the tensor together."""
    return reach if reach.dim is None else reach.everywhere(tensor.shape[reach.dim])
