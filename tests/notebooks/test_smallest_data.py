"""The notebooks on training run at the smallest data that makes sense: few classes, few videos, a batch of two, one epoch.

Their code cells run here, in one process, one after the other: a kernel for each would take minutes.
"""

import functools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from labkit.data import motion
from labkit.data.encode import write_video
from labkit.models import create_model, save_weights
from labkit.runs import inequality
from labkit.runs.findings import declared

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
NAMES = ("04_training_on_gpu", "05_overfitting_curves", "06_per_class_predictions", "07_two_stream", "09_depth")
CLASSES = ("brush_hair", "climb", "wave")
FOUR = ("brush_hair", "climb", "run", "wave")  # two old classes and two new ones
TRANSFER = "08_transfer"
ONCE = {"epochs": 1, "largest_epochs": 1, "updates": 1, "pretraining": "1, 9"}  # a notebook takes those that it has
TINY = {"data": "folder", "device": "cpu", "width": 4, "frames": 4, "size": 16, "batch_size": 2, **ONCE}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:batch_size is"),
    pytest.mark.filterwarnings("ignore:the validation loss is"),  # so little data, so high a learning rate
]


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> list[Path]:
    """Seven short videos of noise."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("videos")
    return [write_video(folder / f"{i}.mp4", rng.integers(0, 255, (9 + i, 24, 32, 3), np.uint8)) for i in range(7)]


@pytest.fixture
def lay_out(videos, tmp_path):
    """`lay_out({"wave": 3})` copies three videos into a folder `wave`; `train/wave` and so on will do too."""

    def lay(counts: dict[str, int]) -> Path:
        root = tmp_path / "clips"
        for place, count in counts.items():
            (root / place).mkdir(parents=True)
            for video in videos[:count]:
                shutil.copy(video, root / place / f"{place.replace('/', '_')}_{video.name}")
        return root

    return lay


def execute(name: str, parameters: dict) -> dict:
    """Run all code cells of a notebook with these of its parameters changed; gives the names it defined."""
    cells = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    space: dict = {"__name__": "__main__"}
    for number, cell in enumerate(cell for cell in cells if cell["cell_type"] == "code"):
        source = "".join(cell["source"])
        exec(compile(source, f"{name}, code cell {number}", "exec"), space)
        if "parameters" in cell["metadata"].get("tags", []):
            space |= {key: value for key, value in parameters.items() if key in space}
    return space


def run(name: str, root: Path, **changes) -> dict:
    out = root.parent / f"out-{name}"
    out.mkdir()
    space = execute(name, {**TINY, "root": str(root), "out": str(out), **changes})
    assert json.loads((out / "results.json").read_text(encoding="utf-8"))
    return space


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("classes", "count"), [(2, 2), (3, 2), (3, 3), (2, 5), (3, 7)])
def test_few_videos_of_few_classes(name, lay_out, classes, count):
    space = run(name, lay_out(dict.fromkeys(CLASSES[:classes], count)))
    assert space["train"].classes == CLASSES[:classes]


@pytest.mark.parametrize("name", NAMES)
def test_classes_of_unlike_sizes_one_of_them_a_single_video(name, lay_out):
    run(name, lay_out(dict(zip(CLASSES, (1, 3, 6), strict=True))))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("lacking", ["train", "val", "test"])
def test_a_class_missing_in_one_subset(name, lay_out, lacking):
    counts = {f"{subset}/{name}": 2 for subset in ("train", "val", "test") for name in CLASSES}
    counts.pop(f"{lacking}/wave")
    space = run(name, lay_out(counts))
    assert space["train"].classes == CLASSES


def test_every_test_video_taken_for_a_class_that_has_none(lay_out, tmp_path):
    counts = {f"train/{name}": 2 for name in CLASSES} | {"test/brush_hair": 2, "test/climb": 1}
    network = create_model("resnet18", num_classes=3, width=4)
    torch.nn.init.constant_(network.fc.bias[2:], 1000)
    weights = save_weights(network, tmp_path / "waves.safetensors")
    space = run("06_per_class_predictions", lay_out(counts), checkpoint=str(weights))
    assert set(space["by_video"].predicted) == {2}
    assert "wave has no test video" in space["title"]


def test_validation_on_held_out_training_videos(lay_out):
    counts = {f"{subset}/{name}": 4 for subset in ("train", "test") for name in CLASSES}
    space = run("04_training_on_gpu", lay_out(counts), validation="split")
    assert "held out" in space["val"].describe()
    assert not set(space["val"].table["video"]) & set(space["train"].table["video"])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "changes",
    [
        {"size": 23, "frames": 5, "batch_size": 3},
        {"size": 17, "frames": 1},
        {"frames": 30, "batch_size": 1},
        {"batch_size": 15, "limit": 2},
    ],
    ids=str,
)
def test_odd_sizes(name, lay_out, changes):
    run(name, lay_out(dict.fromkeys(CLASSES, 4)), **changes)


@pytest.mark.parametrize("name", NAMES)
def test_a_second_run_in_the_same_folder_gives_the_same(name, lay_out):
    root = lay_out(dict.fromkeys(CLASSES[:2], 4))
    first = run(name, root)
    results = root.parent / f"out-{name}" / "results.json"
    before = json.loads(results.read_text(encoding="utf-8"))
    execute(name, {**TINY, "root": str(root), "out": str(results.parent)})
    after = json.loads(results.read_text(encoding="utf-8"))
    assert before.keys() == after.keys()
    assert isinstance(first, dict)


def test_all_five_designs_record_what_their_findings_need(tmp_path, monkeypatch):
    monkeypatch.setattr(motion, "generate", functools.partial(motion.generate, videos=48))
    five = "ConvNet+LSTM, 3D ConvNet, two-stream, 3D-fused, I3D"
    execute("07_two_stream", {"designs": five, "out": str(tmp_path), "limit": 2, "epochs": 1, "width": 4, "size": 16})
    recorded = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    needed = [inequality.names(one.measure) for one in declared() if one.notebook == "07_two_stream"]
    assert len(needed) == 16
    assert set().union(*needed) <= recorded.keys()
    assert recorded["two_stream_rgb_shuffled"] == recorded["two_stream_rgb"]  # a mean over frames has no order


def test_an_unknown_design_is_named_before_its_training(lay_out):
    with pytest.raises(ValueError, match="there is no design 'i3d'; did you mean 'I3D'"):
        run("07_two_stream", lay_out(dict.fromkeys(CLASSES, 2)), designs="two-stream, i3d")


@pytest.mark.parametrize("counts", [(2, 2, 2, 2), (3, 1, 1, 5), (2, 2, 7, 7)], ids=str)
def test_few_videos_of_old_and_new_classes(lay_out, counts):
    space = run(TRANSFER, lay_out(dict(zip(FOUR, counts, strict=True))))
    assert (space["old"], space["new"]) == (["brush_hair", "climb"], ["run", "wave"])
    assert {one.classes for one in space["sources"].values()} == {FOUR[:2]}
    assert space["few"].classes == space["new_test"].classes == FOUR[2:]


@pytest.mark.parametrize("changes", [{"size": 17, "frames": 1}, {"frames": 30, "batch_size": 1}, {"limit": 1}], ids=str)
def test_transfer_with_odd_sizes(lay_out, changes):
    run(TRANSFER, lay_out(dict.fromkeys(FOUR, 4)), **changes)


@pytest.mark.parametrize("lacking", ["train", "test"])
def test_transfer_where_a_class_has_no_video_in_one_subset(lay_out, lacking):
    counts = {f"{subset}/{name}": 2 for subset in ("train", "test") for name in FOUR}
    counts.pop(f"{lacking}/wave")
    assert run(TRANSFER, lay_out(counts))["new"] == ["run", "wave"]


def test_transfer_needs_four_classes(lay_out):
    with pytest.raises(ValueError, match="two each at least; this dataset has 3 in all"):
        run(TRANSFER, lay_out(dict.fromkeys(CLASSES, 2)))


def test_the_experiment_on_inflation_records_what_its_findings_need(lay_out, monkeypatch):
    monkeypatch.setattr(motion, "generate", functools.partial(motion.generate, videos=96))
    space = run(TRANSFER, lay_out(dict.fromkeys(FOUR, 2)), inflation=8)
    assert len(space["inflated"]) == len(space["CONDITIONS"]) * len(space["STARTS"]) == 20
    needed = [inequality.names(one.measure) for one in declared() if one.notebook == TRANSFER]
    on_inflation = [names for names in needed if any(name.endswith("_mean") for name in names)]
    assert len(on_inflation) == 7
    assert set().union(*on_inflation) <= space["inflated"].keys()

    mean, tilted = (space["begun"](start, space["train"], 0).modules() for start in ("mean", "tilted"))
    kernels = [(a.weight, b.weight) for a, b in zip(mean, tilted, strict=True) if isinstance(a, torch.nn.Conv3d)]
    for equal, rising in kernels:
        torch.testing.assert_close(equal.sum(2), rising.sum(2))  # the same answer on a repeated image
        assert equal.shape[2] == 1 or not torch.equal(rising, rising.flip(2))
