"""A folder of one's own, whatever lies in it: no class and no video is gone without a word."""

import shutil
import subprocess

import pytest

from labkit.clip import ClipSpec
from labkit.data import class_folders
from labkit.data.datasets import open_dataset
from labkit.data.layouts import LayoutError
from labkit.data.splits import held_out, shuffled, three_parts

SPEC = ClipSpec(frames=4, size=16)


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")


def names(listing):
    return [(entry.video, entry.label) for entry in listing.entries]


def opened(root, subset="train", **options):
    return open_dataset("folder", root, subset, spec=SPEC, progress=False, workers=0, **options)


# ---------------------------------------------------------------- the split


def test_a_plain_tree_is_split_by_names_and_number_alone(tmp_path):
    for name in ("b", "a"):
        for i in range(11):
            touch(tmp_path / name / f"{i}.mp4")
    touch(tmp_path / "a" / "notes.txt")
    touch(tmp_path / ".hidden" / "x.mp4")
    parts = {subset: names(class_folders.folder(tmp_path, subset, 1)) for subset in ("train", "val", "test")}
    assert class_folders.folder(tmp_path, "train", 1).classes == ("a", "b")
    assert {subset: len(found) for subset, found in parts.items()} == {"train": 14, "val": 4, "test": 4}
    together = [name for found in parts.values() for name in found]
    assert len(set(together)) == len(together) == 22
    assert parts["test"] == names(class_folders.folder(tmp_path, "test", 1))
    assert parts["test"] != names(class_folders.folder(tmp_path, "test", 2))
    # Written down once: another machine or version must split the same way.
    assert [video for video, _ in parts["test"]] == ["a/7.mp4", "a/8.mp4", "b/1.mp4", "b/7.mp4"]


def test_a_tree_with_subset_folders_keeps_them(tmp_path):
    touch(tmp_path / "train" / "a" / "1.mp4")
    touch(tmp_path / "train" / "b" / "2.mp4")
    touch(tmp_path / "test" / "b" / "3.MP4")
    train, test, val = (class_folders.folder(tmp_path, subset, 1) for subset in ("train", "test", "val"))
    assert train.classes == test.classes == ("a", "b")
    assert names(train) == [("train/a/1.mp4", 0), ("train/b/2.mp4", 1)]
    assert names(test) == names(val) == [("test/b/3.MP4", 1)]
    assert "val is the folder test" in val.note


@pytest.mark.parametrize(
    ("folders", "val"),
    [
        (("train", "test", "valid"), "valid"),
        (("Train", "Test", "Validation"), "Validation"),
        (("TRAIN", "TEST", "VAL"), "VAL"),
        (("training", "testing", "dev"), "dev"),
        (("train", "Dev"), "Dev"),
    ],
)
def test_a_validation_folder_is_read_under_every_usual_name(tmp_path, folders, val):
    for number, name in enumerate(folders):
        touch(tmp_path / name / "a" / f"{number}.mp4")
    listing = class_folders.folder(tmp_path, "val", 1)
    assert listing.classes == ("a",)
    assert names(listing) == [(f"{val}/a/{len(folders) - 1}.mp4", 0)]
    assert listing.note == ""
    test = class_folders.folder(tmp_path, "test", 1)
    assert ("test is the folder Dev" in test.note) == (len(folders) == 2)


def test_two_folders_of_one_subset_are_refused(tmp_path):
    for name in ("train", "val", "validation"):
        touch(tmp_path / name / "a" / "1.mp4")
    with pytest.raises(LayoutError, match=r"are both folders of val: which is it"):
        class_folders.folder(tmp_path, "train", 1)


def test_a_class_called_train_beside_others_is_a_class(tmp_path):
    for name in ("train", "car", "bus"):
        touch(tmp_path / name / "1.mp4")
    assert class_folders.folder(tmp_path, "train", 1).classes == ("bus", "car", "train")


def test_a_subset_that_has_no_folder_is_named(tmp_path):
    touch(tmp_path / "test" / "a" / "1.mp4")
    with pytest.raises(LayoutError, match=r"no folder of the subset train \(there are test\)"):
        class_folders.folder(tmp_path, "train", 1)


def test_training_videos_can_be_held_out_where_there_is_no_validation_folder(tmp_path):
    for i in range(10):
        touch(tmp_path / "train" / "a" / f"{i}.mp4")
    touch(tmp_path / "test" / "a" / "t.mp4")
    train, val, test = (names(class_folders.folder(tmp_path, s, 1, "split")) for s in ("train", "val", "test"))
    assert (len(train), len(val), test) == (8, 2, [("test/a/t.mp4", 0)])
    assert sorted(train + val) == names(class_folders.folder(tmp_path, "train", 1))


@pytest.mark.parametrize("count", range(1, 12))
def test_of_at_least_two_videos_every_subset_has_one(count):
    parts = three_parts([f"{i}.mp4" for i in range(count)], 1, "a")
    assert set().union(*parts.values()) == {f"{i}.mp4" for i in range(count)}
    sizes = {subset: len(part) for subset, part in parts.items()}
    few = {1: {"train": 1, "val": 0, "test": 0}, 2: {"train": 1, "val": 1, "test": 1}}
    part = max(1, count // 5)
    assert sizes == few.get(count, {"train": count - 2 * part, "val": part, "test": part})
    assert not parts["train"] & (parts["val"] | parts["test"])
    assert (parts["val"] == parts["test"]) == (count <= 2)


def test_classes_of_one_or_two_videos_are_named(tmp_path):
    for name, count in (("single", 1), ("pair", 2), ("many", 5)):
        for i in range(count):
            touch(tmp_path / name / f"{i}.mp4")
    note = class_folders.folder(tmp_path, "test", 1).note
    assert "only one video, which goes to train: single" in note
    assert "only two videos, so that val and test are the same one: pair" in note
    assert "many" not in note


@pytest.mark.parametrize(("groups", "out"), [(1, 0), (2, 1), (9, 1), (10, 2), (18, 3)])
def test_one_group_in_five_is_held_out_but_one_at_least_and_never_all(groups, out):
    assert len(held_out([f"g{i:02d}" for i in range(groups)] * 2, 1)) == out


def test_a_name_that_is_not_utf_8_can_be_put_in_order():
    assert sorted(shuffled(["caf\udce9.mp4", "b.mp4"], 1)) == ["b.mp4", "caf\udce9.mp4"]


# ---------------------------------------------------------------- what is a video


CONTAINERS = {
    ".gif": ["-pix_fmt", "rgb8"], ".mts": ["-f", "mpegts"], ".m2ts": ["-f", "mpegts"], ".vob": ["-f", "vob"],
    ".asf": [], ".3g2": ["-c:v", "mpeg4"], ".mxf": ["-c:v", "mpeg2video", "-r", "25"], ".f4v": ["-f", "mp4"],
    ".m2v": [], ".rmvb": ["-f", "rm", "-c:v", "rv10"], ".ogm": ["-f", "ogg", "-c:v", "libtheora"], ".y4m": ["-pix_fmt", "yuv420p"],
    ".unheard-of": ["-f", "matroska"], "": ["-f", "mp4"],
}  # fmt: skip


@pytest.fixture(scope="module")
def encode(tmp_path_factory):
    """`encode(path, *options)` makes a video of ten frames; the test is skipped where ffmpeg lacks the format."""
    if not shutil.which("ffmpeg"):
        pytest.skip("ffmpeg is not installed")

    def make(path, *options):
        path.parent.mkdir(parents=True, exist_ok=True)
        source = ["-f", "lavfi", "-i", "testsrc=duration=0.4:rate=25:size=176x144"]
        done = subprocess.run(["ffmpeg", "-v", "error", "-y", *source, *options, str(path)], capture_output=True)
        if done.returncode:
            pytest.skip(f"this ffmpeg cannot write {path.name}: {done.stderr.decode()[-200:]}")
        return path

    return make


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_a_class_of_any_container_the_decoder_reads_is_there(tmp_path, encode, suffix):
    encode(tmp_path / "known" / "a.mp4")
    encode(tmp_path / "other" / f"clip{suffix}", *CONTAINERS[suffix])
    ds = opened(tmp_path)
    assert ds.classes == ("known", "other")
    assert sorted(ds.table["video"]) == ["known/a.mp4", f"other/clip{suffix}"]
    assert ds.report.empty


@pytest.fixture
def cluttered(tmp_path, encode):
    """Class folders as people have them, with everything in them that is no video."""
    root = tmp_path / "clips"
    encode(root / "wave" / "1.mp4")
    encode(root / "wave" / "person02" / "day1" / "1.mp4")
    encode(root / "jump" / "jump.avi")
    (root / "jump" / "jump.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    for name in ("._jump.avi", "Thumbs.db", "labels.csv", "what.isthis", "link.mp4.part"):
        (root / "jump" / name).write_bytes(b"\0\1nothing")
    encode(root / "jump" / "still", "-frames:v", "1", "-f", "image2")
    (root / "run" / "notes").mkdir(parents=True)
    (root / "run" / "notes" / "read.me").write_text("no video\n")
    encode(root / "loose.mp4")
    return root


def test_whatever_was_passed_over_is_in_the_report_with_its_reason(cluttered):
    with pytest.warns(
        UserWarning, match=r"there is no video in run, so these are left out as classes; \.report says why"
    ):
        ds = opened(cluttered)
    assert ds.classes == ("jump", "wave")
    assert len(ds.table) == 2  # of wave's two videos one is for testing
    assert set(ds.report["what"]) == {"passed over"}
    said = {path.removeprefix(f"{cluttered}/"): reason for path, reason in ds.report[["path", "reason"]].to_numpy()}
    assert said.keys() == {
        "loose.mp4", "run", "run/notes", "run/notes/read.me", "jump/jump.jpg", "jump/._jump.avi", "jump/Thumbs.db",
        "jump/labels.csv", "jump/what.isthis", "jump/link.mp4.part", "jump/still",
    }  # fmt: skip
    assert said["jump/jump.jpg"] == said["jump/still"] == "a picture"
    assert said["run"] == "there is no video in this folder"
    assert said["loose.mp4"] == "it is not in a class folder"
    assert said["jump/._jump.avi"].startswith("hidden")
    assert said["jump/what.isthis"].startswith("the decoder was tried: not a readable video file")
    assert "passed over, since they are not videos: 11 files and folders, see .report" in ds.describe()
    assert "not readable" not in ds.describe()
    assert "folders without a video, left out as classes: run" in ds.describe()


@pytest.mark.filterwarnings("ignore:.*left out as classes")
def test_what_was_passed_over_is_no_error(cluttered):
    assert len(opened(cluttered, on_error="raise").table) == 2


@pytest.mark.filterwarnings("ignore:.*left out as classes")
def test_videos_in_deeper_folders_belong_to_the_class_above(cluttered):
    found = [name for subset in ("train", "test") for name, label in names(class_folders.folder(cluttered, subset, 1))]
    assert sorted(found) == ["jump/jump.avi", "wave/1.mp4", "wave/person02/day1/1.mp4"]


def test_class_folders_one_deeper_are_not_taken_for_one_class(tmp_path):
    for name in ("a", "b"):
        touch(tmp_path / "kinetics" / name / "1.mp4")
    with pytest.raises(LayoutError, match=r"all videos lie in folders of .*kinetics\. What is expected"):
        class_folders.folder(tmp_path, "train", 1)


def test_links_are_followed_once(tmp_path):
    touch(tmp_path / "far" / "x" / "1.mp4")
    root = tmp_path / "root"
    (root / "b").mkdir(parents=True)
    touch(root / "b" / "2.mp4")
    try:
        (root / "a").symlink_to(tmp_path / "far", target_is_directory=True)
        (root / "b" / "up").symlink_to(root, target_is_directory=True)
    except OSError:
        pytest.skip("this system lets nobody make links")
    listing = class_folders.folder(root, "train", 1)
    assert names(listing) == [("a/x/1.mp4", 0), ("b/2.mp4", 1)]
    assert [(path, "another name of" in reason) for path, reason in listing.passed] == [(root / "b" / "up", True)]


def test_a_class_without_a_video_in_this_subset_is_named(tmp_path, encode):
    for place in ("train/a/1.mp4", "train/b/2.mp4", "test/a/3.mp4"):
        encode(tmp_path / place)
    ds = opened(tmp_path, "test")
    assert ds.classes == ("a", "b")
    assert "without a video here: 1 class (b)" in ds.describe()
    assert "without a video" not in opened(tmp_path).describe()


def test_that_validation_is_the_test_folder_is_described_with_the_way_out(tmp_path, encode):
    for place in ("train/a/1.mp4", "train/a/2.mp4", "test/a/3.mp4"):
        encode(tmp_path / place)
    said = opened(tmp_path, "val").describe()
    assert "there is no validation folder: val is the folder test" in said
    assert "val='split' holds out training videos instead" in said
    ds = opened(tmp_path, "val", val="split")
    assert "held out" in ds.describe()
    assert ds.table["video"].str.startswith("train/a/").all()
    with pytest.raises(ValueError, match="no way to validate 'splt'; did you mean 'split'"):
        opened(tmp_path, "val", val="splt")
