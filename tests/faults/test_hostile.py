"""Files of strangers in places that other tests leave out: nothing in them runs, and nothing is written outside."""

import pickle
import re
import sys
from pathlib import Path

import pytest
from broken_videos import FORMATS, write_source
from tiny_training import Tiny, tiny_model
from typer.testing import CliRunner

from labkit.cli import app
from labkit.clip import ClipSpec
from labkit.data.datasets import open_dataset
from labkit.training import fit
from labkit.training.checkpoint import CheckpointError

OPTIONS = {"epochs": 1, "batch_size": 6, "progress": False, "device": "cpu"}


class Touch:
    """Unpickling it makes a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_pickle_in_the_place_of_a_checkpoint_is_refused_and_does_not_run(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "checkpoint.safetensors").write_bytes(pickle.dumps({"model": Touch(tmp_path / "ran")}))
    with pytest.raises(CheckpointError, match="not a whole checkpoint"):
        fit(tiny_model(), Tiny(12), folder=run, **OPTIONS)
    assert not (tmp_path / "ran").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows needs a right to make links")
@pytest.mark.parametrize("name", ["checkpoint.safetensors", "history.jsonl", "best.safetensors"])
def test_a_link_in_a_runs_folder_is_replaced_and_the_file_it_leads_to_stays(tmp_path, name):
    (tmp_path / "run").mkdir()
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "run" / name).symlink_to(tmp_path / "victim")
    fit(tiny_model(), Tiny(12), Tiny(6), folder=tmp_path / "run", resume=False, **OPTIONS)
    assert (tmp_path / "victim").read_text() == "mine"
    assert not (tmp_path / "run" / name).is_symlink()


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "nested or repeated too much"),
        ("seed: !!python/object/apply:os.system ['touch ran']\n", "could not determine a constructor"),
        ("seed: !!python/name:os.system\n", "could not determine a constructor"),
    ],
    ids=["aliases", "a call", "a name"],
)
def test_a_hostile_file_of_parameters_is_one_line_and_runs_nothing(tmp_path, monkeypatch, text, said):
    (tmp_path / "given.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["run", "00", "-f", "given.yaml"])
    assert done.exit_code == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["given.yaml"]


@pytest.fixture
def hostile_names(tmp_path) -> Path:
    """A folder of two classes. Names of files and of a class hold markup, line breaks and commands to the terminal."""
    names = ["a/<script>alert(1)<-script>.avi", "a/two\nlines.avi", "<img src=x onerror=alert(1)>/\x1b[31mred.avi"]
    sound = write_source(tmp_path / "sound.avi", FORMATS["MJPEG"]).read_bytes()
    for name in names:
        path = tmp_path / "set" / "train" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sound)
        path.with_name(f"broken {path.name}").write_bytes(b"<script>alert(2)</script>")
    (tmp_path / "set" / "test").mkdir()
    return tmp_path / "set"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows forbids these characters in names")
@pytest.mark.filterwarnings("ignore:.*cannot be read")
def test_hostile_names_of_files_and_classes_are_text_in_reports_and_tables(hostile_names):
    data = open_dataset("folder", hostile_names, spec=ClipSpec(frames=4, size=16), progress=False)
    assert len(data.table) == 3
    assert len(data.report) == 3
    page = data.report.to_html() + data.table.to_html() + data.report._repr_html_()
    assert "<script" not in page
    assert "<img" not in page


@pytest.mark.skipif(sys.platform == "win32", reason="Windows forbids these characters in names")
def test_hostile_names_of_files_do_not_steer_the_terminal(hostile_names):
    done = CliRunner().invoke(app, ["data", "check", "folder", str(hostile_names)])
    assert done.exit_code == 1, done.output
    assert "\x1b[31m" not in done.output
    assert not re.search("two *\n", done.output)
    assert "two\\nlines.avi" in re.sub(r"\s{2,}", "", done.output)
