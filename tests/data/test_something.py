"""Something-Something: templates as labels, and clips that must not be mirrored."""

import json

import av
import numpy as np
import pytest

from labkit.clip import ClipSpec
from labkit.data.dataset_kinds import KINDS, sides
from labkit.data.datasets import open_dataset
from labkit.data.label_lists import labels
from labkit.data.layouts import LayoutError
from labkit.data.something import something
from labkit.data.transforms import TrainTransform

SPEC = ClipSpec(frames=4, size=16)
LABELS = {
    "Pushing something from left to right": "2",
    "Holding something next to something": "0",
    "Pushing something from right to left": "1",
    "Turning the camera left while filming something": "3",
}
ROWS = [
    {"id": "78687", "label": "holding potato next to box", "template": "Holding [something] next to [something]"},
    {"id": "42", "label": "pushing a cup", "template": "Pushing [something] from left to right"},
    {"id": 7, "label": "turning", "template": "Turning the camera left while filming [something]"},
]
OLD = ("something-something-v2-labels.json", "something-something-v2-train.json", "something-something-v2-validation.json", "something-something-v2-test.json")  # fmt: skip
NEW = ("labels/labels.json", "labels/train.json", "labels/validation.json", "labels/test.json")


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")


def write(root, files=NEW):
    (root / "labels").mkdir(exist_ok=True)
    for file, content in zip(files, (LABELS, ROWS, ROWS[:1], [{"id": "1420"}]), strict=True):
        (root / file).write_text(json.dumps(content))
    return root


def write_ramp(path, frames=12):
    """A real VP9 webm of 12 frames a second, dark on the left and bright on the right."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ramp = np.broadcast_to(np.linspace(20, 230, 64, dtype=np.uint8)[None, :, None], (48, 64, 3))
    with av.open(str(path), "w", format="webm") as container:
        stream = container.add_stream("libvpx-vp9", rate=12)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(ramp), format="rgb24")))
        container.mux(stream.encode())
    return path


def mirrored(dataset):
    """For each item whether it is shown mirrored, and its label."""
    clips = [dataset[i] for i in range(len(dataset))]
    return [(bool(clip[0, 0, 8, 0] > clip[0, 0, 8, -1]), label) for clip, label, _ in clips]


@pytest.mark.parametrize("files", [OLD, NEW])
@pytest.mark.parametrize("folder", ["20bn-something-something-v2", ".", "train"])
def test_templates_become_the_numbered_labels(tmp_path, files, folder):
    write(tmp_path, files)
    for name in ("78687.webm", "42.mp4"):
        touch(tmp_path / folder / name)
    train = something(tmp_path, "train", 1)
    assert train.classes == tuple(sorted(LABELS, key=lambda name: int(LABELS[name])))
    assert [(entry.video, entry.label, entry.path.name) for entry in train.entries] == [
        ("78687", 0, "78687.webm"),
        ("42", 2, "42.mp4"),
    ]
    assert train.missing == [(tmp_path / "7.webm", (tmp_path / files[1]).name, 3)]
    assert [entry.video for entry in something(tmp_path, "val", 1).entries] == ["78687"]
    with pytest.raises(
        LayoutError, match=r"test\.json, video '1420': no template; the labels of this list are withheld"
    ):
        something(tmp_path, "test", 1)


@pytest.fixture
def opened(tmp_path):
    write(tmp_path)
    for name in ("78687", "42", "7"):
        write_ramp(tmp_path / "20bn-something-something-v2" / f"{name}.webm")
    always = TrainTransform(SPEC, flip=1.0)
    return lambda **more: open_dataset(
        "something", tmp_path, spec=SPEC, transform=always, progress=False, workers=0, **more
    )


def test_a_clip_whose_label_names_a_side_is_never_mirrored(opened):
    ds = opened()
    assert ds.table[["frames", "fps"]].to_numpy().tolist() == [[12, 12]] * 3
    assert ds.flip == {0: 0}
    assert mirrored(ds) == [(True, 0), (False, 2), (False, 3)]


def test_the_label_of_the_mirror_image_can_be_given_instead(opened):
    left, right = (name for name in LABELS if name.startswith("Pushing"))
    assert mirrored(opened(flip={left: right, right: left})) == [(False, 0), (True, 1), (False, 3)]


@pytest.mark.parametrize("name", ["ucf101", "hmdb51", "kinetics400", "activitynet"])
def test_no_class_of_the_built_in_lists_names_a_side(name):
    assert sides(labels(name)) == "safe"
    assert KINDS[name].flip(labels(name)) == "safe"


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("labels/train.json", "[{", r"train\.json, line 1: not JSON, or cut short"),
        ("labels/train.json", "{}", r"train\.json: expected a list of videos"),
        ("labels/train.json", '[{"id": "1", "template": "Eating [something]"}]', r"train\.json, video '1': 'Eating \[something\]' is not among"),
        ("labels/labels.json", "[]", r"labels\.json: expected labels with their numbers"),
        ("labels/labels.json", '{"a": "1", "b": "1"}', r"labels\.json: the numbers of 2 labels are not 0 to 1, each once"),
        ("train.json", "[]", "are both files of train: keep one"),
        ("x-labels.json", "{}", "are both files of labels: keep one"),
    ],
)  # fmt: skip
def test_a_file_that_makes_no_sense_is_named(tmp_path, file, text, says):
    touch(write(tmp_path) / "42.webm")
    (tmp_path / file).write_text(text)
    with pytest.raises(LayoutError, match=says):
        something(tmp_path, "train", 1)


@pytest.mark.parametrize(("gone", "says"), [("labels/labels.json", "no labels.json"), ("42.webm", "no video")])
def test_a_folder_that_lacks_a_part_is_answered_with_the_tree(tmp_path, gone, says):
    touch(write(tmp_path) / "42.webm")
    (tmp_path / gone).unlink()
    with pytest.raises(LayoutError, match=rf"{says}\. What is expected:\n +ROOT/"):
        something(tmp_path, "train", 1)
