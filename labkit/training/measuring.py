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
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import DataLoader

from labkit.models.weights import unwrapped
from labkit.training.batches import ClipDataset, Clips, EpochBatches, Reading, make_loader
from labkit.training.meter import Forward, measure
from labkit.training.ranks import ONE_PROCESS, Processes
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
    forward: Forward,
    batches: Iterable[tuple[Clips, Tensor, Tensor]],
    *,
    stop: Callable[[], bool],
    least: int = 1,
    crew: Processes = ONE_PROCESS,
) -> bool:
    """Set the running statistics of the batch norms in training mode to the mean over `batches`; False if `stop()` came.

    Batches of fewer than `least` clips are skipped: one clip alone may be a single value for a batch norm, which has no
    spread. Each of several processes (`crew`) reads its own batches, and the mean is over the batches of all.

    Everything else is in evaluation mode meanwhile, and left so. A batch norm in evaluation mode is frozen, and stays.
    """
    norms = [m for m in forward.call.modules() if isinstance(m, _BatchNorm) and m.training and m.track_running_stats]
    if not norms:
        return True
    forward.call.eval()
    done, stopped = 0, False
    with _averaging(norms, crew):
        for clips, labels, _ in batches:
            if len(labels) >= least:
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
        crew: Processes = ONE_PROCESS,
    ) -> None:
        self.model, self.train, self.val, self.settings = model, train, val, settings
        self.trained_on, self.device, self.workers, self.crew = trained_on, device, workers, crew

    def take(self, epoch: int, stop: Callable[[], bool]) -> dict[str, dict[str, Any]]:
        """Loss, accuracies, clips and seconds of `train` and `val`; empty without validation, or where `stop()` came."""
        self.crew.same_buffers(unwrapped(self.model))
        seen, least = Reading(self.seen).of(self.seen_loader), min(2, self.settings.batch_size)
        forward, fresh = self._forward(self.seen), self.settings.statistics == "fresh"
        if fresh and not take_statistics(forward, seen, stop=stop, least=least, crew=self.crew):
            return {}
        if self.val is None:
            return {}
        measured = {}
        for split, dataset, loader in (("train", self.seen, self.seen_loader), ("val", self.val, self.val_loader)):
            began = time.perf_counter()
            reading = Reading(dataset)
            meter = measure(self._forward(dataset), reading.of(loader), classes=len(dataset.classes), stop=stop)
            if self.crew.anyone(meter is None) or meter is None:
                return {}
            means = meter.means(self.crew.sum(meter.sums))
            reading.check(means["clips"])
            measured[split] = {**means, "seconds": time.perf_counter() - began}
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
        size = self.settings.batch_size
        batches = EpochBatches(len(self.seen), size, shuffle=False, only=only, share=self.crew)
        return make_loader(self.seen, batches, workers=self.workers, device=self.device)

    @cached_property
    def val_loader(self) -> DataLoader[Any]:
        """All validation clips in order, of several processes to each its part."""
        assert self.val is not None
        batches = EpochBatches(len(self.val), self.settings.batch_size, shuffle=False, share=self.crew)
        return make_loader(self.val, batches, workers=self.workers, device=self.device)
