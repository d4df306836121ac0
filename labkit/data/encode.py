"""Frames to a video file: H.264 in MP4, which every player, browser and decoder reads."""

import math
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from labkit.atomic import write_atomically

LARGEST = 16_384  # pixels: the height and width that x264 takes at most


def write_video(
    path: str | Path,
    frames: np.ndarray,
    fps: float = 25,
    *,
    crf: int = 20,
    qp: int | None = None,
    gop: int = 12,
    preset: str = "veryfast",
) -> Path:
    """Write uint8 RGB `frames` `(T, H, W, 3)` as H.264 (yuv420p, no B-frames) and return the path.

    `crf` is x264's quality: 0 keeps (nearly) everything, 51 nothing. A keyframe comes every `gop` frames at most.
    `qp` replaces `crf` by a constant quantiser; with `gop=1` all frames are then coded alike.
    The same frames give the same file. The file appears whole or not at all.

    Raises `ValueError` where the frames are not `(T, H, W, 3)` uint8 with T at least 1 and even H and W up to `LARGEST`,
    where `fps` is not a number above 0, or where `path` does not end in `.mp4`.
    """
    path = Path(path)
    if path.suffix.lower() != ".mp4":
        raise ValueError(f"write_video makes MP4 files; {path.name!r} should end in .mp4")
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or len(frames) == 0:
        raise ValueError(f"frames must be uint8 (T, H, W, 3) with T >= 1, not {frames.dtype} {frames.shape}")
    if frames.shape[1] % 2 or frames.shape[2] % 2:
        raise ValueError(f"H.264 with 4:2:0 colour needs an even height and width, not {frames.shape[1:3]}")
    if 0 in frames.shape or max(frames.shape[1:3]) > LARGEST:
        raise ValueError(f"H.264 has from 2 to {LARGEST:,} pixels on a side, not {frames.shape[1:3]}")
    if not 0 < fps < math.inf:
        raise ValueError(f"fps must be above 0, not {fps}")
    quality = {"crf": str(crf)} if qp is None else {"qp": str(qp)}

    def write(temporary: Path) -> None:
        options = quality | {"g": str(gop), "preset": preset}
        with encoder(temporary, frames.shape[1], frames.shape[2], fps, options) as add:
            for frame in frames:
                add(frame)

    return write_atomically(path, write)


@contextmanager
def encoder(
    path: Path, height: int, width: int, fps: float, options: dict[str, str], *, tick: Fraction | None = None
) -> Iterator[Callable[..., None]]:
    """Encode frames one by one into the MP4 file `path`: H.264, yuv420p, no B-frames, one thread.

    Inside the block, call `add(frame)` with uint8 RGB `(height, width, 3)`. Where the rate varies, give `tick`, the
    seconds of a unit of time, and call `add(frame, when)` with the frame's time in units. `options` are x264's.
    """
    with av.open(str(path), "w", format="mp4") as container:
        rate = Fraction(fps).limit_denominator(100_000)
        stream = container.add_stream("libx264", rate=rate, options=options | {"bf": "0", "threads": "1"})
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        if tick is not None:
            stream.codec_context.time_base = tick

        def add(frame: np.ndarray, when: int | None = None) -> None:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            if tick is not None:
                picture.pts, picture.time_base = when, tick
            container.mux(stream.encode(picture))

        yield add
        container.mux(stream.encode())


def as_mp4(frames: np.ndarray, fps: float = 25, **options: Any) -> bytes:
    """The bytes of such a file, for a page that holds its videos. An odd height or width loses its last line of
    pixels; a single line becomes two.

    `options` and what is raised are those of `write_video`.
    """
    for axis in (1, 2):
        frames = frames.repeat(2, axis) if frames.shape[axis] == 1 else frames
    height, width = (size - size % 2 for size in frames.shape[1:3])
    with tempfile.TemporaryDirectory() as folder:
        return write_video(Path(folder, "clip.mp4"), frames[:, :height, :width], fps, **options).read_bytes()
