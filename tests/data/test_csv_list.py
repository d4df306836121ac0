"""A list that somebody wrote by hand or in a spreadsheet: path, label, and maybe times and a split."""

import pytest

from labkit.clip import ClipSpec
from labkit.data.csv_list import csv_list
from labkit.data.datasets import open_dataset
from labkit.data.layouts import LayoutError
from labkit.data.splits import three_parts

SPEC = ClipSpec(frames=4, size=16)


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")


def names(listing):
    return [(entry.video, listing.classes[entry.label], entry.span) for entry in listing.entries]


def write(root, text, name="list.csv", encoding="utf-8"):
    (root / name).write_bytes(text.encode(encoding))
    return root / name


@pytest.fixture
def root(tmp_path):
    for name in ("day 1/a.mp4", "day 1/b.mp4", "c.avi"):
        touch(tmp_path / name)
    return tmp_path


PLAIN = "path,label,start,end,split\nday 1/a.mp4,wave,1.5,3,train\nday 1/b.mp4,jump,,,train\nc.avi,wave,0.5,,test\n"
READ = [("day 1/a.mp4#0", "wave", (1.5, 3.0)), ("day 1/b.mp4", "jump", None)]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (PLAIN, "utf-8"),
        (PLAIN, "utf-8-sig"),
        (PLAIN.replace("\n", "\r\n"), "utf-8-sig"),
        (PLAIN.replace(",", ";"), "utf-8"),
        (PLAIN.replace(",", ";").replace("1.5", "1,5"), "utf-8"),
        (PLAIN.replace(",", "\t"), "utf-16"),
        (PLAIN.replace("day 1/", "day 1\\"), "utf-8"),
        (PLAIN.replace("day 1/", "./day 1/"), "utf-8"),
        (PLAIN.replace("path,label,start,end,split", " Path , LABEL,Start,END,Split"), "utf-8"),
        (PLAIN.replace("day 1/a.mp4", '"day 1/a.mp4"').replace("train", "Training"), "utf-8"),
        ("\n" + PLAIN + "\n,,,,\n", "utf-8"),
    ],
)
def test_a_list_is_read_as_spreadsheets_and_people_write_it(root, text, encoding):
    write(root, text, encoding=encoding)
    train = csv_list(root, "train", 1)
    assert names(train) == READ
    assert train.classes == ("jump", "wave")
    assert all(entry.path.is_file() for entry in train.entries)
    assert names(csv_list(root, "test", 1)) == [("c.avi#0", "wave", (0.5, float("inf")))]


def test_the_root_may_be_the_file_itself_or_its_folder(root):
    file = write(root, PLAIN, "first.csv")
    assert names(csv_list(file, "train", 1)) == names(csv_list(root, "train", 1)) == READ
    write(root, "x,y\n1,2\n", "other.csv")
    assert names(csv_list(root, "train", 1)) == READ
    write(root, PLAIN, "second.tsv")
    with pytest.raises(
        LayoutError, match=r"several lists \(first\.csv, second\.tsv\): give one of these files as root"
    ):
        csv_list(root, "train", 1)


def test_columns_in_another_order_and_unknown_columns_are_said(root):
    write(root, "notes,label,path,Reviewer\nx,wave,c.avi,me\n")
    train = csv_list(root, "train", 1)
    assert names(train) == [("c.avi", "wave", None)]
    assert train.note == "columns of list.csv that are not used: notes, Reviewer"


def test_classes_are_sorted_as_numbers_if_all_are_numbers(root):
    write(root, "path,label\nc.avi,10\nday 1/a.mp4,9\n")
    assert csv_list(root, "train", 1).classes == ("9", "10")


def test_without_a_split_each_class_is_split_as_folders_are_and_no_video_is_in_two_subsets(tmp_path):
    files = [f"{i}.mp4" for i in range(10)]
    for file in files:
        touch(tmp_path / file)
    text = "".join(f"{file},wave,{i},{i + 1}\n{file},jump,{i + 5},{i + 6}\n" for i, file in enumerate(files))
    write(tmp_path, "path,label,start,end\n" + text)
    parts = {subset: csv_list(tmp_path, subset, 1) for subset in ("train", "val", "test")}
    found = {subset: {video.rpartition("#")[0] for video, *_ in names(part)} for subset, part in parts.items()}
    assert found == three_parts(files, 1, "wave")
    assert {subset: len(part.entries) for subset, part in parts.items()} == {"train": 12, "val": 4, "test": 4}
    videos = [video for part in parts.values() for video, *_ in names(part)]
    assert len(set(videos)) == 20


def test_validation_is_held_out_by_video_or_said_to_be_the_test_rows(root):
    for i in range(10):
        touch(root / f"{i}.mp4")
    rows = "".join(f"{i}.mp4,wave,{j},{j + 1},train\n" for i in range(10) for j in range(3))
    write(root, f"path,label,start,end,split\n{rows}c.avi,wave,,,test\n")
    assert "there is no validation split: val is the rows of test" in csv_list(root, "val", 1).note
    train, val = ({video for video, *_ in names(csv_list(root, subset, 1, "split"))} for subset in ("train", "val"))
    assert (len(train), len(val)) == (24, 6)
    assert not {video.partition("#")[0] for video in train} & {video.partition("#")[0] for video in val}
    write(root, "path,label,split\nc.avi,wave,test\n")
    with pytest.raises(LayoutError, match=r"list\.csv has no row of the split train \(there are test\)"):
        csv_list(root, "train", 1)


def test_files_of_another_kind_are_matched_and_said_and_missing_ones_listed(root):
    write(root, "path,label,split\nc.mp4,wave,train\nDay_1/A.mp4,wave,train\ngone.mp4,jump,train\n")
    train = csv_list(root, "train", 1)
    assert [entry.path.name for entry in train.entries] == ["c.avi", "a.mp4"]
    assert train.note == "matched 1 as another kind of file and 1 by spelling"
    assert train.missing == [(root / "gone.mp4", "list.csv", 0)]


def test_a_name_with_a_number_sign_names_its_file(root):
    touch(root / "x#1.mp4")
    write(root, "path,label,start,end,split\nx#1.mp4,wave,0,1,train\nx#1.mp4,wave,1,2,train\n")
    assert [video for video, *_ in names(csv_list(root, "train", 1))] == ["x#1.mp4#0", "x#1.mp4#1"]


# ---------------------------------------------------------------- opened


def test_parts_of_a_video_are_read_to_the_frame(tmp_path, write_numbered, read_numbers):
    write_numbered(tmp_path / "a.mp4", frames=28)  # 25 a second
    write(tmp_path, "path,label,start,end,split\na.mp4,x,0,0.4,train\na.mp4,y,0.4,0.8,train\na.mp4,z,0.8,,train\n")
    ds = open_dataset("csv", tmp_path / "list.csv", spec=SPEC, sampling="whole", progress=False, workers=0)
    assert ds.table[["start", "end"]].to_numpy().tolist() == [[0, 10], [10, 20], [20, 28]]
    assert [ds.classes[label] for label in ds.labels] == ["x", "y", "z"]
    shown = [read_numbers(ds[i][0].numpy()) for i in range(3)]
    assert shown == [list(range(10)), list(range(10, 20)), list(range(20, 28))]
    again = open_dataset("csv", tmp_path, spec=SPEC, sampling="whole", progress=False, workers=0)
    assert again.table.equals(ds.table)


def test_a_part_outside_its_video_is_named_and_the_others_are_kept(tmp_path, write_numbered):
    write_numbered(tmp_path / "a.mp4", frames=25)
    write(tmp_path, "path,label,start,end,split\na.mp4,x,0,0.4,train\na.mp4,y,100,110,train\n")
    with pytest.warns(
        UserWarning, match=r"1 of 2 videos cannot be read.* the part from 100 to 110 s is not in the video"
    ):
        ds = open_dataset("csv", tmp_path, spec=SPEC, progress=False, workers=0)
    assert len(ds) == 1
    assert ds.report["reason"].tolist() == ["the part from 100 to 110 s is not in the video, which has 1.0 s"]


def test_clips_of_sides_are_never_mirrored(tmp_path, write_numbered):
    labels = ("push left", "TurnRight", "spin counter-clockwise", "wave", "brightly lit", "leftover")
    rows = []
    for i, label in enumerate(labels):
        write_numbered(tmp_path / f"{i}.mp4", frames=5)
        rows.append(f"{i}.mp4,{label},train\n")
    write(tmp_path, "path,label,split\n" + "".join(rows))
    ds = open_dataset("csv", tmp_path, spec=SPEC, progress=False, workers=0)
    assert sorted(ds.classes[label] for label in ds.flip) == ["brightly lit", "leftover", "wave"]
    assert all(label == mirrored for label, mirrored in ds.flip.items())


# ---------------------------------------------------------------- wrong input


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file,class\nc.avi,wave\n", r"no column 'path': its first line is 'file, class'. The header expected is path,label\[,start\]\[,end\]\[,split\]"),
        ("path,kind\nc.avi,wave\n", "no column 'label'"),
        ("c.avi,wave\n", "no column 'path'"),
        ("", "no column 'path': its first line is 'no columns'"),
        ("path,label,path\nc.avi,wave,c.avi\n", "has the column 'path' twice"),
        ("path,label\n", "has no row below its header"),
        ("path,label\nc.avi,\n", "line 2: no label"),
        ("path,label\n,wave\n", "line 2: no path"),
        ("path,label\nc.avi,wave,more\n", "line 2: 3 cells, but the header has 2"),
        ("path,label,start,end\nc.avi,wave,3,2\n", "line 2: the part ends at 2 s, not after its start at 3 s"),
        ("path,label,start,end\nc.avi,wave,3,3\n", "line 2: the part ends at 3 s, not after its start at 3 s"),
        ("path,label,start,end\nc.avi,wave,-1,2\n", "line 2: start is -1 s; a time is at least 0"),
        ("path,label,start,end\nc.avi,wave,nan,2\n", "line 2: start is nan s; a time is at least 0"),
        ("path,label,start,end\nc.avi,wave,0:10,2\n", "line 2: start is a number of seconds such as 12.5, not '0:10'"),
        ("path,label\n\nc.avi,wave\nc.avi,jump\n", "line 4: the same video and times as in line 3"),
        ("path,label,split\nc.avi,wave,trian\n", "line 2: the split 'trian' is none of train, training, val"),
        ("path,label,split\nc.avi,wave,\n", "line 2: the split '' is none of"),
        ("path,label\n../c.avi,wave\n", r"line 2: '../c.avi' leads out of the dataset's folder"),
        ("path,label\n/etc/passwd,wave\n", "line 2: '/etc/passwd' leads out of"),
        ("path,label\nC:\\videos\\c.avi,wave\n", "line 2: .* leads out of"),
        ("path,label\n\\\\server\\c.avi,wave\n", "line 2: .* leads out of"),
        ("path,label\nhttps://example.org/c.avi,wave\n", "line 2: 'https://example.org/c.avi' is a URL"),
        ("path,label\ngone.avi,wave\n", r"all 1 videos that .*list\.csv names for this subset are missing"),
        ('path,label\n"c.avi,wave\n', r"list\.csv"),
    ],
)  # fmt: skip
def test_a_list_that_makes_no_sense_is_an_error_with_its_line(root, text, says):
    file = write(root, text)
    with pytest.raises(LayoutError, match=says) as error:
        csv_list(file, "train", 1)
    assert "list.csv" in str(error.value)


def test_a_list_in_another_encoding_is_named_with_its_line(root):
    write(root, "path,label\nc.avi,wave\nd.avi,café\n", encoding="cp1252")
    with pytest.raises(LayoutError, match=r"list\.csv, line 3: not UTF-8 text; save it as CSV in UTF-8"):
        csv_list(root / "list.csv", "train", 1)


def test_an_absolute_path_is_taken_inside_the_folder_alone(root):
    write(root, f"path,label,split\n{root / 'c.avi'},wave,train\n")
    assert names(csv_list(root, "train", 1)) == [("c.avi", "wave", None)]
    write(root, f"path,label,split\n{root / '..' / 'c.avi'},wave,train\n")
    with pytest.raises(LayoutError, match=r"line 2: .* leads out of"):
        csv_list(root, "train", 1)


def test_a_folder_without_a_list_is_answered_with_the_tree(root):
    with pytest.raises(LayoutError, match=r"not laid out as csv: no CSV file\. What is expected:\n +ROOT/"):
        csv_list(root, "train", 1)


@pytest.mark.parametrize("name", ["csv", "kinetics400", "ucf101", "folder"])
@pytest.mark.parametrize(
    "root", ["https://example.org/v.zip", "http://activity-net.org", "www.youtube.com/watch?v=x", "s3://b/k"]
)
def test_a_url_as_root_is_answered_in_one_line(name, root):
    with pytest.raises(LayoutError) as error:
        open_dataset(name, root, spec=SPEC)
    assert str(error.value) == f"{root} is a URL; labkit downloads no dataset: give a folder on this machine as root"
