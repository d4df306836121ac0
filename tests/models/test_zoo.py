"""The zoo: names, overrides, and what a wrong one is answered."""

import subprocess
import sys

import pytest
import torch

from labkit.clip import ClipSpec
from labkit.models import create_model, entry, list_models
from labkit.survey import cite, papers
from labkit.training.device import input_dims


def test_list_models_takes_a_pattern():
    assert list_models("resnet1?") == ["resnet10", "resnet18"]
    assert {"resnet18", "resnet34", "resnet18_2d", "resnet34_2d"} <= set(list_models())
    assert list_models("nothing*") == []


def test_every_entry_has_a_clip_and_a_source():
    for name in list_models():
        assert entry(name).clip.frames >= 1
        assert entry(name).paper
        assert entry(name).table
    assert entry("resnet18").source == "hara-2018-retrace, Table 1"
    assert entry("resnet18").clip.shape == (3, 16, 112, 112)
    assert entry("resnet18_2d").clip.frames == 1


def test_every_entry_stands_in_a_paper_of_the_library():
    assert {entry(name).paper for name in list_models()} <= set(papers()["id"])


@pytest.mark.parametrize("name", [name for name in list_models() if entry(name).published])
def test_published_finds_one_accuracy_printed_for_the_network(name):
    wanted = dict(entry(name).published)
    result = cite(wanted.pop("paper"), **wanted)
    assert result.unit == "%"
    assert 20 < result.value < 100


@pytest.mark.parametrize("name", list_models())
def test_every_entry_builds_on_the_meta_device_and_reads_its_own_clip(name):
    with torch.device("meta"):
        network, shape = create_model(name, num_classes=7), entry(name).shape
        two_streams = isinstance(shape[0], tuple)
        x = tuple(torch.empty(2, *each) for each in shape) if two_streams else torch.empty(2, *shape)
        walked = list(network.walk(x))
    assert tuple(endpoint for endpoint, _ in walked) == network.endpoints
    assert {"features", "logits"} <= set(network.endpoints)
    assert walked[-1][0] == "logits"
    assert walked[-1][1].shape == (2, 7)
    assert all(p.is_meta for p in network.parameters())


@pytest.mark.parametrize("name", list_models())
def test_a_gradient_of_the_logits_reaches_every_endpoint_that_they_are_computed_from(name):
    with torch.device("meta"):
        network, shape = create_model(name, num_classes=7).eval(), entry(name).shape
        two_streams = isinstance(shape[0], tuple)
        walked = dict(network.walk(tuple(torch.empty(2, *s) for s in shape) if two_streams else torch.empty(2, *shape)))
    gradients = torch.autograd.grad(walked["logits"].sum(), list(walked.values()), allow_unused=True)
    unreached = [endpoint for endpoint, gradient in zip(walked, gradients, strict=True) if gradient is None]
    assert unreached == [endpoint for endpoint in walked if endpoint in network.beside]
    assert set(network.beside) <= set(network.endpoints)


def test_only_a_softmax_and_the_joined_means_of_two_streams_lie_beside_the_way_to_the_logits():
    beside = {}
    for name in list_models():
        with torch.device("meta"):
            beside[name] = {end.rpartition(".")[2] for end in create_model(name).beside}
    assert {name for name, ends in beside.items() if "features" in ends} == {
        "two_stream",
        "two_stream_i3d",
        "st_multiplier",
    }
    assert set().union(*beside.values()) == {"Predictions", "features"}


def test_the_network_carries_its_clip_and_a_clip_can_be_given():
    spec = ClipSpec(frames=8, stride=2, size=32)
    assert create_model("resnet18", width=4, clip=spec).clip is spec
    assert create_model("resnet18", width=4).clip == entry("resnet18").clip


def test_unknown_model_names_the_nearest():
    with pytest.raises(ValueError, match="unknown model 'resent18'; did you mean 'resnet18'"):
        create_model("resent18")


def test_unknown_override_names_the_nearest():
    with pytest.raises(TypeError, match="resnet18 takes no 'widht'; did you mean 'width'"):
        create_model("resnet18", widht=16)


def test_what_makes_a_network_cannot_be_overridden():
    with pytest.raises(TypeError, match=r"resnet18 is what it is by its plan='resnet18'; choose another"):
        create_model("resnet18", plan="resnet34")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"shortcut": "C"}, "unknown shortcut 'C'; there are A"),
        ({"width": 0}, "width must be at least 1, not 0"),
        ({"width": "16"}, "width must be a whole number, not '16'"),
        ({"in_channels": 2.5}, "in_channels must be a whole number, not 2.5"),
        ({"num_classes": True}, "num_classes must be a whole number, not True"),
        ({"clip": 16}, "clip must be a ClipSpec, not 16"),
        ({"dropout": "half"}, "dropout must be a share from 0 to 1, not 'half'"),
        ({"dropout": 50}, "dropout must be a share from 0 to 1, not 50"),
    ],
)
def test_a_bad_value_is_refused(override, message):
    with pytest.raises(ValueError, match=message):
        create_model("resnet18", **override)


FAMILIES = {entry(name).builder: name for name in list_models() if entry(name).flow is None}  # one network of each


@pytest.mark.parametrize("name", FAMILIES.values(), ids=FAMILIES)
def test_what_a_network_does_not_read_is_refused_by_what_it_reads(name):
    with torch.device("meta"):
        network = create_model(name, width=8).eval()
    clips = torch.empty(2, *entry(name).shape, device="meta")
    wanted = r"this network reads \(B, \d, T, H, W\)" if clips.ndim == 5 else r"this network reads \(B, \d, H, W\)"
    for wrong in (clips[0], clips[:0], clips.repeat(1, 2, *[1] * (clips.ndim - 2)), clips[:, :, :0]):
        with pytest.raises(
            ValueError, match=rf"{wanted}, not a tensor of shape \({', '.join(map(str, wrong.shape))}\)"
        ):
            network(wrong)
    with pytest.raises(ValueError, match=r"reads one tensor .* not tuple"):
        network((clips, clips))
    with pytest.raises(ValueError, match=r"floating-point numbers, not torch\.uint8"):
        network(clips.to(torch.uint8))


@pytest.mark.parametrize("name", list_models())
def test_training_knows_whether_a_network_reads_clips_or_images(name):
    with torch.device("meta"):
        assert input_dims(create_model(name, width=2)) == (4 if len(entry(name).shape) == 3 else 5)


def test_importing_models_and_reading_the_table_loads_no_torch():
    code = (
        "import sys, labkit.models, labkit.models.zoo as zoo; zoo.entry('resnet18').clip; zoo.list_models();"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
