"""Clips played in another way: backwards, in a random order, or frozen at one frame."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from labkit.data.flow import ZERO
from labkit.names import meant_or_all

Order = Literal["forward", "reversed", "shuffled", "frozen"]


def reordered(clip: Tensor, order: Order, rng: np.random.Generator) -> Tensor:
    """Frames `(T, C, H, W)` in another order; `frozen` repeats the one in the middle. The shape stays the same."""
    if order == "reversed":
        return clip.flip(0)
    if order == "shuffled":
        return clip[torch.from_numpy(rng.permutation(len(clip)))]
    if order == "frozen":
        return clip[len(clip) // 2].expand_as(clip).clone()
    return clip


def reordered_flow(fields: Tensor, order: Order, rng: np.random.Generator) -> Tensor:
    """The flow, uint8 `(T, 2, H, W)`, beside frames in another order.

    Backwards, a thing goes the other way: the fields are negated and come in reverse order. A frozen frame does not
    move. Shuffled fields stay as they are: each still says where things go from its own frame to the next in the file.
    """
    if order == "frozen":
        return torch.full_like(fields, ZERO)
    fields = reordered(fields, order, rng)
    return -fields.clamp(min=1) if order == "reversed" else fields  # bytes wrap around: 256 - x, and 128 stays


@dataclass(frozen=True)
class Reordered:
    """A transform, then its frames in another order: `ds.with_transform(Reordered(EvalTransform(ds.spec), "reversed"))`.

    `shuffled` draws an order for each clip (it may be the true one: once in T! draws). Called with uint8 `(T, C, H, W)`
    and a generator, as every transform; the clip's shape stays the same. `Played` is for datasets with flow.
    """

    transform: Callable[[Tensor, np.random.Generator], Tensor]
    order: Order

    def __post_init__(self) -> None:
        _check(self.order)

    def __call__(self, clip: Tensor, rng: np.random.Generator) -> Tensor:
        """Transform and reorder: uint8 `(T, C, H, W)` to the same shape that the transform gives."""
        return reordered(self.transform(clip, rng), self.order, rng)


class Played(Dataset[tuple[Any, int, int]]):
    """A `VideoDataset` with every item played in another order, for `evaluate`: clips, flow, or pairs `(rgb, flow)`.

    `reordered` and `reordered_flow` say what becomes of frames and fields. A random order is drawn from the dataset's
    seed and the item's number, for frames and fields apart.
    """

    def __init__(self, dataset: Any, order: Order) -> None:
        _check(order)
        self.dataset, self.order = dataset, order
        self.table, self.classes, self.sampling = dataset.table, dataset.classes, dataset.sampling
        self.spec, self.flow, self.on_error = dataset.spec, dataset.flow, dataset.on_error

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: int | tuple[int, int]) -> tuple[Any, int, int]:
        index = key[1] if isinstance(key, tuple) else key
        shown, label, row = self.dataset[key]
        rng = np.random.default_rng((self.dataset.seed, index))
        if isinstance(shown, Tensor):
            play = reordered_flow if self.spec.channels == 2 else reordered
            return play(shown, self.order, rng), label, row
        rgb, fields = shown
        return (reordered(rgb, self.order, rng), reordered_flow(fields, self.order, rng)), label, row


def _check(order: str) -> None:
    if order not in get_args(Order):
        raise ValueError(f"no order {order!r}{meant_or_all(order, get_args(Order))}")
