"""Small videos in five formats, and broken copies of them. A seed names a copy: the same seed gives the same bytes."""

from pathlib import Path
from typing import NamedTuple

import av
import numpy as np


class Format(NamedTuple):
    """A container and a codec, small enough to decode in milliseconds."""

    suffix: str
    codec: str
    frames: int
    height: int
    width: int
    pixels: str = "yuv420p"
    options: dict[str, str] = {}


FORMATS = {
    "H.264": Format("mp4", "libx264", 48, 72, 96, options={"g": "12", "bf": "2", "preset": "veryfast"}),
    "MPEG-4": Format("avi", "mpeg4", 40, 64, 80, options={"g": "12", "bf": "1"}),
    "VP9": Format("webm", "libvpx-vp9", 24, 64, 64, options={"g": "12", "deadline": "realtime", "cpu-used": "8"}),
    "MJPEG": Format("avi", "mjpeg", 24, 64, 96, pixels="yuvj420p"),
    "transport stream": Format("ts", "mpeg2video", 48, 72, 96, options={"g": "12"}),
}


def write_source(path: Path, form: Format) -> Path:
    """A moving square on a gradient, encoded as the format says."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(form.codec, rate=25, options={"threads": "1", **form.options})
        stream.height, stream.width, stream.pix_fmt = form.height, form.width, form.pixels
        slope = np.linspace(0, 160, form.width, dtype=np.uint8)
        for number in range(form.frames):
            picture = np.broadcast_to(slope[None, :, None], (form.height, form.width, 3)).copy()
            at = number % (form.height - 16)
            picture[at : at + 16, number : number + 16] = (255, 40 * (number % 6), 90)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def write_sources(folder: Path, real: Path | None = None) -> dict[str, Path]:
    """One sound video of each format, and the real clips below `real`, by name."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {
        name: write_source(folder / f"{number}.{one.suffix}", one) for number, (name, one) in enumerate(FORMATS.items())
    }
    clips = sorted(path for path in real.iterdir() if path.suffix in (".avi", ".mp4")) if real else []
    return made | {f"real: {path.name}": path for path in clips}


def flip(data: bytearray, rng: np.random.Generator, other: bytes) -> None:
    """Replace single bytes anywhere."""
    for at in rng.integers(0, len(data), int(rng.choice([1, 8, 64, 512]))):
        data[at] ^= int(rng.integers(1, 256))


def flip_header(data: bytearray, rng: np.random.Generator, other: bytes) -> None:
    """Replace single bytes among the first and last thousand, where containers keep their tables."""
    reach = min(1000, len(data))
    for at in rng.integers(-reach, reach, int(rng.choice([1, 4, 16]))):
        data[at] ^= int(rng.integers(1, 256))


def cut(data: bytearray, rng: np.random.Generator, other: bytes) -> None:
    """End the file early."""
    del data[int(rng.integers(1, len(data))) :]


def splice(data: bytearray, rng: np.random.Generator, other: bytes) -> None:
    """Replace the beginning by another file's."""
    length = int(rng.choice([16, 64, 512, 4096]))
    data[:length] = other[:length]


def zero(data: bytearray, rng: np.random.Generator, other: bytes) -> None:
    """Lose a block, as a disk does: it reads as zeros."""
    length = int(rng.choice([16, 512, 4096]))
    at = int(rng.integers(0, len(data)))
    data[at : at + length] = bytes(len(data[at : at + length]))


def repeat(data: bytearray, rng: np.random.Generator, other: bytes) -> None:
    """Have a block twice."""
    length = int(rng.choice([16, 512, 4096]))
    at = int(rng.integers(0, len(data)))
    data[at:at] = data[at : at + length]


WAYS = {
    "bytes flipped": flip,
    "header flipped": flip_header,
    "cut": cut,
    "header spliced": splice,
    "block zeroed": zero,
    "block repeated": repeat,
}


class Broken(NamedTuple):
    """A broken copy: where it is, what it was made of and how."""

    path: Path
    source: str
    way: str


def break_video(seed: int, sources: dict[str, Path], folder: Path) -> Broken:
    """The broken copy of this seed, written below `folder`."""
    rng = np.random.default_rng((14, seed))
    names = sorted(sources)
    source, other = (names[int(rng.integers(len(names)))] for _ in range(2))
    way = list(WAYS)[int(rng.integers(len(WAYS)))]
    data = bytearray(sources[source].read_bytes())
    WAYS[way](data, rng, sources[other].read_bytes())
    path = folder / f"{seed:04d}{sources[source].suffix}"
    path.write_bytes(data)
    return Broken(path, source, way)
