"""Each protocol does what it says: read back from the optimiser, the schedule, the batches, the crops and the scores."""

import dataclasses
import html
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_training import SPEC, Tiny, tiny_model
from torch.optim.optimizer import register_optimizer_step_pre_hook

from labkit.clip import ClipSpec
from labkit.data.datasets import open_dataset
from labkit.data.encode import write_video
from labkit.data.transforms import TrainTransform
from labkit.models import create_model
from labkit.training import evaluate, find_protocol, fit, learning_rates
from labkit.training.checkpoint import CheckpointError, load
from labkit.training.protocol import LINES
from labkit.training.protocols import PROTOCOLS

QUIET = {"progress": False, "device": "cpu"}
HEIGHT, WIDTH, FRAMES = 60, 80, 9  # of the videos below
ACTIVITYNET = (114.7748, 107.7354, 99.4750)

HARA = {
    "numbers": {"lr": 0.1, "momentum": 0.9, "dampening": 0.9, "nesterov": False, "weight_decay": 1e-3},
    "rates": [0.1] * 3,
    "schedule": {"factor": 0.1, "patience": 10, "mode": "min"},
    "batch": 128,
    "length": {"epochs": 200, "updates": None},
    "clip": (16, 112, 1, None),
    "trained": ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4", "fc"),
    "range": ([-mean for mean in ACTIVITYNET], [255 - mean for mean in ACTIVITYNET]),
    "scales": [1, 2**-0.25, 2**-0.5, 2**-0.75, 0.5],
    "places": {(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (0.5, 0.5)},
    "flips": (0.35, 0.65),
    "windows": 2,  # of 4 frames in 9: the one left over is left out
}
I3D = {
    "numbers": {"lr": 0.1, "momentum": 0.9, "dampening": 0.0, "nesterov": False, "weight_decay": 1e-7},
    "rates": [0.1] * 3,
    "schedule": {"gamma": 0.1},
    "batch": 384,
    "length": {"epochs": None, "updates": 115_000},
    "clip": (64, 224, 1, 25.0),
    "trained": ("Conv3d", "Mixed", "logits"),
    "range": ([-1.0] * 3, [1.0] * 3),
    "scales": [7 / 8],
    "places": None,
    "flips": (0.35, 0.65),
    "windows": 1,
}
TRANSFER = {
    **I3D,
    "numbers": {**I3D["numbers"], "lr": 0.01},
    "rates": [0.01] * 3,
    "schedule": HARA["schedule"],
    "batch": 96,
    "length": {"epochs": None, "updates": 5_000},
}
PROMISED = {
    "hara_scratch": HARA,
    "hara_finetune": {
        **HARA,
        "numbers": {**HARA["numbers"], "lr": 1e-3, "weight_decay": 1e-5},
        "rates": [1e-3] * 3,
        "trained": ("layer4", "fc"),
    },
    "i3d_scratch": I3D,
    "i3d_fixed": {**TRANSFER, "trained": ("logits",)},
    "i3d_finetune": TRANSFER,
    "laptop": {
        **HARA,
        "numbers": {"lr": 0.05, "momentum": 0.9, "dampening": 0.0, "nesterov": True, "weight_decay": 1e-3},
        "rates": learning_rates("onecycle", lr=0.05, updates=3),
        "schedule": {"total_steps": 3},
        "batch": 32,
        "length": {"epochs": 6, "updates": None},
        "clip": (8, 32, 2, None),
        "range": ([-35 / 42.8, -34.5 / 39.6, -33.9 / 40.6], [220 / 42.8, 220.5 / 39.6, 221.1 / 40.6]),
        "scales": [1],
        "places": {(0.5, 0.5)},
        "flips": (0, 0),
        "windows": 3,
    },
    "phone": {
        **HARA,
        "numbers": {"lr": 0.02, "momentum": 0.9, "dampening": 0.0, "nesterov": True, "weight_decay": 1e-3},
        "rates": learning_rates("onecycle", lr=0.02, updates=3),
        "schedule": {"total_steps": 3},
        "batch": 16,
        "length": {"epochs": None, "updates": 400},
        "clip": (16, 56, 1, 10.0),
        "range": ([-114 / 60, -108 / 60, -100 / 60], [141 / 60, 147 / 60, 155 / 60]),
        "windows": 1,
    },
}


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Two classes of stripes, black and white, so that every crop holds the darkest and the brightest pixels."""
    root = tmp_path_factory.mktemp("stripes")
    for subset, count in (("train", 6), ("test", 1)):
        for label, side in (("down", 15), ("across", 10)):
            stripe = np.indices((HEIGHT, WIDTH))[int(label == "across")] // side % 2 * 255
            frames = np.broadcast_to(stripe.astype(np.uint8)[None, :, :, None], (FRAMES, HEIGHT, WIDTH, 3))
            for number in range(count):
                write_video(root / subset / label / f"{number}.mp4", frames.copy(), crf=1)
    return root


def miniature(name):
    """The protocol with its clip made small, and a batch that the videos suffice for."""
    full = find_protocol(name)
    return full.but(clip=full.clip.but(frames=4, stride=1, size=16, fps=full.clip.fps), batch_size=4, updates=3)


def network(name, spec):
    torch.manual_seed(0)
    builder = "i3d" if name.startswith("i3d") else "resnet10"
    return create_model(builder, num_classes=2, width=4, clip=spec)


@pytest.mark.parametrize("name", PROMISED)
def test_three_steps_do_what_the_protocol_says(name, videos, tmp_path):
    protocol, promised = miniature(name), PROMISED[name]
    train = open_dataset("folder", videos, "train", progress=False, **protocol.clips("train"))
    val = open_dataset("folder", videos, "test", progress=False, **protocol.clips("val"))
    model = network(name, protocol.clip)
    groups, batches, rates, decayed = [], [], [], set()

    def look(optimiser, *_):
        (group,) = optimiser.param_groups
        groups.append({key: group[key] for key in promised["numbers"] if key != "lr"})
        rates.append(group["lr"])
        of_group = {*group["params"]}
        decayed.update(key for key, parameter in model.named_parameters() if parameter in of_group)

    def keep(module, inputs):
        if module.training and not inputs[0].is_meta:
            batches.append(inputs[0].detach().clone())

    hooks = [register_optimizer_step_pre_hook(look), model.register_forward_pre_hook(keep)]
    fit(model, train, val, protocol=protocol, folder=tmp_path, statistics="running", **QUIET)
    for hook in hooks:
        hook.remove()
    numbers = {key: value for key, value in promised["numbers"].items() if key != "lr"}
    assert groups == [numbers] * 3
    assert rates == pytest.approx(promised["rates"])
    assert decayed == {key for key, _ in model.named_parameters() if key.startswith(promised["trained"])}
    schedule = load(tmp_path / "checkpoint.safetensors").parts["schedule"]
    assert {key: schedule[key] for key in promised["schedule"]} == promised["schedule"]
    assert [tuple(batch.shape) for batch in batches] == [(4, 3, 4, 16, 16)] * 3
    pixels = torch.cat(batches)
    lowest, highest = promised["range"]
    width = np.subtract(highest, lowest)
    np.testing.assert_allclose(pixels.amin((0, 2, 3, 4)).numpy() / width, np.divide(lowest, width), atol=0.03)
    np.testing.assert_allclose(pixels.amax((0, 2, 3, 4)).numpy() / width, np.divide(highest, width), atol=0.03)


@pytest.mark.parametrize("name", PROMISED)
def test_crops_scales_and_mirror_images_are_drawn_as_the_protocol_says(name, videos, monkeypatch):
    protocol, promised, boxes = miniature(name), PROMISED[name], []
    train = open_dataset("folder", videos, "train", progress=False, **protocol.clips("train"))
    draw = TrainTransform.draw
    monkeypatch.setattr(TrainTransform, "draw", lambda *a: boxes.append(draw(*a)) or boxes[-1])
    for epoch in range(15):
        for index in range(len(train)):
            train[(epoch, index)]
    assert len(boxes) == 15 * 12
    sides = {round(box.height / HEIGHT, 6) for box in boxes}
    assert sorted(sides) == pytest.approx(sorted(promised["scales"]), abs=1e-5)
    assert all(box.width == box.height for box in boxes)
    places = {
        (
            round(box.top / (HEIGHT - box.height), 6) if box.height < HEIGHT else None,
            round(box.left / (WIDTH - box.width), 6),
        )
        for box in boxes
    }
    if promised["places"] is None:
        assert len(places) > 100
        assert all(0 <= share <= 1 for place in places for share in place)
    else:
        known = promised["places"] | {(None, across) for _, across in promised["places"]}
        assert places <= known
        assert {across for _, across in places} == {across for _, across in promised["places"]}
    low, high = promised["flips"]
    assert low <= np.mean([box.flip for box in boxes]) <= high


@pytest.mark.parametrize("name", PROMISED)
def test_a_video_is_scored_by_the_windows_that_the_protocol_says(name, videos):
    protocol, promised = miniature(name), PROMISED[name]
    test = open_dataset("folder", videos, "test", progress=False, **protocol.clips("test"))
    predictions = evaluate(network(name, protocol.clip), test, **QUIET)
    assert predictions.level == "video"
    assert predictions.clips.tolist() == [promised["windows"]] * 2
    frames = [tuple(test[i][0].shape) for i in range(len(test))]
    length = FRAMES if protocol.inference == "whole" else 4
    assert frames == [(length, 3, 16, 16)] * len(test)


@pytest.mark.parametrize("name", PROMISED)
def test_batch_length_and_clip_are_those_that_were_published(name):
    protocol, promised = find_protocol(name), PROMISED[name]
    assert protocol.batch_size == promised["batch"]
    assert {key: getattr(protocol, key) for key in ("epochs", "updates")} == promised["length"]
    clip = protocol.clip
    assert (clip.frames, clip.size, clip.stride, clip.fps) == promised["clip"]


def test_there_is_a_promise_for_each_protocol():
    assert set(PROMISED) == set(PROTOCOLS)


# ---------------------------------------------------------------- the record


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_prints_as_a_table_with_a_source_per_line(name):
    protocol = find_protocol(name)
    assert all(source for _, _, source in protocol.rows())
    lines = str(protocol).splitlines()
    assert lines[0] == name
    assert len(lines) == 1 + len(LINES)
    page = html.unescape(protocol._repr_html_())
    assert all(text in page for row in protocol.rows() for text in row)


def test_what_is_not_in_the_papers_is_marked_unsure():
    sources = {what: source for what, _, source in find_protocol("i3d_fixed").rows()}
    assert sources["learning rate"].startswith("unsure")
    assert sources["batch"].startswith("unsure")


def test_a_table_is_escaped():
    page = find_protocol("laptop", trained="<script>")._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_a_protocol_is_frozen_and_a_changed_field_says_that_it_was_given():
    protocol = find_protocol("hara_finetune")
    with pytest.raises(dataclasses.FrozenInstanceError):
        protocol.lr = 3
    changed = {what: (value, source) for what, value, source in protocol.but(lr=0.01, epochs=7).rows()}
    assert changed["learning rate"] == ("0.01", "given by hand")
    assert changed["length"] == ("7 epochs", "given by hand")
    assert changed["weight decay"] == ("1e-05", "Hara et al. 2018, fine-tuning")
    assert (protocol.but(updates=5).epochs, protocol.but(updates=5).updates) == (None, 5)


def test_the_same_value_given_again_keeps_its_source():
    assert find_protocol("laptop").but(lr=0.05).rows() == find_protocol("laptop").rows()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: find_protocol("hara_finetun"),
            ValueError,
            "unknown protocol 'hara_finetun'; did you mean 'hara_finetune'",
        ),
        (lambda: find_protocol("zzz"), ValueError, "unknown protocol 'zzz'.*hara_scratch, hara_finetune, i3d_scratch"),
        (lambda: find_protocol("laptop", momentun=1), TypeError, "no field 'momentun'; did you mean 'momentum'"),
        (lambda: find_protocol("laptop", name="x"), TypeError, "no field 'name'"),
        (
            lambda: find_protocol("laptop", schedule="plato"),
            ValueError,
            "unknown schedule 'plato'; did you mean 'plateau'",
        ),
        (lambda: find_protocol("laptop", lr=-1), ValueError, "lr must be 0 or more, not -1"),
        (lambda: find_protocol("laptop", lr=math.nan), ValueError, "lr must be 0 or more, not nan"),
        (lambda: find_protocol("laptop", accumulate=0), ValueError, "accumulate must be at least 1, not 0"),
        (lambda: find_protocol("laptop", label_smoothing=1), ValueError, "label_smoothing is a share"),
        (lambda: find_protocol("laptop", clip_gradients=0), ValueError, "clip_gradients must be above 0"),
        (lambda: find_protocol("laptop").clips("tset"), ValueError, "unknown subset 'tset'"),
    ],
)
def test_what_a_protocol_is_not(call, error, words):
    with pytest.raises(error, match=words):
        call()


# ---------------------------------------------------------------- fit


def test_fit_refuses_an_unknown_protocol_with_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'laptop'"):
        fit(tiny_model(), Tiny(12), protocol="labtop", **QUIET)


@pytest.mark.filterwarnings("ignore:the training set is not cut")
def test_a_keyword_of_fit_takes_the_place_of_the_protocols_value(tmp_path):
    fit(tiny_model(), Tiny(12), protocol="laptop", batch_size=6, lr=0.01, updates=1, folder=tmp_path, **QUIET)
    settings = load(tmp_path / "checkpoint.safetensors").about["settings"]
    assert {key: settings[key] for key in ("protocol", "lr", "nesterov", "schedule", "batch_size")} == {
        "protocol": "laptop", "lr": 0.01, "nesterov": True, "schedule": "onecycle", "batch_size": 6,
    }  # fmt: skip


def test_a_protocol_gives_the_same_weights_as_its_values_given_by_hand():
    models = tiny_model(), tiny_model()
    protocol = find_protocol("laptop", clip=SPEC, batch_size=6, epochs=2)
    fit(models[0], Tiny(12), protocol=protocol, **QUIET)
    fit(models[1], Tiny(12), epochs=2, batch_size=6, lr=0.05, nesterov=True, schedule="onecycle", **QUIET)
    assert all(torch.equal(value, models[1].state_dict()[name]) for name, value in models[0].state_dict().items())


def test_clips_that_are_not_cut_as_the_protocol_says_are_said(videos):
    spec = ClipSpec(frames=4, size=16)
    train = open_dataset(
        "folder", videos, "train", spec=spec, transform=TrainTransform(spec, crop="centre"), progress=False
    )
    with pytest.warns(
        UserWarning,
        match=r"not cut as the protocol hara_scratch says \(frames 16 there, 4 here; size 112 th.*crop multiscale there, centre here",
    ):
        fit(network("hara_scratch", spec), train, protocol="hara_scratch", batch_size=4, updates=1, **QUIET)


@pytest.mark.filterwarnings("ignore:the training set is not cut")
def test_a_run_of_another_protocol_is_not_gone_on_with(tmp_path):
    common = {**QUIET, "batch_size": 6, "updates": 1, "folder": tmp_path}
    fit(tiny_model(), Tiny(12), protocol="hara_scratch", **common)
    with pytest.raises(CheckpointError, match=r"protocol hara_scratch then and laptop now, lr 0\.1 then and 0\.05 now"):
        fit(tiny_model(), Tiny(12), protocol="laptop", **common)
    fit(tiny_model(), Tiny(12), protocol="hara_scratch", **{**common, "updates": 2})


def test_the_documents_name_every_protocol():
    text = (Path(__file__).parents[2] / "docs/protocols.md").read_text(encoding="utf-8")
    assert all(re.search(rf"`{name}`", text) for name in PROTOCOLS)
