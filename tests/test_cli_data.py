"""`labkit data`: a dataset prepared, verified and indexed from the command line, and the cache listed and cleared."""

import csv
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from labkit.cli import app
from labkit.data.dataset_kinds import KINDS
from labkit.data.datasets import open_dataset
from labkit.data.encode import write_video
from labkit.data.motion import CLIP, generate


def labkit(*arguments: object, answer: str | None = None) -> Result:
    return CliRunner().invoke(app, ["data", *map(str, arguments)], input=answer)


@pytest.fixture
def source(tmp_path) -> Path:
    """Two classes of two videos in a zip."""
    (tmp_path / "downloads").mkdir()
    with zipfile.ZipFile(tmp_path / "downloads" / "set.zip", "w") as archive:
        for name in ("jump/0.mp4", "jump/1.mp4", "wave/0.mp4", "wave/1.mp4"):
            pixels = np.random.default_rng(0).integers(0, 256, (6, 48, 64, 3), dtype=np.uint8)
            archive.write(write_video(tmp_path / "made" / name, pixels), name)
    return tmp_path / "downloads"


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_dataset_is_prepared_and_verified(source, tmp_path):
    done = labkit("prepare", "folder", source, tmp_path / "ready", "--short-side", 32)
    assert done.exit_code == 0, done.output
    assert re.match(r"folder: 4 videos, \d\.\d MB in .*ready, 4 made now\n", done.stdout)
    assert labkit("verify", "folder", tmp_path / "ready").exit_code == 0
    again = labkit("prepare", "folder", source, tmp_path / "ready", "--short-side", 32)
    assert (again.exit_code, again.stdout.count("0 made now")) == (0, 1)


def test_broken_videos_make_the_exit_code_1_and_stand_in_the_files(source, tmp_path):
    with zipfile.ZipFile(source / "set.zip", "a") as archive:
        archive.writestr("wave/broken.mp4", "nonsense")
    done = labkit("prepare", "folder", source, tmp_path / "ready", "--keep")
    assert done.exit_code == 1
    assert f"1 video is missing or broken; all 1 are in {tmp_path / 'ready' / 'report.csv'}" in done.stderr
    (tmp_path / "ready" / "wave" / "1.mp4").write_bytes(b"nonsense")
    done = labkit("verify", "folder", tmp_path / "ready", "--out", tmp_path / "faults.csv")
    assert done.exit_code == 1
    with (tmp_path / "faults.csv").open(newline="") as file:
        assert [row["path"] for row in csv.DictReader(file) if row["what"] == "unreadable"] == ["wave/1.mp4"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("prepare", "folder", "nowhere", "ready"), "nowhere is neither a folder nor an archive"),
        (("prepare", "foldr", "nowhere", "ready"), "did you mean 'folder'"),
        (("prepare", "ucf101", "https://example.org/UCF101.rar", "ready"), "is a URL; labkit downloads no dataset"),
        (("verify", "kinetics400", "http://example.org"), "is a URL; labkit downloads no dataset"),
        (("verify", "hmdb51", "nowhere"), "For hmdb51 the root is laid out like this"),
        (("index", "hmdb51", "nowhere"), "For hmdb51 the root is laid out like this"),
    ],
)
def test_what_is_not_there_is_answered_before_any_work(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    done = labkit(*arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["--help", "where"])
def test_each_dataset_is_listed_with_its_origin_licence_and_size(command):
    said = re.sub(r"\s", "", labkit(command).stdout)
    for name, kind in KINDS.items():
        assert name in said
        if kind.videos:
            assert kind.source.startswith("http")
            assert kind.licence
            assert kind.size
            assert re.sub(r"\s", "", kind.source)[:40] in said


def test_the_help_says_that_nothing_is_downloaded():
    assert "labkit downloads no dataset: some have a licence that a person must accept" in " ".join(
        labkit("--help").stdout.split()
    )


def test_an_index_is_made_again(source, tmp_path, cache):
    labkit("prepare", "folder", source, tmp_path / "ready", "--short-side", 32)
    done = labkit("index", "folder", tmp_path / "ready", "--exact")
    assert (done.exit_code, done.stdout) == (0, "folder: 4 videos, 24 frames; 4 videos are counted exactly\n")
    (tmp_path / "ready" / "wave" / "1.mp4").write_bytes(b"nonsense")
    done = labkit("index", "folder", tmp_path / "ready")
    assert done.exit_code == 1
    assert "wave/1.mp4" in done.stdout


def test_the_cache_is_listed_and_cleared_one_by_one_and_whole(tmp_path, cache):
    folder = generate(videos=24, frames=4, size=16, progress=False)
    open_dataset("motion", folder, spec=CLIP, cached=True, progress=False)
    listed = labkit("cache")
    assert {"datasets", "index", "motion", "frames"} == {
        line.split()[0].partition("-")[0] for line in listed.stdout.splitlines()[1:-1]
    }
    assert labkit("cache", "list").stdout == listed.stdout
    frames = re.search(r"frames-\w+", listed.stdout)[0]  # type: ignore[index]
    assert labkit("cache", "clear", frames, answer="n\n").exit_code == 0
    assert list((cache / "frames").glob("*.frames"))
    assert labkit("cache", "clear", frames, answer="y\n").exit_code == 0
    assert list((cache / "frames").iterdir()) == []
    assert labkit("cache", "clear", "motion", "--yes").exit_code == 0
    assert list((cache / "motion").iterdir()) == []
    assert labkit("cache", "clear", "--yes").exit_code == 0
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_an_unknown_name_in_the_cache_is_answered_with_those_there(tmp_path, cache):
    generate(videos=24, frames=4, size=16, progress=False)
    done = labkit("cache", "clear", "moton", "--yes")
    assert done.exit_code == 2
    assert "no kept file 'moton'; did you mean 'motion'?" in done.stderr


def test_a_dataset_is_prepared_into_shards_too_and_shards_are_checked_and_indexed_again(source, tmp_path):
    done = labkit("prepare", "folder", source, tmp_path / "ready", "--short-side", 32, "--shards", tmp_path / "shards")
    assert done.exit_code == 0, done.output
    index = tmp_path / "shards" / "index.arrow"
    assert f"shards: {index}" in done.stdout.replace("\n", " ")
    loose = open_dataset("folder", tmp_path / "ready", spec=CLIP, progress=False)
    packed = open_dataset("shards", tmp_path / "shards", spec=CLIP, progress=False)
    assert packed.table.drop(columns="path").equals(loose.table.drop(columns="path"))
    index.unlink()
    assert "labkit data index shards" in labkit("check", "shards", tmp_path / "shards").stderr
    again = labkit("index", "shards", tmp_path / "shards")
    assert again.exit_code == 0, again.output
    assert "6 videos in 3 shards" in again.stdout  # of two videos of a class, val and test have the same one
    assert labkit("check", "shards", tmp_path / "shards").exit_code == 0


def test_a_cut_shard_is_shown_and_the_exit_code_is_1(source, tmp_path):
    labkit("prepare", "folder", source, tmp_path / "ready", "--keep", "--shards", tmp_path / "shards")
    one = tmp_path / "shards" / "train-000000.tar"
    one.write_bytes(one.read_bytes()[:-11_000])
    done = labkit("index", "shards", tmp_path / "shards")
    assert done.exit_code == 1
    assert "train-000000.tar" in done.stdout.replace("\n", "")


@pytest.mark.parametrize("address", ["pipe:touch made", "memry://bucket", "nowhere"])
def test_an_address_that_holds_no_shards_is_one_line(tmp_path, monkeypatch, address):
    monkeypatch.chdir(tmp_path)
    for command in ("index", "check"):
        done = labkit(command, "shards", address)
        assert done.exit_code == 2
        assert done.stderr.count("\n") == 1, done.stderr
    assert list(tmp_path.iterdir()) == []
