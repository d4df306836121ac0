"""Datasets played in another order: frames, flow and pairs of both."""

import numpy as np
import pytest
import torch

from labkit.data import motion
from labkit.data.datasets import VideoDataset, open_dataset
from labkit.data.flow import as_bytes, compute_flow
from labkit.data.order import Played, Reordered
from labkit.data.transforms import EvalTransform
from labkit.models import create_model
from labkit.training import evaluate

pytest.importorskip("cv2")
SPEC = motion.CLIP.but(frames=8, stride=1, size=64)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> VideoDataset:
    """Frames at the size of the file, so that the kept flow is that of the frames shown."""
    root = motion.generate(tmp_path_factory.mktemp("motion") / "made", videos=24, progress=False)
    return open_dataset("motion", root, "test", spec=SPEC, sampling="centre", flow="dis", progress=False)


def test_a_pair_played_forward_is_the_pair(pairs):
    (rgb, flow), label, row = Played(pairs, "forward")[3]
    (true_rgb, true_flow), true_label, true_row = pairs[3]
    assert torch.equal(rgb, true_rgb)
    assert torch.equal(flow, true_flow)
    assert (label, row) == (true_label, true_row)


def test_the_flow_of_a_pair_played_backwards_is_near_the_flow_of_the_frames_backwards(pairs):
    """Inside the glyph, at the fields between the clip's own frames; the flow of the file's next frame is not shown."""
    off, lengths = [], []
    for item in range(len(pairs)):
        (frames, fields), _, _ = Played(pairs, "reversed")[item]
        shown = frames.permute(0, 2, 3, 1).numpy()
        made = as_bytes(compute_flow(shown, "dis"), 20.0)
        moving = (shown[:-1].max(axis=-1) > 90) & (shown[1:].max(axis=-1) > 90)
        played = fields.permute(0, 2, 3, 1).numpy()[1:]  # the first one belongs to the frame after the clip
        off.append(np.abs(played.astype(int) - made.astype(int)).max(axis=-1)[moving])
        lengths.append(np.abs(made.astype(int) - 128).max(axis=-1)[moving])
    assert np.median(np.concatenate(off)) <= 2  # of 127 bytes for 20 pixels
    assert np.median(np.concatenate(lengths)) > 4


def test_a_frozen_pair_repeats_one_frame_and_does_not_move(pairs):
    (rgb, flow), _, _ = Played(pairs, "frozen")[0]
    assert torch.equal(rgb, pairs[0][0][0][4].expand_as(rgb))
    assert (flow == 128).all()


def test_shuffled_frames_and_fields_are_the_same_ones_in_one_order_of_each_item(pairs):
    played = Played(pairs, "shuffled")
    (rgb, flow), _, _ = played[0]
    for mixed, whole in zip((rgb, flow), pairs[0][0], strict=True):
        assert not torch.equal(mixed, whole)
        assert sorted(frame.flatten().tolist() for frame in mixed) == sorted(f.flatten().tolist() for f in whole)
    assert torch.equal(played[0][0][0], rgb)


def test_one_stream_alone_is_played_as_in_the_pair(pairs):
    (rgb, flow), _, _ = Played(pairs, "reversed")[0]
    assert torch.equal(Played(pairs.stream("rgb"), "reversed")[0][0], rgb)
    assert torch.equal(Played(pairs.stream("flow"), "reversed")[0][0], flow)


def test_evaluation_of_a_clip_network_is_that_of_the_transform_in_this_order(pairs):
    clips = pairs.stream("rgb")
    torch.manual_seed(0)
    network = create_model("resnet18", num_classes=12, width=4, clip=clips.spec)
    played = evaluate(network, Played(clips, "reversed"), progress=False)
    transformed = evaluate(
        network, clips.with_transform(Reordered(EvalTransform(clips.spec), "reversed")), progress=False
    )
    assert np.array_equal(played.scores, transformed.scores)


def test_an_unknown_order_names_the_nearest(pairs):
    with pytest.raises(ValueError, match="no order 'reverse'; did you mean 'reversed'"):
        Played(pairs, "reverse")
