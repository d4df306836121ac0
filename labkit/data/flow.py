"""Optical flow: how many pixels each point of a frame moves until the next frame, computed by OpenCV.

A field is `(H, W, 2)`: x to the right, y down, in pixels of the frames it was computed on. It is kept as bytes: 128 is
no movement and 128 ± 127 is the bound, to which longer movements are cut (20 pixels, as Carreira and Zisserman 2017 cut
theirs). The step between two bytes is 20 / 127 = 0.16 pixels, so rounding costs at most half of that.

`docs/flow.md` says which frames a field belongs to, and what the last frame of a video gets.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from labkit.names import meant_or_all

Method = Literal["dis", "tvl1"]

# Method -> the function of OpenCV that makes it, and that function's arguments.
METHODS: dict[Method, tuple[str, tuple[int, ...]]] = {
    "dis": ("DISOpticalFlow_create", (2,)),  # 2 is the preset "medium"
    "tvl1": ("optflow.DualTVL1OpticalFlow_create", ()),
}

ZERO, SCALE = 128, 127  # the byte of no movement, and how many bytes the bound is away from it
LEAST = 16  # pixels: the methods need frames of this size; smaller ones are padded


class FlowError(RuntimeError):
    """Optical flow cannot be computed with the OpenCV that is installed here: the reason, and the command that helps."""

    def __init__(self, reason: str, to_do: str) -> None:
        super().__init__(reason, to_do)  # both, so that the error comes back whole from a worker process
        self.reason, self.to_do = reason, to_do

    def __str__(self) -> str:
        return f"{self.reason}: {self.to_do}"


@dataclass(frozen=True)
class FlowSettings:
    """What decides a video's flow, beside its frames. Raises `ValueError` for a value out of range."""

    method: Method = "dis"  # `dis` is fast (Kroeger et al. 2016); `tvl1` is the papers' (Zach et al. 2007)
    bound: float = 20.0  # pixels: longer movements are cut to it
    short_side: int = 256  # pixels: larger frames are reduced to it before the flow is computed

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"unknown flow method {self.method!r}{meant_or_all(self.method, METHODS)}")
        if isinstance(self.bound, bool) or not isinstance(self.bound, int | float) or not 0 < self.bound < 1e4:
            raise ValueError(f"the bound of the flow must be a number of pixels above 0, not {self.bound!r}")
        if isinstance(self.short_side, bool) or not isinstance(self.short_side, int) or self.short_side < 1:
            raise ValueError(f"the short side must be a whole number of at least 1, not {self.short_side!r}")
        object.__setattr__(self, "bound", float(self.bound))  # 20 and 20.0 are the same setting


def check_opencv(method: Method) -> Any:
    """The function of OpenCV that makes this method.

    Raises `FlowError`, with the command that helps, where OpenCV is missing or lacks that function. Two OpenCV wheels
    in one environment overwrite each other's files, so a module that is there says nothing: the function is looked for.
    """
    name, _ = METHODS[method]
    wheel = "opencv-contrib-python-headless"
    try:
        import cv2
    except ImportError as error:
        raise FlowError(f"optical flow needs OpenCV ({error})", f"pip install {wheel}") from None
    try:
        return attrgetter(name)(cv2)
    except AttributeError:
        raise FlowError(
            f"this OpenCV has no cv2.{name}; only the contrib wheel has it, and only where no other OpenCV wheel lies "
            "over it",
            "pip uninstall -y opencv-python opencv-python-headless opencv-contrib-python && "
            f"pip install --force-reinstall --no-deps {wheel}",
        ) from None


def compute_flow(frames: NDArray[np.uint8], method: Method) -> NDArray[np.float32]:
    """The flow from each frame to the next: uint8 `(T, H, W, 3)` to float32 `(T - 1, H, W, 2)`, in pixels.

    OpenCV works on one thread meanwhile. Raises `FlowError` as `check_opencv` does.
    """
    make, arguments = check_opencv(method), METHODS[method][1]
    import cv2

    height, width = frames.shape[1:3]
    missing = [(0, max(LEAST - height, 0)), (0, max(LEAST - width, 0))]
    grey = [np.pad(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), missing, mode="edge") for frame in frames]
    fields = np.empty((max(len(frames) - 1, 0), height, width, 2), np.float32)
    with _one_thread(cv2):
        for t, field in enumerate(fields):
            # A fresh one for each pair: a method may begin with the field that it found last.
            field[:] = make(*arguments).calc(grey[t], grey[t + 1], None)[:height, :width]
    return fields


def as_bytes(fields: NDArray[np.float32], bound: float) -> NDArray[np.uint8]:
    """Fields in pixels as bytes, cut to ±`bound`: the same shape, uint8 from 1 to 255."""
    return (np.rint(np.clip(fields / bound, -1, 1) * SCALE) + ZERO).astype(np.uint8)


def in_pixels(coded: NDArray[np.uint8], bound: float) -> NDArray[np.float32]:
    """Fields kept as bytes in pixels again: the same shape, float32."""
    return (coded.astype(np.float32) - ZERO) * np.float32(bound / SCALE)


@contextmanager
def _one_thread(cv2: Any) -> Iterator[None]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
