"""One residual network for all of them: depth, block, shortcut, stem and dimension are given, never asked about.

From Hara, Kataoka, Satoh, "Can Spatiotemporal 3D CNNs Retrace the History of 2D CNNs and ImageNet?" (CVPR 2018),
Table 1. Tensor names are those of the published 3D-ResNets checkpoints.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from torch import Tensor, nn

from labkit.clip import ClipSpec
from labkit.models.blocks import OPS, SHORTCUTS, BasicBlock, Block, Bottleneck, Ops, ShortcutName
from labkit.models.network import Network

# (ops, in_channels, width, stride=, shortcut=) -> a block
BlockBuilder = Callable[..., Block]


@dataclass(frozen=True)
class Stem:
    """The first convolution and what follows it. The first number of a pair is time, the second space."""

    kernel: int  # in time and space
    stride: tuple[int, int]
    pool: bool  # a max-pool of kernel 3, stride 2, in time too


STEMS = {
    "hara": Stem(kernel=7, stride=(1, 2), pool=True),  # Hara et al. 2018, Table 1
    "cifar": Stem(kernel=3, stride=(1, 1), pool=False),  # He et al. 2016, section 4.2
}


class ResNet(Network):
    """A residual network in 2D or 3D.

    Shapes at 3x16x112x112 with `depths=(2, 2, 2, 2)`, `width=64` (ResNet-18):

        input   3 x 16 x 112 x 112
        stem   64 x 16 x  56 x  56     conv 7x7x7, stride (1, 2, 2) - BN - ReLU
        pool   64 x  8 x  28 x  28     max 3x3x3, stride 2
        layer1 64 x  8 x  28 x  28
        layer2 128 x 4 x  14 x  14     layers 2 to 4 halve T, H and W in their first block
        layer3 256 x 2 x   7 x   7
        layer4 512 x 1 x   4 x   4
        features 512                   mean over T, H, W
        logits   K

    Args:
        block: builds one block; see `blocks.BasicBlock`.
        depths: blocks per stage.
        ops: layers of one dimension, `OPS[2]` or `OPS[3]`.
        stem: see `STEMS`.
        num_classes: K.
        in_channels: C; 3 for RGB, 2 for flow.
        width: channels of the stem and of the first stage's blocks; each later stage doubles them.
        widening: the stages' width over the stem's (2 in wide ResNets).
        shortcut: what stands beside a block that changes the shape, a key of `SHORTCUTS`.
        dropout: share of features dropped before the classifier while training.
        clip: how this network wants its clips; kept as `.clip`.
    """

    def __init__(
        self,
        block: BlockBuilder,
        depths: Sequence[int],
        *,
        ops: Ops = OPS[3],
        stem: Stem = STEMS["hara"],
        num_classes: int = 400,
        in_channels: int = 3,
        width: int = 64,
        widening: int = 1,
        shortcut: ShortcutName = "B",
        dropout: float = 0.0,
        clip: ClipSpec | None = None,
    ) -> None:
        super().__init__()
        if shortcut not in SHORTCUTS:
            raise ValueError(f"unknown shortcut {shortcut!r}: choose from {', '.join(SHORTCUTS)}")
        for name, value in (("num_classes", num_classes), ("in_channels", in_channels), ("width", width)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        self.clip = clip or ClipSpec()
        self.conv1 = ops.conv(
            in_channels,
            width,
            kernel_size=stem.kernel,
            stride=ops.over(*stem.stride),
            padding=stem.kernel // 2,
            bias=False,
        )
        self.bn1 = ops.norm(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = ops.max_pool(kernel_size=3, stride=2, padding=1) if stem.pool else None

        channels = width
        for number, depth in enumerate(depths, start=1):
            stage = nn.Sequential()
            for index in range(depth):
                made = block(
                    ops,
                    channels,
                    width * widening * 2 ** (number - 1),
                    stride=2 if number > 1 and index == 0 else 1,
                    shortcut=SHORTCUTS[shortcut],
                )
                stage.append(made)
                channels = made.out_channels
            self.add_module(f"layer{number}", stage)
        self.stages = tuple(f"layer{number}" for number in range(1, len(depths) + 1))

        self.avgpool = ops.global_pool(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels, num_classes)
        self.initialise()

    def initialise(self) -> None:
        """Draw all weights anew: Kaiming normal over the outgoing connections for convolutions, as in the published code."""
        if self.conv1.weight.is_meta:
            return  # no numbers to draw, and torch's stand-in for drawing them takes a second to import
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d | nn.Linear):
                module.reset_parameters()  # scale 1, shift 0, no statistics; PyTorch's own way for the classifier

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The names that `forward_features` answers to, in the order of the computation."""
        pool = ("pool",) if self.maxpool is not None else ()
        return ("stem", *pool, *self.stages, "features", "logits")

    def walk(self, x: Tensor) -> Iterator[tuple[str, Tensor]]:
        """The computation, endpoint by endpoint: `(name, tensor)`. Shapes are Hara's; in 2D there is no T."""
        dims = self.conv1.weight.ndim
        if x.ndim != dims:
            wanted = "(B, C, T, H, W)" if dims == 5 else "(B, C, H, W)"
            raise ValueError(f"this network reads {wanted}, not a tensor of shape {tuple(x.shape)}")
        x = self.relu(self.bn1(self.conv1(x)))  # (B, width, T, H/2, W/2)
        yield "stem", x
        if self.maxpool is not None:
            x = self.maxpool(x)  # (B, width, T/2, H/4, W/4)
            yield "pool", x
        for name in self.stages:
            x = getattr(self, name)(x)  # layer1: same size; then T, H, W halved and channels doubled by each
            yield name, x
        x = self.avgpool(x).flatten(1)  # (B, F)
        yield "features", x
        yield "logits", self.fc(self.dropout(x))  # (B, K)


BLOCKS: dict[str, BlockBuilder] = {"basic": BasicBlock, "bottleneck": Bottleneck}


def resnet(
    *,
    block: Literal["basic", "bottleneck"],
    depths: Sequence[int],
    dims: Literal[2, 3] = 3,
    stem: str = "hara",
    block_options: dict[str, int] | None = None,
    num_classes: int = 400,
    in_channels: int = 3,
    width: int = 64,
    widening: int = 1,
    shortcut: ShortcutName = "B",
    dropout: float = 0.0,
    clip: ClipSpec | None = None,
) -> ResNet:
    """A `ResNet` from plain values, as the zoo's table writes them."""
    return ResNet(
        partial(BLOCKS[block], **(block_options or {})),
        depths,
        ops=OPS[dims],
        stem=STEMS[stem],
        num_classes=num_classes,
        in_channels=in_channels,
        width=width,
        widening=widening,
        shortcut=shortcut,
        dropout=dropout,
        clip=clip,
    )
