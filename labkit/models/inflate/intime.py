"""The choice that is made for each layer."""

from dataclasses import dataclass

from labkit.models.inflate.conv import Placement, TimePadding, check_choices


@dataclass(frozen=True)
class InTime:
    """The kernel, stride and padding of one layer in time.

    `placement` and `padding` are for convolutions; None takes the argument of `inflate`. `padding="none"` pads nothing:
    `kernel - 1` fewer frames come out. Raises `ValueError` for values that no layer can take.
    """

    kernel: int | None = 1  # frames that it reads at once; None: all frames, as a global pool does
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
