import pytest

from labkit.data import layouts
from labkit.data.layouts import LayoutError


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")


@pytest.fixture
def ucf(tmp_path):
    """UCF-101's layout with empty files; no video is opened by a layout."""
    for name in ("Archery", "Biking"):
        for i in range(3):
            touch(tmp_path / name / f"v_{name}_g0{i}_c01.avi")
    lists = tmp_path / "ucfTrainTestlist"
    lists.mkdir()
    (lists / "classInd.txt").write_text("1 Archery\n2 Biking\n")
    train = [f"{name}/v_{name}_g0{i}_c01.avi {n}" for n, name in ((1, "Archery"), (2, "Biking")) for i in (1, 2)]
    (lists / "trainlist01.txt").write_text("\r\n".join(train) + "\r\n")
    (lists / "testlist01.txt").write_text("Archery/v_Archery_g00_c01.avi\nBiking/v_Biking_g00_c01.avi\n\n")
    return tmp_path


@pytest.fixture
def hmdb(tmp_path):
    lists = tmp_path / "testTrainMulti_7030_splits"
    lists.mkdir()
    for name in ("wave", "brush_hair"):
        lines = []
        for i, use in enumerate((0, 1, 1, 2)):
            touch(tmp_path / name / f"{name}_#{i} (x).avi".replace(" ", "_"))
            lines.append(f"{name}_#{i}_(x).avi {use} ")
        (lists / f"{name}_test_split1.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def names(listing):
    return [(entry.video, entry.label) for entry in listing.entries]


def test_ucf101_reads_its_lists_and_numbers_classes_from_zero(ucf):
    train = layouts.ucf101(ucf, "train", 1)
    assert train.classes == ("Archery", "Biking")
    assert names(train) == [
        ("Archery/v_Archery_g01_c01.avi", 0),
        ("Archery/v_Archery_g02_c01.avi", 0),
        ("Biking/v_Biking_g01_c01.avi", 1),
        ("Biking/v_Biking_g02_c01.avi", 1),
    ]
    test = layouts.ucf101(ucf, "test", 1)
    assert [label for _, label in names(test)] == [0, 1]
    assert all(entry.path.is_file() for entry in train.entries + test.entries)


@pytest.mark.parametrize("folder", ["videos", "UCF-101", "."])
@pytest.mark.parametrize("lists", ["ucfTrainTestlist", "splits", "."])
def test_ucf101_may_lie_in_the_usual_folders(ucf, tmp_path_factory, folder, lists):
    root = tmp_path_factory.mktemp("ucf")
    (root / folder).mkdir(exist_ok=True)
    for name in ("Archery", "Biking"):
        (ucf / name).rename(root / folder / name)
    (root / lists).mkdir(exist_ok=True)
    for file in (ucf / "ucfTrainTestlist").iterdir():
        file.rename(root / lists / file.name)
    assert len(layouts.ucf101(root, "train", 1).entries) == 4


def test_ucf101_validates_on_the_test_list_and_says_so(ucf):
    val = layouts.ucf101(ucf, "val", 1)
    assert names(val) == names(layouts.ucf101(ucf, "test", 1))
    assert "val is the test list" in val.note
    (ucf / "ucfTrainTestlist" / "vallist01.txt").write_text("Biking/v_Biking_g02_c01.avi\n")
    own = layouts.ucf101(ucf, "val", 1)
    assert names(own) == [("Biking/v_Biking_g02_c01.avi", 1)]
    assert own.note == ""


def test_videos_that_a_list_names_but_that_are_absent_are_listed(ucf):
    (ucf / "Biking" / "v_Biking_g02_c01.avi").unlink()
    train = layouts.ucf101(ucf, "train", 1)
    assert len(train.entries) == 3
    assert train.missing == [(ucf / "Biking" / "v_Biking_g02_c01.avi", "trainlist01.txt")]


def test_a_list_none_of_whose_videos_is_there_is_an_error(ucf):
    for file in ucf.glob("*/*.avi"):
        file.unlink()
    with pytest.raises(LayoutError, match=r"none of the 4 videos .*trainlist01.*v_Archery_g01_c01"):
        layouts.ucf101(ucf, "train", 1)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Skiing/v_Skiing_g01_c01.avi 3", "class 'Skiing' is not among the 2"),
        ("Biking/v_Biking_g01_c01.avi 102", "label 102, but classInd.txt gives Biking the number 2"),
        ("Biking/v_Biking_g01_c01.avi one", "label one"),
    ],
)
def test_a_label_outside_the_list_is_an_error_with_file_and_line(ucf, line, message):
    file = ucf / "ucfTrainTestlist" / "trainlist01.txt"
    file.write_text(f"Archery/v_Archery_g01_c01.avi 1\n{line}\n")
    with pytest.raises(LayoutError, match=rf"trainlist01\.txt, line 2: {message}"):
        layouts.ucf101(ucf, "train", 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no class"),
        ("Archery\n", "line 1: expected 2 fields"),
        ("1 Archery\n3 Biking\n", "line 2: expected number 2, found '3'"),
        ("1 Archery\n2 Archery\n", "line 2: class 'Archery' is there twice"),
    ],
)
def test_a_class_list_that_makes_no_sense_is_an_error_with_its_line(ucf, text, message):
    (ucf / "ucfTrainTestlist" / "classInd.txt").write_text(text)
    with pytest.raises(LayoutError, match=message):
        layouts.ucf101(ucf, "train", 1)


def test_an_unknown_split_names_the_lists_that_are_there(ucf):
    with pytest.raises(LayoutError, match=r"no trainlist04\.txt.*trainlist01\.txt"):
        layouts.ucf101(ucf, "train", 4)


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        (layouts.ucf101, "classInd.txt"),
        (layouts.hmdb51, "testTrainMulti_7030_splits"),
        (layouts.folder, "any_name.mp4"),
    ],
)
def test_a_wrong_root_is_answered_with_the_tree_that_is_wanted(tmp_path, layout, expected):
    (tmp_path / "something").mkdir()
    with pytest.raises(LayoutError, match=r"What is expected:\n +ROOT/") as error:
        layout(tmp_path, "train", 1)
    assert expected in str(error.value)
    assert str(tmp_path) in str(error.value)


def test_hmdb51_reads_one_list_per_class_with_1_for_train_and_2_for_test(hmdb):
    train = layouts.hmdb51(hmdb, "train", 1)
    assert train.classes == ("brush_hair", "wave")
    assert [label for _, label in names(train)] == [0, 0, 1, 1]
    assert names(layouts.hmdb51(hmdb, "test", 1)) == [
        ("brush_hair/brush_hair_#3_(x).avi", 0),
        ("wave/wave_#3_(x).avi", 1),
    ]
    assert "val is the test list" in layouts.hmdb51(hmdb, "val", 1).note


def test_hmdb51_refuses_a_mark_that_is_none_of_its_three(hmdb):
    (hmdb / "testTrainMulti_7030_splits" / "wave_test_split1.txt").write_text("wave_#0_(x).avi 1\nwave_#1_(x).avi 3\n")
    with pytest.raises(LayoutError, match=r"wave_test_split1\.txt, line 2: '3' is none of 0"):
        layouts.hmdb51(hmdb, "train", 1)


def test_a_plain_tree_is_split_by_names_and_number_alone(tmp_path):
    for name in ("b", "a"):
        for i in range(11):
            touch(tmp_path / name / f"{i}.mp4")
    touch(tmp_path / "a" / "notes.txt")
    touch(tmp_path / ".hidden" / "x.mp4")
    parts = {subset: names(layouts.folder(tmp_path, subset, 1)) for subset in ("train", "val", "test")}
    assert layouts.folder(tmp_path, "train", 1).classes == ("a", "b")
    assert {subset: len(found) for subset, found in parts.items()} == {"train": 14, "val": 4, "test": 4}
    together = [name for found in parts.values() for name in found]
    assert len(set(together)) == len(together) == 22
    assert parts["test"] == names(layouts.folder(tmp_path, "test", 1))
    assert parts["test"] != names(layouts.folder(tmp_path, "test", 2))
    # Written down once: another machine or version must split the same way.
    assert [video for video, _ in parts["test"]] == ["a/7.mp4", "a/8.mp4", "b/1.mp4", "b/7.mp4"]


def test_a_tree_with_subset_folders_keeps_them(tmp_path):
    touch(tmp_path / "train" / "a" / "1.mp4")
    touch(tmp_path / "train" / "b" / "2.mp4")
    touch(tmp_path / "test" / "b" / "3.MP4")
    train, test, val = (layouts.folder(tmp_path, subset, 1) for subset in ("train", "test", "val"))
    assert train.classes == test.classes == ("a", "b")
    assert names(train) == [("train/a/1.mp4", 0), ("train/b/2.mp4", 1)]
    assert names(test) == names(val) == [("test/b/3.MP4", 1)]
    assert "val is the folder test" in val.note
