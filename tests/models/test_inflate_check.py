"""The report of the boring-video test says whether the equality holds, where it first breaks, and why."""

import copy
import re

import pytest
import torch
from torch import nn

from labkit.models import create_model
from labkit.models.inflate import check_inflation, inflate
from labkit.models.inflate.check import InflationReport, LayerCheck


@pytest.fixture
def network2d():
    torch.manual_seed(0)
    return create_model("resnet18_2d", num_classes=6, width=8).double().eval()


@pytest.fixture
def images():
    return torch.randn(2, 3, 40, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_it_holds_for_an_inflated_network(network2d, images):
    report = check_inflation(network2d, inflate(network2d, "every_frame").network, images)
    assert report.holds
    assert report.first_break is None
    assert report.why == ""
    assert report.worst < 1e-10
    assert report.table.shape[1] == 8
    assert report.table.loc["layer4.1.conv2"].notna().all()
    assert "The equality holds everywhere" in repr(report)


def test_in_float32_it_holds_within_the_2d_networks_own_rounding(network2d, images):
    assert check_inflation(network2d.float(), inflate(network2d).network, images.float()).holds


def _forget(network):
    network.layer3[0].conv1.weight.data *= 3


def _train(network):
    network.layer2[0].bn1.train()


def _other_eps(network):
    network.layer2[1].bn2.eps = 0.5


def _other_bias(network):
    network.fc.bias.data += 1


def _replicate_space(network):
    old = network.layer1[0].conv1
    new = nn.Conv3d(8, 8, 3, padding=1, bias=False, padding_mode="replicate").double()
    new.weight = old.weight
    network.layer1[0].conv1 = new


def _other_pool(network):
    network.maxpool = nn.AvgPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))


def _other_stride(network):
    network.layer2[0].conv1.stride = (1, 1, 1)


def _other_dilation(network):
    network.layer2[0].conv2.dilation = (1, 2, 2)
    network.layer2[0].conv2.padding = (0, 2, 2)


@pytest.mark.parametrize(
    ("damage", "layer", "why"),
    [
        (_other_pool, "maxpool", "it is AvgPool3d, and MaxPool2d in the 2D network"),
        (_other_stride, "layer2.0.conv1", "gives a tensor of shape (2, 16, 8, 10, 10) where the 2D layer gives"),
        (_other_dilation, "layer2.0.conv2", "its padding in space is (2, 2), the 2D layer's (1, 1)"),
        (_forget, "layer3.0.conv1", "not divided by 3"),
        (_train, "layer2.0.bn1", "batch norm is in training mode"),
        (_other_eps, "layer2.1.bn2", "its eps is 0.5"),
        (_other_bias, "fc", "its bias is not the 2D layer's"),
        (_replicate_space, "layer1.0.conv1", "pads height and width too"),
    ],
)
def test_it_names_the_layer_and_the_reason(network2d, images, damage, layer, why):
    network3d = inflate(network2d, "every_frame").network
    damage(network3d)
    report = check_inflation(network2d, network3d, images)
    assert report.first_break == layer
    assert why in report.why
    assert layer in repr(report)


def test_zero_padding_shows_at_the_clips_ends_and_replication_does_not(network2d, images):
    zeros = check_inflation(network2d, inflate(network2d, "every_frame", time_padding="zeros").network, images)
    assert zeros.first_break == "conv1"
    assert "zero padding in time" in zeros.why
    assert zeros.layers[0].broken_frames == (0, 1, 2, 5, 6, 7)  # a kernel of 7 frames misses up to 3 at each end
    assert zeros.output > 1e-3
    assert check_inflation(network2d, inflate(network2d, "every_frame").network, images).holds


def test_the_networks_are_left_as_they_were(network2d, images):
    network3d = inflate(network2d).network
    network3d.train()
    before = {name: tensor.clone() for name, tensor in network3d.state_dict().items()}
    check_inflation(network2d, network3d, images)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network3d.state_dict().items())
    assert not any(module._forward_hooks for module in network3d.modules())


def test_names_are_escaped_in_html(images):
    network2d = nn.Sequential()
    network2d.add_module("<b>", nn.Conv2d(3, 4, 3))
    html = check_inflation(network2d.double(), inflate(network2d).network, images)._repr_html_()
    assert "&lt;b&gt;" in html
    assert "<b>" not in html


def test_the_colour_of_a_broken_layer_leaves_its_number_legible_and_its_table_scrolls_with_the_keyboard():
    made = InflationReport((LayerCheck("stem", (0.0, 0.4, 9.0), 1e-9, "it is wrong"),), 3)._repr_html_()
    assert max(float(one) for one in re.findall(r"rgba\(214,94,0,([\d.]+)\)", made)) <= 0.6
    assert "tabindex='0'" in made


def test_a_single_layer_can_be_compared(images):
    conv2d = nn.Conv2d(3, 4, 3).double()
    assert check_inflation(conv2d, inflate(conv2d).network, images).holds


def test_the_report_ends_with_the_error_where_the_3d_network_stops(network2d, images):
    network3d = inflate(network2d, "every_frame").network
    _other_stride(network3d)  # the shortcut strides as before, and the sum does not fit
    report = check_inflation(network2d, network3d, images)
    assert report.layers[-1].name == "the output"
    assert "the network stops there: The size of tensor" in report.layers[-1].why
    assert report.output == float("inf")
    network3d = inflate(network2d, "every_frame").network
    network3d.fc = nn.Linear(3, 2)  # nothing that ran before it is wrong: torch's own error
    network3d.double()
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        check_inflation(network2d, network3d, images)


def test_what_cannot_be_compared_is_refused(network2d, images):
    with pytest.raises(ValueError, match=r"images are torch\.float32 and model2d is torch\.float64"):
        check_inflation(network2d, network2d, images.float())
    with pytest.raises(ValueError, match="model3d is on the meta device"):
        check_inflation(network2d, copy.deepcopy(network2d).to("meta"), images)
    with pytest.raises(ValueError, match="share no layer's name"):
        check_inflation(network2d, nn.Sequential(nn.Conv3d(3, 4, 3)), images)
    with pytest.raises(ValueError, match=r"images must be \(B, C, H, W\)"):
        check_inflation(network2d, network2d, images[0])
