"""Opening a video file and looking at single frames, shared by the index and the reader.

Both must open a file alike, or they would not count the same frames. Frame numbers are not known here.
"""

import os
import re
import stat
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Discard, Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream

from labkit.data.pieces import Piece, Window, local_path, located, state_of


class VideoError(Exception):
    """A file, or a piece of a shard, that cannot be read as a video; `path` says which and `reason` why."""

    def __init__(self, path: str | Path | Piece, reason: str) -> None:
        super().__init__(path, reason)  # both, so that the error survives the way back from a worker process
        self.path = located(path)
        self.reason = reason

    def __str__(self) -> str:
        return f"{shown(self.path)}: {self.reason}"

    def _render_traceback_(self) -> list[str]:
        """The output of IPython for this error: the file matters, not the line of code."""
        return [f"VideoError: {self}"]


# Control characters, and those that turn the direction of writing: they would steer the terminal.
STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def is_text(path: str | Path) -> bool:
    """Whether the name is UTF-8. Files with other names can be opened, but tables and screens cannot hold the name."""
    try:
        return bool(str(path).encode())
    except UnicodeEncodeError:
        return False


def shown(path: str | Path | Piece) -> str:
    """The name as it may be printed: bytes in other encodings, and characters that steer a terminal, become escapes."""
    raw = str(path).encode("utf-8", "backslashreplace") if os.name == "nt" else os.fsencode(str(path))
    text = raw.decode("utf-8", "backslashreplace")
    return STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class Pulse:
    """The file that ffmpeg works on in this process, and how often ffmpeg has come back from its work."""

    path: Path | Piece | None = None
    beats = 0

    def beat(self) -> None:
        """Note that ffmpeg has come back: with a packet, or with frames. `labkit.data.watchdog` looks at it."""
        self.beats += 1


PULSE = Pulse()
PICTURES = Disposition.attached_pic | Disposition.timed_thumbnails  # streams that are not the video


@contextmanager
def named(path: Path | Piece) -> Iterator[None]:
    """Turn any error of PyAV, ffmpeg or the system inside into a `VideoError` with the file's name."""
    PULSE.beat()
    before, PULSE.path = PULSE.path, path
    try:
        yield
    except VideoError:
        raise
    except Exception as error:  # PyAV raises nearly every kind: it meets what its authors did not
        raise VideoError(path, explain(error)) from error
    finally:
        PULSE.path = before


def explain(error: Exception) -> str:
    """An error of ffmpeg's in a few words, without the number and the name of the C function."""
    text = str(getattr(error, "strerror", None) or error).strip().rstrip(".").lower()
    return text or type(error).__name__


def open_video(path: Path | Piece, *, options: Mapping[str, str] | None = None) -> tuple[InputContainer, VideoStream]:
    """Open `path`, a file or a piece of a shard, and set its video stream up for one thread. The caller closes the container.

    Where there are several video streams, the one ffmpeg would choose; cover pictures do not count. `options`
    are ffmpeg's.
    Raises `VideoError` for a missing file, a file that is not a video, and a file with sound only.
    """
    with named(path):
        _check_piece(path) if isinstance(path, Piece) else _check_file(path, path)
    with named(path):
        try:
            container = _container(path, dict(options or {}))
        except Exception as error:
            raise VideoError(path, f"not a readable video file ({explain(error)})") from error
    try:
        with named(path):
            return container, _set_up(container, path)
    except VideoError:
        container.close()
        raise


def _container(path: Path | Piece, options: dict[str, str]) -> InputContainer:
    if isinstance(path, Piece):
        window = Window(path.shard, path.offset, path.size, name=path.name)
        # Without protocols ffmpeg cannot follow a list of other files.
        return av.open(window, "r", metadata_errors="replace", options=options | {"protocol_whitelist": "none"})
    # An absolute name, for ffmpeg takes `a:b.mp4` for a protocol named a. Titles are often not in UTF-8.
    return av.open(str(path.absolute()), metadata_errors="replace", options=options)


def _check_file(path: Path, video: Path | Piece) -> None:
    try:
        about = path.stat()
    except FileNotFoundError:
        raise VideoError(video, "there is no such file") from None
    if stat.S_ISDIR(about.st_mode):
        raise VideoError(video, "this is a folder, not a video file")
    if not stat.S_ISREG(about.st_mode):  # opening a pipe would wait for its other end
        raise VideoError(video, "this is a device or a pipe, not a video file")
    if about.st_size == 0:
        raise VideoError(video, "the file is empty (0 bytes)")


def _check_piece(piece: Piece) -> None:
    path = local_path(piece.shard)
    if path is not None:
        _check_file(path, piece)
    size = state_of(piece.shard).size
    if piece.size == 0:
        raise VideoError(piece, "the file is empty (0 bytes)")
    if piece.offset + piece.size > size:
        raise VideoError(
            piece,
            f"its shard is cut short: it has {size:,} bytes, and this video ends at byte {piece.offset + piece.size:,}",
        )


def _set_up(container: InputContainer, path: Path | Piece) -> VideoStream:
    stream = _video_stream(container)
    if stream is None or container.format.name == "tty":  # ffmpeg draws text files as terminal screens
        kinds = sorted({other.type for other in container.streams}) if stream is None else ["text"]
        raise VideoError(path, f"there is no video stream in this file (only {', '.join(kinds) or 'nothing'})")
    if stream.codec_context is None:
        raise VideoError(path, "its pictures are in a code for which this ffmpeg has no decoder")
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all  # the demuxer need not even read their bytes
    stream.codec_context.thread_count = 1
    stream.codec_context.copy_opaque = True  # a frame remembers which packet it came from
    return stream


def _video_stream(container: InputContainer) -> VideoStream | None:
    best = container.streams.best("video")
    if isinstance(best, VideoStream) and not best.disposition & PICTURES:
        return best
    return next((stream for stream in container.streams.video if not stream.disposition & PICTURES), None)


class Orientation(NamedTuple):
    """How stored pixels become upright ones: transpose first, then mirror left-right, then turn upside down."""

    transpose: bool = False
    mirror: bool = False
    flip: bool = False

    @classmethod
    def of(cls, frame: VideoFrame) -> "Orientation":
        """Read the display matrix: (x, y) goes to (a x + c y, b x + d y), all in 16.16 fixed point.

        Only quarter turns and mirrorings are applied; a matrix that leans leaves the frame as it is.
        """
        try:
            matrix = frame.side_data.get(SideDataType.DISPLAYMATRIX)  # type: ignore[call-overload]
        except ValueError:  # a frame with side data that this PyAV does not know: only the turn is available
            return cls.turned(frame.rotation)
        if matrix is None:
            return cls()
        a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
        if b == c == 0:
            return cls(False, a < 0, d < 0)
        if a == d == 0:
            return cls(True, c < 0, b < 0)
        return cls()

    @classmethod
    def turned(cls, degrees: int) -> "Orientation":
        """Turned counter-clockwise by so many degrees; unchanged unless these are quarter turns."""
        turns = {90: cls(True, False, True), -90: cls(True, True, False), 180: cls(False, True, True)}
        return turns.get(degrees if degrees > -180 else 180, cls())

    @property
    def degrees(self) -> int:
        """Quarter turns clockwise, in degrees; of a mirrored picture, the turn without the mirroring."""
        if self.transpose:
            return 270 if self.flip else 90
        return 180 if self.flip else 0

    def apply(self, image: np.ndarray) -> np.ndarray:
        """A view of `image` `(H, W, ...)`, upright."""
        if self.transpose:
            image = image.swapaxes(0, 1)
        if self.mirror:
            image = image[:, ::-1]
        return image[::-1] if self.flip else image


def scaled(
    reformatter: VideoReformatter, frame: VideoFrame, height: int, width: int, orientation: Orientation
) -> np.ndarray:
    """The frame upright at this size, uint8 RGB `(height, width, 3)`. Shrinking averages areas; enlarging is bilinear."""
    if orientation.transpose:
        height, width = width, height
    shrinks = height <= frame.height and width <= frame.width
    small = reformatter.reformat(
        frame,
        width=width,
        height=height,
        format="rgb24",
        interpolation=Interpolation.AREA if shrinks else Interpolation.BILINEAR,
        threads=1,
    )
    return orientation.apply(small.to_ndarray())


def tag(packet: Packet, row: int) -> None:
    """Mark a packet with its number in the file; the frame that it becomes carries the mark (see `row_of`)."""
    packet.opaque = [row]  # an object of its own, for PyAV tells marks apart by id: the number alone may be shared


def row_of(frame: VideoFrame) -> int:
    """The number of the packet that became this frame, -1 if the decoder lost the mark."""
    mark = frame.opaque
    return mark[0] if isinstance(mark, list) else -1


def fingerprint(frame: VideoFrame) -> int:
    """A 32-bit checksum of about 32 rows of the frame's first plane: luma, as the decoder left it.

    It costs 5 microseconds at 320x240 where decoding costs 60 or more, so every frame that leaves a reader is checked.
    """
    plane = frame.planes[0]
    bytes_per_pixel = (frame.format.components[0].bits + 7) // 8
    rows = np.frombuffer(plane, np.uint8).reshape(-1, abs(plane.line_size))  # type: ignore[call-overload]
    step = max(1, plane.height // 32)
    return zlib.crc32(rows[::step, : plane.width * bytes_per_pixel].tobytes())


def checksum(frame: VideoFrame) -> int:
    """A 32-bit checksum of the whole frame, all planes: where the decoder left something out, the rest may differ."""
    value = 0
    for plane, shape in zip(frame.planes, frame.format.components, strict=False):
        rows = np.frombuffer(plane, np.uint8).reshape(-1, abs(plane.line_size))  # type: ignore[call-overload]
        width = plane.width * ((shape.bits + 7) // 8)
        value = zlib.crc32(np.ascontiguousarray(rows[: plane.height, :width]).data, value)
    return value
