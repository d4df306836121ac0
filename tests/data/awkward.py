"""Builds the video files that make decoders miscount: each name maps to the ffmpeg command or the edit that makes it.

`make(name, folder)` builds one file of `FAITHFUL` and returns its path, `damage` breaks one in the middle, and
`sequential_hashes` asks the ffmpeg program what the frames are.
"""

import hashlib
import io
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from labkit.data.pieces import Piece

FFMPEG = shutil.which("ffmpeg")

SOURCE = "testsrc2=size=160x120:rate=25:duration=6"  # moves in every frame, so that no two frames are alike
SOUND = "sine=frequency=440:duration=6"


def ffmpeg(*arguments: str) -> bytes:
    """Run the ffmpeg program and return what it wrote to its output; raises with its last words if it fails."""
    assert FFMPEG is not None
    done = subprocess.run([FFMPEG, "-v", "error", "-nostdin", "-y", *arguments], capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ffmpeg {' '.join(arguments)}: {done.stderr.decode(errors='replace')[-500:]}")
    return done.stdout


def _encode(path: Path, *options: str, source: str = SOURCE, sound: bool = False) -> None:
    inputs = ["-f", "lavfi", "-i", source, *(["-f", "lavfi", "-i", SOUND] if sound else [])]
    ffmpeg(*inputs, "-pix_fmt", "yuv420p", "-threads", "1", *options, str(path))


def _x264(parameters: str) -> tuple[str, ...]:
    return ("-c:v", "libx264", "-preset", "veryfast", "-x264-params", parameters)


B_FRAMES = _x264("keyint=25:bframes=3:b-pyramid=normal:open-gop=0")
OPEN_GOP = _x264("keyint=20:min-keyint=20:scenecut=0:bframes=3:open-gop=1")
XVID = ("-c:v", "mpeg4", "-bf", "2", "-g", "24", "-q:v", "5", "-vtag", "xvid")


def _without_index(path: Path) -> None:
    _encode(path, *XVID)
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"idx1")])


def _edit_list(path: Path) -> None:
    whole = path.with_name(f"whole_{path.name}")
    _encode(whole, *B_FRAMES, sound=True)
    ffmpeg("-ss", "1.5", "-i", str(whole), "-c", "copy", str(path))


def _cut_stream(path: Path) -> None:
    """A recording that begins in the middle of a group of pictures."""
    whole = path.with_name(f"whole_{path.name}")
    _encode(whole, *OPEN_GOP, "-f", "mpegts")
    data = whole.read_bytes()
    path.write_bytes(data[188 * (len(data) // 188 // 9) :])


def _rotated(degrees: int) -> Callable[[Path], None]:
    def make_rotated(path: Path) -> None:
        plain = path.with_name(f"plain_{path.name}")
        _encode(plain, *B_FRAMES)
        ffmpeg("-i", str(plain), "-c", "copy", "-metadata:s:v", f"rotate={degrees}", str(path))

    return make_rotated


def _varying(path: Path) -> None:
    _encode(path, "-vf", "select='not(mod(n,5))+gt(mod(n,7),3)'", "-fps_mode", "vfr", *B_FRAMES)


def _command(*options: str, sound: bool = False, source: str = SOURCE) -> Callable[[Path], None]:
    return lambda path: _encode(path, *options, sound=sound, source=source)


FAITHFUL: dict[str, Callable[[Path], None]] = {
    "b_frames.mp4": _command(*B_FRAMES, sound=True),
    "open_gop.mp4": _command(*OPEN_GOP),
    "intra_refresh.mp4": _command(*_x264("keyint=25:intra-refresh=1:bframes=0")),
    "one_keyframe.mkv": _command(*_x264("keyint=infinite:scenecut=0:bframes=3")),
    "xvid_b_frames.avi": _command(*XVID),
    "xvid_sound.avi": _command(*XVID, sound=True),
    "packed.avi": _command("-c:v", "libxvid", "-bf", "2", "-g", "24", "-q:v", "5"),  # two frames share a packet
    "no_index.avi": _without_index,
    "edit_list.mp4": _edit_list,
    "stream.ts": _command(*OPEN_GOP, "-f", "mpegts", sound=True),
    "cut_stream.ts": _cut_stream,
    "varying_rate.mp4": _varying,
    "varying_rate.mkv": _varying,
    "late_start.mp4": _command(*B_FRAMES, "-output_ts_offset", "5"),
    "late_start.mkv": _command(*B_FRAMES, "-output_ts_offset", "5"),
    "rotated_90.mp4": _rotated(90),
    "rotated_180.mp4": _rotated(180),
    "rotated_270.mp4": _rotated(270),
    "raw.h264": _command(*OPEN_GOP, "-f", "h264"),
    "fragmented.mp4": _command(*B_FRAMES, "-movflags", "frag_keyframe+empty_moov"),
    "mpeg2.mpg": _command("-c:v", "mpeg2video", "-bf", "2", "-g", "15"),
    "mpeg2.ts": _command("-c:v", "mpeg2video", "-bf", "2", "-g", "15", sound=True),
    "hidden_frames.webm": _command(
        *("-c:v", "libvpx-vp9", "-cpu-used", "8", "-deadline", "realtime", "-auto-alt-ref", "1", "-g", "30")
    ),
    "every_frame_key.avi": _command("-c:v", "mjpeg", "-q:v", "5"),
    "unchanging.mp4": _command(*B_FRAMES, source="color=gray:size=160x120:rate=25:duration=3"),
}

# Files in which a seek can lead to more than the beginning, and must.
SEEKABLE = (
    *("b_frames.mp4", "open_gop.mp4", "xvid_b_frames.avi", "xvid_sound.avi", "packed.avi", "edit_list.mp4"),
    *("stream.ts", "varying_rate.mp4", "varying_rate.mkv", "late_start.mp4", "late_start.mkv", "rotated_90.mp4"),
    *("fragmented.mp4", "mpeg2.mpg", "mpeg2.ts", "hidden_frames.webm", "every_frame_key.avi"),
)


def make(name: str, folder: Path) -> Path:
    """Build the awkward file of this name in `folder`, once; skip the test where this ffmpeg has no such encoder."""
    path = folder / name
    if not path.exists():
        try:
            FAITHFUL[name](path)
        except RuntimeError as error:
            if "Unknown encoder" in str(error):
                pytest.skip(f"this ffmpeg cannot make {name}: {error}")
            raise
    return path


def damage(path: Path, target: Path, kind: str) -> Path:
    """A copy of `path` broken in the middle: 1,500 bytes overwritten, or everything after it missing."""
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    if kind == "cut short":
        del data[middle:]
    else:
        data[middle : middle + 1500] = hashlib.shake_128(b"noise").digest(1500) if kind == "noise" else bytes(1500)
    target.write_bytes(data)
    return target


def as_piece(path: Path) -> str:
    """The address of a copy of `path` inside a tar file, between two other members."""
    shard = path.with_name(f"{path.name}.tar")
    with tarfile.open(shard, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in (("before.txt", b"x" * 700), (path.name, path.read_bytes()), ("after.txt", b"y" * 700)):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    with tarfile.open(shard) as tar:
        member = tar.getmember(path.name)
        return str(Piece(str(shard), member.offset_data, member.size, path.name))


def sequential_hashes(path: Path) -> list[str]:
    """MD5 of every frame, upright RGB, as the ffmpeg program decodes the file from its beginning to its end."""
    arguments = ("-i", str(path), "-map", "0:v:0", "-fps_mode", "passthrough", "-pix_fmt", "rgb24", "-f", "framemd5")
    lines = ffmpeg(*arguments, "-").decode().splitlines()
    return [line.rsplit(",", 1)[1].strip() for line in lines if not line.startswith("#")]
