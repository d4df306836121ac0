"""Training and evaluation on pairs (rgb, flow): networks of two streams learn from both, and clear words meet the rest."""

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_training import CLASSES, SPEC, Tiny, tiny_model
from torch import nn

from labkit.clip import FLOW_MEAN, FLOW_STD, ClipSpec
from labkit.data import motion
from labkit.data.datasets import open_dataset
from labkit.data.two_streams import flow_of
from labkit.data.video_file import VideoError
from labkit.models import create_model
from labkit.models.profile import profile, totals
from labkit.training import evaluate, fit
from labkit.training.batches import split
from labkit.training.checkpoint import CheckpointError

FLOW = ClipSpec(frames=8, size=16, mean=FLOW_MEAN, std=FLOW_STD)


class Pairs(Tiny):
    """Beside each clip of `Tiny`, flow to the left, nowhere or to the right: its class, whatever the frames show."""

    def __init__(self, clips: int = 24, *, flow: ClipSpec = FLOW, **options):
        super().__init__(clips, **options)
        self.flow = flow

    def __getitem__(self, key):
        clip, label, row = super().__getitem__(key)
        rng = np.random.default_rng((self.seed, row))
        fields = rng.normal(0, 4, (self.flow.frames, 2, self.flow.size, self.flow.size))
        fields[:, 0] += 40 * (label - 1)
        return (clip, torch.from_numpy((fields + 128).clip(1, 255).astype(np.uint8))), label, row


class FlowDecides(Pairs):
    """All frames are noise: a network that does not see the flow can learn the clips by heart, and knows no others."""

    def __getitem__(self, key):
        (clip, flow), label, row = super().__getitem__(key)
        noise = np.random.default_rng((self.seed, row, 1)).integers(60, 180, clip.shape, dtype=np.uint8)
        return (torch.from_numpy(noise), flow), label, row


def two_streams(name="two_stream_i3d", *, flow: ClipSpec = FLOW, clip: ClipSpec = SPEC, **options) -> nn.Module:
    torch.manual_seed(0)
    return create_model(name, num_classes=3, width=8, clip=clip, flow=flow, dropout=0.0, **options)


def test_two_streams_learn_what_only_the_flow_tells():
    model, new = two_streams(), FlowDecides(12, seed=1)
    fit(model, FlowDecides(96), epochs=8, batch_size=16, lr=0.02, schedule="constant", progress=False)
    assert evaluate(model, new, level="clip", progress=False).accuracy() > 0.9


@pytest.mark.parametrize("name", ["two_stream", "fused_two_stream", "st_multiplier"])
def test_networks_with_stacks_train_on_pairs(name):
    flow = FLOW.but(frames=SPEC.frames * 2)
    model = two_streams(name, flow=flow, stack=2)
    history = fit(model, Pairs(6, flow=flow), Pairs(5, flow=flow), updates=2, batch_size=3, progress=False)
    assert np.isfinite(history.table["loss"]).all()


def test_a_batch_of_pairs_is_counted_by_its_clips():
    """A pair is two tensors, and a batch of five pairs is five clips."""
    history = fit(two_streams(), Pairs(5), Pairs(3), epochs=1, batch_size=5, progress=False)
    assert history.table.set_index("split")["clips"].to_dict() == {"train": 5, "val": 3}


def test_pairs_are_normalised_each_as_its_spec_says():
    seen = []

    class Listener(nn.Module):
        def __init__(self):
            super().__init__()
            self.clip, self.flow, self.fc = SPEC, FLOW, nn.Conv3d(5, 3, 1)

        def forward(self, pair):
            rgb, flow = pair
            seen.append(pair)
            return self.fc(torch.cat([rgb, flow[:, :, ::2]], 1)).mean((2, 3, 4))

    data = Pairs(2)
    evaluate(Listener(), data, level="clip", progress=False)
    rgb, flow = seen[-1]
    (clip, fields), *_ = data[0]
    torch.testing.assert_close(rgb[0], ((clip.float() - 127.5) / 60).transpose(0, 1))
    torch.testing.assert_close(flow[0], ((fields.float() - 128) / 127).transpose(0, 1))


def test_a_stopped_training_on_pairs_goes_on_to_the_same_weights(tmp_path):
    whole, parts = two_streams(), two_streams()
    options = {"batch_size": 4, "lr": 0.02, "schedule": "constant", "progress": False}
    fit(whole, Pairs(8), epochs=2, **options)
    fit(parts, Pairs(8), epochs=1, folder=tmp_path, **options)
    fit(parts, Pairs(8), epochs=2, folder=tmp_path, **options)
    for a, b in zip(whole.state_dict().values(), parts.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_going_on_with_other_flow_is_refused(tmp_path):
    options = {"batch_size": 4, "folder": tmp_path, "progress": False, "schedule": "constant"}
    fit(two_streams(), Pairs(8), epochs=1, **options)
    other = FLOW.but(stride=2)
    with pytest.raises(CheckpointError, match=r"flow .*'stride': 1.* then and .*'stride': 2.* now"):
        fit(two_streams(flow=other), Pairs(8, flow=other), epochs=2, **options)


def test_a_pair_that_cannot_be_read_is_left_out_of_its_batch():
    class Damaged(Pairs):
        on_error = "skip"

        def __getitem__(self, key):
            if (key[1] if isinstance(key, tuple) else key) == 2:
                raise VideoError("v2.avi", "it is damaged")
            return super().__getitem__(key)

    with pytest.warns(UserWarning, match="1 of 6 clips could not be read"):
        history = fit(two_streams(), Damaged(6), epochs=1, batch_size=3, schedule="constant", progress=False)
    assert history.table["clips"].iloc[-1] == 5


def test_a_batch_of_pairs_is_split_into_pairs():
    rgb, flow = torch.arange(5), torch.arange(10, 15)
    parts = [[stream.tolist() for stream in part] for part in split([rgb, flow], 2)]
    assert parts == [[[0, 1, 2], [10, 11, 12]], [[3, 4], [13, 14]]]
    assert [part.tolist() for part in split(rgb, 2)] == [[0, 1, 2], [3, 4]]


def test_the_head_of_two_streams_trains_alone_on_parts_of_a_batch_of_pairs():
    model = two_streams()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    options = {"accumulate": 2, "trained": "head", "statistics": "running", "progress": False}
    history = fit(model, Pairs(8), updates=1, batch_size=8, **options)
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {name for name in before if name.startswith(model.head)}
    assert history.table["clips"].tolist() == [8]


def test_pairs_for_a_network_of_clips_are_refused_with_the_way_out():
    with pytest.raises(ValueError, match=r'^ResNet reads clips, and the training set gives pairs .*stream\("flow"\)'):
        fit(tiny_model(), Pairs(6), epochs=1, progress=False)
    with pytest.raises(ValueError, match=r"^ResNet reads clips, and the dataset gives pairs"):
        evaluate(tiny_model(), Pairs(6), level="clip", progress=False)


def test_clips_for_a_network_of_pairs_are_refused_with_the_way_out():
    with pytest.raises(ValueError, match=r"^TwoStream reads pairs .*the training set gives clips: .*with_flow\(spec="):
        fit(two_streams(), Tiny(6), epochs=1, progress=False)
    with pytest.raises(ValueError, match="the validation set gives clips"):
        fit(two_streams(), Pairs(6), Tiny(6), epochs=1, progress=False)


def test_flow_of_another_kind_than_the_networks_is_warned_of():
    with pytest.warns(UserWarning, match=r"made for other flow than these \(frames 8 there, 6 here\)"):
        evaluate(two_streams(), Pairs(3, flow=FLOW.but(frames=6)), level="clip", progress=False)


def test_flow_that_makes_no_whole_stacks_is_refused_before_training():
    model = two_streams("two_stream", flow=FLOW.but(frames=3), stack=3)
    with (
        pytest.warns(UserWarning, match="frames 3 there, 8 here"),
        pytest.raises(ValueError, match="stacks of 3 flow fields: 8 do not fill whole stacks"),
    ):
        fit(model, Pairs(4), epochs=1, batch_size=2, progress=False)


def test_a_stream_by_itself_trains_on_flow_alone():
    class FlowAlone(Tiny):
        def __getitem__(self, key):
            (_, flow), label, row = Pairs(24)[key]
            return flow, label, row

    alone, model = FlowAlone(24, spec=FLOW), two_streams().flow_stream
    fit(model, alone, epochs=6, batch_size=8, lr=0.02, schedule="constant", progress=False)
    assert evaluate(model, alone, level="clip", progress=False).accuracy() > 0.9


def test_two_streams_are_profiled_and_exported_on_pairs():
    model = two_streams().eval()
    counted = totals(profile(model, (SPEC.shape, FLOW.shape)))
    assert counted["parameters"] == sum(p.numel() for p in model.parameters())
    pair = (torch.randn(2, *SPEC.shape), torch.randn(2, *FLOW.shape))
    exported = torch.export.export(model, (pair,)).module()
    torch.testing.assert_close(exported(pair), model(pair))
    assert len(CLASSES) == exported(pair).shape[1]


@pytest.mark.slow
def test_the_examples_of_the_documentation_run():
    pytest.importorskip("cv2")
    root = motion.generate(videos=24, progress=False)
    names = {
        "open_dataset": partial(open_dataset, root=root, limit=1, progress=False),
        "fit": partial(fit, batch_size=4, progress=False),
        **{"CLIP": motion.CLIP, "create_model": create_model, "flow_of": flow_of},
    }
    text = (Path(__file__).parents[2] / "docs" / "flow.md").read_text(encoding="utf-8")
    first, second, _ = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    exec(first, names)
    exec(second, names)
    rgb, fields = names["pairs"][0][0]
    assert (len(rgb), len(fields), names["model"].stack) == (4, 16, 4)
    assert evaluate(names["model"], names["pairs"], level="clip", progress=False).scores.shape == (12, 12)
