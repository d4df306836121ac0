"""One video made small and quick to read: H.264 with a short group of pictures, no sound, every frame at its time.

The frames are those that `VideoReader` gives: upright, in the order of a sequential decode, up to any damage. The new
file is decoded and compared before it gets its name.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from labkit.atomic import write_atomically
from labkit.data.encode import encoder
from labkit.data.frame_cache import reduced
from labkit.data.video_file import VideoError, named, open_video
from labkit.data.video_index import VideoIndex, build_index

GOP = 16  # frames from one keyframe to the next, at most
CRF = 18  # x264's quality: the loss is hard to see
OPTIONS = {"crf": str(CRF), "g": str(GOP), "preset": "veryfast"}
TICK = Fraction(1, 90_000)  # seconds: the unit of time where the rate varies
LATE = 0.002  # seconds that a frame's time may differ where the rate varies


class Task(NamedTuple):
    """One video to prepare; with `short_side` None it is kept as it is."""

    source: Path
    target: Path
    short_side: int | None


def prepare_video(task: Task) -> dict[str, Any]:
    """Make `task.target` from `task.source`, whole or not at all. Fit for worker processes.

    Returns the facts of the new file: `frames`, `fps`, `varies`, `width`, `height`, `damage` (of the source, which is
    cut there), `bytes`, and `how`: "encoded" or "kept". A video that cannot be read has a `reason` instead. Raises
    `OSError` where the file cannot be written.
    """
    source, target, short_side = task
    try:
        index = build_index(source)
        if short_side is None or _is_small(source, index, short_side):
            write_atomically(target, lambda temporary: _link(source, temporary))
            made, how = index, "kept"
        else:
            made, how = _encode(source, target, index, short_side), "encoded"
    except VideoError as error:
        return {"reason": error.reason}
    info = made.info
    return {
        "frames": info.frames,
        "fps": info.fps,
        "varies": info.varies,
        "width": info.width,
        "height": info.height,
        "damage": index.info.damage or "",
        "bytes": target.stat().st_size,
        "how": how,
    }


def target_size(height: int, width: int, short_side: int) -> tuple[int, int]:
    """The even height and width of a prepared video. It is never enlarged."""
    height, width = reduced(height, width, short_side)
    return max(2, height - height % 2), max(2, width - width % 2)


def _is_small(source: Path, index: VideoIndex, short_side: int) -> bool:
    """Whether the file is already as it would be made: a sound MP4 with H.264 alone, small, keyframes close together."""
    info = index.info
    if source.suffix.lower() != ".mp4" or info.codec != "h264" or info.damage or info.rotation:
        return False
    if (info.height, info.width) != target_size(info.height, info.width, short_side):
        return False
    table = index.table
    starts = table.frame[table.anchors]
    gaps = np.diff([*starts.tolist(), info.frames])
    in_order = bool((np.diff(table.frame) > 0).all())
    container, stream = open_video(source)
    with container:
        alone = len(container.streams) == 1 and stream.codec_context.pix_fmt == "yuv420p"
    return alone and in_order and len(starts) > 0 and starts[0] == 0 and int(gaps.max()) <= GOP


def _link(source: Path, temporary: Path) -> None:
    """The same file under another name where the disk can do that, else a copy."""
    temporary.unlink()
    try:
        os.link(source.resolve(), temporary)
    except OSError:
        shutil.copyfile(source, temporary)


def _encode(source: Path, target: Path, index: VideoIndex, short_side: int) -> VideoIndex:
    """Write the frames of `source`; the index of the new file. Raises `VideoError` where it is not frame by frame the same."""
    info = index.info
    height, width = target_size(info.height, info.width, short_side)
    whens = None if index.times is None else _ticks(index.times)
    made: list[VideoIndex] = []

    def write(temporary: Path) -> None:
        tick = None if whens is None else TICK
        with encoder(temporary, height, width, info.fps, OPTIONS, tick=tick) as add:
            for number, picture in enumerate(_pictures(source, index, height, width)):
                add(picture, None if whens is None else int(whens[number]))
        made.append(build_index(temporary))
        if problem := _difference(index, made[0]):
            raise VideoError(source, f"the prepared file differs from it: {problem}")

    write_atomically(target, write)
    return made[0]


def _ticks(times: np.ndarray) -> np.ndarray:
    """Seconds as whole units `TICK`, int64 `(frames,)`; each later than the one before."""
    units = np.rint(times * TICK.denominator).astype(np.int64)
    steps = np.arange(len(units))
    return np.asarray(np.maximum.accumulate(units - steps) + steps)


def _pictures(path: Path, index: VideoIndex, height: int, width: int) -> Iterator[np.ndarray]:
    """The readable frames from first to last, upright, uint8 RGB `(height, width, 3)`, made smaller by averaging areas."""
    turned = index.orientation.transpose
    reformatter = VideoReformatter()
    frames = _frames(path, index.info.frames)
    for _ in range(index.info.frames):
        with named(path):
            frame = next(frames, None)
            if frame is None:
                raise VideoError(path, "it does not come out the same twice")
            small = reformatter.reformat(
                frame,
                width=height if turned else width,
                height=width if turned else height,
                format="rgb24",
                interpolation=Interpolation.AREA,
                threads=1,
            )
            picture = index.orientation.apply(small.to_ndarray())
        yield picture


def _frames(path: Path, wanted: int) -> Iterator[VideoFrame]:
    """Decode from the beginning on. The index has counted what comes before any damage."""
    container, stream = open_video(path)
    with container:
        for packet in _packets(container.demux(stream)):
            with suppress(
                Exception
            ):  # errors before the first keyframe; those after the last good frame are not reached
                for frame in stream.decode(packet):
                    yield frame
                    wanted -= 1
            if wanted <= 0:
                return


def _packets(packets: Iterator[Packet]) -> Iterator[Packet | None]:
    """All packets with content, and None at the end, which lets the decoder give its last frames."""
    with suppress(Exception):  # a broken file
        yield from (packet for packet in packets if packet.size)
    yield None


def _difference(before: VideoIndex, after: VideoIndex) -> str:
    """The difference in number or time of the frames; empty if there is none."""
    if before.info.frames != after.info.frames or after.info.damage:
        return f"{after.info.frames} frames instead of {before.info.frames}"
    if before.times is None and abs(after.info.fps / before.info.fps - 1) > 1e-3:
        return f"{after.info.fps:g} frames a second instead of {before.info.fps:g}"
    if before.times is not None and after.times is not None and np.abs(before.times - after.times).max() > LATE:
        return f"a frame comes {np.abs(before.times - after.times).max():.3f} s earlier or later"
    return ""
