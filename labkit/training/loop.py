"""fit: the training loop, from a model and a dataset to a history."""

import json
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm.auto import tqdm

from labkit.clip import ClipSpec
from labkit.data.transforms import normalise
from labkit.records import History
from labkit.training.batches import ClipDataset, EpochBatches, make_loader
from labkit.training.device import Precision, autocast, input_dims, memory_format, pick_device, pick_precision
from labkit.training.schedule import ScheduleName, find_schedule, step


class Meter:
    """Running sums of one split in one epoch, kept on the device so that counting does not wait for it."""

    def __init__(self, device: torch.device, classes: int):
        self.k = min(5, classes)
        self.sums = torch.zeros(4, device=device)  # loss, top-1, top-5, clips

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """`loss` is the batch's mean, `logits` are `(B, K)`, `labels` `(B,)`."""
        hits = logits.detach().topk(self.k, dim=1).indices == labels[:, None]
        clips = torch.full((), len(labels), device=labels.device)
        self.sums += torch.stack([loss.detach() * clips, hits[:, 0].sum(), hits.sum(), clips]).float()

    def means(self) -> dict[str, Any]:
        loss, top1, top5, clips = self.sums.tolist()
        return {"loss": loss / clips, "top1": top1 / clips, "top5": top5 / clips, "clips": int(clips)}


def to_input(clips: Tensor, spec: ClipSpec, *, dims: int, layout: torch.memory_format) -> Tensor:
    """uint8 `(B, T, C, H, W)` to what the network reads: `(B, C, T, H, W)`, or `(B, C, H, W)` for an image network."""
    batch = normalise(clips, spec)
    return (batch.squeeze(2) if dims == 4 else batch).contiguous(memory_format=layout)


def fit(
    model: nn.Module,
    train: ClipDataset,
    val: ClipDataset | None = None,
    *,
    epochs: int | None = None,
    updates: int | None = None,
    batch_size: int = 32,
    lr: float = 0.1,
    momentum: float = 0.9,
    dampening: float | None = None,
    nesterov: bool = False,
    weight_decay: float = 1e-3,
    schedule: ScheduleName = "plateau",
    seed: int = 0,
    device: str = "auto",
    precision: Precision = "auto",
    workers: int = 0,
    folder: str | Path | None = None,
    resume: bool = True,
    checkpoint_every: int | None = None,
    name: str = "run",
    progress: bool = True,
    val_every: int = 1,
) -> History:
    """Train `model` in place."""
    where = pick_device(device)
    how = pick_precision(precision, where)
    batches = EpochBatches(len(train), batch_size, seed=seed)
    per_epoch = len(batches)
    total = updates if updates is not None else (epochs or 1) * per_epoch
    loader = make_loader(train, batches, workers=workers, device=where, seed=seed)
    layout, dims = memory_format(model, how), input_dims(model)
    model.to(where, memory_format=layout)
    if dampening is None:
        dampening = 0.0 if nesterov else 0.9
    optimiser = torch.optim.SGD(
        model.parameters(), lr, momentum=momentum, dampening=dampening, nesterov=nesterov, weight_decay=weight_decay
    )
    plan = find_schedule(schedule)
    scheduler = plan.build(optimiser, lr, total)
    rows: list[dict[str, Any]] = []
    done, epoch = 0, 0
    with torch.random.fork_rng(), tqdm(total=total * batch_size, unit="clip", disable=not progress, desc=name) as bar:
        torch.manual_seed(seed)
        while done < total:
            epoch += 1
            batches.begin(epoch)
            meter, began = Meter(where, len(train.classes)), time.perf_counter()
            model.train()
            for clips, labels, _ in loader:
                clips, labels = clips.to(where), labels.to(where)
                with autocast(where, how):
                    logits = model(to_input(clips, train.spec, dims=dims, layout=layout))
                    loss = F.cross_entropy(logits, labels)
                loss.backward()
                optimiser.step()
                optimiser.zero_grad()
                meter.add(loss, logits, labels)
                done += 1
                if plan.every == "update":
                    step(scheduler, None)
                bar.update(len(labels))
                if done == total:
                    break
            common = {"run": name, "epoch": epoch, "level": "clip", "lr": optimiser.param_groups[0]["lr"]}
            rows.append({**common, "split": "train", **meter.means(), "seconds": time.perf_counter() - began})
            if val is not None and (epoch % val_every == 0 or done == total):
                from labkit.training.evaluate import measure

                began = time.perf_counter()
                means = measure(model, val, device=where, precision=how, batch_size=batch_size)
                rows.append({**common, "split": "val", **means, "seconds": time.perf_counter() - began})
            if plan.every == "epoch":
                step(scheduler, rows[-1]["loss"])
    if folder is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        History.append(Path(folder) / "history.jsonl", rows)
    return History.of(rows)
