"""A video as a browser plays it: the file itself where browsers know its code, else a small H.264 copy."""

import shutil
from fractions import Fraction
from pathlib import Path

import av

from labkit.atomic import write_atomically
from labkit.data.frame_cache import reduced
from labkit.data.video_file import named, open_video
from labkit.data.video_stream import VideoStreamReader

SHORT_SIDE = 360  # pixels of a copy, at most
TICK = Fraction(1, 90_000)  # seconds
# ffmpeg's names of a container and of the codes in it that every browser plays -> the suffix that a browser knows.
PLAYED = {"mp4": ({"h264"}, ".mp4"), "webm": ({"vp8", "vp9"}, ".webm")}
PIXELS = ("yuv420p", "yuvj420p")


def playable(path: str | Path, folder: str | Path, stem: str) -> Path:
    """A file `stem.mp4`, `stem.webm` or `stem-h264.mp4` in `folder` that browsers play, with the video's own times.

    It is another name of the same file where the disk allows that, else a copy; where browsers do not know the code, a
    smaller one without sound. Raises `VideoError` for a file that is not a video, `OSError` where there is no room.
    """
    path, folder = Path(path), Path(folder)
    suffix = _suffix(path)
    if not suffix:  # by another name, so that no original can be overwritten
        return write_atomically(folder / f"{stem}-h264.mp4", lambda temporary: _encode(path, temporary))
    target = folder / f"{stem}{suffix}"
    if target.exists() and target.samefile(path):
        return target
    folder.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(path.resolve())
    except OSError:  # another disk, or one without hard links
        write_atomically(target, lambda temporary: shutil.copyfile(path, temporary))
    return target


def _suffix(path: Path) -> str:
    """The suffix under which browsers play this file; empty if they do not."""
    container, stream = open_video(path)
    with container:
        kinds, code = container.format.name.split(","), stream.codec_context.name
        code = "vp9" if code == "libvpx-vp9" else code
        for kind, (codes, suffix) in PLAYED.items():
            own = kind != "webm" or path.suffix.lower() == ".webm"  # other Matroska files are not played everywhere
            if kind in kinds and own and code in codes and stream.codec_context.pix_fmt in PIXELS:
                return suffix
    return ""


def _encode(path: Path, temporary: Path) -> None:
    """Frame by frame, in constant memory."""
    options = {"crf": "26", "preset": "veryfast", "g": "30", "bf": "0"}
    start = {"movflags": "faststart"}  # the index comes first, so that playing can begin
    with (
        named(path),
        VideoStreamReader(path) as reader,
        av.open(str(temporary), "w", format="mp4", options=start) as out,
    ):
        stream, last = None, -1
        for time, frame in reader:
            height, width = (side - side % 2 or 2 for side in reduced(*reader.upright(frame), SHORT_SIDE))
            if stream is None:
                stream = out.add_stream("libx264", rate=round(reader.rate) or 25, options=options)
                stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
                stream.codec_context.time_base = TICK
            image = av.VideoFrame.from_ndarray(reader.pixels(frame, stream.height, stream.width).copy(), format="rgb24")
            last = max(last + 1, round(time / TICK))
            image.pts, image.time_base = last, TICK
            out.mux(stream.encode(image))
        if stream is not None:
            out.mux(stream.encode())
