"""Frames decoded once into a file: what the disk has lost is found when it is read, and decoded again."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from labkit.clip import ClipSpec
from labkit.data import frame_cache
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
    assert list((videos.parent / "cache" / "frames").iterdir()) == []


def test_frames_kept_by_an_older_version_are_made_again(videos, monkeypatch):
    opened(videos, cached=True)
    file = kept_file(videos)
    monkeypatch.setattr(frame_cache, "FORMAT", frame_cache.FORMAT + 1)
    opened(videos, cached=True)
    assert len(list(file.parent.glob("*.frames"))) == 2
