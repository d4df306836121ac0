"""From decoded frames to the input of a network: crop, resize, mirror, and, on the whole batch, normalise.

A transform makes one draw per clip and treats all its frames alike. Clips stay uint8 `(T, C, H, W)` until they are a
batch; `normalise` then makes the float `(B, C, T, H, W)` batch on whatever device the batch is on.

The draw (`draw`) and the pixels (`apply`) are separate steps. So a dataset can draw first, ask the decoder for the
size at which the drawn crop comes out right, and learn whether the clip was mirrored, which may change its label.
All randomness comes from the `numpy.random.Generator` handed in.
"""

import math
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from labkit.clip import ClipSpec

Crop = Literal["multiscale", "anywhere", "resized", "centre"]

# Five scales, 1 down to 1/2 of the short side, a factor 2^(-1/4) apart (Hara et al. 2018, section 3.2).
SCALES = tuple(2 ** (-j / 4) for j in range(5))
# Four corners and the centre, as shares of the free room (down, across).
PLACES = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (0.5, 0.5))
SHARE = 7 / 8  # of the short side: 224 of 256 (Simonyan and Zisserman 2014; Carreira and Zisserman 2017)
# Share of the frame's area and aspect ratio of a random resized crop (Szegedy et al. 2015; torchvision's defaults).
AREA, RATIO = (0.08, 1.0), (3 / 4, 4 / 3)


@dataclass(frozen=True)
class Box:
    """The draw for one clip: a rectangle of the `frame` (height, width) in pixels, and whether it is mirrored."""

    top: float
    left: float
    height: float
    width: float
    frame: tuple[int, int]
    flip: bool = False

    def short_side(self, size: int) -> int:
        """The frame's short side, in pixels, at which the box's shorter side is `size`; never more than it has now."""
        return min(round(min(self.frame) * size / min(self.height, self.width)), min(self.frame))

    def on(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Whole pixels `(top, left, height, width)` of the box on the same frame resized to `height` x `width`."""
        down, across = height / self.frame[0], width / self.frame[1]
        # A square box stays square though an even width was asked of the decoder: both sides scale with the short one.
        scale = min(height, width) / min(self.frame)
        box_height = min(max(round(self.height * scale), 1), height)
        box_width = min(max(round(self.width * scale), 1), width)
        top = min(round(self.top * down), height - box_height)
        left = min(round(self.left * across), width - box_width)
        return top, left, box_height, box_width


@runtime_checkable
class Draws(Protocol):
    """A transform in two steps, which a dataset can draw from before it decodes."""

    spec: ClipSpec

    def draw(self, height: int, width: int, rng: np.random.Generator) -> Box:
        """Choose a box of a frame of `height` x `width`."""


@dataclass(frozen=True)
class TrainTransform:
    """A random crop and, with probability `flip`, a mirror image. Called with uint8 `(T, C, H, W)` and a generator.

    - `multiscale`: a square of 1 to 1/2 of the short side, in a corner or the centre (Hara et al. 2018);
    - `anywhere`: a square of 7/8 of the short side, anywhere (Carreira & Zisserman 2017);
    - `resized`: a rectangle of 8 to 100 % of the area, anywhere (Szegedy et al. 2015);
    - `centre`: the largest square in the middle, always.
    """

    spec: ClipSpec
    crop: Crop = "multiscale"
    flip: float = 0.5

    def __post_init__(self) -> None:
        if self.crop not in _CROPS:
            raise ValueError(f"no crop {self.crop!r}; there are {', '.join(_CROPS)}")
        if not 0 <= self.flip <= 1:
            raise ValueError(f"flip is a probability in 0-1, not {self.flip}")

    def draw(self, height: int, width: int, rng: np.random.Generator) -> Box:
        """Choose a box of a frame of `height` x `width`, and whether it is mirrored."""
        top, left, box_height, box_width = _CROPS[self.crop](height, width, rng)
        return Box(top, left, box_height, box_width, (height, width), flip=bool(rng.random() < self.flip))

    def __call__(self, clip: Tensor, rng: np.random.Generator) -> Tensor:
        """Draw and apply: uint8 `(T, C, H, W)` to `(T, C, size, size)`."""
        return apply(clip, self.draw(clip.shape[-2], clip.shape[-1], rng), self.spec.size)


@dataclass(frozen=True)
class EvalTransform:
    """The centre crop, without randomness: the short side becomes `spec.size` (Hara et al. 2018: scale 1)."""

    spec: ClipSpec

    def draw(self, height: int, width: int, rng: np.random.Generator | None = None) -> Box:
        """The largest square in the middle of a frame of `height` x `width`."""
        return Box(*_centre(height, width, rng), (height, width))

    def __call__(self, clip: Tensor, rng: np.random.Generator | None = None) -> Tensor:
        """uint8 `(T, C, H, W)` to `(T, C, size, size)`; the generator is not used."""
        return apply(clip, self.draw(clip.shape[-2], clip.shape[-1]), self.spec.size)


def apply(clip: Tensor, box: Box, size: int) -> Tensor:
    """Cut `box` out of every frame of uint8 `(T, C, H, W)`, resize to `size` x `size`, mirror if drawn; still uint8."""
    height, width = clip.shape[-2:]
    top, left, box_height, box_width = box.on(height, width)
    clip = clip[..., top : top + box_height, left : left + box_width]
    if (box_height, box_width) != (size, size):
        # Imported here: torchvision takes over a second to import, and clips that fit need no resizing.
        from torchvision.transforms.v2 import functional

        clip = functional.resize(clip, [size, size], antialias=True)
    clip = clip.contiguous()  # before the flip, which costs several times more where channels lie together
    return clip.flip(-1) if box.flip else clip


def normalise(batch: Tensor, spec: ClipSpec) -> Tensor:
    """uint8 `(B, T, C, H, W)` as a loader gives it to float32 `(B, C, T, H, W)` as a network reads it, on its device.

    A pixel value p becomes `(p - spec.mean[c]) / spec.std[c]`. Raises `ValueError` for any other shape.
    """
    if batch.ndim != 5 or batch.shape[2] != spec.channels:
        raise ValueError(f"a batch is (B, T, {spec.channels}, H, W), not {tuple(batch.shape)}")
    clips = batch.transpose(1, 2).to(torch.float32, memory_format=torch.contiguous_format, copy=True)
    shape = (1, spec.channels, 1, 1, 1)
    clips -= torch.tensor(spec.mean, device=clips.device).view(shape)
    clips /= torch.tensor(spec.std, device=clips.device).view(shape)
    return clips


def _multiscale(height: int, width: int, rng: np.random.Generator) -> tuple[float, float, float, float]:
    side = min(height, width) * SCALES[rng.integers(len(SCALES))]
    down, across = PLACES[rng.integers(len(PLACES))]
    return down * (height - side), across * (width - side), side, side


def _anywhere(height: int, width: int, rng: np.random.Generator) -> tuple[float, float, float, float]:
    side = min(height, width) * SHARE
    down, across = rng.uniform(size=2)
    return float(down * (height - side)), float(across * (width - side)), side, side


def _resized(height: int, width: int, rng: np.random.Generator) -> tuple[float, float, float, float]:
    for _ in range(10):
        area = height * width * rng.uniform(*AREA)
        ratio = math.exp(rng.uniform(math.log(RATIO[0]), math.log(RATIO[1])))
        box_height, box_width = math.sqrt(area / ratio), math.sqrt(area * ratio)
        if box_height <= height and box_width <= width:
            down, across = rng.uniform(size=2)
            return float(down * (height - box_height)), float(across * (width - box_width)), box_height, box_width
    return _centre(height, width, rng)


def _centre(height: int, width: int, rng: object) -> tuple[float, float, float, float]:
    side = min(height, width)
    return (height - side) / 2, (width - side) / 2, side, side


_CROPS = {"multiscale": _multiscale, "anywhere": _anywhere, "resized": _resized, "centre": _centre}
