"""The architecture explorer beyond its table: its numbers are those of networks built for real."""

import pytest
import torch

from labkit.models.designs import CONTROLS, NONE, build, measure, read_designs
from labkit.models.profile import profile, totals
from labkit.viz.architecture import architecture_explorer, short


@pytest.fixture(scope="module")
def explorer():
    return architecture_explorer(read_designs(), measure=measure, live=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "depth", "width", "cardinality"),
    [
        ("ResNet", "18", "12", NONE),
        ("ResNeXt", "50", "6", "4"),
        ("DenseNet", "121", "10", NONE),
        ("R(2+1)D", "18", "10", NONE),
        ("I3D", "22", "10", NONE),
        ("Quo Vadis a: ConvNet + LSTM", "22", "10", NONE),
        ("Quo Vadis c: two-stream", "22", "10", NONE),
        ("Quo Vadis d: 3D-fused two-stream", "22", "10", NONE),
    ],
)
def test_a_choice_beyond_the_table_shows_the_numbers_of_the_network_built_for_real(
    explorer, family, depth, width, cardinality
):
    explorer.set(family=family)
    explorer.set(depth=depth)
    numbers = {"width (channels)": width, "frames": "3", "size (pixels)": "40"}
    shown = explorer.set(**numbers, **({} if cardinality == NONE else {"cardinality": cardinality}))
    assert explorer.trouble == ""
    assert explorer.choice not in explorer.states
    network = build(dict(zip(CONTROLS, explorer.choice, strict=True))).eval()
    shape = network.clip.shape if network.flow is None else (network.clip.shape, network.flow.shape)
    made = [torch.zeros(1, *each) for each in (shape if network.flow is not None else (shape,))]
    with torch.no_grad():
        walked = dict(network.walk(made[0] if network.flow is None else tuple(made)))
    assert shown["parameters"] == short(sum(p.numel() for p in network.parameters()))
    assert shown["macs"] == short(totals(profile(network, shape)).macs)
    assert {each["name"]: each["output"] for each in shown["rows"]} == {
        name: " × ".join(map(str, out.shape[1:])) for name, out in walked.items()
    }


def test_an_impossible_network_is_replaced_by_the_nearest_that_the_code_builds(explorer):
    explorer.set(family="C3D")
    explorer.set(**{"size (pixels)": "70"})
    explorer.set(frames="9")
    assert explorer.trouble.startswith("five pools leave nothing of 9 frames of 70x70")
    assert explorer.choice[-2:] == ("16", "70")
    explorer.set(family="ResNeXt", depth="50")
    explorer.set(cardinality="7")
    assert explorer.trouble.startswith("cardinality 7 does not divide the 128 channels of the first stage")
    assert explorer.choice[3] == "8"


@pytest.mark.slow
@pytest.mark.parametrize("family", read_designs()["family"].unique())
def test_every_family_takes_a_single_frame_of_few_pixels_or_says_why_not(explorer, family):
    explorer.set(family=family)
    shown = explorer.set(**{"width (channels)": "1", "frames": "1", "size (pixels)": "1"})
    assert int(shown["rows"][-1]["output"]) == 400
    as_asked = explorer.choice[2] == explorer.choice[5] == explorer.choice[6] == "1"
    assert as_asked == (explorer.trouble == "")
    assert "\n" not in explorer.trouble
