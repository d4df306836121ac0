"""What fit and evaluate promise, apart from resuming."""

import warnings

import numpy as np
import pytest
import torch
from tiny_training import SPEC, Tiny, tiny_model
from torch import nn
from torch.nn import functional as F

from labkit.records import HISTORY_COLUMNS, History
from labkit.training import evaluate, fit, pick_device
from labkit.training.batches import EpochBatches
from labkit.training.evaluate import mean_by_row
from labkit.training.meter import Meter
from labkit.training.schedule import SCHEDULES, learning_rates

QUIET = {"batch_size": 6, "progress": False, "device": "cpu"}


# ---------------------------------------------------------------- the loop


def test_a_network_learns_the_greys():
    history = fit(tiny_model(dropout=0.0), Tiny(), Tiny(12, seed=1), epochs=8, lr=0.05, nesterov=True, **QUIET)
    rows = history.table[history.table["split"] == "val"]
    assert rows["top1"].iloc[-1] > 0.9
    assert rows["loss"].iloc[-1] < rows["loss"].iloc[0]


def test_one_epoch_equals_a_loop_written_by_hand():
    model, twin, data = tiny_model(dropout=0.0), tiny_model(dropout=0.0), Tiny(12)
    history = fit(model, data, epochs=1, lr=0.1, weight_decay=1e-3, seed=4, statistics="running", **QUIET)
    optimiser = torch.optim.SGD(twin.parameters(), 0.1, momentum=0.9, dampening=0.9, weight_decay=1e-3)
    order = np.arange(12)
    np.random.default_rng((4, 1)).shuffle(order)
    losses = []
    for part in (order[:6], order[6:]):
        items = [data[(1, int(i))] for i in part]
        clips = torch.stack([clip for clip, _, _ in items]).transpose(1, 2).float()  # (B, C, T, H, W)
        loss = F.cross_entropy(twin((clips - 127.5) / 60), torch.tensor([label for _, label, _ in items]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, twin.state_dict()[name], rtol=1e-4, atol=1e-6, msg=name)
    assert history.table["live_loss"].item() == pytest.approx(np.mean(losses))


def test_a_history_has_a_row_per_epoch_and_split_at_clip_level():
    table = fit(tiny_model(), Tiny(13), Tiny(5), epochs=3, val_every=2, name="mine", **QUIET).table
    assert list(table.columns) == list(HISTORY_COLUMNS)
    assert list(zip(table["epoch"], table["split"], strict=True)) == [
        (1, "train"), (2, "train"), (2, "val"), (3, "train"), (3, "val"),
    ]  # fmt: skip
    assert set(table["level"]) == {"clip"}
    assert set(table["run"]) == {"mine"}
    assert set(table["clips"]) == {13, 5}


def test_updates_end_inside_an_epoch():
    table = fit(tiny_model(), Tiny(24), updates=6, **QUIET).table
    assert table["clips"].tolist() == [24, 12]


def test_files_of_a_run(tmp_path):
    history = fit(tiny_model(), Tiny(12), Tiny(6), epochs=2, folder=tmp_path, **QUIET)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "best.safetensors", "checkpoint.safetensors", "history.jsonl",
    ]  # fmt: skip
    assert History.read(tmp_path / "history.jsonl").table.equals(history.table)


def test_best_weights_are_those_of_the_best_validation(tmp_path):
    from labkit.models import open_trained

    val = Tiny(12, seed=1, sampling="centre")
    history = fit(tiny_model(), Tiny(), val, epochs=5, lr=0.05, folder=tmp_path, **QUIET)
    best = open_trained(tmp_path / "best.safetensors")  # the file says which network it is
    assert (best.model, best.classes, best.clip) == ("resnet10", val.classes, val.spec)
    assert evaluate(best.network, val, level="clip", device="cpu", progress=False).accuracy() == history.best()["top1"]


def test_the_callers_random_state_is_left_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    fit(tiny_model(seed=3), Tiny(12), epochs=1, **QUIET)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    model = tiny_model(seed=3)
    torch.manual_seed(3)
    fit(model, Tiny(12), epochs=1, **QUIET)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(torch.rand(1), expected)


def test_the_same_seed_gives_the_same_weights_with_or_without_workers():
    weights = []
    for workers in (0, 2):
        model = tiny_model()
        fit(model, Tiny(20), epochs=2, workers=workers, seed=7, **QUIET)
        weights.append(model.state_dict())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_an_image_network_reads_single_frames():
    spec = SPEC.but(frames=1)
    torch.manual_seed(0)
    from labkit.models import create_model

    model = create_model("resnet18_2d", num_classes=3, width=4, clip=spec)
    history = fit(model, Tiny(12, spec=spec), epochs=1, **QUIET)
    assert np.isfinite(history.table["live_loss"]).all()


# ---------------------------------------------------------------- the parts


def test_every_clip_once_an_epoch_in_an_order_of_its_own():
    batches = EpochBatches(20, 6, seed=1)
    orders = []
    for epoch in (1, 2):
        batches.begin(epoch)
        pairs = [pair for batch in batches for pair in batch]
        assert {e for e, _ in pairs} == {epoch}
        orders.append([i for _, i in pairs])
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(20))
    assert orders[0] != orders[1]


def test_an_epoch_begun_inside_gives_the_rest_of_it():
    batches = EpochBatches(20, 6, seed=1)
    batches.begin(3)
    whole = list(batches)
    batches.begin(3, 2)
    assert list(batches) == whole[2:]
    batches.begin(3, 1, 3)
    assert list(batches) == whole[1:3]


@pytest.mark.parametrize(("clips", "sizes"), [(12, [6, 6]), (13, [6, 7]), (14, [6, 6, 2]), (1, [1])])
def test_one_clip_that_remains_joins_the_batch_before_it(clips, sizes):
    batches = EpochBatches(clips, 6)
    assert [len(batch) for batch in batches] == sizes
    assert len(batches) == len(sizes)


def test_the_meter_agrees_with_counting_by_hand():
    generator = torch.Generator().manual_seed(0)
    meter, logits = Meter(torch.device("cpu"), 7), torch.randn(30, 7, generator=generator)
    labels = torch.randint(7, (30,), generator=generator)
    for part in (slice(0, 20), slice(20, 30)):
        meter.add(F.cross_entropy(logits[part], labels[part]), logits[part], labels[part])
    ranks = (logits > logits.gather(1, labels[:, None])).sum(1)
    means = meter.means()
    assert means["top1"] == pytest.approx((ranks < 1).float().mean().item())
    assert means["top5"] == pytest.approx((ranks < 5).float().mean().item())
    assert means["loss"] == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-5)
    assert means["clips"] == 30


def test_a_plateau_divides_the_rate_by_ten_after_ten_epochs_without_progress():
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = SCHEDULES["plateau"].build(optimiser, 0.1, 100)
    rates = []
    for _ in range(13):
        optimiser.step()
        scheduler.step(1.0)
        rates.append(optimiser.param_groups[0]["lr"])
    assert rates[:11] == [0.1] * 11
    assert rates[11] == pytest.approx(0.01)


def test_one_cycle_rises_to_its_rate_and_falls_to_almost_nothing():
    rates = learning_rates("onecycle", lr=0.05, updates=100)
    assert max(rates) == pytest.approx(0.05)
    assert rates.index(max(rates)) in (28, 29, 30)
    assert rates[-1] < 1e-5
    assert set(learning_rates("constant", lr=0.3, updates=4)) == {0.3}


# ---------------------------------------------------------------- evaluation


def test_a_cycle_of_one_update_learns_too():
    assert learning_rates("onecycle", lr=0.1, updates=1) == [pytest.approx(0.081, abs=0.001)]
    model = tiny_model()
    before = model.fc.weight.clone()
    fit(model, Tiny(3), updates=1, schedule="onecycle", **{**QUIET, "batch_size": 3})
    assert not torch.equal(model.fc.weight, before)


def test_a_videos_score_is_the_mean_over_its_windows():
    model, data = tiny_model(), Tiny(7, sampling="windows")
    clips = evaluate(model, data, level="clip", batch_size=4, device="cpu", progress=False)
    videos = evaluate(model, data, level="video", batch_size=4, device="cpu", progress=False)
    assert (clips.level, videos.level) == ("clip", "video")
    assert videos.clips.tolist() == [1, 2, 3, 1, 2, 3, 1]
    assert len(clips.videos) == len(data) == 13
    for i, video in enumerate(videos.videos):
        rows = [j for j, name in enumerate(clips.videos) if name == video]
        np.testing.assert_allclose(videos.scores[i], clips.scores[rows].mean(0), rtol=1e-6)
    np.testing.assert_allclose(videos.scores.sum(1), 1, rtol=1e-5)


def test_means_by_row_do_not_need_rows_in_order():
    scores = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], dtype=np.float32)
    mean, labels, rows, counts = mean_by_row(scores, np.array([5, 2, 5]), np.array([8, 3, 8]))
    assert mean.tolist() == [[0, 1], [0.5, 0.5]]
    assert (labels.tolist(), rows.tolist(), counts.tolist()) == ([2, 5], [3, 8], [1, 2])


def test_evaluation_does_not_change_the_model():
    model = tiny_model().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    evaluate(model, Tiny(5, sampling="centre"), device="cpu", progress=False)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


# ---------------------------------------------------------------- what does not fit is said before work starts


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "epochs=... or updates=..., one of the two"),
        ({"epochs": 1, "updates": 1}, "one of the two"),
        ({"epochs": 0}, "epochs must be at least 1, not 0"),
        ({"epochs": 1, "batch_size": 0}, "batch_size must be at least 1"),
        ({"epochs": 1, "schedule": "platteau"}, "did you mean 'plateau'"),
        ({"epochs": 1, "precision": "fp16"}, "unknown precision 'fp16'"),
        ({"epochs": 1, "device": "cdua"}, "did you mean 'cuda'.*This machine has.*cpu"),
    ],
)
def test_arguments_that_do_not_fit(options, words):
    with pytest.raises(ValueError, match=words):
        fit(tiny_model(), Tiny(12), **{**QUIET, **options})


def test_an_empty_dataset():
    with pytest.raises(ValueError, match="the training set is empty"):
        fit(tiny_model(), Tiny(0), epochs=1, **QUIET)


def test_a_label_outside_the_classes():
    data = Tiny(12)
    data.table.loc[3, "label"] = 3
    with pytest.raises(ValueError, match="label 3 in the training set is outside the list of 3 classes"):
        fit(tiny_model(), data, epochs=1, **QUIET)


def test_another_number_of_classes():
    data = Tiny(12)
    data.classes = ("dark", "bright")
    data.table["label"] %= 2
    with pytest.raises(ValueError, match="answers with 3 classes, the training set has 2"):
        fit(tiny_model(), data, epochs=1, **QUIET)


def test_training_and_validation_with_other_classes():
    val = Tiny(6)
    val.classes = val.classes[::-1]
    with pytest.raises(ValueError, match="are not the validation set's"):
        fit(tiny_model(), Tiny(12), val, epochs=1, **QUIET)


def test_another_number_of_channels():
    spec = SPEC.but(mean=(0.0, 0.0), std=(1.0, 1.0))
    with pytest.raises(ValueError, match="cannot read a batch"), pytest.warns(UserWarning, match="other clips"):
        fit(tiny_model(), Tiny(12, spec=spec), epochs=1, **QUIET)


def test_clips_of_another_size_than_the_models_are_said():
    with pytest.warns(UserWarning, match="size 16 there, 32 here"):
        fit(tiny_model(), Tiny(6, spec=SPEC.but(size=32)), epochs=1, **QUIET)


def test_fewer_clips_than_a_batch_are_said_and_trained():
    with pytest.warns(UserWarning, match="batch_size is 32, but there are 3 clips"):
        history = fit(tiny_model(), Tiny(3), epochs=2, **{**QUIET, "batch_size": 32})
    assert history.table["clips"].tolist() == [3, 3]


def test_one_clip_alone_cannot_be_normalised_over_a_batch():
    with pytest.raises(
        ValueError, match="the training set has one clip, and this network needs two clips to learn from"
    ):
        fit(tiny_model(), Tiny(1), epochs=1, **QUIET)
    with pytest.raises(ValueError, match="batch_size is 1, and this network needs two clips to learn from"):
        fit(tiny_model(), Tiny(6), epochs=1, **{**QUIET, "batch_size": 1})


def test_batches_of_one_train_a_network_that_can_read_them():
    clips = SPEC.but(size=64)  # large enough for several values a channel at the end of the network
    history = fit(tiny_model(clip=clips), Tiny(3, spec=clips), epochs=1, **{**QUIET, "batch_size": 1})
    assert history.table["clips"].tolist() == [3]


def test_video_level_over_random_clips_is_refused():
    with pytest.raises(ValueError, match="with_sampling"):
        evaluate(tiny_model(), Tiny(6), device="cpu", progress=False)


def test_a_device_that_is_not_there():
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(RuntimeError, match=r"no CUDA device. This machine has .*cpu"):
        pick_device("cuda")


def test_the_devices_of_this_machine_can_be_picked():
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device("auto").type in ("cpu", "cuda", "mps")


def test_a_matching_run_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(tiny_model(), Tiny(12), Tiny(6), epochs=1, **QUIET)
