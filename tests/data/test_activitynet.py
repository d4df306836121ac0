"""ActivityNet: segments of untrimmed videos, read at their frames, and videos that can no longer be had."""

import json

import pytest

from labkit.clip import ClipSpec
from labkit.data.activitynet import activitynet
from labkit.data.datasets import open_dataset
from labkit.data.label_lists import labels
from labkit.data.layouts import LayoutError

SPEC = ClipSpec(frames=4, size=16)
NAME = "activity_net.v1-3.min.json"


def about(subset, *segments, duration=120.0):
    annotations = [{"label": label, "segment": [start, end]} for label, start, end in segments]
    return {
        "subset": subset,
        "duration": duration,
        "url": "https://x",
        "resolution": "320x240",
        "annotations": annotations,
    }


DATABASE = {
    "QOlSCBRmfWY": about("training", ("Archery", 0, 0.4), ("BMX", 0.4, 0.8), ("Archery", 0.8, 1.12)),
    "v_aaaaaaaaa": about("training", ("Zumba", 0.2, 0.6)),  # a name that begins as files do
    "gone0000000": about("training", ("Tango", 1, 2), ("Tango", 3, 4)),
    "val00000000": about("validation", ("Archery", 0.2, 0.6)),
    "test0000000": about("testing"),
}


def write(root, database=DATABASE, name=NAME, **more):
    content = {"database": database, "taxonomy": [{"nodeId": 0, "nodeName": "Root"}], "version": "VERSION 1.3"}
    (root / name).write_text(json.dumps(content | more))


@pytest.fixture
def root(tmp_path):
    write(tmp_path)
    for name in ("a/v_QOlSCBRmfWY.mp4", "a/v_aaaaaaaaa.mkv", "b/val00000000.webm"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def names(listing):
    return [(entry.video, listing.classes[entry.label], entry.span) for entry in listing.entries]


def test_each_segment_is_an_entry_with_a_name_of_its_own(root):
    train = activitynet(root, "train", 1)
    assert names(train) == [
        ("QOlSCBRmfWY#0", "Archery", (0, 0.4)),
        ("QOlSCBRmfWY#1", "BMX", (0.4, 0.8)),
        ("QOlSCBRmfWY#2", "Archery", (0.8, 1.12)),
        ("v_aaaaaaaaa#0", "Zumba", (0.2, 0.6)),
    ]
    assert [entry.path.name for entry in train.entries] == ["v_QOlSCBRmfWY.mp4"] * 3 + ["v_aaaaaaaaa.mkv"]
    assert train.classes == labels("activitynet")
    assert train.missing == [(root / "v_gone0000000.mp4", NAME, labels("activitynet").index("Tango"))]
    assert train.passed == []
    val = activitynet(root, "val", 1)
    assert names(val) == [("val00000000#0", "Archery", (0.2, 0.6))]
    assert val.entries[0].path.name == "val00000000.webm"


def test_the_test_subset_has_no_labels_and_says_so(root):
    with pytest.raises(LayoutError, match=r"no labels for the subset test \(1 video\).* use train or val"):
        activitynet(root, "test", 1)


@pytest.mark.parametrize("span", [(5, 5), (5, 4), (-1, 4), (float("nan"), 4)])
def test_a_segment_that_makes_no_sense_is_listed_and_left_out(root, span):
    write(root, DATABASE | {"val00000000": about("validation", ("Archery", *span), ("BMX", 1, 2))})
    val = activitynet(root, "val", 1)
    assert [video for video, *_ in names(val)] == ["val00000000#1"]
    (path, reason) = val.passed[0]
    assert (path.name, reason.startswith("its segment 0, from")) == ("v_val00000000.mp4", True)


def test_segments_are_read_to_the_frame_and_missing_videos_are_no_error(tmp_path, write_numbered, read_numbers):
    write(tmp_path)
    write_numbered(tmp_path / "v_QOlSCBRmfWY.mp4", frames=28)  # 25 a second
    with pytest.warns(UserWarning, match=r"2 of 5 videos cannot be read.*activity_net\.v1-3\.min\.json names it"):
        ds = open_dataset(
            "activitynet", tmp_path, spec=SPEC, sampling="whole", on_error="raise", progress=False, workers=0
        )
    shown = [read_numbers(ds[i][0].numpy()) for i in range(3)]
    assert shown == [list(range(10)), list(range(10, 20)), list(range(20, 28))]
    assert ds.table["video"].tolist() == [f"QOlSCBRmfWY#{n}" for n in range(3)]
    assert ds.table["video"].str.rpartition("#")[0].nunique() == 1
    assert ds.report["what"].tolist() == ["missing", "missing"]
    for clips, frames in (("centre", [3, 4, 5, 6]), ("windows", [0, 1, 2, 3])):
        other = ds.with_sampling(clips)
        assert read_numbers(other[0][0].numpy()) == frames


def test_a_video_whose_segments_are_all_unreadable_is_one_line_of_the_report(tmp_path, write_numbered):
    write(tmp_path)
    (tmp_path / "v_QOlSCBRmfWY.mp4").write_bytes(b"not a video")
    write_numbered(tmp_path / "v_v_aaaaaaaaa.mp4", frames=20)
    with pytest.warns(UserWarning, match="cannot be read"):
        ds = open_dataset("activitynet", tmp_path, spec=SPEC, progress=False, workers=0)
    assert ds.report["what"].tolist() == ["missing", "unreadable"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"database": {"a": ', r"v1-3\.min\.json, line 1: not JSON, or cut short"),
        ("[" * 100_000, r"v1-3\.min\.json: not JSON|line 1: not JSON"),
        ("{}", r'no JSON file with a "database"\. What is expected'),
        ('{"database": {"a": {"subset": "tran"}}}', "video 'a': its subset is not training, validation or testing"),
        ('{"database": {"a": {"subset": "training", "annotations": [{"label": "BMX"}]}}}', "video 'a', segment 0: needs a label"),
        ('{"database": {"a": {"subset": "training", "annotations": [{"label": "Dancing", "segment": [0, 1]}]}}}', "'Dancing' is not among the 200 classes of ActivityNet 1.3; is this the file of another version"),
        ('{"database": {"a": {"subset": "training", "annotations": [{"label": "BMX", "segment": [0, 1]}]}}}', r"all 1 videos that .*json names for this subset are missing; the first is .*v_a\.mp4"),
    ],
)  # fmt: skip
def test_a_file_that_makes_no_sense_is_named_with_the_place(root, text, says):
    (root / NAME).write_text(text)
    with pytest.raises(LayoutError, match=says):
        activitynet(root, "train", 1)


def test_two_annotation_files_are_refused_and_others_ignored(root):
    (root / "other.json").write_text('{"a": 1}')
    (root / "broken.json").write_text('{"a": ')
    assert len(activitynet(root, "train", 1).entries) == 4
    write(root, name="older.json")
    with pytest.raises(LayoutError, match="are both annotation files of ActivityNet: keep one"):
        activitynet(root, "train", 1)
