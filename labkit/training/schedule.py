"""Learning-rate schedules as a table: a name, a description, and the way torch builds it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
)

from labkit.names import meant_or_all

ScheduleName = Literal["plateau", "onecycle", "constant", "cosine", "warmup", "steps"]
WARM = 0.05  # share of the updates in which the rate rises
STEPS = (97 / 115, 108 / 115)  # shares of the updates after which the rate is divided


@dataclass(frozen=True)
class Schedule:
    """One way to change the learning rate while training."""

    summary: str
    source: str
    build: Callable[[Optimizer, float, int], LRScheduler]  # (optimiser, lr, updates in all)
    every: Literal["update", "epoch"]  # when it steps
    needs_length: bool = False  # its rates depend on the number of updates, which then belongs to the settings


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
    "cosine": Schedule(
        "lr at first, then down to nothing along a cosine",
        "Loshchilov and Hutter 2017, without restarts",
        lambda optimiser, lr, updates: CosineAnnealingLR(optimiser, T_max=updates),
        every="update",
        needs_length=True,
    ),
    "warmup": Schedule(
        "from a tenth of lr up to lr in the first 5 % of the updates, then down to nothing along a cosine",
        "Goyal et al. 2017, section 2.2, for the warm-up",
        lambda optimiser, lr, updates: _warm_then_cosine(optimiser, updates),
        every="update",
        needs_length=True,
    ),
    "steps": Schedule(
        "lr, divided by 10 after 84 % of the updates and again after 94 %",
        "README of the published code of Carreira and Zisserman 2017: after 97k and 108k of 115k steps",
        lambda optimiser, lr, updates: MultiStepLR(optimiser, [round(updates * share) for share in STEPS]),
        every="update",
        needs_length=True,
    ),
    "constant": Schedule(
        "lr, from beginning to end",
        "",
        lambda optimiser, lr, updates: ConstantLR(optimiser, factor=1.0),
        every="epoch",
    ),
}


def _warm_then_cosine(optimiser: Optimizer, updates: int) -> LRScheduler:
    warm = max(1, round(WARM * updates))
    rise = LinearLR(optimiser, start_factor=0.1, total_iters=warm)
    fall = CosineAnnealingLR(optimiser, T_max=max(1, updates - warm))
    return SequentialLR(optimiser, [rise, fall], milestones=[warm])


def find_schedule(name: str) -> Schedule:
    """A row of `SCHEDULES`. Raises `ValueError`, naming the nearest, for an unknown name."""
    if name not in SCHEDULES:
        raise ValueError(f"unknown schedule {name!r}{meant_or_all(name, SCHEDULES)}")
    return SCHEDULES[name]


def step(scheduler: LRScheduler, loss: float | None) -> None:
    """One step. A plateau is judged by `loss`; without a loss (no validation this epoch) it waits."""
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
