"""The layers of one dimension, and the ways to make a spatiotemporal convolution: whole, flat, grouped or factored.

A builder is called as `conv(ops, in_channels, out_channels, kernel=, stride=, block_in=)` and gives one module. Blocks
and stems take any builder: R(2+1)D is a ResNet with another builder.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import gcd
from typing import Any

from torch import Tensor, nn

Size = int | tuple[int, int]  # of a kernel or stride: one number for time and space, or (time, space)

# (ops, in_channels, out_channels, *, kernel=3, stride=1, block_in) -> module; `block_in` is what the block reads
ConvBuilder = Callable[..., nn.Module]


@dataclass(frozen=True)
class Ops:
    """The layers of one dimension. `OPS[2]` reads `(B, C, H, W)`, `OPS[3]` reads `(B, C, T, H, W)`."""

    dims: int
    conv: Callable[..., nn.Module]
    norm: Callable[..., nn.Module]
    max_pool: Callable[..., nn.Module]
    global_pool: Callable[..., nn.Module]

    def over(self, time: int, space: int) -> tuple[int, ...]:
        """A kernel or stride: `(time, space, space)` in 3D, `(space, space)` in 2D."""
        return (time, space, space)[-self.dims :]

    def sizes(self, size: Size) -> tuple[int, ...]:
        """The same from one number for all dimensions, or from `(time, space)`."""
        return self.over(*_pair(size))


OPS = {
    2: Ops(2, nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.AdaptiveAvgPool2d),
    3: Ops(3, nn.Conv3d, nn.BatchNorm3d, nn.MaxPool3d, nn.AdaptiveAvgPool3d),
}


def _pair(size: Size) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size


def full(
    ops: Ops,
    in_channels: int,
    out_channels: int,
    *,
    kernel: Size = 3,
    stride: Size = 1,
    block_in: int | None = None,
    groups: int = 1,
) -> nn.Module:
    """One convolution over time and space together, `t×s×s`, padded by half its kernel, without bias."""
    sizes = ops.sizes(kernel)
    return ops.conv(
        in_channels,
        out_channels,
        kernel_size=sizes,
        stride=ops.sizes(stride),
        padding=tuple(size // 2 for size in sizes),
        groups=groups,
        bias=False,
    )


def flat(ops: Ops, in_channels: int, out_channels: int, *, kernel: Size = 3, **others: Any) -> nn.Module:
    """A 2D convolution in a 3D network, `1×s×s`: it never looks along time (the later stages of MC3)."""
    return full(ops, in_channels, out_channels, kernel=(1, _pair(kernel)[1]), **others)


def grouped(ops: Ops, in_channels: int, out_channels: int, *, cardinality: int, **others: Any) -> nn.Module:
    """`cardinality` convolutions side by side, each on its own share of the channels (Xie et al. 2017, ResNeXt).

    A thin network may have fewer channels than that: it gets the largest number of groups that divides both.
    """
    groups = gcd(cardinality, in_channels, out_channels)
    return full(ops, in_channels, out_channels, groups=groups, **others)


def middle_width(in_channels: int, out_channels: int, kernel: Size = 3) -> int:
    """Channels between the two halves of a (2+1)D convolution, so that both have the parameters of the whole.

    A whole `t×s×s` convolution has `in·out·t·s²` weights, its halves `in·m·s²` and `m·out·t` (Tran et al. 2018,
    section 3.5). The result is rounded down: 144 for 64 → 64 channels and a 3×3×3 kernel.
    """
    time, space = _pair(kernel)
    whole = in_channels * out_channels * time * space**2
    return whole // (in_channels * space**2 + out_channels * time)


class FactoredConv(nn.Module):
    """A (2+1)D convolution: space first, then time, with a ReLU between (Tran et al. 2018, Figure 2).

    x ─ conv 1×s×s (stride 1×s×s) ─ BN ─ ReLU ─ conv t×1×1 (stride t×1×1)
    """

    def __init__(
        self, ops: Ops, in_channels: int, middle: int, out_channels: int, *, kernel: Size, stride: Size
    ) -> None:
        super().__init__()
        (time, space), (time_stride, space_stride) = _pair(kernel), _pair(stride)
        self.spatial = full(ops, in_channels, middle, kernel=(1, space), stride=(1, space_stride))
        self.bn = ops.norm(middle)
        self.relu = nn.ReLU(inplace=True)
        self.temporal = full(ops, middle, out_channels, kernel=(time, 1), stride=(time_stride, 1))

    def forward(self, x: Tensor) -> Tensor:
        """`(B, in, T, H, W)` to `(B, out, T/s, H/s, W/s)`, sizes rounded up."""
        x = self.relu(self.bn(self.spatial(x)))  # (B, middle, T, H/s, W/s)
        return self.temporal(x)  # (B, out, T/s, H/s, W/s)


Middle = Callable[[int, int, Size, int], int]  # (in_channels, out_channels, kernel, block_in) -> channels between


def _by_convolution(in_channels: int, out_channels: int, kernel: Size, block_in: int) -> int:
    return middle_width(in_channels, out_channels, kernel)


def _by_block(in_channels: int, out_channels: int, kernel: Size, block_in: int) -> int:
    return middle_width(block_in, out_channels, kernel)


def _torchvision_stem(in_channels: int, out_channels: int, kernel: Size, block_in: int) -> int:
    return max(1, 45 * out_channels // 64)


def factored(
    ops: Ops,
    in_channels: int,
    out_channels: int,
    *,
    kernel: Size = 3,
    stride: Size = 1,
    block_in: int | None = None,
    middle: Middle = _by_convolution,
) -> nn.Module:
    """A (2+1)D convolution with as many parameters as the whole one it stands for."""
    between = middle(in_channels, out_channels, kernel, block_in or in_channels)
    return FactoredConv(ops, in_channels, between, out_channels, kernel=kernel, stride=stride)


# torchvision's R(2+1)D: both convolutions of a block have the middle width of its first, which tells where the channels
# change (230, not 288, for the second convolution of the block from 64 to 128), and the stem has 45, not the formula's 83.
factored_by_block = partial(factored, middle=_by_block)
factored_stem = partial(factored, middle=_torchvision_stem)
