"""Decoded frames of a whole dataset in one file, read through a memory map that all workers share.

Reading a clip from here costs a copy; decoding it costs a hundred times that. The price is disk: 3 bytes a pixel, so
this is for lab-sized sets. The file is made once per set of videos and size, and all notebooks and processes use it. It can
be deleted at any time (`clear`, which lists what there is with `kept`): videos are then decoded. Beside it lies a note,
a small JSON file, which says what it holds; its time of change is the time of the last use.

The sum of each frame is stored behind the frames and compared at every reading, which costs as much as the copy. A frame
that the disk has lost is decoded again.
"""

import errno
import hashlib
import json
import os
import shutil
import sys
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
from labkit.bars import tqdm
from labkit.cache import Kept, cache_folder, remove
from labkit.counting import counted
from labkit.data.dataset_index import state
from labkit.data.dataset_rows import TableRows
from labkit.data.dataset_table import counted_exactly
from labkit.data.pieces import Piece, located, state_of
from labkit.data.processes import map_files
from labkit.data.video import VideoError, VideoReader
from labkit.data.video_file import shown

FORMAT = 2  # raise it when an old file must not be used any more
AT_ONCE = 128  # frames decoded before they are written, so that a long video does not fill the memory;
MOST = 64 << 20  # bytes of them, so that a large picture does not either


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
        if not self._there():
            return self._decode(path, numbers)
        clip = self._bytes[byte:stop].reshape(frames, height, width, 3)[numbers]
        if (sums_of(clip) == self._sums[first + numbers]).all():
            return clip
        return self._decode_again(path, numbers)

    def _there(self) -> bool:
        """Whether the file is mapped, or can be: somebody may have cleared the cache before this process read from it."""
        try:
            return len(self._bytes) > 0
        except FileNotFoundError:
            warnings.warn(
                f"{self.file}, the kept frames, is gone: the videos are read instead. The next start makes it again",
                stacklevel=3,
            )
            return False

    def _decode(self, path: str, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        place = self.rows[path]
        order, back = np.unique(numbers, return_inverse=True)
        with VideoReader(path) as reader:
            check_length(path, reader, place.frames)
            return reader.at(order, size=(place.height, place.width))[back]

    def _decode_again(self, path: str, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        frames = self._decode(path, numbers)
        warnings.warn(
            f"kept frames of {shown(path)} are lost or broken: the video is read instead. {self.file} is removed, so that "
            "the next start makes it again",
            stacklevel=2,
        )
        with suppress(OSError):  # Windows keeps what is open
            self.file.unlink()
            _note_of(self.file).unlink(missing_ok=True)
        return frames


def cache_frames(
    table: pd.DataFrame,
    short_side: int,
    *,
    name: str = "videos",
    on_error: Literal["skip", "raise"] = "raise",
    workers: int | None = None,
    progress: bool = True,
) -> FrameCache:
    """Decode the videos of a dataset's table with the short side at most `short_side`, or find them decoded already.

    With `progress`, a line on stderr says before any work how many MB it will take, and in which folder. `name` is the
    dataset's, for the note beside the file.

    Raises `OSError` before any work if the disk has no room, and `VideoError` if a video cannot be read to its end; or,
    with `on_error="skip"`, warns of those, and reading them raises it.
    """
    table = counted_exactly(TableRows(table), workers=workers, progress=progress).frame
    videos = table.drop_duplicates("path")
    rows: dict[str, Place] = {}
    byte = number = 0
    for path, frames, height, width in videos[["path", "frames", "height", "width"]].itertuples(index=False):
        height, width = reduced(height, width, short_side)
        rows[path] = Place(byte, frames, height, width, number)
        byte, number = byte + frames * height * width * 3, number + frames
    total = _sums_at(rows) + 8 * number
    file = cache_folder("frames") / f"{_key(rows)}.frames"
    if not file.exists() or file.stat().st_size != total:
        remove_left_behind(file.parent)
        what = f"{counted(len(rows), 'video')} decoded to short side {short_side} take"
        check_room(file.parent, total, what, "take fewer videos or cached=False")
        if progress:
            tqdm.write(f"{name}: {what} {total / 1e6:,.1f} MB in {file.parent}, once", file=sys.stderr)
        _decode_into(file, rows, total, on_error=on_error, workers=workers, progress=progress)
    with suppress(OSError):  # a note is for people; a full disk or a read-only folder changes no clip
        note = json.dumps({"dataset": name, "videos": len(rows), "short_side": short_side})
        write_atomically(_note_of(file), lambda temporary: temporary.write_text(note, encoding="utf-8"))
    return FrameCache(file, rows)


def kept() -> list[Kept]:
    """The files of decoded frames in the cache, the one used last first."""
    found = []
    for file in cache_folder("frames").glob("[!.]*.frames"):  # a hidden one is being written
        note = _note_of(file)
        with suppress(FileNotFoundError):  # removed meanwhile
            about = _note(note)
            what = f"decoded frames of {about.get('dataset', 'an unknown dataset')}"
            what += f", short side {about['short_side']}" if "short_side" in about else ""
            used = note.stat().st_mtime if note.exists() else file.stat().st_mtime
            found.append(Kept(what, (file, note), about.get("videos"), file.stat().st_size, used))
    return sorted(found, key=lambda one: one.used, reverse=True)


def clear() -> list[Path]:
    """Remove all decoded frames from the cache; see `labkit.cache.remove` for what stays."""
    return remove(kept())


def _note_of(file: Path) -> Path:
    return file.with_suffix(".json")


def _note(file: Path) -> dict[str, Any]:
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return about if isinstance(about, dict) else {}


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
            step = min(AT_ONCE, fitting(height, width))
            for start in range(0, frames, step):
                part = reader.frames(start, min(start + step, frames), size=(height, width))
                place[start : start + len(part)], sums[start : start + len(part)] = part, sums_of(part)
    except VideoError as error:
        return error
    except MemoryError as error:
        return VideoError(path, f"its frames of {height}×{width} need more memory than there is ({error})")
    return None


def fitting(height: int, width: int) -> int:
    """The frames of this size that fit into `MOST` bytes; one at least."""
    return max(1, MOST // (height * width * 3))


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
    files = [(*_identity(path), *place[:4]) for path, place in rows.items()]
    return hashlib.sha256(json.dumps([FORMAT, files]).encode()).hexdigest()[:20]


def _identity(path: str) -> tuple[str, int, int | str]:
    """A video's own name, and its size and time of change; of a video in a shard, the shard's."""
    place = located(path)
    if not isinstance(place, Piece):
        # Notebooks in other folders name the same videos by other relative paths.
        return (os.path.abspath(path), *state(path))  # noqa: PTH100
    try:
        return (path, *state_of(place.shard))
    except OSError:
        return path, -1, -1
