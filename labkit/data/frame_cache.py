"""Decoded frames of a whole dataset in one file, read through a memory map that all workers share.

Reading a clip from here costs a copy; decoding it costs a hundred times that. The price is disk: 3 bytes a pixel, so
this is for lab-sized sets. The file is made once per set of videos and size, and can be deleted at any time.

The sum of each frame is stored behind the frames and compared at every reading, which costs as much as the copy. A frame
that the disk has lost is decoded again.
"""

import errno
import hashlib
import json
import os
import shutil
import warnings
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from labkit.atomic import remove_left_behind, write_atomically
from labkit.cache import cache_folder
from labkit.counting import counted
from labkit.data.processes import map_files
from labkit.data.video import VideoError, VideoReader
from labkit.data.video_file import shown

FORMAT = 2  # raise it when an old file must not be used any more
AT_ONCE = 128  # frames decoded before they are written, so that a long video does not fill the memory


class Place(NamedTuple):
    """Where a video's frames are in the file: from which byte, how many, how large; and the number of the first."""

    byte: int
    frames: int
    height: int
    width: int
    number: int


@dataclass(frozen=True)
class FrameCache:
    """All frames of some videos, uint8 `(frames, height, width, 3)` one after the other. Picklable: it opens lazily."""

    file: Path
    rows: dict[str, Place]  # by path

    @cached_property
    def _bytes(self) -> NDArray[np.uint8]:
        # Seen as a plain array: indexing a memmap object costs several times more.
        return np.memmap(self.file, dtype=np.uint8, mode="r").view(np.ndarray)

    @cached_property
    def _sums(self) -> NDArray[np.uint64]:
        return self._bytes[_sums_at(self.rows) :].view(np.uint64)

    def __getstate__(self) -> dict[str, Any]:
        return {"file": self.file, "rows": self.rows}

    def size(self, path: str) -> tuple[int, int]:
        """`(height, width)` of this video's frames here."""
        return self.rows[path].height, self.rows[path].width

    def read(self, path: str, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        """These frames of the video, a fresh uint8 `(T, height, width, 3)`.

        Frames that are not as they were written are decoded again. Raises `VideoError` where that fails.
        """
        byte, frames, height, width, first = self.rows[path]
        stop = byte + frames * height * width * 3
        clip = self._bytes[byte:stop].reshape(frames, height, width, 3)[numbers]
        if (sums_of(clip) == self._sums[first + numbers]).all():
            return clip
        return self._decode_again(path, numbers)

    def _decode_again(self, path: str, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        place = self.rows[path]
        order, back = np.unique(numbers, return_inverse=True)
        with VideoReader(path) as reader:
            check_length(path, reader, place.frames)
            frames = reader.at(order, size=(place.height, place.width))
        warnings.warn(
            f"kept frames of {shown(path)} are lost or broken: the video is read instead. {self.file} is removed, so that "
            "the next start makes it again",
            stacklevel=2,
        )
        with suppress(OSError):  # Windows keeps what is open
            self.file.unlink()
        return frames[back]


def cache_frames(
    table: pd.DataFrame,
    short_side: int,
    *,
    on_error: Literal["skip", "raise"] = "raise",
    workers: int | None = None,
    progress: bool = True,
) -> FrameCache:
    """Decode the videos of a dataset's table with the short side at most `short_side`, or find them decoded already.

    Raises `OSError` before any work if the disk has no room, and `VideoError` if a video cannot be read to its end; or,
    with `on_error="skip"`, warns of those, and reading them raises it.
    """
    videos = table.drop_duplicates("path")
    rows: dict[str, Place] = {}
    byte = number = 0
    for path, frames, height, width in videos[["path", "frames", "height", "width"]].itertuples(index=False):
        height, width = reduced(height, width, short_side)
        rows[path] = Place(byte, frames, height, width, number)
        byte, number = byte + frames * height * width * 3, number + frames
    total = _sums_at(rows) + 8 * number
    file = cache_folder("frames") / f"{_key(rows)}.frames"
    if file.exists() and file.stat().st_size == total:
        return FrameCache(file, rows)
    remove_left_behind(file.parent)
    check_room(
        file.parent,
        total,
        f"{counted(len(rows), 'video')} decoded to short side {short_side} take",
        "take fewer videos or cached=False",
    )
    _decode_into(file, rows, total, on_error=on_error, workers=workers, progress=progress)
    return FrameCache(file, rows)


def reduced(height: int, width: int, short_side: int) -> tuple[int, int]:
    """The frame's size with its short side at most `short_side` and the other in proportion, to an even number."""
    short = min(height, width)
    if short <= short_side:
        return height, width
    # Even: odd widths are several times slower to scale.
    longer = max(short_side, 2 * round(max(height, width) * short_side / short / 2))
    return (short_side, longer) if height <= width else (longer, short_side)


def check_room(folder: Path, size: int, what: str, instead: str) -> None:
    """Raise `OSError` where so many bytes do not fit on the folder's disk. `what` and `instead` are parts of its message."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise OSError(
            f"{what} {size / 1e6:,.0f} MB, and {folder} has {free / 1e6:,.0f} MB free: {instead}, "
            "or set LABKIT_CACHE to a larger disk"
        )


def _sums_at(rows: dict[str, Place]) -> int:
    """The byte at which the sums begin: the first multiple of 8 behind the frames."""
    end = max((place.byte + place.frames * place.height * place.width * 3 for place in rows.values()), default=0)
    return -(-end // 8) * 8


def sums_of(frames: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """A number for each frame, uint64 `(T,)`: the sum of all its bytes, eight at a time, plus 1, so that zeros differ."""
    flat = frames.reshape(len(frames), -1)
    wide = next(kind for kind in (np.uint64, np.uint32, np.uint16, np.uint8) if flat.shape[1] % kind().nbytes == 0)
    return flat.view(wide).sum(axis=1, dtype=np.uint64) + np.uint64(1)


def _decode_into(
    file: Path, rows: dict[str, Place], total: int, *, on_error: str, workers: int | None, progress: bool
) -> None:
    failed: list[VideoError] = []

    def fill(temporary: Path) -> None:
        reserve(temporary, total)
        tasks = [(temporary, path, place, _sums_at(rows)) for path, place in rows.items()]
        for _, error in map_files(
            _decode, tasks, label="decoding videos", lost=_lost, workers=workers, progress=progress
        ):
            if error is not None and on_error == "raise":
                raise error
            failed.extend([error] if error is not None else [])
        if len(failed) == len(rows) and failed:
            raise failed[0]

    write_atomically(file, fill)
    if failed:
        warnings.warn(
            f"{len(failed)} of {counted(len(rows), 'video')} cannot be decoded; the first is {failed[0]}", stacklevel=5
        )


def reserve(file: Path, size: int) -> None:
    """Make the file so large, and take its blocks now where the system can.

    A disk that fills up while they are taken one by one ends a process that writes through a memory map without a word.
    """
    if hasattr(os, "posix_fallocate"):
        with file.open("rb+") as opened:
            try:
                os.posix_fallocate(opened.fileno(), 0, size)
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # this kind of disk cannot
                    raise OSError(error.errno, error.strerror, str(file.parent)) from None
    os.truncate(file, size)


def _decode(task: tuple[Path, str, Place, int]) -> VideoError | None:
    """Write a video's frames and their sums into their places; the error if it cannot be read."""
    file, path, (byte, frames, height, width, number), sums_at = task
    place = np.memmap(file, dtype=np.uint8, mode="r+", offset=byte, shape=(frames, height, width, 3))
    sums = np.memmap(file, dtype=np.uint64, mode="r+", offset=sums_at + 8 * number, shape=(frames,))
    try:
        with VideoReader(path) as reader:
            check_length(path, reader, frames)
            for start in range(0, frames, AT_ONCE):
                part = reader.frames(start, min(start + AT_ONCE, frames), size=(height, width))
                place[start : start + len(part)], sums[start : start + len(part)] = part, sums_of(part)
    except VideoError as error:
        return error
    return None


def _lost(task: tuple[Path, str, Place, int], reason: str) -> VideoError:
    return VideoError(task[1], reason)


def check_length(path: str, reader: VideoReader, frames: int) -> None:
    """Raise `VideoError` where the video has another number of frames than when it was indexed."""
    if reader.info.frames != frames:
        raise VideoError(
            path, f"it had {counted(frames, 'frame')} when the index was built and has {reader.info.frames} now"
        )


def _key(rows: dict[str, Place]) -> str:
    """Changes with the files (name, size, time of change) and with the size of the frames."""
    files = [(path, *_state(Path(path)), *place[:4]) for path, place in rows.items()]
    return hashlib.sha256(json.dumps([FORMAT, files]).encode()).hexdigest()[:20]


def _state(path: Path) -> tuple[int, int]:
    try:
        about = path.stat()
    except OSError:
        return -1, -1
    return about.st_size, about.st_mtime_ns
