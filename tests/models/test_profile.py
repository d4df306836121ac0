"""Costs: our formula, torch's own counter and the published code agree."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from labkit.models import create_model
from labkit.models.profile import profile, totals

# 10^9 multiply-accumulates at 3x16x112x112 and 400 classes, counted by running the published code.
GMACS = {
    ("resnet10", "B"): 5.654,
    ("resnet18", "A"): 8.296,
    ("resnet18", "B"): 8.308,
    ("resnet34", "A"): 12.685,
    ("resnet34", "B"): 12.696,
    ("resnet50", "B"): 10.069,
    ("resnet101", "B"): 13.891,
    ("resnet152", "B"): 18.611,
    ("resnet200", "B"): 25.805,
}


@pytest.mark.parametrize(("name", "shortcut"), GMACS)
def test_multiply_accumulates_agree_with_the_published_code_and_with_torchs_counter(name, shortcut):
    with torch.device("meta"):
        network = create_model(name, shortcut=shortcut).eval()
        counter = FlopCounterMode(display=False)
        with counter, torch.no_grad():
            network(torch.empty(1, 3, 16, 112, 112))
    macs = totals(profile(network, (3, 16, 112, 112))).macs
    assert macs / 1e9 == pytest.approx(GMACS[name, shortcut], rel=1e-3)
    assert counter.get_total_flops() == 2 * macs


def test_rows_follow_the_computation_and_say_shape_and_cost():
    table = profile(create_model("resnet18", num_classes=5, width=4), (3, 8, 32, 32)).set_index("name")
    assert list(table.index[:4]) == ["conv1", "bn1", "relu", "maxpool"]
    stem = table.loc["conv1"]
    assert stem["output"] == (4, 8, 16, 16)
    assert stem["parameters"] == 4 * 3 * 7**3
    assert stem["macs"] == 4 * 8 * 16 * 16 * 3 * 7**3
    assert table.loc["fc", "macs"] == 32 * 5


def test_parameters_add_up_to_the_networks_own_and_shared_ones_count_once():
    network = create_model("resnet34_2d", width=4)
    assert totals(profile(network, (3, 32, 32))).parameters == sum(p.numel() for p in network.parameters())
    layer = nn.Conv3d(2, 2, 3, padding=1)
    table = profile(nn.Sequential(layer, layer), (2, 4, 4, 4))
    assert table["parameters"].tolist() == [2 * 2 * 27 + 2, 0]
    assert table["macs"].tolist() == [2 * 2 * 27 * 4**3] * 2


def test_grouped_convolution_costs_a_groups_share():
    dense, grouped = (totals(profile(nn.Conv3d(8, 8, 3, groups=g), (8, 5, 5, 5))).macs for g in (1, 4))
    assert dense == 4 * grouped


def test_the_network_itself_is_left_alone():
    network = create_model("resnet18", num_classes=5, width=4).train().double()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    profile(network, (3, 4, 16, 16))
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())


def test_an_impossible_input_is_refused_with_the_reason():
    with pytest.raises(ValueError, match=r"ResNet cannot take an input of shape \(2, 16, 32, 32\)"):
        profile(create_model("resnet18", width=4), (2, 16, 32, 32))
