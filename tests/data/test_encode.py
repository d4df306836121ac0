"""write_video: frames in, a file that gives nearly the same frames back."""

import numpy as np
import pytest

from labkit.data.encode import write_video
from labkit.data.video import VideoReader


def moving_square(count: int = 12) -> np.ndarray:
    frames = np.full((count, 48, 64, 3), 40, np.uint8)
    for t in range(count):
        frames[t, 16:32, 2 * t : 2 * t + 16] = (200, 60, 60)
    return frames


def test_the_frames_come_back_nearly_as_they_were(tmp_path):
    frames = moving_square()
    read = VideoReader(write_video(tmp_path / "square.mp4", frames, crf=10)).frames()
    assert read.shape == frames.shape
    assert np.abs(read.astype(int) - frames.astype(int)).mean() < 3


def test_a_lower_quality_makes_a_smaller_file(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (8, 48, 64, 3), dtype=np.uint8)
    sizes = [write_video(tmp_path / f"{crf}.mp4", noise, crf=crf).stat().st_size for crf in (10, 40)]
    assert sizes[1] < sizes[0] / 2


def test_the_rate_and_the_keyframes_are_as_asked(tmp_path):
    reader = VideoReader(write_video(tmp_path / "square.mp4", moving_square(), fps=29.97, gop=5))
    assert reader.info.fps == pytest.approx(29.97)
    assert reader._index.table.keyframe.nonzero()[0].tolist() == [0, 5, 10]


def test_the_same_frames_make_the_same_file(tmp_path):
    first, second = (write_video(tmp_path / name, moving_square()) for name in ("a.mp4", "b.mp4"))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (np.zeros((2, 48, 64, 3), np.float32), "must be uint8"),
        (np.zeros((48, 64, 3), np.uint8), r"\(T, H, W, 3\)"),
        (np.zeros((0, 48, 64, 3), np.uint8), "T >= 1"),
        (np.zeros((2, 47, 64, 3), np.uint8), "even height and width"),
    ],
)
def test_frames_it_cannot_write_are_refused_and_leave_no_file(tmp_path, frames, message):
    with pytest.raises(ValueError, match=message):
        write_video(tmp_path / "video.mp4", frames)
    assert list(tmp_path.iterdir()) == []


def test_another_container_than_mp4_and_a_rate_of_nothing_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"should end in \.mp4"):
        write_video(tmp_path / "video.avi", moving_square())
    with pytest.raises(ValueError, match="fps must be above 0"):
        write_video(tmp_path / "video.mp4", moving_square(), fps=0)


def test_a_failed_write_leaves_the_last_good_file_in_place(tmp_path):
    path = write_video(tmp_path / "square.mp4", moving_square())
    before = path.read_bytes()
    with pytest.raises(Exception, match=r"preset|Invalid|Error|failed"):
        write_video(path, moving_square(), preset="no-such-preset")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
