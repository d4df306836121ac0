"""Datasets in shards: written, indexed and opened, and the same clips as from loose files."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from itertools import chain
from pathlib import Path

import fsspec
import pytest
import torch

from labkit.clip import ClipSpec
from labkit.data import pieces, shard_writer
from labkit.data.datasets import open_dataset
from labkit.data.packing import pack
from labkit.data.shards import ShardError, index_shards, rows_of, write_shards
from labkit.data.video import VideoError
from labkit.locks import alone
from labkit.training.batches import EpochBatches, make_loader
from labkit.training.sharing import Share

SPEC = ClipSpec(frames=4, size=16)
FOUR_VIDEOS = 20_000  # bytes of a shard: a few of the tiny videos


def opened(root, subset="train", name="ucf101", **more):
    return open_dataset(name, root, subset, spec=SPEC, progress=False, **more)


def write(root: Path, folder: Path, **more) -> Path:
    """The dataset at `root` in shards, in `folder`."""
    sets = {subset: opened(root, subset) for subset in ("train", "test")}
    rows = rows_of({subset: each.table for subset, each in sets.items()})
    write_shards(
        rows, folder, classes=sets["train"].classes, kind="ucf101", progress=False, **({"size": FOUR_VIDEOS} | more)
    )
    return folder


@pytest.fixture(scope="session")
def shards(tiny_ucf101, tmp_path_factory) -> Path:
    """The tiny dataset in shards. Read only."""
    return write(tiny_ucf101, tmp_path_factory.mktemp("tiny_shards"))


@pytest.fixture
def own(shards, tmp_path) -> Path:
    """A copy of these shards that a test may spoil."""
    return Path(shutil.copytree(shards, tmp_path / "own"))


@pytest.fixture
def store(shards):
    """The address of these shards in an object store in memory."""
    memory = fsspec.filesystem("memory")
    for path in shards.iterdir():
        memory.pipe_file(f"/bucket/tiny/{path.name}", path.read_bytes())
    yield "memory://bucket/tiny"
    memory.rm("/bucket", recursive=True)
    pieces.forget()


def tars(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def same_clips(one, other) -> bool:
    return all(
        torch.equal(one[epoch, index][0], other[epoch, index][0]) and one[epoch, index][1:] == other[epoch, index][1:]
        for epoch in (0, 3)
        for index in range(len(one))
    )


# ---------------------------------------------------------------------- the same dataset


@pytest.mark.parametrize("sampling", ["random", "centre", "windows", "spaced", "whole"])
def test_clips_from_shards_are_those_from_loose_files(tiny_ucf101, shards, sampling):
    for subset in ("train", "test"):
        loose = opened(tiny_ucf101, subset, sampling=sampling, k=2)
        packed = opened(shards, subset, name="shards", sampling=sampling, k=2)
        assert packed.classes == loose.classes
        assert len(packed) == len(loose) > 0
        assert packed.table.drop(columns="path").equals(loose.table.drop(columns="path"))
        assert same_clips(packed, loose)


def test_clips_from_an_object_store_are_those_from_loose_files(tiny_ucf101, store):
    packed = opened(store, "train", name="shards")
    assert same_clips(packed, opened(tiny_ucf101))
    assert packed.table["path"].str.startswith("memory://bucket/tiny/train-00000").all()


def test_an_index_that_was_made_again_in_the_store_is_read_by_the_same_process(store):
    memory = fsspec.filesystem("memory")
    assert len(opened(store, name="shards")) == 12
    memory.rm("/bucket/tiny/train-000000.tar")
    with pytest.warns(UserWarning, match="its shard is not there"):
        left = len(opened(store, name="shards"))
    index_shards(f"{store}/", progress=False)
    assert len(opened(f"{store}/", name="shards")) == left
    assert len(opened(store, name="shards").report) == 0


def test_shards_describe_themselves_and_keep_the_choice_of_classes_and_videos(tiny_ucf101, shards):
    packed = opened(shards, name="shards", classes=["wave", "clap"], limit=2)
    loose = opened(tiny_ucf101, classes=["wave", "clap"], limit=2)
    assert packed.classes == ("wave", "clap")
    assert packed.table.drop(columns="path").equals(loose.table.drop(columns="path"))
    assert packed.describe().splitlines()[0] == "shards train: 4 videos of 2 classes, 4 clips (random)"
    assert len(packed.report) == 0
    assert "val is its test shards" in opened(shards, "val", name="shards").describe()
    with pytest.raises(ValueError, match="no class 'wavy'; did you mean 'wave'"):
        opened(shards, name="shards", classes=["wavy"])
    with pytest.raises(ShardError, match="no shards of the subset 'train'; it has"):
        opened(shards, "train", name="shards", val="split")


def test_mirror_images_and_crops_follow_the_dataset_that_the_shards_hold(tiny_ucf101, tmp_path):
    write_shards(
        rows_of({"train": opened(tiny_ucf101).table}),
        tmp_path,
        classes=("MoveRight", "MoveLeft", "MoveUp"),
        kind="motion",
        progress=False,
    )
    moved = opened(tmp_path, name="shards")
    assert moved.flip == {0: 1, 1: 0, 2: 2}
    assert moved.augment.crop == "centre"


def test_decoded_frames_and_flow_of_shards_are_kept_as_of_files(shards, own):
    pytest.importorskip("cv2")
    packed = opened(own, name="shards", sampling="centre", cached=True)
    assert same_clips(packed, opened(shards, name="shards", sampling="centre", cached=True))
    pair = opened(own, name="shards", sampling="centre", flow="dis")
    assert pair[0][0][1].shape == (4, 2, 16, 16)
    first = packed._cache.file
    os.utime(own / "train-000000.tar", (1, 1))
    assert opened(own, name="shards", sampling="centre", cached=True)._cache.file != first


# ---------------------------------------------------------------------- order


@pytest.mark.slow
def test_two_ranks_with_two_workers_each_read_every_clip_once_in_the_order_of_seed_and_epoch(shards):
    dataset = opened(shards, name="shards")
    read = {}
    for rank in range(2):
        batches = EpochBatches(len(dataset), 5, seed=7, share=Share(rank, 2))
        loader = make_loader(dataset, batches, workers=2, device=torch.device("cpu"))
        batches.begin(3)
        read[rank] = [rows.tolist() for _, _, rows, _ in loader]
    alone = EpochBatches(len(dataset), 5, seed=7)
    alone.begin(3)
    expected = [[index for _, index in batch] for batch in alone]
    assert [sorted(a + b) for a, b in zip(read[0], read[1], strict=True)] == [sorted(batch) for batch in expected]
    assert sorted(chain(*read[0], *read[1])) == list(range(len(dataset)))
    alone.begin(3, first=1)  # after an interruption
    assert [[index for _, index in batch] for batch in alone] == expected[1:]


# ---------------------------------------------------------------------- writing


def test_the_same_videos_give_the_same_bytes_and_members_in_webdatasets_layout(tiny_ucf101, shards, tmp_path):
    assert tars(write(tiny_ucf101, tmp_path / "again")) == tars(shards)
    names = sorted(path.name for path in shards.glob("*.tar"))
    assert names[0] == "test-000000.tar"
    assert names[-1].startswith("train-00000")
    assert len(names) >= 4
    with tarfile.open(shards / "train-000000.tar") as tar:
        members = tar.getmembers()
        assert [each.name for each in members[:3]] == ["00000000.mp4", "00000000.cls", "00000000.json"]
        assert {(each.mtime, each.uid, each.gid, each.uname, each.mode) for each in members} == {(0, 0, 0, "", 0o644)}
        about = json.load(tar.extractfile("00000000.json"))
    row = opened(tiny_ucf101).table.iloc[0]
    assert about == {name: row[name] for name in shard_writer.ROW} | {"class": "clap"}
    assert json.loads((shards / "dataset.json").read_text()) == {"kind": "ucf101", "classes": ["clap", "jump", "wave"]}


def test_each_subset_counts_its_own_keys_and_no_key_has_a_dot(shards):
    keys = {}
    for path in sorted(shards.glob("*.tar")):
        with tarfile.open(path) as tar:
            keys.setdefault(path.name.split("-")[0], []).extend(n[:-4] for n in tar.getnames() if n.endswith(".mp4"))
    assert keys == {"train": [f"{n:08d}" for n in range(12)], "test": [f"{n:08d}" for n in range(6)]}


def test_finished_shards_are_kept_and_those_with_changed_videos_are_written_again(
    make_ucf101, write_numbered, tmp_path
):
    root = make_ucf101(tmp_path / "set", train=2, test=1)
    folder = write(root, tmp_path / "out")
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.tar")}
    write(root, folder)
    assert {path.name: path.stat().st_mtime_ns for path in folder.glob("*.tar")} == before
    write_numbered(root / "videos" / "wave" / "v_wave_g01_c01.mp4", frames=8)
    write(root, folder)
    after = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.tar")}
    assert 1 <= sum(after[name] != before.get(name) for name in after) < len(after)
    assert opened(folder, name="shards").table["frames"].tolist().count(8) == 1


LINGER = """
import os, signal, sys
from pathlib import Path
from labkit.data import shard_writer
sys.path.insert(0, sys.argv[4])
from test_shards import write
real, left = shard_writer._write, [int(sys.argv[3])]
def die(temporary, parts):
    left[0] -= 1
    if left[0] < 0:
        temporary.write_bytes(b"half a shard")
        os.kill(os.getpid(), signal.SIGKILL)
    real(temporary, parts)
shard_writer._write = die
write(Path(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
@pytest.mark.parametrize("written", [0, 2])
def test_a_killed_writer_goes_on_to_the_same_bytes(tiny_ucf101, shards, tmp_path, written):
    folder = tmp_path / "out"
    command = [sys.executable, "-c", LINGER, str(tiny_ucf101), str(folder), str(written), str(Path(__file__).parent)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    kept = {path: path.stat().st_mtime_ns for path in folder.glob("[!.]*.tar")}
    assert len(kept) == written
    assert not (folder / "index.arrow").exists()
    write(tiny_ucf101, folder)
    assert tars(folder) == tars(shards)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_a_full_disk_names_the_shard_and_leaves_whole_shards_to_go_on_from(tiny_ucf101, shards, tmp_path, monkeypatch):
    real = shard_writer._write

    def full(temporary, parts):
        real(temporary, parts)
        if "train-000001" in temporary.name:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(shard_writer, "_write", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*train-000001\.tar'"):
        write(tiny_ucf101, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["dataset.json", "train-000000.tar"]
    monkeypatch.setattr(shard_writer, "_write", real)
    assert tars(write(tiny_ucf101, tmp_path / "out")) == tars(shards)


def test_a_second_writer_in_the_same_folder_is_refused(tiny_ucf101, tmp_path):
    with (
        alone(tmp_path / "out" / shard_writer.LOCK),
        pytest.raises(ShardError, match="another process writes shards there"),
    ):
        write(tiny_ucf101, tmp_path / "out")
    write(tiny_ucf101, tmp_path / "out")


def test_a_folder_with_other_shards_is_refused_by_name(tiny_ucf101, tmp_path):
    write(tiny_ucf101, tmp_path)
    (tmp_path / "train-000077.tar").write_bytes(b"")
    with pytest.raises(ShardError, match=r"holds shards that this dataset does not have, train-000077\.tar first"):
        write(tiny_ucf101, tmp_path)


def test_two_videos_of_one_frame_in_two_classes_are_enough(write_numbered, tmp_path):
    for name in ("a", "b"):
        write_numbered(tmp_path / "set" / "train" / name / "x.mp4", frames=1)
        write_numbered(tmp_path / "set" / "test" / name / "y.mp4", frames=1)
    loose = opened(tmp_path / "set", name="folder")
    write_shards(rows_of({"train": loose.table}), tmp_path / "out", classes=loose.classes, size=1, progress=False)
    assert len(list((tmp_path / "out").glob("*.tar"))) == 2
    assert same_clips(opened(tmp_path / "out", name="shards"), loose)


# ---------------------------------------------------------------------- damage


def test_a_cut_shard_is_named_with_the_first_lost_member_and_the_others_stay_usable(own):
    whole = opened(own, name="shards").table
    cut = own / "train-000001.tar"
    rows = whole[whole["path"].str.contains(cut.name)]
    second = pieces.located(rows["path"].iloc[1])
    os.truncate(cut, second.offset + second.size // 2)
    with pytest.warns(
        UserWarning,
        match=rf"{len(rows) - 1} of 12 videos cannot be read; the first is .*{cut.name}@.*/{second.name}: "
        "its shard is cut short",
    ):
        left = opened(own, name="shards")
    assert len(left.table) == 12 - (len(rows) - 1)
    assert left.report["path"].tolist() == rows["path"].tolist()[1:]
    assert all(left[index][0].shape == (4, 3, 16, 16) for index in range(len(left)))
    with pytest.raises(VideoError, match="its shard is cut short"):
        opened(own, name="shards", on_error="raise")
    table = index_shards(own, progress=False).table  # made again, the index knows the loss
    assert len(table) == 18 - (len(rows) - 1)
    report = opened(own, name="shards").report
    assert report["reason"].str.contains(f"cut short at byte .*: lost from {second.member} on").any()


def test_a_missing_shard_is_named_and_the_others_stay_usable(own):
    (own / "train-000000.tar").unlink()
    with pytest.warns(UserWarning, match=r"train-000000\.tar@.*its shard is not there"):
        left = opened(own, name="shards")
    assert 0 < len(left.table) < 12


@pytest.mark.parametrize("spoil", [lambda data: data + bytes(5120), lambda data: bytes(512) + data[:9000]])
def test_an_index_that_does_not_fit_its_shards_is_said_with_the_command_that_makes_it_again(own, spoil):
    one = own / "train-000000.tar"
    one.write_bytes(spoil(one.read_bytes()))
    with pytest.raises(ShardError, match=rf"the index does not fit train-000000\.tar.*labkit data index shards {own}"):
        opened(own, name="shards")


def test_shards_without_an_index_and_a_broken_index_are_said_with_the_command(own, tmp_path):
    index = own / "index.arrow"
    index.write_bytes(index.read_bytes()[:2000])
    with pytest.raises(ShardError, match=rf"its index cannot be used.*make it again: labkit data index shards {own}"):
        opened(own, name="shards")
    index.unlink()
    with pytest.raises(ShardError, match=rf"holds no index.arrow; make it again: labkit data index shards {own}"):
        opened(own, name="shards")
    with pytest.raises(ShardError, match="is not a folder"):
        opened(tmp_path / "nowhere", name="shards")
    with pytest.raises(ShardError, match=r"holds no shards \(files that end in \.tar\)"):
        index_shards(tmp_path, progress=False)


def test_a_flipped_byte_in_a_header_is_named_and_what_lies_before_it_stays(own):
    path = own / "train-000001.tar"
    data = bytearray(path.read_bytes())
    with tarfile.open(path) as tar:
        header = tar.getmembers()[4].offset
    data[header + 5] ^= 1
    path.write_bytes(data)
    table = index_shards(own, progress=False).table
    assert (table["shard"] == path.name).sum() == 1
    line, other = opened(own, name="shards").report.itertuples()
    assert line.path == str(path)
    assert "the header after 0000" in line.reason
    assert f"at byte {header:,}, is broken: the rest is lost" in line.reason
    assert "it has no label" in other.reason  # of the video before that header


def test_an_index_that_names_files_elsewhere_is_refused(own):
    from labkit.data.dataset_index import read_index, write_index

    found = read_index(own)
    for shard in ("../other.tar", "/etc/x.tar", "pipe:x.tar/y.tar"):
        table = found.table.assign(shard=shard)
        write_index(own, table, {**found.about, "shards": {shard: 5}})
        with pytest.raises(ShardError, match="names a file that is not a shard beside it"):
            opened(own, name="shards")


# ---------------------------------------------------------------------- a whole dataset


def test_a_dataset_is_packed_with_the_subsets_that_it_has_of_its_own(tiny_ucf101, write_numbered, tmp_path):
    pack("ucf101", tiny_ucf101, tmp_path / "ucf", size=FOUR_VIDEOS, progress=False)
    assert {path.name.split("-")[0] for path in (tmp_path / "ucf").glob("*.tar")} == {"train", "test"}
    assert same_clips(opened(tmp_path / "ucf", "test", name="shards"), opened(tiny_ucf101, "test"))
    for name in ("train/a/1.mp4", "train/b/2.mp4", "val/a/3.mp4", "val/b/4.mp4"):
        write_numbered(tmp_path / "set" / name, frames=3)
    pack("folder", tmp_path / "set", tmp_path / "out", progress=False)
    assert sorted(path.name for path in (tmp_path / "out").glob("*.tar")) == ["train-000000.tar", "val-000000.tar"]


def test_shards_inside_the_dataset_and_shards_of_shards_are_refused(tiny_ucf101, shards, tmp_path):
    with pytest.raises(ShardError, match="lies in the dataset's folder"):
        pack("ucf101", tiny_ucf101, tiny_ucf101 / "shards", progress=False)
    with pytest.raises(ShardError, match="these are shards already"):
        pack("shards", shards, tmp_path, progress=False)
