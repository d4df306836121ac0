"""Class activation and feature maps: a network whose answer comes from one place, and every network of the zoo."""

import pytest
import torch
from torch import nn

from labkit.clip import ClipSpec
from labkit.models import create_model, entry, list_models
from labkit.models.activation import class_activation, feature_maps
from labkit.models.network import Network

READS_CLIPS = [name for name in list_models() if entry(name).architecture.get("dims") != 2]
SMALL = {"c3d": (16, 32), "c3d_bn": (16, 32), "p3d_63": (16, 32), "p3d_199": (16, 32)}  # their least frames


class Spots(Network):
    """Two classes by hand: class 0 is the red light of a clip, class 1 is the green light. Blue speaks against both."""

    parts = ("colours",)
    clip = ClipSpec(frames=4, size=8)

    def __init__(self) -> None:
        super().__init__()
        self.colours = nn.Conv3d(3, 3, 1, bias=False)
        self.avgpool, self.dropout, self.fc = nn.AdaptiveAvgPool3d(1), nn.Dropout(0.5), nn.Linear(3, 2, bias=False)
        with torch.no_grad():
            self.colours.weight.copy_(torch.eye(3).reshape(3, 3, 1, 1, 1))
            self.fc.weight.copy_(torch.tensor([[1.0, 0.0, -1.0], [0.0, 1.0, -1.0]]))


def spots():
    clip = torch.zeros(3, 4, 8, 8)
    clip[0, 2, 1, 6] = 5.0  # red: frame 2, row 1, column 6
    clip[1, 0, 7, 3] = 3.0  # green: frame 0, row 7, column 3
    clip[2, 3, 4, 4] = 9.0  # blue
    return clip


def test_the_activation_of_a_class_peaks_at_the_place_and_frame_that_its_answer_comes_from():
    found = class_activation(Spots(), spots(), [1, 0])
    for label, (frame, row, column) in {0: (2, 1, 6), 1: (0, 7, 3)}.items():
        seen = found[label]["colours"]
        assert seen.shape == (4, 8, 8)
        assert seen.flatten().argmax() == (frame * 8 + row) * 8 + column
        assert (seen > 0).sum() == 1  # nothing else speaks for the class: blue speaks against it


@pytest.mark.parametrize("name", READS_CLIPS)
def test_every_network_that_reads_clips_has_maps_and_activations_of_the_same_size(name):
    frames, size = SMALL.get(name, (8, 32))
    spec = entry(name).clip.but(frames=min(frames, entry(name).clip.frames), size=size)
    more = {}
    if entry(name).flow is not None:
        more["flow"] = entry(name).flow.but(
            frames=entry(name).flow.frames // entry(name).clip.frames * spec.frames, size=size
        )
    torch.manual_seed(0)
    network = create_model(name, num_classes=2, width=8, clip=spec, **more).train()
    shapes = [each.shape for each in (spec, *more.values())]
    clip = tuple(torch.randn(shape) for shape in shapes) if more else torch.randn(shapes[0])
    maps = feature_maps(network, clip)
    activation = class_activation(network, clip, [1])[1]
    assert activation
    assert set(maps) - set(activation) <= set(network.beside)
    for endpoint, seen in activation.items():
        assert seen.shape == maps[endpoint].shape[1:]
        assert torch.isfinite(seen).all()
        assert (seen >= 0).all()
    assert network.training
    assert all(p.grad is None for p in network.parameters())


def test_a_frozen_network_is_looked_into_too():
    network = Spots().requires_grad_(False)
    with torch.no_grad():
        found = class_activation(network, spots(), [0])
    assert found[0]["colours"].max() == pytest.approx(5 / 256)


def test_an_unknown_class_and_a_network_of_images_are_refused():
    with pytest.raises(ValueError, match="there are 2 classes, counted from 0; asked for 2"):
        class_activation(Spots(), spots(), [2])
    with pytest.raises(ValueError, match="ResNet has no endpoint with time and space"):
        feature_maps(create_model("resnet18_2d", num_classes=2, width=4), torch.randn(3, 32, 32))
