"""Curves that grow: what they say of a history that changes, and when they stop to look."""

import json
import os
import platform
import subprocess
import sys
import time

import pytest
from made_trainings import history

from labkit.locks import TRAINING, is_training
from labkit.records import History
from labkit.viz.live import LiveCurves


def write(folder, points, **options):
    """The history of these epochs, as a whole file."""
    folder.mkdir(exist_ok=True)
    (folder / "history.jsonl").unlink(missing_ok=True)
    History.append(folder / "history.jsonl", history(points, **options).table.to_dict("records"))


def begin(folder, pid=None):
    """Say that a training is at work there."""
    folder.mkdir(exist_ok=True)
    (folder / TRAINING).write_text(json.dumps({"host": platform.node(), "pid": pid or os.getpid(), "since": "now"}))


def until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def live(tmp_path):
    """Live curves of a folder that is not there yet, looking fifty times a second; ended after the test."""
    made = LiveCurves(tmp_path / "run", every=0.02, live=True)
    yield made
    made.stop()


def test_the_picture_grows_with_the_history_and_ends_with_the_training(live):
    shown = live.widget
    assert "No epoch has ended yet." in shown.value
    begin(live.folder)
    until(lambda: "The training goes on." in shown.value)
    write(live.folder, [(60, 40)])
    until(lambda: "After 1 epoch, at clip level: 60 % of training clips" in shown.value)
    write(live.folder, [(60, 40), (90, 50)])
    until(
        lambda: (
            "After 2 epochs, at clip level: 90 % of training clips and 50 % of validation clips are right, a gap of 40"
            in shown.value
        )
    )
    assert live.following
    (live.folder / TRAINING).unlink()
    until(lambda: not live.following)
    assert "No training is at work in this folder now." in shown.value


def test_it_ends_with_a_training_that_was_killed(live):
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    begin(live.folder, child.pid)
    assert is_training(live.folder)
    until(lambda: "The training goes on." in live.widget.value)
    child.kill()
    child.communicate()
    until(lambda: not live.following)


def test_it_ends_when_no_training_comes(live, monkeypatch):
    monkeypatch.setattr("labkit.viz.live.PATIENCE", 0.1)
    assert live.widget
    until(lambda: not live.following)


def test_it_ends_when_the_widget_is_closed(live):
    begin(live.folder)
    assert live.widget.comm is not None
    assert live.following
    live.widget.close()
    until(lambda: not live.following)


def test_a_kernel_that_ends_does_not_wait_for_it(tmp_path):
    begin(tmp_path / "run")
    code = f"from labkit.viz.live import LiveCurves\nassert LiveCurves({str(tmp_path / 'run')!r}, live=True).widget"
    assert subprocess.run([sys.executable, "-c", code], timeout=120, check=False).returncode == 0


def test_a_damaged_history_keeps_the_last_picture_and_goes_on(live):
    begin(live.folder)
    write(live.folder, [(60, 40)])
    until(lambda: "After 1 epoch" in live.widget.value)
    (live.folder / "damaged").write_text("{\n")
    (live.folder / "damaged").replace(live.folder / "history.jsonl")
    until(lambda: "The history cannot be read now" in live.widget.value)
    assert "<svg" in live.widget.value
    write(live.folder, [(60, 40), (90, 50)])
    until(lambda: "After 2 epochs" in live.widget.value)


def test_a_diverged_training_is_shown_as_such(tmp_path):
    write(tmp_path / "run", [(50, 50), (0, 0)], lost_at=2)
    curves = LiveCurves(tmp_path / "run")
    assert "it diverged in epoch 2" in curves.words
    assert "1 training diverged in epoch 2" in curves.static()


def test_without_a_validation_the_count_made_while_training_is_drawn_and_named(tmp_path):
    whole = history([(50, 50), (70, 50)], every=5).table
    rows = whole[whole["split"] == "train"].assign(top1=float("nan"), loss=float("nan"))
    History.append(tmp_path / "history.jsonl", rows.to_dict("records"))
    curves = LiveCurves(tmp_path)
    assert "After 2 epochs: nothing was measured in evaluation mode yet." in curves.words
    assert "counted while training" in curves.static()


def test_without_a_front_end_there_is_no_thread_and_the_picture_of_now(tmp_path):
    write(tmp_path / "<b>run", [(60, 40)])
    curves = LiveCurves(tmp_path / "<b>run", live=False)
    stored = curves._repr_mimebundle_()
    assert set(stored) == {"text/html", "text/plain"}
    assert "<b>run" not in stored["text/html"]
    assert not curves.following


def test_an_interval_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="every must be above 0 seconds, not 0"):
        LiveCurves(tmp_path, every=0)
