"""Trainings whose gap is known to the point: what the tests of the dashboard draw."""

import math

from labkit.records import History, Training

NAN = math.nan


def history(points, *, clips=10, lost_at=None, level="clip", every=1):
    """A history with the training and validation accuracies `points` in percent, an epoch each; from `lost_at` on, NaN."""
    rows = []
    for epoch, (train, val) in enumerate(points, start=1):
        lost = lost_at is not None and epoch >= lost_at
        measures = epoch % every == 0 or epoch == len(points)
        loss = NAN if lost else 1.0
        common = {"run": "run", "epoch": epoch, "level": level, "top5": NAN, "lr": 0.1, "seconds": 1.0}
        rows.append(
            {
                **common,
                "split": "train",
                "clips": clips,
                "loss": loss if measures else NAN,
                "top1": train / 100 if measures else NAN,
                "live_loss": loss,
                "live_top1": train / 100,
            }
        )
        if measures:
            rows.append({**common, "split": "val", "clips": 5, "loss": loss, "top1": val / 100})
    return History.of(rows)


def training(name, points, *, diverged=False, clips=10, lost_at=None, every=1, **parameters):
    return Training(name, parameters, history(points, clips=clips, lost_at=lost_at, every=every), diverged)


def small_and_wide():
    """Two sizes, two widths and three seeds, of two epochs: no gap after the first."""
    return [
        training(
            f"{clips}-{width}-{seed}",
            [(50, 50), (100, 100 - gap - seed - width // 8)],
            clips=clips,
            width=width,
            seed=seed,
        )
        for clips, gap in ((40, 60), (2000, 5))
        for width in (8, 16)
        for seed in range(3)
    ]
