"""Frames decoded once into a file: what the disk has lost is found when it is read, and decoded again."""

import os
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from labkit.atomic import temporary_prefix
from labkit.clip import ClipSpec
from labkit.data import flow_cache, frame_cache
from labkit.data.datasets import open_dataset
from labkit.data.encode import write_video
from labkit.data.video import VideoError
from labkit.data.video_dataset import VideoDataset

SPEC = ClipSpec(frames=8, size=56)


@pytest.fixture
def videos(tmp_path, monkeypatch) -> Path:
    """Four videos in two classes, of 12 frames of noise."""
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "set" / "test").mkdir(parents=True)
    for number in range(4):
        path = tmp_path / "set" / "train" / "ab"[number % 2] / f"{number}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_video(path, np.random.default_rng(number).integers(0, 256, (12, 60, 70, 3), dtype=np.uint8))
    return tmp_path / "set"


def opened(root: Path, **options) -> VideoDataset:
    return open_dataset("folder", root, spec=SPEC, sampling="windows", progress=False, **options)


def kept_file(root: Path) -> Path:
    (file,) = (root.parent / "cache" / "frames").glob("*.frames")
    return file


def assert_same_items(a: VideoDataset, b: VideoDataset) -> None:
    assert len(a) == len(b)
    for i in range(len(a)):
        assert torch.equal(a[i][0], b[i][0])


def test_a_file_of_zeros_gives_no_black_clips(videos):
    plain = opened(videos)
    opened(videos, cached=True)
    file = kept_file(videos)
    file.write_bytes(bytes(file.stat().st_size))
    cached = opened(videos, cached=True)
    with pytest.warns(UserWarning, match=r"kept frames of .*mp4 are lost or broken: the video is read instead"):
        assert_same_items(cached, plain)
    assert not file.exists()
    assert_same_items(opened(videos, cached=True), plain)  # made again
    assert file.exists()


@pytest.mark.parametrize("length", [64, 512, 4096])
def test_one_block_of_zeros_anywhere_is_found_and_read_from_the_video(videos, length):
    plain = opened(videos)
    opened(videos, cached=True)
    file = kept_file(videos)
    whole = file.read_bytes()
    for start in np.random.default_rng(0).integers(0, len(whole) - length, 12).tolist():
        file.write_bytes(whole[:start] + bytes(length) + whole[start + length :])
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            assert_same_items(opened(videos, cached=True), plain)
        assert any("lost or broken" in str(warning.message) for warning in told)


def test_frames_of_any_size_are_told_from_zeros_and_from_each_other():
    for shape in ((2, 3, 5, 3), (2, 4, 5, 3), (2, 4, 6, 3), (2, 8, 8, 3)):
        pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        sums = frame_cache.sums_of(pixels)
        assert len(set(sums.tolist()) | {0}) == 3
        assert (frame_cache.sums_of(np.zeros(shape, np.uint8)) != 0).all()
        for at in range(pixels[0].size):
            changed = pixels.copy()
            changed[0].flat[at] ^= 1
            assert (frame_cache.sums_of(changed) != sums).tolist() == [True, False]


def test_a_video_that_goes_bad_before_its_frames_are_kept_takes_no_other_with_it(videos):
    plain = opened(videos)
    first = plain.table["path"][0]
    Path(first).unlink()
    with pytest.warns(UserWarning, match=r"1 of 4 videos cannot be decoded; the first is .*no such file"):
        cached = plain.cached(progress=False)
    again = plain.cached(progress=False)
    for ds in (cached, again):
        with pytest.raises(VideoError, match="no such file"):
            ds[0]
        assert torch.equal(ds[len(ds) - 1][0], plain[len(plain) - 1][0])
    strict = VideoDataset(plain.table, plain.classes, SPEC, sampling="centre", on_error="raise")
    kept_file(videos).unlink()
    with pytest.raises(VideoError, match="no such file"):
        strict.cached(progress=False)
    for path in set(plain.table["path"]) - {first}:
        Path(path).unlink()
    with pytest.raises(VideoError, match="no such file"):
        plain.cached(progress=False)
    assert [path for path in (videos.parent / "cache" / "frames").iterdir() if path.suffix != ".json"] == []


def test_frames_kept_by_an_older_version_are_made_again(videos, monkeypatch):
    opened(videos, cached=True)
    file = kept_file(videos)
    monkeypatch.setattr(frame_cache, "FORMAT", frame_cache.FORMAT + 1)
    opened(videos, cached=True)
    assert len(list(file.parent.glob("*.frames"))) == 2


# ---------------------------------------------------------------------- what it takes, what there is, and removing it


def test_what_it_will_take_is_said_before_it_starts_and_only_then(videos, capfd, monkeypatch):
    def before(*arguments, **options):
        said = capfd.readouterr().err
        folder = videos.parent / "cache" / "frames"
        assert f"folder train: 4 videos decoded to short side 56 take 0.5 MB in {folder}, once" in said
        return real(*arguments, **options)

    real = frame_cache._decode_into
    monkeypatch.setattr(frame_cache, "_decode_into", before)
    ds = open_dataset("folder", videos, spec=SPEC, sampling="windows", progress=True)
    ds.cached(progress=True)
    capfd.readouterr()
    ds.cached(progress=True)
    assert "take" not in capfd.readouterr().err


def test_kept_frames_are_listed_with_dataset_size_and_last_use(videos):
    assert frame_cache.kept() == []
    opened(videos, cached=True)
    opened(videos, cached=True, classes=["b"])
    first, second = frame_cache.kept()
    assert first.what == second.what == "decoded frames of folder train, short side 56"
    assert (first.videos, second.videos) == (2, 4)  # the last use first
    assert second.size == second.files[0].stat().st_size > 4 * 12 * 56 * 64 * 3
    note = second.files[1]
    os.utime(note, (5, 5))
    opened(videos, cached=True)
    assert frame_cache.kept()[0].videos == 4
    assert frame_cache.kept()[0].used > 5


@pytest.mark.parametrize("spoil", [Path.unlink, lambda note: note.write_text("[1]"), lambda note: note.write_text("{")])
def test_kept_frames_without_a_readable_note_are_listed_and_cleared(videos, spoil):
    opened(videos, cached=True)
    (note,) = (videos.parent / "cache" / "frames").glob("*.json")
    spoil(note)
    (found,) = frame_cache.kept()
    assert found.what == "decoded frames of an unknown dataset"
    assert found.videos is None
    assert frame_cache.clear() == []
    assert list((videos.parent / "cache" / "frames").iterdir()) == []


def test_frames_that_do_not_fit_together_are_decoded_in_parts_and_are_the_same(videos, monkeypatch):
    opened(videos, cached=True)
    whole = kept_file(videos).read_bytes()
    frame_cache.clear()
    asked, real = [], frame_cache.VideoReader.frames

    def frames(reader, start, stop, **size):
        asked.append(stop - start)
        return real(reader, start, stop, **size)

    monkeypatch.setattr(frame_cache.VideoReader, "frames", frames)
    monkeypatch.setattr(frame_cache, "MOST", 5 * 56 * 64 * 3)
    opened(videos, cached=True)
    assert 1 < max(asked) <= 5 < 12
    assert kept_file(videos).read_bytes() == whole


def test_frames_that_another_process_is_still_writing_are_neither_listed_nor_cleared(videos):
    opened(videos, cached=True)
    (kept,) = frame_cache.kept()
    written = kept.files[0].with_name(f"{temporary_prefix(kept.files[0].name)}0.frames")
    written.write_bytes(b"half")
    assert frame_cache.kept() == [kept]
    frame_cache.clear()
    assert written.exists()


def test_clearing_takes_no_clip_from_processes_that_read(videos):
    plain, reading, started = opened(videos), opened(videos, cached=True), opened(videos, cached=True)
    reading[0]
    assert frame_cache.clear() == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same_items(reading, plain)  # it has the file still
    with pytest.warns(UserWarning, match=r"is gone: the videos are read instead. The next start makes it again"):
        assert_same_items(pickle.loads(pickle.dumps(started)), plain)


def test_notebooks_in_other_folders_share_the_frames(videos, monkeypatch):
    opened(videos, cached=True)
    monkeypatch.chdir(videos)
    opened(Path("../set"), cached=True)
    assert len(frame_cache.kept()) == 1


def test_flow_is_listed_by_the_way_it_was_computed_and_cleared(videos):
    pytest.importorskip("cv2")
    assert flow_cache.kept() == []
    opened(videos, flow="dis")
    (found,) = flow_cache.kept()
    assert found.what == "optical flow (dis, up to ±20 pixels)"
    assert found.videos == len(found.files) == 4
    assert found.size == sum(file.stat().st_size for file in found.files)
    found.files[0].write_bytes(b"broken")
    assert {one.what for one in flow_cache.kept()} == {found.what, "optical flow (broken)"}
    assert flow_cache.clear() == []
    assert flow_cache.kept() == []
