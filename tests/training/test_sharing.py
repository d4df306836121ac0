"""Every clip is taken once by one process, for any number of clips, of processes, and any batch."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from labkit.clip import ClipSpec
from labkit.training.batches import EpochBatches
from labkit.training.device import pick_device
from labkit.training.measuring import take_statistics
from labkit.training.meter import Forward
from labkit.training.ranks import Processes, check_batch, synced
from labkit.training.sharing import Share, at_least

CLIPS, BATCHES, PROCESSES = st.integers(1, 90), st.integers(1, 20), st.integers(1, 9)


def passes(clips, batch, processes, **options):
    """What each process reads: a list of batches of clip numbers."""
    shares = [Share(rank, processes) for rank in range(processes)]
    return [[[i for _, i in one] for one in EpochBatches(clips, batch, share=share, **options)] for share in shares]


@settings(deadline=None)
@given(CLIPS, BATCHES, PROCESSES, st.integers(0, 5))
def test_every_clip_trains_once_an_epoch_with_any_number_of_processes(clips, batch, processes, seed):
    read = passes(clips, batch, processes, seed=seed)
    assert sorted(i for mine in read for one in mine for i in one) == list(range(clips))
    assert len({len(mine) for mine in read}) == 1  # all make the same updates
    for together in zip(*read, strict=True):
        sizes = [len(one) for one in together]
        assert max(sizes) - min(sizes) <= 1
        assert sizes == sorted(sizes, reverse=True)  # the first process always has a clip


@settings(deadline=None)
@given(CLIPS, BATCHES, PROCESSES, st.integers(0, 5))
def test_the_batches_are_those_of_one_process(clips, batch, processes, seed):
    alone = passes(clips, batch, 1, seed=seed)[0]
    shared = zip(*passes(clips, batch, processes, seed=seed), strict=True)
    assert [sorted(i for one in together for i in one) for together in shared] == [sorted(one) for one in alone]
    assert all(len(one) >= min(2, batch, clips) for one in alone)


@settings(deadline=None)
@given(CLIPS, BATCHES, PROCESSES)
def test_every_video_is_measured_once_and_in_order(clips, batch, processes):
    read = passes(clips, batch, processes, shuffle=False)
    assert [i for mine in read for one in mine for i in one] == list(range(clips))
    counts = [len(mine) for mine in read]
    assert max(counts) - min(counts) <= 1


@settings(deadline=None)
@given(st.integers(1, 30), PROCESSES)
def test_the_mean_of_the_weighted_losses_is_the_loss_of_the_batch(clips, processes):
    random = torch.Generator().manual_seed(clips)
    logits, labels = torch.randn(clips, 5, generator=random), torch.randint(5, (clips,), generator=random)
    total = 0.0
    for rank in range(processes):
        share = Share(rank, processes)
        own = torch.tensor(share.of_batch(range(clips)), dtype=torch.int64)
        if len(own):
            total += F.cross_entropy(logits[own], labels[own]).item() * share.weight(len(own), clips)
    assert total / processes == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-5)


@pytest.mark.parametrize(("read", "least", "length"), [(0, 2, 2), (1, 2, 2), (2, 2, 2), (5, 2, 5), (1, 1, 1)])
def test_a_share_is_filled_up_with_its_first_clip_or_with_black(read, least, length):
    clips = torch.arange(1, read + 1, dtype=torch.uint8).view(-1, 1, 1, 1, 1).expand(read, 4, 3, 2, 2)
    filled = at_least(clips, least)
    assert filled.shape == (length, 4, 3, 2, 2)
    assert filled.dtype == torch.uint8
    assert filled[:, 0, 0, 0, 0].tolist() == (
        [1, 1] if read == 1 and least == 2 else [0, 0] if not read else list(range(1, read + 1))
    )


def test_dropout_draws_differently_in_each_process_and_update_and_again_after_a_resume():
    def draw(rank, update, seed=0):
        Processes(rank=rank, processes=2).draw_apart(seed, update)
        return torch.rand(4).tolist()

    state = torch.get_rng_state()
    drawn = [draw(rank, update) for rank in (0, 1) for update in (0, 1)]
    assert len(np.unique(drawn)) == 16
    assert draw(1, 1) == drawn[3]
    assert draw(1, 1, seed=1) != drawn[3]
    torch.set_rng_state(state)


def test_one_process_goes_on_with_its_own_random_numbers():
    torch.manual_seed(3)
    before = torch.rand(4)
    torch.manual_seed(3)
    Processes().draw_apart(0, 5)
    assert torch.rand(4).tolist() == before.tolist()


def test_batch_norms_are_those_of_all_processes_inside_and_what_they_were_afterwards():
    model = nn.Sequential(nn.Conv3d(3, 4, 1), nn.BatchNorm3d(4), nn.Sequential(nn.BatchNorm1d(2)))
    layers = [*model.modules()]
    with synced(model, True):
        assert [type(norm) for norm in (model[1], model[2][0])] == [nn.SyncBatchNorm] * 2
        assert [*model.modules()] == layers
    assert [type(norm) for norm in (model[1], model[2][0])] == [nn.BatchNorm3d, nn.BatchNorm1d]
    assert vars(model[1]).keys() == vars(nn.BatchNorm3d(4)).keys()
    with synced(model, False):
        assert type(model[1]) is nn.BatchNorm3d


def test_statistics_are_taken_by_each_process_alone_though_norms_are_synced(monkeypatch):
    model, groups = nn.Sequential(nn.BatchNorm3d(3)), []
    alone = object()
    monkeypatch.setattr(Processes, "apart", lambda self: alone)
    dataset = SimpleNamespace(spec=ClipSpec(frames=1, size=2))
    with synced(model, True):
        model.register_forward_hook(lambda *_: groups.append(model[0].process_group))
        clips = torch.zeros((2, 1, 3, 2, 2), dtype=torch.uint8)
        forward = Forward(model.train(), dataset, device=torch.device("cpu"), precision="fp32")
        monkeypatch.setattr(nn.SyncBatchNorm, "forward", nn.BatchNorm3d.forward)  # it refuses a CPU
        assert take_statistics(forward, [(clips, torch.zeros(2), None)] * 2, stop=lambda: False)
        assert groups == [alone, alone]
        assert model[0].process_group is None


def test_a_batch_smaller_than_the_number_of_processes_is_refused_with_both_numbers():
    check_batch(4, 4)
    with pytest.raises(ValueError, match=r"batches of 3 cannot be split among 4 processes.*Give at least 4"):
        check_batch(3, 4)


def test_each_process_of_a_machine_gets_a_gpu_of_its_own_or_is_told_how_many_there_are(monkeypatch):
    monkeypatch.setattr("labkit.training.device.available_devices", lambda: ["cuda:0", "cuda:1", "cpu"])
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert pick_device("auto") == pick_device("cuda") == torch.device("cuda:1")
    assert pick_device("cpu") == torch.device("cpu")
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(
        RuntimeError, match="process 3 of this machine needs a GPU of its own, and there are 2: start 2 here"
    ):
        pick_device("auto")
