"""What a layer costs, keeps and sees. The costs of the zoo's networks are in `test_costs.py`."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from labkit.models import create_model, entry
from labkit.models.profile import costs, profile, totals, trace


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


class Products(nn.Module):
    """Products outside of any layer: a convolution and matrices in plain lines."""

    def __init__(self):
        super().__init__()
        self.act = nn.ReLU()
        self.kernel = nn.Parameter(torch.zeros(5, 2, 3))

    def forward(self, x):
        x = self.act(F.conv1d(x.flatten(2), self.kernel))  # (B, 5, 14)
        return x @ x.transpose(1, 2)  # (B, 5, 5)


class Frames(nn.Module):
    """An LSTM over what each frame is on average."""

    def __init__(self, rnn):
        super().__init__()
        self.rnn = rnn

    def forward(self, x):
        return self.rnn(x.mean((3, 4)).transpose(1, 2))


@pytest.mark.parametrize(
    ("network", "shape", "macs"),
    [
        (nn.Conv3d(2, 4, (3, 5, 1), padding=(1, 2, 0)), (2, 4, 6, 7), 4 * 4 * 6 * 7 * 2 * 15),
        (nn.Conv3d(8, 8, 3, groups=4), (8, 5, 5, 5), 8 * 27 * 2 * 27),
        (nn.ConvTranspose3d(2, 4, 2, stride=2), (2, 3, 4, 5), 60 * 2 * 4 * 8),
        (nn.ConvTranspose2d(4, 6, 3, groups=2), (4, 5, 5), 25 * 4 * 3 * 9),
        (nn.Linear(6, 5), (3, 6), 3 * 6 * 5),
        (Products(), (2, 4, 4), 5 * 14 * 6 + 25 * 14),
        # Four gates per step (three in a GRU), each reads the input and the state; the second layer reads the first.
        (Frames(nn.LSTM(3, 5, 2, batch_first=True)), (3, 7, 2, 2), 7 * 4 * 5 * ((3 + 5) + (5 + 5))),
        (Frames(nn.GRU(3, 5, bidirectional=True, batch_first=True)), (3, 7, 2, 2), 2 * 7 * 3 * 5 * (3 + 5)),
        (nn.BatchNorm3d(2), (2, 3, 4, 5), 0),
    ],
)
def test_multiply_accumulates_are_those_of_the_formula_and_of_torchs_own_counter(network, shape, macs):
    assert totals(profile(network, shape)).macs == macs
    assert costs(network, shape) == (sum(p.numel() for p in network.parameters()), macs)
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        network.to("meta")(torch.empty(1, *shape, device="meta"))
    assert counter.get_total_flops() == 2 * macs


def test_what_a_module_multiplies_in_plain_lines_has_a_row_of_its_own():
    table = profile(Products(), (2, 4, 4)).set_index("name")
    assert table.loc["", "type"] == "Products"
    assert table.loc["", "macs"] == 5 * 14 * 6 + 25 * 14
    assert table.loc["act", "macs"] == 0


def kept_by_autograd(network, example):
    """Bytes of all tensors, plain numbers aside, that the graph of a training step holds, read from its nodes."""
    out = network.train()(example)
    owned = {t.untyped_storage().data_ptr() for t in (*network.parameters(), *network.buffers())}
    held, todo, seen = {}, [out.grad_fn], set()
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        todo.extend(before for before, _ in node.next_functions)
        for name in dir(node):
            saved = getattr(node, name) if name.startswith("_saved_") else None
            if isinstance(saved, torch.Tensor) and saved.ndim and saved.untyped_storage().data_ptr() not in owned:
                held[saved.untyped_storage().data_ptr()] = saved.untyped_storage().nbytes()
    return sum(held.values())


@pytest.mark.parametrize(
    ("name", "shape", "batch"),
    [
        ("resnet18", (3, 8, 32, 32), 2),  # in-place ReLU, shortcut A
        ("resnet18", (3, 8, 32, 32), 3),
        ("preact_resnet200", (3, 8, 16, 16), 2),
        ("r2plus1d_18", (3, 8, 32, 32), 2),
        ("densenet121_2d", (3, 64, 64), 3),  # what is concatenated
        ("i3d", (3, 16, 64, 64), 3),
        ("c3d", (3, 16, 112, 112), 2),  # dropout
        ("two_stream", ((3, 1, 64, 64), (2, 10, 64, 64)), 3),
        ("st_multiplier", ((3, 5, 64, 64), (2, 50, 64, 64)), 2),  # what is multiplied
    ],
)
def test_kept_activations_are_the_bytes_that_a_real_training_step_holds(name, shape, batch):
    network = create_model(name, num_classes=3, width=4)
    shapes = shape if isinstance(shape[0], tuple) else [shape]
    example = [torch.rand(batch, *one) for one in shapes]
    real = kept_by_autograd(network, example if len(shapes) > 1 else example[0])
    assert totals(profile(network, shape, batch)).activations == real


def test_activations_of_one_example_are_half_of_those_of_two():
    network = create_model("c3d_bn", width=4)  # its batch norm refuses to train on one
    one, two = (totals(profile(network, entry("c3d_bn").shape, batch)).activations for batch in (1, 2))
    assert one == pytest.approx(two / 2, abs=100)


def test_what_is_computed_and_thrown_away_is_not_kept():
    class Wasteful(nn.Linear):
        def forward(self, x):
            y = super().forward(x)
            y.exp()
            return y

    assert totals(profile(Wasteful(3, 5), (3,), batch=2)).activations == 2 * 3 * 4


def test_a_frozen_part_keeps_nothing():
    network = create_model("resnet18", num_classes=5, width=4).requires_grad_(False)
    network.fc.requires_grad_(True)
    table = profile(network, (3, 8, 32, 32), batch=2).set_index("name")
    assert totals(table).activations == table.loc["fc", "activations"] == 2 * 32 * 4


def test_a_batch_of_none_is_refused():
    with pytest.raises(ValueError, match="batch must be at least 1, not 0"):
        profile(nn.Linear(2, 2), (2,), batch=0)


def test_endpoints_are_traced_in_order():
    traced = trace(create_model("resnet18", num_classes=5, width=4), (3, 16, 112, 112)).set_index("endpoint")
    assert list(traced.index) == list(create_model("resnet18", width=4).endpoints)
    assert traced.loc["layer2"].tolist()[:3] == [(8, 4, 14, 14), (53, 99, 99), (4, 8, 8)]
    assert traced.loc["logits", "output"] == (5,)


@pytest.mark.parametrize("name", ["resnet18", "convnet_lstm", "fused_two_stream", "st_multiplier"])
def test_the_costs_of_the_endpoints_add_up_to_those_of_the_network(name):
    network, shape = create_model(name, num_classes=5, width=8), entry(name).shape
    traced = trace(network, shape)
    assert (traced["parameters"].sum(), traced["macs"].sum()) == costs(network, shape)
    assert (traced.set_index("endpoint")["parameters"] > 0).any()


def test_a_pair_of_shapes_is_read_as_a_pair_of_tensors():
    network = create_model("two_stream", num_classes=5, width=4)
    shape = ((3, 1, 64, 64), (2, 10, 64, 64))
    assert totals(profile(network, shape)).macs == costs(network, shape)[1]
    assert trace(network, shape)["output"].iloc[-1] == (5,)


@pytest.mark.parametrize(("measure", "device"), [(profile, "cpu"), (profile, "meta"), (costs, "cpu"), (trace, "cpu")])
def test_the_network_itself_is_left_alone(measure, device):
    network = create_model("resnet18", num_classes=5, width=4).train().double().to(device)
    network.bn1.eval().requires_grad_(False)
    watched = []
    network.layer1.register_forward_hook(lambda *_: watched.append(1))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    modes = [(module.training, len(module._forward_hooks)) for module in network.modules()]
    grads = [p.requires_grad for p in network.parameters()]
    measure(network, (3, 4, 16, 16))
    assert [(module.training, len(module._forward_hooks)) for module in network.modules()] == modes
    assert [p.requires_grad for p in network.parameters()] == grads
    assert all(p.grad is None for p in network.parameters())
    assert not watched
    if device == "cpu":
        assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_an_impossible_input_is_refused_with_the_reason():
    with pytest.raises(ValueError, match=r"ResNet cannot take an input of shape \(2, 16, 32, 32\)"):
        profile(create_model("resnet18", width=4), (2, 16, 32, 32))
