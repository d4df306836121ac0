"""A child in a group of its own: what each platform gives, and that its signal is heard."""

import importlib
import os
import signal
import subprocess
import sys
import types

import pytest

from labkit.own_group import own_group
from labkit.runs import point
from labkit.training import interrupt

LAUNCH = importlib.import_module("labkit.training.launch")  # the package gives its function this name


def test_windows_starts_a_group_and_stops_it_by_ctrl_break_and_others_a_session_by_sigint():
    windows = own_group("win32")
    assert (windows.settings, windows.stop) == ({"creationflags": 0x200}, 1)
    assert windows.heard == (signal.SIGINT, 21)
    for platform in ("linux", "darwin"):
        found = own_group(platform)
        assert (found.settings, found.stop, found.heard) == (
            {"start_new_session": True},
            signal.SIGINT,
            (signal.SIGINT,),
        )


def test_a_launch_stops_its_child_by_the_signal_of_the_platform(monkeypatch):
    monkeypatch.setattr(LAUNCH, "own_group", lambda: own_group("win32"))
    sent, child = [], types.SimpleNamespace()
    child.poll, child.send_signal = lambda: 0 if sent else None, sent.append

    def pressed(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(LAUNCH.time, "sleep", pressed)
    assert LAUNCH._follow(child, types.SimpleNamespace(show=lambda: None)) is True
    assert sent == [1]


@pytest.mark.skipif(os.name == "nt", reason="SIGUSR1 stands for SIGBREAK")
def test_a_training_ends_after_its_update_for_each_signal_that_stops_it(monkeypatch):
    monkeypatch.setattr(interrupt, "HEARD", (signal.SIGINT, signal.SIGUSR1))
    for one in interrupt.HEARD:
        before = [signal.getsignal(each) for each in interrupt.HEARD]
        with interrupt.interrupts() as asked:
            assert not asked()
            signal.raise_signal(one)
            assert asked()
            assert [signal.getsignal(each) for each in interrupt.HEARD] == before  # the second one interrupts at once
        assert [signal.getsignal(each) for each in interrupt.HEARD] == before


def test_a_run_of_a_sweep_is_started_with_the_settings_of_the_platform(monkeypatch, tmp_path):
    given = {}

    def popen(command, **settings):
        given.update(settings)
        return subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE)

    monkeypatch.setattr(point, "own_group", lambda: own_group("win32"))
    monkeypatch.setattr(point, "subprocess", types.SimpleNamespace(**{**vars(subprocess), "Popen": popen}))
    outcome = point.execute(point.Job(tmp_path / "x.ipynb", {}, tmp_path / "run", 1, tmp_path))
    assert given["creationflags"] == 0x200
    assert "start_new_session" not in given
    assert outcome.status == "failed"
