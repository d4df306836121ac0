"""`prepare`: archives become a folder that `open_dataset` reads, every frame at its place, whatever happens on the way."""

import csv
import errno
import os
import shutil
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import awkward
import numpy as np
import pytest
from test_archives import fake_unrar, posix, snapshot, stored_rar, tarred, zipped

from labkit.clip import ClipSpec
from labkit.data import prepare as preparing
from labkit.data import sources, transcode
from labkit.data.dataset_index import read_index
from labkit.data.datasets import open_dataset
from labkit.data.journal import NAME as JOURNAL
from labkit.data.layouts import LayoutError
from labkit.data.prepare import FolderInUseError, Prepared, prepare
from labkit.data.signs import SIGNS, WrongDatasetError
from labkit.data.transcode import Task, prepare_video
from labkit.data.video import VideoReader
from labkit.locks import close_locked, open_locked

SPEC = ClipSpec(frames=4, size=24)
CLASSES = ("Archery", "Diving")
LISTS = {
    "ucfTrainTestlist/classInd.txt": "1 Archery\n2 Diving\n",
    "ucfTrainTestlist/trainlist01.txt": "".join(f"{c}/v_{c}_g02_c01.avi {n}\n" for n, c in enumerate(CLASSES, 1)),
    "ucfTrainTestlist/testlist01.txt": "".join(f"{c}/v_{c}_g01_c01.avi\r\n" for c in CLASSES),
}
KILL = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")


def write_avi(path: Path, frames: int = 20, size: tuple[int, int] = (48, 64), codec: str = "mpeg4") -> Path:
    """Grey frames whose level tells their number, with sound, and with B-frames that MPEG-4 in AVI makes hard to count."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        sharp = {"bf": "2", "g": "24", "qmin": "1", "qmax": "2"} if codec == "mpeg4" else {}
        stream = container.add_stream(codec, rate=25, options=sharp)
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p" if codec == "mpeg4" else "yuvj420p"
        sound = container.add_stream("mp2", rate=44100)
        for number in range(frames):
            picture = np.full((*size, 3), 20 + 8 * number % 240, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 2 * 1152), np.int16), format="s16", layout="stereo")
        silence.sample_rate, silence.pts = 44100, 0
        container.mux(sound.encode(silence))
        container.mux(sound.encode())
    return path


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> dict[str, bytes]:
    """Four AVI files of a small UCF-101, by name."""
    folder = tmp_path_factory.mktemp("avi")
    names = [f"UCF-101/{c}/v_{c}_g0{g}_c01.avi" for c in CLASSES for g in (1, 2)]
    return {name: write_avi(folder / name, 20 + number).read_bytes() for number, name in enumerate(names)}


@pytest.fixture
def source(videos, tmp_path) -> Path:
    """As UCF-101 is downloaded, with a zip in place of the rar."""
    folder = tmp_path / "downloads"
    folder.mkdir()
    zipped(folder / "UCF101.zip", videos)
    zipped(folder / "lists.zip", {name: text.encode() for name, text in LISTS.items()})
    return folder


def made(name: str, source: Path, dest: Path, **how) -> Prepared:
    return prepare(name, source, dest, **{"workers": 0, "progress": False, "short_side": 24, **how})


def without_journal(folder: Path) -> dict[str, bytes]:
    return {name: data for name, data in snapshot(folder).items() if not name.startswith(".")}


def test_archives_become_a_dataset_that_opens_with_every_frame_in_its_place(source, tmp_path, read_numbers):
    found = made("ucf101", source, tmp_path / "ready")
    assert (found.videos, found.made, found.lines, found.is_whole) == (4, 4, (), True)
    for subset, group in (("train", 2), ("test", 1)):
        dataset = open_dataset("ucf101", tmp_path / "ready", subset, spec=SPEC, progress=False)
        assert dataset.table["video"].tolist() == [f"{c}/v_{c}_g0{group}_c01.avi" for c in CLASSES]
        assert len(dataset.report) == 0
        for path, frames in dataset.table[["path", "frames"]].itertuples(index=False):
            reader = VideoReader(path)
            assert (reader.info.codec, reader.info.height, reader.info.width) == ("h264", 24, 32)
            assert read_numbers(reader.frames()) == list(range(frames))


def test_the_carried_index_has_exact_counts_and_the_prepared_files(source, tmp_path):
    made("ucf101", source, tmp_path / "ready")
    table = read_index(tmp_path / "ready").table
    assert table["frames"].tolist() == [20, 21, 22, 23]
    assert table["exact"].all()
    for row in table.itertuples():
        assert (tmp_path / "ready" / row.path).stat().st_size == row.bytes
        assert VideoReader(tmp_path / "ready" / row.path).info.frames == row.frames


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tar_archives_and_loose_files_are_taken_together(videos, tmp_path, mode):
    source = tmp_path / "downloads"
    names = list(videos)
    source.mkdir()
    suffix = ".tar" + mode[1:].replace(":", ".")
    tarred(source / f"some{suffix}", mode=mode, **{name: videos[name] for name in names[:2]})
    for name in names[2:]:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(videos[name])
    for name, text in LISTS.items():
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text(text)
    assert made("ucf101", source, tmp_path / "ready").videos == 4
    assert len(open_dataset("ucf101", tmp_path / "ready", spec=SPEC, progress=False).table) == 2


@posix
def test_hmdb51_comes_as_a_rar_of_rars(videos, tmp_path, monkeypatch):
    fake_unrar(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    names = ["April_09_brush_hair_u_nm_np1_ba_goo_0.avi", "#20_Rhythm; (x) & y_brush_hair_u_nm_np1_fr_goo_0.avi"]
    content = next(iter(videos.values()))
    source = tmp_path / "downloads"
    source.mkdir()
    inner = {}
    for name in ("brush_hair", "wave"):
        own = {f"{name}/{each.replace('brush_hair', name)}": content for each in names}
        flat = own if name == "wave" else {path.split("/")[1]: data for path, data in own.items()}
        inner[f"{name}.rar"] = stored_rar(tmp_path / "inner.rar", flat).read_bytes()
    stored_rar(source / "hmdb51_org.rar", inner)
    splits = {
        f"testTrainMulti_7030_splits/{name}_test_split1.txt": "".join(
            f"{each.replace('brush_hair', name)} {number} \n" for number, each in enumerate(names, 1)
        ).encode()
        for name in ("brush_hair", "wave")
    }
    stored_rar(source / "test_train_splits.rar", splits)
    found = made("hmdb51", source, tmp_path / "ready")
    assert (found.videos, found.lines) == (4, ())
    for subset in ("train", "test"):
        assert len(open_dataset("hmdb51", tmp_path / "ready", subset, spec=SPEC, progress=False).table) == 2


def test_the_lists_are_copied_as_they_are(source, tmp_path):
    made("ucf101", source, tmp_path / "ready")
    for name, text in LISTS.items():
        assert (tmp_path / "ready" / name).read_bytes() == text.encode()


def test_kept_videos_are_the_same_files_and_their_lists_too(source, videos, tmp_path):
    found = made("ucf101", source, tmp_path / "ready", keep=True, short_side=None)
    files = without_journal(tmp_path / "ready")
    assert found.videos == 4
    assert {name: files[name] for name in videos} == videos
    assert {name: files[name] for name in LISTS} == {name: text.encode() for name, text in LISTS.items()}
    assert read_index(tmp_path / "ready").table["frames"].tolist() == [20, 21, 22, 23]


@pytest.mark.skipif(awkward.FFMPEG is None, reason="the ffmpeg program is not on the PATH")
@pytest.mark.slow
@pytest.mark.parametrize("name", awkward.FAITHFUL)
@pytest.mark.filterwarnings("ignore:.*seeking does not work in this file")
def test_no_frame_of_an_awkward_file_is_lost_or_moved(tmp_path, name):
    path = awkward.make(name, tmp_path)
    facts = prepare_video(Task(path, tmp_path / "ready.mp4", 60))
    before, after = VideoReader(path), VideoReader(tmp_path / "ready.mp4")
    assert facts["frames"] == after.info.frames == before.info.frames == len(awkward.sequential_hashes(path))
    assert after.info.varies == before.info.varies
    if before.times is not None:
        assert after.times == pytest.approx(before.times, abs=0.002)
    size = (after.info.height, after.info.width)
    assert min(size) == 60
    old, new = (brightness(reader.frames(size=size)) for reader in (before, after))
    differs = np.abs(old - new).mean(axis=(1, 2))
    assert differs.max() < 4
    for neighbour in (-1, 1):  # no frame is more like one before or after it
        moved = np.abs(np.roll(old, neighbour, axis=0) - new).mean(axis=(1, 2))
        assert (differs <= moved + 0.1)[1:-1].all()


def brightness(frames: np.ndarray) -> np.ndarray:
    """Float `(T, H, W)`: H.264 keeps colours at half the resolution, which says nothing about the frame's place."""
    return frames.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)


def test_a_varying_rate_keeps_every_frame_at_its_time(tmp_path):
    times = [*range(0, 1000, 100), *range(3000, 3400, 20)]  # ms
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"bf": "2"})
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, time_ in enumerate(times):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 + 7 * number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = time_, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    prepare_video(Task(tmp_path / "a.mkv", tmp_path / "ready.mp4", 24))
    reader = VideoReader(tmp_path / "ready.mp4")
    assert reader.times == pytest.approx(np.array(times) / 1000, abs=0.002)
    levels = reader.frames().mean(axis=(1, 2, 3))
    assert levels == pytest.approx(20 + 7 * np.arange(len(times)), abs=3)


def test_a_prepared_file_has_short_groups_no_b_frames_no_sound_and_even_sides(tmp_path):
    prepare_video(Task(write_avi(tmp_path / "a.avi", 50, (66, 118)), tmp_path / "ready.mp4", 32))
    with av.open(str(tmp_path / "ready.mp4")) as container:
        (stream,) = container.streams
        packets = [packet for packet in container.demux(stream) if packet.size]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.height, stream.width) == (32, 58)
    assert [packet.pts for packet in packets] == sorted(packet.pts for packet in packets)
    keyframes = [number for number, packet in enumerate(packets) if packet.is_keyframe]
    assert keyframes[0] == 0
    assert max(np.diff([*keyframes, len(packets)])) <= 16


@pytest.mark.parametrize(
    ("size", "side", "expected"), [((48, 64), 128, (48, 64)), ((64, 48), 24, (32, 24)), ((49, 63), 256, (48, 62))]
)
def test_videos_are_never_enlarged_and_their_sides_are_even(tmp_path, size, side, expected):
    source = (
        write_avi(tmp_path / "a.avi", 3, size, codec="mjpeg") if size[0] % 2 else write_avi(tmp_path / "a.avi", 3, size)
    )
    facts = prepare_video(Task(source, tmp_path / "ready.mp4", side))
    assert (facts["height"], facts["width"]) == expected


def test_a_video_that_is_already_small_and_quick_to_read_is_taken_as_it_is(tmp_path, write_numbered):
    path = write_numbered(tmp_path / "small.mp4")
    assert prepare_video(Task(path, tmp_path / "ready.mp4", 48))["how"] == "kept"
    assert (tmp_path / "ready.mp4").read_bytes() == path.read_bytes()
    assert prepare_video(Task(path, tmp_path / "again.mp4", 32))["how"] == "encoded"


def test_broken_videos_are_listed_with_the_reason_and_the_rest_is_usable(source, videos, tmp_path):
    names = list(videos)
    cut = awkward.damage(write_avi(tmp_path / "a.avi", 200, (96, 128)), tmp_path / "cut.avi", "cut short").read_bytes()
    zipped(source / "UCF101.zip", videos | {names[0]: b"not a video", names[1]: cut})
    found = made("ucf101", source, tmp_path / "ready")
    assert (found.videos, found.is_whole) == (3, False)
    with (tmp_path / "ready" / "report.csv").open(newline="") as file:
        lines = {(row["path"], row["what"]): row["reason"] for row in csv.DictReader(file)}
    assert lines[names[0], "unreadable"].startswith("not a readable video file")
    assert lines[names[1], "damaged"].startswith("only its first ")
    assert lines[names[0], "missing"] == "testlist01.txt names it"
    assert not (tmp_path / "ready" / names[0]).with_suffix(".mp4").exists()
    assert len(open_dataset("ucf101", tmp_path / "ready", spec=SPEC, progress=False).table) == 2


@pytest.mark.parametrize(("asked", "like"), [("hmdb51", "ucf101"), ("kinetics400", "ucf101"), ("something", "ucf101")])
def test_the_archive_of_another_dataset_is_told_before_anything_is_unpacked(source, tmp_path, asked, like):
    if asked not in preparing.KINDS:
        pytest.skip(f"{asked} is not among the datasets yet")
    with pytest.raises(
        WrongDatasetError, match=rf"not the videos of {asked}: .*v_Archery_g01_c01\.avi.*{like} has such names"
    ):
        made(asked, source, tmp_path / "ready")
    assert not (tmp_path / "ready" / sources.STAGE).exists()
    assert made("ucf101", source, tmp_path / "ready").videos == 4  # nothing of the refused call is in the way


def test_signs_are_of_known_datasets():
    known = {"ucf101", "hmdb51"} <= set(preparing.KINDS)
    assert known
    assert set(preparing.KINDS) - {"motion", "folder", "csv", "shards"} <= set(SIGNS)


def test_a_second_call_does_nothing_and_needs_no_archive_unpacked(source, tmp_path, monkeypatch):
    made("ucf101", source, tmp_path / "ready")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "ready").rglob("*.mp4")}
    monkeypatch.setattr(sources, "unpack", lambda *_, **__: pytest.fail("unpacked again"))
    found = made("ucf101", source, tmp_path / "ready")
    assert (found.videos, found.made) == (4, 0)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_changed_archive_and_a_removed_file_are_made_again(source, videos, tmp_path):
    made("ucf101", source, tmp_path / "ready")
    name = next(iter(videos))
    (tmp_path / "ready" / name).with_suffix(".mp4").unlink()
    assert made("ucf101", source, tmp_path / "ready").made == 1
    longer = write_avi(tmp_path / "longer.avi", 30).read_bytes()
    zipped(source / "UCF101.zip", videos | {name: longer})
    assert made("ucf101", source, tmp_path / "ready").made == 4
    assert read_index(tmp_path / "ready").table["frames"].max() == 30


def test_archives_in_an_archive_are_unpacked_one_level_deep_and_deeper_ones_are_listed(tmp_path, videos, monkeypatch):
    content = next(iter(videos.values()))
    deepest = zipped(tmp_path / "c.zip", {"wave/c.avi": content}).read_bytes()
    inner = zipped(tmp_path / "b.zip", {"wave/a.avi": content, "wave/c.zip": deepest}).read_bytes()
    (tmp_path / "downloads").mkdir()
    zipped(tmp_path / "downloads" / "a.zip", {"jump/b.avi": content, "wave.zip": inner})
    found = made("folder", tmp_path / "downloads", tmp_path / "ready")
    assert found.videos == 2
    assert [(line.path, line.what) for line in found.lines if line.is_fault] == [("wave/c.zip", "unreadable")]
    monkeypatch.setattr(sources, "unpack", lambda *_, **__: pytest.fail("unpacked again"))
    again = made("folder", tmp_path / "downloads", tmp_path / "ready")
    assert (again.made, again.lines) == (0, found.lines)


def test_keeping_a_video_changes_nothing_about_its_source(tmp_path, videos):
    source = tmp_path / "set" / "wave" / "a.avi"
    source.parent.mkdir(parents=True)
    source.write_bytes(next(iter(videos.values())))
    source.chmod(0o400)
    before = source.stat()
    for _ in range(2):
        prepare_video(Task(source, tmp_path / "ready" / "a.avi", None))
    after = source.stat()
    assert (after.st_mode, after.st_mtime_ns, after.st_size) == (before.st_mode, before.st_mtime_ns, before.st_size)
    assert [path.name for path in (tmp_path / "ready").iterdir()] == ["a.avi"]


def test_a_source_that_broke_leaves_no_old_video_behind(tmp_path, videos):
    for name in ("a.avi", "b.avi"):
        (tmp_path / "set" / "wave" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / "wave" / name).write_bytes(next(iter(videos.values())))
    made("folder", tmp_path / "set", tmp_path / "ready")
    (tmp_path / "set" / "wave" / "b.avi").write_bytes(b"nonsense")
    assert made("folder", tmp_path / "set", tmp_path / "ready").videos == 1
    assert [path.name for path in (tmp_path / "ready" / "wave").iterdir()] == ["a.mp4"]


def test_where_no_video_can_be_read_the_report_says_why(tmp_path):
    (tmp_path / "set" / "wave").mkdir(parents=True)
    (tmp_path / "set" / "wave" / "a.avi").write_bytes(b"nonsense")
    refused(
        "folder",
        tmp_path / "set",
        tmp_path / "ready",
        LayoutError,
        r"no video that can be read; .*report\.csv says why",
    )
    assert "wave/a.avi" in (tmp_path / "ready" / "report.csv").read_text()


def test_corrected_lists_replace_the_old_ones(source, tmp_path):
    made("ucf101", source, tmp_path / "ready")
    corrected = LISTS | {"ucfTrainTestlist/testlist01.txt": "Diving/v_Diving_g01_c01.avi\n"}
    zipped(source / "lists.zip", {name: text.encode() for name, text in corrected.items()})
    assert made("ucf101", source, tmp_path / "ready").made == 0
    assert len(open_dataset("ucf101", tmp_path / "ready", "test", spec=SPEC, progress=False).table) == 1


@pytest.mark.parametrize("frames", [1, 2])
def test_a_video_of_a_frame_or_two_is_prepared(tmp_path, frames):
    facts = prepare_video(Task(write_avi(tmp_path / "a.avi", frames), tmp_path / "ready.mp4", 16))
    assert (facts["frames"], VideoReader(tmp_path / "ready.mp4").info.frames) == (frames, frames)


def test_two_sources_for_one_prepared_file_are_told(videos, tmp_path):
    source = tmp_path / "set"
    for name in ("wave/a.avi", "wave/a.mkv", "jump/b.avi", "jump/B.avi"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(next(iter(videos.values())))
    found = made("folder", source, tmp_path / "ready")
    assert found.videos == len({path.name.lower() for path in (tmp_path / "ready").rglob("*.mp4")}) == 2
    assert ("wave/a.mkv", "unreadable") in [(line.path, line.what) for line in found.lines]


def test_without_split_lists_the_videos_are_prepared_and_the_layout_is_shown(source, tmp_path):
    (source / "lists.zip").unlink()
    found = made("ucf101", source, tmp_path / "ready")
    assert found.videos == 4
    assert "no classInd.txt" in found.problem
    assert not found.is_whole


def refused(name: str, source: Path, dest: Path, error: type[Exception], match: str, **how) -> None:
    with pytest.raises(error, match=match):
        made(name, source, dest, **how)


def test_what_is_given_is_checked_before_any_work(source, tmp_path):
    ready = tmp_path / "ready"
    refused("ucf102", source, ready, ValueError, "did you mean 'ucf101'")
    refused("ucf101", source, ready, ValueError, "an even number of at least 16 pixels", short_side=25)
    refused("ucf101", source, source / "ready", ValueError, "lie in each other")
    refused("ucf101", source, tmp_path, ValueError, "lie in each other")
    refused(
        "ucf101", tmp_path / "nothing", ready, LayoutError, r"(?s)is neither a folder nor an archive.*trainlist01\.txt"
    )
    address = "https://www.crcv.ucf.edu/data/UCF101/UCF101.rar"
    refused("ucf101", address, ready, LayoutError, "is a URL; labkit downloads no dataset")  # type: ignore[arg-type]
    assert not ready.exists()
    (tmp_path / "empty").mkdir()
    refused("ucf101", tmp_path / "empty", ready, LayoutError, r"(?s)is empty.*trainlist01\.txt")


def test_a_folder_of_other_things_or_of_other_settings_is_never_written_into(source, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("words")
    refused("ucf101", source, mine, ValueError, "labkit did not prepare it")
    assert snapshot(mine).keys() == {"thesis.txt"}
    made("ucf101", source, tmp_path / "ready")
    refused("ucf101", source, tmp_path / "ready", ValueError, "short_side is 24, not 32", short_side=32)


def test_too_small_a_disk_is_told_before_anything_is_written(source, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(sources.shutil, "disk_usage", lambda _: usage._replace(free=sources.SPARE))
    refused("ucf101", source, tmp_path / "ready", OSError, "2 archives, unpacked and prepared, may take .* MB free")
    assert not (tmp_path / "ready" / sources.STAGE).exists()


def test_a_folder_in_use_is_refused(source, tmp_path):
    (tmp_path / "ready").mkdir()
    lock = open_locked(tmp_path / "ready" / preparing.LOCK, wait=False)
    refused("ucf101", source, tmp_path / "ready", FolderInUseError, "another process prepares .*ready at the moment")
    close_locked(lock)
    assert made("ucf101", source, tmp_path / "ready").videos == 4


@pytest.mark.parametrize("number", range(4))
def test_an_error_or_ctrl_c_in_the_middle_leaves_only_whole_files_and_the_next_call_goes_on(
    source, tmp_path, monkeypatch, number
):
    made("ucf101", source, tmp_path / "whole")
    calls = iter(range(100))

    def stopped(task: Task) -> dict:
        if next(calls) == number:
            raise KeyboardInterrupt if number % 2 else OSError(errno.ENOSPC, "No space left on device")
        return prepare_video(task)

    with monkeypatch.context() as during:
        during.setattr(preparing, "prepare_video", stopped)
        with pytest.raises((KeyboardInterrupt, OSError)):
            made("ucf101", source, tmp_path / "ready")
    assert len(list((tmp_path / "ready").rglob("UCF-101/**/*.mp4"))) == number
    assert made("ucf101", source, tmp_path / "ready").made == 4 - number
    assert without_journal(tmp_path / "ready") == without_journal(tmp_path / "whole")


SCRIPT = """
import sys
from labkit.data.prepare import prepare
if __name__ == "__main__":
    prepare("ucf101", sys.argv[1], sys.argv[2], short_side=24, workers=0, progress=False)
"""


def started(source: Path, dest: Path, *before: str) -> subprocess.Popen:
    code = "\n".join((*before, SCRIPT))
    return subprocess.Popen([sys.executable, "-c", code, str(source), str(dest)], stderr=subprocess.PIPE, text=True)


# Each stands for one moment: the process kills itself there, after so many calls of the function.
MOMENTS = [
    ("labkit.data.archives", "_write", 1),
    ("labkit.data.archives", "_write", 5),
    ("labkit.data.sources", "unpack", 1),
    ("labkit.data.journal", "Journal.note", 1),
    ("labkit.data.journal", "Journal.note", 3),
    ("labkit.data.journal", "Journal.note", 5),
    ("labkit.data.prepare", "prepare_video", 0),
    ("labkit.data.prepare", "prepare_video", 2),
    ("labkit.data.transcode", "build_index", 3),
    ("labkit.data.prepare", "write_index", 0),
    ("labkit.data.prepare", "write_lines", 0),
    ("labkit.data.prepare", "shutil.rmtree", 0),
]


@KILL
@pytest.mark.slow
@pytest.mark.parametrize(("module", "function", "after"), MOMENTS)
def test_killed_at_any_moment_and_called_again_gives_the_same_files(source, tmp_path, module, function, after):
    made("ucf101", source, tmp_path / "whole")
    kill = f"""
import importlib, itertools, os
holder = importlib.import_module({module!r})
for part in {function!r}.split(".")[:-1]:
    holder = getattr(holder, part)
real, calls = getattr(holder, {function!r}.split(".")[-1]), itertools.count()
def killed(*given, **named):
    if next(calls) == {after}:
        os.kill(os.getpid(), 9)
    return real(*given, **named)
setattr(holder, {function!r}.split(".")[-1], killed)
"""
    process = started(source, tmp_path / "ready", kill)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    for path in (tmp_path / "ready").rglob("UCF-101/**/[!.]*.mp4"):
        if sources.STAGE not in path.parts:
            assert VideoReader(path).info.damage is None
    made("ucf101", source, tmp_path / "ready")
    assert without_journal(tmp_path / "ready") == without_journal(tmp_path / "whole")
    assert not (tmp_path / "ready" / sources.STAGE).exists()


@pytest.mark.slow
def test_of_two_processes_at_once_one_is_refused_and_the_folder_is_whole(source, tmp_path):
    made("ucf101", source, tmp_path / "whole")
    slow = "import time\nfrom labkit.data import prepare as p\nreal = p.prepare_video\n"
    slow += "p.prepare_video = lambda task: (time.sleep(2), real(task))[1]"
    both = [started(source, tmp_path / "ready", slow) for _ in range(2)]
    said = [process.communicate()[1] for process in both]
    assert sorted(process.returncode for process in both) == [0, 1]
    assert "FolderInUseError" in said[[process.returncode for process in both].index(1)]
    assert without_journal(tmp_path / "ready") == without_journal(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of files")
@pytest.mark.parametrize(("packed", "limit"), [(True, 12_000), (False, 1_500)])
def test_a_disk_that_fills_up_stops_with_one_message_and_the_next_call_goes_on(source, tmp_path, packed, limit):
    if not packed:
        for archive in source.glob("*.zip"):
            shutil.unpack_archive(archive, source)
            archive.unlink()
    made("ucf101", source, tmp_path / "whole")
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))"
    process = started(source, tmp_path / "ready", limited)
    assert "the disk is full. What is prepared stays" in process.communicate()[1]
    assert process.returncode == 1
    made("ucf101", source, tmp_path / "ready")
    assert without_journal(tmp_path / "ready") == without_journal(tmp_path / "whole")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can mount a disk")
def test_a_read_only_folder_is_named(source, tmp_path):
    ready = tmp_path / "ready"
    ready.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro,size=1m", "none", ready], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        refused("ucf101", source, ready, OSError, "Read-only file system: '.*ready")
    finally:
        subprocess.run(["umount", ready], check=True)


def test_a_cut_line_of_the_journal_costs_one_video(source, tmp_path):
    made("ucf101", source, tmp_path / "ready")
    journal = tmp_path / "ready" / JOURNAL
    journal.write_bytes(journal.read_bytes()[:-20])
    assert made("ucf101", source, tmp_path / "ready").made == 1
    assert made("ucf101", source, tmp_path / "ready").made == 0


def test_hostile_archives_write_nothing_outside(tmp_path, videos):
    source = tmp_path / "in" / "downloads"
    source.mkdir(parents=True)
    tarred(source / "a.tar", **{"../../owned.avi": next(iter(videos.values()))})
    refused("folder", source, tmp_path / "in" / "ready", ValueError, "leads out of it")
    assert not list(tmp_path.rglob("owned.avi"))


def test_names_with_markup_and_formulas_are_plain_in_the_report(tmp_path, videos):
    source = tmp_path / "set"
    (source / "wave").mkdir(parents=True)
    for name in ("a.avi", "b.avi"):
        (source / "wave" / name).write_bytes(next(iter(videos.values())))
    (source / "=HYPERLINK(1).avi").write_bytes(b"")
    made("folder", source, tmp_path / "ready")
    assert "\n'=HYPERLINK(1).avi,the file is empty" in (tmp_path / "ready" / "report.csv").read_text()


@pytest.mark.slow
def test_several_processes_make_the_same_files_as_one(source, tmp_path, monkeypatch):
    from labkit.data import processes

    made("ucf101", source, tmp_path / "whole")
    monkeypatch.setattr(processes, "TRIAL_SECONDS", -1.0)
    monkeypatch.setattr(processes, "WORTH_SECONDS", -1.0)
    made("ucf101", source, tmp_path / "ready", workers=2)
    assert without_journal(tmp_path / "ready") == without_journal(tmp_path / "whole")


@pytest.mark.real_data
def test_real_clips_keep_their_frames(real_data, tmp_path):
    for path in sorted((real_data / "videos").rglob("*.avi")):
        facts = prepare_video(Task(path, tmp_path / f"{path.stem}.mp4", 128))
        before, after = VideoReader(path), VideoReader(tmp_path / f"{path.stem}.mp4")
        assert facts["frames"] == before.info.frames == after.info.frames
        assert after.info.fps == pytest.approx(before.info.fps)
        size = (after.info.height, after.info.width)
        numbers = range(0, before.info.frames, 7)
        assert np.abs(before.at(numbers, size=size).astype(int) - after.at(numbers).astype(int)).mean() < 6


def test_the_crf_of_the_documentation_is_the_codes():
    assert f"CRF {transcode.CRF}" in (Path(__file__).parents[2] / "docs" / "prepare.md").read_text(encoding="utf-8")
