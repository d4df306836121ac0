"""A training loop with a switch for each thing that makes a GPU faster, so that each can be measured by itself.

With all switches off it is what one writes first: fp32, plain layout, pageable memory, clips normalised where they are read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labkit.clip import ClipSpec
from labkit.data.transforms import normalise
from labkit.training.device import autocast, fast_convolutions, memory_format

Batch = tuple[Tensor, Tensor]  # uint8 clips (B, T, C, H, W) and int64 labels (B,)


@dataclass(frozen=True)
class Switches:
    """The switches of a loop: each makes it faster on some device."""

    bf16: bool = True
    channels_last: bool = True
    pinned: bool = True  # page-locked memory: the copy to the GPU runs beside the computing
    normalise_on_device: bool = True  # uint8 travels, a quarter of the bytes
    tuned: bool = True  # cuDNN tries its algorithms and keeps the fastest
    compiler: str = ""  # a backend of torch.compile; empty: none


PLAIN = Switches(bf16=False, channels_last=False, pinned=False, normalise_on_device=False, tuned=False)


class Loop:
    """One network, one optimiser and one set of switches; `run` makes updates."""

    def __init__(
        self, network: Callable[[], nn.Module], spec: ClipSpec, device: torch.device, switches: Switches
    ) -> None:
        self.spec, self.device, self.switches = spec, device, switches
        model = network().train()
        self.layout = memory_format(model, "bf16" if switches.channels_last else "fp32")
        model.to(device).to(memory_format=self.layout)
        self.optimiser = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, dampening=0.9, weight_decay=1e-3)
        self.model: Any = torch.compile(model, backend=switches.compiler, dynamic=False) if switches.compiler else model

    def run(self, batches: Sequence[Batch]) -> None:
        """An update for each batch. Returns before the device has finished them."""
        with fast_convolutions(self.device, self.switches.tuned):
            for clips, labels in batches:
                self._update(clips, labels)

    def _update(self, clips: Tensor, labels: Tensor) -> None:
        if self.switches.normalise_on_device:
            ready = normalise(clips.to(self.device, non_blocking=self.switches.pinned), self.spec)
        else:
            ready = normalise(clips, self.spec).to(self.device)
        with autocast(self.device, "bf16" if self.switches.bf16 else "fp32"):
            logits = self.model(ready.contiguous(memory_format=self.layout))
        loss = F.cross_entropy(logits.float(), labels.to(self.device, non_blocking=self.switches.pinned))
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()


def make_batches(spec: ClipSpec, batch: int, count: int, *, classes: int, pinned: bool) -> list[Batch]:
    """`count` batches of random pixels, always the same ones."""
    random = torch.Generator().manual_seed(0)
    shape = (batch, spec.frames, spec.channels, spec.size, spec.size)
    made = [
        (
            torch.randint(0, 256, shape, dtype=torch.uint8, generator=random),
            torch.randint(0, classes, (batch,), generator=random),
        )
        for _ in range(count)
    ]
    return [(clips.pin_memory(), labels.pin_memory()) for clips, labels in made] if pinned else made
