"""What decides the result of a training, beside the model and the data: a run goes on with the same settings alone."""

from dataclasses import dataclass

from labkit.training.measuring import Statistics
from labkit.training.protocol import Protocol


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Kept in a checkpoint, and compared when a run goes on."""

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
        """What a protocol says, and what `fit` was given beside it. `batch_size` is the one that the clips suffice for."""
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
