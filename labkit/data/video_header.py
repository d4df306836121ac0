"""The header of a video file, read without decoding a frame: how long the video is, according to the file itself.

Most headers tell the truth. Some do not: frames that were dropped are counted, a cut file keeps its old header, and WebM
tells a duration only. So these numbers are an estimate; `VideoReader` knows the exact ones.
"""

from pathlib import Path
from typing import NamedTuple

from av.container import InputContainer
from av.video.stream import VideoStream

from labkit.data.video_file import named, open_video

# ffmpeg decodes the first frames of a file to learn what its header leaves open, at ten times the cost of the rest.
WITHOUT_DECODERS = {"codec_whitelist": "none"}


class Header(NamedTuple):
    """A header's facts about the video of its file."""

    frames: int
    fps: float
    width: int  # pixels, as stored: a turn is not applied
    height: int


def read_header(path: Path) -> Header | None:
    """The header of `path`; None where it tells no length or no size. Raises `VideoError` as `open_video` does."""
    container, stream = open_video(path, options=WITHOUT_DECODERS)
    with container, named(path):
        fps = float(stream.average_rate or stream.guessed_rate or 0)
        width, height = stream.codec_context.width, stream.codec_context.height
        frames = stream.frames or round(_seconds(container, stream) * fps)
    return Header(frames, fps, width, height) if min(frames, width, height) > 0 and fps > 0 else None


def _seconds(container: InputContainer, stream: VideoStream) -> float:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / 1e6
