"""Files whose names differ a little from the lists: what is certain is matched and said, the rest is missing."""

import hashlib
import os
from pathlib import Path

import pytest

from labkit.data import layouts
from labkit.data.label_lists import kinetics_version, labels
from labkit.data.matching import match, matched, normal_form, stem


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")


def found_in(root, names):
    return {name: (one.path.relative_to(root).as_posix(), one.how) for name, one in match(root, names).items()}


AS_LISTED = "50_FIRST_DATES_kick_f_cm_np1_ba_med_19.avi"


@pytest.mark.parametrize(
    ("listed", "there"),
    [
        ("#122_Cleaning_Up_(a)_wave.avi", "_122_Cleaning_Up__a__wave.avi"),
        ("#122_wave.avi", "%23122_wave.avi"),
        ("#122_wave.avi", "122_wave.avi"),
        ("Oceans;Eleven wave.avi", "Oceans_Eleven_wave.avi"),
        ("Mr&Mrs_wave[1].avi", "Mr_Mrs_wave_1_.avi"),
        ("Mr&Mrs_wave[1].avi", "MrMrs_wave1.avi"),
        ("caf\u00e9_wave.avi", "cafe\u0301_wave.avi"),
        (AS_LISTED, AS_LISTED.lower()),
        ("v_HandstandPushups_g01_c01.avi", "v_HandStandPushups_g01_c01.mp4"),
    ],
)
def test_a_file_that_an_unpacker_renamed_is_matched_by_spelling(tmp_path, listed, there):
    touch(tmp_path / "c" / there)
    assert found_in(tmp_path, [f"c/{listed}"]) == {f"c/{listed}": (f"c/{there}", "spelling")}


@pytest.mark.parametrize("there", ["a.mp4", "a.MKV", "a.avi.webm"])
def test_a_copy_with_the_suffix_of_another_video_is_matched(tmp_path, there):
    touch(tmp_path / "c" / there)
    assert found_in(tmp_path, ["c/a.avi"]) == {"c/a.avi": (f"c/{there}", "suffix")}


def test_the_file_itself_comes_before_its_copies(tmp_path):
    for name in ("a.avi", "a.mp4", "A.avi"):
        touch(tmp_path / name)
    assert found_in(tmp_path, ["a.avi"]) == {"a.avi": ("a.avi", "")}


@pytest.mark.parametrize(
    ("there", "names"),
    [
        (("a.mp4", "a.mkv"), ["a.avi"]),  # two copies: which?
        (("a 1.avi", "a_1.avi"), ["a#1.avi"]),  # two files of one form
        (("a 1.avi",), ["a#1.avi", "a_1.avi"]),  # two names of one form
        (("a.txt", "a.jpg", "a"), ["a.avi"]),  # other things
        (("_.avi",), ["#.avi"]),  # a name without letters has no form
        (("b.avi",), ["a.avi"]),
    ],
)
def test_a_file_that_is_not_certain_is_missing(tmp_path, there, names):
    for name in there:
        touch(tmp_path / name)
    assert found_in(tmp_path, names) == {}


def test_a_file_that_another_list_names_is_not_taken(tmp_path):
    touch(tmp_path / "a_1.avi")
    assert found_in(tmp_path, ["a#1.avi", "a_1.avi"]) == {"a_1.avi": ("a_1.avi", "")}


def test_a_folder_is_matched_by_spelling_if_one_alone_fits(tmp_path):
    touch(tmp_path / "HandStandPushups" / "a.avi")
    assert found_in(tmp_path, ["HandstandPushups/a.avi"]) == {
        "HandstandPushups/a.avi": ("HandStandPushups/a.avi", "spelling")
    }
    touch(tmp_path / "Handstand_Pushups" / "a.avi")
    assert found_in(tmp_path, ["HandstandPushups/a.avi"]) == {}


def test_each_folder_is_listed_once_and_no_file_is_asked(tmp_path, monkeypatch):
    names = [f"c{i % 20}/v_{i}#.avi" for i in range(20_000)]
    for i in range(20):
        (tmp_path / f"c{i}").mkdir()
    for i in range(20_000):
        os.close(os.open(tmp_path / f"c{i % 20}" / f"v_{i}_.mp4", os.O_CREAT))
    listed = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda folder: listed.append(Path(folder)) or scandir(folder))
    monkeypatch.setattr(Path, "stat", lambda *_: pytest.fail("a file was asked"))
    found = match(tmp_path, names)
    monkeypatch.undo()
    assert len(found) == 20_000
    assert sorted(listed) == sorted({tmp_path, *(tmp_path / f"c{i}" for i in range(20))})
    assert matched(found.values()) == "matched 20,000 by spelling"


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("HandStandPushups", "handstandpushups"),
        ("massaging_person's_head", "massagingpersonshead"),
        ("air%20drumming", "airdrumming"),
        ("ＷＡＶＥ 1", "wave1"),
        ("動画_1", "動画1"),
        ("#!", ""),
    ],
)
def test_the_normal_form_keeps_letters_and_digits(name, form):
    assert normal_form(name) == form


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.avi", "a"), ("a.b.MP4", "a.b"), ("a.mp4.webm", "a"), ("a.txt", "a.txt"), (".avi", ".avi")],
)
def test_the_stem_lacks_the_suffixes_of_videos_alone(name, expected):
    assert stem(name) == expected


# ---------------------------------------------------------------- in the layouts


@pytest.fixture
def ucf(tmp_path):
    lists = tmp_path / "ucfTrainTestlist"
    lists.mkdir()
    (lists / "classInd.txt").write_text("1 Archery\n2 HandstandPushups\n")
    (lists / "trainlist01.txt").write_text(
        "Archery/v_Archery_g01_c01.avi 1\nArchery/v_Archery_g02_c01.avi 1\n"
        "HandstandPushups/v_HandStandPushups_g01_c01.avi 2\nHandStandPushups/v_HandStandPushups_g02_c01.avi 2\n"
    )
    (lists / "testlist01.txt").write_text("Archery/v_Archery_g03_c01.avi\n")
    return tmp_path


def test_ucf101_is_read_whichever_way_handstand_pushups_is_spelled(ucf):
    touch(ucf / "Archery" / "v_Archery_g01_c01.mp4")
    for i in (1, 2):
        touch(ucf / "HandStandPushups" / f"v_HandstandPushups_g0{i}_c01.avi")
    train = layouts.ucf101(ucf, "train", 1)
    assert [(entry.video, entry.label) for entry in train.entries] == [
        ("Archery/v_Archery_g01_c01.avi", 0),
        ("HandstandPushups/v_HandStandPushups_g01_c01.avi", 1),
        ("HandStandPushups/v_HandStandPushups_g02_c01.avi", 1),
    ]
    assert all(entry.path.is_file() for entry in train.entries)
    assert train.missing == [(ucf / "Archery" / "v_Archery_g02_c01.avi", "trainlist01.txt", 0)]
    assert train.note == "matched 1 as another kind of file and 2 by spelling"


def test_ucf101_without_its_class_list_has_the_published_classes(ucf):
    (ucf / "ucfTrainTestlist" / "classInd.txt").unlink()
    (ucf / "ucfTrainTestlist" / "trainlist01.txt").write_text("Archery/v_Archery_g01_c01.avi 3\n")
    touch(ucf / "Archery" / "v_Archery_g01_c01.avi")
    train = layouts.ucf101(ucf, "train", 1)
    assert train.classes == labels("ucf101")
    assert [entry.label for entry in train.entries] == [2]


def test_hmdb51_is_read_as_unpackers_leave_it(tmp_path):
    names = ["#437_How_To_Ride_A_Bike_wave.avi", "a;b_wave.avi", "c&d wave(1).avi", "there_wave.avi", "gone_wave.avi"]
    lists = tmp_path / "splits"
    lists.mkdir()
    (lists / "wave_test_split1.txt").write_text("".join(f"{name} 1 \n" for name in names) + "unused_wave!.avi 0\n")
    there = [
        "_437_How_To_Ride_A_Bike_wave.avi",
        "a_b_wave.avi",
        "c_d_wave_1_.mp4",
        "there_wave.avi",
        "unused_wave_.avi",
    ]
    for name in there:
        touch(tmp_path / "wave" / name)
    train = layouts.hmdb51(tmp_path, "train", 1)
    assert [entry.path.name for entry in train.entries] == there[:4]
    assert [entry.video for entry in train.entries] == [f"wave/{name}" for name in names[:4]]
    assert [one.path.name for one in train.missing] == ["gone_wave.avi"]
    assert train.note == "matched 3 by spelling"


# ---------------------------------------------------------------- lists of classes

LISTS = {  # classes, and the beginning of the SHA-256 of the file
    "ucf101": (101, "3ec3894f84996395"),
    "hmdb51": (51, "154ef596b6037121"),
    "activitynet": (200, "a5bed94c3d53b1ba"),
    "kinetics400": (400, "a8dafb93a1204d4e"),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_built_in_list_of_classes_is_the_published_one(name):
    found = labels(name)
    digest = hashlib.sha256("\n".join(found).encode()).hexdigest()[:16]
    assert (len(set(found)), digest) == LISTS[name]


@pytest.mark.real_data
@pytest.mark.parametrize("name", LISTS)
def test_a_built_in_list_of_classes_agrees_with_the_real_one(name, real_data):
    file = real_data / "labels" / f"{name}.txt"
    if not file.is_file():
        pytest.skip(f"there is no {file}")
    assert labels(name) == tuple(file.read_text(encoding="utf-8").splitlines())


def test_a_list_of_classes_says_which_version_of_kinetics_it_looks_like():
    own = labels("kinetics400")
    others = [f"new class {i}" for i in range(400)]
    assert kinetics_version(own) == "400 classes, 400 of them among Kinetics-400's: this looks like Kinetics-400"
    assert kinetics_version(own[:5]).endswith("5 of them among Kinetics-400's: this looks like a part of Kinetics-400")
    assert kinetics_version(own[:370] + tuple(others[:230])).endswith(
        "370 of them among Kinetics-400's: this looks like Kinetics-600"
    )
    assert kinetics_version(own[:370] + tuple(others[:330])).endswith("this looks like Kinetics-700")
    assert kinetics_version([*own[:3], "new class"]).endswith("this looks like a part of Kinetics-600 or Kinetics-700")
