"""How well a network does on the clips it learns from, measured as it is measured on new ones.

While a network trains, its answers are counted for free. But meanwhile the weights change, and the batch norms look at
the batch. Validation has neither, so the two cannot be compared. Therefore the training clips are measured a second
time, in evaluation mode, cut as the validation clips are.

In evaluation mode a batch norm uses running statistics, a memory of the last tens of updates. Where an epoch has only
a few updates the memory lags behind the weights, and what is measured is the lag. So the statistics are taken anew
first, from training clips, with the weights as they are (Wu and Johnson 2021, "Rethinking 'Batch' in BatchNorm",
section 3, call it precise BatchNorm). In training mode the running statistics are not read, so this by itself changes
no weight.
"""

import time
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import DataLoader

from labkit.training.batches import ClipDataset, Clips, EpochBatches, Reading, make_loader
from labkit.training.meter import Forward, measure
from labkit.training.settings import Settings

ENOUGH = 512  # training clips to measure, where the validation set has fewer; their accuracy is then known to ±2 points


def cut_alike(train: ClipDataset, val: ClipDataset) -> ClipDataset:
    """The training clips, cut as the validation clips are; as they come, where the dataset cannot do that."""
    cut: Callable[[Any], ClipDataset] | None = getattr(train, "cut_like", None)
    return cut(val) if cut else train


def some_clips(clips: int, most: int, *, seed: int) -> NDArray[np.int64]:
    """The numbers of `most` clips out of `clips`, drawn by `seed`, int64, in the order of drawing."""
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
            # One clip alone may be a single value for a batch norm, which has no spread.
            if len(labels) > 1 or largest == 1:
                forward(clips)
            if stop():
                return False
    finally:
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum
            norm.eval()
    return True


class Measurement:
    """Measures training and validation clips at an epoch's end, in evaluation mode. Loaders live as long as it does.

    `trained_on` is how many clips the whole training sees: fresh statistics look at no more.
    """

    def __init__(
        self,
        model: nn.Module,
        train: ClipDataset,
        val: ClipDataset | None,
        settings: Settings,
        *,
        trained_on: int,
        device: torch.device,
        workers: int,
    ) -> None:
        self.model, self.train, self.val, self.settings = model, train, val, settings
        self.trained_on, self.device, self.workers = trained_on, device, workers

    def take(self, epoch: int, stop: Callable[[], bool]) -> dict[str, dict[str, Any]]:
        """Loss, accuracies, clips and seconds of `train` and `val`; empty without validation, or where `stop()` came."""
        seen = Reading(self.seen).of(self.seen_loader)
        if self.settings.statistics == "fresh" and not take_statistics(self._forward(self.seen), seen, stop=stop):
            return {}
        if self.val is None:
            return {}
        measured = {}
        for split, dataset, loader in (("train", self.seen, self.seen_loader), ("val", self.val, self.val_loader)):
            began = time.perf_counter()
            reading = Reading(dataset)
            meter = measure(self._forward(dataset), reading.of(loader), classes=len(dataset.classes), stop=stop)
            if meter is None:
                return {}
            measured[split] = {**meter.means(), "seconds": time.perf_counter() - began}
            if split == "val":  # of the training clips it was said when they trained
                reading.warn(f"epoch {epoch}, validation")
        return measured

    def _forward(self, dataset: ClipDataset) -> Forward:
        return Forward(self.model, dataset, device=self.device, precision=self.settings.precision)

    @cached_property
    def seen(self) -> ClipDataset:
        """The training clips as they are measured."""
        return self.train if self.val is None else cut_alike(self.train, self.val)

    @cached_property
    def seen_loader(self) -> DataLoader[Any]:
        """The training clips to measure: always the same ones, in a mixed order."""
        most = min(ENOUGH, self.trained_on) if self.val is None else max(ENOUGH, len(self.val))
        only = some_clips(len(self.seen), most, seed=self.settings.seed)
        batches = EpochBatches(len(self.seen), self.settings.batch_size, shuffle=False, only=only)
        return make_loader(self.seen, batches, workers=self.workers, device=self.device)

    @cached_property
    def val_loader(self) -> DataLoader[Any]:
        """All validation clips in order; every process measures all of them."""
        assert self.val is not None
        batches = EpochBatches(len(self.val), self.settings.batch_size, shuffle=False)
        return make_loader(self.val, batches, workers=self.workers, device=self.device)
