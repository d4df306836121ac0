"""Evaluation over whole videos at once, as Carreira and Zisserman 2017 do, and windows to the letter of Hara et al. 2018."""

from pathlib import Path

import numpy as np
import pytest
import torch

from labkit.clip import ClipSpec
from labkit.data.datasets import open_dataset
from labkit.data.encode import write_video
from labkit.models import create_model
from labkit.training import evaluate, fit

SPEC = ClipSpec(frames=8, size=32)
LENGTHS = (5, 8, 17, 25)


@pytest.fixture
def videos(tmp_path) -> Path:
    """Videos of 5, 8, 17 and 25 frames, of one class each."""
    for subset in ("train", "test"):
        for name, length in zip("abcd", LENGTHS, strict=True):
            path = tmp_path / subset / name / f"{length}.mp4"
            path.parent.mkdir(parents=True)
            write_video(path, np.random.default_rng(length).integers(0, 256, (length, 32, 32, 3), dtype=np.uint8))
    return tmp_path


@pytest.mark.parametrize("name", ["resnet10", "i3d"])
def test_a_network_scores_whole_videos_of_any_length(videos, name):
    ds = open_dataset("folder", videos, "test", spec=SPEC, sampling="whole", progress=False)
    assert [len(ds[i][0]) for i in range(4)] == [8, 8, 17, 25]
    torch.manual_seed(0)
    model = create_model(name, num_classes=4, clip=SPEC, **({"width": 4} if name == "resnet10" else {}))
    found = evaluate(model, ds, device="cpu", precision="fp32", progress=False)
    assert found.clips.tolist() == [1] * 4
    alone = [
        evaluate(model, ds.subset([i]), device="cpu", precision="fp32", progress=False).scores[0] for i in range(4)
    ]
    assert np.allclose(found.scores, alone, atol=1e-6)
    assert "all frames, at least 8 frames" in ds.describe()


def test_whole_videos_make_no_training_batch_and_that_is_said(videos):
    ds = open_dataset("folder", videos, spec=SPEC, sampling="whole", progress=False)
    with pytest.raises(ValueError, match=r"whole videos differ in length .* batch_size=1"):
        fit(create_model("resnet10", num_classes=4, width=4, clip=SPEC), ds, epochs=1, batch_size=2, progress=False)


def test_windows_drop_a_single_frame_by_choice(videos):
    ds = open_dataset("folder", videos, "test", spec=SPEC, sampling="windows", progress=False)
    counts = {how: np.bincount(ds.with_sampling("windows", leftover=how).rows).tolist() for how in ("loop", "drop one")}
    assert counts == {"loop": [1, 1, 3, 4], "drop one": [1, 1, 2, 3]}
    chosen = open_dataset("folder", videos, "test", spec=SPEC, sampling="windows", leftover="drop one", progress=False)
    assert len(chosen) == len(chosen.subset([0, 1, 2, 3])) == 7
    model = create_model("resnet10", num_classes=4, width=4, clip=SPEC)
    assert evaluate(model, chosen, device="cpu", progress=False).clips.tolist() == [1, 1, 2, 3]
    with pytest.raises(ValueError, match="did you mean 'drop one'"):
        ds.with_sampling("windows", leftover="drop on")
