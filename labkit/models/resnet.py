"""One class for all residual networks: block, convolution, shortcut, stem and dimension are arguments.

From Hara, Kataoka, Satoh, "Can Spatiotemporal 3D CNNs Retrace the History of 2D CNNs and ImageNet?" (CVPR 2018),
Table 1, with the (2+1)D networks of Tran et al. (CVPR 2018). Tensor names are those of the published 3D-ResNets
checkpoints, and of torchvision's 2D networks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeVar

from torch import Tensor, nn

from labkit.clip import ClipSpec
from labkit.models.blocks import (
    SHORTCUTS,
    BasicBlock,
    Block,
    Bottleneck,
    PreActivation,
    Shortcut,
    ShortcutName,
    kaiming,
)
from labkit.models.convolutions import (
    OPS,
    ConvBuilder,
    Ops,
    Size,
    factored,
    factored_by_block,
    factored_stem,
    flat,
    full,
    grouped,
)
from labkit.models.network import Network, at_least_one, one_of

T = TypeVar("T")
# (ops, in_channels, width, stride=, shortcut=, conv=) -> a block
BlockBuilder = Callable[..., Block]


@dataclass(frozen=True)
class Stem:
    """The first convolution and the pool after it. A pair is (time, space)."""

    kernel: Size = 7
    stride: Size = (1, 2)
    pool: bool = True  # a max-pool of kernel 3, stride 2, in time too
    conv: ConvBuilder = full


HARA = Stem()  # Hara et al. 2018, Table 1
CIFAR = Stem(kernel=3, stride=1, pool=False)  # He et al. 2016, section 4.2
TORCHVISION = Stem(kernel=(3, 7), pool=False)  # torchvision's video networks, after Tran et al. 2018, Table 1


@dataclass(frozen=True)
class Plan:
    """The design of a residual network: everything but its size and its dimension.

    `strides` and `convs` hold one value a stage, and the last holds for all stages after it. A stage's stride sits in
    its first block.
    """

    block: BlockBuilder
    depths: tuple[int, ...]  # blocks in each stage
    stem: Stem = HARA
    convs: tuple[ConvBuilder, ...] = (full,)
    strides: tuple[Size, ...] = (1, 2)
    widening: int = 1  # the stages' width over the stem's


_thin = partial(Bottleneck, expansion=2)  # half as many channels out, for twice as many inside
_r2plus1d = partial(Plan, stem=Stem(conv=factored), convs=(factored,))

PLANS = {
    # Hara et al. 2018, Table 1, and ResNet-10 of the published code
    "resnet10": Plan(BasicBlock, (1, 1, 1, 1)),
    "resnet18": Plan(BasicBlock, (2, 2, 2, 2)),
    "resnet34": Plan(BasicBlock, (3, 4, 6, 3)),
    "resnet50": Plan(Bottleneck, (3, 4, 6, 3)),
    "resnet101": Plan(Bottleneck, (3, 4, 23, 3)),
    "resnet152": Plan(Bottleneck, (3, 8, 36, 3)),
    "resnet200": Plan(Bottleneck, (3, 24, 36, 3)),
    "preact_resnet200": Plan(PreActivation, (3, 24, 36, 3)),
    "wide_resnet50": Plan(_thin, (3, 4, 6, 3), widening=2),
    # not the 3, 24, 36, 3 that Table 1 prints: an erratum, see ResNet
    "resnext101": Plan(_thin, (3, 4, 23, 3), convs=(partial(grouped, cardinality=32),), widening=2),
    # Tran et al. 2018, on the plan above
    "r2plus1d_18": _r2plus1d(BasicBlock, (2, 2, 2, 2)),
    "r2plus1d_34": _r2plus1d(BasicBlock, (3, 4, 6, 3)),
    "r2plus1d_50": _r2plus1d(Bottleneck, (3, 4, 6, 3)),
    # torchvision.models.video
    "torchvision_r3d_18": Plan(BasicBlock, (2, 2, 2, 2), stem=TORCHVISION),
    "torchvision_mc3_18": Plan(BasicBlock, (2, 2, 2, 2), stem=TORCHVISION, convs=(full, flat), strides=(1, (1, 2))),
    "torchvision_r2plus1d_18": Plan(
        BasicBlock,
        (2, 2, 2, 2),
        stem=Stem(kernel=(3, 7), pool=False, conv=factored_stem),
        convs=(factored_by_block,),
    ),
    # He et al. 2016, section 4.2
    "resnet20": Plan(BasicBlock, (3, 3, 3), stem=CIFAR),
}


class ResNet(Network):
    """A residual network in 2D or 3D.

    Shapes at 3x16x112x112 with `plan="resnet18"`, `width=64`:

        input   3 x 16 x 112 x 112
        stem   64 x 16 x  56 x  56     conv 7x7x7, stride (1, 2, 2) - BN - ReLU
        pool   64 x  8 x  28 x  28     max 3x3x3, stride 2
        layer1 64 x  8 x  28 x  28
        layer2 128 x 4 x  14 x  14     layers 2 to 4 halve T, H and W in their first block
        layer3 256 x 2 x   7 x   7
        layer4 512 x 1 x   4 x   4
        features 512                   mean over T, H, W
        logits   K

    Any clip size works: sizes are rounded up when halved, and one frame stays one.

    The networks of Hara et al. 2018, Table 1 (F is the width inside a block, N the number of blocks):

        network                block            F in layers 1-4      out    N in layers 1-4
        ResNet-18              basic            64 128 256  512       F      2  2  2  2
        ResNet-34              basic            64 128 256  512       F      3  4  6  3
        ResNet-50              bottleneck       64 128 256  512      4 F     3  4  6  3
        ResNet-101             bottleneck       64 128 256  512      4 F     3  4 23  3
        ResNet-152             bottleneck       64 128 256  512      4 F     3  8 36  3
        ResNet-200             bottleneck       64 128 256  512      4 F     3 24 36  3
        pre-act ResNet-200     pre-activation   64 128 256  512      4 F     3 24 36  3
        WRN-50                 bottleneck      128 256 512 1024      2 F     3  4  6  3
        ResNeXt-101            32 groups       128 256 512 1024      2 F     3  4 23  3

    For ResNeXt-101 the table prints N = 3 24 36 3. That would make 200 layers: an erratum, and not what was published.

    Args:
        plan: the design: a `Plan`, or the name of one in `PLANS`.
        dims: 3 for `(B, C, T, H, W)`, 2 for `(B, C, H, W)`.
        num_classes: K.
        in_channels: C; 3 for RGB, 2 for flow.
        width: channels of the stem, which all others are multiples of.
        shortcut: the shortcut of a block that changes the shape, a key of `SHORTCUTS`.
        dropout: share of features dropped before the classifier while training.
        clip: how this network wants its clips; kept as `.clip`.

    Raises `ValueError` for an unknown plan or shortcut, and for numbers below 1.
    """

    def __init__(
        self,
        plan: Plan | str,
        *,
        dims: Literal[2, 3] = 3,
        num_classes: int = 400,
        in_channels: int = 3,
        width: int = 64,
        shortcut: ShortcutName = "B",
        dropout: float = 0.0,
        clip: ClipSpec | None = None,
    ) -> None:
        super().__init__()
        plan = one_of(PLANS, plan=plan) if isinstance(plan, str) else plan
        at_least_one(num_classes=num_classes, in_channels=in_channels, width=width)
        self.dims, self.clip = dims, clip or ClipSpec()
        ops, beside = one_of(OPS, dims=dims), one_of(SHORTCUTS, shortcut=shortcut)
        self.conv1 = plan.stem.conv(
            ops, in_channels, width, kernel=plan.stem.kernel, stride=plan.stem.stride, block_in=in_channels
        )
        self.bn1 = ops.norm(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = ops.max_pool(kernel_size=3, stride=2, padding=1) if plan.stem.pool else None

        channels = width
        for index in range(len(plan.depths)):
            stage, channels = _stage(plan, index, ops, channels, width * plan.widening * 2**index, beside)
            self.add_module(f"layer{index + 1}", stage)
        self.stages = tuple(f"layer{index + 1}" for index in range(len(plan.depths)))
        self.parts = ("stem", *(("pool",) if plan.stem.pool else ()), *self.stages)

        self.avgpool = ops.global_pool(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels, num_classes)
        self.initialise()

    def initialise(self) -> None:
        """Draw all weights anew, see `blocks.kaiming`."""
        kaiming(self)

    def stem(self, x: Tensor) -> Tensor:
        """`(B, C, T, H, W)` to `(B, width, T, H/2, W/2)` with Hara's stem; in 2D there is no T."""
        return self.relu(self.bn1(self.conv1(x)))

    def pool(self, x: Tensor) -> Tensor:
        """`(B, width, T, H/2, W/2)` to `(B, width, T/2, H/4, W/4)`; `x` itself where the stem has no pool."""
        return x if self.maxpool is None else self.maxpool(x)


def _stage(
    plan: Plan, index: int, ops: Ops, channels: int, width: int, shortcut: Shortcut
) -> tuple[nn.Sequential, int]:
    """The blocks of one stage, and how many channels they give; the first takes the stride and reads `channels`."""
    conv, stride = _at(plan.convs, index), _at(plan.strides, index)
    blocks = nn.Sequential()
    for number in range(plan.depths[index]):
        block = plan.block(ops, channels, width, stride=1 if number else stride, shortcut=shortcut, conv=conv)
        blocks.append(block)
        channels = block.out_channels
    return blocks, channels


def _at(choices: Sequence[T], index: int) -> T:
    """One choice a stage; the last holds for all after it."""
    return choices[min(index, len(choices) - 1)]
