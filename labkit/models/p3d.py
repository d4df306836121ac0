"""P3D: a residual network that splits 3×3×3 convolutions into a 2D one in space and a 1D one in time, in three ways.

From Qiu, Yao, Mei, "Learning Spatio-Temporal Representation with Pseudo-3D Residual Networks" (ICCV 2017), section 3
and Figures 2 to 4. The paper leaves strides, pools in time and the last stage open. Here they are those of the authors'
published Caffe network, which the PyTorch port at github.com/qijiezhao/pseudo-3d-pytorch follows.
"""

from collections.abc import Callable, Sequence
from itertools import count

from torch import Tensor, nn

from labkit.clip import ClipSpec
from labkit.models.blocks import SHORTCUTS, Block, kaiming
from labkit.models.convolutions import OPS, Ops, Size, full
from labkit.models.network import Network, at_least_one, one_of

Layer = Callable[[Tensor], Tensor]
Arrangement = Callable[[Layer, Layer, Tensor], Tensor]  # (spatial, temporal, x) -> both applied to x


def serial(spatial: Layer, temporal: Layer, x: Tensor) -> Tensor:
    """P3D-A: time after space."""
    return temporal(spatial(x))


def parallel(spatial: Layer, temporal: Layer, x: Tensor) -> Tensor:
    """P3D-B: time beside space."""
    return spatial(x) + temporal(x)


def bypassed(spatial: Layer, temporal: Layer, x: Tensor) -> Tensor:
    """P3D-C: time after space, and space by itself."""
    x = spatial(x)
    return x + temporal(x)


def spatial_only(spatial: Layer, temporal: Layer, x: Tensor) -> Tensor:
    """The 2D bottleneck of the last stage."""
    return spatial(x)


ARRANGEMENTS: dict[str, Arrangement] = {"A": serial, "B": parallel, "C": bypassed, "2D": spatial_only}


def _unit(ops: Ops, in_channels: int, out_channels: int, kernel: Size, stride: Size = 1) -> nn.Sequential:
    conv = full(ops, in_channels, out_channels, kernel=kernel, stride=stride)
    return nn.Sequential(conv, ops.norm(out_channels), nn.ReLU(inplace=True))


class PseudoBottleneck(Block):
    """A bottleneck with S (1×3×3) and T (3×1×1) in the middle, each followed by BN and ReLU (Qiu et al. 2017, Figure 3).

        x ─ conv 1³ (stride) ─ BN ─ ReLU ─ middle ─ conv 1³ ─ BN ─ + ─ ReLU
        └──────────────────────── shortcut ────────────────────────┘

        A  ─ S ─ T ─      B  ─┬─ S ─ + ─      C  ─ S ─┬─ T ─ + ─      2D  ─ S ─
                              └─ T ──┘                └──────┘

    The stride sits on the first convolution, and is one in time: pools between the stages halve that.
    """

    def __init__(self, ops: Ops, in_channels: int, width: int, *, stride: int, kind: str, expansion: int = 4) -> None:
        super().__init__()
        self.out_channels = width * expansion
        self.reduce = _unit(ops, in_channels, width, 1, (1, stride))
        self.spatial = _unit(ops, width, width, (1, 3))
        self.temporal = nn.Identity() if kind == "2D" else _unit(ops, width, width, (3, 1))
        self.expand = nn.Sequential(full(ops, width, self.out_channels, kernel=1), ops.norm(self.out_channels))
        self.relu = nn.ReLU(inplace=True)
        same = stride == 1 and in_channels == self.out_channels
        self.downsample = nn.Identity() if same else SHORTCUTS["B"](ops, in_channels, self.out_channels, (1, stride))
        self.kind, self.arrange = kind, one_of(ARRANGEMENTS, kind=kind)

    def forward(self, x: Tensor) -> Tensor:
        """`(B, in, T, H, W)` to `(B, width * expansion, T, H/s, W/s)`, sizes rounded up; `(B, in, H, W)` in 2D."""
        out = self.reduce(x)  # (B, width, T, H/s, W/s)
        out = self.expand(self.arrange(self.spatial, self.temporal, out))  # (B, width * expansion, T, H/s, W/s)
        out += self.downsample(x)
        return self.relu(out)

    def extra_repr(self) -> str:
        """What `print(network)` shows in the brackets."""
        return f"kind={self.kind!r}"


class P3D(Network):
    """A pseudo-3D residual network.

    Shapes at 3×16×160×160 with `width=64`:

        stem     64 x 16 x 80 x 80     conv 1x7x7, stride (1, 2, 2) - BN - ReLU
        pool     64 x  8 x 40 x 40     max 2x3x3, stride 2
        layer1  256 x  4 x 40 x 40     blocks A, B, C, A, ...; then max 2x1x1, which halves T
        layer2  512 x  2 x 20 x 20     the kinds go on where the stage before stopped; then max 2x1x1
        layer3 1024 x  1 x 10 x 10     likewise
        layer4 2048 x  1 x  5 x  5     2D blocks on each frame that is left
        features 2048                  mean over T, H, W
        logits    K

    At least 16 frames, since T is halved four times; any height and width.

    Args:
        depths: blocks per stage.
        kinds: the kinds of block that take turns in the first three stages, keys of `ARRANGEMENTS`.
        num_classes: K.
        in_channels: C; 3 for RGB, 2 for flow.
        width: channels of the stem and of the first stage's middle convolutions.
        dropout: share of features dropped before the classifier while training.
        clip: how this network wants its clips; kept as `.clip`.
    """

    def __init__(
        self,
        depths: Sequence[int],
        *,
        kinds: Sequence[str] = ("A", "B", "C"),
        num_classes: int = 400,
        in_channels: int = 3,
        width: int = 64,
        dropout: float = 0.5,
        clip: ClipSpec | None = None,
    ) -> None:
        super().__init__()
        at_least_one(num_classes=num_classes, in_channels=in_channels, width=width)
        self.clip = clip or ClipSpec(size=160)
        self.stem = _unit(OPS[3], in_channels, width, (1, 7), (1, 2))
        self.pool = nn.MaxPool3d((2, 3, 3), stride=2, padding=(0, 1, 1))
        self.pool_time = nn.MaxPool3d((2, 1, 1))
        self.stages = tuple(f"layer{number}" for number in range(1, len(depths) + 1))
        self.parts = ("stem", "pool", *self.stages)
        turn, channels = count(), width
        for number, (name, depth) in enumerate(zip(self.stages, depths, strict=True)):
            last = name == self.stages[-1]
            stage = nn.Sequential()
            for index in range(depth):
                block = PseudoBottleneck(
                    OPS[2 if last else 3],
                    channels,
                    width * 2**number,
                    stride=2 if number > 0 and index == 0 else 1,
                    kind="2D" if last else kinds[next(turn) % len(kinds)],
                )
                stage.append(block)
                channels = block.out_channels
            self.add_module(name, stage)
        self.avgpool = OPS[3].global_pool(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels, num_classes)
        self.initialise()

    def initialise(self) -> None:
        """Draw all weights anew, see `blocks.kaiming`."""
        kaiming(self)

    def check(self, x: Tensor) -> None:
        """Raises `ValueError` for an input of another shape, and for too few frames."""
        super().check(x)
        least = 2 ** len(self.stages)
        if x.shape[2] < least:
            raise ValueError(f"P3D halves time {len(self.stages)} times: it needs {least} frames, not {x.shape[2]}")

    def part(self, name: str, x: Tensor) -> Tensor:
        """Apply one of `.parts`. A pool follows each stage but the last. The last stage reads every frame by itself."""
        if name == self.stages[-1]:
            images = x.transpose(1, 2).flatten(0, 1)  # (B T/16, 1024, H/16, W/16)
            return super().part(name, images).unflatten(0, (x.shape[0], x.shape[2])).transpose(1, 2)
        x = super().part(name, x)
        return self.pool_time(x) if name in self.stages else x
