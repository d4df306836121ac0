"""The blocks of residual and dense networks, in 2D and in 3D from the same lines.

A block does not know whether it is 2D or 3D. It is given `Ops` (the layers of one dimension), a convolution builder
(`convolutions`) and a shortcut builder. The tensor names (`conv1`, `bn1`, `downsample.0`, ...) are those of the
published 3D-ResNets checkpoints.
"""

from collections.abc import Callable
from typing import Any, Literal

import torch.nn.functional as F
from torch import Tensor, nn

from labkit.models.convolutions import OPS as OPS  # notebooks that build blocks by hand import it from here
from labkit.models.convolutions import ConvBuilder, Ops, Size, full

ShortcutName = Literal["A", "A-centred", "B"]


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


Shortcut = Callable[[Ops, int, int, Size], nn.Module]  # (ops, in_channels, out_channels, stride) -> module


def _zeros_after(ops: Ops, in_channels: int, out_channels: int, stride: Size) -> nn.Module:
    return ZeroPadShortcut(ops.sizes(stride), 0, out_channels - in_channels)


def _zeros_around(ops: Ops, in_channels: int, out_channels: int, stride: Size) -> nn.Module:
    before = (out_channels - in_channels) // 2
    return ZeroPadShortcut(ops.sizes(stride), before, out_channels - in_channels - before)


def _projection(ops: Ops, in_channels: int, out_channels: int, stride: Size) -> nn.Module:
    return nn.Sequential(full(ops, in_channels, out_channels, kernel=1, stride=stride), ops.norm(out_channels))


# The shortcut of a block that changes the shape. A block that keeps the shape adds its input itself.
SHORTCUTS: dict[str, Shortcut] = {
    "A": _zeros_after,  # Hara et al. 2018: the new channels come last
    "A-centred": _zeros_around,  # published CIFAR ResNets: half of the new channels on each side
    "B": _projection,  # 1x1x1 convolution and batch norm
}


def _shortcut(build: Shortcut, ops: Ops, in_channels: int, out_channels: int, stride: Size) -> nn.Module:
    if max(ops.sizes(stride)) == 1 and in_channels == out_channels:
        return nn.Identity()
    return build(ops, in_channels, out_channels, stride)


class Block(nn.Module):
    """A part of a stage: a module that knows the number of its output channels.

    Every block is built alike: `(ops, in_channels, width, *, stride, shortcut, conv)`. `stride` is one number or
    `(time, space)`; `conv` builds the 3x3x3 convolutions, see `convolutions`.
    """

    out_channels: int


class BasicBlock(Block):
    """Two 3x3x3 convolutions and a shortcut (Hara et al. 2018, Figure 3 and Table 1).

    x ─ conv 3³ (stride) ─ BN ─ ReLU ─ conv 3³ ─ BN ─ + ─ ReLU
    └──────────────── shortcut ───────────────────────┘
    """

    def __init__(
        self, ops: Ops, in_channels: int, width: int, *, stride: Size, shortcut: Shortcut, conv: ConvBuilder = full
    ) -> None:
        super().__init__()
        self.out_channels = width
        self.conv1 = conv(ops, in_channels, width, stride=stride, block_in=in_channels)
        self.bn1 = ops.norm(width)
        self.conv2 = conv(ops, width, width, block_in=in_channels)
        self.bn2 = ops.norm(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(shortcut, ops, in_channels, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """`(B, in, T, H, W)` to `(B, width, T/s, H/s, W/s)`, sizes rounded up."""
        out = self.relu(self.bn1(self.conv1(x)))  # (B, width, T/s, H/s, W/s)
        out = self.bn2(self.conv2(out))  # same
        out += self.downsample(x)  # in place: a new tensor would cost another pass over the memory
        return self.relu(out)


class Bottleneck(Block):
    """Narrow, convolve, widen (Hara et al. 2018, Figure 3). The stride sits on the 3x3x3 convolution.

        x ─ conv 1³ ─ BN ─ ReLU ─ conv 3³ (stride) ─ BN ─ ReLU ─ conv 1³ ─ BN ─ + ─ ReLU
        └─────────────────────────── shortcut ──────────────────────────────────┘

    `expansion` is output channels over `width`: 4 in ResNets, 2 in wide ResNets and in ResNeXt, whose `conv` is
    `convolutions.grouped`.
    """

    def __init__(
        self,
        ops: Ops,
        in_channels: int,
        width: int,
        *,
        stride: Size,
        shortcut: Shortcut,
        conv: ConvBuilder = full,
        expansion: int = 4,
    ) -> None:
        super().__init__()
        self.out_channels = width * expansion
        self.conv1 = full(ops, in_channels, width, kernel=1)
        self.bn1 = ops.norm(width)
        self.conv2 = conv(ops, width, width, stride=stride, block_in=in_channels)
        self.bn2 = ops.norm(width)
        self.conv3 = full(ops, width, self.out_channels, kernel=1)
        self.bn3 = ops.norm(self.out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(shortcut, ops, in_channels, self.out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """`(B, in, T, H, W)` to `(B, width * expansion, T/s, H/s, W/s)`, sizes rounded up."""
        out = self.relu(self.bn1(self.conv1(x)))  # (B, width, T, H, W)
        out = self.relu(self.bn2(self.conv2(out)))  # (B, width, T/s, H/s, W/s)
        out = self.bn3(self.conv3(out))  # (B, width * expansion, T/s, H/s, W/s)
        out += self.downsample(x)
        return self.relu(out)


class PreActivation(Block):
    """A bottleneck that normalises before it convolves (He et al. 2016, "Identity Mappings"; Hara et al. 2018, Figure 3).

        x ─ BN ─ ReLU ─ conv 1³ ─ BN ─ ReLU ─ conv 3³ (stride) ─ BN ─ ReLU ─ conv 1³ ─ +
        └───────────────────────────── shortcut ───────────────────────────────────────┘

    Nothing follows the sum, so the input of a stage reaches its end as it is. The shortcut reads `x` itself, as in
    the published 3D network.
    """

    def __init__(
        self,
        ops: Ops,
        in_channels: int,
        width: int,
        *,
        stride: Size,
        shortcut: Shortcut,
        conv: ConvBuilder = full,
        expansion: int = 4,
    ) -> None:
        super().__init__()
        self.out_channels = width * expansion
        self.bn1 = ops.norm(in_channels)
        self.conv1 = full(ops, in_channels, width, kernel=1)
        self.bn2 = ops.norm(width)
        self.conv2 = conv(ops, width, width, stride=stride, block_in=in_channels)
        self.bn3 = ops.norm(width)
        self.conv3 = full(ops, width, self.out_channels, kernel=1)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(shortcut, ops, in_channels, self.out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """`(B, in, T, H, W)` to `(B, width * expansion, T/s, H/s, W/s)`, sizes rounded up."""
        out = self.conv1(self.relu(self.bn1(x)))  # (B, width, T, H, W)
        out = self.conv2(self.relu(self.bn2(out)))  # (B, width, T/s, H/s, W/s)
        out = self.conv3(self.relu(self.bn3(out)))  # (B, width * expansion, T/s, H/s, W/s)
        out += self.downsample(x)
        return out


def kaiming(network: nn.Module) -> None:
    """Draw all weights anew: Kaiming normal over the outgoing connections for convolutions, as Hara et al.'s code does.

    Batch norms get scale 1, shift 0 and empty statistics; classifiers start as in PyTorch. On the meta device nothing is
    done: tensors have no numbers there, and torch's stand-in for drawing them takes a second to import.
    """
    for module in network.modules():
        if getattr(module, "weight", None) is None or module.weight.is_meta:
            continue
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d | nn.Linear):
            module.reset_parameters()
