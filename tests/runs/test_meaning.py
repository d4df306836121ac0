"""Values that cannot work are named before a kernel starts."""

from pathlib import Path

import pytest
from toy_course import write_notebook

from labkit.runs.execute import run_notebook
from labkit.runs.meaning import CHECKS, check_meaning
from labkit.runs.notebook import NotebookError, read_parameters

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("device", "cda", "did you mean 'cuda'"),
        ("device", "cuda:99", "no CUDA device number 99"),
        ("data", "ucf11", "did you mean 'ucf101'"),
        ("validation", "splt", "did you mean 'split'"),
        ("model", "resnet81", "did you mean 'resnet18'"),
        ("protocol", "hara_scrach", "did you mean 'hara_scratch'"),
        ("protocol", "zzz", "There are hara_scratch, hara_finetune, i3d_scratch"),
        ("pretrained", "resnet18_2", "did you mean 'resnet18_2d'"),
        ("pretrained", "shape", "did you mean 'shapes'"),
        ("data", "kinetics500", "did you mean 'kinetics"),
        ("root", "nowhere", "no folder 'nowhere'"),
        ("root", "https://example.org/videos", "is a URL; labkit downloads no dataset"),
        ("video", "nowhere.mp4", "no file 'nowhere.mp4'"),
        ("checkpoint", "nowhere.safetensors", "no file"),
        ("weights", "nowhere.th", "no file"),
        ("precision", "fp16", "did you mean 'bf16'"),
        ("shares", "0.1, x", "'x' is not a number"),
        ("shares", "0.1, 2", "at most 1, not 2"),
        ("depths", "18, x", "'x' is no whole number"),
        ("depths", "18, 19", "unknown model 'resnet19'; did you mean 'resnet18'"),
        ("depths", "18,", "'' is no whole number"),
        ("frames", 0, "at least 1, not 0"),
        ("batch_size", -4, "at least 1, not -4"),
        ("epochs", -1, "at least 0, not -1"),
        ("lr", 0, "above 0, not 0"),
        ("lr", float("nan"), "above 0, not nan"),
    ],
)
def test_a_value_that_cannot_work_is_named_with_what_would(name, value, said):
    with pytest.raises(NotebookError, match=said) as refused:
        check_meaning({name: value})
    assert str(refused.value).startswith(f"{name}: ")


def test_defaults_and_things_that_are_there_pass(tmp_path):
    video = tmp_path / "a.mp4"
    video.touch()
    check_meaning({"device": "auto", "data": "folder", "root": str(tmp_path), "video": str(video), "checkpoint": ""})
    check_meaning(
        {"epochs": 0, "limit": 0, "frames": 8, "shares": "0.1,1", "depths": "18,50", "lr": 0.1, "precision": "bf16"}
    )
    check_meaning({"data": "csv", "root": str(video)})  # a list may be the root
    check_meaning({"device": 3, "seed": "nowhere", "protocol": ""})
    check_meaning({"protocol": "i3d_finetune"})


@pytest.mark.parametrize(
    ("root", "said"),
    [
        ("nowhere", "root: there is no folder 'nowhere'"),
        ("pipe:cat x.tar", "root: a pipe: address runs a program"),
        ("memry://bucket", "did you mean 'memory'"),
    ],
)
def test_the_root_of_shards_is_a_folder_or_an_address(root, said):
    check_meaning({"data": "shards", "root": "memory://bucket"})
    with pytest.raises(NotebookError, match=said):
        check_meaning({"data": "shards", "root": root})


def test_every_check_is_for_a_parameter_that_a_notebook_has():
    declared = {name for path in NOTEBOOKS.glob("*.ipynb") for name in read_parameters(path)}
    assert set(CHECKS) - declared == set()


def test_a_run_with_such_a_value_leaves_no_folder(tmp_path):
    path = write_notebook(tmp_path / "07_toy.ipynb", ["# 07 Toy"], 'device: str = "auto"\nout: str = ""')
    with pytest.raises(NotebookError, match="device"):
        run_notebook(path, {"device": "gpu"}, tmp_path / "run")
    assert not (tmp_path / "run").exists()
