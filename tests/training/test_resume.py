"""A run that was killed and went on is, bit for bit, the run that was not."""

import json
import random
import resource
import signal
import sys

import pandas as pd
import pytest
import torch
from tiny_training import SPEC, Tiny, tiny_model

from labkit.records import History
from labkit.training import checkpoint, fit
from labkit.training.checkpoint import CheckpointError
from labkit.training.device import gains_from_bf16

UPDATES = 28  # 43 clips make 6 batches of 6 and one of 7; 4 epochs


def compared(folder):
    """Everything a finished run left that does not tell the time."""
    found = checkpoint.load(folder / "checkpoint.safetensors")
    history = History.read(folder / "history.jsonl").table.drop(columns="seconds")
    position = {key: value for key, value in found.about["position"].items() if key != "seconds"}
    return found.tensors, {**found.parts, "position": position}, history


def assert_same_run(one, other):
    (tensors, parts, history), (tensors2, parts2, history2) = compared(one), compared(other)
    assert tensors.keys() == tensors2.keys()
    assert any(name.startswith("optimiser.") for name in tensors)
    assert any("running_mean" in name for name in tensors)
    different = [name for name in tensors if not torch.equal(tensors[name], tensors2[name])]
    assert not different
    assert parts == parts2
    pd.testing.assert_frame_equal(history, history2, check_exact=True)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("schedule", ["onecycle", "plateau"])
def test_killed_inside_an_epoch_with_two_workers_and_dropout_then_resumed_equals_the_uninterrupted_run(
    tmp_path, train_elsewhere, schedule
):
    options = {"workers": 2, "schedule": schedule}
    whole = train_elsewhere(tmp_path / "whole", **options)
    assert whole.returncode == 0, whole.stderr
    first, second = random.randint(3, UPDATES - 8), random.randint(3, 6)  # a new pair of steps each time
    print("killed in update", first, "and, resumed, in update", second)
    for kill_at in (first, second):
        killed = train_elsewhere(tmp_path / "killed", **options, kill_at=kill_at)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert train_elsewhere(tmp_path / "killed", **options).returncode == 0
    assert_same_run(tmp_path / "whole", tmp_path / "killed")
    assert (tmp_path / "whole/best.safetensors").read_bytes() == (tmp_path / "killed/best.safetensors").read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot send itself Ctrl-C on Windows")
def test_ctrl_c_saves_and_says_in_one_line_how_to_go_on(tmp_path, train_elsewhere):
    stopped = train_elsewhere(tmp_path / "stopped", workers=2, interrupt_at=11, checkpoint_every=1000)
    assert stopped.returncode != 0
    assert stopped.stderr.count("To go on from there, call fit again") == 1
    assert "Error" not in stopped.stderr.replace("TrainingInterrupted", "")
    assert len(stopped.stderr.splitlines()) <= 12
    assert checkpoint.load(tmp_path / "stopped/checkpoint.safetensors").about["position"]["updates"] == 11
    assert train_elsewhere(tmp_path / "stopped", workers=2, checkpoint_every=1000).returncode == 0
    assert train_elsewhere(tmp_path / "whole", workers=2, checkpoint_every=1000).returncode == 0
    assert_same_run(tmp_path / "whole", tmp_path / "stopped")


def test_a_notebook_shows_one_line_after_ctrl_c(tmp_path, monkeypatch):
    from IPython.core.interactiveshell import InteractiveShell

    shown = []
    shell = InteractiveShell()
    monkeypatch.setattr(shell, "_showtraceback", lambda kind, value, lines: shown.append(lines))
    shell.user_ns.update(folder=str(tmp_path))
    cell = """
import signal
from labkit.training import fit
from tiny_training import Tiny, signal_at, tiny_model
model = tiny_model()
signal_at(model, 3, signal.SIGINT)
fit(model, Tiny(), epochs=2, batch_size=6, progress=False, device="cpu", folder=folder)
"""
    shell.run_cell(cell)
    [[line]] = shown
    assert line.startswith("run: stopped in epoch 1 of 2, after update 3. To go on")


def test_resuming_a_finished_run_trains_no_further_and_gives_its_history(tmp_path):
    first = fit(tiny_model(), Tiny(), epochs=2, batch_size=6, folder=tmp_path, progress=False, device="cpu")
    model = tiny_model(seed=5)
    again = fit(model, Tiny(), epochs=2, batch_size=6, folder=tmp_path, progress=False, device="cpu")
    pd.testing.assert_frame_equal(first.table, again.table)
    stored = checkpoint.load(tmp_path / "checkpoint.safetensors").section("model")
    assert all(torch.equal(value, stored[name]) for name, value in model.state_dict().items())


def test_more_epochs_go_on_from_where_a_finished_run_stopped(tmp_path):
    common = {"batch_size": 6, "progress": False, "device": "cpu", "schedule": "constant"}
    fit(tiny_model(), Tiny(), epochs=1, folder=tmp_path / "in two", **common)
    fit(tiny_model(), Tiny(), epochs=2, folder=tmp_path / "in two", **common)
    fit(tiny_model(), Tiny(), epochs=2, folder=tmp_path / "at once", **common)
    assert_same_run(tmp_path / "in two", tmp_path / "at once")


def test_resume_false_starts_over(tmp_path):
    common = {"batch_size": 6, "progress": False, "device": "cpu", "folder": tmp_path}
    fit(tiny_model(), Tiny(), epochs=2, lr=0.01, **common)
    history = fit(tiny_model(), Tiny(), epochs=1, lr=0.02, resume=False, **common)
    assert history.table["epoch"].tolist() == [1]
    assert len(History.read(tmp_path / "history.jsonl").table) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lr": 0.2}, "lr 0.1 then and 0.2 now"),
        ({"train": Tiny(42)}, "training set 43 clips"),
        ({"train": Tiny(spec=SPEC.but(stride=2))}, "clip "),
        ({"seed": 1}, "seed 0 then and 1 now"),
        ({"schedule": "onecycle"}, "schedule plateau then and onecycle now"),
    ],
)
@pytest.mark.filterwarnings("ignore:the model was made for other clips")
def test_going_on_with_other_settings_is_refused_and_named(tmp_path, change, words):
    common = {"train": Tiny(), "epochs": 1, "batch_size": 6, "progress": False, "device": "cpu", "folder": tmp_path}
    fit(tiny_model(), **common)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    with pytest.raises(CheckpointError, match=words):
        fit(tiny_model(), **{**common, **change})
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before


def test_going_on_with_other_threads_or_workers_is_said(tmp_path):
    common = {"batch_size": 6, "progress": False, "device": "cpu", "folder": tmp_path}
    fit(tiny_model(), Tiny(), epochs=1, **common)
    torch.set_num_threads(2)
    with pytest.warns(UserWarning, match="not bit for bit.*threads 1 then and 2 now, workers 0 then and 1 now"):
        fit(tiny_model(), Tiny(), epochs=2, workers=1, **common)


def test_a_checkpoint_of_another_model_is_refused_before_anything_changes(tmp_path):
    common = {"epochs": 1, "batch_size": 6, "progress": False, "device": "cpu", "folder": tmp_path}
    fit(tiny_model(), Tiny(), **common)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    other = tiny_model(shortcut="A")
    weights = {name: value.clone() for name, value in other.state_dict().items()}
    with pytest.raises(CheckpointError, match=r"checkpoint of another model: it has .*, which the model lacks"):
        fit(other, Tiny(), **common)
    assert all(torch.equal(value, weights[name]) for name, value in other.state_dict().items())
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before


@pytest.mark.parametrize("keep", [0, 5, 1000, -1])
def test_a_truncated_checkpoint_is_named_with_what_to_do(tmp_path, keep):
    common = {"epochs": 1, "batch_size": 6, "progress": False, "device": "cpu", "folder": tmp_path}
    fit(tiny_model(), Tiny(), **common)
    file = tmp_path / "checkpoint.safetensors"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=r"not a whole checkpoint.*resume=False"):
        fit(tiny_model(), Tiny(), **common)


def test_weights_alone_are_not_taken_for_a_checkpoint(tmp_path):
    common = {"epochs": 1, "batch_size": 6, "progress": False, "device": "cpu", "folder": tmp_path}
    fit(tiny_model(), Tiny(), Tiny(6), **common)
    (tmp_path / "best.safetensors").replace(tmp_path / "checkpoint.safetensors")
    with pytest.raises(CheckpointError, match="not the checkpoint of a training run"):
        fit(tiny_model(), Tiny(), **common)


def test_a_history_shorter_than_the_checkpoint_says_is_named(tmp_path):
    common = {"epochs": 1, "batch_size": 6, "progress": False, "device": "cpu", "folder": tmp_path}
    fit(tiny_model(), Tiny(), **common)
    (tmp_path / "history.jsonl").unlink()
    with pytest.raises(CheckpointError, match="has 0 rows, but the checkpoint beside it was written after 1"):
        fit(tiny_model(), Tiny(), **common)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no RLIMIT_FSIZE")
def test_a_full_disk_leaves_the_last_good_checkpoint(tmp_path):
    common = {"batch_size": 6, "progress": False, "device": "cpu", "folder": tmp_path}
    fit(tiny_model(), Tiny(), epochs=1, **common)
    file = tmp_path / "checkpoint.safetensors"
    before, limits = file.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(CheckpointError, match=r"could not be written.*The one before is still in place"):
            fit(tiny_model(), Tiny(), epochs=2, **common)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert file.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.safetensors", "history.jsonl"]
    assert len(fit(tiny_model(), Tiny(), epochs=2, **common).table) == 2


def test_a_checkpoint_holds_no_pickle(tmp_path):
    fit(tiny_model(), Tiny(), epochs=1, batch_size=6, progress=False, device="cpu", folder=tmp_path)
    content = (tmp_path / "checkpoint.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    assert json.loads(header["__metadata__"]["labkit"])["kind"] == checkpoint.KIND


@pytest.mark.skipif(not gains_from_bf16(torch.device("cpu")), reason="this CPU has no bf16 units (AMX)")
def test_momentum_keeps_its_memory_layout_through_a_checkpoint(tmp_path):
    spec = SPEC.but(frames=8, size=32)
    train = Tiny(12, spec=spec)
    common = {"batch_size": 6, "progress": False, "device": "cpu", "precision": "bf16", "schedule": "constant"}
    fit(tiny_model(clip=spec), train, epochs=1, folder=tmp_path / "in two", **common)
    fit(tiny_model(clip=spec), train, epochs=2, folder=tmp_path / "in two", **common)
    fit(tiny_model(clip=spec), train, epochs=2, folder=tmp_path / "at once", **common)
    assert_same_run(tmp_path / "in two", tmp_path / "at once")
