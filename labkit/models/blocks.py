"""The pieces that residual networks are made of, in 2D and in 3D from the same lines.

A block never asks whether it is 2D or 3D: it is given `Ops`, the layers of one dimension, and a shortcut builder.
The tensor names (`conv1`, `bn1`, `downsample.0`, ...) are those of the published 3D-ResNets checkpoints.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch.nn.functional as F
from torch import Tensor, nn

ShortcutName = Literal["A", "A-centred", "B"]


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


OPS = {
    2: Ops(2, nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.AdaptiveAvgPool2d),
    3: Ops(3, nn.Conv3d, nn.BatchNorm3d, nn.MaxPool3d, nn.AdaptiveAvgPool3d),
}


class ZeroPadShortcut(nn.Module):
    """Shortcut A (He et al. 2016): every `stride`-th position, and new channels filled with zeros. No parameters.

    `stride` has one number per dimension after the channels. `before` and `after` are the numbers of zero channels
    on either side. It is made of a slice and a pad, both differentiable: the gradient reaches the block's input.
    """

    def __init__(self, stride: tuple[int, ...], before: int, after: int) -> None:
        super().__init__()
        self.stride, self.before, self.after = stride, before, after

    def forward(self, x: Tensor) -> Tensor:
        """`(B, C, T, H, W)` to `(B, before + C + after, T/s, H/s, W/s)`, sizes rounded up; 2D alike."""
        every: Any = (..., *(slice(None, None, step) for step in self.stride))
        return F.pad(x[every], (0, 0) * len(self.stride) + (self.before, self.after))

    def extra_repr(self) -> str:
        """What `print(network)` shows in the brackets."""
        return f"stride={self.stride}, before={self.before}, after={self.after}"


Shortcut = Callable[[Ops, int, int, int], nn.Module]  # (ops, in_channels, out_channels, stride) -> module


def _zeros_after(ops: Ops, in_channels: int, out_channels: int, stride: int) -> nn.Module:
    return ZeroPadShortcut(ops.over(stride, stride), 0, out_channels - in_channels)


def _zeros_around(ops: Ops, in_channels: int, out_channels: int, stride: int) -> nn.Module:
    before = (out_channels - in_channels) // 2
    return ZeroPadShortcut(ops.over(stride, stride), before, out_channels - in_channels - before)


def _projection(ops: Ops, in_channels: int, out_channels: int, stride: int) -> nn.Module:
    return nn.Sequential(
        ops.conv(in_channels, out_channels, kernel_size=1, stride=stride, bias=False), ops.norm(out_channels)
    )


# What stands beside a block that changes the shape; where it does not change, the input itself is added.
SHORTCUTS: dict[str, Shortcut] = {
    "A": _zeros_after,  # Hara et al. 2018: the new channels come last
    "A-centred": _zeros_around,  # published CIFAR ResNets: half of the new channels on each side
    "B": _projection,  # 1x1x1 convolution and batch norm
}


def _shortcut(build: Shortcut, ops: Ops, in_channels: int, out_channels: int, stride: int) -> nn.Module:
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return build(ops, in_channels, out_channels, stride)


class Block(nn.Module):
    """What stages are made of: a module that says how many channels it gives."""

    out_channels: int


class BasicBlock(Block):
    """Two 3x3x3 convolutions and a shortcut (Hara et al. 2018, Figure 3 and Table 1).

    x ─ conv 3³ (stride) ─ BN ─ ReLU ─ conv 3³ ─ BN ─ + ─ ReLU
    └──────────────── shortcut ───────────────────────┘
    """

    def __init__(self, ops: Ops, in_channels: int, width: int, *, stride: int, shortcut: Shortcut) -> None:
        super().__init__()
        self.out_channels = width
        self.conv1 = ops.conv(in_channels, width, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn1 = ops.norm(width)
        self.conv2 = ops.conv(width, width, kernel_size=3, padding=1, bias=False)
        self.bn2 = ops.norm(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(shortcut, ops, in_channels, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """`(B, in, T, H, W)` to `(B, width, T/s, H/s, W/s)`, sizes rounded up."""
        out = self.relu(self.bn1(self.conv1(x)))  # (B, width, T/s, H/s, W/s)
        out = self.bn2(self.conv2(out))  # same
        return self.relu(out + self.downsample(x))


class Bottleneck(Block):
    """Narrow, convolve, widen (Hara et al. 2018, Figure 3). The stride sits on the 3x3x3 convolution.

        x ─ conv 1³ ─ BN ─ ReLU ─ conv 3³ (stride) ─ BN ─ ReLU ─ conv 1³ ─ BN ─ + ─ ReLU
        └─────────────────────────── shortcut ──────────────────────────────────┘

    `expansion` is output channels over `width`; `groups` above 1 splits the middle convolution (ResNeXt's cardinality).
    """

    def __init__(
        self,
        ops: Ops,
        in_channels: int,
        width: int,
        *,
        stride: int,
        shortcut: Shortcut,
        expansion: int = 4,
        groups: int = 1,
    ) -> None:
        super().__init__()
        self.out_channels = width * expansion
        self.conv1 = ops.conv(in_channels, width, kernel_size=1, bias=False)
        self.bn1 = ops.norm(width)
        self.conv2 = ops.conv(width, width, kernel_size=3, stride=stride, padding=1, groups=groups, bias=False)
        self.bn2 = ops.norm(width)
        self.conv3 = ops.conv(width, self.out_channels, kernel_size=1, bias=False)
        self.bn3 = ops.norm(self.out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(shortcut, ops, in_channels, self.out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """`(B, in, T, H, W)` to `(B, width * expansion, T/s, H/s, W/s)`, sizes rounded up."""
        out = self.relu(self.bn1(self.conv1(x)))  # (B, width, T, H, W)
        out = self.relu(self.bn2(self.conv2(out)))  # (B, width, T/s, H/s, W/s)
        out = self.bn3(self.conv3(out))  # (B, width * expansion, T/s, H/s, W/s)
        return self.relu(out + self.downsample(x))
