"""A video decoded once from beginning to end: its packets, its frames, and where damage begins."""

import multiprocessing
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path

import av.error
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from labkit.bars import tqdm
from labkit.data.pieces import Piece
from labkit.data.video_cursor import COLUMNS, NO_TIME, PacketTable, whole
from labkit.data.video_file import PULSE, Orientation, checksum, explain, fingerprint, open_video, row_of, tag

AFTERMATH = 32  # packets read on after damage, to see which frames it reached
HELD = 8  # frames kept from the decoder in a second walk, so that it draws each into other memory than before

# Decoders that mark damage, tried with 60 broken files each. The others (MJPEG, FFV1, VP8, HEVC, ...) may leave a part of
# a damaged frame undrawn without an error, and older content of the memory shows. Their files are decoded twice.
MARKING = frozenset(
    ("flv", "h263", "h263p", "h264", "libdav1d", "mpeg1video", "mpeg2video", "mpeg4", "msmpeg4", "msmpeg4v2", "theora")
) | {"vp9", "wmv1", "wmv2"}


class Walk:
    """One decode from beginning to end: all packets and frames, in order.

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
        self.steady: int | None = None  # the number of the first frame that did not come out a second time
        self.reason = ""

    def through(self, container: InputContainer, stream: VideoStream, *, name: str) -> None:
        """Decode to the end, or a little beyond the first damage. A long file shows a bar, but not in a worker."""
        packets = self._packets(container, stream)
        quiet = multiprocessing.parent_process() is not None
        with tqdm(total=stream.frames or None, desc=f"index of {name}", unit="frame", delay=2, disable=quiet) as bar:
            while self.hurt is None or len(self.packets) < self.hurt + AFTERMATH:
                PULSE.beat()
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

    def repeat(self, path: Path | Piece) -> None:
        """Walk again with other memory under the frames. A frame that comes out differently is damaged."""
        other = Walk(whole=True, hold=HELD)
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
        """Note damage. Errors before the first keyframe do not count: the recording begins there in the middle."""
        begun = any(keyframe for *_, keyframe in self.packets[: row + 1])
        if begun and (self.hurt is None or row < self.hurt):
            self.hurt, self.reason = row, reason

    @property
    def good(self) -> int:
        """The number of good frames: those before the first frame from the damaged packet or a later one."""
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
