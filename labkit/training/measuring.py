"""How well a network does on the clips it learns from, measured as it is measured on new ones.

While a network trains, its answers are counted for free. But those counts are of weights that change under them, and of
batch norms that look at the batch: set beside a validation, which has neither, they compare unlike things. So the
training clips are measured a second time, in evaluation mode, cut as the validation clips are.

In evaluation mode a batch norm uses running statistics, a memory of the last tens of updates. Where an epoch has only
a few updates the memory lags behind the weights, and what is measured is the lag. So the statistics are taken anew
first, from training clips, with the weights as they are (Wu and Johnson 2021, "Rethinking 'Batch' in BatchNorm",
section 3, call it precise BatchNorm). In training mode the running statistics are not read, so this by itself changes
no weight.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from labkit.training.batches import ClipDataset
from labkit.training.meter import Forward
from labkit.training.processes import ONE_PROCESS, Processes

Statistics = Literal["fresh", "running"]
ENOUGH = 512  # training clips to measure, where the validation set has fewer; their accuracy is then known to ±2 points


def cut_alike(train: ClipDataset, val: ClipDataset) -> ClipDataset:
    """The training clips, cut as the validation clips are; as they come, where the dataset cannot do that."""
    cut: Callable[[Any], ClipDataset] | None = getattr(train, "cut_like", None)
    return cut(val) if cut else train


def some_clips(clips: int, most: int, *, seed: int) -> NDArray[np.int64]:
    """`most` of so many clips, drawn by `seed`: their numbers, int64, in the order drawn."""
    return np.random.default_rng((seed, clips)).permutation(clips)[:most]


@torch.no_grad()
def take_statistics(
    forward: Forward,
    batches: Iterable[tuple[Tensor, Tensor, Tensor]],
    *,
    stop: Callable[[], bool],
    least: int = 1,
    crew: Processes = ONE_PROCESS,
) -> bool:
    """Set the running statistics of the batch norms in training mode to the mean over `batches`; False if `stop()` came.

    Batches of fewer than `least` clips are passed over: a single clip may be a single value for a batch norm, of which it
    can take nothing. Of several processes (`crew`) each reads its own batches, and the mean is over those of all.

    Everything else is in evaluation mode meanwhile, and left so. A batch norm in evaluation mode is frozen, and stays.
    """
    norms = [m for m in forward.call.modules() if isinstance(m, _BatchNorm) and m.training and m.track_running_stats]
    if not norms:
        return True
    forward.call.eval()
    done, stopped = 0, False
    with _averaging(norms, crew):
        for clips, _, _ in batches:
            if len(clips) >= least:
                if not done:
                    for norm in norms:
                        norm.reset_running_stats()
                forward(clips)
                done += 1
            if stopped := stop():
                break
    if crew.anyone(stopped):
        return False
    _average(norms, done, crew)
    return True


@contextmanager
def _averaging(norms: Sequence[_BatchNorm], crew: Processes) -> Iterator[None]:
    """Inside, the norms take the mean of all batches alike, each process of its own; afterwards they are in evaluation mode."""
    before = [norm.momentum for norm in norms]
    synced = [norm for norm in norms if isinstance(norm, nn.SyncBatchNorm)]
    groups = [norm.process_group for norm in synced]
    for norm in norms:
        norm.train()
        norm.momentum = None
    for norm in synced:
        norm.process_group = crew.apart()  # the number of batches differs: waiting for each other would never end
    try:
        yield
    finally:
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum
            norm.eval()
        for norm, group in zip(synced, groups, strict=True):
            norm.process_group = group


def _average(norms: Sequence[_BatchNorm], done: int, crew: Processes) -> None:
    """Make the statistics of `done` batches here those of all batches of all processes."""
    total = crew.total(done)
    if not crew.several or not total:
        return
    for norm in norms:
        for value in (norm.running_mean, norm.running_var):
            assert value is not None
            value.copy_(crew.sum(value * done) / total)
        assert norm.num_batches_tracked is not None
        norm.num_batches_tracked.fill_(total)


def check_statistics(statistics: str) -> None:
    """Raises `ValueError` for a choice that is not there."""
    if statistics not in get_args(Statistics):
        raise ValueError(f"unknown statistics {statistics!r}: choose from {', '.join(get_args(Statistics))}")
