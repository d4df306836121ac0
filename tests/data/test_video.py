"""VideoReader against the ffmpeg program: frame n is the n-th frame of a sequential decode, always."""

import hashlib
import json
import logging
import os
import pickle
import random
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import awkward
import numpy as np
import pyarrow as pa
import pytest

from labkit.cache import cache_folder
from labkit.data import video_index
from labkit.data.encode import write_video
from labkit.data.pieces import located
from labkit.data.video import VideoError, VideoReader, index_video

needs_ffmpeg = pytest.mark.skipif(
    awkward.FFMPEG is None, reason="the ffmpeg program, the judge here, is not on the PATH"
)
REAL_CLIPS = (
    *("v_ApplyEyeMakeup_g01_c01.avi", "v_BaseballPitch_g01_c01.avi"),
    *("cleaning_pool.mp4", "cleaning_pool_32_frames.mp4"),
)


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    return tmp_path_factory.mktemp("awkward")


@pytest.fixture(params=["loose", "piece"])
def source(request):
    """The way to a video file: the file itself, or a copy of it inside a shard."""
    return str if request.param == "loose" else awkward.as_piece


@pytest.fixture
def plain(tmp_path):
    """A video of 30 frames, each of another grey, and those frames."""
    return write_greys(tmp_path / "plain.mp4", 30)


def write_greys(path: Path, count: int, height: int = 48, width: int = 64) -> Path:
    levels = np.linspace(20, 230, count).astype(np.uint8)
    return write_video(path, np.broadcast_to(levels[:, None, None, None], (count, height, width, 3)))


def hashes(frames: np.ndarray) -> list[str]:
    return [hashlib.md5(frame.tobytes()).hexdigest() for frame in frames]


def assert_windows_are_exact(path: Path | str, true: list[str], seed: int = 0) -> None:
    """20 random windows, some with a step, from one reader that jumps and one that is opened for each."""
    rng = random.Random(seed)
    kept = VideoReader(path)
    for _ in range(20):
        start = rng.randrange(kept.info.frames)
        stop = min(kept.info.frames, start + rng.randint(1, 24))
        step = rng.choice((1, 1, 2, 3))
        assert hashes(kept.frames(start, stop, step)) == true[start:stop:step]
        with VideoReader(path) as fresh:
            assert hashes(fresh.frames(start, stop, step)) == true[start:stop:step]


@needs_ffmpeg
@pytest.mark.filterwarnings("ignore:.*seeking does not work in this file")
@pytest.mark.parametrize("name", awkward.FAITHFUL)
def test_every_window_of_an_awkward_file_is_what_ffmpeg_decodes(name, files, caplog, source):
    path = awkward.make(name, files)
    true = awkward.sequential_hashes(path)
    path = source(path)
    with caplog.at_level(logging.DEBUG, logger="labkit"):
        reader = VideoReader(path)
        assert reader.info.frames == len(true) > 0
        assert reader.info.damage is None
        assert_windows_are_exact(path, true)
    assert caplog.messages == []  # the quick way was right each time, or was never tried


@needs_ffmpeg
@pytest.mark.filterwarnings("ignore:.*seeking does not work in this file")
@pytest.mark.parametrize("name", awkward.FAITHFUL)
def test_a_whole_awkward_file_read_in_pieces_is_what_ffmpeg_decodes(name, files, source):
    path = awkward.make(name, files)
    reader = VideoReader(source(path))
    pieces = [reader.frames(start, min(start + 16, len(reader))) for start in range(0, len(reader), 16)]
    assert hashes(np.concatenate(pieces)) == awkward.sequential_hashes(path)


@needs_ffmpeg
@pytest.mark.parametrize("name", awkward.SEEKABLE)
def test_where_seeking_works_it_is_used(name, files, source):
    table = video_index.load_index(located(source(awkward.make(name, files)))).table
    assert len(table.anchors) > 1
    assert table.frame[table.anchors[-1]] > len(table) / 2


@needs_ffmpeg
def test_a_file_that_cannot_be_sought_is_named_in_a_warning(files, source):
    path = source(awkward.make("raw.h264", files))
    with pytest.warns(UserWarning, match=r"raw\.h264: seeking does not work in this file"):
        VideoReader(path)


@pytest.mark.real_data
@needs_ffmpeg
@pytest.mark.parametrize("name", REAL_CLIPS)
def test_every_window_of_a_real_clip_is_what_ffmpeg_decodes(name, real_data, caplog, source, tmp_path):
    path = tmp_path / name
    shutil.copyfile(real_data / "videos" / name, path)
    true = awkward.sequential_hashes(path)
    path = source(path)
    with caplog.at_level(logging.DEBUG, logger="labkit"):
        assert VideoReader(path).info.frames == len(true)
        assert_windows_are_exact(path, true)
    assert caplog.messages == []


@needs_ffmpeg
@pytest.mark.parametrize("name", ["open_gop.mp4", "xvid_b_frames.avi", "stream.ts"])
@pytest.mark.parametrize("kind", ["zeros", "noise", "cut short"])
def test_a_file_damaged_in_the_middle_is_exact_up_to_the_damage_and_names_it(name, kind, files, tmp_path, source):
    whole = awkward.make(name, files)
    broken = source(awkward.damage(whole, tmp_path / name, kind))
    if (name, kind) == ("open_gop.mp4", "cut short"):  # its table of contents is at the end
        with pytest.raises(VideoError, match="not a readable video file"):
            VideoReader(broken)
        return
    true = awkward.sequential_hashes(whole)
    reader = VideoReader(broken)
    good = reader.info.frames
    assert 60 <= good < 100  # of 150, and the damage is at half the bytes
    assert reader.info.damage is not None
    assert reader.info.damage.startswith(f"frame {good}: ")
    assert hashes(reader.frames()) == true[:good]
    assert_windows_are_exact(broken, true[:good])
    with pytest.raises(VideoError, match=f"only {good} frames can be read.*frame {good}: "):
        reader.frames(good - 3, good + 1)


@needs_ffmpeg
@pytest.mark.parametrize(("name", "degrees"), [("rotated_90.mp4", 270), ("rotated_180.mp4", 180), ("b_frames.mp4", 0)])
def test_rotation_is_applied_and_reported(name, degrees, files, source):
    reader = VideoReader(source(awkward.make(name, files)))
    upright = (160, 120) if degrees == 270 else (120, 160)
    assert reader.info.rotation == degrees
    assert (reader.info.height, reader.info.width) == upright
    assert reader.frames(0, 2).shape == (2, *upright, 3)
    small = reader.frames(0, 1, size=60)[0].astype(int)
    assert small.shape == (upright[0] // 2, upright[1] // 2, 3)
    large = reader.frames(0, 1)[0].astype(int).reshape(small.shape[0], 2, small.shape[1], 2, 3).mean(axis=(1, 3))
    apart = [np.abs(small - other).mean() for other in (large, large[::-1], large[:, ::-1], large[::-1, ::-1])]
    assert apart[0] < min(apart[1:]) / 3  # the small picture stands as the large one does


@needs_ffmpeg
def test_a_varying_rate_is_reported_as_its_mean(files, source):
    info = VideoReader(source(awkward.make("varying_rate.mp4", files))).info
    assert info.fps == pytest.approx(80 / 6, rel=0.02)  # 80 of the 150 frames that filled 6 seconds
    assert info.duration == pytest.approx(6, rel=0.02)


def test_info_says_what_was_written(plain):
    info = VideoReader(plain).info
    assert (info.frames, info.fps, info.duration, info.width, info.height) == (30, 25, 1.2, 64, 48)
    assert (info.codec, info.rotation, info.damage) == ("h264", 0, None)
    assert index_video(plain) == info


def test_frames_may_be_asked_for_one_by_one_with_repeats(plain):
    reader = VideoReader(plain)
    whole = reader.frames()
    chosen = np.array([0, 0, 3, 17, 17, 17, 29])
    assert np.array_equal(reader.at(chosen), whole[chosen])
    assert reader.at([]).shape == (0, 48, 64, 3)
    assert reader.frames(5, 5).shape == (0, 48, 64, 3)


@pytest.mark.parametrize(
    ("size", "shape"), [(24, (24, 32)), (17, (17, 22)), (112, (112, 150)), ((30, 20), (30, 20)), (None, (48, 64))]
)
def test_size_is_a_short_side_with_an_even_long_one_or_height_and_width(plain, size, shape):
    assert VideoReader(plain).frames(0, 2, size=size).shape == (2, *shape, 3)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((5, 3), ValueError, "start 5 is beyond stop 3"),
        ((0, 3, 0), ValueError, "step must be at least 1"),
        ((-1, 3), IndexError, "has frames 0 to 29; asked for -1 to 2"),
        ((20, 31), IndexError, "has frames 0 to 29; asked for 20 to 30"),
        ((30, 30), IndexError, "has frames 0 to 29"),
        ((0.5, 3), TypeError, "integer"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(plain, arguments, error, message):
    with pytest.raises(error, match=message):
        VideoReader(plain).frames(*arguments)


def test_decreasing_numbers_and_sizes_below_one_are_refused(plain):
    reader = VideoReader(plain)
    with pytest.raises(ValueError, match="must not decrease"):
        reader.at([3, 2])
    with pytest.raises(IndexError, match="asked for 3 to 30"):
        reader.at([3, 30])
    with pytest.raises(ValueError, match="at least 1 pixel"):
        reader.at([3], size=0)


def test_a_video_of_one_frame_works(tmp_path):
    reader = VideoReader(write_greys(tmp_path / "one.mp4", 1))
    assert reader.info.frames == 1
    assert reader.frames().shape == (1, 48, 64, 3)


def test_what_is_no_video_is_refused_with_one_clear_message(tmp_path):
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("a shopping list\n" * 50)
    (tmp_path / "text.txt").write_text("a shopping list\n" * 50)
    (tmp_path / "folder.mp4").mkdir()
    whole = write_greys(tmp_path / "whole.mp4", 30).read_bytes()
    (tmp_path / "truncated.mp4").write_bytes(whole[: len(whole) // 2])
    expected = {
        "empty.mp4": "the file is empty",
        "text.mp4": "not a readable video file",
        "text.txt": "there is no video stream in this file",
        "folder.mp4": "this is a folder",
        "truncated.mp4": "not a readable video file",
        "missing.mp4": "there is no such file",
    }
    for name, message in expected.items():
        with pytest.raises(VideoError, match=message) as caught:
            VideoReader(tmp_path / name)
        assert caught.value.path == tmp_path / name
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_sound_alone_is_no_video(tmp_path):
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(VideoError, match=r"there is no video stream in this file \(only audio\)"):
        VideoReader(tmp_path / "sound.mp4")


def index_files() -> set[Path]:
    return set(cache_folder("index").glob("*.arrow"))


def test_the_index_is_made_once(plain, monkeypatch, source):
    path = source(plain)
    before = VideoReader(path).frames()

    def refuse(path):
        raise AssertionError(f"{path} was decoded again")

    monkeypatch.setattr(video_index, "build_index", refuse)
    assert np.array_equal(VideoReader(path).frames(), before)


def test_the_index_is_made_again_when_the_file_changes(plain, source):
    assert VideoReader(source(plain)).info.frames == 30
    write_greys(plain, 12)
    assert VideoReader(source(plain)).info.frames == 12


@pytest.mark.parametrize("content", [b"", b"not an Arrow file", None])
def test_a_broken_index_file_is_made_again(tmp_path, content):
    others = index_files()
    path = write_greys(tmp_path / "video.mp4", 30)
    before = VideoReader(path).frames()
    (kept,) = index_files() - others
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2] if content is None else content)
    assert np.array_equal(VideoReader(path).frames(), before)
    assert kept.read_bytes() == whole


def test_an_index_that_lies_is_found_out(tmp_path):
    others = index_files()
    path = write_greys(tmp_path / "video.mp4", 30)
    before = VideoReader(path).frames()
    (kept,) = index_files() - others
    with pa.OSFile(str(kept)) as source:
        table = pa.ipc.open_file(source).read_all()
    shifted = pa.array(np.roll(table["frame"].to_numpy(), 1))
    about = json.loads(table.schema.metadata[b"labkit"])
    table = table.set_column(table.schema.get_field_index("frame"), "frame", shifted)
    columns = {name: table[name].to_numpy() for name in video_index.COLUMNS}  # a lie that its checksum does not tell
    about["checksum"] = video_index._checksum({k: v for k, v in about.items() if k != "checksum"}, columns)
    table = table.replace_schema_metadata({"labkit": json.dumps(about)})
    with pa.ipc.new_file(str(kept), table.schema) as file:
        file.write_table(table)
    assert video_index._read(kept) is not None
    for start in (0, 7, 25):
        assert np.array_equal(VideoReader(path).frames(start, start + 4), before[start : start + 4])


def test_a_reader_travels_to_another_process_by_its_path(plain, source):
    reader = VideoReader(source(plain))
    before = reader.frames(3, 9)
    assert np.array_equal(pickle.loads(pickle.dumps(reader)).frames(3, 9), before)


def test_a_closed_reader_opens_again_when_asked(plain, source):
    with VideoReader(source(plain)) as reader:
        before = reader.frames(3, 9)
    assert np.array_equal(reader.frames(3, 9), before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_a_forked_worker_does_not_disturb_its_parent(tmp_path, source):
    reader = VideoReader(source(write_greys(tmp_path / "video.mp4", 200)))
    whole = reader.frames()
    reader.frames(0, 5)
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(reader.frames(5, 60), whole[5:60]) else 1)
    assert np.array_equal(reader.frames(5, 190), whole[5:190])
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="peak memory is read with the resource module, which Windows lacks")
def test_neither_index_nor_clip_takes_memory_by_the_length_of_the_video(tmp_path):
    peak = """
        import resource, sys, pyarrow
        from labkit.data.video import VideoReader
        reader = VideoReader(sys.argv[1])
        reader.frames(len(reader) - 20, len(reader) - 4)
        scale = 1 if sys.platform == "darwin" else 1024
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale)
    """

    def megabytes(frames: int) -> float:
        path = write_greys(tmp_path / f"{frames}.mp4", frames, 240, 320)
        command = [sys.executable, "-c", textwrap.dedent(peak), str(path)]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 2**20

    short, long = megabytes(60), megabytes(900)
    assert long - short < 25  # the 840 frames more would be 97 MB in YUV and 194 MB in RGB
