"""The spatiotemporal multiplier network: a motion stream multiplies the input of the appearance stream's residuals.

From Feichtenhofer, Pinz, Wildes, "Spatiotemporal Multiplier Networks for Video Action Recognition" (CVPR 2017),
section 3, and the authors' published code (github.com/feichtenhofer/st-resnet, STMulNet.m).

Fixed by them: ResNet-50 in both streams; a gate from motion to appearance, read by the residual branch alone, in the
second unit of each stage; in the same units a 3×1×1 convolution with bias behind the ReLU of the 3×3 one, in both
streams, begun as the identity; 5 frames, each with 10 flow fields around it; the largest value over the frames after
the last stage; two classifiers, each trained on a loss of its own.
Our choice: the stride of a stage sits on its 3×3 convolution, as in `blocks.Bottleneck` (their 2D networks have it on
the 1×1 before); the logits are the mean of the two streams'; more frames than 5 are pooled together as 5 are.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labkit.clip import ClipSpec
from labkit.models.blocks import SHORTCUTS, Bottleneck, kaiming
from labkit.models.convolutions import OPS, flat, full
from labkit.models.network import Network, at_least_one
from labkit.models.streams import STACK, Pair, check_pair, check_stack_per_frame


class IdentityInTime(nn.Conv3d):
    """A 3×1×1 convolution over all channels that begins as the identity: each channel of the frame itself."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, kernel_size=(3, 1, 1), padding=(1, 0, 0))

    def reset_parameters(self) -> None:
        """The identity again."""
        if not self.weight.is_meta:
            nn.init.dirac_(self.weight)
            nn.init.zeros_(cast(Tensor, self.bias))


class Unit(Bottleneck):
    """A bottleneck on each frame, up to the sum. The caller applies the ReLU, since the gate needs the sum before it.

        read ─ conv 1² ─ BN ─ ReLU ─ conv 3² (stride) ─ BN ─ ReLU ─ time ─ conv 1² ─ BN ─ +
        x ──────────────────────────── shortcut ──────────────────────────────────────────┘

    `time` is `IdentityInTime` in the second unit of a stage, and nothing elsewhere.
    """

    def __init__(self, in_channels: int, width: int, *, stride: int, looks_along_time: bool) -> None:
        super().__init__(OPS[3], in_channels, width, stride=(1, stride), shortcut=SHORTCUTS["B"], conv=flat)
        self.time = IdentityInTime(width) if looks_along_time else nn.Identity()

    def forward(self, x: Tensor, read: Tensor | None = None) -> Tensor:
        """`(B, in, T, H, W)` to `(B, 4 width, T, H/s, W/s)`, before its ReLU. The residual branch reads `read`, or `x`."""
        out = self.relu(self.bn1(self.conv1(x if read is None else read)))  # (B, width, T, H, W)
        out = self.time(self.relu(self.bn2(self.conv2(out))))  # (B, width, T, H/s, W/s)
        out = self.bn3(self.conv3(out))  # (B, 4 width, T, H/s, W/s)
        out += self.downsample(x)
        return out


class Stream(nn.Module):
    """One stream: a 2D residual network on every frame. Its tensors are named as in 2D networks."""

    def __init__(self, depths: Sequence[int], *, num_classes: int, in_channels: int, width: int) -> None:
        super().__init__()
        self.conv1 = full(OPS[3], in_channels, width, kernel=(1, 7), stride=(1, 2))
        self.bn1 = nn.BatchNorm3d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))
        channels = width
        for number, depth in enumerate(depths, start=1):
            stage = nn.Sequential()
            for index in range(depth):
                stride = 2 if number > 1 and index == 0 else 1
                unit = Unit(channels, width * 2 ** (number - 1), stride=stride, looks_along_time=index == 1)
                stage.append(unit)
                channels = unit.out_channels
            self.add_module(f"layer{number}", stage)
        self.fc = nn.Linear(channels, num_classes)

    def stem(self, x: Tensor) -> Tensor:
        """`(B, C, T, H, W)` to `(B, width, T, H/4, W/4)`."""
        return self.maxpool(self.relu(self.bn1(self.conv1(x))))


def _rest(units: Iterable[nn.Module], x: Tensor) -> Tensor:
    for unit in units:
        x = F.relu(unit(x), inplace=True)
    return x


def gated_stage(appearance: nn.Sequential, motion: nn.Sequential, a: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
    """One stage of both streams, with the gate between its first and its second unit (section 3.1 of the paper).

        motion      ─ unit 1 ─ ReLU ─┬─────────── unit 2 ─ ReLU ─ ...
                                     ×──── residual of
        appearance  ─ unit 1 ─┬──────┘        unit 2 ─ + ─ ReLU ─ ...
                              └─ ReLU ──── shortcut ───┘

    With x the sums of the first units and f the ReLU, appearance goes on as f(xᵃ) + F(xᵃ · f(xᵐ)): a gate of zeros
    leaves the shortcut alone, and the motion stream takes part in the appearance stream's gradients.
    """
    total = appearance[0](a)  # (B, C, T, H, W), before its ReLU
    m = F.relu(motion[0](m), inplace=True)  # same shape
    a = F.relu(appearance[1](F.relu(total), read=total * m), inplace=True)
    return _rest(appearance[2:], a), _rest(motion[1:], m)


class MultiplierNetwork(Network):
    """Two residual networks; motion gates appearance by multiplication, both look along time, their logits are averaged.

    Shapes with ResNet-50, `width=64`, 5 frames of 224×224 and 50 flow fields; both streams alike:

        rgb      3 x 5 x 224 x 224       flow  2 x 50 x 224 x 224, read as 20 x 5 x 224 x 224
        stem    64 x 5 x  56 x  56       conv 1x7x7, stride (1, 2, 2) - BN - ReLU - max 1x3x3, stride (1, 2, 2)
        layer1 256 x 5 x  56 x  56
        layer2 512 x 5 x  28 x  28
        layer3 1024 x 5 x 14 x  14
        layer4 2048 x 5 x  7 x   7
        features 4096                    largest over T, mean over H and W; appearance, then motion
        logits   K                       the mean of the two streams' logits

    Reads the pair `(rgb, flow)`: `(B, 3, T, H, W)` and `(B, 2, 10 T, H, W)`, where fields 10 t to 10 t + 9 belong to
    frame t, or `stack` fields in place of ten. Any T from 1, any height and width. Each endpoint of a stream has its name
    in front, as in `"flow.layer2"`; `"rgb.logits"` and `"flow.logits"` are there for a loss on each.

    Args:
        depths: units per stage, at least two each.
        num_classes: K.
        in_channels: channels of the appearance stream.
        width: channels of the stems and of the first stage's 3×3 convolutions.
        dropout: share of the flow stream's features dropped before its classifier while training; the published RGB
            stream has none.
        clip: how this network wants its frames; kept as `.clip`.
        flow: how it wants its flow; kept as `.flow`.
        stack: flow fields of each frame; ten in the paper.
    """

    head = ("rgb_stream.fc", "flow_stream.fc")
    ends = ("features", "rgb.logits", "flow.logits", "logits")
    beside = ("features",)  # joined for others to read: a loss on one stream's logits must leave the other alone

    def __init__(
        self,
        depths: Sequence[int] = (3, 4, 6, 3),
        *,
        num_classes: int = 400,
        in_channels: int = 3,
        width: int = 64,
        dropout: float = 0.8,
        clip: ClipSpec | None = None,
        flow: ClipSpec | None = None,
        stack: int = STACK,
    ) -> None:
        super().__init__()
        at_least_one(num_classes=num_classes, in_channels=in_channels, width=width, stack=stack)
        if min(depths) < 2:
            raise ValueError(
                f"the gate sits before the second unit of each stage: depths must be at least 2 each, not {tuple(depths)}"
            )
        self.clip = clip or ClipSpec(frames=5, size=224)
        self.stack = stack
        self.flow = flow or self.clip.but(frames=stack * self.clip.frames, mean=(0.0, 0.0), std=(1.0, 1.0))
        self.channels = (in_channels, self.flow.channels)
        stream = partial(Stream, depths, num_classes=num_classes, width=width)
        self.rgb_stream = stream(in_channels=in_channels)
        self.flow_stream = stream(in_channels=self.flow.channels * stack)
        self.stages = tuple(f"layer{number}" for number in range(1, len(depths) + 1))
        self.parts = tuple(f"{stream}.{name}" for name in ("stem", *self.stages) for stream in ("rgb", "flow"))
        self.dropout = nn.Dropout(dropout)
        self.initialise()

    def initialise(self) -> None:
        """Draw all weights anew, see `blocks.kaiming`, but for the convolutions in time, which begin as the identity."""
        kaiming(self)
        for module in self.modules():
            if isinstance(module, IdentityInTime):
                module.reset_parameters()

    def walk(self, x: Pair) -> Iterator[tuple[str, Tensor]]:
        """The computation, endpoint by endpoint: `(name, tensor)`. Shapes are those of the class."""
        rgb, flow = check_pair(x, self.channels)
        check_stack_per_frame(rgb, flow, self.stack)
        fields = fields_as_channels(flow, self.stack)  # (B, 20, T, H, W)
        a, m = self.rgb_stream.stem(rgb), self.flow_stream.stem(fields)  # (B, 64, T, H/4, W/4) each
        yield "rgb.stem", a
        yield "flow.stem", m
        for name in self.stages:
            a, m = gated_stage(getattr(self.rgb_stream, name), getattr(self.flow_stream, name), a, m)
            yield f"rgb.{name}", a
            yield f"flow.{name}", m
        a, m = (out.amax(2).mean((2, 3)) for out in (a, m))  # (B, F) each
        yield "features", torch.cat([a, m], 1)  # (B, 2 F)
        a, m = self.rgb_stream.fc(a), self.flow_stream.fc(self.dropout(m))  # (B, K) each
        yield "rgb.logits", a
        yield "flow.logits", m
        yield "logits", (a + m) / 2


def fields_as_channels(flow: Tensor, stack: int = STACK) -> Tensor:
    """`(B, 2, 10 T, H, W)` to `(B, 20, T, H, W)`: x and y of a frame's first field, then of its second, and so on."""
    each = flow.unflatten(2, (-1, stack))  # (B, 2, T, 10, H, W)
    return each.permute(0, 3, 1, 2, 4, 5).flatten(1, 2)  # (B, 10, 2, T, H, W) -> (B, 20, T, H, W)
