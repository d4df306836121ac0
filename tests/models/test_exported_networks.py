"""Networks as files for other programs: the file answers as the network does, for any number of clips."""

import json

import pytest
import torch
from torch import nn

from labkit.clip import ClipSpec
from labkit.models import create_model, entry
from labkit.models.export import BATCH, ExportError, example, export, run_onnx, run_torch
from labkit.models.network import Network

SMALL = {"resnet18": ClipSpec(frames=4, size=32), "i3d": ClipSpec(frames=16, size=64)}
RUN = {".onnx": run_onnx, ".pt2": run_torch}


def small(name="resnet18", **options) -> Network:
    torch.manual_seed(0)
    return create_model(name, num_classes=3, width=4, clip=SMALL[name], **options)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", RUN)
@pytest.mark.parametrize("name", SMALL)
def test_a_file_answers_for_one_clip_and_for_many(name, suffix, tmp_path):
    model = small(name)
    made = export(model, tmp_path / f"net{suffix}", classes=["a", "b", "c"])
    assert made.difference <= 1e-4
    for count in (1, BATCH, 5):
        clips = example(model.clip.shape, count)
        with torch.no_grad():
            wanted = model.eval()(clips)
        assert torch.allclose(RUN[suffix](made.path, clips), wanted, atol=1e-4 * float(wanted.abs().max()))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("densenet121", {"width": 8, "clip": ClipSpec(frames=8, size=64)}),
        ("resnet18_2d", {"width": 4, "clip": ClipSpec(frames=1, size=32)}),
        ("c3d_bn", {"width": 4}),
        ("r2plus1d_18", {"width": 4, "clip": ClipSpec(frames=4, size=32)}),
        ("p3d_63", {"width": 4}),
        ("convnet_lstm", {"width": 4}),
        ("two_stream", {"width": 4}),
        ("fused_two_stream", {"width": 4}),
    ],
)
def test_a_network_of_each_family_is_exported_with_a_free_batch(name, options, tmp_path):
    torch.manual_seed(0)
    model = create_model(name, num_classes=3, **options)
    assert export(model, tmp_path / "net.pt2").difference <= 1e-4


@pytest.mark.slow
def test_a_file_knows_its_classes_and_how_it_wants_its_clips(tmp_path):
    import onnx

    model = small()
    names = ["<b>wave</b>", "拍手"]
    export(model, tmp_path / "net.onnx", classes=names, trained_on="motion")
    kept = {each.key: json.loads(each.value) for each in onnx.load(tmp_path / "net.onnx").metadata_props}
    assert kept["classes"] == names
    assert kept["trained_on"] == "motion"
    assert (kept["clip"]["frames"], kept["clip"]["size"], kept["clip"]["mean"]) == (4, 32, list(model.clip.mean))
    export(model, tmp_path / "net.pt2", classes=names)
    extra = {"labkit.json": ""}
    with (tmp_path / "net.pt2").open("rb") as file:
        torch.export.load(file, extra_files=extra)
    assert json.loads(json.loads(extra["labkit.json"])["classes"]) == names


@pytest.mark.slow
def test_a_network_in_training_stays_in_training_and_is_exported_as_in_evaluation(tmp_path):
    model = small(dropout=0.5).train()
    model.layer1.eval()
    made = export(model, tmp_path / "net.pt2")
    assert model.training
    assert not model.layer1.training
    clips = example(model.clip.shape, 2)
    assert torch.equal(run_torch(made.path, clips), run_torch(made.path, clips))


@pytest.mark.slow
def test_a_file_that_answers_otherwise_is_not_kept_and_the_old_one_stays(tmp_path, monkeypatch):
    from labkit.models import export as module

    path = tmp_path / "net.pt2"
    path.write_bytes(b"the old file")
    wrong = (module.write_torch, lambda path, inputs: run_torch(path, inputs) + 1)
    monkeypatch.setitem(module.WRITERS, "torch", wrong)
    with pytest.raises(ExportError, match="it is not kept"):
        export(small(), path)
    assert path.read_bytes() == b"the old file"
    assert [each.name for each in tmp_path.iterdir()] == ["net.pt2"]


def test_a_network_that_torch_cannot_follow_is_refused_in_one_line(tmp_path):
    class Deciding(nn.Module):
        clip = SMALL["resnet18"]

        def forward(self, x):
            return x.flatten(1)[:, :3] if x.sum() > 0 else x.flatten(1)[:, 3:6]

    with pytest.raises(ExportError, match="torch cannot export this Deciding: ") as caught:
        export(Deciding(), tmp_path / "net.pt2")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_another_suffix_a_missing_package_and_a_network_without_a_clip_are_said_first(tmp_path, monkeypatch):
    from labkit.models import export as module

    with pytest.raises(
        ExportError, match=r"net\.h5: the suffix decides on the form, so it must be one of \.onnx, \.pt2"
    ):
        export(small(), tmp_path / "net.h5")
    with pytest.raises(ExportError, match="carries no clip: give the shape of one example"):
        export(nn.Linear(2, 2), tmp_path / "net.pt2")
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(
        ExportError, match=r"ONNX needs onnx, onnxscript, onnxruntime: pip install 'labkit-video\[export\]'"
    ):
        export(small(), tmp_path / "net.onnx")


def test_the_example_of_a_network_has_the_shape_of_its_zoo_entry():
    from labkit.models.export import example_shape

    for name in ("resnet18", "resnet18_2d", "two_stream", "i3d_flow"):
        with torch.device("meta"):
            assert example_shape(create_model(name)) == entry(name).shape


@pytest.mark.slow
def test_the_command_exports_what_a_training_left_without_further_flags(tmp_path):
    import subprocess
    import sys

    from labkit.models.weights import save_weights

    save_weights(small(), tmp_path / "weights.safetensors", classes=["a", "b", "c"])

    def labkit(*words):
        return subprocess.run(
            [sys.executable, "-m", "labkit", "export", *words], cwd=tmp_path, capture_output=True, text=True
        )

    done = labkit("weights.safetensors", "net.pt2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("net.pt2: any number of clips; logits differ by ")
    extra = {"labkit.json": ""}
    with (tmp_path / "net.pt2").open("rb") as file:
        torch.export.load(file, extra_files=extra)
    kept = json.loads(extra["labkit.json"])
    assert (json.loads(kept["model"]), json.loads(kept["classes"])) == ("resnet18", ["a", "b", "c"])
    wrong = labkit("weights.safetensors", "net.h5")
    assert (wrong.returncode, len(wrong.stderr.splitlines())) == (2, 1)
    assert "the suffix decides on the form" in wrong.stderr
