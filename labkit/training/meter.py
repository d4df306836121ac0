"""One batch forward, and the running sums that become a row of the history."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labkit.clip import ClipSpec
from labkit.data.transforms import normalise
from labkit.training.device import autocast, input_dims, memory_format


class Meter:
    """Loss and accuracy of one split in one epoch: four sums on the device, so that counting does not wait for it."""

    def __init__(self, device: torch.device, classes: int) -> None:
        self.k = min(5, classes)  # "top 5" of fewer classes is all of them
        self.sums = torch.zeros(4, device=device)  # loss, right at once, right within k, clips

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Count a batch: `loss` is its mean, `logits` are `(B, K)`, `labels` `(B,)`. An answer of NaN is wrong."""
        logits = logits.detach()
        hits = (logits.topk(self.k, dim=1).indices == labels[:, None]) & ~logits.isnan().any(1, keepdim=True)
        clips = torch.full((), len(labels), device=labels.device)
        self.sums += torch.stack([loss.detach() * clips, hits[:, 0].sum(), hits.sum(), clips]).float()

    def means(self, sums: Tensor | None = None) -> dict[str, Any]:
        """`loss`, `top1`, `top5` (shares in 0-1) and `clips`, of `sums` where several processes were added up."""
        loss, top1, top5, clips = (self.sums if sums is None else sums).tolist()
        seen = max(clips, 1)
        return {"loss": loss / seen, "top1": top1 / seen, "top5": top5 / seen, "clips": int(clips)}


class Forward:
    """uint8 clips in, logits out: normalised on the device, in the model's layout, at the chosen precision.

    `Forward(model, ...)(clips)` takes uint8 `(B, T, C, H, W)` and gives float logits `(B, K)`. `call` is a wrapper of
    the model (for several processes, say) that is called in its place.
    """

    def __init__(
        self, model: nn.Module, spec: ClipSpec, *, device: torch.device, precision: str, call: nn.Module | None = None
    ) -> None:
        self.call = model if call is None else call  # a compiled network has no truth value
        self.spec, self.device, self.precision = spec, device, precision
        self.dims, self.layout = input_dims(model), memory_format(model, precision)

    def __call__(self, clips: Tensor) -> Tensor:  # noqa: D102 (the class says)
        batch = normalise(clips.to(self.device, non_blocking=True), self.spec)  # (B, C, T, H, W)
        batch = batch.squeeze(2) if self.dims == 4 else batch  # an image network reads (B, C, H, W)
        with autocast(self.device, self.precision):
            return self.call(batch.contiguous(memory_format=self.layout)).float()


@torch.no_grad()
def measure(
    forward: Forward, batches: Iterable[tuple[Tensor, Tensor, Tensor]], *, classes: int, stop: Callable[[], bool]
) -> Meter | None:
    """Loss and accuracy over all batches, the model in evaluation mode; None if `stop()` came true on the way."""
    meter = Meter(forward.device, classes)
    forward.call.eval()
    for clips, labels, _ in batches:
        labels = labels.to(forward.device)
        logits = forward(clips)
        meter.add(F.cross_entropy(logits, labels), logits, labels)
        if stop():
            return None
    return meter
