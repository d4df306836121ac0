"""DenseNet-BC in 2D and in 3D: every layer reads the outputs of all layers before it in its block.

From Huang, Liu, van der Maaten, Weinberger, "Densely Connected Convolutional Networks" (CVPR 2017), Table 1, in 3D as
in Hara, Kataoka, Satoh (CVPR 2018), Table 1. B is the narrow 1x1x1 convolution before each 3x3x3 one, C the
compression between blocks.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.clip import ClipSpec
from labkit.models.blocks import kaiming
from labkit.models.convolutions import OPS, Ops, full
from labkit.models.network import Network, at_least_one, one_of


class DenseLayer(nn.Module):
    """A layer that adds `growth` channels to its input (Hara et al. 2018, Figure 3).

        x ─ BN ─ ReLU ─ conv 1³ ─ BN ─ ReLU ─ conv 3³ ─ concatenate
        └──────────────────────────────────────────────────┘

    The first convolution leaves `narrow` times `growth` channels for the second to read.
    """

    def __init__(self, ops: Ops, in_channels: int, growth: int, *, narrow: int = 4) -> None:
        super().__init__()
        self.bn1 = ops.norm(in_channels)
        self.conv1 = full(ops, in_channels, narrow * growth, kernel=1)
        self.bn2 = ops.norm(narrow * growth)
        self.conv2 = full(ops, narrow * growth, growth)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """`(B, C, T, H, W)` to `(B, C + growth, T, H, W)`."""
        new = self.conv1(self.relu(self.bn1(x)))  # (B, narrow * growth, T, H, W)
        new = self.conv2(self.relu(self.bn2(new)))  # (B, growth, T, H, W)
        return torch.cat([x, new], dim=1)


class HalvingPool2d(nn.AvgPool2d):
    """The mean of each 2x2 square, an odd last row or column left out; a height or width of 1 stays 1."""

    def __init__(self) -> None:
        super().__init__(2)

    def forward(self, x: Tensor) -> Tensor:
        """`(B, C, H, W)` to `(B, C, H/2, W/2)`."""
        return F.avg_pool2d(x, [min(2, size) for size in x.shape[2:]])


class HalvingPool3d(nn.AvgPool3d):
    """The mean of each 2x2x2 cube, an odd last frame, row or column left out; a size of 1 stays 1.

    The published network refuses a clip that has one frame left before the last transition.
    """

    def __init__(self) -> None:
        super().__init__(2)

    def forward(self, x: Tensor) -> Tensor:
        """`(B, C, T, H, W)` to `(B, C, T/2, H/2, W/2)`."""
        return F.avg_pool3d(x, [min(2, size) for size in x.shape[2:]])


HALVING = {2: HalvingPool2d, 3: HalvingPool3d}


class Transition(nn.Sequential):
    """The layer between two blocks: it halves channels, time, height and width.

    x ─ BN ─ ReLU ─ conv 1³ ─ mean 2³
    """

    def __init__(self, ops: Ops, in_channels: int) -> None:
        self.out_channels = in_channels // 2
        layers: dict[str, nn.Module] = {
            "bn": ops.norm(in_channels),
            "relu": nn.ReLU(inplace=True),
            "conv": full(ops, in_channels, self.out_channels, kernel=1),
            "pool": HALVING[ops.dims](),
        }
        super().__init__(OrderedDict(layers))


class DenseNet(Network):
    """A DenseNet-BC in 2D or 3D.

    Shapes at 3x16x112x112 with `depths=(6, 12, 24, 16)`, `width=64` (DenseNet-121):

        input          3 x 16 x 112 x 112
        stem          64 x 16 x  56 x  56     conv 7x7x7, stride (1, 2, 2) - BN - ReLU
        pool          64 x  8 x  28 x  28     max 3x3x3, stride 2
        block1       256 x  8 x  28 x  28     each layer adds 32 channels
        transition1  128 x  4 x  14 x  14     halves channels, T, H and W
        block2       512 x  4 x  14 x  14
        transition2  256 x  2 x   7 x   7
        block3      1024 x  2 x   7 x   7
        transition3  512 x  1 x   3 x   3
        block4      1024 x  1 x   3 x   3
        features    1024                      BN - ReLU - mean over T, H, W
        logits         K

    Layers in the four blocks (Huang et al. 2017, Table 1): 6 12 24 16 in DenseNet-121, 6 12 32 32 in DenseNet-169,
    6 12 48 32 in DenseNet-201. Hara et al. 2018 train the first and the last.

    Any clip size works; the transitions round down, as published, but never to nothing.

    Args:
        depths: layers in each block.
        dims: 3 for `(B, C, T, H, W)`, 2 for `(B, C, H, W)`.
        num_classes: K.
        in_channels: C; 3 for RGB, 2 for flow.
        width: channels of the stem; each layer adds half as many.
        dropout: share of features dropped before the classifier while training.
        clip: how this network wants its clips; kept as `.clip`.

    Raises `ValueError` for numbers below 1 and a width below 2.
    """

    def __init__(
        self,
        depths: Sequence[int],
        *,
        dims: Literal[2, 3] = 3,
        num_classes: int = 400,
        in_channels: int = 3,
        width: int = 64,
        dropout: float = 0.0,
        clip: ClipSpec | None = None,
    ) -> None:
        super().__init__()
        at_least_one(num_classes=num_classes, in_channels=in_channels, width=width)
        if width < 2:
            raise ValueError("width must be at least 2: each layer adds half as many channels")
        self.dims, self.clip = dims, clip or ClipSpec()
        ops = one_of(OPS, dims=dims)
        self.conv1 = full(ops, in_channels, width, kernel=7, stride=(1, 2))
        self.bn1 = ops.norm(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = ops.max_pool(kernel_size=3, stride=2, padding=1)

        channels, growth, parts = width, width // 2, []
        for number, depth in enumerate(depths, start=1):
            layers = {f"layer{index + 1}": DenseLayer(ops, channels + index * growth, growth) for index in range(depth)}
            channels += depth * growth
            parts.append((f"block{number}", nn.Sequential(OrderedDict(layers))))
            if number < len(depths):
                transition = Transition(ops, channels)
                channels = transition.out_channels
                parts.append((f"transition{number}", transition))
        for name, part in parts:
            self.add_module(name, part)
        self.parts = ("stem", "pool", *(name for name, _ in parts))

        self.bn2 = ops.norm(channels)
        self.avgpool = ops.global_pool(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels, num_classes)
        self.initialise()

    def initialise(self) -> None:
        """Draw all weights anew, see `blocks.kaiming`."""
        kaiming(self)

    def stem(self, x: Tensor) -> Tensor:
        """`(B, C, T, H, W)` to `(B, width, T, H/2, W/2)`; in 2D there is no T."""
        return self.relu(self.bn1(self.conv1(x)))

    def pool(self, x: Tensor) -> Tensor:
        """`(B, width, T, H/2, W/2)` to `(B, width, T/2, H/4, W/4)`."""
        return self.maxpool(x)

    def answer(self, x: Tensor) -> Iterator[tuple[str, Tensor]]:
        """The layers after the last block: BN, ReLU, and the usual classifier."""
        return super().answer(self.relu(self.bn2(x)))
