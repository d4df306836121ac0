"""The settings of a training: with the model and the data they decide its result, so a run must go on with the same ones."""

from dataclasses import dataclass
from typing import Literal, get_args

from labkit.training.protocol import Protocol

Statistics = Literal["fresh", "running"]  # of batch norms, where they are measured: `labkit.training.measuring`


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings as a checkpoint keeps them. They are compared when a run goes on."""

    protocol: str | None
    batch_size: int
    lr: float
    momentum: float
    dampening: float
    nesterov: bool
    weight_decay: float
    schedule: str
    label_smoothing: float
    clip_gradients: float | None
    trained: str | None
    seed: int
    precision: str
    val_every: int
    statistics: Statistics

    @classmethod
    def of(
        cls, protocol: Protocol, *, batch_size: int, seed: int, precision: str, val_every: int, statistics: Statistics
    ) -> "Settings":
        """The settings of a protocol and of `fit`. `batch_size` is at most the number of clips."""
        return cls(
            protocol=protocol.name or None,
            batch_size=batch_size,
            lr=protocol.lr,
            momentum=protocol.momentum,
            dampening=protocol.damping,
            nesterov=protocol.nesterov,
            weight_decay=protocol.weight_decay,
            schedule=protocol.schedule,
            label_smoothing=protocol.label_smoothing,
            clip_gradients=protocol.clip_gradients,
            trained=protocol.trained,
            seed=seed,
            precision=precision,
            val_every=val_every,
            statistics=statistics,
        )


def check_statistics(statistics: str) -> None:
    """Raises `ValueError` for an unknown choice."""
    if statistics not in get_args(Statistics):
        raise ValueError(f"unknown statistics {statistics!r}: choose from {', '.join(get_args(Statistics))}")
