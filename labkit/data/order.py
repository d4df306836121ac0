"""The frames of a clip in another order: reversed or shuffled."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

Order = Literal["forward", "reversed", "shuffled"]


@dataclass(frozen=True)
class Reordered:
    """A transform, then its frames in another order: `ds.with_transform(Reordered(EvalTransform(ds.spec), "reversed"))`.

    `shuffled` draws an order for each clip (it may be the true one: once in T! draws). Called with uint8 `(T, C, H, W)`
    and a generator, as every transform; the clip's shape stays the same.
    """

    transform: Callable[[Tensor, np.random.Generator], Tensor]
    order: Order

    def __post_init__(self) -> None:
        if self.order not in get_args(Order):
            raise ValueError(f"no order {self.order!r}; there are {', '.join(get_args(Order))}")

    def __call__(self, clip: Tensor, rng: np.random.Generator) -> Tensor:
        """Transform and reorder: uint8 `(T, C, H, W)` to the same shape that the transform gives."""
        clip = self.transform(clip, rng)
        if self.order == "reversed":
            return clip.flip(0)
        if self.order == "shuffled":
            return clip[torch.from_numpy(rng.permutation(len(clip)))]
        return clip
