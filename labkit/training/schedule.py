"""Learning-rate schedules as a table: name, what it is, and how torch builds it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ConstantLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

from labkit.names import meant_or_all

ScheduleName = Literal["plateau", "onecycle", "constant"]


@dataclass(frozen=True)
class Schedule:
    """One way to change the learning rate while training."""

    summary: str
    source: str
    build: Callable[[Optimizer, float, int], LRScheduler]  # (optimiser, lr, updates in all)
    every: Literal["update", "epoch"]  # when it steps
    needs_length: bool = False  # its rates depend on the number of updates, which so belongs to the settings


SCHEDULES: Mapping[str, Schedule] = {
    "plateau": Schedule(
        "lr, divided by 10 when the validation loss has not fallen for 10 epochs",
        "Hara et al. 2018, section 3.3; the patience of 10 is in the published code",
        lambda optimiser, lr, updates: ReduceLROnPlateau(optimiser, "min", factor=0.1, patience=10),
        every="epoch",
    ),
    "onecycle": Schedule(
        "up to lr in the first 30 % of the updates, then down to almost nothing along a cosine",
        "Smith and Topin 2019; momentum stays constant here",
        # A cycle of one update would be its last one, at a rate of nothing.
        lambda optimiser, lr, updates: OneCycleLR(optimiser, lr, total_steps=max(2, updates), cycle_momentum=False),
        every="update",
        needs_length=True,
    ),
    "constant": Schedule(
        "lr, all the way",
        "",
        lambda optimiser, lr, updates: ConstantLR(optimiser, factor=1.0),
        every="epoch",
    ),
}


def find_schedule(name: str) -> Schedule:
    """A row of `SCHEDULES`. Raises `ValueError`, naming the nearest, for one that is not there."""
    if name not in SCHEDULES:
        raise ValueError(f"unknown schedule {name!r}{meant_or_all(name, SCHEDULES)}")
    return SCHEDULES[name]


def step(scheduler: LRScheduler, loss: float | None) -> None:
    """One step; `loss` is what a plateau is judged by. Without one (no validation this epoch) a plateau waits."""
    if not isinstance(scheduler, ReduceLROnPlateau):
        scheduler.step()
    elif loss is not None:
        scheduler.step(loss)


def learning_rates(name: str, *, lr: float, updates: int) -> list[float]:
    """The rate of each update of a schedule that steps by updates, for a picture; constant ones repeat `lr`."""
    import torch

    schedule = find_schedule(name)
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler: Any = schedule.build(optimiser, lr, updates)
    rates = []
    for _ in range(updates):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        if schedule.every == "update":
            scheduler.step()
    return rates
