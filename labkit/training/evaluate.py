"""Predictions of a trained model, per clip or per video: `evaluate`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from labkit.bars import tqdm
from labkit.records import Level, Predictions
from labkit.training.batches import EpochBatches, Reading, living_readers, make_loader
from labkit.training.checks import check_dataset, check_evaluation
from labkit.training.device import Precision, memory_format, pick_device, pick_precision
from labkit.training.failures import enough_memory
from labkit.training.meter import Forward
from labkit.training.ranks import these_processes
from labkit.training.stages import evaluating


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
    """Class scores (softmax) of every clip, or of every video: the mean of the scores of its clips.

    Hara et al. 2018, section 3.3, score a video by non-overlapping windows that cover it: give a dataset whose sampling
    is `"windows"`, with `leftover="drop one"` to the letter of their code. Carreira and Zisserman 2017 run the network
    over the whole video at once: sampling `"whole"`, which goes video by video. `docs/protocols.md` has the
    other differences. A row of `dataset.table` counts as one video. The model is put into evaluation mode, and each of its layers
    back into its own mode; in `nn.DataParallel` or from `torch.compile` it is called as it is.

    Clips that cannot be read are left out with a warning that counts them, and a video without any has no row; with a
    dataset of `on_error="raise"`, the first raises `VideoError`.

    Under `torchrun`, call it in every process: each scores its own part of the clips, and all get all predictions.

    Raises `ValueError` for a dataset whose classes or clips do not fit the model, for video level over random clips, and
    as soon as an answer is NaN; `TooLittleMemoryError` where a batch does not fit the device; `ReaderDiedError`
    where a worker that reads clips has died.
    """
    both = evaluate_both(
        model,
        dataset,
        levels=(level,),
        device=device,
        batch_size=batch_size,
        workers=workers,
        precision=precision,
        progress=progress,
    )
    return both[level]


def evaluate_both(
    model: nn.Module,
    dataset: Any,
    *,
    levels: Sequence[Level] = ("clip", "video"),
    device: str = "auto",
    batch_size: int = 32,
    workers: int = 0,
    precision: Precision = "auto",
    progress: bool = True,
) -> dict[Level, Predictions]:
    """The predictions of `evaluate` at several levels, `{"clip": ..., "video": ...}`, from one pass over the videos."""
    for level in levels:
        check_evaluation(dataset, level)
    if getattr(dataset, "sampling", "") == "whole":
        batch_size = 1
    where = pick_device(device)
    how = pick_precision(precision, where)
    with evaluating(model):
        check_dataset(model, dataset, "dataset", batch_size=batch_size)
        shown = levels[-1] if progress else ""
        score, label, row = _scores(model, dataset, batch_size, workers, where, how, shown)
    return {level: _at(level, dataset, score, label, row) for level in levels}


def _at(level: Level, dataset: Any, score: np.ndarray, label: np.ndarray, row: np.ndarray) -> Predictions:
    """Predictions at this level from the scores `(N, K)`, labels and rows of all clips."""
    counts = np.ones(len(row), dtype=np.int64)
    if level == "video":
        score, label, row, counts = mean_by_row(score, label, row)
    return Predictions(_videos(dataset, row), label.astype(np.int64), score, counts, tuple(dataset.classes), level)


def _scores(
    model: nn.Module, dataset: Any, batch_size: int, workers: int, where: torch.device, how: str, shown: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores `(N, K)`, label and row of every clip that can be read; `shown` is the level, for the progress bar."""
    model.to(where).to(memory_format=memory_format(model, how))
    forward = Forward(model, dataset, device=where, precision=how)
    crew = these_processes(where)
    batches = EpochBatches(len(dataset), batch_size, shuffle=False, share=crew)
    scores = [np.empty((0, len(dataset.classes)), np.float32)]
    labels, rows = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    own = sum(len(batch) for batch in batches)
    bar = tqdm(total=own, unit="clip", disable=not (shown and crew.first), desc=f"evaluate, {shown} level")
    reading = Reading(dataset)
    asked = f"evaluate: a batch of {batch_size} clips"
    with torch.no_grad(), bar, living_readers():
        for clips, answers, of_rows in reading.of(make_loader(dataset, batches, workers=workers, device=where)):
            with enough_memory(asked, where, advice="Lower batch_size, or evaluate shorter or smaller clips"):
                scores.append(forward(clips).softmax(1).cpu().numpy())
            _check_answers(scores[-1], of_rows.numpy(), dataset)
            labels.append(answers.numpy())
            rows.append(of_rows.numpy())
            bar.update(len(answers))
    score, label, row = (crew.gathered(np.concatenate(each)) for each in (scores, labels, rows))
    reading.check(len(row))
    reading.warn("evaluate")
    return score, label, row


def _videos(dataset: Any, rows: np.ndarray) -> tuple[str, ...]:
    return tuple(str(video) for video in dataset.table["video"].to_numpy()[rows])


def _check_answers(scores: np.ndarray, rows: np.ndarray, dataset: Any) -> None:
    lost = np.isnan(scores).any(axis=1)
    if lost.any():
        raise ValueError(
            f"the model's answer is NaN for {lost.sum()} of {len(lost)} clips, of {_videos(dataset, rows[lost])[0]} first: "
            "it has no accuracy. Its training has failed, or its numbers are too large for this precision"
        )


def mean_by_row(
    scores: np.ndarray, labels: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The mean of the `scores` `(N, K)` of each row, its label, its number, and how many clips it had."""
    row, first, group, counts = np.unique(rows, return_index=True, return_inverse=True, return_counts=True)
    sums = np.zeros((len(row), scores.shape[1]))  # float64: a long video has many clips
    np.add.at(sums, group, scores)
    return (sums / counts[:, None]).astype(np.float32), labels[first], row, counts.astype(np.int64)
