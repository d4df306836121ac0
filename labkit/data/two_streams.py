"""Which frames and which fields make one item of a two-stream dataset: both of the same moment.

Field n belongs to frame n of the file: it says how far things move from that frame to the next one of the file, however
far apart the clip's own frames are. A moment is the shortest clip that holds the frames of both streams, which begin
together: of `ClipSpec(frames=5, stride=10)` and 50 fields it is 50 frames long, and fields 10 t to 10 t + 9 lie along
frame t. The moment is what is placed in the video (`labkit.data.clips`), so a pair never falls apart.
"""

import math

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from labkit.clip import FLOW_MEAN, FLOW_STD, ClipSpec

Numbers = NDArray[np.int64]


def flow_of(spec: ClipSpec) -> ClipSpec:
    """One field for each frame of the clip: the same frames and size, and how bytes of flow are scaled to ±1."""
    return spec.but(mean=FLOW_MEAN, std=FLOW_STD)


def check_flow(flow: ClipSpec, clip: ClipSpec) -> None:
    """Raises `ValueError` for a flow clip without two channels, or at another rate than the frames beside it."""
    if flow.channels != 2:
        raise ValueError(f"flow has two channels, x and y: its ClipSpec needs two means, not {flow.channels}")
    if clip.fps != flow.fps:
        raise ValueError(
            f"frames and flow of one moment have one rate, but fps is {clip.fps} there and {flow.fps} here"
        )


def moment(clip: ClipSpec, flow: ClipSpec) -> ClipSpec:
    """The shortest clip that holds the frames of both, which begin together."""
    stride = math.gcd(clip.stride, flow.stride)
    return clip.but(frames=(max(clip.span, flow.span) - 1) // stride + 1, stride=stride)


def split(numbers: Numbers, clip: ClipSpec, flow: ClipSpec, *, whole: bool) -> tuple[Numbers, Numbers]:
    """The frames of a moment that each stream shows, `(T,)` and `(T',)`.

    Of a `whole` video each stream gets every `stride`-th frame, in the proportion of the two specs: ten fields for each
    frame, say. What is left over at the end is left out.
    """
    step = math.gcd(clip.stride, flow.stride)
    frames, fields = numbers[:: clip.stride // step], numbers[:: flow.stride // step]
    if not whole:
        return frames[: clip.frames], fields[: flow.frames]
    shared = math.gcd(clip.frames, flow.frames)
    a, b = clip.frames // shared, flow.frames // shared
    units = min(len(frames) // a, len(fields) // b)
    return frames[: units * a], fields[: units * b]


def mirrored(fields: Tensor) -> Tensor:
    """Fields uint8 `(T, 2, H, W)` that were flipped left to right, as the flow of the flipped frames: x is negated."""
    fields[:, 0] = -fields[:, 0].clamp(min=1)  # bytes wrap around: 256 - x, and 128 stays; 0 is never written
    return fields
