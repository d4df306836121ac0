"""The flow of a dataset's videos, computed once and kept: one file for each video, which all workers read.

Computing flow costs far more than decoding, so it is kept per video: a process that is killed loses the videos under
way and no others. A file is named after the content of its video and the settings, and is used again wherever the same
video lies. It is a safetensors file, which needs no code of ours to open; `docs/flow.md` has its format.

Beside the fields stands the sum of each, which is compared at every reading. A file that is broken, or that somebody
else put there, is named and made again.
"""

import hashlib
import json
import struct
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from labkit.atomic import write_atomically
from labkit.bars import tqdm
from labkit.cache import Kept, cache_folder, remove
from labkit.counting import counted
from labkit.data.dataset_index import state
from labkit.data.dataset_rows import TableRows
from labkit.data.dataset_table import counted_exactly
from labkit.data.flow import FlowSettings, as_bytes, check_opencv, compute_flow
from labkit.data.frame_cache import AT_ONCE, check_length, check_room, fitting, reduced, reserve, sums_of
from labkit.data.pieces import located, opened
from labkit.data.processes import map_files
from labkit.data.video import VideoError, VideoReader
from labkit.data.video_file import shown

FORMAT = "labkit flow 1"  # change it when an old file must not be used any more


class FlowFileError(ValueError):
    """A kept file does not hold the flow that its name says; the message is the reason."""


class Place(NamedTuple):
    """Where a video's flow is kept, and what the file has to say of itself."""

    file: Path
    frames: int  # as many fields as frames
    height: int
    width: int
    about: Mapping[str, str]  # format, content of the video, method, bound


@dataclass(frozen=True)
class FlowCache:
    """The flow of some videos, as bytes (`labkit.data.flow`). Picklable: files are opened when they are read."""

    settings: FlowSettings
    places: Mapping[str, Place]  # by path of the video; videos that cannot be read are not among them

    def read(self, path: str, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The fields of these frames of the video, a fresh uint8 `(T, H, W, 2)`.

        A file that is broken by now is made again. Raises `VideoError` for a video that cannot be read, and `FlowError`
        where a file must be made and OpenCV is missing.
        """
        if path not in self.places:
            raise VideoError(path, "it has no flow: it could not be read when the flow was computed")
        place = self.places[path]
        try:
            return _read(place, numbers)
        except FlowFileError as error:
            warnings.warn(f"{place.file} {error}: the flow of {shown(path)} is computed again", stacklevel=2)
        _make(path, place, self.settings)
        return _read(place, numbers)


def cache_flow(
    table: pd.DataFrame,
    settings: FlowSettings,
    *,
    on_error: Literal["skip", "raise"] = "raise",
    workers: int | None = None,
    progress: bool = True,
) -> FlowCache:
    """Compute the flow of the videos of a dataset's table, or find it computed already. A second call goes on.

    Before any work it raises `FlowError` where flow is missing and OpenCV cannot compute it, and `OSError` where the
    disk has no room. Raises `VideoError` if a video cannot be read to its end; or, with `on_error="skip"`, warns of
    those, and reading them raises it.
    """
    table = counted_exactly(TableRows(table), workers=workers, progress=progress).frame
    videos = table.drop_duplicates("path")
    places, failed = _places(videos, settings, progress=progress)
    if failed and on_error == "raise":
        raise next(iter(failed.values()))
    missing = _missing(places)
    if missing:
        check_opencv(settings.method)
        needed = sum(place.frames * (place.height * place.width * 2 + 8) for place in missing.values())
        what = f"the flow of {counted(len(missing), 'video')} at short side {settings.short_side} takes"
        check_room(cache_folder("flow"), needed, what, "take fewer videos or a smaller short side")
    tasks = [(path, place, settings) for path, place in missing.items()]
    for position, error in map_files(
        _compute, tasks, label="computing flow", lost=_lost, workers=workers, progress=progress
    ):
        if error is not None and on_error == "raise":
            raise error
        failed |= {} if error is None else {tasks[position][0]: error}
    if failed:
        first = next(iter(failed.values()))
        if len(failed) == len(videos):
            raise first
        of = counted(len(videos), "video")
        warnings.warn(f"{len(failed)} of {of} have no flow; the first is {first}", stacklevel=3)
    return FlowCache(settings, {path: place for path, place in places.items() if path not in failed})


def kept() -> list[Kept]:
    """The flow in the cache, one entry for each way to compute it, the one used last first. A file holds one video."""
    found: dict[str, list[Path]] = {}
    for file in cache_folder("flow").glob("*.flow.safetensors"):
        try:
            about = safe_open(file, framework="np").metadata() or {}
            how = f"{about['method']}, up to ±{float(about['bound']):g} pixels"
        except (OSError, SafetensorError, KeyError, ValueError):  # removed meanwhile, broken, or foreign
            how = "broken"
        found.setdefault(f"optical flow ({how})", []).append(file)
    entries = []
    for what, files in found.items():
        states = [state(file) for file in files]
        used = max(changed for _, changed in states) / 1e9
        entries.append(Kept(what, tuple(files), len(files), sum(size for size, _ in states), used))
    return sorted(entries, key=lambda one: one.used, reverse=True)


def clear() -> list[Path]:
    """Remove all flow from the cache; see `labkit.cache.remove` for what stays."""
    return remove(kept())


def _places(
    videos: pd.DataFrame, settings: FlowSettings, *, progress: bool
) -> tuple[dict[str, Place], dict[str, VideoError]]:
    """Where the flow of each video is, or shall be; and the videos that are not there any more."""
    folder = cache_folder("flow")
    places: dict[str, Place] = {}
    failed: dict[str, VideoError] = {}
    rows = videos[["path", "frames", "height", "width"]].itertuples(index=False)
    for path, frames, height, width in tqdm(
        rows, total=len(videos), desc="reading videos", unit="video", delay=1, disable=not progress
    ):
        try:
            with opened(located(path)) as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            reason = error.strerror or error
            failed[path] = VideoError(path, f"it could be read when the index was built, but not now: {reason}")
            continue
        height, width = reduced(height, width, settings.short_side)
        about = {"format": FORMAT, "video": content, "method": settings.method, "bound": repr(settings.bound)}
        key = hashlib.sha256(json.dumps([about, frames, height, width], sort_keys=True).encode()).hexdigest()[:24]
        places[path] = Place(folder / f"{key}.flow.safetensors", frames, height, width, about)
    return places, failed


def _missing(places: Mapping[str, Place], *, say: bool = True) -> dict[str, Place]:
    """The videos whose flow is not kept. Files that are broken or foreign are named; they are written over."""
    missing: dict[str, Place] = {}
    wrong: list[str] = []
    for path, place in places.items():
        try:
            with _opened(place):
                continue
        except FileNotFoundError:
            pass
        except FlowFileError as error:
            wrong.append(f"{place.file} {error}")
        missing[path] = place
    if wrong and say:
        which = "it is" if len(wrong) == 1 else f"and {len(wrong) - 1} more are"
        warnings.warn(f"{wrong[0]}: {which} made again", stacklevel=4)
    return missing


def _opened(place: Place) -> Any:
    """The file, opened for reading. Raises `FlowFileError` where it is not this video's flow."""
    try:
        opened = safe_open(place.file, framework="np")
    except SafetensorError as error:
        raise FlowFileError(f"is broken ({error})") from None
    about = opened.metadata() or {}
    shape = (place.frames, place.height, place.width, 2)
    if about != dict(place.about):
        other = [name for name in place.about if about.get(name) != place.about[name]]
        raise FlowFileError(f"is a foreign file (its {', '.join(other) or 'description'} is another)")
    names = opened.keys()
    kept = {name: (opened.get_slice(name).get_dtype(), opened.get_slice(name).get_shape()) for name in names}
    if kept != {"sums": ("U64", [place.frames]), "flow": ("U8", list(shape))}:
        raise FlowFileError("is a foreign file (it holds other tensors)")
    return opened


def _read(place: Place, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Raises `FlowFileError` where the file is gone, foreign, or not as it was written."""
    first, stop = int(numbers.min()), int(numbers.max()) + 1
    try:
        with _opened(place) as opened:
            fields = opened.get_slice("flow")[first:stop][numbers - first]
            sums = opened.get_slice("sums")[first:stop][numbers - first]
    except (FileNotFoundError, SafetensorError) as error:
        raise FlowFileError(f"is gone or broken ({error})") from None
    if (sums_of(fields) != sums).any():
        raise FlowFileError("is broken (its bytes have changed)")
    return fields


def _compute(task: tuple[str, Place, FlowSettings]) -> VideoError | None:
    """Compute and keep one video's flow, unless another process has done so meanwhile; the error if it cannot be read."""
    path, place, settings = task
    if not _missing({path: place}, say=False):
        return None
    try:
        _make(path, place, settings)
    except VideoError as error:
        return error
    return None


def _lost(task: tuple[str, Place, FlowSettings], reason: str) -> VideoError:
    return VideoError(task[0], reason)


def _make(path: str, place: Place, settings: FlowSettings) -> None:
    """Compute and keep one video's flow. Raises `VideoError` where the video cannot be read."""
    write_atomically(place.file, partial(_fill, path, place, settings))


def _fill(path: str, place: Place, settings: FlowSettings, temporary: Path) -> None:
    """Write the whole file, a part of the video at a time, so that a long video does not fill the memory."""
    frames, height, width = place.frames, place.height, place.width
    header, begin = _header(place)
    temporary.write_bytes(header)
    reserve(temporary, begin + frames * (8 + height * width * 2))
    sums = np.memmap(temporary, np.uint64, mode="r+", offset=begin, shape=(frames,))
    fields = np.memmap(temporary, np.uint8, mode="r+", offset=begin + 8 * frames, shape=(frames, height, width, 2))
    with VideoReader(path) as reader:
        check_length(path, reader, frames)
        step = min(AT_ONCE, fitting(height, width))
        for start in range(0, frames - 1, step):
            seen = reader.frames(start, min(start + step + 1, frames), size=(height, width))
            part = as_bytes(compute_flow(seen, settings.method), settings.bound)
            fields[start : start + len(part)], sums[start : start + len(part)] = part, sums_of(part)
    # The last frame has no next one: it gets the field before it, and in a video of one frame no movement.
    last = fields[-2:-1].copy() if frames > 1 else as_bytes(np.zeros((1, height, width, 2), np.float32), settings.bound)
    fields[-1:], sums[-1:] = last, sums_of(last)


def _header(place: Place) -> tuple[bytes, int]:
    """How a safetensors file begins that holds `sums` and behind them `flow`, and where the first of these begins."""
    ends = (8 * place.frames, 8 * place.frames + place.frames * place.height * place.width * 2)
    shape = [place.frames, place.height, place.width, 2]
    described: dict[str, Any] = {
        "__metadata__": dict(place.about),
        "sums": {"dtype": "U64", "shape": shape[:1], "data_offsets": [0, ends[0]]},
        "flow": {"dtype": "U8", "shape": shape, "data_offsets": list(ends)},
    }
    text = json.dumps(described).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text, 8 + len(text)
