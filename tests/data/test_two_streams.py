"""Pairs (rgb, flow): both of the same moment, the same crop and the same mirror."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from labkit.clip import FLOW_MEAN, FLOW_STD, ClipSpec
from labkit.data import motion, two_streams
from labkit.data.clips import centre_clip
from labkit.data.datasets import open_dataset
from labkit.data.encode import write_video
from labkit.data.flow import FlowSettings, as_bytes, compute_flow, in_pixels
from labkit.data.transforms import TrainTransform
from labkit.data.video import VideoReader
from labkit.data.video_dataset import VideoDataset

pytest.importorskip("cv2")
SPEC = ClipSpec(frames=4, stride=2, size=48)
FLOW = SPEC.but(mean=FLOW_MEAN, std=FLOW_STD)


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> Path:
    """Two videos of 20 frames, 64 pixels wide and 48 high, in which noise moves to the right by t % 5 pixels."""
    root = tmp_path_factory.mktemp("moving")
    (root / "test").mkdir()
    for number in range(2):
        noise = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        places = np.cumsum(np.arange(20) % 5)
        path = root / "train" / "ab"[number] / f"{number}.mp4"
        path.parent.mkdir(parents=True)
        still = noise.repeat(8, axis=0).repeat(8, axis=1)
        write_video(path, np.stack([np.roll(still, place, axis=1) for place in places]), qp=10, gop=1)
    return root


def opened(root: Path, **options) -> VideoDataset:
    return open_dataset("folder", root, **({"spec": SPEC, "flow": "dis", "progress": False} | options))


def fields_of(path: str) -> np.ndarray:
    """The fields between neighbouring frames of the file, computed here, as bytes `(frames - 1, H, W, 2)`."""
    with VideoReader(path) as reader:
        return as_bytes(compute_flow(reader.frames(), "dis"), 20.0)


def test_the_rgb_of_a_pair_is_the_clip_without_flow_bit_for_bit(videos):
    pairs, plain = opened(videos), opened(videos, flow=None)
    for epoch, i in ((0, 0), (1, 1), (7, 0)):
        (rgb, flow), label, row = pairs[epoch, i]
        clip, *same = plain[epoch, i]
        assert torch.equal(rgb, clip)
        assert [label, row] == same
        assert (rgb.shape, flow.shape, flow.dtype) == ((4, 3, 48, 48), (4, 2, 48, 48), torch.uint8)
        assert torch.equal(pairs.stream("rgb")[epoch, i][0], clip)


@pytest.mark.parametrize("sampling", ["centre", "windows", "spaced"])
def test_field_n_is_the_movement_from_frame_n_of_the_file_to_the_next(videos, sampling):
    pairs = opened(videos, sampling=sampling)
    for i in range(len(pairs)):
        (_, flow), _, row = pairs[i]
        fields = fields_of(pairs.table["path"][row])
        numbers = np.minimum(pairs.frame_numbers(i), 18)  # the last frame has the field before it
        assert np.array_equal(flow.permute(0, 2, 3, 1).numpy(), fields[numbers][:, :, 8:56])


def test_a_crop_takes_the_same_place_of_frames_and_fields_and_leaves_the_values_as_they_are(videos):
    large = opened(videos, transform=TrainTransform(SPEC, crop="resized", flip=0.0), seed=3)
    for epoch in range(5):
        (_, flow), _, row = large[epoch, 0]
        box = large.transform.draw(48, 64, _rng_after_the_clip(large, epoch))
        top, left, height, width = box.on(48, 64)
        place = fields_of(large.table["path"][row])[large.frame_numbers(0, epoch).clip(max=18)]
        place = place[:, top : top + height, left : left + width]
        assert abs(float(flow[:, 0].float().mean()) - place[..., 0].mean()) < 3


def _rng_after_the_clip(dataset: VideoDataset, epoch: int) -> np.random.Generator:
    rng = np.random.default_rng((dataset.seed, epoch, 0))
    dataset._numbers(0, 0, rng)
    return rng


def test_a_mirrored_pair_has_its_flow_flipped_and_x_negated(videos):
    straight, mirrored = (
        opened(videos, transform=TrainTransform(SPEC, crop="centre", flip=flip)) for flip in (0.0, 1.0)
    )
    (rgb, flow), *_ = straight[0, 0]
    (rgb_mirrored, flow_mirrored), *_ = mirrored[0, 0]
    assert torch.equal(rgb_mirrored, rgb.flip(-1))
    assert torch.equal(flow_mirrored[:, 1], flow[:, 1].flip(-1))
    assert torch.equal(flow_mirrored[:, 0].int(), 256 - flow[:, 0].flip(-1).int())
    pixels = (in_pixels(f[:, 0].numpy(), 20.0) for f in (flow, flow_mirrored.flip(-1)))
    assert np.array_equal(next(pixels), -next(pixels))


def test_a_label_that_a_mirror_would_change_keeps_its_pair_straight():
    root = motion.generate(videos=24, progress=False)
    flipping = TrainTransform(motion.CLIP, crop="centre", flip=1.0)
    pairs = open_dataset("motion", root, spec=motion.CLIP, flow="dis", transform=flipping, progress=False)
    left, right = (pairs.classes.index(name) for name in ("MoveLeft", "MoveRight"))
    for i in range(len(pairs)):
        (rgb, flow), label, _ = pairs[i]
        if label in (left, right):
            moves = flow[:, 0][rgb.amax(1) > 90].float().mean() - 128
            assert (moves > 0) == (label == right)


@pytest.mark.parametrize(
    ("clip", "flow", "span", "stride"),
    [
        (ClipSpec(frames=8, stride=2), ClipSpec(frames=8, stride=2), 15, 2),
        (ClipSpec(frames=8, stride=2), ClipSpec(frames=16), 16, 1),
        (ClipSpec(frames=1), ClipSpec(frames=10), 10, 1),
        (ClipSpec(frames=5, stride=10), ClipSpec(frames=50), 50, 1),
        (ClipSpec(frames=3, stride=6), ClipSpec(frames=2, stride=4), 13, 2),
    ],
)
def test_a_moment_is_the_shortest_clip_that_holds_both_streams(clip, flow, span, stride):
    both = two_streams.moment(clip, flow)
    assert (both.span, both.stride) == (span, stride)
    frames, fields = two_streams.split(centre_clip(span, both), clip, flow, whole=False)
    assert frames.tolist() == list(range(0, clip.span, clip.stride))
    assert fields.tolist() == list(range(0, flow.span, flow.stride))


def test_ten_fields_begin_at_their_frame_and_go_on_to_the_next(videos):
    pairs = opened(
        videos, spec=SPEC.but(frames=2, stride=10), flow_spec=FLOW.but(frames=20, stride=1), sampling="centre"
    )
    (rgb, stacks), _, row = pairs[0]
    fields = fields_of(pairs.table["path"][row])
    expected = np.concatenate([fields, fields[-1:]])[:, :, 8:56]
    assert np.array_equal(stacks.permute(0, 2, 3, 1).numpy(), expected)
    with VideoReader(pairs.table["path"][row]) as reader:
        assert np.array_equal(rgb.permute(0, 2, 3, 1).numpy(), reader.frames()[[0, 10], :, 8:56])


def test_a_whole_video_gives_both_streams_in_the_proportion_of_the_specs(videos):
    for clip, flow, lengths in (
        (SPEC.but(frames=1, stride=5), FLOW.but(frames=5, stride=1), (4, 20)),
        (SPEC.but(frames=2, stride=6), FLOW.but(frames=12, stride=1), (3, 18)),
        (SPEC, FLOW, (10, 10)),
    ):
        (rgb, fields), *_ = opened(videos, spec=clip, flow_spec=flow, sampling="whole")[0]
        assert (len(rgb), len(fields)) == lengths


def test_a_clip_longer_than_its_video_is_looped_in_both_streams(videos):
    clip, flow = SPEC.but(frames=24, stride=1), FLOW.but(frames=24, stride=1)
    pairs = opened(videos, spec=clip, flow_spec=flow, sampling="centre")
    (rgb, fields), *_ = pairs[0]
    assert torch.equal(rgb[:4], rgb[20:])
    assert torch.equal(fields[:4], fields[20:])
    assert torch.equal(fields[19], fields[18])


def test_flow_alone_is_the_flow_of_the_pairs(videos):
    pairs = opened(videos)
    alone = pairs.stream("flow")
    assert (alone.spec, alone.flow) == (FLOW, None)
    for epoch, i in ((0, 0), (3, 1)):
        assert torch.equal(alone[epoch, i][0], pairs[epoch, i][0][1])
    with pytest.raises(ValueError, match="gives no pairs"):
        alone.stream("rgb")
    with pytest.raises(ValueError, match="shows flow alone already"):
        alone.with_flow()


def test_pairs_survive_pickling_caching_and_other_sampling(videos):
    pairs = opened(videos, sampling="windows")
    again = pickle.loads(pickle.dumps(pairs))
    cached = pairs.cached(progress=False).subset([1, 0]).subset([1, 0])
    for i in range(len(pairs)):
        for other in (again, cached):
            assert all(torch.equal(a, b) for a, b in zip(pairs[i][0], other[i][0], strict=True))
    assert pairs.with_sampling("centre").cut_like(pairs)[0][0][1].equal(pairs[0][0][1])


def test_a_dataset_of_pairs_says_so(videos):
    said = opened(videos, flow=FlowSettings(bound=4.0), flow_spec=FLOW.but(frames=8, stride=1)).describe()
    assert "beside it: 8 flow fields (dis, up to ±4 pixels)" in said
    assert "each frame: its flow field (dis" in opened(videos).stream("flow").describe()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"flow": "tvl"}, "unknown flow method 'tvl'; did you mean 'tvl1'"),
        ({"flow": None, "flow_spec": FLOW}, 'needs flow="dis" or flow="tvl1"'),
        ({"flow_spec": SPEC}, "flow has two channels, x and y: its ClipSpec needs two means, not 3"),
        ({"flow_spec": FLOW.but(fps=25.0)}, "one rate, but fps is None there and 25.0 here"),
        ({"transform": lambda clip, rng: clip}, "give a transform that draws a box"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_flow_is_computed(videos, options, message, monkeypatch):
    monkeypatch.setattr("labkit.data.video_dataset.cache_flow", lambda *_, **__: pytest.fail("work was begun"))
    with pytest.raises(ValueError, match=message):
        opened(videos, **options)


def test_streams_have_names(videos):
    with pytest.raises(ValueError, match="no stream 'flo'; did you mean 'flow'"):
        opened(videos).stream("flo")


@pytest.mark.real_data
def test_real_clips_give_pairs_at_another_rate_too(real_data, tmp_path):
    folder = tmp_path / "set" / "train" / "clips"
    folder.mkdir(parents=True)
    (tmp_path / "set" / "test").mkdir()
    for path in (real_data / "videos").glob("*_g01_c01.avi"):
        (folder / path.name).write_bytes(path.read_bytes())
    spec = ClipSpec(frames=8, size=64, fps=12.5)
    pairs = opened(tmp_path / "set", spec=spec, flow=FlowSettings(short_side=64), sampling="centre")
    assert len(pairs) == 2
    for i in range(len(pairs)):
        (rgb, flow), _, row = pairs[i]
        numbers = pairs.frame_numbers(i)
        assert abs(np.ptp(numbers) - 7 * pairs.table["fps"][row] / 12.5) <= 1
        kept = pairs._fields.read(pairs.table["path"][row], numbers)
        assert (rgb.shape, flow.shape) == ((8, 3, 64, 64), (8, 2, 64, 64))
        assert np.array_equal(flow.permute(0, 2, 3, 1).numpy(), kept[:, :, 11:75])
        assert len(np.unique(flow)) > 10


@pytest.mark.real_data
def test_flow_of_a_real_frame_that_is_shifted_is_the_shift(real_data):
    path = next((real_data / "videos").glob("v_BaseballPitch*.avi"))
    with VideoReader(path) as reader:
        frame = reader.frames(0, 1, size=(128, 170))[0]
    for dx, dy in ((3, 0), (-3, 0), (0, 2), (1, -2)):
        shifted = np.roll(frame, (dy, dx), axis=(0, 1))
        found = in_pixels(as_bytes(compute_flow(np.stack([frame, shifted]), "dis"), 20.0), 20.0)[0]
        assert np.linalg.norm(np.median(found[10:-10, 10:-10], axis=(0, 1)) - (dx, dy)) < 0.25
