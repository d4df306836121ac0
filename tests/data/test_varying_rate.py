"""Videos whose frames do not come evenly: the index keeps their times, and a target rate takes the nearest frame."""

from fractions import Fraction
from pathlib import Path

import av
import awkward
import numpy as np
import pytest

from labkit.clip import ClipSpec
from labkit.data import video_index
from labkit.data.datasets import open_dataset
from labkit.data.video import VideoReader

# Ten frames a second, then a pause, then fifty a second.
MILLISECONDS = [*range(0, 1000, 100), *range(3000, 3400, 20)]
TIMES = np.array(MILLISECONDS) / 1000
SPEC = ClipSpec(frames=8, size=16, fps=10.0)


def write_varying(path: Path, milliseconds: list[int] = MILLISECONDS, codec: str = "libx264") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (len(milliseconds), 32, 32, 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"bf": "2"})
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for picture, time in zip(pixels, milliseconds, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_the_index_keeps_the_times_of_a_varying_rate_and_its_true_mean(tmp_path, suffix):
    path = write_varying(tmp_path / f"varying.{suffix}")
    for reader in (VideoReader(path), VideoReader(path)):  # made, and found in the cache
        assert reader.info.varies
        assert reader.times == pytest.approx(TIMES, abs=0.002)
        assert reader.info.fps == pytest.approx((len(TIMES) - 1) / TIMES[-1], rel=0.01)


def test_an_even_rate_has_no_times(tmp_path):
    path = write_varying(tmp_path / "even.mkv", [40 * n + n % 3 for n in range(25)])  # milliseconds, rounded somehow
    assert not VideoReader(path).info.varies
    assert VideoReader(path).times is None


@pytest.mark.skipif(awkward.FFMPEG is None, reason="the ffmpeg program is not on the PATH")
@pytest.mark.parametrize("name", [name for name in awkward.FAITHFUL if not name.startswith("varying")])
@pytest.mark.filterwarnings("ignore:.*seeking does not work in this file")
def test_files_of_an_even_rate_keep_it_whatever_their_timestamps(tmp_path, name):
    info = VideoReader(awkward.make(name, tmp_path)).info
    assert not info.varies
    assert info.fps == 25


@pytest.mark.parametrize("cached", [False, True])
def test_a_clip_at_a_target_rate_shows_the_frames_nearest_in_time(tmp_path, cached):
    for subset in ("train", "test"):
        write_varying(tmp_path / subset / "a" / "varying.mp4")
    ds = open_dataset("folder", tmp_path, spec=SPEC, sampling="windows", cached=cached, progress=False)
    shown = np.concatenate([ds.frame_numbers(index) for index in range(len(ds))])
    length = round(len(TIMES) / ds.table["fps"][0] * SPEC.fps)
    nearest = [int(np.abs(TIMES - second / SPEC.fps).argmin()) for second in range(length)]
    assert shown[:9].tolist() == list(range(9))
    far = [n for n in range(length) if np.diff(np.sort(np.abs(TIMES - n / SPEC.fps)))[0] < 0.005]  # ties
    assert [a for n, a in enumerate(shown[:length].tolist()) if n not in far] == [
        b for n, b in enumerate(nearest) if n not in far
    ]
    whole = VideoReader(ds.table["path"][0]).frames(size=(16, 16))
    clip = ds[1][0].permute(0, 2, 3, 1).numpy()
    assert np.array_equal(clip, whole[ds.frame_numbers(1)])
    part = ds.table.assign(start=10, end=len(TIMES))
    cut = type(ds)(part, ds.classes, SPEC, sampling="centre")
    assert np.diff(TIMES[cut.frame_numbers(0)]).max() <= 0.101
    assert cut.frame_numbers(0).min() >= 10


def test_one_block_of_zeros_in_a_kept_index_is_found_and_the_index_made_again(tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "cache"))
    path = write_varying(tmp_path / "long.mp4", list(range(0, 40 * 400, 40)))
    VideoReader(path)
    (kept,) = (tmp_path / "cache" / "index").iterdir()
    whole, true = kept.read_bytes(), video_index.build_index(path)
    for start in range(0, len(whole), 512):
        broken = bytearray(whole)
        broken[start : start + 512] = bytes(len(broken[start : start + 512]))
        kept.write_bytes(broken)
        index = video_index.load_index(path)
        assert index.info == true.info
        assert all(
            np.array_equal(getattr(index.table, name), getattr(true.table, name)) for name in video_index.COLUMNS
        )
