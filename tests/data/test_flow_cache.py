"""Flow that is kept: what the files hold, when they are used again, and what happens to those that are broken."""

import pickle
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from labkit.clip import ClipSpec
from labkit.data import flow, flow_cache, frame_cache
from labkit.data.datasets import open_dataset
from labkit.data.encode import write_video
from labkit.data.flow import FlowError, FlowSettings, as_bytes, compute_flow
from labkit.data.flow_cache import FlowCache, cache_flow
from labkit.data.video import VideoError, VideoReader

pytest.importorskip("cv2")
SETTINGS = FlowSettings(short_side=32)


@pytest.fixture
def videos(tmp_path, monkeypatch) -> Path:
    """Four videos in two classes, of 12 frames of noise that moves to the right."""
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "set" / "test").mkdir(parents=True)
    for number in range(4):
        write_moving(tmp_path / "set" / "train" / "ab"[number % 2] / f"{number}.mp4", frames=12, seed=number)
    return tmp_path / "set"


def write_moving(path: Path, *, frames: int, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (6, 7, 3), dtype=np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    write_video(path, np.stack([np.roll(noise, t, axis=1) for t in range(frames)]))
    return path


def computed(root: Path, settings: FlowSettings = SETTINGS, **options) -> FlowCache:
    table = open_dataset("folder", root, spec=ClipSpec(), progress=False).table
    return cache_flow(table, settings, progress=False, **options)


def kept_files(root: Path) -> list[Path]:
    return sorted((root.parent / "cache" / "flow").glob("*"))


def no_opencv(monkeypatch) -> None:
    def refuse(*_):
        raise FlowError("there is no OpenCV", "install it")

    monkeypatch.setattr(flow, "check_opencv", refuse)
    monkeypatch.setattr(flow_cache, "check_opencv", refuse)


def test_a_file_holds_a_field_for_each_frame_and_opens_without_labkit(videos):
    (path, place), *_ = computed(videos).places.items()
    kept = load_file(place.file)
    with VideoReader(path) as reader:
        frames = reader.frames(size=(32, 38))
    expected = as_bytes(compute_flow(frames, "dis"), 20.0)
    assert kept["flow"].shape == (12, 32, 38, 2)
    assert np.array_equal(kept["flow"][:-1], expected)
    with safe_open(place.file, framework="np") as opened:
        about = opened.metadata()
    assert about.pop("video") == flow_cache.hashlib.sha256(Path(path).read_bytes()).hexdigest()
    assert about == {"format": "labkit flow 1", "method": "dis", "bound": "20.0"}


def test_the_last_frame_has_the_field_before_it_and_a_single_frame_no_movement(videos):
    write_moving(videos / "train" / "a" / "one.mp4", frames=1)
    for path, place in computed(videos).places.items():
        kept = load_file(place.file)["flow"]
        if path.endswith("one.mp4"):
            assert (kept == 128).all()
        else:
            assert np.array_equal(kept[-1], kept[-2])
            assert (kept != 128).any()


@pytest.mark.parametrize("at_once", [1, 4, 11, 12])
def test_a_video_computed_part_by_part_has_the_same_flow(videos, monkeypatch, at_once):
    whole = [load_file(file)["flow"] for file in (computed(videos), kept_files(videos))[1]]
    shutil.rmtree(videos.parent / "cache" / "flow")
    monkeypatch.setattr(flow_cache, "AT_ONCE", at_once)
    computed(videos)
    assert all(np.array_equal(load_file(file)["flow"], a) for file, a in zip(kept_files(videos), whole, strict=True))


def test_reading_gives_the_fields_asked_for_in_their_order(videos):
    cache = computed(videos)
    path, place = next(iter(cache.places.items()))
    numbers = np.array([7, 3, 3, 11, 0])
    assert np.array_equal(cache.read(path, numbers), load_file(place.file)["flow"][numbers])
    assert np.array_equal(pickle.loads(pickle.dumps(cache)).read(path, numbers), cache.read(path, numbers))


def test_kept_flow_is_used_again_without_opencv_and_after_the_videos_moved(videos, monkeypatch):
    computed(videos)
    before = {file: file.stat().st_mtime_ns for file in kept_files(videos)}
    no_opencv(monkeypatch)
    computed(videos)
    moved = shutil.copytree(videos, videos.parent / "elsewhere")
    computed(moved)
    assert {file: file.stat().st_mtime_ns for file in kept_files(videos)} == before


@pytest.mark.parametrize("other", [{"bound": 4.0}, {"short_side": 24}, {"method": "tvl1"}])
def test_other_settings_have_files_of_their_own(videos, other):
    computed(videos)
    computed(videos, FlowSettings(**({"short_side": 32} | other)))
    assert len(kept_files(videos)) == 8


def test_a_changed_video_has_flow_of_its_own(videos):
    computed(videos)
    write_moving(videos / "train" / "a" / "0.mp4", frames=12, seed=99)
    computed(videos)
    assert len(kept_files(videos)) == 5


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:1000])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def of_another_video(file: Path) -> None:
    shutil.copy(next(other for other in file.parent.iterdir() if other != file), file)


def of_somebody_else(file: Path) -> None:
    save_file({"flow": np.zeros((12, 32, 38, 2), np.uint8)}, file)


def of_another_size(file: Path) -> None:
    with safe_open(file, framework="np") as opened:
        about = opened.metadata()
    save_file({"flow": np.zeros((12, 8, 8, 2), np.uint8), "sums": np.ones(12, np.uint64)}, file, about)


@pytest.mark.parametrize("spoil", [truncate, empty, of_another_video, of_somebody_else, of_another_size])
def test_a_broken_or_foreign_file_is_named_and_made_again(videos, spoil):
    cache = computed(videos)
    path, place = next(iter(cache.places.items()))
    right = place.file.read_bytes()
    spoil(place.file)
    with pytest.warns(UserWarning, match=rf"{place.file.name} is (a foreign file|broken) \(.*\): it is made again"):
        computed(videos)
    assert place.file.read_bytes() == right
    spoil(place.file)
    with pytest.warns(UserWarning, match=rf"{place.file.name} is .*: the flow of {path} is computed again"):
        assert (cache.read(path, np.arange(12)) == load_file(place.file)["flow"]).all()
    assert place.file.read_bytes() == right


def test_bytes_that_the_disk_has_lost_are_found_when_they_are_read(videos):
    cache = computed(videos)
    path, place = next(iter(cache.places.items()))
    right = place.file.read_bytes()
    expected = cache.read(path, np.arange(12))
    for start in np.random.default_rng(0).integers(600, len(right) - 512, 6).tolist():
        place.file.write_bytes(right[:start] + bytes(512) + right[start + 512 :])
        with pytest.warns(UserWarning, match="its bytes have changed"):
            assert np.array_equal(cache.read(path, np.arange(12)), expected)
        assert place.file.read_bytes() == right
    place.file.unlink()
    with pytest.warns(UserWarning, match="is gone or broken"):
        assert np.array_equal(cache.read(path, np.arange(12)), expected)


def test_what_another_process_has_computed_meanwhile_is_not_computed_again(videos, monkeypatch):
    cache = computed(videos)
    path, place = next(iter(cache.places.items()))
    no_opencv(monkeypatch)
    assert flow_cache._compute((path, place, SETTINGS)) is None


def test_without_opencv_nothing_is_begun(videos, monkeypatch):
    no_opencv(monkeypatch)
    with pytest.raises(FlowError, match="there is no OpenCV"):
        computed(videos)
    assert kept_files(videos) == []


def test_a_disk_without_room_is_said_before_any_work(videos, monkeypatch):
    monkeypatch.setattr(frame_cache.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(OSError, match=r"the flow of 4 videos at short side 32 takes 0 MB, and .* a smaller short side"):
        computed(videos)
    assert kept_files(videos) == []


def test_a_video_that_goes_bad_takes_no_other_with_it(videos):
    table = open_dataset("folder", videos, spec=ClipSpec(), progress=False).table
    first, second, *others = table["path"]
    Path(first).unlink()
    Path(second).write_bytes(b"no video")
    with pytest.warns(UserWarning, match=r"2 of 4 videos have no flow; the first is .*No such file"):
        cache = cache_flow(table, SETTINGS, on_error="skip", progress=False)
    for path in (first, second):
        with pytest.raises(VideoError, match="it has no flow"):
            cache.read(path, np.arange(2))
    assert cache.read(others[0], np.arange(2)).shape == (2, 32, 38, 2)
    with pytest.raises(VideoError, match="No such file"):
        cache_flow(table, SETTINGS, progress=False)
    with pytest.raises(VideoError):
        cache_flow(table[table["path"].isin([first, second])], SETTINGS, on_error="skip", progress=False)
