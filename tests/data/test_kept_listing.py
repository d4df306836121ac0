"""A dataset opened again: its finished table comes from a file, and what has changed since is noticed."""

import errno
import multiprocessing
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import DataLoader

from labkit.atomic import write_atomically
from labkit.cache import cache_folder
from labkit.clip import ClipSpec
from labkit.data import dataset_index, dataset_kinds, datasets, kept_listing
from labkit.data.dataset_index import CARRIED, FACTS, read_index, rebuild, write_index
from labkit.data.datasets import open_dataset
from labkit.data.layouts import Entry, LayoutError, Listing
from labkit.data.video import VideoError
from labkit.data.video_dataset import VideoDataset

SPEC = ClipSpec(frames=4, stride=2, size=16)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "cache"))


def settle(root: Path) -> Path:
    """Set all folders and text files back by a minute: a folder that changed just now may change again unseen."""
    for path in [root, *root.rglob("*")]:
        if path.is_dir() or path.suffix == ".txt":
            past = path.stat().st_mtime_ns - 60 * 10**9
            os.utime(path, ns=(past, past))
    return root


@pytest.fixture
def root(make_ucf101, tmp_path) -> Path:
    return settle(make_ucf101(tmp_path / "ucf101", train=3, test=1))


def opened(root: Path, subset: str = "train", **options) -> VideoDataset:
    return open_dataset(options.pop("name", "ucf101"), root, subset, spec=SPEC, progress=False, **options)


@pytest.fixture
def layouts_read(monkeypatch) -> list[str]:
    """The folders whose layout was read, in order."""
    seen, real = [], datasets._only
    monkeypatch.setattr(
        datasets, "_only", lambda listing, classes: seen.append(listing.classes) or real(listing, classes)
    )
    return seen


def test_a_second_opening_reads_no_layout_and_gives_the_same_table_report_and_items(root, layouts_read):
    (root / "videos" / "jump" / "v_jump_g01_c01.mp4").write_bytes(b"")
    (root / "videos" / "wave" / "v_wave_g02_c01.mp4").unlink()
    settle(root)
    found = []
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"2 of 9 videos cannot be read; the first is .*wave.*not there"):
            found.append(opened(root))
    first, second = found
    assert len(layouts_read) == 1
    assert second.table.equals(first.table)
    assert second.report.equals(first.report)
    assert second.describe() == first.describe()
    assert torch.equal(first[(1, 3)][0], second[(1, 3)][0])


def test_videos_are_not_touched_where_there_are_many(root, monkeypatch):
    for module in (dataset_index, kept_listing):
        monkeypatch.setattr(module, "WATCHED", 3)
    opened(root)
    asked, real = [], kept_listing.state
    monkeypatch.setattr(kept_listing, "state", lambda path: asked.append(str(path)) or real(path))
    assert len(opened(root)) == 9
    assert asked
    assert not [path for path in asked if path.endswith(".mp4")]


def test_a_video_that_changed_in_a_large_dataset_is_an_error_of_its_item(root, monkeypatch, write_numbered):
    for module in (dataset_index, kept_listing):
        monkeypatch.setattr(module, "WATCHED", 3)
    path = Path(opened(root).table["path"][4])
    other = write_numbered(root.parent / "other.mp4", frames=7)
    path.write_bytes(other.read_bytes())  # in place: its folder stays as it was
    ds = opened(root)
    with pytest.raises(VideoError, match=rf"{path.name}: it had 20 frames when the index was built and has 7 now"):
        ds[4]
    assert len(ds[3][0]) == 4


@pytest.mark.parametrize("what", ["video", "list", "classes", "removed", "unreadable"])
def test_a_change_of_a_video_or_a_list_is_noticed(root, write_numbered, what):
    bad = root / "videos" / "wave" / "v_wave_g00_c01.mp4"
    good = bad.read_bytes()
    bad.write_bytes(b"")
    settle(root)
    with pytest.warns(UserWarning, match="1 of 9"):
        before = opened(root)
    lists = root / "ucfTrainTestlist"
    if what == "video":
        write_numbered(Path(before.table["path"][0]), frames=7)
    elif what == "list":
        text = (lists / "trainlist01.txt").read_text()
        (lists / "trainlist01.txt").write_text("\n".join(text.splitlines()[1:]))
    elif what == "classes":
        (lists / "classInd.txt").write_text("1 clap\n2 jump\n3 wave\n4 new\n")
    elif what == "removed":
        Path(before.table["path"][0]).unlink()
    else:
        bad.write_bytes(good)
    with pytest.warns() if what != "unreadable" else pytest.MonkeyPatch.context():
        after = opened(root)
    changed = {
        "video": after.table["frames"].tolist() == [7, *[20] * 7],
        "list": len(after) == 7,
        "classes": after.classes == ("clap", "jump", "wave", "new"),
        "removed": len(after) == 7 and "missing" in set(after.report["what"]),
        "unreadable": len(after) == 9 and after.report.empty,
    }
    assert changed[what]


def test_a_new_video_or_class_folder_of_ones_own_is_noticed(tmp_path, write_numbered):
    own = tmp_path / "own"
    for name in ("train/a/deep/er/1.mp4", "train/b/2.mp4", "test/a/3.mp4"):
        write_numbered(own / name)
    settle(own)
    assert len(opened(own, name="folder")) == 2
    write_numbered(own / "train" / "a" / "deep" / "er" / "4.mp4")
    settle(own)
    assert len(opened(own, name="folder")) == 3
    write_numbered(own / "train" / "c" / "5.mp4")
    assert opened(own, name="folder").classes == ("a", "b", "c")


def test_a_listing_of_a_folder_that_has_just_changed_is_not_kept(make_ucf101, tmp_path, layouts_read):
    root = make_ucf101(tmp_path / "ucf101", train=1, test=1)
    os.utime(root)
    opened(root)
    opened(root)
    assert len(layouts_read) == 2


def test_each_way_to_ask_has_its_own_listing(root, layouts_read):
    ways = [{}, {"subset": "test"}, {"classes": ["wave"]}, {"count": "headers"}, {"val": "split"}]
    sizes = [len(opened(root, **way)) for way in ways]
    assert sizes == [len(opened(root, **way)) for way in ways]
    assert sizes == [9, 3, 3, 9, 6]
    assert len(layouts_read) == len(ways)
    assert opened(root, classes=["wave"]).classes == ("wave",)


@pytest.mark.parametrize(
    "spoil", [lambda data: data[: len(data) // 2], lambda data: data[:2048] + bytes(512) + data[2560:]]
)
def test_a_broken_listing_is_made_again(root, layouts_read, spoil):
    first = opened(root)
    (kept,) = cache_folder("datasets").glob("*.arrow")
    data = kept.read_bytes()
    kept.unlink()  # a new file, for the old one is mapped
    kept.write_bytes(spoil(data))
    assert opened(root).table.equals(first.table)
    assert opened(root).table.equals(first.table)
    assert len(layouts_read) == 2


def test_a_process_that_has_a_listing_open_keeps_it_when_another_makes_a_new_one(root):
    before = opened(root)
    lists = root / "ucfTrainTestlist" / "trainlist01.txt"
    lists.write_text("\n".join(reversed(lists.read_text().splitlines())))
    settle(root)
    after = opened(root)
    assert after.table["video"].tolist() != before.table["video"].tolist()
    again = pickle.loads(pickle.dumps(before))
    assert again.table.equals(before.table)


def test_a_worker_that_finds_its_listing_gone_says_what_to_do(root):
    data = pickle.dumps(opened(root))
    for file in cache_folder("datasets").glob("*.arrow"):
        file.unlink()
    with pytest.raises(RuntimeError, match=r"is gone since the dataset was opened.*open it again"):
        pickle.loads(data)[0]


def test_listings_that_no_longer_hold_are_removed_after_a_week(root):
    opened(root)
    (old,) = cache_folder("datasets").glob("*.arrow")
    for age, left in ((3600, 2), (8 * 24 * 3600, 2)):
        os.utime(old, (time.time() - age, time.time() - age))
        with (root / "ucfTrainTestlist" / "trainlist01.txt").open("a") as file:
            file.write("\n")
        settle(root)
        opened(root)
        assert len(list(cache_folder("datasets").glob("*.arrow"))) == left
    assert not old.exists()


def big(root: Path, rows: int) -> VideoDataset:
    """A dataset of so many rows whose listing is kept; there are no videos behind it."""
    table = opened(root).table
    table = table.iloc[np.resize(np.arange(len(table)), rows)].reset_index(drop=True)
    asked = kept_listing.Asked("big", kept_listing.find, root, "train", 1, "test", None, True)
    listing = Listing(("clap", "jump", "wave"), [], [])
    stamps = pd.DataFrame([(str(root), -2, root.stat().st_mtime_ns)], columns=kept_listing.STAMPS)
    kept_listing.keep(asked, listing, stamps, table, pd.DataFrame(columns=kept_listing.REPORT, dtype=str))
    kept = kept_listing.find(asked)
    return VideoDataset(kept.table, kept.facts.classes, SPEC, report=kept.report)


def test_a_spawned_worker_gets_a_few_kilobytes_however_many_videos_there_are(root):
    ds = big(root, 100_000)
    assert len(ds) == 100_000
    half = ds.subset(np.arange(0, 100_000, 2))
    other = ds.with_labels(np.zeros(100_000, int), ["one"])
    ds.table, half.table  # noqa: B018  # made for the user, not for workers
    assert len(pickle.dumps(ds)) < 10_000
    assert len(pickle.dumps(ds.with_sampling("windows"))) < 10_000
    assert len(pickle.dumps(half)) < 210_000  # four bytes a row
    assert len(pickle.dumps(other)) < 110_000  # a byte a row
    assert half.table.equals(ds.table.iloc[::2].reset_index(drop=True))
    assert other.table["label"].dtype == "int64"


@pytest.mark.slow
@pytest.mark.parametrize("start", multiprocessing.get_all_start_methods())
def test_workers_read_the_rows_of_a_kept_listing_that_were_chosen(root, start):
    opened(root)
    ds = opened(root).subset([7, 2, 5, 0]).with_labels([0, 1, 2, 0], ["x", "y", "z"])
    loader = DataLoader(ds, batch_size=2, num_workers=2, multiprocessing_context=start)
    clips, labels, rows = (torch.cat(parts) for parts in zip(*loader, strict=True))
    assert torch.equal(clips, torch.stack([ds[i][0] for i in range(4)]))
    assert labels.tolist() == [0, 1, 2, 0]
    assert rows.tolist() == [0, 1, 2, 3]


def test_nothing_is_written_into_the_root(root):
    before = sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*"))
    opened(root)[0]
    opened(root, count="headers")[0]
    assert sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*")) == before


def test_a_cache_folder_that_cannot_be_written_leaves_the_dataset_usable(root, monkeypatch, tmp_path):
    real = opened(root)
    (tmp_path / "file").write_text("where the cache folder would be")
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match=r"the list of videos of .*ucf101 cannot be kept"):
        ds = opened(root)
    assert ds.table.equals(real.table)
    assert torch.equal(pickle.loads(pickle.dumps(ds))[4][0], real[4][0])


OPEN = """
import sys
from labkit.clip import ClipSpec
from labkit.data.datasets import open_dataset
ds = open_dataset("ucf101", sys.argv[1], spec=ClipSpec(frames=4, stride=2, size=16), progress=False)
print(len(ds), int(ds[5][0].long().sum()))
"""


@pytest.mark.slow
def test_two_processes_that_index_one_root_at_once_find_the_same(root):
    command = [sys.executable, "-c", OPEN, str(root)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert said[0] == said[1] == f"9 {int(opened(root)[5][0].long().sum())}\n"
    assert len(pd.read_parquet(dataset_index.index_file(root))) == 9


def test_a_process_that_stores_while_another_does_loses_none_of_its_rows(root, monkeypatch):
    videos, real = sorted(root.rglob("*.mp4")), dataset_index._stored
    read, go_on = threading.Event(), threading.Event()

    def slow(folder: Path) -> pd.DataFrame:
        found = real(folder)
        if threading.current_thread() is first and sys._getframe(1).f_code.co_name == "_store":
            read.set()
            go_on.wait()
        return found

    def index(some: list[Path]) -> None:
        dataset_index.index_videos(some, root, workers=0, progress=False)

    first, second = (threading.Thread(target=index, args=(some,), daemon=True) for some in (videos[:4], videos[4:]))
    monkeypatch.setattr(dataset_index, "_stored", slow)
    first.start()
    assert read.wait(60)
    second.start()
    second.join(1)  # time enough to store, if nothing keeps it
    go_on.set()
    first.join()
    second.join()
    assert len(real(root)) == len(videos) > 8


@pytest.mark.filterwarnings("ignore:the index of")
def test_each_row_is_stored_once_and_again_only_where_that_failed(root, monkeypatch):
    videos, real, stored = sorted(root.rglob("*.mp4")), dataset_index._store, []

    def store(folder: Path, rows: list) -> bool:
        stored.append(len(rows))
        monkeypatch.setattr(dataset_index, "write_atomically", write_atomically if len(stored) > 1 else refuse)
        return real(folder, rows)

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(dataset_index, "KEEP_EVERY", -1.0)
    monkeypatch.setattr(dataset_index, "_store", store)
    dataset_index.index_videos(videos, root, workers=0, progress=False)
    assert stored == [1, 2, *[1] * (len(videos) - 2), 0]
    assert len(dataset_index._stored(root)) == len(videos)


KILLED = """
import time
from labkit.data import dataset_index
real, seen = dataset_index.probe, []
dataset_index.KEEP_EVERY = -1.0

def probe(path):
    if len(seen) == 5:
        print("here", flush=True)
        time.sleep(600)
    seen.append(path)
    return real(path)

dataset_index.probe = probe
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_indexing_goes_on_after_a_kill_and_gives_the_table_of_an_uninterrupted_one(root, monkeypatch, tmp_path):
    with subprocess.Popen([sys.executable, "-c", KILLED + OPEN, str(root)], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"here\n"
        process.kill()
    looked, real = [], dataset_index.probe
    monkeypatch.setattr(dataset_index, "probe", lambda path: looked.append(path) or real(path))
    after = opened(root)
    assert len(looked) == 4
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "other"))
    assert opened(root).table.equals(after.table)


def test_a_root_that_is_a_file_has_its_listing_too(tmp_path, write_numbered, monkeypatch):
    for name in ("a/1.mp4", "b/2.mp4"):
        write_numbered(tmp_path / "own" / name)
    lines = tmp_path / "own" / "list.csv"
    lines.write_text("a/1.mp4\nb/2.mp4\n")

    def listed(file: Path, *_) -> Listing:
        paths = [file.parent / line for line in file.read_text().splitlines()]
        return Listing(("one",), [Entry(path, 0, path.name) for path in paths], [])

    monkeypatch.setattr(dataset_kinds, "dataset_folder", lambda name, kind, root: root)
    monkeypatch.setattr(datasets, "dataset_folder", lambda name, kind, root: root)
    monkeypatch.setitem(dataset_kinds.KINDS, "folder", dataset_kinds.Kind(listed, ""))
    settle(tmp_path / "own")
    past = lines.stat().st_mtime_ns - 60 * 10**9
    os.utime(lines, ns=(past, past))
    assert len(opened(lines, name="folder")) == 2
    assert len(list(cache_folder("datasets").glob("own-*.arrow"))) == 1
    lines.write_text("b/2.mp4\n")
    assert opened(lines, name="folder").table["video"].tolist() == ["2.mp4"]
    assert len(rebuild("folder", lines, progress=False)) == 1


# ---------------------------------------------------------------------- the index that a dataset carries


def carry(root: Path, **changes) -> pd.DataFrame:
    """Write the index of all videos into the root, as a prepared dataset has it."""
    table = rebuild("ucf101", root, progress=False)[list(FACTS)].assign(**changes)
    write_index(root, table, {"prepared": "by hand"})
    shutil.rmtree(cache_folder("datasets"))
    settle(root)
    return table


def test_a_carried_index_is_used_before_any_video_is_looked_into(root, monkeypatch):
    expected = opened(root)
    carry(root)
    for name in ("probe", "probe_header"):
        monkeypatch.setattr(dataset_index, name, lambda path: pytest.fail(f"{path} was looked into"))
    assert opened(root).table.equals(expected.table)
    assert len(opened(root, "test")) == 3


def test_a_carried_index_of_a_large_dataset_answers_without_a_look_at_its_files(root, monkeypatch):
    carry(root)
    for module in (dataset_index, kept_listing):
        monkeypatch.setattr(module, "WATCHED", 3)
    monkeypatch.setattr(dataset_index, "state", lambda path: pytest.fail(f"{path} was asked for its size"))
    assert len(opened(root)) == 9


def test_a_video_that_a_carried_index_lacks_or_knows_with_another_size_is_looked_into(root, write_numbered):
    carried = carry(root)
    write_index(root, carried[carried["path"] != "videos/wave/v_wave_g00_c01.mp4"])
    write_numbered(root / "videos" / "clap" / "v_clap_g00_c01.mp4", frames=7)
    ds = opened(root)
    frames = dict(zip(ds.table["video"], ds.table["frames"], strict=True))
    assert frames["clap/v_clap_g00_c01.mp4"] == 7
    assert frames["wave/v_wave_g00_c01.mp4"] == 20


def test_a_broken_carried_index_is_said_and_the_videos_are_looked_into(root):
    carry(root)
    (root / CARRIED).write_bytes((root / CARRIED).read_bytes()[:1000])
    with pytest.warns(UserWarning, match=rf"{CARRIED} is broken.*the videos are looked into instead"):
        assert len(opened(root)) == 9


def test_a_carried_index_that_is_written_anew_is_noticed(root):
    carry(root)
    opened(root)
    carried = read_index(root).table
    write_index(root, carried.assign(frames=13))
    assert opened(root).table["frames"].tolist() == [13] * 9


# ---------------------------------------------------------------------- making the index again


def test_rebuilding_looks_into_every_video_of_every_subset_again(root, monkeypatch):
    opened(root)
    seen, real = [], dataset_index.probe
    monkeypatch.setattr(dataset_index, "probe", lambda path: seen.append(path.name) or real(path))
    (root / "videos" / "jump" / "v_jump_g01_c01.mp4").write_bytes(b"")
    table = rebuild("ucf101", root, progress=False)
    assert len(seen) == len(table) == 12
    assert table["reason"].tolist().count("the file is empty (0 bytes)") == 1
    assert not list(cache_folder("datasets").glob("*.arrow"))
    with pytest.warns(UserWarning, match="1 of 9"):
        opened(root)
    assert len(seen) == 12


def test_rebuilding_writes_the_carried_index_anew_and_keeps_its_notes(root):
    carry(root, frames=1)
    rebuild("ucf101", root, progress=False)
    found = read_index(root)
    assert found.table["frames"].tolist() == [20] * 12
    assert found.about["prepared"] == "by hand"


@pytest.mark.parametrize(("name", "error"), [("ucf10", ValueError), ("hmdb51", LayoutError)])
def test_rebuilding_what_is_not_there_says_what_is(root, name, error):
    with pytest.raises(error, match=r"did you mean 'ucf101'|ROOT/"):
        rebuild(name, root, progress=False)
