import pytest

from labkit.data import class_folders, layouts
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


@pytest.mark.parametrize("name", ["vallist01.txt", "ValidList1.txt", "validationlist01.txt", "devlist01.TXT"])
def test_a_validation_list_is_read_under_every_usual_name(ucf, name):
    (ucf / "ucfTrainTestlist" / name).write_text("Biking/v_Biking_g02_c01.avi\n")
    for way in ("test", "split"):  # where there is a list of its own, nothing is held out
        val = layouts.ucf101(ucf, "val", 1, way)
        assert names(val) == [("Biking/v_Biking_g02_c01.avi", 1)]
        assert val.note == ""
        assert len(layouts.ucf101(ucf, "train", 1, way).entries) == 4


def test_training_and_test_lists_are_read_in_any_case(ucf):
    lists = ucf / "ucfTrainTestlist"
    (lists / "trainlist01.txt").rename(lists / "TrainList01.txt")
    (lists / "testlist01.txt").rename(lists / "TESTLIST1.TXT")
    assert len(layouts.ucf101(ucf, "train", 1).entries) == 4
    assert len(layouts.ucf101(ucf, "test", 1).entries) == 2


def test_two_lists_of_one_subset_are_refused(ucf):
    for name in ("vallist01.txt", "validlist01.txt"):
        (ucf / "ucfTrainTestlist" / name).write_text("Biking/v_Biking_g02_c01.avi\n")
    with pytest.raises(LayoutError, match=r"validlist01\.txt and vallist01\.txt are both lists of val"):
        layouts.ucf101(ucf, "train", 1)


def test_ucf101_can_hold_out_training_groups_for_validation(ucf):
    (ucf / "ucfTrainTestlist" / "trainlist01.txt").write_text(
        "".join(f"Archery/v_Archery_g{g:02d}_c{c:02d}.avi 1\n" for g in range(8, 26) for c in range(1, 5))
        + "".join(f"Biking/v_Biking_g{g:02d}_c01.avi 2\n" for g in (8, 9))
    )
    for g in range(8, 26):
        for c in range(1, 5):
            touch(ucf / "Archery" / f"v_Archery_g{g:02d}_c{c:02d}.avi")
    for g in (8, 9):
        touch(ucf / "Biking" / f"v_Biking_g{g:02d}_c01.avi")
    whole = names(layouts.ucf101(ucf, "train", 1))
    parts = {subset: layouts.ucf101(ucf, subset, 1, "split") for subset in ("train", "val", "test")}
    train, val = names(parts["train"]), names(parts["val"])
    assert sorted(train + val) == sorted(whole)
    groups = [{video.rsplit("_", 1)[0] for video, _ in each} for each in (train, val)]
    assert not groups[0] & groups[1]
    # 18 // 5 of Archery's groups, whole; one of Biking's two.
    assert [sum(label == n for _, label in val) for n in (0, 1)] == [3 * 4, 1]
    assert names(parts["test"]) == names(layouts.ucf101(ucf, "test", 1))
    assert "val is a part of the training list, held out" in parts["val"].note == parts["train"].note
    assert val != names(layouts.ucf101(ucf, "val", 1))
    # Written down once: another machine or version must split the same way.
    assert sorted({video.split("_")[2] for video, label in val if label == 0}) == ["g09", "g21", "g23"]


def test_what_is_held_out_does_not_depend_on_which_files_are_there(ucf):
    before = names(layouts.ucf101(ucf, "val", 1, "split"))
    gone = layouts.ucf101(ucf, "train", 1, "split").entries[0]
    gone.path.unlink()
    assert names(layouts.ucf101(ucf, "val", 1, "split")) == before
    assert layouts.ucf101(ucf, "train", 1, "split").missing == [(gone.path, "trainlist01.txt", gone.label)]


def test_a_class_of_one_group_stays_in_training(ucf):
    (ucf / "ucfTrainTestlist" / "trainlist01.txt").write_text("Biking/v_Biking_g01_c01.avi 2\n")
    assert names(layouts.ucf101(ucf, "train", 1, "split")) == [("Biking/v_Biking_g01_c01.avi", 1)]
    assert names(layouts.ucf101(ucf, "val", 1, "split")) == []


def test_videos_that_a_list_names_but_that_are_absent_are_listed(ucf):
    (ucf / "Biking" / "v_Biking_g02_c01.avi").unlink()
    train = layouts.ucf101(ucf, "train", 1)
    assert len(train.entries) == 3
    assert train.missing == [(ucf / "Biking" / "v_Biking_g02_c01.avi", "trainlist01.txt", 1)]


def test_a_list_none_of_whose_videos_is_there_is_an_error(ucf):
    for file in ucf.glob("*/*.avi"):
        file.unlink()
    with pytest.raises(LayoutError, match=r"all 4 videos .*trainlist01.*are missing.*v_Archery_g01_c01"):
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


OUTSIDE = ["Archery/../../secret.avi", "Archery\\..\\..\\secret.avi", "/etc/passwd.avi", "../Archery/x.avi", ".."]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_line_that_leads_out_of_the_root_is_an_error_with_file_and_line(ucf, hmdb, name):
    touch(ucf.parent / "secret.avi")
    for subset in ("train", "test", "val"):
        (ucf / "ucfTrainTestlist" / f"{subset}list01.txt").write_text(f"{name} 1\n")
        with pytest.raises(LayoutError, match=rf"{subset}list01\.txt, line 1: .* leads out of the dataset's folder"):
            layouts.ucf101(ucf, subset, 1)
    (hmdb / "testTrainMulti_7030_splits" / "wave_test_split1.txt").write_text(f"wave_#0_(x).avi 1\n{name} 2\n")
    with pytest.raises(LayoutError, match=r"wave_test_split1\.txt, line 2: .* leads out of"):
        layouts.hmdb51(hmdb, "test", 1)


@pytest.mark.parametrize("name", ["..", "../up", "/etc"])
def test_a_class_that_leads_out_of_the_root_is_an_error_with_its_line(ucf, name):
    (ucf / "ucfTrainTestlist" / "classInd.txt").write_text(f"1 Archery\n2 {name}\n")
    with pytest.raises(LayoutError, match=r"classInd\.txt, line 2: .* leads out of"):
        layouts.ucf101(ucf, "train", 1)


def test_an_unknown_split_names_the_lists_that_are_there(ucf):
    with pytest.raises(LayoutError, match=r"no trainlist04\.txt.*trainlist01\.txt"):
        layouts.ucf101(ucf, "train", 4)


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        (layouts.ucf101, "classInd.txt"),
        (layouts.hmdb51, "testTrainMulti_7030_splits"),
        (class_folders.folder, "any_name.mp4"),
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


def test_hmdb51_holds_out_whole_movies(hmdb):
    lists = hmdb / "testTrainMulti_7030_splits"
    clips = [
        f"{movie}_brush_hair_{body}_np1_ba_goo_{n}.avi"
        for movie in ("April_09", "Silky_brush_hair", "sarah_u_nm")
        for n, body in enumerate(("u_nm", "h_cm", "f_nm"))
    ]
    (lists / "brush_hair_test_split1.txt").write_text("".join(f"{clip} 1 \n" for clip in clips))
    for clip in clips:
        touch(hmdb / "brush_hair" / clip)
    train, val = (names(layouts.hmdb51(hmdb, subset, 1, "split")) for subset in ("train", "val"))
    held = [video for video, label in val if label == 0]
    assert len(held) == 3
    assert len({video.split("_brush_hair_")[0] for video in held}) == 1
    assert len([video for video, label in train if label == 0]) == 6


def test_hmdb51_refuses_a_mark_that_is_none_of_its_three(hmdb):
    (hmdb / "testTrainMulti_7030_splits" / "wave_test_split1.txt").write_text("wave_#0_(x).avi 1\nwave_#1_(x).avi 3\n")
    with pytest.raises(LayoutError, match=r"wave_test_split1\.txt, line 2: '3' is not 0"):
        layouts.hmdb51(hmdb, "train", 1)
