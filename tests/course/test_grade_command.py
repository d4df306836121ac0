"""`labkit course build` and `labkit course grade`: what they say, and that a killed one goes on where it was."""

import os
import signal
import subprocess
import sys

import psutil
import pytest
from toy_class import answered, write_class
from typer.testing import CliRunner

from labkit.cli import app
from labkit.course.grading import worker
from labkit.course.grading.classroom import read_releases
from labkit.locks import close_locked, open_locked

TWO = [("kim", answered(), 5), ("lee", answered(None, None), 0)]


def labkit(*arguments):
    return CliRunner().invoke(app, ["course", *map(str, arguments)])


@pytest.mark.parametrize("flags", [[], ["--student", "--slides"]])
def test_a_build_needs_one_kind(tmp_path, flags):
    done = labkit("build", tmp_path / "out", *flags)
    assert done.exit_code == 2
    assert "one of --student, --instructor and --slides" in done.stderr


def test_a_build_prints_the_folder(tmp_path):
    done = labkit("build", "--instructor", tmp_path / "out", "--only", "00")
    assert done.stdout.strip() == str(tmp_path / "out")
    assert (tmp_path / "out" / "00_start_here.ipynb").is_file()


def test_grading_without_nbgrader_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(worker.importlib.util, "find_spec", lambda name: None)
    done = labkit("grade", write_class(tmp_path, TWO))
    assert done.exit_code == 1
    assert done.stderr == 'labkit: grading needs nbgrader; install it with: pip install "labkit-video[grading]"\n'


def test_a_missing_class_and_a_missing_release_are_named(tmp_path):
    assert "nowhere is not a folder" in labkit("grade", tmp_path / "nowhere").stderr
    (tmp_path / "empty").mkdir()
    done = labkit("grade", write_class(tmp_path / "class", TWO), "--release", tmp_path / "empty")
    assert done.exit_code == 2
    assert "holds no notebook of `labkit course build --student`" in done.stderr


def test_without_a_release_the_course_is_the_release(tmp_path):
    assert "05_overfitting_curves" in read_releases(tmp_path / "release", asked=False)


def test_two_cannot_grade_into_one_folder(tmp_path):
    folder = write_class(tmp_path / "class", TWO)
    (folder / "graded").mkdir()
    held = open_locked(folder / "graded" / ".lock", wait=False)
    try:
        done = labkit("grade", folder)
    finally:
        close_locked(held)
    assert "another process is grading into" in done.stderr
    assert done.exit_code == 1


def test_a_folder_that_nbgrader_cannot_work_in_is_refused(tmp_path):
    done = labkit("grade", write_class(tmp_path / "class [2]", TWO))
    assert "nbgrader cannot work in" in done.stderr
    assert done.exit_code == 2


def test_one_students_notebook_that_breaks_the_grading_is_not_marked(tmp_path, monkeypatch):
    monkeypatch.setattr(worker.Worker, "release", lambda _, notebook: None)
    monkeypatch.setattr(worker.Worker, "grade", lambda _, notebook, student, limit: {}[student])
    done = labkit("grade", write_class(tmp_path, TWO))
    assert "not marked: kim tiny: it could not be graded: KeyError: 'kim'" in done.stderr
    assert "not marked: lee tiny" in done.stderr
    assert done.exit_code == 1


@pytest.mark.slow
def test_a_killed_grading_leaves_no_process_and_goes_on_where_it_was(tmp_path):
    folder = write_class(tmp_path / "학급 1", TWO)
    command = [sys.executable, "-m", "labkit", "course", "grade", str(folder)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        for line in process.stderr:
            if line.startswith("1/2 kim tiny: 5 of 5"):
                break
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        process.send_signal(signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
    psutil.wait_procs(children, timeout=30)
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)
    kept = {path.name: path.stat().st_mtime_ns for path in (folder / "graded" / "marks").iterdir()}
    done = labkit("grade", folder)
    assert done.exit_code == 0
    assert "lee      tiny           0   5" in done.stdout
    assert {name: (folder / "graded" / "marks" / name).stat().st_mtime_ns for name in kept} == kept
    assert "kim--tiny.json" in kept
    assert done.stdout.rstrip().endswith("marks.csv")
