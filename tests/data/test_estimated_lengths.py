"""Lengths from headers: quick, sometimes wrong, and corrected at the first read, so that every item is the exact one."""

import shutil
import struct
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
import torch

from labkit.clip import ClipSpec
from labkit.data import clips, dataset_index, dataset_kinds
from labkit.data.class_folders import folder
from labkit.data.dataset_rows import TableRows
from labkit.data.dataset_table import corrected
from labkit.data.datasets import open_dataset
from labkit.data.encode import write_video
from labkit.data.flow import FlowSettings
from labkit.data.flow_cache import cache_flow
from labkit.data.frame_cache import cache_frames
from labkit.data.layouts import Entry, Listing
from labkit.data.video import VideoError, VideoReader
from labkit.data.video_dataset import VideoDataset
from labkit.data.video_header import read_header

SPEC = ClipSpec(frames=4, stride=2, size=16)
SAMPLINGS = ("random", "centre", "windows", "spaced", "whole")


def moving(frames: int) -> np.ndarray:
    """A bar that moves over noise, uint8 `(frames, 48, 64, 3)`: no two frames are alike."""
    pixels = np.random.default_rng(0).integers(0, 90, (frames, 48, 64, 3), dtype=np.uint8)
    for number in range(frames):
        pixels[number, :, number % 60 : number % 60 + 4] = 250
    return pixels


def encode(path: Path, codec: str, frames: int, **options: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=25, options={"threads": "1", "g": "10"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for picture in moving(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def lie(path: Path, more: int) -> Path:
    """Write another number of frames into the header of an AVI, and leave out its seek table, which would tell."""
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"avih", 24), (b"strh", 40)):
        at = data.index(mark) + offset
        (count,) = struct.unpack_from("<I", data, at)
        struct.pack_into("<I", data, at, count + more)
    path.write_bytes(data.replace(b"idx1", b"JUNK"))
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Two classes; of seven videos the headers of four are wrong: too long, too short, cut short, another length."""
    root = tmp_path_factory.mktemp("estimates") / "set"
    for top in ("train", "test"):
        encode(root / top / "a" / "honest.avi", "mpeg4", 30)
        lie(encode(root / top / "a" / "long.avi", "mpeg4", 30), 25)
        lie(encode(root / top / "a" / "short.avi", "mpeg4", 30), -18)
        encode(root / top / "b" / "honest.mp4", "libx264", 40)
        cut = encode(root / top / "b" / "cut.mp4", "libx264", 60, movflags="faststart")
        cut.write_bytes(cut.read_bytes()[: cut.stat().st_size * 3 // 5])
        web = encode(root / top / "b" / "long.webm", "libvpx", 30)
        data = bytearray(web.read_bytes())
        at = data.index(b"\x44\x89\x88") + 3  # the duration in ms, a float
        struct.pack_into(">d", data, at, 2 * struct.unpack_from(">d", data, at)[0])
        web.write_bytes(data)
        encode(root / top / "b" / "honest.webm", "libvpx", 30)
    return root


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "cache"))


def opened(root: Path, count: str, **options) -> VideoDataset:
    return open_dataset("folder", root, spec=options.pop("spec", SPEC), count=count, progress=False, **options)


def both(root: Path, **options) -> tuple[VideoDataset, VideoDataset]:
    """The dataset with estimated lengths and with exact ones, in this order: an exact index answers for both."""
    estimated = opened(root, "headers", **options)
    assert not estimated.table["exact"].any()
    return estimated, opened(root, "exact", **options)


def assert_same_items(a: VideoDataset, b: VideoDataset, epochs: int = 2) -> None:
    assert len(a) == len(b)
    for epoch in range(epochs):
        for index in range(len(a)):
            one, other = a[(epoch, index)], b[(epoch, index)]
            assert torch.equal(one[0], other[0])
            assert one[1:] == other[1:]
            np.testing.assert_array_equal(a.frame_numbers(index, epoch), b.frame_numbers(index, epoch))


def test_headers_give_estimates_without_decoding_and_the_table_marks_them(made, monkeypatch):
    monkeypatch.setattr(dataset_index, "probe", lambda path: pytest.fail(f"{path} was decoded"))
    table = opened(made, "headers").table.set_index("video")
    assert not table["exact"].any()
    assert table["frames"].to_dict() == {
        "train/a/honest.avi": 30,
        "train/a/long.avi": 55,
        "train/a/short.avi": 12,
        "train/b/cut.mp4": 60,
        "train/b/honest.mp4": 40,
        "train/b/honest.webm": 30,
        "train/b/long.webm": 60,
    }
    assert (table[["fps", "width", "height"]] == [25.0, 64, 48]).all(axis=None)


def test_exact_counts_on_request_are_those_of_the_decoder(made):
    table = opened(made, "exact").table
    assert table["exact"].all()
    for path, frames in zip(table["path"], table["frames"], strict=True):
        assert frames == VideoReader(path).info.frames
    assert table.set_index("video")["frames"]["train/a/long.avi"] == 30


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("fps", [None, 10.0])
def test_a_wrong_estimate_changes_no_item(made, sampling, fps):
    spec = SPEC.but(fps=fps, stride=1) if fps else SPEC
    estimated, exact = (ds.with_sampling(sampling, k=3) for ds in both(made, spec=spec))
    assert_same_items(estimated, exact)


def test_windows_are_counted_exactly_before_the_first_item(made):
    windows = opened(made, "headers").with_sampling("windows")
    assert not windows.table["exact"].any()
    assert len(windows) == len(opened(made, "exact", sampling="windows"))
    assert windows.table["exact"].all()
    assert opened(made, "headers", sampling="windows").table["exact"].all()


def test_decoded_frames_are_kept_of_exact_lengths(made):
    kept = opened(made, "headers").cached(progress=False)
    assert kept.table["exact"].all()
    plain = opened(made, "exact").cached(progress=False)
    assert_same_items(kept, plain)


def test_flow_and_frames_of_a_table_of_estimates_are_those_of_the_true_lengths(made):
    table = opened(made, "headers").table
    kept = cache_frames(table, 48, progress=False)
    true = {path: VideoReader(path).info.frames for path in table["path"]}
    assert {path: place.frames for path, place in kept.rows.items()} == true
    pytest.importorskip("cv2")
    flow = cache_flow(table, FlowSettings("dis"), progress=False)
    assert {path: place.frames for path, place in flow.places.items()} == true


def parts(root: Path, subset: str, split: int, val: str = "test") -> Listing:
    """Two parts of each video, in seconds."""
    listing = folder(root, subset, split, val)
    spans = [(0.2, 0.8), (0.6, 2.5)]
    entries = [Entry(e.path, e.label, f"{e.video}@{i}", span) for e in listing.entries for i, span in enumerate(spans)]
    return Listing(listing.classes, entries, [])


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_parts_in_seconds_become_frames_of_the_exact_length_and_rate(made, monkeypatch, sampling):
    kind = dataset_kinds.Kind(parts, "")
    monkeypatch.setitem(dataset_kinds.KINDS, "folder", kind)
    estimated, exact = (ds.with_sampling(sampling, k=2) for ds in both(made))
    assert (exact.table["end"] != estimated.table["end"]).any()
    assert_same_items(estimated, exact)


def test_a_span_that_the_user_put_in_stays_as_far_as_the_file_reaches(made):
    table = opened(made, "headers").table
    own = VideoDataset(table.assign(start=5, end=13), ("a", "b"), SPEC)
    for index in range(len(own)):
        numbers = {n for epoch in range(9) for n in own.frame_numbers(index, epoch).tolist()}
        assert numbers <= set(range(5, 13))
    long = table["video"].tolist().index("train/a/long.avi")
    beyond = VideoDataset(table.assign(start=28, end=50), ("a", "b"), SPEC)
    assert set(beyond.frame_numbers(long).tolist()) <= {28, 29}
    assert beyond[long][0].shape == (4, 3, 16, 16)


def test_a_subset_other_labels_and_a_limit_of_estimates_give_the_exact_items(made):
    estimated, exact = both(made)
    few = opened(made, "exact", limit=2)
    rows = [5, 1, 2]
    assert_same_items(estimated.subset(rows), exact.subset(rows))
    swapped = [ds.with_labels(1 - ds.labels, ["b", "a"]) for ds in (estimated, exact)]
    assert swapped[0].labels.tolist() == (1 - exact.labels).tolist()
    assert_same_items(*swapped)
    assert_same_items(estimated.subset([estimated.table["path"].tolist().index(p) for p in few.table["path"]]), few)


def test_describe_counts_estimates(made):
    assert "length estimated from the header, exact when read: 7 videos" in opened(made, "headers").describe()
    assert "estimated" not in opened(made, "exact").describe()


def test_a_kind_of_dataset_says_whether_headers_are_enough(made, monkeypatch):
    monkeypatch.setitem(dataset_kinds.KINDS, "folder", dataset_kinds.Kind(folder, "", counting="headers"))
    assert not opened(made, None).table["exact"].any()
    assert opened(made, "exact").table["exact"].all()
    with pytest.raises(ValueError, match="did you mean 'headers'"):
        opened(made, "header")


def test_a_file_whose_header_tells_no_length_is_decoded(tmp_path):
    for top in ("train", "test"):
        encode(tmp_path / "set" / top / "a" / "raw.h264", "libx264", 12)
    assert read_header(tmp_path / "set" / "train" / "a" / "raw.h264") is None
    table = opened(tmp_path / "set", "headers").table
    assert table["exact"].tolist() == [True]
    assert table["frames"].tolist() == [12]


def test_a_video_whose_header_is_whole_and_whose_pictures_are_not_is_an_error_that_names_it(made, tmp_path):
    shutil.copytree(made, tmp_path / "set")
    broken = tmp_path / "set" / "train" / "b" / "honest.mp4"
    data = broken.read_bytes()
    start = data.index(b"mdat") + 4
    broken.write_bytes(data[:start] + bytes(data.index(b"moov") - 4 - start) + data[data.index(b"moov") - 4 :])
    ds = opened(tmp_path / "set", "headers")
    row = ds.table["path"].tolist().index(str(broken))
    with pytest.raises(VideoError, match=r"honest\.mp4: no frame can be decoded"):
        ds[row]
    windows = ds.with_sampling("windows")
    item = int(np.flatnonzero(windows.rows == row)[0])
    with pytest.raises(VideoError, match=r"honest\.mp4: no frame can be decoded"):
        windows[item]
    with pytest.warns(UserWarning, match="1 of 7 videos cannot be read"):
        exact = opened(tmp_path / "set", "exact")
    assert len(exact) == 6


def test_a_file_that_is_no_video_is_reported_by_its_header(made, tmp_path):
    shutil.copytree(made, tmp_path / "set")
    (tmp_path / "set" / "train" / "a" / "honest.avi").write_text("This is text.\n" * 100)
    with pytest.warns(UserWarning, match="1 of 7 videos cannot be read"):
        ds = opened(tmp_path / "set", "headers")
    assert [Path(path).name for path in ds.report["path"]] == ["honest.avi"]


def test_an_exact_index_answers_for_estimates_and_not_the_other_way_round(made, monkeypatch):
    opened(made, "exact")
    monkeypatch.setattr(dataset_index, "probe_header", lambda path: pytest.fail(f"{path} was looked into again"))
    assert opened(made, "headers").table["exact"].all()


def test_estimates_are_replaced_by_exact_counts_when_those_are_asked_for(made):
    opened(made, "headers")
    assert opened(made, "exact").table["exact"].all()


def test_counts_of_many_windows_are_those_of_each_video():
    rng = np.random.default_rng(0)
    frames, fps = rng.integers(1, 200, 300), rng.choice([12.5, 25.0, 29.97], 300)
    for spec in (ClipSpec(frames=16), ClipSpec(frames=4, stride=3), ClipSpec(frames=8, fps=10.0)):
        for leftover in ("loop", "drop one", "drop"):
            each = [
                clips.window_count(f, spec, r, leftover=leftover) for f, r in zip(frames.tolist(), fps, strict=True)
            ]
            assert clips.window_counts(frames, spec, fps, leftover=leftover).tolist() == each


def test_a_corrected_span_of_a_whole_video_is_the_whole_video():
    table = pd.DataFrame({"start": [0], "end": [55], "frames": [55], "fps": [25.0]})
    start, end = corrected(TableRows(table), np.array([0]), np.array([30]), np.array([24.0]))
    assert (start.tolist(), end.tolist()) == ([0], [30])


def test_headers_of_real_files_agree_with_the_decoder(real_data):
    for path in sorted((real_data / "videos").glob("*.*")):
        header, info = read_header(path), VideoReader(path).info
        assert abs(header.frames - info.frames) <= 1
        assert (header.width, header.height) == (info.width, info.height)


def test_an_item_of_a_longer_file_put_in_place_of_an_exactly_counted_one_is_an_error(tmp_path):
    for top in ("train", "test"):
        path = tmp_path / "set" / top / "a" / "v.mp4"
        path.parent.mkdir(parents=True)
        write_video(path, moving(20))
    ds = opened(tmp_path / "set", "exact")
    write_video(tmp_path / "set" / "train" / "a" / "v.mp4", moving(28))
    with pytest.raises(VideoError, match="20 frames when the index was built and has 28 now"):
        ds[0]
