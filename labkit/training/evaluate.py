"""evaluate: a trained model and a dataset give predictions, per clip or per video."""

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from tqdm.auto import tqdm

from labkit.records import Level, Predictions
from labkit.training.batches import EpochBatches, make_loader
from labkit.training.device import Precision, autocast, input_dims, memory_format, pick_device, pick_precision


@torch.no_grad()
def measure(
    model: nn.Module, dataset: Any, *, device: torch.device, precision: str, batch_size: int, workers: int = 0
) -> dict[str, Any]:
    from labkit.training.loop import Meter, to_input

    batches = EpochBatches(len(dataset), batch_size, shuffle=False)
    loader = make_loader(dataset, batches, workers=workers, device=device)
    meter = Meter(device, len(dataset.classes))
    layout, dims = memory_format(model, precision), input_dims(model)
    model.eval()
    for clips, labels, _ in loader:
        with autocast(device, precision):
            logits = model(to_input(clips.to(device), dataset.spec, dims=dims, layout=layout))
            loss = F.cross_entropy(logits, labels.to(device))
        meter.add(loss, logits, labels.to(device))
    return meter.means()


@torch.no_grad()
def evaluate(
    model: nn.Module,
    dataset: Any,
    *,
    level: Level = "video",
    device: str = "auto",
    batch_size: int = 32,
    workers: int = 0,
    precision: Precision = "auto",
    progress: bool = True,
) -> Predictions:
    """Class scores of every video (the mean over its clips) or of every clip."""
    from labkit.training.loop import to_input

    where = pick_device(device)
    how = pick_precision(precision, where)
    batches = EpochBatches(len(dataset), batch_size, shuffle=False)
    loader = make_loader(dataset, batches, workers=workers, device=where)
    layout, dims = memory_format(model, how), input_dims(model)
    model.to(where, memory_format=layout).eval()
    scores, labels, rows = [], [], []
    with tqdm(total=len(dataset), unit="clip", disable=not progress, desc="evaluate") as bar:
        for clips, label, row in loader:
            with autocast(where, how):
                logits = model(to_input(clips.to(where), dataset.spec, dims=dims, layout=layout))
            scores.append(logits.float().softmax(1).cpu().numpy())
            labels.append(label.numpy())
            rows.append(row.numpy())
            bar.update(len(label))
    score, label, row = (np.concatenate(each) for each in (scores, labels, rows))
    counts = np.ones(len(row), dtype=np.int64)
    if level == "video":
        row, first, group, counts = np.unique(row, return_index=True, return_inverse=True, return_counts=True)
        sums = np.zeros((len(row), score.shape[1]), dtype=np.float64)
        np.add.at(sums, group, score)
        score, label = (sums / counts[:, None]).astype(np.float32), label[first]
    videos = tuple(str(v) for v in dataset.table["video"].to_numpy()[row])
    return Predictions(videos, label.astype(np.int64), score, counts.astype(np.int64), tuple(dataset.classes), level)
