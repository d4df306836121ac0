"""Where you stand decides which library is read and written, and as whom; the installed package's is only read."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from labkit.survey.publication import files
from labkit.survey.publication.files import summaries_folder

ROOT = Path(__file__).resolve().parents[3]
HARA = "hara-2018-retrace"
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def labkit(*arguments: str, cwd: Path, site: Path = ROOT, **environment: str) -> subprocess.CompletedProcess:
    """The command with labkit from `site` (default: this checkout), run in `cwd` by somebody who said nowhere who they are."""
    known = {name: value for name, value in os.environ.items() if name not in ("LABKIT_SUMMARIES", "LABKIT_READER")}
    git = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    command = [sys.executable, "-m", "labkit", *arguments]
    env = {**known, **git, "PYTHONPATH": str(site), **environment}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=env)


def git(*arguments: str, cwd: Path) -> None:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], check=True, capture_output=True, cwd=cwd)


def clone(folder: Path, reader: str) -> Path:
    """A checkout with one paper, in git, whose reader is known."""
    (folder / "notebooks").mkdir(parents=True)
    shutil.copy(ROOT / "notebooks" / "course.toml", folder / "notebooks")
    (folder / "summaries" / HARA).mkdir(parents=True)
    shutil.copy(ROOT / "summaries" / HARA / "paper.yaml", folder / "summaries" / HARA)
    git("init", "-q", cwd=folder)
    git("config", "labkit.reader", reader, cwd=folder)
    git("add", "-A", cwd=folder)
    git("commit", "-q", "-m", "A library", cwd=folder)
    return folder


@pytest.fixture
def installed(tmp_path) -> Path:
    """A folder of packages with labkit as its wheel lays it out: the papers inside the package."""
    site = tmp_path / "site-packages"
    shutil.copytree(ROOT / "labkit", site / "labkit", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "summaries" / HARA, site / "labkit" / "summaries" / HARA)
    return site


def state(folder: Path) -> dict[Path, float]:
    return {path: path.stat().st_mtime for path in folder.rglob("*") if "__pycache__" not in path.parts}


@needs_git
@pytest.mark.parametrize("inside", [".", "summaries/hara-2018-retrace", "notebooks"])
def test_a_card_goes_to_the_clone_one_stands_in_as_its_reader(tmp_path, inside):
    second = clone(tmp_path / "b", "reader-b")
    before = state(ROOT / "summaries")
    done = labkit("card", "new", HARA, cwd=second / inside)
    assert done.stdout == f"{second / 'summaries' / HARA / 'cards' / 'en-reader-b.md'}\n", done.stderr
    assert labkit("group", "claim", HARA, cwd=second / inside).returncode == 0
    assert (second / "summaries" / "group" / "log" / "reader-b.jsonl").is_file()
    assert state(ROOT / "summaries") == before


@needs_git
def test_a_worktree_of_git_is_a_checkout_like_another(tmp_path):
    first = clone(tmp_path / "b", "reader-b")
    second = tmp_path / "worktree"
    git("worktree", "add", "-q", str(second), cwd=first)
    assert (second / ".git").is_file()
    done = labkit("card", "new", HARA, cwd=second)
    assert done.stdout == f"{second / 'summaries' / HARA / 'cards' / 'en-reader-b.md'}\n", done.stderr
    assert not (first / "summaries" / HARA / "cards").exists()


def test_the_environment_goes_before_where_one_stands(tmp_path):
    for name in ("a", "b"):
        shutil.copytree(ROOT / "summaries" / HARA, tmp_path / name / "summaries" / HARA)
    chosen = tmp_path / "a" / "summaries"
    done = labkit("card", "new", HARA, "--reader", "r", cwd=tmp_path / "b", LABKIT_SUMMARIES=str(chosen))
    assert done.stdout == f"{chosen / HARA / 'cards' / 'en-r.md'}\n", done.stderr


WRITING = [
    ["card", "new", HARA],
    ["card", "import", "review.md", "--paper", HARA],
    ["card", "schema", "--write"],
    ["papers", "import", "list.bib", "--venue", "CVPR 2018"],
    ["group", "init", "--zone", "UTC"],
    ["group", "claim", HARA],
    ["group", "join", "Group A"],
]


@pytest.mark.parametrize("arguments", WRITING, ids=" ".join)
def test_the_installed_library_is_read_and_never_written(installed, tmp_path, arguments):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "review.md").write_text("# A title\n\n## What is it?\n\nA paper.\n")
    (elsewhere / "list.bib").write_text("@inproceedings{a, title={A paper}, author={B, A}, year={2018}}")
    before = state(installed)
    done = labkit(*arguments, cwd=elsewhere, site=installed, LABKIT_READER="reader-b")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"labkit: {installed / 'labkit' / 'summaries'}: this is the library")
    assert "which is only read" in done.stderr
    assert state(installed) == before


def test_an_installed_labkit_takes_the_library_one_stands_in(installed, tmp_path):
    own = tmp_path / "group"
    shutil.copytree(ROOT / "summaries" / HARA, own / "summaries" / HARA)
    done = labkit("card", "new", HARA, "--reader", "r", cwd=own, site=installed)
    assert done.stdout == f"{own / 'summaries' / HARA / 'cards' / 'en-r.md'}\n", done.stderr


def test_the_check_says_which_folder_it_checked(installed, tmp_path):
    own = tmp_path / "group"
    (own / "summaries").mkdir(parents=True)
    assert labkit("card", "check", cwd=own).stdout.splitlines()[-2] == f"checked {own / 'summaries'}"
    said = labkit("card", "check", cwd=tmp_path, site=installed).stdout.splitlines()[-2]
    folder = installed / "labkit" / "summaries"
    assert said == f"checked {folder}, the library of the installed labkit, which is only read"


def test_an_installed_package_reads_the_summaries_inside_it(monkeypatch, tmp_path):
    monkeypatch.delenv("LABKIT_SUMMARIES", raising=False)
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path / "else")
    monkeypatch.setattr(files.resources, "files", lambda package: tmp_path / "site" / package)
    (tmp_path / "site" / "labkit" / "summaries").mkdir(parents=True)
    (tmp_path / "site" / "summaries").mkdir()  # some other package of that name, next door in site-packages
    assert summaries_folder() == tmp_path / "site" / "labkit" / "summaries"


def test_no_summaries_at_all_names_the_places(monkeypatch, tmp_path):
    monkeypatch.delenv("LABKIT_SUMMARIES", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(files.resources, "files", lambda package: tmp_path / package)
    with pytest.raises(FileNotFoundError, match="LABKIT_SUMMARIES"):
        summaries_folder()
