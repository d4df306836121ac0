"""Decoded frames of a whole dataset in one file, read through a memory map that all workers share.

Reading a clip from here costs a copy; decoding it costs a hundred times that. The price is disk: 3 bytes a pixel, so
this is for lab-sized sets. The file is made once per set of videos and size, and can be deleted at any time.
"""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from labkit.data.cache import cache_folder
from labkit.data.pool import map_files
from labkit.data.video import VideoError, VideoReader
from labkit.records import remove_left_behind, write_atomically

FORMAT = 1  # raise it when an old file must not be used any more
AT_ONCE = 128  # frames decoded before they are written, so that a long video does not fill the memory


@dataclass(frozen=True)
class FrameCache:
    """All frames of some videos, uint8 `(frames, height, width, 3)` one after the other. Picklable: it opens lazily."""

    file: Path
    rows: dict[str, tuple[int, int, int, int]]  # path -> (first byte, frames, height, width)

    @cached_property
    def _bytes(self) -> NDArray[np.uint8]:
        # Seen as a plain array: indexing a memmap object costs several times more.
        return np.memmap(self.file, dtype=np.uint8, mode="r").view(np.ndarray)

    def __getstate__(self) -> dict[str, Any]:
        return {"file": self.file, "rows": self.rows}

    def size(self, path: str) -> tuple[int, int]:
        """`(height, width)` of this video's frames here."""
        return self.rows[path][2:]

    def read(self, path: str, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        """These frames of the video, a fresh uint8 `(T, height, width, 3)`."""
        first, frames, height, width = self.rows[path]
        stop = first + frames * height * width * 3
        return self._bytes[first:stop].reshape(frames, height, width, 3)[numbers]


def cache_frames(
    table: pd.DataFrame, short_side: int, *, workers: int | None = None, progress: bool = True
) -> FrameCache:
    """Decode the videos of a dataset's table with the short side at most `short_side`, or find them decoded already.

    Raises `OSError` before any work if the disk has no room, and `VideoError` if a video cannot be read to its end.
    """
    videos = table.drop_duplicates("path")
    rows, total = {}, 0
    for path, frames, height, width in videos[["path", "frames", "height", "width"]].itertuples(index=False):
        height, width = reduced(height, width, short_side)
        rows[path] = (total, frames, height, width)
        total += frames * height * width * 3
    file = cache_folder("frames") / f"{_key(rows)}.frames"
    if file.exists() and file.stat().st_size == total:
        return FrameCache(file, rows)
    remove_left_behind(file.parent)
    free = shutil.disk_usage(file.parent).free
    if total > free:
        raise OSError(
            f"{len(rows)} videos decoded to short side {short_side} take {total / 1e6:,.0f} MB, and {file.parent} has "
            f"{free / 1e6:,.0f} MB free: take fewer videos or cached=False, or set LABKIT_CACHE to a larger disk"
        )
    _decode_into(file, rows, total, workers=workers, progress=progress)
    return FrameCache(file, rows)


def reduced(height: int, width: int, short_side: int) -> tuple[int, int]:
    """The frame's size with its short side at most `short_side` and the other in proportion, to an even number."""
    short = min(height, width)
    if short <= short_side:
        return height, width
    # Even: odd widths are several times slower to scale.
    longer = max(short_side, 2 * round(max(height, width) * short_side / short / 2))
    return (short_side, longer) if height <= width else (longer, short_side)


def _decode_into(
    file: Path, rows: dict[str, tuple[int, int, int, int]], total: int, *, workers: int | None, progress: bool
) -> None:
    def fill(temporary: Path) -> None:
        _reserve(temporary, total)
        tasks = [(temporary, path, *row) for path, row in rows.items()]
        for _ in map_files(_decode, tasks, label="decoding videos", workers=workers, progress=progress):
            pass

    write_atomically(file, fill)


def _reserve(file: Path, size: int) -> None:
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


def _decode(task: Sequence[Any]) -> None:
    file, path, first, frames, height, width = task
    place = np.memmap(file, dtype=np.uint8, mode="r+", offset=first, shape=(frames, height, width, 3))
    with VideoReader(path) as reader:
        if reader.info.frames != frames:
            raise VideoError(path, f"it had {frames} frames when the index was built and has {reader.info.frames} now")
        for start in range(0, frames, AT_ONCE):
            stop = min(start + AT_ONCE, frames)
            place[start:stop] = reader.frames(start, stop, size=(height, width))


def _key(rows: dict[str, tuple[int, int, int, int]]) -> str:
    """Changes with the files (name, size, time of change) and with the size of the frames."""
    about = {path: Path(path).stat() for path in rows}
    files = [(path, about[path].st_size, about[path].st_mtime_ns, *row) for path, row in rows.items()]
    return hashlib.sha256(json.dumps([FORMAT, files]).encode()).hexdigest()[:20]
