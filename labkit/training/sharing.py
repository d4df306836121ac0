"""Who takes which clips, where several processes train one network.

An update is made by all processes together, so every batch is split among them. To measure, nobody waits for anybody, so
whole batches are dealt out. Either way every clip is taken once, by one process, whatever remains: nothing is padded.

The batches are those of one process. So a run may go on with another number of processes, and its loss is the same: each
process weighs its clips by the number of all clips of the update (`weight`), not by its own.
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
        """Its clips of a batch that all processes work on: shares differ by one clip at most, and may be empty."""
        return items[self.rank :: self.processes]

    def of_batches(self, count: int) -> range:
        """The numbers of its batches, of `count` that are dealt out whole: one after the other, so that their order stays."""
        return range(self.rank * count // self.processes, (self.rank + 1) * count // self.processes)

    def weight(self, own: int, clips: int) -> float:
        """What the mean loss of its `own` clips counts, so that the mean over processes is the mean over all `clips`."""
        return own * self.processes / clips


ALONE = Share()


def at_least(clips: Tensor, least: int) -> Tensor:
    """`clips` `(B, T, C, H, W)`, filled up to `least`: with the first over again, or with black where there is none.

    All processes must make every update, and batch normalisation wants two clips. The answers to what was filled in
    count for nothing.
    """
    missing = least - len(clips)
    if missing <= 0:
        return clips
    filling = clips[:1] if len(clips) else clips.new_zeros((1, *clips.shape[1:]))
    return torch.cat([clips, filling.expand(missing, *clips.shape[1:])])
