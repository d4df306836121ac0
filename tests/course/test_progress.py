"""A learner's progress: counted whole by several kernels at once, and never lost."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from labkit.course.exercises import check
from labkit.course.exercises.shelf import find
from labkit.course.progress import Entry, add_try, note, noted, progress_file, read_progress

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def learner(tmp_path, monkeypatch) -> Path:
    path = tmp_path / "of me" / "progress.json"
    monkeypatch.setenv("LABKIT_PROGRESS", str(path))
    monkeypatch.setenv("JPY_SESSION_NAME", "notebook.ipynb")
    return path


def test_tries_are_counted_and_what_was_done_stays_done():
    for done in (False, True, False):
        note("exercise", "05", "gap-solution", done)
    entry = noted("exercise", "05", "gap-solution")
    assert (entry.done, entry.tries) == (True, 3)
    assert entry.first <= entry.last


@pytest.mark.parametrize(
    "environment", [{"JPY_SESSION_NAME": None}, {"NBGRADER_EXECUTION": "autograde"}, {"LABKIT_RUN": "1"}]
)
def test_a_run_without_a_learner_counts_nothing(learner, monkeypatch, environment):
    for name, value in environment.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)
    note("exercise", "05", "gap-solution", True)
    assert not learner.exists()


def test_minutes_are_the_times_between_tries_without_pauses():
    progress = {}
    for minutes, name in ((0, "a"), (3, "b"), (8, "b"), (60, "a"), (64.5, "a")):
        now = START + timedelta(minutes=minutes)
        progress = add_try(progress, "exercise", "05", name, False, value=None, now=now)
    spent = {name: entry.minutes for name, entry in progress["05"]["exercise"].items()}
    assert spent == {"a": 4.5, "b": 8.0}


def test_a_clock_that_goes_back_takes_no_minutes_away():
    progress = add_try({}, "quiz", "01", "1", True, value=None, now=START)
    progress = add_try(progress, "quiz", "01", "1", True, value=None, now=START - timedelta(minutes=5))
    assert progress["01"]["quiz"]["1"].minutes == 0


KERNEL = """
import sys
from labkit.course.progress import note
for number in range(20):
    note("exercise", sys.argv[1], str(number % 4), number % 3 == 0)
"""


def test_several_kernels_at_once_lose_no_try(learner):
    kernels = [subprocess.Popen([sys.executable, "-c", KERNEL, name]) for name in ("01", "02", "01")]
    assert [kernel.wait(120) for kernel in kernels] == [0, 0, 0]
    progress = read_progress(learner)
    tries = {name: sum(entry.tries for entry in progress[name]["exercise"].values()) for name in progress}
    assert tries == {"01": 40, "02": 20}


BROKEN = {
    "half": '{"labkit_progress": 1, "notebooks": {"01"',
    "empty": "",
    "another file": '{"cells": []}',
    "a list": "[1, 2]",
    "a newer version": '{"labkit_progress": 2, "notebooks": []}',
    "odd entries": '{"labkit_progress": 1, "notebooks": {"01": {"quiz": {"1": {"done": "yes"}}}}}',
    "a time without a zone": '{"labkit_progress": 1, "notebooks": {"01": {"quiz": {"1": {"done": true, "last": "2026-01-05"}}}}}',
    "no text": b"\xff\xfe\x00",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_file_that_cannot_be_read_is_kept_under_another_name_and_named(learner, content):
    learner.parent.mkdir()
    content = content if isinstance(content, bytes) else content.encode()
    for number in (1, 2):
        learner.write_bytes(content)
        with pytest.warns(UserWarning, match=rf"it is kept as progress-kept-{number}\.json, and a new file begins"):
            note("quiz", "01", "1", True)
        assert learner.with_name(f"progress-kept-{number}.json").read_bytes() == content
        assert noted("quiz", "01", "1") == read_progress(learner)["01"]["quiz"]["1"]


def test_a_file_that_cannot_be_read_stops_no_notebook_that_only_asks(learner):
    learner.parent.mkdir()
    learner.write_text("half {")
    assert noted("guess", "01", "01-gap") is None
    assert learner.read_text() == "half {"


def test_a_place_that_cannot_be_written_is_a_warning(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path / "file" / "progress.json"))
    with pytest.warns(UserWarning, match="your progress is not kept: .*set LABKIT_PROGRESS"):
        note("quiz", "01", "1", True)


def test_an_entry_of_a_later_release_with_more_in_it_is_read(learner):
    learner.parent.mkdir()
    entry = {"done": True, "tries": 2, "mood": "fine"}
    learner.write_text(json.dumps({"labkit_progress": 1, "notebooks": {"01": {"quiz": {"1": entry}}}}))
    assert noted("quiz", "01", "1") == Entry(done=True, tries=2)


def test_without_the_variable_the_file_is_in_the_systems_place(monkeypatch):
    monkeypatch.delenv("LABKIT_PROGRESS")
    assert progress_file().parts[-2:] == ("labkit", "progress.json")


def test_the_check_of_an_exercise_counts_an_attempt_and_no_empty_cell():
    name = "gap-solution"
    check(name, {})
    assert noted("exercise", "05", name) is None
    check(name, {"gap": 5})
    assert (noted("exercise", "05", name).done, noted("exercise", "05", name).tries) == (False, 1)
    names: dict = {}
    exec(find(name).setup + "\n" + find(name).code, names)
    check(name, names)
    assert (noted("exercise", "05", name).done, noted("exercise", "05", name).tries) == (True, 2)
