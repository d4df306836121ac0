"""Short videos for a page: the decoder reads back what they show."""

import io

import av
import numpy as np
import pandas as pd
import pytest

from labkit.clip import ClipSpec
from labkit.data.datasets import open_dataset
from labkit.data.encode import as_mp4, write_video
from labkit.data.previews import one_of_each_class, preview, previews, shown_by


def read(file: bytes) -> np.ndarray:
    with av.open(io.BytesIO(file)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def grey(*values: int, height: int = 32, width: int = 48) -> np.ndarray:
    return np.stack([np.full((height, width, 3), value, np.uint8) for value in values])


def test_a_preview_shows_all_frames_in_order_and_rests_on_the_last():
    frames = read(preview(grey(20, 90, 160, 230), fps=10))
    assert len(frames) == 4 + 6
    assert np.abs(frames[:4, 0, 0, 0].astype(int) - [20, 90, 160, 230]).max() < 10
    assert np.abs(frames[4:].astype(int) - 230).max() < 10


def test_one_frame_and_odd_sizes_make_a_video():
    assert read(as_mp4(grey(100, height=33, width=47))).shape == (1, 32, 46, 3)
    assert read(as_mp4(grey(100, height=1, width=9))).shape == (1, 2, 8, 3)
    assert read(as_mp4(grey(100, height=1, width=1))).shape == (1, 2, 2, 3)
    assert len(read(preview(grey(100)[:1], fps=25))) == 16


def test_a_video_that_h264_cannot_hold_has_no_preview_and_is_refused_with_its_size(tmp_path):
    wide = grey(100, height=4, width=20_000)
    assert preview(wide, 25) is None
    with pytest.raises(ValueError, match=r"from 2 to 16,384 pixels on a side, not \(4, 20000\)"):
        write_video(tmp_path / "wide.mp4", wide)
    with pytest.raises(ValueError, match=r"from 2 to 16,384 pixels on a side, not \(0, 4\)"):
        write_video(tmp_path / "none.mp4", grey(100, height=0, width=4))
    with pytest.raises(ValueError, match="fps must be above 0, not nan"):
        write_video(tmp_path / "still.mp4", grey(100), float("nan"))


def test_files_that_cannot_be_shown_are_left_out_and_the_others_stay(write_numbered, tmp_path):
    with av.open(str(tmp_path / "wide.avi"), "w") as file:
        stream = file.add_stream("rawvideo", rate=10)
        stream.width, stream.height, stream.pix_fmt = 20_000, 4, "bgr24"
        frame = av.VideoFrame.from_ndarray(grey(100, height=4, width=20_000)[0], format="rgb24")
        file.mux([*stream.encode(frame), *stream.encode(frame), *stream.encode()])
    good = write_numbered(tmp_path / "good.mp4", 8)
    assert list(previews({"wide": tmp_path / "wide.avi", "good": good})) == ["good"]


def test_a_class_shows_its_first_video_that_can_be_read(write_numbered, tmp_path):
    good = write_numbered(tmp_path / "good.mp4", 8)
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"not a video")
    table = pd.DataFrame({"path": [str(bad), str(good), str(bad), str(good)], "label": [0, 0, 1, 3]})
    shown = one_of_each_class(table, ["a", "only broken", "no video", "<b>d</b>"])
    assert list(shown) == ["a", "<b>d</b>"]
    assert list(one_of_each_class(table, ["a", "only broken", "no video", "<b>d</b>"], most=1)) == ["a"]


def test_a_large_video_is_reduced_and_its_beginning_taken(tmp_path):
    long = write_video(tmp_path / "long.mp4", np.zeros((150, 120, 160, 3), np.uint8), fps=25)
    frames = read(previews({"long": long, "gone": tmp_path / "gone.mp4"})["long"])
    assert frames.shape[1:] == (96, 128, 3)
    assert len(frames) == 100 + 15  # four seconds at 25 frames a second, and the rest


def test_the_twelve_motions_stay_far_below_a_megabyte(tiny_ucf101):
    files = sorted(tiny_ucf101.rglob("*.mp4")) or sorted(tiny_ucf101.rglob("*.avi"))
    assert sum(map(len, previews({path.name: path for path in files[:12]}).values())) < 1_000_000


def test_a_browser_gets_a_video_and_a_frame_of_each_window_by_its_name(tiny_ucf101, read_numbers):
    spec = ClipSpec(frames=4, stride=2, size=16)
    test = open_dataset("ucf101", tiny_ucf101, "test", spec=spec, sampling="windows", progress=False)
    shown, video = shown_by(test), test.table["video"].iloc[1]
    assert len(read(shown["play"](video))) > test.table["frames"].iloc[1]
    frames = shown["frames"](video)
    items = np.flatnonzero(test.rows == 1)
    assert read_numbers(np.stack(frames)) == [int(test.frame_numbers(int(item))[2]) for item in items]
