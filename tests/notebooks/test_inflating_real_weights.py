"""Notebook 03 on real input: published weights and a real clip, by parameters alone."""

import pytest

from labkit.data.motion import generate
from labkit.runs import run_notebook


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize(
    ("pretrained", "weights"),
    [("resnet20_2d", "resnet20-12fca82f.th"), ("squeezenet1_0_caffe", "squeezenet1_0_imagenet.safetensors")],
)
def test_notebook_03_inflates_a_published_network_and_keeps_its_predictions_on_frames_of_a_real_clip(
    real_data, tmp_path, pretrained, weights
):
    run = run_notebook(
        "03_inflating_2d",
        {
            "root": str(generate(tmp_path / "motion", videos=48, progress=False)),
            "pretrained": pretrained,
            "weights": str(real_data / "weights" / weights),
            "video": str(real_data / "videos" / "cleaning_pool.mp4"),
            "epochs": 0,
        },
        tmp_path / "run",
    )
    assert run.status == "done"
    assert run.results["difference_replicate"] < 1e-10
    assert run.results["difference_zeros"] > 1e-3
    assert run.results["kept_repeated_mean"] == run.results["kept_repeated_centre"] == 1
