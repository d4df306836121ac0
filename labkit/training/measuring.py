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

from collections.abc import Callable, Iterable
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from labkit.training.batches import ClipDataset, Clips
from labkit.training.meter import Forward

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
    forward: Forward, batches: Iterable[tuple[Clips, Tensor, Tensor]], *, stop: Callable[[], bool]
) -> bool:
    """Set the running statistics of the batch norms in training mode to the mean over `batches`; False if `stop()` came.

    Everything else is in evaluation mode meanwhile, and left so. A batch norm in evaluation mode is frozen, and stays.
    """
    norms = [m for m in forward.call.modules() if isinstance(m, _BatchNorm) and m.training and m.track_running_stats]
    if not norms:
        return True
    forward.call.eval()
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.train()
        norm.reset_running_stats()
        norm.momentum = None  # the mean of all batches alike
    largest = 0
    try:
        for clips, labels, _ in batches:
            largest = max(largest, len(labels))
            # A rest of one clip may be a single value for a batch norm, of which it can take nothing.
            if len(labels) > 1 or largest == 1:
                forward(clips)
            if stop():
                return False
    finally:
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum
            norm.eval()
    return True


def check_statistics(statistics: str) -> None:
    """Raises `ValueError` for a choice that is not there."""
    if statistics not in get_args(Statistics):
        raise ValueError(f"unknown statistics {statistics!r}: choose from {', '.join(get_args(Statistics))}")
