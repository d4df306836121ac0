"""TensorBoard beside the history: the same numbers, written through accelerate as the epochs end. Off by default.

`fit(..., tensorboard=True)` writes one; `labkit run --tensorboard` lets every `fit` of a notebook write one."""

import math
import os
import re
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import is_tensorboard_available

FOLDER = "tensorboard"
SWITCH = "LABKIT_TENSORBOARD"  # set by `labkit run --tensorboard` in the kernel's environment: the run's folder
SHOWN = ("loss", "top1", "top5", "live_loss", "live_top1", "lr", "seconds")


def board_folder(wanted: bool | None, folder: str | Path | None, name: str) -> Path | None:
    """The folder in which the board of a training is made; None for no board.

    `wanted` None: a board if `labkit run --tensorboard` started this notebook. A training without a folder of its own then
    writes to a new one, named after the training, in the run's folder.

    Raises `ValueError` for `wanted` without a folder, `ModuleNotFoundError` without the package.
    """
    run = os.environ.get(SWITCH, "") if wanted is None else ""
    if not (wanted or run):
        return None
    if wanted and folder is None:
        raise ValueError("tensorboard=True needs a folder to write to: fit(..., folder=...)")
    check_package()
    return Path(folder) if folder is not None else _new_folder(Path(run) / FOLDER, name)


def check_package() -> None:
    """Raises `ModuleNotFoundError` without a package that writes boards."""
    if not is_tensorboard_available():
        raise ModuleNotFoundError("TensorBoard needs the package tensorboard: pip install tensorboard")


def _new_folder(home: Path, name: str) -> Path:
    """A folder that does not exist yet, its name from letters and digits that every system takes."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "training"
    return next(path for n in count(1) if not (path := home / f"{stem}-{n}").exists())


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
