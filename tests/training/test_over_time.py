"""Scores over time: the windows of a video are those of the test, its memory stays, and its faults are named."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from tiny_training import CLASSES, SPEC, tiny_model

from labkit.clip import ClipSpec
from labkit.data.datasets import open_dataset
from labkit.data.encode import write_video
from labkit.data.video import VideoReader
from labkit.data.video_file import VideoError
from labkit.data.video_stream import VideoStreamReader
from labkit.training import evaluate
from labkit.training.predict import Windows, over_time


def frames(count: int, height: int = 24, width: int = 40, seed: int = 0) -> np.ndarray:
    """A grey that changes over time, with some texture."""
    rng = np.random.default_rng(seed)
    texture = rng.integers(0, 60, (height, width, 3))
    return np.stack([(texture + 3 * n % 190).clip(0, 255) for n in range(count)]).astype(np.uint8)


def scores(path: Path, spec: ClipSpec = SPEC, **options):
    return over_time(tiny_model(clip=spec), path, CLASSES, spec, device="cpu", **options)


@pytest.mark.parametrize("spec", [SPEC, SPEC.but(stride=2), SPEC.but(fps=10.0), SPEC.but(fps=60.0)], ids=str)
def test_windows_side_by_side_score_as_the_windows_of_the_test(tmp_path, spec):
    for name in CLASSES:
        write_video(tmp_path / "data" / "test" / name / "one.mp4", frames(41), fps=25)
        write_video(tmp_path / "data" / "train" / name / "one.mp4", frames(41), fps=25)
    test = open_dataset(
        "folder", tmp_path / "data", "test", spec=spec, sampling="windows", leftover="drop", progress=False
    )
    by_clip = evaluate(tiny_model(clip=spec), test, level="clip", device="cpu", progress=False)
    own = by_clip.scores[: len(by_clip.scores) // 3 : spec.stride]  # interleaved clips start a frame apart
    found = scores(
        tmp_path / "data" / "test" / CLASSES[0] / "one.mp4", spec, every=spec.frames * spec.stride / (spec.fps or 25)
    )
    assert found.scores.shape == own.shape
    np.testing.assert_allclose(found.scores, own, atol=1e-5)
    assert found.seconds == pytest.approx(41 / 25)


def test_a_window_begins_every_so_many_seconds_and_ends_inside_the_video(tmp_path):
    found = scores(write_video(tmp_path / "v.mp4", frames(50), fps=25), every=0.2)
    assert found.starts.tolist() == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8])
    assert found.window == pytest.approx(4 / 25)
    assert found.scores.sum(axis=1) == pytest.approx(np.ones(10), abs=1e-5)


def test_the_size_of_a_batch_changes_no_score(tmp_path):
    path = write_video(tmp_path / "v.mp4", frames(60), fps=25)
    np.testing.assert_allclose(scores(path, batch_size=1).scores, scores(path, batch_size=7).scores, atol=1e-6)


@pytest.mark.parametrize("count", [1, 3])
def test_a_video_shorter_than_a_window_has_one_window(tmp_path, count):
    found = scores(write_video(tmp_path / "v.mp4", frames(count), fps=25))
    assert (found.starts.tolist(), found.scores.shape) == ([0.0], (1, 3))
    assert found.window == pytest.approx(count / 25)


def test_the_frames_of_one_pass_are_those_of_the_exact_reader(tmp_path, real_videos):
    for path in [write_video(tmp_path / "v.mp4", frames(30), fps=25), *real_videos]:
        with VideoReader(path) as exact, VideoStreamReader(path) as once:
            wanted = exact.frames(0, 20, size=(48, 64))
            got = [once.pixels(frame, 48, 64) for _, (_, frame) in zip(range(20), once, strict=False)]
            assert np.array_equal(wanted, np.stack(got))


@pytest.fixture
def real_videos():
    import os

    root = Path(os.environ.get("LABKIT_REAL_DATA", "missing")) / "videos"
    return sorted(root.glob("*.*")) if root.is_dir() else []


def test_a_turned_video_is_upright(tmp_path):
    path, turned = write_video(tmp_path / "v.mp4", frames(10), fps=25), tmp_path / "turned.mov"
    with av.open(str(path)) as source, av.open(str(turned), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    with VideoStreamReader(turned) as reader:
        _, frame = next(iter(reader))
        assert reader.upright(frame) == (24, 40)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "there is no such file"),
        (lambda path: path.write_bytes(b""), "empty"),
        (lambda path: path.write_bytes(b"no video at all" * 100), "not a readable video file"),
        (lambda path: path.mkdir(), "a folder"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_in_one_line(tmp_path, make, said):
    make(tmp_path / "v.mp4")
    with pytest.raises(VideoError, match=said) as caught:
        scores(tmp_path / "v.mp4")
    assert "v.mp4" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_video_longer_than_a_day_is_refused_from_its_header(tmp_path):
    path = tmp_path / "long.mp4"
    with av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=25, options={"g": "1"})
        stream.height, stream.width, stream.pix_fmt = 32, 32, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1)
        for n, time in enumerate((0, 90_000, 180_000)):
            frame = av.VideoFrame.from_ndarray(frames(3, 32, 32)[n], format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1)
            target.mux(stream.encode(frame))
        target.mux(stream.encode())
    with pytest.raises(VideoError, match=r"hours long, and a video may last a day"):
        scores(path)


def test_a_damaged_video_is_scored_up_to_the_damage(tmp_path):
    whole = write_video(tmp_path / "v.mp4", frames(100, 96, 128), fps=25, gop=5)
    content = bytearray(whole.read_bytes())
    middle = content.find(b"mdat") + 8 + (len(content) - content.find(b"mdat")) // 2
    content[middle : middle + 600] = bytes(600)
    (tmp_path / "hurt.mp4").write_bytes(content)
    found, all_of_it = scores(tmp_path / "hurt.mp4"), scores(whole)
    assert found.damage
    assert 0 < len(found.starts) < len(all_of_it.starts)
    np.testing.assert_allclose(found.scores[:2], all_of_it.scores[:2], atol=1e-5)


def test_what_cannot_be_predicted_over_time_is_refused(tmp_path):
    path = write_video(tmp_path / "v.mp4", frames(10))
    with pytest.raises(ValueError, match="above 0"):
        scores(path, every=0)
    from labkit.models import create_model

    network = create_model("two_stream_i3d", num_classes=3)
    with pytest.raises(ValueError, match="pairs of frames and flow"):
        over_time(network, path, CLASSES, network.clip)


MEMORY = """
import re, sys
sys.path.insert(0, sys.argv[2])
from tiny_training import CLASSES, SPEC, tiny_model
from labkit.training.predict import over_time
found = over_time(tiny_model(), sys.argv[1], CLASSES, SPEC, device="cpu")
print(len(found.starts), re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")
def test_a_video_ten_times_as_long_takes_no_more_memory(tmp_path):
    peaks = []
    for count in (250, 2500):
        path = tmp_path / f"{count}.mp4"
        write_video(path, np.tile(frames(50, 120, 160), (count // 50, 1, 1, 1)), fps=25)
        command = [sys.executable, "-c", MEMORY, str(path), str(Path(__file__).parent)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        windows, peak = map(int, done.stdout.split())
        assert windows == count // 12.5
        peaks.append(peak)
    assert peaks[1] < 1.05 * peaks[0]


def test_windows_that_no_batch_fills_are_scored_too(tmp_path):
    path = write_video(tmp_path / "v.mp4", frames(30), fps=25)
    with VideoStreamReader(path) as reader:
        starts = [start for start, clip in Windows(reader, SPEC, 0.4) if clip.shape == torch.Size([4, 3, 16, 16])]
    assert starts == pytest.approx([0.0, 0.4, 0.8])
