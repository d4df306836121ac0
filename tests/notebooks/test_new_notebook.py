"""A notebook that `labkit course new` starts keeps the rules of the course, and runs."""

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
from test_anatomy import RULES
from test_glossary import unexplained

from labkit.course.plan import read_plan
from labkit.course.quiz import read_quiz
from labkit.course.start import start_notebook
from labkit.runs.execute import run_notebook

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def course(tmp_path) -> Path:
    """A copy of the course's notebooks."""
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "file", "title"),
    [
        ("Camera motion", "11_camera_motion", "Camera motion"),
        ("12_two-stream", "12_two_stream", "Two stream"),
        ("動画の 流れ", "11_動画の_流れ", "動画の 流れ"),
    ],
)
def test_a_new_notebook_keeps_every_rule_and_is_listed_in_order(course, name, file, title):
    path = start_notebook(course, name)
    assert path == course / "notebooks" / f"{file}.ipynb"
    plan = tomllib.loads((course / "notebooks" / "course.toml").read_text(encoding="utf-8"))
    files = [entry["file"] for entry in plan["notebook"]]
    assert files == sorted(one.name for one in (course / "notebooks").glob("*.ipynb"))
    assert sum(entry["budget_s"] for entry in plan["notebook"]) <= plan["budget_s"]
    entry = next(entry for entry in plan["notebook"] if entry["file"] == path.name)
    assert entry["title"] == title
    nb = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(nb)
    assert {rule: found for rule, check in RULES.items() if (found := list(check(nb, entry)))} == {}
    assert list(unexplained(nb, entry["question"])) == []
    assert len(read_quiz(course / "notebooks" / "quiz" / f"{file[:2]}.toml")) == 5


@pytest.mark.slow
def test_a_new_notebook_runs_as_it_is(course, monkeypatch):
    path = start_notebook(course, "Camera motion")
    monkeypatch.chdir(course)
    run = run_notebook(path, {}, course / "run", time_limit=120)
    assert run.status == "done"
    assert 0.3 < run.results["mean"] < 0.4


def test_the_plan_keeps_all_its_other_lines(course):
    plan = course / "notebooks" / "course.toml"
    before = plan.read_text(encoding="utf-8").splitlines()
    start_notebook(course, "05a")
    after = plan.read_text(encoding="utf-8").splitlines()
    gone = [line for line in before if line not in after]
    assert gone == [next(line for line in before if line.startswith("budget_s"))]


@pytest.mark.parametrize(
    ("name", "card", "error", "said"),
    [
        ("05_again", "hara-2018-retrace", FileExistsError, "there is a notebook 05"),
        ("11_", "hara-2018-retrace", ValueError, "needs a name with letters"),
        ("..", "hara-2018-retrace", ValueError, "needs a name with letters"),
        ("Motion", "hara-2018", ValueError, "did you mean 'hara-2018-retrace'"),
    ],
)
def test_a_wrong_name_is_refused_and_writes_nothing(course, name, card, error, said):
    before = sorted(course.rglob("*"))
    with pytest.raises(error, match=said):
        start_notebook(course, name, card=card)
    assert sorted(course.rglob("*")) == before


def test_without_a_course_the_message_says_how_to_get_one(tmp_path):
    with pytest.raises(FileNotFoundError, match="labkit course get DIR"):
        start_notebook(tmp_path, "Motion")


def test_two_at_once_get_two_numbers(course):
    command = [sys.executable, "-m", "labkit", "course", "new"]
    both = [subprocess.Popen([*command, name], cwd=course) for name in ("One", "Two")]
    assert [one.wait(120) for one in both] == [0, 0]
    names = [lesson.name for lesson in read_plan(course / "notebooks" / "course.toml").lessons]
    assert [name[:2] for name in names[-2:]] == ["11", "12"]
    assert {name[3:] for name in names[-2:]} == {"one", "two"}


def test_the_file_has_the_form_of_the_courses_notebooks(course):
    path = start_notebook(course, "Camera motion")
    text = path.read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n"
