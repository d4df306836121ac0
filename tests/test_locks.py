"""The lock of a folder: one process holds it, the others wait or are refused, and it ends with its process."""

import subprocess
import sys
import warnings

import pytest

from labkit.locks import alone

HOLD = """
import sys, time
from pathlib import Path
from labkit.locks import alone
with alone(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
    print("given back", flush=True)
"""


def held_elsewhere(path, seconds: float) -> subprocess.Popen:
    """A process that holds the lock now, for so many seconds."""
    command = [sys.executable, "-c", HOLD, str(path), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_refused_until_the_first_is_killed(tmp_path):
    lock = tmp_path / "new" / ".lock"
    first = held_elsewhere(lock, 600)
    with pytest.raises(ValueError, match="in use"), alone(lock, refuse=lambda: ValueError("in use")):
        pass
    first.kill()
    first.communicate()
    with alone(lock, refuse=lambda: ValueError("in use")) as file:
        assert file is not None


def test_a_process_without_a_refusal_waits_for_the_first(tmp_path):
    first = held_elsewhere(tmp_path / ".lock", 0.5)
    with alone(tmp_path / ".lock"):
        assert first.communicate() == ("given back\n", None)


def test_the_file_of_the_lock_stays_unless_it_is_to_be_removed(tmp_path):
    for remove in (False, True):
        with alone(tmp_path / ".lock", remove=remove):
            assert (tmp_path / ".lock").exists()
        assert (tmp_path / ".lock").exists() is not remove


def test_an_error_in_the_block_gives_the_lock_back(tmp_path):
    with pytest.raises(ZeroDivisionError), alone(tmp_path / ".lock"):
        raise ZeroDivisionError
    with alone(tmp_path / ".lock", refuse=lambda: ValueError("in use")):
        pass


def test_a_file_system_without_locks_keeps_nobody_out_and_a_refusing_lock_says_so(tmp_path, monkeypatch):
    def lock(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("labkit.locks._lock", lock)
    monkeypatch.setattr("labkit.locks.WITHOUT_LOCKS", (95,))
    said = pytest.warns(UserWarning, match="cannot be locked .*not supported.*start no second process")
    with said, alone(tmp_path / ".lock", refuse=lambda: ValueError("in use")) as file:
        assert file is None
    with warnings.catch_warnings(action="error"), alone(tmp_path / ".lock") as file:
        assert file is None


def test_a_full_disk_is_an_error_and_not_a_file_system_without_locks(tmp_path, monkeypatch):
    def lock(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("labkit.locks._lock", lock)
    with pytest.raises(OSError, match="No space left"), alone(tmp_path / ".lock", refuse=lambda: ValueError("in use")):
        pass
