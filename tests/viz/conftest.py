"""Small records that every figure's test draws."""

from collections.abc import Callable

import numpy as np
import pytest

from labkit.records import History, Predictions

NASTY = ("<b>bold</b>", "<script>alert(1)</script>", "a & b")


def history(seed: int = 0, *, epochs: int = 5, levels: tuple[str, str] = ("clip", "clip")) -> History:
    rng = np.random.default_rng(seed)
    rows = [
        {
            "run": f"seed {seed}",
            "epoch": epoch,
            "split": split,
            "level": level,
            "loss": float(3 / epoch + rng.random()),
            "top1": float(min(1.0, rate * epoch + 0.05 * rng.random())),
            "top5": 0.9,
            "lr": 0.1,
            "seconds": 1.0,
            "clips": 10,
        }
        for epoch in range(1, epochs + 1)
        for split, rate, level in (("train", 0.18, levels[0]), ("val", 0.1, levels[1]))
    ]
    return History.of(rows)


@pytest.fixture
def make_history() -> Callable[..., History]:
    """`make_history(seed, epochs=5, levels=(train, val))`: a run whose training accuracy outgrows its validation."""
    return history


@pytest.fixture
def predictions() -> Predictions:
    """Three classes with 4, 2 and 0 videos, and one video of unknown class: 2 of 4 and 2 of 2 right."""
    answers, labels = [0, 0, 1, 1, 1, 1, 2], [0, 0, 0, 0, 1, 1, -1]
    scores = np.full((7, 3), 0.1, np.float32)
    scores[np.arange(7), answers] = 0.8
    return Predictions(
        videos=tuple(f"v{i}" for i in range(7)),
        labels=np.array(labels),
        scores=scores,
        clips=np.full(7, 4),
        classes=NASTY,
        level="video",
    )
