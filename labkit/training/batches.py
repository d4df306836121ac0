"""Which clips make which batch: an order that is a function of (seed, epoch), and a loader that can start inside it."""

import signal
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Sampler

from labkit.clip import ClipSpec


class ClipDataset(Protocol):
    """What training asks of a dataset; `labkit.data.datasets.VideoDataset` is one."""

    classes: tuple[str, ...]
    spec: ClipSpec

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any) -> tuple[torch.Tensor, int, int]:
        """`(epoch, i)` or `i` gives a uint8 clip `(T, C, H, W)`, its label, and its row in the dataset's table."""
        ...


class EpochBatches(Sampler[list[tuple[int, int]]]):
    """Batches of `(epoch, index)` pairs, every clip once an epoch, in an order drawn from (seed, epoch) alone.

    `begin(epoch, first)` says where the next pass starts, so an interrupted epoch goes on where it stopped.
    A last batch of one clip is left out, since batch normalisation has nothing to compare a single clip with;
    the order changes with the epoch, so it is another clip each time.

    With `shuffle=False` every pass is the same: all clips in order, or those that `only` names, in its order.
    """

    def __init__(
        self, clips: int, batch_size: int, *, seed: int = 0, shuffle: bool = True, only: NDArray[np.int64] | None = None
    ):
        self.order = np.arange(clips) if only is None else only
        self.clips, self.batch_size, self.seed, self.shuffle = len(self.order), batch_size, seed, shuffle
        self.drop_last = False  # accelerate asks for it
        self.epoch, self.first, self.end = 0, 0, len(self)

    def __len__(self) -> int:
        full, rest = divmod(self.clips, self.batch_size)
        single = self.shuffle and rest == 1 and full > 0
        return full + (rest > 0 and not single)

    def begin(self, epoch: int, first: int = 0, end: int | None = None) -> None:
        """The next pass is `epoch`, from its batch number `first` up to and without `end`."""
        self.epoch, self.first, self.end = epoch, first, len(self) if end is None else min(end, len(self))

    def clips_before(self, batch: int) -> int:
        """How many clips of an epoch come before its batch number `batch`."""
        return min(batch * self.batch_size, self.clips)  # a clip left out comes after all batches

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        order = self.order.copy()
        if self.shuffle:
            np.random.default_rng((self.seed, self.epoch)).shuffle(order)
        for batch in range(self.first, self.end):
            start = batch * self.batch_size
            yield [(self.epoch, int(i)) for i in order[start : start + self.batch_size]]


def make_loader(
    dataset: Any, batches: EpochBatches, *, workers: int, device: torch.device, seed: int = 0
) -> DataLoader[Any]:
    """A loader over `batches`; workers live as long as the loader, and pages are pinned only for CUDA."""
    return DataLoader(
        dataset,
        batch_sampler=batches,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=device.type == "cuda",
        # Starting a loader draws from a generator. With the global one, dropout after a resume would differ.
        generator=torch.Generator().manual_seed(seed),
        worker_init_fn=_leave_interrupts_to_the_parent,
    )


def _leave_interrupts_to_the_parent(worker: int) -> None:
    # Ctrl-C in a terminal reaches every process of the group; each worker would print a traceback of its own.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
