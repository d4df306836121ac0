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
from labkit.training.ranks import Processes
from labkit.training.sharing import at_least
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
        *,
        least: int,
        crew: Processes,
    ) -> None:
        self.forward, self.optimiser, self.part = forward, optimiser, part
        self.meter, self.watch, self.accelerator, self.recipe = meter, watch, accelerator, recipe
        self.least, self.crew = least, crew

    def __call__(self, clips: Clips, labels: Tensor, rows: Tensor, *, number: int, read: int) -> None:
        """Update number `number`, from uint8 clips `(B, T, C, H, W)`, labels `(B,)` and rows of the dataset `(B,)`.

        They are this process's share of the `read` clips of the update, and may be none. With one process, `read` is B.
        The clips may be a pair of tensors, frames and flow.
        """
        labels = labels.to(self.forward.device, non_blocking=True)
        parts = max(1, min(self.recipe.accumulate, read // (2 * self.crew.processes)))  # the same in all processes
        for some, answers in zip(split(clips, parts), labels.tensor_split(parts), strict=True):
            logits = self.forward(at_least(some, self.least))[: len(answers)]
            if len(answers):
                loss = F.cross_entropy(logits, answers, label_smoothing=self.recipe.label_smoothing)
                self.watch.add(loss, number, rows)
                self.meter.add(loss, logits, answers)
            else:
                loss = logits.sum()  # 0, with a gradient of 0: the other processes wait for a gradient
            self.accelerator.backward(loss * self.crew.weight(len(answers), read))
        if self.recipe.clip_gradients is not None:
            torch.nn.utils.clip_grad_norm_(self.part.parameters, self.recipe.clip_gradients)
        self.optimiser.step()
        self.optimiser.zero_grad()
