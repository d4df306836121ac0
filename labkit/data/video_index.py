"""What is in a video file, learnt by decoding it once: how many frames, and where reading may begin.

The index is a table of packets with the number of the frame that each became, a fingerprint of that frame, and the
*anchors*: keyframes to which a seek really leads, found by trying. It is kept as an Arrow file in labkit's cache
folder, and made again when the video changes or the file is not what it should be.
"""

import hashlib
import json
import multiprocessing
import os
import warnings
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import av.error
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from tqdm.auto import tqdm

from labkit.atomic import write_atomically
from labkit.cache import cache_folder
from labkit.data.video_cursor import NO_TIME, Cursor, LostFrame, PacketTable, whole
from labkit.data.video_file import (
    Orientation,
    VideoError,
    checksum,
    explain,
    fingerprint,
    named,
    open_video,
    row_of,
    tag,
)

VERSION = 4  # of the file's layout and of the way frames are counted; a new number makes every index again
CHECKED = 4  # frames compared after each seek before it is trusted; more than a decoder's usual delay
APART = 8  # frames between anchors at least; nearer ones would gain little
PATIENCE = 8  # keyframes tried in vain before a file counts as one without seeking
MARGINS = (0, 16)  # tried in turn: nearly every file; files with packed B-frames
AFTERMATH = 32  # packets read on after damage, to see which frames it reached
HELD = 8  # frames kept from the decoder in a second walk, so that it draws each into other memory than before

# Decoders that mark damage, tried with 60 broken files each. The others (MJPEG, FFV1, VP8, HEVC, ...) may leave a part
# of a damaged frame undrawn and say nothing, so that what stood in the memory before shows: they are asked twice.
MARKING = frozenset(
    ("flv", "h263", "h263p", "h264", "libdav1d", "mpeg1video", "mpeg2video", "mpeg4", "msmpeg4", "msmpeg4v2", "theora")
) | {"vp9", "wmv1", "wmv2"}

COLUMNS = {
    "position": np.int64,
    "size": np.int32,
    "pts": np.int64,
    "dts": np.int64,
    "keyframe": np.bool_,
    "frame": np.int32,
    "fingerprint": np.uint32,
    "seek": np.int64,
    "anchor": np.bool_,
}


@dataclass(frozen=True)
class VideoInfo:
    """What a file holds. Width and height are in pixels, after rotation."""

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
    """Everything that exact reading needs. Without anchors a file is read from its beginning each time."""

    info: VideoInfo
    orientation: Orientation
    table: PacketTable
    margin: int | None  # how far before a wanted frame others may be left undecoded; None: none may
    tick: float  # seconds, the unit of the table's timestamps

    @property
    def times(self) -> np.ndarray | None:
        """Seconds from the first frame to each, float64 `(frames,)`; None where the rate is constant."""
        return self.table.times(self.tick) if self.info.varies else None


def index_video(path: str | Path) -> VideoInfo:
    """Make the index of one video, or find it in the cache, and say what is in the file. Fit for worker processes.

    Raises `VideoError` where nothing can be read.
    """
    return load_index(Path(path)).info


def load_index(path: Path, *, fresh: bool = False) -> VideoIndex:
    """The index of `path`, from the cache if it is there and sound, else made and put there.

    `fresh` makes it again whatever the cache says. Raises `VideoError` where nothing can be read.
    """
    kept = _cache_file(path)
    index = _read(kept) if kept and not fresh else None
    if index is None:
        index = build_index(path)
        if kept:
            _keep(index, kept)
    return index


def build_index(path: Path) -> VideoIndex:
    """Decode `path` once, packet by packet, then try its keyframes. Never holds more than a few frames.

    Where the decoder does not tell damage, decode twice: frames that come out differently are damaged.
    Raises `VideoError` where not even one frame can be decoded.
    """
    with named(path):
        return _build(path)


def _build(path: Path) -> VideoIndex:
    container, stream = open_video(path)
    with container:
        rate = float(stream.average_rate or stream.guessed_rate or 25)
        codec, tick = stream.codec_context.name, float(stream.time_base or 0)
        walk = _Walk(whole=codec not in MARKING)
        walk.through(container, stream, name=path.name)
    if codec not in MARKING:
        walk.repeat(path)
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
        table = _with_anchors(container, stream, table)
        return VideoIndex(info, walk.orientation, table, _margin(container, stream, table), tick)


def _true_rate(times: np.ndarray | None, rate: float) -> float | None:
    """The mean rate where frames do not come as evenly as `rate` says; None where they do, or where nothing is known."""
    if times is None or len(times) < 2:
        return None
    uneven = np.abs(times - np.arange(len(times)) / rate).max() * rate > 0.5
    return float((len(times) - 1) / times[-1]) if uneven else None


class _Walk:
    """One decode from beginning to end: what it meets, packets and frames, in order.

    With `whole` it keeps a checksum of each whole frame; with `hold` it keeps so many frames from their decoder.
    """

    def __init__(self, *, whole: bool = False, hold: int = 0) -> None:
        self.packets: list[tuple[int, int, int, int, bool]] = []  # position, size, pts, dts, keyframe
        self.rows: list[int] = []  # per frame: the row of the packet it came from, -1 unknown
        self.prints: list[int] = []  # per frame
        self.checksums: list[int] = []  # per frame, if `whole`
        self._whole, self._held = whole, deque[VideoFrame](maxlen=hold)
        self.size = (0, 0)  # height, width
        self.orientation = Orientation()
        self.hurt: int | None = None  # the row of the first damaged packet
        self.steady: int | None = None  # the number of the first frame that did not come out the same twice
        self.reason = ""

    def through(self, container: InputContainer, stream: VideoStream, *, name: str) -> None:
        """Decode to the end, or a little beyond the first damage. A long file shows a bar, but not in a worker."""
        packets = self._packets(container, stream)
        quiet = multiprocessing.parent_process() is not None
        with tqdm(total=stream.frames or None, desc=f"index of {name}", unit="frame", delay=2, disable=quiet) as bar:
            while self.hurt is None or len(self.packets) < self.hurt + AFTERMATH:
                try:
                    packet = next(packets, None)
                except av.error.FFmpegError as error:
                    self._damage(len(self.packets), explain(error))
                    break
                except Exception:  # PyAV counts the streams once, when it opens a file
                    self._damage(len(self.packets), "from here on it holds other streams")
                    break
                if packet is None:
                    break
                if packet.size:  # the end, and frames that were dropped in an AVI, are packets of no size
                    self._decode(stream, packet)
                    bar.update()
        self._decode(stream, None)

    def _packets(self, container: InputContainer, stream: VideoStream) -> Iterator[Packet]:
        """All packets. A walk that holds frames first lets the decoder leave others in the memory it will draw into."""
        packets = container.demux(stream)
        first = [packet for packet in islice(packets, 3 if self._held.maxlen else 0) if packet.size]
        with suppress(Exception):
            for packet in first:
                stream.decode(packet)
        if first:
            stream.codec_context.flush_buffers()
        return chain(first, packets)

    def repeat(self, path: Path) -> None:
        """Walk again with other memory under the frames; where one comes out differently, it is damaged."""
        other = _Walk(whole=True, hold=HELD)
        container, stream = open_video(path)
        with container:
            other.through(container, stream, name=path.name)
        if other.hurt is not None:
            self._damage(other.hurt, other.reason)
        pairs = zip(self.rows, self.checksums, other.checksums, strict=False)
        for number, (row, once, again) in enumerate(pairs):
            if once != again:
                self.steady = number
                self._damage(row if row >= 0 else number, "it does not decode the same twice")
                break

    def _decode(self, stream: VideoStream, packet: Packet | None) -> None:
        row = len(self.packets)
        if packet is not None:
            position = -1 if packet.pos is None else packet.pos
            self.packets.append((position, packet.size, whole(packet.pts), whole(packet.dts), packet.is_keyframe))
            tag(packet, row)
            if packet.is_corrupt:
                self._damage(row, "its data is cut short or broken")
        try:
            for frame in stream.decode(packet):
                self._take(frame)
        except Exception as error:
            self._damage(row, explain(error))

    def _take(self, frame: VideoFrame) -> None:
        if not self.rows:
            self.orientation = Orientation.of(frame)
            sides = (frame.height, frame.width)
            self.size = (sides[1], sides[0]) if self.orientation.transpose else sides
        row = row_of(frame)
        if frame.is_corrupt:
            self._damage(row, "the decoder found errors in it")
        self.rows.append(row)
        self.prints.append(fingerprint(frame))
        if self._whole:
            self.checksums.append(checksum(frame))
        self._held.append(frame)

    def _damage(self, row: int, reason: str) -> None:
        """Note damage; what comes before the first keyframe is none, but a recording joined midway."""
        begun = any(keyframe for *_, keyframe in self.packets[: row + 1])
        if begun and (self.hurt is None or row < self.hurt):
            self.hurt, self.reason = row, reason

    @property
    def good(self) -> int:
        """Frames before the first that comes from the damaged packet or one read after it, and may refer to it."""
        if self.hurt is None:
            return len(self.rows)
        return next((n for n, row in enumerate(self.rows) if row >= self.hurt or n == self.steady), len(self.rows))

    def table(self) -> PacketTable:
        """The packets before any damage, without anchors yet."""
        count = len(self.packets) if self.hurt is None else self.hurt
        position, size, pts, dts, keyframe = zip(*self.packets[:count], strict=True)
        frame, prints = np.full(count, -1, np.int32), np.zeros(count, np.uint32)
        rows = np.array(self.rows[: self.good])
        if rows.min() >= 0 and len(np.unique(rows)) == len(rows):
            frame[rows] = np.arange(len(rows))
            prints[rows] = self.prints[: self.good]
        columns = (position, size, pts, dts, keyframe, frame, prints, np.full(count, NO_TIME), np.zeros(count))
        return PacketTable(*(np.asarray(c, kind) for c, kind in zip(columns, COLUMNS.values(), strict=True)))


def _with_anchors(container: InputContainer, stream: VideoStream, table: PacketTable) -> PacketTable:
    """Seek to each keyframe and decode: those whose frames come out right become anchors."""
    seek, anchor = table.seek.copy(), table.anchor.copy()
    tried, last = 0, -APART
    for row in np.flatnonzero(table.keyframe & (table.frame >= 0)).tolist():
        first = int(table.frame[row])
        if first < last + APART:
            continue
        # Program streams lead to the middle of the keyframe: there a seek to a packet a little before it helps.
        times = (table.dts[row], table.pts[row], table.dts[max(0, row - 3)])
        for time in dict.fromkeys(time for time in times if time != NO_TIME):
            seek[row] = time
            if _comes_out(container, stream, replace(table, seek=seek), row, range(first, first + CHECKED)):
                anchor[row], last = True, first
                break
        tried += 1
        if tried == PATIENCE and not anchor.any():
            break
    return replace(table, seek=seek, anchor=anchor)


def _margin(container: InputContainer, stream: VideoStream, table: PacketTable) -> int | None:
    """The smallest margin with which frames come out right although those between them are skipped.

    With packed B-frames a frame's data is found only while the one before it is decoded, so skipping up to the very
    frame loses it; a little away from it there is no harm.
    """
    rows = table.anchors[:: max(1, len(table.anchors) // 3)][:3].tolist()
    for margin in MARGINS if rows else ():
        gap = margin + 5
        firsts = [int(table.frame[row]) for row in rows]
        if all(
            _comes_out(container, stream, table, row, range(first + gap, first + 6 * gap, gap), margin=margin)
            for row, first in zip(rows, firsts, strict=True)
        ):
            return margin
    return None


def _comes_out(
    container: InputContainer,
    stream: VideoStream,
    table: PacketTable,
    row: int,
    numbers: range,
    *,
    margin: int | None = None,
) -> bool:
    """Whether these frames, as far as the video has them, are found from the anchor of `row`."""
    there = [number for number in numbers if number <= table.frame.max()]
    try:
        cursor = Cursor(container, stream, table, row=row, margin=margin)
        cursor.want(frozenset(there))
        for number in there:
            cursor.frame(number)
    except LostFrame:
        return False
    return True


def _cache_file(path: Path) -> Path | None:
    """Where the index of this state of this file is kept; None where there is no such file or no cache folder."""
    try:
        about = path.stat()
        key = os.fsencode(f"{VERSION}\0{path.resolve()}\0{about.st_size}\0{about.st_mtime_ns}")
        return cache_folder("index") / f"{hashlib.sha256(key).hexdigest()[:32]}.arrow"
    except (OSError, ValueError):  # a name with a zero byte is a ValueError
        return None


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
        warnings.warn(f"the index of a video cannot be kept, so it will be made again: {error}", stacklevel=4)


def _read(kept: Path) -> VideoIndex | None:
    """The index kept in this file; None if there is none or it is broken. Mapped into memory, not read."""
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
    """Of all that an index file holds: 0.3 ms for 30,000 packets."""
    value = zlib.crc32(json.dumps(about, sort_keys=True).encode())
    for name in COLUMNS:
        value = zlib.crc32(np.ascontiguousarray(columns[name]).data, value)
    return value


def _column(table: "pa.Table", name: str, kind: type) -> np.ndarray:  # type: ignore[name-defined]  # noqa: F821
    stored = table.column(name).combine_chunks().to_numpy(zero_copy_only=False)
    return stored.view(np.bool_) if kind is np.bool_ else stored.astype(kind, copy=False)
