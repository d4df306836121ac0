"""A TensorBoard is written through accelerate where it is asked for, and nowhere else."""

import sys
import types
from pathlib import Path

import pytest
from accelerate.utils import LoggerType, is_tensorboard_available
from tiny_training import Tiny, tiny_model

from labkit.training import fit
from labkit.training.board import SWITCH, check_package

QUIET = {"batch_size": 6, "progress": False, "device": "cpu"}


class Writer:
    """In place of TensorBoard's own: it keeps what it is told."""

    made: list["Writer"] = []

    def __init__(self, folder, **options):
        self.folder, self.options, self.scalars, self.closed = folder, options, [], False
        Writer.made.append(self)

    def add_scalar(self, name, value, global_step):
        self.scalars.append((name, global_step))

    def flush(self):
        pass

    def close(self):
        self.closed = True


@pytest.fixture
def writers(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", types.SimpleNamespace(SummaryWriter=Writer))
    monkeypatch.setattr("labkit.training.board.is_tensorboard_available", lambda: True)
    monkeypatch.setattr("accelerate.tracking._available_trackers", [LoggerType.TENSORBOARD])
    Writer.made = []
    return Writer.made


def test_the_board_holds_what_the_history_holds_and_a_resumed_run_goes_on_at_its_epoch(tmp_path, writers):
    fit(tiny_model(), Tiny(12), Tiny(6), epochs=2, val_every=2, folder=tmp_path, tensorboard=True, **QUIET)
    assert writers[0].folder == str(tmp_path / "tensorboard")
    assert writers[0].closed
    steps = dict.fromkeys(name for name, _ in writers[0].scalars)
    assert {"train/live_loss", "train/loss", "val/loss", "val/top1", "train/lr"} <= set(steps)
    assert [step for name, step in writers[0].scalars if name == "val/top1"] == [2]  # NaN is left out
    assert [step for name, step in writers[0].scalars if name == "train/live_loss"] == [1, 2]
    fit(tiny_model(), Tiny(12), Tiny(6), epochs=3, val_every=2, folder=tmp_path, tensorboard=True, **QUIET)
    assert writers[1].options == {"purge_step": 3}
    assert [step for name, step in writers[1].scalars if name == "train/live_loss"] == [3]


def test_no_board_is_written_unless_it_is_asked_for(tmp_path, writers):
    fit(tiny_model(), Tiny(12), epochs=1, folder=tmp_path, **QUIET)
    assert writers == []


def test_a_board_needs_a_folder_and_the_package(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="needs a folder"):
        fit(tiny_model(), Tiny(12), epochs=1, tensorboard=True, **QUIET)
    monkeypatch.setattr("labkit.training.board.is_tensorboard_available", lambda: False)
    with pytest.raises(ModuleNotFoundError, match="pip install tensorboard"):
        fit(tiny_model(), Tiny(12), epochs=1, folder=tmp_path, tensorboard=True, **QUIET)
    assert list(tmp_path.iterdir()) == []


def test_statistics_over_processes_are_refused_on_a_cpu_with_the_reason():
    with pytest.raises(ValueError, match=r"sync_batchnorm=True works on GPUs \(CUDA\) alone, not on cpu"):
        fit(tiny_model(), Tiny(12), epochs=1, sync_batchnorm=True, **QUIET)


@pytest.fixture
def switched(tmp_path, monkeypatch, writers):
    """The folder of a run that `labkit run --tensorboard` started."""
    monkeypatch.setenv(SWITCH, str(tmp_path / "run"))
    return tmp_path / "run"


def test_under_the_switch_of_a_run_every_training_has_a_board_of_its_own(tmp_path, switched, writers):
    for name in ("48 clips / <a>", "48 clips / <a>"):
        fit(tiny_model(), Tiny(12), epochs=1, name=name, **QUIET)
        Path(writers[-1].folder).mkdir(parents=True)  # as TensorBoard's writer does
    fit(tiny_model(), Tiny(12), epochs=1, folder=tmp_path / "kept", **QUIET)
    home = switched / "tensorboard"
    wanted = [
        home / "48-clips-a-1" / "tensorboard",
        home / "48-clips-a-2" / "tensorboard",
        tmp_path / "kept" / "tensorboard",
    ]
    assert [writer.folder for writer in writers] == [str(folder) for folder in wanted]


def test_a_training_can_refuse_the_board_of_the_switch(switched, writers):
    fit(tiny_model(), Tiny(12), epochs=1, tensorboard=False, **QUIET)
    assert writers == []


@pytest.mark.skipif(is_tensorboard_available(), reason="the package itself is installed")
def test_a_folder_named_tensorboard_is_not_taken_for_the_package(tmp_path, monkeypatch):
    (tmp_path / "tensorboard").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="pip install tensorboard"):
        check_package()
