"""What a kill left under a temporary name is no card, paper, venue, log, run or notebook; and a claim is no lock."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from labkit.runs.notebook import NotebookError, find_notebook
from labkit.runs.project import has_library
from labkit.runs.table import runs_table
from labkit.survey.card.file import card_paths, cards
from labkit.survey.card.new import new_card
from labkit.survey.group.log import read_events
from labkit.survey.library.shelf import open_shelf
from labkit.survey.publication.files import paper_ids
from labkit.survey.queue.venue import queued, venues

HARA = "hara-2018-retrace"


def test_a_hidden_card_is_no_card(library):
    path = new_card(HARA, format="ochiai", language="en", reader="reader-a")
    path.with_name(".en-reader-b.md.x1y2z3.md").write_text("half")
    assert card_paths(HARA) == card_paths() == (path,)
    assert [card.path for card in cards()] == [path]
    assert [card.path for card in open_shelf().cards] == [path]


def test_a_hidden_folder_holds_no_paper_and_is_no_library(library, tmp_path):
    known = paper_ids()
    hidden = library / f".{HARA}.x1y2z3"
    hidden.mkdir()
    (hidden / "paper.yaml").write_text("half")
    (hidden / "cards").mkdir()
    (hidden / "cards" / "en-reader-a.md").write_text("half")
    assert paper_ids() == known
    assert card_paths() == ()
    other = tmp_path / "other" / "summaries"
    (other / ".made.x1").mkdir(parents=True)
    (other / ".made.x1" / "paper.yaml").touch()
    (other / "scalars.txt").touch()
    assert not has_library(other.parent)


def test_a_hidden_table_is_no_venue(library):
    (library / "queue").mkdir()
    (library / "queue" / ".cvpr-2018.csv.x1y2z3.csv").write_text("half")
    assert venues() == ()
    with pytest.raises(LookupError) as caught:
        queued("CVPR 2018")
    assert "x1y2z3" not in str(caught.value)


def test_a_hidden_log_is_nobodys(library):
    (library / "group" / "log").mkdir(parents=True)
    (library / "group" / "log" / ".reader-a.jsonl.x1y2z3.jsonl").write_text("half")
    errors: list[Exception] = []
    assert read_events(on_error=errors.append) == ()
    assert errors == []


def test_hidden_folders_and_files_are_no_runs_and_no_notebooks(tmp_path):
    hidden = tmp_path / ".ipynb_checkpoints" / "a"
    hidden.mkdir(parents=True)
    (hidden / "run.json").write_text("{}")
    (tmp_path / ".05_toy.ipynb.x1.ipynb").write_text("half")
    assert runs_table(tmp_path).empty
    with pytest.raises(NotebookError, match="no notebooks in"):
        find_notebook("05", tmp_path)


KILLED = """
import os, pathlib, signal
from pathlib import Path
{setup}
write = Path.write_text
def killed(path, *arguments, **settings):
    write(path, "half")
    os.kill(os.getpid(), signal.SIGKILL)
Path.write_text = killed
Path.write_bytes = lambda path, data: killed(path)
{action}
"""
MAKING = {
    "card": (
        "from labkit.survey.card.new import new_card",
        "new_card('hara-2018-retrace', format='ochiai', language='en', reader='reader-a')",
    ),
    "group": ("from labkit.survey.group.settings import new_group", "new_group('UTC')"),
    "demo": ("from labkit.survey.group.demo import make_demo", "make_demo({folder!r})"),
}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("what", MAKING)
def test_a_kill_in_the_middle_of_making_it_locks_nobody_out(library, tmp_path, what):
    setup, action = MAKING[what]
    folder = str(tmp_path / "demo")
    program = KILLED.format(setup=setup, action=action.format(folder=folder))
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    scope: dict[str, Path] = {}
    exec(f"{setup}\nmade = {action.format(folder=folder)}", scope)
    assert scope["made"].exists()
    if what == "card":
        assert len([*cards()]) == 1
