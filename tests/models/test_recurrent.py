"""ConvNet + LSTM: frames go through one 2D network, the LSTM remembers them, the last step answers."""

import pytest
import torch

from labkit.models.recurrent import ConvNetLSTM
from labkit.models.zoo import create_model


def small(**overrides):
    torch.manual_seed(0)
    return create_model("convnet_lstm", num_classes=5, width=8, **overrides)


def trained_statistics(network, clips):
    """Batch norms that know the clips: frames of an untrained network would else be hard to tell apart."""
    for module in network.modules():
        if hasattr(module, "running_mean"):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()(clips)
    return network.eval()


def test_parameters_round_to_the_9_million_of_table_1():
    with torch.device("meta"):
        network = create_model("convnet_lstm")
        trunk = sum(p.numel() for p in create_model("inception_v1_2d").parameters()) - 1025 * 400
    counted = sum(p.numel() for p in network.parameters())
    lstm = 4 * 512 * (1024 + 512 + 2)  # four gates; torch keeps two biases for each
    assert counted == trunk + 2 * 1024 + lstm + 513 * 400 == 8_956_976
    assert round(counted / 1e6) == 9


def test_endpoints_and_shapes_at_the_papers_clip():
    with torch.device("meta"):
        network = create_model("convnet_lstm")
        trace = {name: tuple(out.shape[1:]) for name, out in network.walk(torch.empty(1, *network.clip.shape))}
    assert tuple(trace) == network.endpoints
    assert network.clip.shape == (3, 25, 224, 224)
    assert trace["Conv3d_1a_7x7"] == (64, 25, 112, 112)
    assert {name: trace[name] for name in network.endpoints[-5:]} == {
        "Mixed_5c": (1024, 25, 7, 7),
        "pool": (1024, 25),
        "features": (512, 25),
        "Logits": (400, 25),
        "logits": (400,),
    }


def test_the_50_frames_of_the_papers_test_go_through():
    with torch.device("meta"), torch.no_grad():
        assert create_model("convnet_lstm")(torch.empty(1, 3, 50, 224, 224)).shape == (1, 400)


def test_the_answer_is_the_last_step_of_all_steps_logits():
    network, clips = small().eval(), torch.randn(2, 3, 4, 32, 32)
    steps = network.forward_features(clips, "Logits")
    assert steps.shape == (2, 5, 4)
    assert torch.equal(network(clips), steps[:, :, -1])


def test_a_step_knows_the_frames_before_it_and_none_after():
    clips = torch.randn(4, 3, 4, 32, 32)
    network = trained_statistics(small(), clips)
    changed = clips.clone()
    changed[:, :, 1] = torch.randn(4, 3, 32, 32)
    before, after = (network.forward_features(each, "Logits") for each in (clips, changed))
    differ = (before - after).abs().amax(dim=(0, 1))
    assert differ[0] == 0
    assert differ[1:].min() > 1e-5


def test_steps_are_the_lstm_written_out():
    clips = torch.randn(3, 3, 4, 32, 32, dtype=torch.float64)
    network = trained_statistics(small().double(), clips)
    pooled = network.forward_features(clips, "pool")
    lstm, h, c = network.lstm, pooled.new_zeros(3, 64), pooled.new_zeros(3, 64)
    for t in range(4):
        gates = pooled[:, :, t] @ lstm.weight_ih_l0.T + lstm.bias_ih_l0 + h @ lstm.weight_hh_l0.T + lstm.bias_hh_l0
        take, forget, new, give = gates.chunk(4, dim=1)
        c = forget.sigmoid() * c + take.sigmoid() * new.tanh()
        h = give.sigmoid() * c.tanh()
    torch.testing.assert_close(network(clips), h @ network.fc.weight.T + network.fc.bias)


def test_every_frame_goes_through_the_same_2d_network():
    clips = torch.randn(2, 3, 3, 32, 32)
    network, flat = small().eval(), create_model("inception_v1_2d", width=8).eval()
    flat.load_state_dict(network.trunk.state_dict(), strict=False)
    maps = network.forward_features(clips, "Mixed_5c")
    for t in range(3):
        torch.testing.assert_close(maps[:, :, t], flat.forward_features(clips[:, :, t], "Mixed_5c"))


def test_every_parameter_gets_a_gradient_from_the_loss_on_all_steps():
    network = small()
    network.forward_features(torch.randn(4, 3, 3, 56, 56), "Logits").square().sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("size", [(1, 1, 1), (1, 33, 57), (7, 16, 9)])
def test_any_clip_size_works(size):
    assert small()(torch.randn(2, 3, *size)).shape == (2, 5)


def test_other_channels_work_and_input_that_does_not_fit_is_refused():
    assert small(in_channels=2)(torch.randn(2, 2, 3, 16, 16)).shape == (2, 5)
    with pytest.raises(
        ValueError, match=r"this network reads \(B, 3, T, H, W\), not a tensor of shape \(2, 3, 16, 16\)$"
    ):
        small()(torch.randn(2, 3, 16, 16))


@pytest.mark.parametrize("override", ["num_classes", "width", "in_channels"])
def test_numbers_below_1_are_refused_by_name(override):
    with pytest.raises(ValueError, match=f"{override} must be at least 1, not 0"):
        ConvNetLSTM(**{override: 0})
