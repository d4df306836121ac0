"""The measured designs are those that the code offers and measures now, and the zoo's own networks are among them."""

import pytest

from labkit.models import entry
from labkit.models.designs import CONTROLS, FAMILIES, NONE, build, measure, network_of, offered, read_designs
from labkit.models.profile import costs


@pytest.fixture(scope="module")
def designs():
    return read_designs()


def choice_of(row):
    return {name: row[name] for name in CONTROLS}


def test_the_file_has_every_design_that_is_offered_in_the_same_order(designs):
    assert [choice_of(row) for row in designs.to_dict("records")] == offered()


def test_each_family_begins_with_a_network_of_the_zoo_and_the_five_designs_of_quo_vadis_are_there(designs):
    firsts = designs.drop_duplicates("family").set_index("family")["network"]
    assert all(firsts)
    five = ("convnet_lstm", "c3d_bn", "two_stream", "fused_two_stream", "two_stream_i3d")
    assert [firsts[name] for name in FAMILIES if name.startswith("Quo Vadis")] == list(five)


def test_the_costs_in_the_file_are_those_of_the_zoos_networks(designs):
    import torch

    for row in designs[designs["network"].isin(["resnet18", "resnext101", "densenet121", "i3d"])].to_dict("records"):
        with torch.device("meta"):
            network = entry(row["network"]).build(400)
        parameters, macs = (sum(each[k] for each in row["endpoints"]) for k in (4, 5))
        assert (parameters, macs) == costs(network, entry(row["network"]).shape)


@pytest.mark.parametrize("number", range(0, 480, 60))
def test_a_design_measured_now_is_as_in_the_file(designs, number):
    thin = designs[(designs["width"] == "16") & designs["depth"].isin(["10", "18", "50", "22", "11"])]
    row = thin.iloc[number % len(thin)].to_dict()
    found = measure(choice_of(row))
    assert found["kept"] == row["kept"]
    assert [[each[0], each[1], list(each[2]), *each[4:]] for each in found["endpoints"]] == [
        [each[0], each[1], each[2], *each[4:]] for each in row["endpoints"]
    ]


def test_a_choice_changes_the_network_as_it_says():
    plain = dict(zip(CONTROLS, ("ResNet", "50", "16", NONE, "B", "8", "56"), strict=True))
    grouped = {**plain, "family": "ResNeXt", "cardinality": "8", "shortcut": NONE}
    assert build(plain).clip.shape == (3, 8, 56, 56)
    assert build(grouped).layer1[0].conv2.groups == 8
    assert [len(build(grouped).layer3), len(build({**grouped, "depth": "101"}).layer3)] == [6, 23]
    assert network_of(plain) == ""
    assert network_of({**plain, "width": "64", "frames": "16", "size": "112"}) == "resnet50"
    flow = build({**plain, "family": "Quo Vadis d: 3D-fused two-stream", "depth": "22", "shortcut": NONE}).flow
    assert (flow.frames, flow.size) == (80, 56)
