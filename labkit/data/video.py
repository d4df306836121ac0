"""A video file becomes frames: the first step of the road.

`VideoReader` is exact: frame n is the n-th frame of a sequential decode, whatever the file's timestamps, header and
seek table say. It starts at an anchor of the file's index, decodes on from there, and checks each frame it hands out
against the fingerprint that the index holds; where that fails, it reads from the beginning instead.
"""

import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from operator import index as as_integer
from pathlib import Path
from typing import Self

import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from labkit.counting import counted
from labkit.data.video_cursor import Cursor, LostFrame
from labkit.data.video_file import VideoError, named, open_video, scaled, shown
from labkit.data.video_index import VideoIndex, VideoInfo, index_video, load_index

__all__ = ["VideoError", "VideoInfo", "VideoReader", "index_video"]

log = logging.getLogger(__name__)

Size = int | tuple[int, int]


class VideoReader:
    """Reads frames of one video by number, exactly.

    The first reader of a file decodes it once to make its index (about 30 ms for a UCF-101 clip); the index is kept
    in labkit's cache folder. A reader holds the file open and goes on from where it was if that is nearer than
    seeking. It may be pickled; each process opens the file for itself. Not for use by two threads at once.

    Raises `VideoError` where the file is missing, empty or not a video, or no frame of it can be decoded.
    `times` are the seconds from the first frame to each, float64 `(frames,)`; None where the rate is constant.
    """

    info: VideoInfo
    times: np.ndarray | None

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._index: VideoIndex = load_index(self.path)
        self.info, self.times = self._index.info, self._index.times
        self._opened: tuple[InputContainer, VideoStream] | None = None
        self._cursor: Cursor | None = None
        self._process = os.getpid()
        self._reformatter = VideoReformatter()  # one for all frames: a new scaler costs more than the scaling
        self._margin = self._index.margin
        self._warn_if_slow()

    def _warn_if_slow(self) -> None:
        table = self._index.table
        if len(table.anchors) == 0 and np.count_nonzero(table.keyframe) > 1:
            warnings.warn(
                f"{shown(self.path)}: seeking does not work in this file, so it is read from its beginning "
                "each time (right, but slow)",
                stacklevel=3,
            )

    def frames(self, start: int = 0, stop: int | None = None, step: int = 1, *, size: Size | None = None) -> np.ndarray:
        """Frames `start, start + step, ...` before `stop` (None: the end) as uint8 RGB `(T, H, W, 3)`.

        `size` is as in `at`. Raises `IndexError` where the range leaves the video, `ValueError` where `start` is
        beyond `stop` or `step` below 1, and `VideoError` where it reaches the damaged part of a file.
        """
        stop = self.info.frames if stop is None else as_integer(stop)
        start, step = as_integer(start), as_integer(step)
        if step < 1:
            raise ValueError(f"step must be at least 1, not {step}")
        if start > stop:
            raise ValueError(f"start {start} is beyond stop {stop}")
        self._check_range(start, stop - 1 if stop > start else start)
        return self.at(range(start, stop, step), size=size)

    def at(self, indices: Sequence[int] | np.ndarray, *, size: Size | None = None) -> np.ndarray:
        """Frames of these numbers, never decreasing, repeats allowed, as uint8 RGB `(T, H, W, 3)`.

        `size` is a short side in pixels, the long one following in proportion, rounded to an even number; or
        `(height, width)`; or None for the file's own. Shrinking averages areas; enlarging is bilinear.
        Raises `IndexError` where a number is outside the video, `ValueError` where they decrease, and `VideoError`
        where one lies in the damaged part of a file.
        """
        numbers = [as_integer(n) for n in indices]
        if any(a > b for a, b in pairwise(numbers)):
            raise ValueError("frame numbers must not decrease")
        if numbers:
            self._check_range(numbers[0], numbers[-1])
        height, width = self._output_size(size)
        clip = np.empty((len(numbers), height, width, 3), np.uint8)
        filled = 0
        wanted = [(number, len(list(same))) for number, same in groupby(numbers)]
        with named(self.path):
            for (_, repeats), frame in zip(wanted, self._decode([number for number, _ in wanted]), strict=True):
                image = scaled(self._reformatter, frame, height, width, self._index.orientation)
                clip[filled : filled + repeats] = image
                filled += repeats
        return clip

    def _check_range(self, first: int, last: int) -> None:
        if first >= 0 and last < self.info.frames:
            return
        if first == last == self.info.frames == 0:
            return
        if first >= 0 and self.info.damage:
            raise VideoError(
                self.path,
                f"only {counted(self.info.frames, 'frame')} can be read, asked for frame {last} ({self.info.damage})",
            )
        raise IndexError(f"{shown(self.path)} has frames 0 to {self.info.frames - 1}; asked for {first} to {last}")

    def _output_size(self, size: Size | None) -> tuple[int, int]:
        height, width = self.info.height, self.info.width
        if size is None:
            return height, width
        if isinstance(size, tuple):
            wanted = (as_integer(size[0]), as_integer(size[1]))
        else:
            short, side = min(height, width), as_integer(size)
            longer = max(side, 2 * round(max(height, width) * side / short / 2))
            wanted = (side, longer) if height <= width else (longer, side)
        if min(wanted) < 1:
            raise ValueError(f"size must be at least 1 pixel, not {size}")
        return wanted

    def _decode(self, numbers: list[int]) -> Iterator[VideoFrame]:
        """These frames, strictly increasing, each found in the quickest way that turns out to be right."""
        wanted = frozenset(numbers)
        for number in numbers:
            try:
                frame = self._reach(number, wanted)
            except LostFrame as reason:
                self._forget()
                frame = self._find_again(number, wanted, reason)
            except BaseException:
                self._forget()
                raise
            yield frame

    def _reach(self, number: int, wanted: frozenset[int]) -> VideoFrame:
        """Frame `number`: onward from where the reader is, or from an anchor if one is nearer."""
        if self._process != os.getpid():  # a forked worker shares the file's position with its parent
            self._process = os.getpid()
            self._forget()
        table = self._index.table
        row = table.anchor_before(number)
        nearest = 0 if row is None else int(table.frame[row])
        if self._cursor is None or not nearest <= self._cursor.next <= number:
            if self._opened is None or row is None:  # without an anchor, only a file opened anew is at its beginning
                self._forget()
                self._opened = open_video(self.path)
            self._cursor = Cursor(*self._opened, table, row=row, margin=self._margin)
        self._cursor.want(wanted)
        return self._cursor.frame(number)

    def _find_again(self, number: int, wanted: frozenset[int], reason: LostFrame) -> VideoFrame:
        """The frame that was lost on the quick way: without skipping; from the beginning; with the index made anew."""
        log.debug("%s: %s; trying slower ways", self.path, reason)
        self._margin = None
        for way in (lambda: None, self._distrust_anchors, self._make_index_anew):
            way()
            try:
                return self._reach(number, wanted)
            except LostFrame as again:
                log.debug("%s: %s", self.path, again)
                self._forget()
        raise VideoError(self.path, f"frame {number} does not come out the same twice")

    def _distrust_anchors(self) -> None:
        table = self._index.table
        self._index = replace(self._index, table=replace(table, anchor=np.zeros(len(table), bool)))

    def _make_index_anew(self) -> None:
        index = load_index(self.path, fresh=True)
        if index.info != self.info:
            raise VideoError(self.path, "the file has changed since it was opened")
        self._index = index

    def _forget(self) -> None:
        self._cursor = None
        if self._opened is not None:
            self._opened[0].close()
            self._opened = None

    def close(self) -> None:
        """Give the file back. Reading again opens it again."""
        self._forget()

    def __len__(self) -> int:
        return self.info.frames

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[type[Self], tuple[Path]]:
        return type(self), (self.path,)

    def __repr__(self) -> str:
        about = self.info
        return f"VideoReader({str(self.path)!r}: {counted(about.frames, 'frame')}, {about.width}x{about.height}, {about.fps:g} fps)"
