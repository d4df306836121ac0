"""`labkit train`, `evaluate` and `predict` as a user calls them: nothing is typed twice, and every fault is one line."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import Result
from phone import MOVES, phone_folder, phone_video
from typer.testing import CliRunner

from labkit.cli import app
from labkit.models import create_model, open_trained, save_weights
from labkit.records import History, Predictions

pytestmark = pytest.mark.slow
SMALL = ("--model", "resnet10", "-p", "width=4", "--frames", "4", "--size", "16", "--device", "cpu", "--cached")


def labkit(*arguments: object, cwd: Path, code: int = 0) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(cwd)
        patch.setenv("COLUMNS", "200")
        done = CliRunner().invoke(app, [*map(str, arguments)])
    assert done.exit_code == code, (done.stdout, done.stderr, done.exception)
    return done


def said(done: Result) -> list[str]:
    """labkit's own lines on stderr; progress bars are left out."""
    return [line for line in re.split(r"[\r\n]", done.stderr) if line.startswith("labkit: ")]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with `my videos`, a trained `net`, and a test video of each move."""
    folder = tmp_path_factory.mktemp("home")
    phone_folder(folder / "my videos", videos=4, seconds=1.0)
    done = labkit("train", "--root", "my videos", "--out", "net", "--updates", 4, *SMALL, cwd=folder)
    assert "next: labkit evaluate net" in done.stdout
    assert "a network learns little from so few" in done.stderr
    return folder


def test_train_leaves_weights_that_say_what_they_are(home):
    found = open_trained(home / "net")
    assert (found.model, found.classes, found.protocol) == ("resnet10", MOVES, "phone")
    assert (found.clip.frames, found.clip.size, found.clip.fps) == (4, 16, 10.0)
    files = {path.name for path in (home / "net").iterdir()}
    assert {"weights.safetensors", "history.jsonl", "job.json", "index.html", "checkpoint.safetensors"} <= files
    assert History.read(home / "net" / "history.jsonl").table["split"].isin(["train", "val"]).all()
    page = (home / "net" / "index.html").read_text(encoding="utf-8")
    assert str(home) not in page
    assert page.count('class="plotly-figure"') == 2


def test_evaluate_needs_the_folder_alone_and_adds_two_figures(home):
    shutil.copytree(home / "net", home / "tested")
    done = labkit("evaluate", "tested", "--device", "cpu", cwd=home)
    for level in ("clip", "video"):
        found = Predictions.load(home / "tested" / f"predictions-{level}.parquet")
        assert (found.level, found.classes) == (level, MOVES)
        assert re.search(rf"^{level} +{found.accuracy():.1%}", done.stdout, flags=re.MULTILINE)
    assert len(found.videos) == 3
    assert all(re.search(rf"^{move} +1 ", done.stdout, flags=re.MULTILINE) for move in MOVES)
    assert (home / "tested" / "index.html").read_text(encoding="utf-8").count('class="plotly-figure"') == 4


def test_predict_names_every_video_and_goes_on_past_bad_ones(home):
    folder = home / "new ones"
    folder.mkdir()
    phone_video(folder / "a b.mp4", MOVES[0], seed=9, seconds=2.0)
    phone_video(folder / "a_b.MOV", MOVES[1], seed=8, seconds=1.0)
    (folder / "broken.mp4").write_bytes(b"no video" * 50)
    call = (
        "predict",
        folder,
        "gone.mp4",
        "https://example.org/v.mp4",
        "--weights",
        "net",
        "--out",
        "out",
        "--device",
        "cpu",
    )
    done = labkit(*call, cwd=home, code=1)
    assert [re.sub(r".*(broken|gone|example).*", r"\1", line) for line in said(done)] == ["example", "broken", "gone"]
    assert sorted(path.name for path in (home / "out").iterdir()) == [
        *("a_b-2.csv", "a_b-2.html", "a_b.csv", "a_b.html", "index.html"),
    ]
    rows = list(csv.reader((home / "out" / "a_b.csv").open(encoding="utf-8")))
    assert rows[0] == ["start (s)", "end (s)", *MOVES]
    assert [float(row[0]) for row in rows[1:]] == pytest.approx([0.0, 0.5, 1.0, 1.5])
    assert all(sum(map(float, row[2:])) == pytest.approx(1, abs=1e-4) for row in rows[1:])
    index = (home / "out" / "index.html").read_text(encoding="utf-8")
    assert 'href="a_b-2.html"' in index
    assert "broken.mp4" in index
    assert "a b.mp4: 0:02.0, 4 windows" in done.stdout
    shutil.copytree(folder, home / "out" / "media")  # copies of an earlier call
    done = labkit("predict", home / "out", "--weights", "net", "--out", home / "out", cwd=home, code=1)
    assert "there is no video in this folder" in said(done)[-1]


def test_predict_leaves_the_videos_as_they_were(home):
    videos = home / "kept"
    one = phone_video(videos_in(videos) / "wave.mp4", MOVES[2], seed=1, seconds=0.5)
    one.chmod(0o444)
    before = one.read_bytes(), one.stat().st_mode
    for _ in range(2):  # the second time into the same folder, which holds the video itself
        labkit("predict", one, "--weights", "net", "--out", videos, "--device", "cpu", cwd=home)
        assert (one.read_bytes(), one.stat().st_mode) == before


def videos_in(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_published_weights_need_the_network_and_the_names_of_its_classes(home):
    from safetensors.torch import save_file

    network = create_model("resnet10", num_classes=2, width=4)
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, home / "w.safetensors")
    video = next((home / "my videos" / "wave").iterdir())
    call = ("predict", video, "--weights", "w.safetensors", "--out", "published", "--device", "cpu")
    assert "--model" in said(labkit(*call, cwd=home, code=2))[-1]
    call = (*call, "--model", "resnet10", "-p", "width=4")
    assert "--classes" in said(labkit(*call, cwd=home, code=2))[-1]
    (home / "three.txt").write_text("a\nb\nc\n")
    assert "2 classes apart" in said(labkit(*call, "--classes", "three.txt", cwd=home, code=2))[-1]
    (home / "two.txt").write_text("\ufeff1 <b>a</b>\n2 手\n", encoding="utf-8")
    labkit(*call, "--classes", "two.txt", cwd=home)
    pages = [path.read_text(encoding="utf-8") for path in (home / "published").glob("*.html")]
    assert any("手" in page for page in pages)
    assert not any("<b>a</b>" in page for page in pages)


def test_weights_of_other_classes_than_the_datasets_are_refused_with_both_counts(home):
    shutil.copytree(home / "my videos", home / "other")
    (home / "other" / "wave").rename(home / "other" / "yawn")
    done = labkit("evaluate", "net", "--root", "other", "--device", "cpu", cwd=home, code=2)
    line = said(done)[-1]
    assert "the weights have 3 classes and the dataset has 3" in line
    assert "'wave' in the first, 'yawn' in the second" in line


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--protocol", "phnoe"), "did you mean 'phone'"),
        (("--model", "resnet1O"), "did you mean 'resnet18'"),
        (("-p", "widht=4"), "did you mean 'width'"),
        (("--data", "ucf11"), "did you mean 'ucf101'"),
        (("--model", "two_stream_i3d"), "frames and flow"),
        (("--root", "missing"), "is not a folder"),
        (("--root", "one"), "one class, 'wave'"),
        (("--epochs", "2", "--updates", "2"), "one of the two"),
    ],
)
def test_train_refuses_before_any_work(home, options, line):
    if not (home / "one").exists():
        shutil.copytree(home / "my videos" / "wave", home / "one" / "wave")
    done = labkit("train", "--root", "my videos", "--out", "refused", *options, cwd=home, code=2)
    assert re.search(line, said(done)[-1])
    assert not (home / "refused").exists()


def test_another_training_in_the_same_folder_is_refused_with_what_differs(home):
    done = labkit("train", "--root", "my videos", "--out", "net", "--model", "resnet18", cwd=home, code=2)
    assert "model resnet10 there, resnet18 here" in said(done)[-1]
    assert "--no-resume" in said(done)[-1]


@pytest.mark.skipif(os.name == "nt", reason="processes are ended by signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_training_goes_on_from_its_folder_alone(home, number):
    out = home / f"stopped-{number}"
    command = [
        sys.executable,
        "-m",
        "labkit",
        "train",
        "--root",
        "my videos",
        "--updates",
        "120",
        *SMALL,
        "--out",
        str(out),
    ]
    process = subprocess.Popen(command, cwd=home, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 240
    while not (out / "history.jsonl").exists() and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(number)
    _, errors = process.communicate(timeout=120)
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert f"`labkit train --out {out}` goes on from there" in errors
    assert not (out / "weights.safetensors").exists()
    done = labkit("train", "--out", out, cwd=home)
    assert "next: labkit evaluate" in done.stdout
    assert json.loads((out / "job.json").read_text())["changes"] == {"updates": 120}
    assert open_trained(out).classes == MOVES


def test_two_classes_of_one_video_each_are_enough_to_train(home, tmp_path):
    for move in MOVES[:2]:
        (tmp_path / "tiny" / move).mkdir(parents=True)
        phone_video(tmp_path / "tiny" / move / "only.mp4", move, seed=2, seconds=0.1)
    done = labkit("train", "--root", "tiny", "--out", "t", "--updates", 2, "--batch-size", 2, *SMALL, cwd=tmp_path)
    assert "training goes on without validation" in done.stderr
    assert "top-1 at clip level" in done.stdout
    assert "nan" not in done.stdout


def test_save_weights_keeps_what_predict_needs(home, tmp_path):
    network = create_model("resnet10", num_classes=3, width=4)
    path = save_weights(network, tmp_path / "w.safetensors", classes=list(MOVES))
    video = next((home / "my videos" / "wave").iterdir())
    labkit("predict", video, "--weights", path, "--out", "own", "--device", "cpu", cwd=tmp_path)
    assert (tmp_path / "own" / "index.html").exists()
