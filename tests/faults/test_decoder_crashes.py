"""A decoder that crashes or stands still costs one video: not the run, not the process of the user a second time."""

import json
import signal
import sys
import time
from pathlib import Path

import pytest
from broken_videos import FORMATS, write_source
from run_elsewhere import HERE, python

SABOTAGE = HERE / "sabotage"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="a crash on Windows may open a window and wait"),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of ten sound videos of three classes; the first in order is `a/0.avi`."""
    one = write_source(tmp_path / "one.avi", FORMATS["MPEG-4"]).read_bytes()
    for number in range(10):
        path = tmp_path / "set" / "train" / "abc"[number % 3] / f"{number}.avi"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(one)
    (tmp_path / "set" / "test").mkdir()
    return tmp_path / "set"


def run(root: Path, *what: str, first: tuple[Path, ...] = (SABOTAGE,)) -> tuple[int, list[dict], str]:
    """The exit status, what was printed, and the messages."""
    process = python(HERE / "open_and_fit.py", root, *what, cache=root.with_name("cache"), first=first)
    out, messages = process.communicate(timeout=300)
    return process.returncode, [json.loads(line) for line in out.splitlines()], messages


def add(root: Path, name: str) -> None:
    sound = root / "train" / "a" / "0.avi"
    (root / "train" / "c" / name).write_bytes(sound.read_bytes())


@pytest.mark.parametrize("how", ["crash", "stand"])
def test_a_video_on_which_the_decoder_crashes_or_stands_still_costs_the_index_that_video_alone(root, how):
    add(root, f"{how}-in-walk.avi")
    status, [found], messages = run(root, "pool")
    assert status == 0, messages
    assert found["videos"] == 10
    [[path, reason]] = found["report"]
    assert path.endswith(f"{how}-in-walk.avi")
    assert reason == f"decoding it ends the process: ffmpeg {'crashed (signal 6)' if how == 'crash' else 'stood still'}"
    assert run(root, "here")[1] == [found]  # remembered: nothing is tried in this process


@pytest.mark.parametrize("how", ["crash", "stand"])
def test_a_video_on_which_reading_crashes_or_stands_still_costs_the_frame_cache_that_video_alone(root, how):
    add(root, f"{how}-in-reading.avi")
    status, [found], messages = run(root, "pool", "cached")
    assert status == 0, messages
    assert found["videos"] == 11
    assert "1 of 11 videos cannot be decoded" in messages
    assert f"{how}-in-reading.avi: the process that read it died" in messages


def test_a_crash_in_the_process_of_the_user_happens_once_and_the_next_call_names_the_file(root):
    add(root, "crash-in-walk.avi")
    assert run(root, "here")[0] == -signal.SIGABRT
    status, [found], messages = run(root, "here")
    assert status == 0, messages
    assert found["videos"] == 10
    assert found["report"][0][1] == "decoding it ends the process: ffmpeg crashed (signal 6)"


def test_a_sound_video_that_a_killed_process_was_reading_is_read_by_the_next(root):
    add(root, "stand-in-walk.avi")
    process = python(HERE / "open_and_fit.py", root, "here", cache=root.with_name("cache"), first=(SABOTAGE,))
    marks = root.with_name("cache") / "index"
    while len(list(marks.glob("*.arrow"))) < 10 or not any(marks.glob("*.attempt")):
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.communicate()
    [mark] = marks.glob("*.attempt")
    found = run(root, "here", first=())[1][0]
    assert found == {"videos": 11, "report": []}
    assert not mark.exists()


@pytest.mark.parametrize("how", ["crash", "stand"])
def test_a_training_whose_reader_dies_ends_with_one_line_that_says_so(root, how):
    add(root, f"{how}-in-reading.avi")
    status, _, messages = run(root, "fit")
    assert status == 1
    last = messages.strip().splitlines()[-1]
    assert "ReaderDiedError: a process that reads clips died or could not start (DataLoader worker" in last
    if how == "stand":
        assert "stand-in-reading.avi: ffmpeg has stood still for" in messages
