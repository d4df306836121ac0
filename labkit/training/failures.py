"""Trainings that fail: a loss that is not a number, and a batch that needs more memory than there is."""

import gc
import math
import re
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import psutil
import torch
from torch import Tensor, nn

from labkit.records import History

SIGNS = ("DefaultCPUAllocator", "out of memory")  # what torch says on each device
BETWEEN_LOOKS = 20  # updates, where looking at a loss waits for the device


class DivergedError(ArithmeticError):
    """A loss became NaN or infinite, and the training stopped. `history` holds the epochs before, `videos` the batch.

    `folder` holds the last checkpoint whose weights are all finite, if a folder was given and one was written.
    """

    def __init__(self, message: str, history: History, videos: tuple[str, ...], folder: Path | None) -> None:
        super().__init__(message)
        self.history, self.videos, self.folder = history, videos, folder


class TooLittleMemoryError(MemoryError):
    """A batch does not fit the memory of the device. The message says how much there is and what to lower."""


class LossWatch:
    """Looks at each loss of a training: at once on a CPU, at several together on a device that would have to wait.

    `fail(what, update, rows)` is called, and must raise, for the first loss that is NaN or infinite.
    """

    def __init__(self, device: torch.device, fail: Callable[[str, int, Sequence[int]], NoReturn]) -> None:
        self.every = 1 if device.type == "cpu" else BETWEEN_LOOKS
        self.fail = fail
        self.waiting: list[tuple[Tensor, int, Tensor]] = []

    def add(self, loss: Tensor, update: int, rows: Tensor) -> None:
        """A loss, the number of its update, and the rows of the dataset in its batch."""
        self.waiting.append((loss.detach(), update, rows))
        if len(self.waiting) >= self.every:
            self.look()

    def look(self) -> None:
        """Look at the losses that wait."""
        waiting, self.waiting = self.waiting, []
        losses = torch.stack([loss for loss, _, _ in waiting]).tolist() if waiting else []
        for value, (_, update, rows) in zip(losses, waiting, strict=True):
            if not math.isfinite(value):
                self.fail(f"the loss is {value}", update, rows.tolist())


def is_finite(model: nn.Module) -> bool:
    """Whether no weight or statistic of the model is NaN or infinite."""
    return all(bool(value.isfinite().all()) for value in model.state_dict().values() if value.is_floating_point())


def videos_of(dataset: Any, rows: Sequence[int]) -> tuple[str, ...]:
    """The videos of these rows of the dataset's table, each once; the numbers of the rows where there is no table."""
    table = getattr(dataset, "table", None)
    names = [f"row {row}" for row in rows] if table is None else table["video"].iloc[list(rows)]
    return tuple(dict.fromkeys(str(name) for name in names))


@contextmanager
def enough_memory(asked: str, device: torch.device, *, advice: str) -> Iterator[None]:
    """Inside, a failed allocation becomes a `TooLittleMemoryError`, and the memory of the attempt is given back.

    `asked` describes the computation, `advice` says what to lower.
    """
    said = ""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        said = _allocation(error)
        if not said:
            raise
        # The traceback holds the frames of the attempt, and these hold its tensors.
        traceback.clear_frames(error.__traceback__)
    if said:
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()
        raise TooLittleMemoryError(
            f"{asked} needs more memory than {device} has ({_memory(device)}). {said} {advice}"
        ) from None


def _allocation(error: RuntimeError | MemoryError) -> str:
    """The size of the allocation that failed, in one sentence; empty for another error."""
    text = str(error)
    if isinstance(error, TooLittleMemoryError):  # it says more already
        return ""
    if isinstance(error, MemoryError):  # NumPy's and Python's own: NumPy says how much it wanted
        return f"{text or 'Memory ran out'}."
    if not isinstance(error, torch.OutOfMemoryError) and not any(sign in text for sign in SIGNS):
        return ""
    found = re.search(r"tried to allocate ([\d.]+) (\w+)", text, re.IGNORECASE)
    if found is None:
        return "Memory ran out."
    number, unit = found.groups()
    asked = f"{int(number) / 2**30:,.1f} GiB" if unit == "bytes" else f"{number} {unit}"
    return f"The piece that did not fit is {asked}."


def _memory(device: torch.device) -> str:
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
    else:
        memory = psutil.virtual_memory()
        free, total = memory.available, memory.total
    return f"{total / 2**30:.1f} GiB, {free / 2**30:.1f} GiB of them free"
