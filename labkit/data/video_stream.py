"""A video read once, from its first frame to its last, without an index: for videos that are long, or read only once.

`VideoReader` decodes a file once to find every frame again. This reader keeps nothing, so that its memory does not grow
with the video. Its frames are those of `VideoReader`, in the same order.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from labkit.data.video_file import Orientation, VideoError, explain, named, open_video, scaled

DAY = 86_400.0  # seconds; a longer video is refused
USUAL_RATE = 25.0  # frames a second, for a file that does not say


class VideoStreamReader:
    """The frames of one video in order, each with its time. Use it in a `with`, and iterate over it once.

    `seconds` is the length that the header states, 0 if it states none. After the last frame, `damage` says why the video
    could not be read to its end; it is empty if it could. Raises `VideoError` for a file that is not a video, a video
    without a frame, and one longer than a day.
    """

    def __init__(self, path: str | Path) -> None:
        self.path, self.damage = Path(path), ""
        self._container, self._stream = open_video(self.path)
        self._stream.thread_type = "AUTO"  # one video at a time: all cores may decode it
        self._stream.codec_context.thread_count = 0
        self._reformatter = VideoReformatter()
        self._turn: Orientation | None = None
        self.seconds = self._stated()
        rate = self._stream.average_rate or self._stream.guessed_rate
        self.rate = float(rate) if rate else USUAL_RATE
        if self.seconds > DAY:
            self._container.close()
            raise self._too_long(self.seconds)

    def _stated(self) -> float:
        if self._stream.duration and self._stream.time_base:
            return float(self._stream.duration * self._stream.time_base)
        return (self._container.duration or 0) / 1e6

    def _too_long(self, seconds: float) -> VideoError:
        return VideoError(
            self.path, f"it is {seconds / 3600:,.1f} hours long, and a video may last a day: cut it first"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def __iter__(self) -> Iterator[tuple[float, VideoFrame]]:
        """Each frame with its seconds since the first frame. Times that make no sense follow the file's rate."""
        first: float | None = None
        time = -1.0 / self.rate
        for frame in self._frames():
            stamp = None if frame.pts is None else float(frame.pts * (frame.time_base or 0))
            if first is None:
                first = stamp
            since = None if stamp is None or first is None else stamp - first
            time = since if since is not None and since > time else time + 1 / self.rate
            if time > DAY:
                raise self._too_long(time)
            yield time, frame
        if time < 0:
            raise VideoError(self.path, f"no frame of it can be decoded{f' ({self.damage})' if self.damage else ''}")

    def _frames(self) -> Iterator[VideoFrame]:
        """All frames before the first damage. Errors before the first frame do not count, as in the index."""
        seen, packets = False, self._container.demux(self._stream)
        for packet in self._whole(packets):
            try:
                frames = self._stream.decode(packet)
            except Exception as error:  # PyAV raises nearly every kind
                if seen:
                    self.damage = explain(error)
                    return
                continue
            for frame in frames:
                if seen and (frame.is_corrupt or (packet is not None and packet.is_corrupt)):
                    self.damage = "its data is cut short or broken"
                    return
                seen = True
                yield frame

    def _whole(self, packets: Iterator[Packet]) -> Iterator[Packet | None]:
        """The packets that hold anything, and None at the end: it empties the decoder."""
        try:
            yield from (packet for packet in packets if packet.size)  # a dropped frame of an AVI has no size
        except Exception as error:
            self.damage = explain(error)
        yield None

    def turned(self, frame: VideoFrame) -> Orientation:
        """How the frames of this video become upright."""
        if self._turn is None:
            self._turn = Orientation.of(frame)
        return self._turn

    def upright(self, frame: VideoFrame) -> tuple[int, int]:
        """Height and width of the frame as it is shown."""
        sides = (frame.height, frame.width)
        return (sides[1], sides[0]) if self.turned(frame).transpose else sides

    def pixels(self, frame: VideoFrame, height: int, width: int) -> np.ndarray:
        """The frame upright at this size, uint8 RGB `(height, width, 3)`. Shrinking averages areas."""
        with named(self.path):
            return scaled(self._reformatter, frame, height, width, self.turned(frame))
