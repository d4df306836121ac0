"""Networks of two streams: one reads the pixels, the other the motion (optical flow), and their answers are combined.

From Carreira, Zisserman, "Quo Vadis, Action Recognition?" (CVPR 2017), section 2.3 and 2.4, Figure 2 c to e; the idea is
that of Simonyan and Zisserman, "Two-Stream Convolutional Networks for Action Recognition in Videos" (NIPS 2014). All
read the pair `(rgb, flow)` of `(B, 3, T, H, W)` and `(B, 2, T', H, W)`; the two channels of flow are x and y.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor, cat, nn

from labkit.clip import FLOW_MEAN, FLOW_STD, ClipSpec
from labkit.models.blocks import kaiming
from labkit.models.inception import LAYERS, Inception, Trunk, Unit, same_ops
from labkit.models.network import Network, at_least_one, check_input, one_of

STACK = 10  # flow fields that the flow stream of a 2D design sees at once, in the papers
Pair = tuple[Tensor, Tensor]  # (rgb, flow)


def as_images(x: Tensor, *, stack: int = 1) -> Tensor:
    """The frames of clips as images: `(B, C, n * stack, H, W)` to `(B * n, stack * C, H, W)`.

    With `stack=10` ten flow fields become one image of twenty channels: x and y of the first field, of the second, ...
    (Simonyan & Zisserman 2014, section 3.1).
    """
    batch, channels, frames, height, width = x.shape
    return x.transpose(1, 2).reshape(batch * (frames // stack), stack * channels, height, width)


def as_video(x: Tensor, *, batch: int) -> Tensor:
    """The output of a 2D network for the images of `as_images`, as maps over time: `(B * n, C, ...)` to `(B, C, n, ...)`."""
    return x.unflatten(0, (batch, -1)).transpose(1, 2)


def check_pair(x: Any, channels: tuple[int, int], *, stack: int = 1) -> Pair:
    """`(rgb, flow)`, checked: the ranks, the channels, the batch, and flow in whole stacks."""
    if not isinstance(x, tuple | list) or len(x) != 2:
        raise ValueError(f"this network reads a pair (rgb, flow), not {type(x).__name__}")
    rgb, flow = x
    check_input(rgb, channels[0], reader="the RGB stream")
    check_input(flow, channels[1], reader="the flow stream")
    if rgb.shape[0] != flow.shape[0]:
        raise ValueError(f"a pair (rgb, flow) belongs to the same clips, but rgb has {len(rgb)} and flow {len(flow)}")
    check_stacks(flow, stack)
    return rgb, flow


def check_stacks(x: Tensor, stack: int) -> None:
    """Raises `ValueError` where the frames of a clip do not fill whole stacks."""
    if x.shape[2] % stack:
        raise ValueError(f"the flow stream reads stacks of {stack} flow fields: {x.shape[2]} do not fill whole stacks")


def check_stack_per_frame(rgb: Tensor, flow: Tensor, stack: int) -> None:
    """Raises `ValueError` where flow has not one stack of fields for each RGB frame."""
    if flow.shape[2] != rgb.shape[2] * stack:
        raise ValueError(
            f"each RGB frame goes with {stack} flow fields: {rgb.shape[2]} frames need {rgb.shape[2] * stack} "
            f"fields, not {flow.shape[2]}"
        )


def walk_images(trunk: Trunk, images: Tensor, *, batch: int) -> Iterator[tuple[str, Tensor]]:
    """The layers of a 2D trunk on the images of `as_images`: `(name, map over time)`.

    Each layer reads the map that was given before it, so that a gradient reaches every one of them.
    """
    for name, block in trunk.named_children():
        out = as_video(block(images), batch=batch)
        yield name, out
        images = as_images(out)


class ImageStream(Inception):
    """Inception-V1 on every frame of a clip, or on every stack of frames; its logits are averaged over them.

    Every endpoint is a map over time, `(B, C, n, ...)` with n frames or stacks; `logits` is `(B, K)`. Tensor names are
    those of the 2D network: its weights load as they are.
    """

    def __init__(self, *, in_channels: int, stack: int = 1, **options: Any) -> None:
        super().__init__(dims=2, in_channels=in_channels * stack, **options)
        self.dims, self.in_channels, self.stack = 3, in_channels, stack  # it reads clips

    def walk(self, x: Tensor) -> Iterator[tuple[str, Tensor]]:
        """The computation, endpoint by endpoint: `(name, tensor)`."""
        check_input(x, self.in_channels, reader="this stream")
        check_stacks(x, self.stack)
        images = as_images(x, stack=self.stack)
        for name in self.parts:
            out = as_video(self.part(name, images), batch=x.shape[0])
            yield name, out
            images = as_images(out)
        features = as_video(self.avg_pool(images), batch=x.shape[0])  # (B, 1024, n, 1, 1)
        yield "features", features
        steps = self.logits(self.dropout(as_images(features))).mean(dim=(-2, -1))  # (B * n, K)
        steps = as_video(steps, batch=x.shape[0])  # (B, K, n)
        yield "Logits", steps
        yield "Predictions", steps.softmax(dim=1)
        yield "logits", steps.mean(dim=2)  # (B, K)


@dataclass(frozen=True)
class Design:
    """The differences between networks of two separate streams."""

    rgb: Callable[..., Inception]
    flow: Callable[..., Inception]
    frames: int  # RGB frames in a clip
    fields: int  # flow fields in a clip
    stack: int = 1  # flow fields that the flow stream sees at once; of more than one, the number can be chosen


DESIGNS = {
    # Figure 2 c. More frames and stacks are welcome: their logits are averaged, 25 and 250 fields in the paper's test.
    "images": Design(ImageStream, ImageStream, frames=1, fields=STACK, stack=STACK),
    # Figure 2 e. Published weights load stream by stream: `model.rgb_stream`.
    "clips": Design(Inception, Inception, frames=64, fields=64),
}


def _specs(clip: ClipSpec | None, flow: ClipSpec | None, frames: int, fields: int) -> tuple[ClipSpec, ClipSpec]:
    """The clip and flow specs given, or plain ones of so many RGB frames and flow fields."""
    plain = ClipSpec(frames=frames, size=224)
    return clip or plain, flow or plain.but(frames=fields, mean=FLOW_MEAN, std=FLOW_STD)


class TwoStream(Network):
    """Two networks side by side; the logits are the sum of theirs.

        rgb  ─ rgb_stream  ─ logits ─┐
                                     + ─ logits
        flow ─ flow_stream ─ logits ─┘

    Endpoints are the streams' own, called `rgb.Mixed_5c`, `flow.Mixed_5c` and so on; `features` is both streams'
    features, averaged over time and space and joined: `(B, 2048)`. The paper trains each stream by itself (a stream is
    a network of its own: `model.rgb_stream(rgb)`) and puts them together at test time. The sum is that of the published
    code; it ranks the classes as the average of the logits does.

    Args:
        design: `"images"` for Inception-V1 on RGB frames and on stacks of flow fields (Figure 2 c), `"clips"` for I3D
            on both (Figure 2 e).
        stack: flow fields in a stack; ten in the paper. I3D reads field by field, and has none.
        num_classes: K.
        in_channels: channels of the RGB stream; flow has as many as `flow` says.
        width: channels of each stream's first convolution.
        dropout: share of features dropped before each classifier while training.
        momentum: batch norm's, see `Inception`.
        clip: how this network wants its RGB frames; kept as `.clip`.
        flow: how it wants its flow; kept as `.flow`.
    """

    head = ("rgb_stream.logits", "flow_stream.logits")

    def __init__(
        self,
        design: str,
        *,
        stack: int | None = None,
        num_classes: int = 400,
        in_channels: int = 3,
        width: int = 64,
        dropout: float = 0.5,
        momentum: float = 0.1,
        clip: ClipSpec | None = None,
        flow: ClipSpec | None = None,
    ) -> None:
        super().__init__()
        built = one_of(DESIGNS, design=design)
        self.stack = built.stack if stack is None else stack
        at_least_one(stack=self.stack)
        if built.stack == 1 < self.stack:
            raise ValueError(f"the design {design!r} reads flow field by field, so its stack is 1, not {stack}")
        stacked = {"stack": self.stack} if built.stack > 1 else {}
        self.clip, self.flow = _specs(clip, flow, built.frames, built.fields // built.stack * self.stack)
        self.channels = (in_channels, self.flow.channels)
        options = {"num_classes": num_classes, "width": width, "dropout": dropout, "momentum": momentum}
        self.rgb_stream = built.rgb(in_channels=in_channels, clip=self.clip, **options)
        self.flow_stream = built.flow(in_channels=self.flow.channels, clip=self.flow, **stacked, **options)
        streams = {"rgb": self.rgb_stream, "flow": self.flow_stream}
        self.parts = tuple(f"{name}.{endpoint}" for name, stream in streams.items() for endpoint in stream.endpoints)
        self.beside = (*(f"{name}.{end}" for name, stream in streams.items() for end in stream.beside), "features")

    def walk(self, x: Pair) -> Iterator[tuple[str, Tensor]]:
        """The computation, endpoint by endpoint: `(name, tensor)`."""
        rgb, flow = check_pair(x, self.channels, stack=self.stack)
        features, logits = [], []
        for name, stream, clips in (("rgb", self.rgb_stream, rgb), ("flow", self.flow_stream, flow)):
            for endpoint, out in stream.walk(clips):
                yield f"{name}.{endpoint}", out
                if endpoint == "features":
                    features.append(out.flatten(2).mean(dim=2))  # (B, 1024)
            logits.append(out)  # (B, K)
        yield "features", cat(features, dim=1)  # (B, 2048)
        yield "logits", logits[0] + logits[1]  # (B, K)


class FusedTwoStream(Network):
    """Two Inception-V1 whose last maps are joined and read by a 3D convolution (Quo Vadis, Figure 2 d).

        5 RGB frames        ─ Inception-V1 ─ 1024 x 5 x 7 x 7 ─┐
                                                               join ─ conv 3³ ─ BN ─ ReLU ─ max-pool 3³ ─ mean ─ fc
        5 stacks of 10 flow ─ Inception-V1 ─ 1024 x 5 x 7 x 7 ─┘

        join      2048 x 5 x 7 x 7
        fusion     512 x 5 x 7 x 7
        pool       512 x 3 x 4 x 4     stride 2
        features   512                 mean over time and space
        logits       K

    Each frame needs its own stack, so flow has `stack` times as many fields as RGB has frames; the 25 frames and 250
    fields of the paper's test go through in one piece.

    The paper's text leaves three things open, and its 39M parameters decide two of them. Both trunks have 11.25M; the
    convolution has 28.31M where it reads both maps joined (as it does where each stream has its own) and 14.16M where
    it reads their sum, which would be 25.6M in all. A fully connected layer over every position of the pool's output
    would add 9.8M, 49.4M in all; over the mean of the positions it adds 0.2M. This gives 39.77M, which the paper's
    table cuts to 39, as it cuts the 79.65M of its 3D ConvNet to 79. The stride of the pool changes no count: 2 is that
    of the network's other 3x3x3 pool.

    Its arguments are those of `TwoStream` but for the design.
    """

    parts = (*(f"{stream}.{name}" for stream in ("rgb", "flow") for name in LAYERS), "fusion", "pool")

    def __init__(
        self,
        *,
        stack: int = STACK,
        num_classes: int = 400,
        in_channels: int = 3,
        width: int = 64,
        dropout: float = 0.5,
        momentum: float = 0.1,
        clip: ClipSpec | None = None,
        flow: ClipSpec | None = None,
    ) -> None:
        super().__init__()
        at_least_one(num_classes=num_classes, stack=stack)
        self.stack = stack
        self.clip, self.flow = _specs(clip, flow, 5, 5 * stack)
        self.channels = (in_channels, self.flow.channels)
        flat, deep = same_ops(2, momentum=momentum), same_ops(3, momentum=momentum)
        self.rgb_trunk = Trunk(flat, in_channels=self.channels[0], width=width)
        self.flow_trunk = Trunk(flat, in_channels=self.channels[1] * stack, width=width)
        out = max(1, 512 * width // 64)
        self.fusion = Unit(deep, 2 * self.rgb_trunk.out_channels, out, kernel=(3, 3))
        self.pool = deep.max_pool(kernel_size=3, stride=2)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(out, num_classes)
        kaiming(self.fusion)

    def walk(self, x: Pair) -> Iterator[tuple[str, Tensor]]:
        """The computation, endpoint by endpoint: `(name, tensor)`."""
        rgb, flow = check_pair(x, self.channels, stack=self.stack)
        check_stack_per_frame(rgb, flow, self.stack)
        maps = []
        for name, trunk, images in (
            ("rgb", self.rgb_trunk, as_images(rgb)),
            ("flow", self.flow_trunk, as_images(flow, stack=self.stack)),
        ):
            for endpoint, out in walk_images(trunk, images, batch=rgb.shape[0]):
                yield f"{name}.{endpoint}", out
            maps.append(out)  # (B, 1024, 5, 7, 7)
        joined = self.fusion(cat(maps, dim=1))  # (B, 512, 5, 7, 7)
        yield "fusion", joined
        joined = self.pool(joined)  # (B, 512, 3, 4, 4)
        yield "pool", joined
        features = joined.mean(dim=(2, 3, 4))  # (B, 512)
        yield "features", features
        yield "logits", self.fc(self.dropout(features))  # (B, K)
