"""C3D, the plain 3D network of small kernels, and the 3D ConvNet that Quo Vadis makes of it with batch norm.

From Tran, Bourdev, Fergus, Torresani, Paluri, "Learning Spatiotemporal Features with 3D Convolutional Networks"
(ICCV 2015), section 3.3 and Figure 3, and Carreira, Zisserman, "Quo Vadis, Action Recognition?" (CVPR 2017),
section 2.2. The two differ in the layers around a convolution and in the pools that halve time: see `Design`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from labkit.clip import ClipSpec
from labkit.models.network import Network, at_least_one


@dataclass(frozen=True)
class Design:
    """The differences between C3D and the 3D ConvNet."""

    conv: Callable[[int, int], nn.Module]  # channels in and out -> a 3x3x3 convolution, its norm and its ReLU
    linear: Callable[[int, int], nn.Module]  # features in and out -> a linear layer, its norm and its ReLU
    halve_time: tuple[bool, ...]  # which of the five pools halve T; all halve H and W


def _conv(in_channels: int, out_channels: int) -> nn.Module:
    return nn.Sequential(nn.Conv3d(in_channels, out_channels, 3, padding=1), nn.ReLU(inplace=True))


def _linear(in_features: int, out_features: int) -> nn.Module:
    return nn.Sequential(nn.Linear(in_features, out_features), nn.ReLU(inplace=True))


def _conv_bn(in_channels: int, out_channels: int) -> nn.Module:
    return nn.Sequential(  # no bias: the batch norm takes the mean away and has a shift of its own
        nn.Conv3d(in_channels, out_channels, 3, padding=1, bias=False),
        nn.BatchNorm3d(out_channels),
        nn.ReLU(inplace=True),
    )


def _linear_bn(in_features: int, out_features: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(in_features, out_features, bias=False), nn.BatchNorm1d(out_features), nn.ReLU(inplace=True)
    )


PLAIN = Design(_conv, _linear, halve_time=(False, True, True, True, True))
NORMED = Design(_conv_bn, _linear_bn, halve_time=(True, True, True, True, False))

# Convolutions between two pools: names, and channels over the width (Tran et al. 2015, Figure 3).
STAGES: tuple[tuple[tuple[str, int], ...], ...] = (
    (("conv1a", 1),),
    (("conv2a", 2),),
    (("conv3a", 4), ("conv3b", 4)),
    (("conv4a", 8), ("conv4b", 8)),
    (("conv5a", 8), ("conv5b", 8)),
)
PARTS = tuple(
    name for number, stage in enumerate(STAGES, start=1) for name in (*(conv for conv, _ in stage), f"pool{number}")
)
PADDING = (0, 0, 0, 0, 1)  # of each pool, in H and W: the last makes 4 of 7
HIDDEN = 64  # neurons of fc6 and fc7 over the width: 4096 at width 64


class C3D(Network):
    """Eight 3x3x3 convolutions, five max-pools, two hidden linear layers, a classifier.

        clip ─ conv ─ pool ─ conv ─ pool ─ conv conv ─ pool ─ conv conv ─ pool ─ conv conv ─ pool ─ fc6 ─ fc7 ─ fc8

    Shapes at 3x16x112x112 with `width=64`; in brackets where batch norm's design differs:

        conv1a   64 x 16     x 112 x 112
        pool1    64 x 16 (8) x  56 x  56     1x2x2 (2x2x2)
        conv2a  128 x 16 (8) x  56 x  56
        pool2   128 x  8 (4) x  28 x  28     2x2x2
        conv3b  256 x  8 (4) x  28 x  28
        pool3   256 x  4 (2) x  14 x  14     2x2x2
        conv4b  512 x  4 (2) x  14 x  14
        pool4   512 x  2 (1) x   7 x   7     2x2x2
        conv5b  512 x  2 (1) x   7 x   7
        pool5   512 x  1     x   4 x   4     2x2x2 (1x2x2), padded by one in space
        fc6    4096                          reads 8192 values
        features 4096                        fc7
        logits    K

    fc6 has a weight for each position of pool5, so the network reads clips of one size only, or of sizes that the
    pools round to the same: for 16x112x112 that is 16 to 31 frames and 96 to 127 pixels. Longer videos are cut into
    clips. `clip` chooses another size.

    The pool5 of the Caffe files rounds up where ours pads on both sides: as many windows, one position apart.

    Args:
        design: `PLAIN` or `NORMED`.
        num_classes: K.
        in_channels: C; 3 for RGB, 2 for flow.
        width: channels of the first convolution; the linear layers have 64 times as many.
        dropout: share of fc6's and fc7's output dropped while training.
        clip: how this network wants its clips, which also fixes their size; kept as `.clip`.
    """

    head = "fc8"
    parts = PARTS
    ends = ("fc6", "features", "logits")

    def __init__(
        self,
        design: Design,
        *,
        num_classes: int = 400,
        in_channels: int = 3,
        width: int = 64,
        dropout: float = 0.5,
        clip: ClipSpec | None = None,
    ) -> None:
        super().__init__()
        at_least_one(num_classes=num_classes, in_channels=in_channels, width=width)
        self.clip = clip or ClipSpec()
        self.halve_time = design.halve_time
        self.grid = self.pooled(self.clip.frames, self.clip.size, self.clip.size)
        if 0 in self.grid:
            raise ValueError(
                f"five pools leave nothing of {self.clip.frames} frames of {self.clip.size}x{self.clip.size}: "
                "C3D needs at least 16 frames of 16x16"
            )

        channels = in_channels
        for number, (stage, halve, pad) in enumerate(zip(STAGES, design.halve_time, PADDING, strict=True), start=1):
            for name, factor in stage:
                self.add_module(name, design.conv(channels, width * factor))
                channels = width * factor
            time = 2 if halve else 1
            self.add_module(f"pool{number}", nn.MaxPool3d((time, 2, 2), padding=(0, pad, pad)))
        frames, height, width_ = self.grid
        self.fc6 = design.linear(channels * frames * height * width_, width * HIDDEN)
        self.fc7 = design.linear(width * HIDDEN, width * HIDDEN)
        self.dropout = nn.Dropout(dropout)
        self.fc8 = nn.Linear(width * HIDDEN, num_classes)
        self.initialise()

    def initialise(self) -> None:
        """Draw the weights before each ReLU by He's rule. Without it the signal fades out over eight layers."""
        if self.fc8.weight.is_meta:
            return  # no numbers there, and torch's stand-in for drawing them takes a second to import
        for module in self.modules():
            if isinstance(module, nn.Conv3d) or (isinstance(module, nn.Linear) and module is not self.fc8):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def pooled(self, frames: int, height: int, width: int) -> tuple[int, int, int]:
        """T, H and W after the five pools, for a clip of this size."""
        for halve, pad in zip(self.halve_time, PADDING, strict=True):
            frames = frames // 2 if halve else frames
            height, width = (height + 2 * pad) // 2, (width + 2 * pad) // 2
        return frames, height, width

    def check(self, x: Tensor) -> None:
        """Raises `ValueError` for an input of another shape or size."""
        super().check(x)
        frames, height, width = x.shape[2:]
        if self.pooled(frames, height, width) != self.grid:
            wanted = f"{self.clip.frames} frames of {self.clip.size}x{self.clip.size}"
            raise ValueError(
                f"this C3D reads {wanted}, not {frames} of {height}x{width}: fc6 has a weight for each position. "
                "Cut longer videos into clips, or build it with clip=ClipSpec(frames=..., size=...)"
            )

    def answer(self, x: Tensor) -> Iterator[tuple[str, Tensor]]:
        """The layers after pool5: two hidden layers and the classifier."""
        x = self.fc6(x.flatten(1))  # (B, 4096)
        yield "fc6", x
        x = self.fc7(self.dropout(x))  # (B, 4096)
        yield "features", x
        yield "logits", self.fc8(self.dropout(x))  # (B, K)


def c3d(
    *,
    num_classes: int = 487,
    in_channels: int = 3,
    width: int = 64,
    dropout: float = 0.5,
    clip: ClipSpec | None = None,
) -> C3D:
    """The C3D of Tran et al. 2015: biases, no batch norm; 79,991,015 parameters at Sports-1M's 487 classes."""
    return C3D(PLAIN, num_classes=num_classes, in_channels=in_channels, width=width, dropout=dropout, clip=clip)


def c3d_bn(
    *,
    num_classes: int = 400,
    in_channels: int = 3,
    width: int = 64,
    dropout: float = 0.5,
    clip: ClipSpec | None = None,
) -> C3D:
    """The 3D ConvNet of Quo Vadis: batch norm after every convolution and linear layer, time halved from pool1 on.

    "79M" parameters in the paper's Table 1. The paper does not say what became of C3D's dropout: it is kept.
    Trains on batches of two or more: the batch norm of a linear layer sees one value of each feature in a clip.
    """
    return C3D(NORMED, num_classes=num_classes, in_channels=in_channels, width=width, dropout=dropout, clip=clip)
