"""A place in a video. From there frames come out one after another, each with its number.

Timestamps are not trusted, for many files get them wrong. A frame is known by the packet it was decoded from: the
decoder carries the packet's number along (ffmpeg's `copy_opaque`), and the index knows which frame each packet became.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice

import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from labkit.data.video_file import PULSE, fingerprint, row_of, tag

# Transport streams are sought by guessing bytes, which lands a little early: look this far for the right packet.
LANDING = 256


class LostFrame(Exception):
    """The decoder gave another frame than the index promised."""


NO_TIME = np.iinfo(np.int64).min


def whole(time: int | None) -> int:
    """A timestamp as it is stored: `NO_TIME` where the file gives none."""
    return NO_TIME if time is None else time


# The columns of a `PacketTable`, and their types.
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
class PacketTable:
    """One row per packet, in the file's order; all columns have the length of the video in packets.

    `frame` is the number of the frame that the packet became, -1 for none. `seek` is the timestamp that leads to the
    packet, and `anchor` says that this was tried and found true.
    """

    position: np.ndarray  # int64, byte offset in the file, -1 unknown
    size: np.ndarray  # int32, bytes
    pts: np.ndarray  # int64, NO_TIME unknown
    dts: np.ndarray  # int64, NO_TIME unknown
    keyframe: np.ndarray  # bool
    frame: np.ndarray  # int32
    fingerprint: np.ndarray  # uint32, of the frame
    seek: np.ndarray  # int64
    anchor: np.ndarray  # bool

    def __len__(self) -> int:
        return len(self.size)

    @cached_property
    def tracked(self) -> bool:
        """Whether it is known which packet became which frame. Only then can there be anchors."""
        return bool((self.frame >= 0).any())

    @cached_property
    def anchors(self) -> np.ndarray:
        """Rows of the anchors, by the number of their frame."""
        return np.flatnonzero(self.anchor)

    def times(self, tick: float) -> np.ndarray | None:
        """Seconds from the first frame to each, float64 `(frames,)`, `tick` seconds being the unit of `pts`.

        None where it is not known which packet became which frame, or where the file's timestamps make no sense.
        """
        rows = np.flatnonzero(self.frame >= 0)
        stamps = self.pts[rows[np.argsort(self.frame[rows])]]
        if len(rows) == 0 or stamps.min() == NO_TIME or (np.diff(stamps) <= 0).any():
            return None
        return (stamps - stamps[0]) * tick

    def anchor_before(self, number: int) -> int | None:
        """The row of the last anchor whose frame is `number` or earlier, None if there is none."""
        after = int(np.searchsorted(self.frame[self.anchors], number, side="right"))
        return int(self.anchors[after - 1]) if after else None

    def is_packet(self, row: int, packet: Packet) -> bool:
        """Whether this is the packet of that row. Its place in the file decides; without one, its decoding time."""
        if packet.size != self.size[row]:
            return False
        if packet.pos is not None and self.position[row] >= 0:
            return packet.pos == self.position[row]
        return whole(packet.dts) == self.dts[row]


class Cursor:
    """Frames from one packet on. `next` is the number of the frame that comes out next, if none is skipped."""

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        table: PacketTable,
        *,
        row: int | None,
        margin: int | None = None,
    ) -> None:
        """Start at packet `row`, an anchor; or, with None, at the beginning of a container just opened.

        With a `margin`, frames that no other refers to are not decoded if no wanted frame follows within the margin.
        Raises `LostFrame` where seeking does not lead to that packet.
        """
        self._stream, self._table = stream, table
        self._codec = stream.codec_context
        self._margin = margin if table.tracked else None
        self._row = row or 0
        self._ready: deque[VideoFrame] = deque()
        self._wanted: frozenset[int] = frozenset()
        self._guarded: frozenset[int] = frozenset()  # the wanted frames, and those within the margin before them
        self._last = -1
        self._ended = False
        self._packets = container.demux(stream) if row is None else self._land(container, row)
        self.next = 0 if row is None else int(table.frame[row])

    def _land(self, container: InputContainer, row: int) -> Iterator[Packet]:
        try:
            container.seek(int(self._table.seek[row]), stream=self._stream)
            packets = container.demux(self._stream)
            for packet in islice(packets, LANDING):
                if self._table.is_packet(row, packet):
                    return chain([packet], packets)
        except Exception as error:  # PyAV raises nearly every kind
            raise LostFrame(f"seeking to packet {row} failed: {error}") from error
        raise LostFrame(f"seeking did not lead to packet {row}")

    def want(self, numbers: frozenset[int]) -> None:
        """Announce the frames that will be asked for, so that others may be skipped."""
        if numbers is self._wanted:
            return
        self._wanted, self._last = numbers, max(numbers, default=-1)
        reach = range((self._margin or 0) + 1)
        self._guarded = frozenset(number - before for number in numbers for before in reach)

    def frame(self, number: int) -> VideoFrame:
        """Frame `number`, one of the wanted, not before `next`. Raises `LostFrame` if something else comes out."""
        while True:
            while not self._ready:
                self._decode_more()
            frame = self._ready.popleft()
            found = self._number(frame)
            self.next = found + 1
            if found == number:
                return frame
            if found > number:
                raise LostFrame(f"frame {found} came where {number} was due")

    def _number(self, frame: VideoFrame) -> int:
        if not self._table.tracked:  # then there are no anchors either: this is the n-th since the beginning
            return self.next
        row = row_of(frame)
        if row < 0:
            raise LostFrame("a frame came out that belongs to no packet")
        number = int(self._table.frame[row])
        if number in self._wanted and fingerprint(frame) != self._table.fingerprint[row]:
            raise LostFrame(f"frame {number} does not look as it did when the index was made")
        return number

    def _decode_more(self) -> None:
        """Send one packet to the decoder. The table ends where damage begins: there the decoder is only emptied."""
        if self._ended:
            raise LostFrame("the video ended early")
        PULSE.beat()
        packet = self._next_packet()
        if packet is not None:
            tag(packet, self._row)
            if self._margin is not None:
                number = int(self._table.frame[self._row])
                needless = 0 <= number < self._last and number not in self._guarded
                self._codec.skip_frame = "NONREF" if needless else "DEFAULT"
            self._row += 1
        # An error here comes from before the first keyframe. It occurred too when the index was made, and was ignored.
        with suppress(Exception):
            self._ready.extend(self._stream.decode(packet))

    def _next_packet(self) -> Packet | None:
        """The next packet that holds anything, None at the end."""
        with suppress(Exception):
            while self._row < len(self._table):
                packet = next(self._packets, None)
                if packet is None:
                    break
                if packet.size:
                    return packet
        self._ended = True
        return None
