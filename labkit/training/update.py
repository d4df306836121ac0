"""One update of the weights from one batch of clips."""

from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.nn import functional as F

from labkit.training.batches import Clips, split
from labkit.training.failures import LossWatch
from labkit.training.meter import Forward, Meter
from labkit.training.protocol import Protocol
from labkit.training.stages import Part


class Update:
    """Forward, backward and one step of the optimiser, counted by the meter.

    With `accumulate` above 1 the batch goes through the network in so many parts of two clips or more, and the gradients
    of the parts add up to those of the batch. Batch norms then compare the clips of a part. `clip_gradients` is the
    largest norm of all gradients together. The loss is the cross-entropy, with `label_smoothing`.
    """

    def __init__(
        self,
        forward: Forward,
        optimiser: Any,
        part: Part,
        meter: Meter,
        watch: LossWatch,
        accelerator: Accelerator,
        recipe: Protocol,
    ) -> None:
        self.forward, self.optimiser, self.part = forward, optimiser, part
        self.meter, self.watch, self.accelerator, self.recipe = meter, watch, accelerator, recipe

    def __call__(self, clips: Clips, labels: Tensor, rows: Tensor, *, number: int) -> None:
        """Update number `number`, from uint8 clips `(B, T, C, H, W)`, labels `(B,)` and rows of the dataset `(B,)`.

        The clips may be a pair of tensors, frames and flow.
        """
        parts = max(1, min(self.recipe.accumulate, len(labels) // 2))
        for some, answers in zip(split(clips, parts), labels.tensor_split(parts), strict=True):
            logits = self.forward(some)
            loss = F.cross_entropy(logits, answers, label_smoothing=self.recipe.label_smoothing)
            self.watch.add(loss, number, rows)
            self.accelerator.backward(loss * (len(answers) / len(labels)))
            self.meter.add(loss, logits, answers)
        if self.recipe.clip_gradients is not None:
            torch.nn.utils.clip_grad_norm_(self.part.parameters, self.recipe.clip_gradients)
        self.optimiser.step()
        self.optimiser.zero_grad()
