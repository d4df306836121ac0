"""ClipSpec: the clips that a model reads. It connects `data` and `models`, which do not import each other."""

from dataclasses import dataclass, replace
from typing import Any, Self

# Mean pixel of ActivityNet, 0-255, subtracted without division (Hara et al. 2018, published code).
ACTIVITYNET_MEAN = (114.7748, 107.7354, 99.4750)


@dataclass(frozen=True, kw_only=True)
class ClipSpec:
    """The description of a clip: number of frames, distance between frames, size in pixels, scaling of pixel values.

    A pixel value p in 0-255 becomes `(p - mean[c]) / std[c]`.
    The defaults are those of Hara et al. 2018 (16 frames of 112x112, mean subtracted, no division).
    """

    frames: int = 16  # T, frames in a clip
    stride: int = 1  # source frames from one clip frame to the next
    size: int = 112  # H = W of the clip, in pixels
    mean: tuple[float, ...] = ACTIVITYNET_MEAN  # per channel, in 0-255
    std: tuple[float, ...] = (1.0, 1.0, 1.0)  # per channel, in 0-255
    fps: float | None = None  # resample the video to this rate first; None keeps the file's own

    def __post_init__(self) -> None:
        for name in ("frames", "stride", "size"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"ClipSpec.{name} must be a whole number of at least 1, not {value!r}")
        if len(self.mean) != len(self.std):
            raise ValueError(f"ClipSpec.mean has {len(self.mean)} channels and std has {len(self.std)}")
        if any(s <= 0 for s in self.std):
            raise ValueError(f"ClipSpec.std must be above 0, not {self.std}")
        if self.fps is not None and self.fps <= 0:
            raise ValueError(f"ClipSpec.fps must be above 0, not {self.fps}")

    @property
    def span(self) -> int:
        """Source frames from the first to the last frame of a clip, both counted."""
        return (self.frames - 1) * self.stride + 1

    @property
    def channels(self) -> int:
        """C of a clip: the number of means."""
        return len(self.mean)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """`(C, T, H, W)` of one clip, as a model reads it."""
        return (self.channels, self.frames, self.size, self.size)

    def but(self, **changes: Any) -> Self:
        """The same spec with some fields changed."""
        return replace(self, **changes)
