"""Kinetics as people have it: lists, and the part of the files that could still be had."""

import random
import shutil
import string

import numpy as np
import pytest

from labkit.clip import ClipSpec
from labkit.data.datasets import open_dataset
from labkit.data.kinetics import kinetics
from labkit.data.label_lists import labels
from labkit.data.layouts import LayoutError

SPEC = ClipSpec(frames=4, size=16)
HEADER = "label,youtube_id,time_start,time_end,split\n"
IDS = ("--cSmvCXwXY", "_0aBcD-fGh1", "AAAAAAAAAA2", "B_000001_0x", "CCCCCCCCCC4")


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")


def lists(root, folder="annotations", train="train.csv", val="val.csv", header=HEADER, more=""):
    place = root / folder
    place.mkdir(parents=True, exist_ok=True)
    rows = [
        ("air drumming", IDS[0], 95, 105),
        ("massaging person's head", IDS[1], 0, 10),
        ("air drumming", IDS[2], 7, 17),
    ]
    place.joinpath(train).write_text(header + "".join(f"{a},{b},{c},{d},train{more}\n" for a, b, c, d in rows))
    place.joinpath(val).write_text(header + f"air drumming,{IDS[3]},30,40,validate{more}\n")
    return root


def names(listing):
    return [(entry.video, listing.classes[entry.label]) for entry in listing.entries]


TRAIN = [
    (f"{IDS[0]}_000095_000105", "air drumming"),
    (f"{IDS[1]}_000000_000010", "massaging person's head"),
    (f"{IDS[2]}_000007_000017", "air drumming"),
]
FILES = {
    "flat": ("{}.mp4", "{}.mp4", "{}.mp4"),
    "by subset": ("train/{}.mp4", "train/{}.mkv", "train/{}.webm"),
    "by class": ("air drumming/{}.mp4", "massaging person's head/{}.mp4", "air drumming/{}.mp4"),
    "by class with underscores": ("air_drumming/{}.mp4", "massaging_person's_head/{}.MP4", "air_drumming/{}.mp4"),
    "by subset and class": ("videos/train/air_drumming/{}.mp4", "videos/train/m/{}.mp4", "videos/train/a/{}.mp4.webm"),
}


@pytest.mark.parametrize("way", FILES)
@pytest.mark.parametrize("folder", ["annotations", ".", "k400/annotations"])
def test_files_are_found_in_any_folder_with_any_suffix(tmp_path, way, folder):
    lists(tmp_path, folder)
    for pattern, (name, _) in zip(FILES[way], TRAIN, strict=True):
        touch(tmp_path / pattern.format(name))
    train = kinetics(400)(tmp_path, "train", 1)
    assert names(train) == TRAIN
    assert all(entry.path.is_file() and entry.span is None for entry in train.entries)
    assert train.classes == labels("kinetics400")
    assert (train.missing, train.passed) == ([], [])


@pytest.mark.parametrize(
    ("train", "val", "header", "more"),
    [
        ("kinetics400_train.csv", "kinetics-400_validate.csv", HEADER, ""),
        ("train.csv", "validate.csv", HEADER.replace("split", "split,is_cc,replacement"), ",0,x"),
        ("Train.CSV", "VAL.csv", "\ufeff" + HEADER.upper(), ""),
        ("first.csv", "second.csv", HEADER, ""),  # the column tells
    ],
)
def test_lists_are_read_under_every_usual_name_and_with_more_columns(tmp_path, train, val, header, more):
    lists(tmp_path, train=train, val=val, header=header, more=more)
    touch(tmp_path / f"{TRAIN[0][0]}.mp4")
    touch(tmp_path / f"{IDS[3]}_000030_000040.mp4")
    assert names(kinetics(400)(tmp_path, "train", 1)) == TRAIN[:1]
    assert names(kinetics(400)(tmp_path, "val", 1)) == [(f"{IDS[3]}_000030_000040", "air drumming")]
    assert "there is no test list: test is the val list" in kinetics(400)(tmp_path, "test", 1).note


def test_times_without_zeros_and_files_of_another_part_are_told_apart(tmp_path):
    lists(tmp_path)
    touch(tmp_path / f"{IDS[0]}_95_105.mp4")
    touch(tmp_path / f"{IDS[1]}_000020_000030.mp4")  # of the same video, but another part
    train = kinetics(400)(tmp_path, "train", 1)
    assert names(train) == TRAIN[:1]
    assert [(one.path.name, one.listed_in) for one in train.missing] == [
        (f"{name}.mp4", "train.csv") for name, _ in TRAIN[1:]
    ]


def test_a_video_that_lies_there_twice_is_used_once(tmp_path):
    lists(tmp_path)
    for folder in ("a", "train", "val"):
        touch(tmp_path / folder / f"{TRAIN[0][0]}.mp4")
    (tmp_path / "annotations" / "train.csv").open("a").write(f"air drumming,{IDS[0]},95,105,train\n")
    train = kinetics(400)(tmp_path, "train", 1)
    assert [entry.path.parent.name for entry in train.entries] == ["train"]
    assert "there more than once, one of them used: 1 video" in train.note
    assert "listed twice, used once: 1 video" in train.note


# ---------------------------------------------------------------- opened


def test_missing_videos_are_counted_and_listed_and_never_an_error(tmp_path, write_numbered):
    lists(tmp_path)
    write_numbered(tmp_path / "train" / "air_drumming" / f"{TRAIN[0][0]}.mp4")
    with pytest.warns(UserWarning, match=r"2 of 3 videos cannot be read; .*train\.csv names it, but it is not there"):
        ds = open_dataset("kinetics400", tmp_path, spec=SPEC, on_error="raise", progress=False, workers=0)
    assert ds.report["what"].tolist() == ["missing", "missing"]
    assert len(ds) == 1
    assert len(ds.classes) == 400
    with pytest.raises(LayoutError, match=r"all 1 videos that .*val\.csv names for this subset are missing"):
        open_dataset("kinetics400", tmp_path, "val", spec=SPEC, progress=False, workers=0)


def test_chosen_classes_keep_their_missing_videos_in_the_report(tmp_path, write_numbered):
    lists(tmp_path)
    write_numbered(tmp_path / f"{TRAIN[0][0]}.mp4")
    with pytest.warns(UserWarning, match="1 of 2 videos"):
        ds = open_dataset("kinetics400", tmp_path, spec=SPEC, classes=["air drumming"], progress=False, workers=0)
    assert [path.rpartition("/")[2] for path in ds.report["path"].str.replace("\\", "/")] == [f"{TRAIN[2][0]}.mp4"]


def test_a_file_named_by_its_video_alone_is_read_at_its_part_or_whole_if_it_is_the_part(
    tmp_path, write_numbered, read_numbers
):
    place = tmp_path / "annotations"
    place.mkdir()
    rows = [("air drumming", IDS[0], 0.4, 0.8), ("air drumming", IDS[1], 90, 91), ("abseiling", IDS[2], 300, 310)]
    place.joinpath("train.csv").write_text(HEADER + "".join(f"{a},{b},{c},{d},train\n" for a, b, c, d in rows))
    write_numbered(tmp_path / f"{IDS[0]}.mp4", frames=28)  # 25 a second: a part of a longer video
    write_numbered(tmp_path / f"{IDS[1]}.mp4", frames=25)  # the part itself, cut out
    write_numbered(tmp_path / f"{IDS[2]}.mp4", frames=25 * 20, height=16, width=16)  # neither
    with pytest.warns(UserWarning, match="the part from 300 to 310 s is not in the video, which has 20.0 s"):
        ds = open_dataset("kinetics400", tmp_path, spec=SPEC, sampling="whole", progress=False, workers=0)
    assert ds.table[["start", "end"]].to_numpy().tolist() == [[0, 28], [0, 25]]


def test_a_longer_video_gives_the_frames_of_the_part(tmp_path, write_numbered, read_numbers):
    (tmp_path / "train.csv").write_text(HEADER + f"air drumming,{IDS[0]},2,3,train\n")
    write_numbered(tmp_path / f"{IDS[0]}.mp4", frames=25 * 4)
    ds = open_dataset("kinetics400", tmp_path, spec=SPEC, sampling="whole", progress=False, workers=0)
    assert ds.table[["start", "end"]].to_numpy().tolist() == [[50, 75]]


# ---------------------------------------------------------------- versions


def write_labels(root, names, file="train.csv"):
    (root / file).write_text(HEADER + "".join(f'"{name}",{i:011d},0,10,train\n' for i, name in enumerate(names)))
    touch(root / "00000000000_000000_000010.mp4")
    return root


def test_the_classes_of_600_and_700_are_those_of_all_lists_sorted(tmp_path):
    write_labels(tmp_path, [f"class {i}" for i in range(1, 600)])
    (tmp_path / "val.csv").write_text(HEADER + "Class_1,AAAAAAAAAAA,0,10,val\nabseiling,BBBBBBBBBBB,0,10,val\n")
    train = kinetics(600)(tmp_path, "train", 1)
    assert len(train.classes) == 600
    assert train.classes[:2] == ("abseiling", "class 1")
    assert list(train.classes) == sorted(train.classes)
    assert train.note == ""


@pytest.mark.parametrize(
    ("version", "classes", "says"),
    [
        (400, [*labels("kinetics400")[:370], *(f"new {i}" for i in range(230))], "'new 0' is not a class of Kinetics-400. The lists have 600 classes, 370 of them among Kinetics-400's: this looks like Kinetics-600"),
        (600, labels("kinetics400"), "not those of Kinetics-600: they have 400 classes, 400 of them .* looks like Kinetics-400"),
        (600, [f"new {i}" for i in range(700)], "they have 700 classes, 0 of them .* looks like Kinetics-700"),
        (700, [f"new {i}" for i in range(600)], "they have 600 classes, 0 of them .* looks like Kinetics-600"),
    ],
)  # fmt: skip
def test_lists_of_another_version_are_refused_with_the_version_they_look_like(tmp_path, version, classes, says):
    with pytest.raises(LayoutError, match=says):
        kinetics(version)(write_labels(tmp_path, classes), "train", 1)


def test_a_part_of_a_version_says_how_many_classes_it_names(tmp_path):
    train = kinetics(700)(write_labels(tmp_path, ["b", "a"]), "train", 1)
    assert train.classes == ("a", "b")
    assert train.note == "the lists name 2 of 700 classes"


# ---------------------------------------------------------------- wrong input


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("youtube_id,time_start,time_end,split\nAAAAAAAAAAA,0,10,test\n", r"test\.csv, line 2: no label"),
        (HEADER + "abseiling,AAAAAAAAAAA,10,0,test\n", r"test\.csv, line 2: the part ends at 0 s, not after .* 10 s"),
        (HEADER + "abseiling,AAAAAAAAAAA,-1,9,test\n", r"test\.csv, line 2: start is -1 s; a time is at least 0"),
        (HEADER + "abseiling,AAAAAAAAAAA,x,9,test\n", r"line 2: start is a number of seconds such as 12\.5, not 'x'"),
        (HEADER + "abseiling,,0,9,test\n", r"test\.csv, line 2: no youtube_id"),
    ],
)
def test_a_line_that_makes_no_sense_is_named(tmp_path, text, says):
    (tmp_path / "test.csv").write_text(text)
    touch(tmp_path / "AAAAAAAAAAA.mp4")
    with pytest.raises(LayoutError, match=says):
        kinetics(400)(tmp_path, "test", 1)


def test_a_folder_without_lists_or_without_videos_is_answered_with_the_tree(tmp_path):
    touch(tmp_path / "a.mp4")
    (tmp_path / "other.csv").write_text("x,y\n1,2\n")
    with pytest.raises(LayoutError, match=r"no CSV file with a column youtube_id\. What is expected:\n +ROOT/"):
        kinetics(400)(tmp_path, "train", 1)
    (tmp_path / "a.mp4").unlink()
    with pytest.raises(LayoutError, match=r"no video\. What is expected"):
        kinetics(400)(lists(tmp_path), "train", 1)
    with pytest.raises(LayoutError, match="Kinetics-400 has one split, so split is 1, not 2"):
        kinetics(400)(tmp_path, "train", 2)


def test_a_list_that_is_not_text_is_named_and_other_tables_are_ignored(tmp_path):
    lists(tmp_path)
    touch(tmp_path / f"{TRAIN[0][0]}.mp4")
    (tmp_path / "notes.csv").write_bytes(b"caf\xe9;1\n")
    (tmp_path / "train_log.csv").write_text("epoch,loss\n1,2\n")
    assert names(kinetics(400)(tmp_path, "train", 1)) == TRAIN[:1]
    (tmp_path / "annotations" / "val.csv").write_bytes(HEADER.encode() + b"caf\xe9,AAAAAAAAAAA,0,10,val\n")
    with pytest.raises(LayoutError, match=r"val\.csv, line 2: not UTF-8 text"):
        kinetics(400)(tmp_path, "train", 1)


@pytest.mark.real_data
def test_a_real_clip_opens_as_kinetics(tmp_path, real_data):
    (tmp_path / "val.csv").write_text(HEADER + "cleaning pool,AAAAAAAAAAA,3,13,val\n")
    shutil.copy(real_data / "videos" / "cleaning_pool.mp4", tmp_path / "AAAAAAAAAAA_000003_000013.mp4")
    ds = open_dataset("kinetics400", tmp_path, "val", spec=SPEC, sampling="centre", progress=False, workers=0)
    assert ds.classes[ds.labels[0]] == "cleaning pool"
    assert ds.table[["start", "end", "frames"]].to_numpy().tolist() == [[0, 300, 300]]
    assert ds[0][0].shape == (4, 3, 16, 16)


def test_two_lists_of_one_subset_and_an_unknown_subset_are_refused(tmp_path):
    lists(tmp_path)
    touch(tmp_path / "a.mp4")
    (tmp_path / "validate.csv").write_text(HEADER)
    with pytest.raises(LayoutError, match="are both lists of val: keep one"):
        kinetics(400)(tmp_path, "train", 1)
    (tmp_path / "validate.csv").rename(tmp_path / "all.csv")
    (tmp_path / "all.csv").write_text(HEADER + "abseiling,AAAAAAAAAAA,0,10,tset\n")
    with pytest.raises(LayoutError, match=r"all\.csv, line 2: 'tset' is not a subset"):
        kinetics(400)(tmp_path, "train", 1)


def test_videos_can_be_held_out_whichever_files_are_there(tmp_path):
    write_labels(tmp_path, ["abseiling"] * 10)
    for i in range(10):
        touch(tmp_path / f"{i:011d}_000000_000010.mp4")
    (tmp_path / "val.csv").unlink(missing_ok=True)
    train, val = (names(kinetics(400)(tmp_path, subset, 1, "split")) for subset in ("train", "val"))
    assert (len(train), len(val)) == (8, 2)
    (tmp_path / f"{train[0][0]}.mp4").unlink()
    assert names(kinetics(400)(tmp_path, "val", 1, "split")) == val


def test_a_list_of_20_000_is_read_without_asking_any_file(tmp_path, monkeypatch):
    from pathlib import Path

    draw = random.Random(0)
    ids = ["".join(draw.choices(string.ascii_letters + string.digits + "-_", k=11)) for _ in range(20_000)]
    own = labels("kinetics400")
    (tmp_path / "train.csv").write_text(
        HEADER + "".join(f"{own[i % 400]},{name},{i % 90},{i % 90 + 10},train\n" for i, name in enumerate(ids))
    )
    (tmp_path / "train").mkdir()
    for i, name in enumerate(ids[:15_000]):
        (tmp_path / "train" / f"{name}_{i % 90:06d}_{i % 90 + 10:06d}.mp4").touch()
    monkeypatch.setattr(Path, "stat", lambda *_, **__: pytest.fail("a file was asked"))
    train = kinetics(400)(tmp_path, "train", 1)
    monkeypatch.undo()
    assert (len(train.entries), len(train.missing)) == (15_000, 5_000)
    assert np.bincount([entry.label for entry in train.entries], minlength=400).min() > 0
