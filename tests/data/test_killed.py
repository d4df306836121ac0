"""SIGKILL, which no process can answer: its workers end, and the next start removes what it left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from labkit import atomic
from labkit.atomic import remove_left_behind, write_atomically
from labkit.cache import cache_folder
from labkit.data import motion
from labkit.data.datasets import open_dataset
from labkit.data.encode import write_video

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
SCRIPT = Path(__file__).with_name("linger.py")
PATIENCE = 180  # seconds, on a busy machine


def wait_for(true: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def kill_in(what: str, folder: Path, processes: int) -> list[int]:
    """Start that work, wait until so many processes are in the middle of it, kill the parent; the processes' ids."""
    started = subprocess.Popen([sys.executable, str(SCRIPT), what, str(folder)])
    try:
        wait_for(lambda: len(list(folder.glob("*.here"))) >= processes or started.poll() is not None)
        assert started.poll() is None
    finally:
        started.kill()
        started.wait()
    return [int(path.stem) for path in folder.glob("*.here")]


@pytest.fixture
def videos(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "cache"))
    pixels = np.random.default_rng(0).integers(0, 256, (10, 32, 32, 3), dtype=np.uint8)
    for number in range(12):
        path = tmp_path / "set" / "ab"[number % 2] / f"{number}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_video(path, pixels + np.uint8(number))
    return tmp_path / "set"


@pytest.mark.slow
@pytest.mark.parametrize("what", ["open", "cached"])
def test_workers_end_when_their_parent_is_killed(videos, what):
    workers = kill_in(what, videos, 2)
    assert len(workers) == 2
    wait_for(lambda: all(gone(pid) for pid in workers))


@pytest.mark.slow
def test_frames_that_a_kill_left_half_decoded_are_removed_by_the_next_call(videos):
    kill_in("cached", videos, 2)
    assert len(list(cache_folder("frames").iterdir())) == 1
    open_dataset("folder", videos, spec=motion.CLIP, cached=True, progress=False)
    left = sorted(cache_folder("frames").iterdir())
    assert [path.suffix for path in left] == [".frames", ".json"]
    assert not any(path.name.startswith(".") for path in left)


@pytest.mark.slow
def test_flow_goes_on_after_a_kill_with_the_videos_that_were_not_done(videos):
    pytest.importorskip("cv2")
    workers = kill_in("flow", videos, 2)
    wait_for(lambda: all(gone(pid) for pid in workers))
    left = list(cache_folder("flow").iterdir())
    done = {path: path.stat().st_mtime_ns for path in left if not path.name.startswith(".")}
    assert len(done) >= 1
    assert len(left) == len(done) + 2  # and what was under way
    dataset = open_dataset("folder", videos, spec=motion.CLIP, flow="dis", progress=False)
    made = {path: path.stat().st_mtime_ns for path in cache_folder("flow").iterdir()}
    assert done.items() <= made.items()
    assert len(made) == len(dataset.table)


def test_a_motion_folder_that_a_kill_left_half_made_is_removed_by_the_next_call(tmp_path):
    kill_in("motion", tmp_path, 1)
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 1
    motion.generate(tmp_path / "motion", videos=24, workers=1, progress=False)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["motion"]


def test_a_temporary_file_that_a_kill_left_is_removed_by_the_next_process_that_writes_there(tmp_path):
    kill_in("file", tmp_path, 1)
    assert len(list(tmp_path.glob(".whole.txt.*"))) == 1
    write_atomically(tmp_path / "other.txt", lambda temporary: temporary.write_text("x"))
    assert list(tmp_path.glob(".*")) == []


def test_a_temporary_file_of_a_live_process_or_another_machine_stays(tmp_path, monkeypatch):
    living = tmp_path / f"{atomic.temporary_prefix('a.txt')}xyz.txt"
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    ended = str(int(dead.stdout))
    left = tmp_path / living.name.replace(f"-{os.getpid()}-", f"-{ended}-")
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(atomic, "_place", lambda: "0123abcd")
        foreign = tmp_path / atomic.temporary_prefix("a.txt").replace(f"-{os.getpid()}-", f"-{ended}-")
        foreign = foreign.with_name(f"{foreign.name}xyz.txt")
    others = [living, foreign, tmp_path / ".hidden", tmp_path / ".a.txt.0123-12.txt", tmp_path / "plain.txt"]
    for path in (*others, left):
        path.write_text("x")
    remove_left_behind(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(others)


@pytest.mark.parametrize("name", ["a" * 240 + ".txt", "動" * 80 + ".json", ".hidden", "x.tar.gz"])
def test_long_and_odd_names_can_be_written(tmp_path, name):
    assert write_atomically(tmp_path / name, lambda temporary: temporary.write_text("x")).read_text() == "x"
    assert [path.name for path in tmp_path.iterdir()] == [name]
