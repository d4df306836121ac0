"""Real clips, laid out as UCF-101, go through the notebooks on training by parameters alone."""

import json
import shutil
from pathlib import Path

import pytest

from labkit.records import History, Predictions
from labkit.runs import run_notebook

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
# Class -> (training video, test video); a class without the second has no test video.
VIDEOS = {
    "ApplyEyeMakeup": ("v_ApplyEyeMakeup_g01_c01.avi", None),
    "BaseballPitch": ("v_BaseballPitch_g01_c01.avi", None),
    "CleaningPool": ("cleaning_pool.mp4", "cleaning_pool_32_frames.mp4"),
}

pytestmark = [pytest.mark.slow, pytest.mark.real_data]


@pytest.fixture(scope="module")
def real_ucf(real_data, tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("ucf")
    lists: dict[str, list[str]] = {"classInd": [], "trainlist01": [], "testlist01": []}
    for number, (name, videos) in enumerate(VIDEOS.items(), start=1):
        lists["classInd"].append(f"{number} {name}")
        (root / "videos" / name).mkdir(parents=True)
        for group, video in enumerate(filter(None, videos), start=1):
            place = Path(name, f"v_{name}_g{group:02d}_c01{Path(video).suffix}")
            shutil.copy(real_data / "videos" / video, root / "videos" / place)
            which, label = ("trainlist01", f" {number}") if group == 1 else ("testlist01", "")
            lists[which].append(place.as_posix() + label)
    (root / "splits").mkdir()
    for which, lines in lists.items():
        (root / "splits" / f"{which}.txt").write_text("\n".join(lines) + "\n")
    return root


def run(notebook: str, root: Path, folder: Path, **more):
    parameters = {"data": "ucf101", "root": str(root), "size": 64, "device": "cpu", **more}
    return run_notebook(NOTEBOOKS / notebook, parameters, folder)


def test_training_fits_the_real_clips(real_ucf, tmp_path):
    done = run("04_training_on_gpu.ipynb", real_ucf, tmp_path / "run", epochs=40)
    [file] = done.histories
    train = History.read(file).table.query("split == 'train'")
    assert train["top1"].iloc[-1] == 1.0
    assert done.results["resume_difference"] == 0


def test_the_overfitting_notebook_fits_the_real_clips(real_ucf, tmp_path):
    done = run("05_overfitting_curves.ipynb", real_ucf, tmp_path / "run")
    assert done.results["train_3"] == 1.0
    assert done.results["gap_3"] == pytest.approx(1 - done.results["val_3"])


def test_all_five_designs_read_frames_and_flow_of_the_real_clips(real_ucf, tmp_path):
    five = "ConvNet+LSTM, 3D ConvNet, two-stream, 3D-fused, I3D"
    done = run("07_two_stream.ipynb", real_ucf, tmp_path / "run", designs=five, epochs=1, bound=20.0)
    assert {"lstm_rgb", "c3d_rgb", "two_stream_both", "fused_both", "i3d_both_reversed"} <= done.results.keys()
    assert not {"flat_dis", "i3d_twin"} & done.results.keys()  # known of generated videos only


def test_predictions_name_the_real_clips_and_a_file_of_ones_own(real_ucf, real_data, tmp_path):
    own = real_data / "videos" / "v_BaseballPitch_g01_c01.avi"
    done = run("06_per_class_predictions.ipynb", real_ucf, tmp_path / "run", epochs=40, video=str(own))
    by_video = Predictions.load(done.folder / "predictions_video.parquet")
    assert by_video.level == "video"
    assert by_video.videos == ("CleaningPool/v_CleaningPool_g02_c01.mp4",)
    assert by_video.accuracy() == done.results["video_top1"] == 1.0
    [executed] = done.folder.glob("*.ipynb")
    titles = [
        output["data"]["application/vnd.plotly.v1+json"]["layout"]["title"]["text"]
        for cell in json.loads(executed.read_text(encoding="utf-8"))["cells"]
        for output in cell.get("outputs", [])
        if "application/vnd.plotly.v1+json" in output.get("data", {})
    ]
    assert any(title.startswith(f"{own.name}: BaseballPitch") for title in titles), titles


def test_networks_of_several_depths_train_on_the_real_clips(real_ucf, tmp_path):
    short = {"depths": "18, 34", "families": "", "few": 1, "many": 0, "updates": 4, "batch_size": 2, "width": 4}
    done = run("09_depth.ipynb", real_ucf, tmp_path / "run", **short)
    assert done.results["test_videos"] == 1
    assert {"few_resnet18", "few_resnet34", "many_resnet18", "many_resnet34"} <= done.results.keys()


def test_a_network_of_real_classes_goes_on_to_new_ones(real_data, tmp_path):
    root, videos = tmp_path / "clips", real_data / "videos"
    for name, video in {
        "bathing": "cleaning_pool_32_frames.mp4",
        "cleaning": "cleaning_pool.mp4",
        "make-up": "v_ApplyEyeMakeup_g01_c01.avi",
        "pitch": "v_BaseballPitch_g01_c01.avi",
    }.items():
        for subset in ("train", "test"):
            (root / subset / name).mkdir(parents=True)
            shutil.copy(videos / video, root / subset / name)
    short = {"data": "folder", "pretraining": "1", "largest_epochs": 1, "epochs": 2, "batch_size": 2, "width": 4}
    done = run("08_transfer.ipynb", root, tmp_path / "run", **short)
    assert 0 <= done.results["all_layers_2"] <= 1
