"""Optical flow: right on movements that are known, alike in a mirror, kept as bytes; clear words without OpenCV."""

import pickle
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from labkit.data import flow, motion
from labkit.data.encode import write_video
from labkit.data.flow import FlowError, FlowSettings, as_bytes, compute_flow, in_pixels
from labkit.data.video import VideoReader

cv2 = pytest.importorskip("cv2")
DIRECTIONS = {"MoveLeft": (-1, 0), "MoveRight": (1, 0), "MoveUp": (0, -1), "MoveDown": (0, 1)}
SPEEDS = (0.8, 1.2)  # the slowest and the fastest of the dataset


def read_video(path: Path, name: str, seed: int, speed: float) -> tuple[np.ndarray, np.ndarray]:
    """The decoded frames of one video of the motion dataset, made here, and where its glyph is: bool `(T, H, W)`."""
    rng = np.random.default_rng(seed)
    scene = replace(motion.draw_scene(rng), speed=speed)
    clean = motion.render(name, scene)
    noisy = clean + rng.standard_normal(clean.shape) * 0.02 * 255
    write_video(path, np.clip(np.rint(noisy), 0, 255).astype(np.uint8), motion.FPS, qp=motion.QP, gop=1)
    with VideoReader(path) as reader:
        return reader.frames(), np.abs(clean - scene.ground).max(axis=-1) > 20


def kept(frames: np.ndarray, method: str) -> np.ndarray:
    """The flow in pixels, after it was kept as bytes."""
    return in_pixels(as_bytes(compute_flow(frames, method), 20.0), 20.0)


@pytest.mark.parametrize("method", ["dis", pytest.param("tvl1", marks=pytest.mark.slow)])
@pytest.mark.parametrize("speed", SPEEDS)
@pytest.mark.parametrize("name", DIRECTIONS)
def test_flow_of_a_translation_is_off_by_less_than_a_quarter_pixel_and_alike_in_a_mirror(tmp_path, name, speed, method):
    """In the median inside the glyph, over the videos of one setting."""
    step = abs(motion.MOTIONS["MoveRight"].x) * motion.STEPS / (motion.FRAMES - 1) * speed * motion.SIZE / 32
    errors, unlike = [], []
    for seed in range(2 if method == "tvl1" else 4):
        frames, inside = read_video(tmp_path / "a.mp4", name, seed, speed)
        frames, inside = frames[:8], inside[:7]
        found = kept(frames, method)
        errors.append(np.linalg.norm(found - np.float32(DIRECTIONS[name]) * step, axis=-1)[inside])
        mirror = kept(frames[:, :, ::-1], method)[:, :, ::-1] * np.float32([-1, 1])
        unlike.append(np.linalg.norm(found - mirror, axis=-1)[inside])
    assert np.median(np.concatenate(errors)) < 0.25
    assert np.median(np.concatenate(unlike)) < 0.05


def test_bytes_are_within_half_a_step_of_the_field_and_longer_movements_are_cut_to_the_bound():
    fields = np.linspace(-30, 30, 2 * 3 * 5 * 2, dtype=np.float32).reshape(2, 3, 5, 2)
    for bound in (20.0, 4.0):
        coded = as_bytes(fields, bound)
        assert (coded.dtype, coded.min(), coded.max()) == (np.uint8, 1, 255)
        assert np.abs(in_pixels(coded, bound) - np.clip(fields, -bound, bound)).max() <= bound / 127 / 2 + 1e-5
        assert np.array_equal(as_bytes(in_pixels(coded, bound), bound), coded)
        assert np.array_equal(as_bytes(-np.abs(fields), bound), 256 - as_bytes(np.abs(fields), bound).astype(int))
    assert (in_pixels(as_bytes(np.zeros((1, 2, 2, 2), np.float32), 20.0), 20.0) == 0).all()


@pytest.mark.parametrize("method", ["dis", "tvl1"])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 40), (8, 8), (11, 13), (33, 20)])
def test_frames_of_any_size_and_number_have_flow(method, height, width):
    frames = np.random.default_rng(0).integers(0, 256, (3, height, width, 3), dtype=np.uint8)
    assert compute_flow(frames, method).shape == (2, height, width, 2)
    assert np.isfinite(compute_flow(frames, method)).all()
    assert compute_flow(frames[:1], method).shape == (0, height, width, 2)


def test_a_pair_has_the_same_flow_whatever_came_before_it():
    frames = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    assert np.array_equal(compute_flow(frames, "dis")[2:], compute_flow(frames[2:], "dis"))


def test_opencv_has_its_threads_back_afterwards(monkeypatch):
    seen = []
    before = cv2.getNumThreads()

    def calc(*_):
        seen.append(cv2.getNumThreads())
        return np.zeros((16, 16, 2))

    monkeypatch.setattr(flow, "check_opencv", lambda method: lambda *_: SimpleNamespace(calc=calc))
    compute_flow(np.zeros((2, 16, 16, 3), np.uint8), "dis")
    assert (seen, cv2.getNumThreads()) == ([1], before)


def test_without_opencv_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(FlowError, match=r"^optical flow needs OpenCV .*: pip install opencv-contrib-python-headless$"):
        compute_flow(np.zeros((2, 16, 16, 3), np.uint8), "dis")


def test_an_error_comes_back_whole_from_a_worker_process():
    error = pickle.loads(pickle.dumps(FlowError("no OpenCV", "pip install it")))
    assert (str(error), error.to_do) == ("no OpenCV: pip install it", "pip install it")


def test_a_wheel_without_tvl1_is_told_by_the_missing_function(monkeypatch):
    """Plain OpenCV over the contrib wheel leaves the module `cv2.optflow` and takes the function away."""
    plain = SimpleNamespace(DISOpticalFlow_create=cv2.DISOpticalFlow_create, optflow=SimpleNamespace())
    monkeypatch.setitem(sys.modules, "cv2", plain)
    assert flow.check_opencv("dis") is cv2.DISOpticalFlow_create
    with pytest.raises(FlowError, match=r"no cv2.optflow.DualTVL1OpticalFlow_create; .* pip install --force-reinstall"):
        flow.check_opencv("tvl1")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"method": "tv-l1"}, "unknown flow method 'tv-l1'; did you mean 'tvl1'"),
        ({"method": "farneback"}, "unknown flow method 'farneback'; there are dis, tvl1"),
        ({"bound": 0}, "must be a number of pixels above 0, not 0"),
        ({"bound": float("nan")}, "must be a number of pixels above 0, not nan"),
        ({"short_side": 0}, "must be a whole number of at least 1, not 0"),
        ({"short_side": 64.5}, "must be a whole number of at least 1, not 64.5"),
    ],
)
def test_settings_out_of_range_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        FlowSettings(**wrong)
