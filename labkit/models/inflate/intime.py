"""The choice that is made for each layer."""

from dataclasses import dataclass

from labkit.models.inflate.conv import Placement, TimePadding


@dataclass(frozen=True)
class InTime:
    """What one layer does in time.

    `placement` and `padding` are of convolutions; None takes what `inflate` was given. `padding="none"` pads nothing:
    `kernel - 1` fewer frames come out.
    """

    kernel: int | None = 1  # frames that it reads at once; None: all there are, as a global pool does
    stride: int = 1  # frames from one output to the next
    placement: Placement | None = None
    padding: TimePadding | None = None
