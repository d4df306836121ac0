"""The teacher's table of a class's progress files."""

import json

import pytest
from typer.testing import CliRunner

from labkit.cli import app
from labkit.course.tally import items, learners, read_files


def entry(done: bool, tries: int, minutes: float) -> dict:
    return {"done": done, "tries": tries, "minutes": minutes, "first": "2026-01-05T09:00:00+00:00"}


def write(path, **notebooks):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"labkit_progress": 1, "notebooks": notebooks["of"]}), encoding="utf-8")
    return path


@pytest.fixture
def handed_in(tmp_path):
    """Three learners, one of them with a name in another script, and a broken file."""
    folder = tmp_path / "handed in"
    quiz = {"quiz": {"1": entry(True, 1, 1)}, "guess": {"05-gap": {**entry(True, 1, 0), "value": 40}}}
    write(folder / "a.json", of={"05": {"exercise": {"gap": entry(True, 1, 2), "lag": entry(False, 4, 9)}, **quiz}})
    write(folder / "b.json", of={"05": {"exercise": {"gap": entry(True, 5, 6), "lag": entry(False, 2, 3)}}})
    write(folder / "山田 花子.json", of={"05": {"exercise": {"gap": entry(True, 3, 4)}}, "01": quiz})
    (folder / "broken.json").write_text('{"labkit_progress": 1')
    return folder


def test_a_row_for_each_file_and_a_line_for_a_broken_one(handed_in):
    read, wrong = read_files([handed_in])
    rows = {one.file: one for one in learners(read)}
    assert list(rows) == ["a.json", "b.json", "山田 花子.json"]
    assert (rows["a.json"].done["exercise"], rows["a.json"].tried["exercise"]) == (1, 2)
    assert rows["a.json"].minutes == 12
    assert len(wrong) == 1
    assert "broken.json is not JSON" in wrong[0]


def test_a_row_for_each_exercise_says_where_many_fail(handed_in):
    read, _ = read_files([handed_in])
    rows = {(one.notebook, one.kind, one.name): one for one in items(read)}
    gap, lag = rows["05", "exercise", "gap"], rows["05", "exercise", "lag"]
    assert (gap.done, gap.tried, gap.tries, gap.minutes, gap.remark) == (3, 3, 3, 4, "many tries")
    assert (lag.done, lag.tried, lag.tries, lag.remark) == (0, 2, 3, "many fail")
    assert rows["05", "guess", "05-gap"].remark == ""
    assert list(rows) == sorted(rows)


def test_files_with_one_name_are_told_apart_by_their_folder(tmp_path):
    for name in ("ann", "bob"):
        write(tmp_path / name / "progress.json", of={})
    read, _ = read_files([tmp_path])
    assert list(read) == ["ann/progress.json", "bob/progress.json"]


def test_a_path_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file or folder .*nobody"):
        read_files([tmp_path / "nobody.json"])
    with pytest.raises(FileNotFoundError, match="holds no progress file"):
        read_files([tmp_path])


def test_the_command_shows_the_class_and_exits_with_1_for_a_broken_file(handed_in):
    done = CliRunner().invoke(app, ["course", "progress", str(handed_in)], env={"COLUMNS": "120"})
    assert done.exit_code == 1
    rows = {" ".join(line.split()) for line in done.output.splitlines()}
    assert "05 exercise lag 0 of 2 3 6.0 many fail" in rows
    assert "山田 花子.json 1 of 1 1 of 1 5" in rows
    assert any(line.startswith("left out: ") and "broken.json" in line for line in rows)


def test_the_command_shows_the_learners_own_file_and_where_it_is(tmp_path, monkeypatch):
    path = tmp_path / "progress.json"
    monkeypatch.setenv("LABKIT_PROGRESS", str(path))
    assert str(path) in CliRunner().invoke(app, ["course", "progress"]).output
    write(path, of={"05": {"exercise": {"gap": entry(True, 1, 2)}}})
    shown = CliRunner().invoke(app, ["course", "progress"]).output
    assert "gap" in shown
    assert shown.splitlines()[-1] == str(path)
