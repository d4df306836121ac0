"""The choice that is made for each layer."""

from dataclasses import dataclass

from labkit.models.inflate.conv import Placement, TimePadding, check_choices


@dataclass(frozen=True)
class InTime:
    """What one layer does in time.

    `placement` and `padding` are of convolutions; None takes what `inflate` was given. `padding="none"` pads nothing:
    `kernel - 1` fewer frames come out. Raises `ValueError` for what no layer can do.
    """

    kernel: int | None = 1  # frames that it reads at once; None: all there are, as a global pool does
    stride: int = 1  # frames from one output to the next
    placement: Placement | None = None
    padding: TimePadding | None = None

    def __post_init__(self) -> None:
        sizes = (self.stride,) if self.kernel is None else (self.kernel, self.stride)
        if not all(isinstance(size, int) and size >= 1 for size in sizes):
            raise ValueError(
                f"kernel and stride in time must be whole numbers from 1, not {self.kernel}, {self.stride}"
            )
        check_choices(placement=self.placement or "mean", time_padding=self.padding or "replicate")
