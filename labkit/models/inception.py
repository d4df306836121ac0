"""Inception-V1 in 2D and, inflated, in 3D (I3D): one class, one table of layers.

From Carreira, Zisserman, "Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset" (CVPR 2017), Figure 3;
the 2D network is that of Szegedy et al., "Going Deeper with Convolutions" (CVPR 2015), Table 1, with batch norm.
Tensor and endpoint names are those of the published I3D checkpoints, in 2D too: a weight of the 2D network and its
inflated one have the same name and differ by the time dimension alone.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.clip import ClipSpec
from labkit.models.blocks import Block, kaiming
from labkit.models.convolutions import OPS, Ops
from labkit.models.network import Network, at_least_one, one_of
from labkit.models.same_padding import SameConv2d, SameConv3d, SameMaxPool2d, SameMaxPool3d


class Unit(Block):
    """Convolution with SAME padding, batch norm, ReLU.

    x ─ conv k ─ BN ─ ReLU

    `kernel` and `stride` are pairs: time, space.
    """

    def __init__(
        self,
        ops: Ops,
        in_channels: int,
        channels: int,
        *,
        kernel: tuple[int, int] = (1, 1),
        stride: tuple[int, int] = (1, 1),
    ) -> None:
        super().__init__()
        self.out_channels = channels
        # called conv3d in 2D as well: the published name
        self.conv3d = ops.conv(
            in_channels, channels, kernel_size=ops.over(*kernel), stride=ops.over(*stride), bias=False
        )
        self.bn = ops.norm(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """`(B, in, T, H, W)` to `(B, channels, T/s, H/s, W/s)`, sizes rounded up."""
        return self.relu(self.bn(self.conv3d(x)))


class Pool(Block):
    """Max-pool with SAME padding. `kernel` and `stride` are pairs: time, space."""

    def __init__(self, ops: Ops, in_channels: int, *, kernel: tuple[int, int], stride: tuple[int, int]) -> None:
        super().__init__()
        self.out_channels = in_channels
        self.pool = ops.max_pool(kernel_size=ops.over(*kernel), stride=ops.over(*stride))

    def forward(self, x: Tensor) -> Tensor:
        """`(B, C, T, H, W)` to `(B, C, T/s, H/s, W/s)`, sizes rounded up."""
        return self.pool(x)


class Mixed(Block):
    """Four branches side by side, their channels joined (Carreira & Zisserman 2017, Figure 3, "Inc.").

          ┌─ 1³ a ────────────────────┐
          ├─ 1³ b ── 3³ c ────────────┤
        x ┤                           ├─ join: a + c + e + f channels
          ├─ 1³ d ── 3³ e ────────────┤
          └─ max-pool 3³ ── 1³ f ─────┘

    The six numbers are the channels a to f; every convolution is a `Unit`. The size stays.
    """

    def __init__(self, ops: Ops, in_channels: int, a: int, b: int, c: int, d: int, e: int, f: int) -> None:
        super().__init__()
        self.out_channels = a + c + e + f
        self.b0 = Unit(ops, in_channels, a)
        self.b1a = Unit(ops, in_channels, b)
        self.b1b = Unit(ops, b, c, kernel=(3, 3))
        self.b2a = Unit(ops, in_channels, d)
        self.b2b = Unit(ops, d, e, kernel=(3, 3))
        self.b3a = Pool(ops, in_channels, kernel=(3, 3), stride=(1, 1))
        self.b3b = Unit(ops, in_channels, f)

    def forward(self, x: Tensor) -> Tensor:
        """`(B, in, T, H, W)` to `(B, a + c + e + f, T, H, W)`."""
        branches = (self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x)))
        return torch.cat(branches, dim=1)


class FittingAvgPool(nn.Module):
    """Average pool of stride 1 without padding, its kernel cut to the map where the map is smaller.

    With kernel (2, 7, 7) a map of 8x7x7 becomes 7x1x1, one of 2x2x2 becomes 1x1x1.
    """

    def __init__(self, kernel: tuple[int, ...]) -> None:
        super().__init__()
        self.kernel = kernel

    def forward(self, x: Tensor) -> Tensor:
        """`(B, C, T, H, W)` to `(B, C, T - k + 1, ...)`, or 1 where the map is no larger than the kernel; 2D alike."""
        kernel = tuple(min(k, n) for k, n in zip(self.kernel, x.shape[2:], strict=True))
        return (F.avg_pool2d if len(kernel) == 2 else F.avg_pool3d)(x, kernel, stride=1)

    def extra_repr(self) -> str:
        """What `print(network)` shows in the brackets."""
        return f"kernel={self.kernel}"


@dataclass(frozen=True)
class Layer:
    """One row of the network's table."""

    block: Any  # (ops, in_channels, *channels, **geometry) -> Block
    channels: tuple[int, ...] = ()
    geometry: dict[str, tuple[int, int]] = field(default_factory=dict)  # kernel and stride: (time, space)


# Carreira & Zisserman 2017, Figure 3; Szegedy et al. 2015, Table 1. Time is not pooled at 2a and 3a.
LAYERS = {
    "Conv3d_1a_7x7": Layer(Unit, (64,), {"kernel": (7, 7), "stride": (2, 2)}),
    "MaxPool3d_2a_3x3": Layer(Pool, (), {"kernel": (1, 3), "stride": (1, 2)}),
    "Conv3d_2b_1x1": Layer(Unit, (64,)),
    "Conv3d_2c_3x3": Layer(Unit, (192,), {"kernel": (3, 3)}),
    "MaxPool3d_3a_3x3": Layer(Pool, (), {"kernel": (1, 3), "stride": (1, 2)}),
    "Mixed_3b": Layer(Mixed, (64, 96, 128, 16, 32, 32)),
    "Mixed_3c": Layer(Mixed, (128, 128, 192, 32, 96, 64)),
    "MaxPool3d_4a_3x3": Layer(Pool, (), {"kernel": (3, 3), "stride": (2, 2)}),
    "Mixed_4b": Layer(Mixed, (192, 96, 208, 16, 48, 64)),
    "Mixed_4c": Layer(Mixed, (160, 112, 224, 24, 64, 64)),
    "Mixed_4d": Layer(Mixed, (128, 128, 256, 24, 64, 64)),
    "Mixed_4e": Layer(Mixed, (112, 144, 288, 32, 64, 64)),
    "Mixed_4f": Layer(Mixed, (256, 160, 320, 32, 128, 128)),
    "MaxPool3d_5a_2x2": Layer(Pool, (), {"kernel": (2, 2), "stride": (2, 2)}),
    "Mixed_5b": Layer(Mixed, (256, 160, 320, 32, 128, 128)),
    "Mixed_5c": Layer(Mixed, (384, 192, 384, 48, 128, 128)),
}


def _without_scale(norm: Callable[..., nn.Module], channels: int, **options: float) -> nn.Module:
    """A batch norm that learns an offset alone, as the original does: its scale is a constant 1, not saved."""
    made = norm(channels, **options)
    del made.weight
    made.register_buffer("weight", torch.ones(channels), persistent=False)
    return made


def same_ops(dims: Literal[2, 3], *, scale: bool = True, momentum: float = 0.1) -> Ops:
    """The layers of Inception-V1 in one dimension: SAME padding, batch norm with eps 1e-3.

    `scale=False` takes the scale out of batch norm. `momentum` is PyTorch's, 1 minus TensorFlow's decay.
    """
    plain = one_of(OPS, dims=dims)
    norm = plain.norm if scale else partial(_without_scale, plain.norm)
    return replace(
        plain,
        conv={2: SameConv2d, 3: SameConv3d}[dims],
        norm=partial(norm, eps=1e-3, momentum=momentum),
        max_pool={2: SameMaxPool2d, 3: SameMaxPool3d}[dims],
    )


class Trunk(nn.Sequential):
    """The layers from the input to the last feature map, by their published names. All networks here begin with them.

    `width` is the channels of the first convolution; all others scale with it. Shapes stand in `Inception`.
    """

    def __init__(self, ops: Ops, *, in_channels: int = 3, width: int = 64) -> None:
        super().__init__()
        at_least_one(in_channels=in_channels, width=width)
        self.out_channels = in_channels
        for name, layer in LAYERS.items():
            scaled = (max(1, each * width // 64) for each in layer.channels)
            block: Block = layer.block(ops, self.out_channels, *scaled, **layer.geometry)
            self.add_module(name, block)
            self.out_channels = block.out_channels
        kaiming(self)


# github.com/hassony2/kinetics_i3d_pytorch, converted from the same published weights; pixels go to [-1, 1] there too.
HASSONY = (
    (r"^conv3d_0c_1x1\.", "logits."),
    (r"^conv3d_(1a|2b|2c)_", r"Conv3d_\1_"),
    (r"^mixed_", "Mixed_"),
    (r"\.branch_0\.", ".b0."),
    (r"\.branch_([12])\.0\.", r".b\1a."),
    (r"\.branch_([12])\.1\.", r".b\1b."),
    (r"\.branch_3\.1\.", ".b3b."),
    (r"\.batch3d\.", ".bn."),
)


class Inception(Network):
    """Inception-V1 in 2D, I3D in 3D.

    Shapes of I3D at 3x64x224x224; in 2D the same without the second number:

        Conv3d_1a_7x7       64 x 32 x 112 x 112    stride 2 in time too
        MaxPool3d_2a_3x3    64 x 32 x  56 x  56    1x3x3: time is left alone
        Conv3d_2b_1x1       64 x 32 x  56 x  56
        Conv3d_2c_3x3      192 x 32 x  56 x  56
        MaxPool3d_3a_3x3   192 x 32 x  28 x  28    1x3x3
        Mixed_3b, 3c       256, 480 x 32 x 28 x 28
        MaxPool3d_4a_3x3   480 x 16 x  14 x  14    3x3x3
        Mixed_4b to 4f     512, 512, 512, 528, 832 x 16 x 14 x 14
        MaxPool3d_5a_2x2   832 x  8 x   7 x   7    2x2x2
        Mixed_5b, 5c       832, 1024 x 8 x 7 x 7
        features          1024 x  7 x   1 x   1    average 2x7x7, stride 1
        Logits               K x  7                1x1x1 convolution with bias: logits at each time step
        Predictions          K                     softmax of the mean over time
        logits               K                     mean over time

    If the last map is smaller than 2x7x7, the average pool covers all of it. If it is larger in space, the logits are
    averaged over the positions. So any clip works, from a single pixel up.

    Args:
        dims: 3 for `(B, C, T, H, W)`, 2 for `(B, C, H, W)`.
        num_classes: K.
        in_channels: C; 3 for RGB, 2 for flow.
        width: channels of the first convolution; all others scale with it.
        dropout: share of features dropped before the classifier while training (0.5 in the published training).
        scale: whether batch norm has a scale, as in PyTorch ports; the original has an offset alone.
        momentum: batch norm's, as PyTorch counts it: 1 minus TensorFlow's decay. The published training took 0.001 over
            a hundred thousand steps. After a few hundred steps the statistics would still be mostly the first ones, and
            the network would fail in evaluation mode. So PyTorch's usual 0.1 is the default.
        clip: how this network wants its clips; kept as `.clip`.

    Raises `ValueError` for numbers below 1.
    """

    head = "logits"
    parts = tuple(LAYERS)
    # The published endpoints, but for `features` before `Logits` and `logits` after all.
    ends = ("features", "Logits", "Predictions", "logits")
    beside = ("Predictions",)
    renames = HASSONY

    def __init__(
        self,
        *,
        dims: Literal[2, 3] = 3,
        num_classes: int = 400,
        in_channels: int = 3,
        width: int = 64,
        dropout: float = 0.5,
        scale: bool = True,
        momentum: float = 0.1,
        clip: ClipSpec | None = None,
    ) -> None:
        super().__init__()
        at_least_one(num_classes=num_classes)
        self.dims, self.clip = dims, clip or ClipSpec(frames=64, size=224)
        ops = same_ops(dims, scale=scale, momentum=momentum)
        trunk = Trunk(ops, in_channels=in_channels, width=width)
        for name, block in trunk.named_children():  # its layers stand in this network by their own, published names
            self.add_module(name, block)
        self.avg_pool = FittingAvgPool(ops.over(2, 7))
        self.dropout = nn.Dropout(dropout)
        conv = ops.conv(trunk.out_channels, num_classes, kernel_size=1)
        self.logits = nn.Sequential(OrderedDict(conv3d=conv))

    def answer(self, x: Tensor) -> Iterator[tuple[str, Tensor]]:
        """The layers after Mixed_5c. Shapes are I3D's at 64 frames; in 2D there is no T."""
        x = self.avg_pool(x)  # (B, 1024, 7, 1, 1)
        yield "features", x
        steps = self.logits(self.dropout(x)).mean(dim=(-2, -1))  # (B, K, 7); in 2D (B, K)
        yield "Logits", steps
        logits = steps.reshape(steps.shape[0], steps.shape[1], -1).mean(dim=2)  # (B, K)
        yield "Predictions", logits.softmax(dim=1)
        yield "logits", logits
