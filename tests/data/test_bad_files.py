"""Files that are sound but odd, damaged, or gone bad: each is one line in a report, and none takes others with it."""

import os
import re
import sys
from pathlib import Path

import av
import awkward
import numpy as np
import pytest

from labkit.clip import ClipSpec
from labkit.data import dataset_index
from labkit.data.datasets import open_dataset
from labkit.data.encode import write_video
from labkit.data.video import VideoError, VideoReader
from labkit.records import Predictions

SPEC = ClipSpec(frames=4, size=16)
needs_ffmpeg = pytest.mark.skipif(awkward.FFMPEG is None, reason="the ffmpeg program is not on the PATH")
needs_bytes = pytest.mark.skipif(
    sys.platform in ("win32", "darwin"), reason="this system has no file names other than UTF-8"
)


def noise(count: int, height: int = 48, width: int = 64, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def write(path: Path, codec: str, frames: np.ndarray, *, pix_fmt: str = "yuv420p", **metadata: str) -> Path:
    """A file of this codec, in the container that its suffix names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        container.metadata.update(metadata)
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], pix_fmt
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def replace_bytes(path: Path, old: bytes, new: bytes) -> Path:
    data = path.read_bytes()
    assert data.count(old)
    assert len(old) == len(new)
    path.write_bytes(data.replace(old, new))
    return path


def write_shift_jis(path: Path) -> Path:
    title = "動画の題名".encode("shift-jis").ljust(12)
    return replace_bytes(write(path, "mpeg4", noise(10), title="PLACEHOLDER!"), b"PLACEHOLDER!", title)


def write_latin_1(path: Path) -> Path:
    title = "Café crème!!".encode("latin-1")
    return replace_bytes(write(path, "libx264", noise(10), title="PLACEHOLDER!"), b"PLACEHOLDER!", title)


def write_without_codec(path: Path) -> Path:
    return replace_bytes(write(path, "mpeg4", noise(10)), b"FMP4", b"ZZZZ")


# ---------------------------------------------------------------------- one file, and the others


@pytest.mark.parametrize(("name", "make"), [("sjis.avi", write_shift_jis), ("latin.mp4", write_latin_1)])
def test_a_title_in_another_encoding_than_utf8_does_not_keep_a_video_from_being_read(tmp_path, name, make):
    with VideoReader(make(tmp_path / name)) as reader:
        assert reader.frames().shape == (10, 48, 64, 3)
        assert reader.info.damage is None


def test_a_codec_that_ffmpeg_does_not_know_is_named_as_the_reason(tmp_path):
    path = write_without_codec(tmp_path / "unknown.avi")
    with pytest.raises(VideoError, match=r"unknown\.avi: .*no decoder"):
        VideoReader(path)


@needs_ffmpeg
def test_a_transport_stream_whose_streams_change_is_read_up_to_there(tmp_path):
    first, second, both = tmp_path / "first.ts", tmp_path / "second.ts", tmp_path / "both.ts"
    picture = "testsrc2=size=640x480:rate=25:duration=6,noise=alls=60:allf=t"
    # Longer than what ffmpeg looks into when it opens a file, so that the change comes as news.
    awkward.ffmpeg("-f", "lavfi", "-i", picture, "-c:v", "mpeg2video", "-b:v", "12M", "-f", "mpegts", str(first))
    inputs = ("-f", "lavfi", "-i", awkward.SOURCE, "-f", "lavfi", "-i", awkward.SOUND)
    pids = ("-mpegts_start_pid", "0x300", "-mpegts_pmt_start_pid", "0x1100", "-mpegts_flags", "system_b")
    awkward.ffmpeg(*inputs, "-c:v", "mpeg2video", "-f", "mpegts", *pids, str(second))
    both.write_bytes(first.read_bytes() + second.read_bytes())
    with VideoReader(both) as reader:
        assert reader.info.frames == 150
        assert reader.frames(140, 150, size=48).shape == (10, 48, 64, 3)


@needs_ffmpeg
def test_data_beside_a_frame_that_pyav_does_not_know_does_not_keep_it_from_being_read(tmp_path):
    path = tmp_path / "tiff.mov"
    awkward.ffmpeg("-f", "lavfi", "-i", awkward.SOURCE, "-t", "0.4", "-c:v", "tiff", str(path))
    assert VideoReader(path).frames().shape == (10, 120, 160, 3)


@pytest.mark.parametrize(
    "error", [IndexError("list"), AttributeError("None"), UnicodeDecodeError("utf-8", b"", 0, 1, "")]
)
def test_whatever_pyav_raises_comes_out_as_a_video_error_with_the_file(tmp_path, monkeypatch, error):
    path = write_video(tmp_path / "sound.mp4", noise(8))

    def fail(*_: object, **__: object) -> None:
        raise error

    reader = VideoReader(path)
    monkeypatch.setattr("labkit.data.video.scaled", fail)
    with pytest.raises(VideoError, match=r"sound\.mp4: ") as caught:
        reader.frames()
    assert caught.value.path == path
    monkeypatch.setattr(av, "open", fail)
    os.utime(path, (1, 1))  # another state of the file: its index is made anew
    with pytest.raises(VideoError, match=r"sound\.mp4: "):
        VideoReader(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(VideoError, match="a device or a pipe"):
        VideoReader(tmp_path / "pipe.mp4")


def two_classes(root: Path) -> Path:
    """Two classes of one sound video each, in a folder `train` beside a folder `test`."""
    for name in ("train/a/one.mp4", "train/b/two.mp4", "test/a/three.mp4"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_video(root / name, noise(10))
    return root


def test_odd_files_are_read_or_reported_and_take_no_other_with_them(tmp_path):
    root = two_classes(tmp_path / "set")
    write_shift_jis(root / "train" / "a" / "sjis.avi")
    write_without_codec(root / "train" / "b" / "unknown.avi")
    with pytest.warns(UserWarning, match=r"1 of 4 videos cannot be read; the first is .*unknown\.avi"):
        ds = open_dataset("folder", root, spec=SPEC, progress=False)
    assert sorted(Path(path).name for path in ds.table["path"]) == ["one.mp4", "sjis.avi", "two.mp4"]
    assert [Path(path).name for path in ds.report["path"]] == ["unknown.avi"]


@needs_bytes
@pytest.mark.parametrize("layout", ["subsets", "plain"])
def test_a_file_or_folder_whose_name_is_not_utf8_is_reported_with_its_bytes(tmp_path, layout):
    classes = two_classes(tmp_path / "set") / "train"
    odd_file, odd_folder = classes / "a" / os.fsdecode(b"caf\xe9.mp4"), classes / os.fsdecode(b"\x93\xae")
    odd_folder.mkdir()
    more = [classes / "a" / f"more_{i}.mp4" for i in range(9)]  # so that every subset has some that can be read
    for path in (odd_file, odd_folder / "x.mp4", *more):
        path.write_bytes((classes / "a" / "one.mp4").read_bytes())
    root = classes.parent if layout == "subsets" else classes  # without subsets, each class is split
    with pytest.warns(UserWarning, match=r"\d of \d+ videos cannot be read"):
        parts = [open_dataset("folder", root, subset, spec=SPEC, progress=False) for subset in ("train", "test")]
    reported = {
        path
        for ds in parts
        for path, what in zip(ds.report["path"], ds.report["what"], strict=True)
        if what == "unreadable"
    }
    assert sorted(Path(path).name for path in reported) == ["caf\\xe9.mp4", "x.mp4"]
    assert "\\x93\\xae" in " ".join(reported)
    assert sum(len(ds.table) for ds in parts) >= 1
    for ds in parts:
        ds.describe().encode()
    assert VideoReader(odd_file).info.frames == 10


@needs_bytes
def test_the_messages_about_a_file_whose_name_steers_the_terminal_do_not(tmp_path):
    path = tmp_path / "red\x1b[31m\u202e.mp4"
    path.write_bytes(b"")
    with pytest.raises(VideoError) as caught:
        VideoReader(path)
    assert r"red\x1b[31m\u202e.mp4: the file is empty" in str(caught.value)


def test_a_reason_that_lies_in_the_system_is_not_remembered(tmp_path, monkeypatch):
    root, real = two_classes(tmp_path / "set"), av.open

    def too_many(*_: object, **__: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(av, "open", too_many)
    with pytest.raises(VideoError, match="too many open files"):
        open_dataset("folder", root, spec=SPEC, progress=False)
    assert not dataset_index.index_file(root).exists()
    monkeypatch.setattr(av, "open", real)
    assert len(open_dataset("folder", root, spec=SPEC, progress=False)) == 2


# ---------------------------------------------------------------------- names


@pytest.mark.parametrize("name", ["12:30.mp4", "a:x/one.mp4", "-.mp4", "clip%03d.mp4", "100%d/one.mp4", "file:x.mp4"])
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no colons in names")
def test_relative_names_with_colons_dashes_and_percent_signs_are_names(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path(name).parent.mkdir(exist_ok=True)
    assert write_video(name, noise(10)) == Path(name)
    assert VideoReader(name).frames().shape == (10, 48, 64, 3)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no colons in names")
def test_a_relative_root_and_a_cache_folder_with_colons_are_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABKIT_CACHE", "s3:cache")
    two_classes(Path("set:1"))
    Path("set:1/train/a").rename("set:1/train/a:x")
    Path("set:1/test/a").rename("set:1/test/a:x")
    ds = open_dataset("folder", "set:1", spec=SPEC, cached=True, progress=False)
    assert ds.classes == ("a:x", "b")
    assert ds[0][0].shape == (4, 3, 16, 16)
    assert len(list(Path("s3:cache").rglob("*.parquet"))) == 1
    monkeypatch.setattr(dataset_index, "probe", lambda path: pytest.fail(f"{path} was looked into again"))
    assert len(open_dataset("folder", "set:1", spec=SPEC, cached=True, progress=False)) == len(ds)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no colons in names")
@pytest.mark.parametrize("name", ["a:x", "s3:y", "file:z", "hdfs:h"])
def test_predictions_are_kept_in_a_relative_folder_with_a_colon(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    one = np.ones((1, 1), np.float32)
    kept = Predictions(("v",), np.zeros(1, int), one, np.ones(1, int), ("a",), "video").save(f"{name}/p.parquet")
    assert Predictions.load(kept).videos == ("v",)


# ---------------------------------------------------------------------- damage that the decoder does not tell


def damage_frame(path: Path, target: Path, number: int) -> Path:
    """A copy of an MJPEG file in which one picture's data end halfway: the decoder leaves the rest undrawn."""
    data = bytearray(path.read_bytes())
    starts = [found.start() for found in re.finditer(b"\xff\xd8\xff", bytes(data))]
    middle = (starts[number] + starts[number + 1]) // 2
    data[middle : middle + 2] = b"\xff\xd9"
    target.write_bytes(data)
    return target


@pytest.mark.parametrize("number", [0, 5, 20])
def test_a_frame_that_does_not_decode_the_same_twice_is_damage_found_when_indexed(tmp_path, number):
    whole = write(tmp_path / "whole.avi", "mjpeg", noise(30), pix_fmt="yuvj420p")
    assert VideoReader(whole).info.damage is None
    broken = damage_frame(whole, tmp_path / "broken.avi", number)
    if number == 0:
        with pytest.raises(VideoError, match=r"no frame can be decoded .*does not decode the same twice"):
            VideoReader(broken)
        return
    reader = VideoReader(broken)
    assert reader.info.frames == number
    assert reader.info.damage == f"frame {number}: it does not decode the same twice"
    assert np.array_equal(reader.frames(), VideoReader(whole).frames(0, number))


@pytest.mark.parametrize("codec", ["mjpeg", "ffv1", "libvpx", "libx265"])
@needs_ffmpeg
def test_what_the_index_of_a_broken_file_promises_comes_out_the_same_twice(tmp_path, codec):
    suffix = {"libvpx": "webm", "libx265": "mp4"}.get(codec, "avi")
    whole = tmp_path / f"whole.{suffix}"
    try:
        awkward.ffmpeg("-f", "lavfi", "-i", awkward.SOURCE, "-t", "1.2", "-c:v", codec, str(whole))
    except RuntimeError as error:
        pytest.skip(f"this ffmpeg cannot make {codec}: {error}")
    assert VideoReader(whole).info.damage is None
    data, rng = whole.read_bytes(), np.random.default_rng(0)
    for trial in range(6):
        broken = bytearray(data)
        at = int(rng.integers(len(data) // 4, len(data) * 3 // 4))
        broken[at : at + 200] = rng.bytes(200)
        path = tmp_path / f"broken{trial}.{suffix}"
        path.write_bytes(broken)
        try:
            there = VideoReader(path).info.frames
        except VideoError:
            continue
        forward = VideoReader(path).frames(size=48)
        assert len(forward) == there
        single = [VideoReader(path).frames(n, n + 1, size=48)[0] for n in range(there)]
        assert all(np.array_equal(a, b) for a, b in zip(forward, single, strict=True))
