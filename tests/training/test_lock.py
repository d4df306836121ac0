"""One folder, one training: the second is refused by name of the first, and a kill leaves no lock behind."""

import json
import os
import platform
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest
import tiny_training
from tiny_training import Tiny, tiny_model

from labkit.records import History
from labkit.training import fit
from labkit.training.lock import LOCK, FolderInUseError, one_training

ROWS = 8  # 4 epochs, each with a row for training and one for validation


@contextmanager
def training_elsewhere(folder, **options):
    """A process in the middle of its tenth update, which waits there for a line of input."""
    command = [sys.executable, tiny_training.__file__, str(folder), json.dumps({"wait_at": 10, **options})]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "training\n"
            yield process
        finally:
            process.kill()


@pytest.mark.slow
def test_a_second_process_is_refused_by_name_of_the_first_and_changes_nothing(tmp_path, train_elsewhere):
    with training_elsewhere(tmp_path) as first:
        before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
        second = train_elsewhere(tmp_path, resume=False)
        assert second.returncode == 1
        refused = second.stderr.splitlines()[-1]
        assert f"{tmp_path} is in use: process {first.pid} on {platform.node()} has been training" in refused
        assert re.search(r"since 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d", refused)
        assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
        said, _ = first.communicate("go on\n", timeout=300)
    assert said == f"{ROWS} rows\n"
    table = History.read(tmp_path / "history.jsonl").table
    assert table["epoch"].tolist() == [1, 1, 2, 2, 3, 3, 4, 4]
    assert not (tmp_path / LOCK).exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_process_leaves_no_lock_though_its_workers_live_on_for_a_while(tmp_path):
    with training_elsewhere(tmp_path, workers=2) as first:
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        assert (tmp_path / LOCK).exists()
        with one_training(tmp_path):  # at once: the workers notice within seconds that their parent is gone
            pass
    assert not (tmp_path / LOCK).exists()


def test_a_second_fit_in_the_same_process_is_refused_too(tmp_path):
    with one_training(tmp_path), pytest.raises(FolderInUseError, match=f"process {os.getpid()} on"):
        fit(tiny_model(), Tiny(12), epochs=1, batch_size=6, folder=tmp_path, progress=False, device="cpu")
    assert list(tmp_path.iterdir()) == []


def test_of_many_threads_that_start_at_once_one_trains(tmp_path):
    together, refused = threading.Barrier(8), []

    def start():
        together.wait()
        try:
            with one_training(tmp_path):
                together.wait()
        except FolderInUseError as error:
            refused.append(str(error))
            together.wait()

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 7


def test_a_training_that_fails_or_is_stopped_gives_its_folder_back(tmp_path):
    with pytest.raises(ZeroDivisionError), one_training(tmp_path):
        raise ZeroDivisionError
    with one_training(tmp_path):
        pass


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_lock_without_its_text_refuses_all_the_same(tmp_path, text):
    with one_training(tmp_path):
        (tmp_path / LOCK).write_text(text)
        with pytest.raises(FolderInUseError, match="another process is training there"), one_training(tmp_path):
            pass


def test_a_file_system_without_locks_is_said_and_trained_on(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("labkit.locks._lock", refuse)
    with pytest.warns(UserWarning, match="cannot be locked .*not supported.*start no second"):
        history = fit(tiny_model(), Tiny(12), epochs=1, batch_size=6, folder=tmp_path, progress=False, device="cpu")
    assert len(history.table) == 1
