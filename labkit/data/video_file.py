"""Opening a video file and looking at single frames: what both the index and the reader do the same way.

Both must open a file alike, or they would not count the same frames. This module knows nothing of frame numbers.
"""

import zlib
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
from av.video.stream import VideoStream


class VideoError(Exception):
    """A file that cannot be read as a video; `path` says which and `reason` why."""

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(path, reason)  # both, so that the error survives the way back from a worker process
        self.path = Path(path)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def explain(error: Exception) -> str:
    """An error of ffmpeg's in a few words, without the number and the name of the C function."""
    return str(getattr(error, "strerror", None) or error).strip().rstrip(".").lower()


def open_video(path: Path) -> tuple[InputContainer, VideoStream]:
    """Open `path` and set its video stream up for one thread. The caller closes the container.

    Where there are several video streams, the one ffmpeg would choose; cover pictures do not count.
    Raises `VideoError` where there is no such file, it is not a video, or it holds sound only.
    """
    if not path.exists():
        raise VideoError(path, "there is no such file")
    if path.is_dir():
        raise VideoError(path, "this is a folder, not a video file")
    if path.stat().st_size == 0:
        raise VideoError(path, "the file is empty (0 bytes)")
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, OSError) as error:
        raise VideoError(path, f"not a readable video file ({explain(error)})") from error
    stream = _video_stream(container)
    if stream is None or container.format.name == "tty":  # ffmpeg draws text files as terminal screens
        kinds = sorted({other.type for other in container.streams}) if stream is None else ["text"]
        container.close()
        raise VideoError(path, f"there is no video stream in this file (only {', '.join(kinds) or 'nothing'})")
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all  # the demuxer need not even read their bytes
    stream.codec_context.thread_count = 1
    stream.codec_context.copy_opaque = True  # a frame remembers which packet it came from
    return container, stream


def _video_stream(container: InputContainer) -> VideoStream | None:
    pictures = Disposition.attached_pic | Disposition.timed_thumbnails
    moving = [stream for stream in container.streams.video if not stream.disposition & pictures]
    best = container.streams.best("video")
    if isinstance(best, VideoStream) and any(best.index == stream.index for stream in moving):
        return best
    return moving[0] if moving else None


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
        matrix = frame.side_data.get(SideDataType.DISPLAYMATRIX)  # type: ignore[call-overload]
        if matrix is None:
            return cls()
        a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
        if b == c == 0:
            return cls(False, a < 0, d < 0)
        if a == d == 0:
            return cls(True, c < 0, b < 0)
        return cls()

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
