"""The share of each process in the clips, where several processes train one network.

All processes make an update together, so every batch is split among them. In a measurement the processes do not wait for
each other, so each gets whole batches. Every clip is read once, by one process, for any remainder: nothing is padded.

The batches are the same for any number of processes. A run may therefore go on with another number. The loss is the same
too: each process weighs its clips by the number of all clips of the update (`weight`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

Item = TypeVar("Item")


@dataclass(frozen=True)
class Share:
    """The part of one process, number `rank` of `processes`."""

    rank: int = 0
    processes: int = 1

    def of_batch(self, items: Sequence[Item]) -> Sequence[Item]:
        """This process's clips of a batch. Shares differ by one clip at most, and may be empty."""
        return items[self.rank :: self.processes]

    def of_batches(self, count: int) -> range:
        """The numbers of this process's batches of `count`: neighbours, so that the processes in order give the order."""
        return range(self.rank * count // self.processes, (self.rank + 1) * count // self.processes)

    def weight(self, own: int, clips: int) -> float:
        """The factor of the mean loss of `own` clips, with which the mean over processes is the mean over all `clips`."""
        return own * self.processes / clips


ALONE = Share()


def at_least(clips: Tensor | Sequence[Tensor], least: int) -> Tensor | Sequence[Tensor]:
    """`clips` `(B, T, C, H, W)`, or a pair of those, filled up to `least`: with copies of the first, or black if B is 0.

    All processes must make every update, and batch normalisation needs two clips. The answers for the added clips are
    not counted.
    """
    if isinstance(clips, Tensor):
        return _filled(clips, least)
    return tuple(_filled(each, least) for each in clips)


def _filled(clips: Tensor, least: int) -> Tensor:
    missing = least - len(clips)
    if missing <= 0:
        return clips
    filling = clips[:1] if len(clips) else clips.new_zeros((1, *clips.shape[1:]))
    return torch.cat([clips, filling.expand(missing, *clips.shape[1:])])
