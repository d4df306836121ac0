"""A video file becomes frames: the first station of the road. Frame n is the n-th frame of a sequential decode."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import av
import av.error
import numpy as np


class VideoError(Exception):
    """A file that cannot be read as a video; `path` says which and `reason` why."""

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = Path(path)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True)
class VideoInfo:
    """What a file holds. Width and height are in pixels, after rotation."""

    frames: int  # frames that can be read, counted by decoding
    fps: float  # frames per second, the mean where the rate varies
    duration: float  # seconds
    width: int
    height: int
    codec: str  # ffmpeg's name: h264, mpeg4, ...
    rotation: int  # degrees clockwise that the file asks for, already applied to the frames
    damage: str | None  # None, or the frame number and the reason why nothing is read from there on


class VideoReader:
    """Reads frames of one video by number, exactly."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            with av.open(str(self.path)) as container:
                stream = container.streams.video[0]
                count = sum(1 for _ in container.decode(stream))
                rate = float(stream.average_rate or stream.guessed_rate or 25)
                self.info = VideoInfo(
                    count, rate, count / rate, stream.width, stream.height, stream.codec_context.name, 0, None
                )
        except (av.error.FFmpegError, OSError, IndexError) as error:
            raise VideoError(self.path, str(error)) from error

    def frames(
        self, start: int = 0, stop: int | None = None, step: int = 1, *, size: int | tuple[int, int] | None = None
    ) -> np.ndarray:
        """Frames `start, start + step, ...` below `stop` as uint8 `(T, H, W, 3)`."""
        return self.at(range(start, self.info.frames if stop is None else stop, step), size=size)

    def at(self, indices: Sequence[int] | np.ndarray, *, size: int | tuple[int, int] | None = None) -> np.ndarray:
        """Frames of these numbers (not decreasing, repeats allowed) as uint8 `(T, H, W, 3)`."""
        height, width = self._size(size)
        out = np.empty((len(indices), height, width, 3), np.uint8)
        wanted = [int(n) for n in indices]
        if wanted and (min(wanted) < 0 or max(wanted) >= self.info.frames):
            raise IndexError(f"{self.path} has {self.info.frames} frames; asked for {min(wanted)} to {max(wanted)}")
        with av.open(str(self.path)) as container:
            filled = 0
            for n, frame in enumerate(container.decode(video=0)):
                while filled < len(wanted) and wanted[filled] == n:
                    out[filled] = frame.to_ndarray(format="rgb24", width=width, height=height)
                    filled += 1
                if filled == len(wanted):
                    break
        return out

    def _size(self, size: int | tuple[int, int] | None) -> tuple[int, int]:
        height, width = self.info.height, self.info.width
        if size is None:
            return height, width
        if isinstance(size, tuple):
            return size
        short = min(height, width)
        return tuple(size if side == short else max(2, 2 * round(side * size / short / 2)) for side in (height, width))  # type: ignore[return-value]

    def close(self) -> None:
        """Give the file back."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
