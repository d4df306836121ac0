"""Files that appear whole or not at all: new ones, replaced ones, and rows at the end of a history."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from labkit.atomic import create, create_folder, is_vacant, write_atomically
from labkit.records import History

ROW = {"run": "a", "epoch": 1, "split": "val", "level": "clip", "loss": 1.0, "top1": 0.5, "top5": 1.0}
ROW |= {"lr": 0.1, "seconds": 1.0, "clips": 2}


def no_links(monkeypatch) -> None:
    def refuse(path: Path, target: Path) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), str(target))

    monkeypatch.setattr(Path, "hardlink_to", refuse)


def full(temporary: Path) -> None:
    temporary.write_text("half")
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("linking", [True, False])
def test_of_many_who_create_one_file_one_gets_it_and_it_is_whole(tmp_path, monkeypatch, linking):
    if not linking:
        no_links(monkeypatch)
    path, refused = tmp_path / "new" / "a.md", []
    start = threading.Barrier(8)

    def attempt(number: int) -> None:
        start.wait()
        try:
            create(path, lambda temporary: temporary.write_text(f"{number}" * 1000))
        except FileExistsError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == [f"{path} exists already; it is never overwritten"] * 7
    assert len(set(path.read_text())) == 1
    assert len(path.read_text()) == 1000
    assert [one.name for one in path.parent.iterdir()] == ["a.md"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_kill_while_a_file_is_created_locks_nobody_out(tmp_path):
    program = f"""
import os, pathlib, signal
from labkit.atomic import create
def write(temporary):
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
create(pathlib.Path({str(tmp_path / "a.md")!r}), write)
"""
    killed = subprocess.run([sys.executable, "-c", program], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "a.md").exists()
    create(tmp_path / "a.md", lambda temporary: temporary.write_text("whole"))
    assert (tmp_path / "a.md").read_text() == "whole"


def fill(building: Path) -> None:
    (building / "videos").mkdir()
    (building / "videos" / "a").write_text("a")
    (building / "about.json").write_text("whole")


def test_a_folder_is_made_whole_where_none_was(tmp_path):
    folder = create_folder(tmp_path / "new" / "made", fill)
    assert sorted(path.name for path in folder.rglob("*")) == ["a", "about.json", "videos"]
    assert [path.name for path in folder.parent.iterdir()] == ["made"]


@pytest.mark.parametrize("linked", [False, *([True] if os.name != "nt" else [])])
def test_an_empty_folder_is_filled_and_stays_itself_as_a_mount_point_must(tmp_path, linked):
    place = tmp_path / "disk"
    place.mkdir()
    (place / "lost+found").mkdir()
    folder = tmp_path / "link" if linked else place
    if linked:
        folder.symlink_to(place, target_is_directory=True)
    before = place.stat().st_ino
    assert is_vacant(folder)
    assert create_folder(folder, fill, last="about.json") == folder
    assert place.stat().st_ino == before
    assert (folder / "videos" / "a").read_text() == "a"
    assert sorted(path.name for path in place.iterdir()) == ["about.json", "lost+found", "videos"]
    assert not is_vacant(folder)


@pytest.mark.skipif(os.name == "nt", reason="Windows makes links for administrators alone")
def test_a_link_to_nothing_is_followed(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "made", target_is_directory=True)
    create_folder(tmp_path / "link", fill)
    assert (tmp_path / "disk" / "made" / "about.json").read_text() == "whole"
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("there", [False, True])
def test_of_two_who_make_one_folder_the_second_is_told_and_changes_nothing(tmp_path, there):
    if there:
        (tmp_path / "made").mkdir()

    def late(building: Path) -> None:
        create_folder(tmp_path / "made", fill, last="about.json")
        fill(building)
        (building / "videos" / "b").write_text("b")

    with pytest.raises(OSError, match="made"):
        create_folder(tmp_path / "made", late, last="about.json")
    assert sorted(path.name for path in (tmp_path / "made").rglob("*")) == ["a", "about.json", "videos"]
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_what_is_there_is_never_created_again_nor_written(tmp_path):
    path = tmp_path / "a.md"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match=r"a\.md exists already; choose another"):
        create(path, full, instead="choose another")
    assert path.read_text() == "mine"


@pytest.mark.parametrize("make", [create, write_atomically])
def test_a_full_disk_is_told_with_the_path_and_leaves_nothing(tmp_path, make):
    with pytest.raises(OSError, match="No space left") as caught:
        make(tmp_path / "a.csv", full)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "a.csv"))
    assert list(tmp_path.iterdir()) == []


def test_an_error_that_names_another_file_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        write_atomically(tmp_path / "a.csv", lambda temporary: (tmp_path / "source").read_bytes())
    assert caught.value.filename == str(tmp_path / "source")


def test_an_error_without_a_number_is_told_with_the_path(tmp_path):
    def write(temporary: Path) -> None:
        raise OSError("Error writing bytes to file")  # as pyarrow says it

    with pytest.raises(OSError, match=r"a\.parquet: Error writing bytes"):
        write_atomically(tmp_path / "a.parquet", write)


def test_a_folder_that_cannot_be_copied_whole_is_one_line_with_the_path(tmp_path):
    (tmp_path / "source").mkdir()
    for name in "ab":
        (tmp_path / "source" / name).touch()

    def refuse(source: str, target: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), source, None, target)

    with pytest.raises(OSError, match=r"made: \[Errno 28\] No space left on device: ") as caught:
        create_folder(
            tmp_path / "made", lambda place: shutil.copytree(tmp_path / "source", place / "a", copy_function=refuse)
        )
    assert "\n" not in str(caught.value)
    assert str(caught.value).count("Errno") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_rows_that_do_not_fit_on_the_disk_are_told_with_the_path_and_cut_no_row_in_half(tmp_path, monkeypatch):
    path = tmp_path / "history.jsonl"
    History.append(path, [ROW])

    def fail(file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="No space left") as caught:
            History.append(path, [ROW, ROW])
    assert caught.value.filename == str(path)
    History.append(path, [{**ROW, "epoch": 2}])
    assert History.read(path).table["epoch"].tolist() == [1, 2]
