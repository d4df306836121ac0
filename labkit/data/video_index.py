"""The index of a video file, made by decoding it once: the number of frames, and the places where reading may begin.

The index is a table of packets with the number of the frame that each became, a fingerprint of that frame, and the
*anchors*: keyframes to which a seek really leads, found by trying. It is kept as an Arrow file in labkit's cache
folder, and made again when the video changes or the Arrow file is damaged.
"""

import hashlib
import json
import os
import zlib
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labkit.atomic import write_atomically
from labkit.cache import cache_folder, warn_not_kept
from labkit.data.pieces import Piece, local_path, located, state_of
from labkit.data.video_anchors import margin_of, with_anchors
from labkit.data.video_attempt import attempt
from labkit.data.video_cursor import COLUMNS, Cursor, LostFrame, PacketTable
from labkit.data.video_file import Orientation, VideoError, named, open_video
from labkit.data.video_walk import MARKING, Walk

VERSION = 5  # of the file's layout and of the way frames are counted; a new number makes every index again


@dataclass(frozen=True)
class VideoInfo:
    """The facts about a file. Width and height are in pixels, after rotation."""

    frames: int  # frames that can be read, counted by decoding
    fps: float  # frames per second, the mean where the rate varies
    varies: bool  # whether a frame comes half a frame or more from where a constant rate would have it
    duration: float  # seconds: frames / fps
    width: int
    height: int
    codec: str  # ffmpeg's name: h264, mpeg4, ...
    rotation: int  # degrees clockwise that the frames were turned, as the file asks: 0, 90, 180 or 270
    damage: str | None  # None, or the frame number and the reason why nothing is read from there on


@dataclass(frozen=True)
class VideoIndex:
    """The data for exact reading. Without anchors a file is read from its beginning each time."""

    info: VideoInfo
    orientation: Orientation
    table: PacketTable
    # Frames up to this many before a wanted one are decoded, others may be skipped; None: all are decoded.
    margin: int | None
    tick: float  # seconds, the unit of the table's timestamps

    @property
    def times(self) -> np.ndarray | None:
        """Seconds from the first frame to each, float64 `(frames,)`; None where the rate is constant."""
        return self.table.times(self.tick) if self.info.varies else None


def index_video(path: str | Path | Piece) -> VideoInfo:
    """Make the index of one video, or find it in the cache, and return the facts. Fit for worker processes.

    Raises `VideoError` where nothing can be read.
    """
    return load_index(located(path)).info


def load_index(path: Path | Piece, *, fresh: bool = False) -> VideoIndex:
    """The index of `path`, from the cache if it is there and sound, else made and put there.

    `fresh` makes it again whatever the cache says. Raises `VideoError` where nothing can be read.
    """
    kept = _cache_file(path)
    index = _read(kept) if kept and not fresh else None
    if index is None:
        with attempt(path, kept) if kept else nullcontext():
            index = build_index(path)
        if kept:
            _keep(index, kept)
    return index


def build_index(path: Path | Piece) -> VideoIndex:
    """Decode `path` once, packet by packet, then try its keyframes. Never holds more than a few frames.

    Where the decoder does not tell damage, decode twice: frames that come out differently are damaged.
    Raises `VideoError` where not even one frame can be decoded.
    """
    with named(path):
        return _build(path)


def _build(path: Path | Piece) -> VideoIndex:
    container, stream = open_video(path)
    with container:
        rate = float(stream.average_rate or stream.guessed_rate or 25)
        codec, tick = stream.codec_context.name, float(stream.time_base or 0)
        walk = Walk(whole=codec not in MARKING)
        walk.through(container, stream, name=path.name)
    if codec not in MARKING:
        walk.repeat(path)
    if walk.hurt is not None and walk.good:
        lost = _first_lost(path, walk)
        walk.steady = walk.steady if lost is None else lost
    good = walk.good
    if good == 0:
        raise VideoError(path, f"no frame can be decoded ({walk.reason or 'the stream is empty'})")
    height, width = walk.size
    damage = None if walk.hurt is None else f"frame {good}: {walk.reason}"
    table = walk.table()
    true_rate = _true_rate(table.times(tick), rate)
    info = VideoInfo(
        frames=good,
        fps=true_rate or rate,
        varies=true_rate is not None,
        duration=good / (true_rate or rate),
        width=width,
        height=height,
        codec=codec,
        rotation=walk.orientation.degrees,
        damage=damage,
    )
    container, stream = open_video(path)  # anew, as readers do
    with container:
        table = with_anchors(container, stream, table)
        return VideoIndex(info, walk.orientation, table, margin_of(container, stream, table), tick)


def _first_lost(path: Path | Piece, walk: Walk) -> int | None:
    """The first frame before the damage that does not come out without the packets behind it; None if all come out."""
    container, stream = open_video(path)
    with container:
        cursor = Cursor(container, stream, walk.table(), row=None)
        cursor.want(frozenset(range(walk.good)))
        for number in range(walk.good):
            try:
                cursor.frame(number)
            except LostFrame:
                return number
    return None


def _true_rate(times: np.ndarray | None, rate: float) -> float | None:
    """The mean rate where frames do not come as evenly as `rate` says; None where they do, or where nothing is known."""
    if times is None or len(times) < 2:
        return None
    uneven = np.abs(times - np.arange(len(times)) / rate).max() * rate > 0.5
    return float((len(times) - 1) / times[-1]) if uneven else None


def _cache_file(path: Path | Piece) -> Path | None:
    """The file that keeps the index of this state of this video; None if the video or the cache folder is missing."""
    try:
        key = os.fsencode(f"{VERSION}\0{_identity(path)}")
        return cache_folder("index") / f"{hashlib.sha256(key).hexdigest()[:32]}.arrow"
    except (OSError, ValueError):  # a name with a zero byte is a ValueError
        return None


def _identity(path: Path | Piece) -> str:
    """The video and its state: a file's size and time of change, or a piece's place and the state of its shard."""
    if isinstance(path, Piece):
        state = state_of(path.shard)
        shard = local_path(path.shard)
        home = path.shard if shard is None else shard.resolve()
        return f"{home}\0{path.offset}\0{path.size}\0{state.size}\0{state.mark}"
    about = path.stat()
    return f"{path.resolve()}\0{about.st_size}\0{about.st_mtime_ns}"


def _keep(index: VideoIndex, kept: Path) -> None:
    import pyarrow as pa

    columns = {name: getattr(index.table, name) for name in COLUMNS}
    about = {
        "version": VERSION,
        "info": asdict(index.info),
        "orientation": index.orientation,
        "margin": index.margin,
        "tick": index.tick,
    }
    about["checksum"] = _checksum(about, columns)
    table = pa.table(
        {name: column.view(np.uint8) if column.dtype == bool else column for name, column in columns.items()}
    )
    table = table.replace_schema_metadata({"labkit": json.dumps(about)})

    def write(temporary: Path) -> None:
        with pa.ipc.new_file(str(temporary), table.schema) as file:
            file.write_table(table)

    try:
        write_atomically(kept, write)
    except OSError as error:
        warn_not_kept("the index of a video", error)


def _read(kept: Path) -> VideoIndex | None:
    """The index kept in this file; None if it is missing or broken. It is mapped into memory, not read."""
    import pyarrow as pa

    if not kept.is_file():
        return None
    try:
        with pa.memory_map(str(kept)) as source:
            table = pa.ipc.open_file(source).read_all()
            about = json.loads(table.schema.metadata[b"labkit"])
            if about["version"] != VERSION:
                return None
            columns = {name: _column(table, name, kind) for name, kind in COLUMNS.items()}
            if about.pop("checksum") != _checksum(about, columns):  # a block that the disk lost reads as zeros
                return None
            return VideoIndex(
                VideoInfo(**about["info"]),
                Orientation(*about["orientation"]),
                PacketTable(**columns),
                about["margin"],
                about["tick"],
            )
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return None


def _checksum(about: Mapping[str, Any], columns: Mapping[str, np.ndarray]) -> int:
    """A checksum of all content of an index file: 0.3 ms for 30,000 packets."""
    value = zlib.crc32(json.dumps(about, sort_keys=True).encode())
    for name in COLUMNS:
        value = zlib.crc32(np.ascontiguousarray(columns[name]).data, value)
    return value


def _column(table: "pa.Table", name: str, kind: type) -> np.ndarray:  # type: ignore[name-defined]  # noqa: F821
    stored = table.column(name).combine_chunks().to_numpy(zero_copy_only=False)
    return stored.view(np.bool_) if kind is np.bool_ else stored.astype(kind, copy=False)
