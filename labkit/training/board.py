"""TensorBoard beside the history: the same numbers, written through accelerate as the epochs end. Off by default."""

import math
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from accelerate import Accelerator

FOLDER = "tensorboard"
SHOWN = ("loss", "top1", "top5", "live_loss", "live_top1", "lr", "seconds")


def check_board(wanted: bool, folder: str | Path | None) -> None:
    """Raises `ValueError` for a board without a folder, `ModuleNotFoundError` without the package."""
    if wanted and folder is None:
        raise ValueError("tensorboard=True needs a folder to write to: fit(..., folder=...)")
    if wanted and not (find_spec("tensorboard") or find_spec("tensorboardX")):
        raise ModuleNotFoundError("tensorboard=True needs the package tensorboard: pip install tensorboard")


def open_board(accelerator: Accelerator, *, epoch: int) -> None:
    """Begin to write, if `accelerator` has a board. Curves that an earlier run wrote from `epoch` on are taken back."""
    if accelerator.log_with:
        accelerator.init_trackers(FOLDER, init_kwargs={"tensorboard": {"purge_step": epoch}})


def write_board(accelerator: Accelerator, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows of the history as curves such as `val/top1` over epochs. Values that were not measured (NaN) are left out."""
    for row in rows:
        values = {f"{row['split']}/{name}": row[name] for name in SHOWN if math.isfinite(row.get(name, math.nan))}
        accelerator.log(values, step=row["epoch"])


def close_board(accelerator: Accelerator) -> None:
    """Write the rest. accelerate's `end_training` would also end the connection of the processes."""
    for tracker in accelerator.trackers:
        tracker.finish()
