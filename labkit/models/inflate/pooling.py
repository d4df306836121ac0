"""Pools that read real frames only: where a window hangs over the clip's end, the end is repeated.

A max over repeated frames equals that of `nn.MaxPool3d`, whose padding never wins. A mean over repeated frames of a
boring video is the image's mean. T frames become T over the stride, rounded up, as in the convolutions: `nn.MaxPool3d`
would give one fewer for an even kernel, none at all for T = 1, and one more with `ceil_mode`.
"""

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from labkit.models.inflate.conv import pad_time


def _repeat_ends(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Exactly the frames that T/s windows read. The smaller half of the missing frames is added in front."""
    before = (kernel - 1) // 2
    wanted = ((x.shape[2] - 1) // stride) * stride + kernel
    return pad_time(x, before, wanted - x.shape[2] - before)


class TimePaddedMaxPool3d(nn.MaxPool3d):
    """`nn.MaxPool3d` that repeats the first and the last frame; its `padding` is of space alone."""

    kernel_size: Any
    stride: Any

    def forward(self, input: Tensor) -> Tensor:
        """`(B, C, T, H, W)` to `(B, C, T/s, H', W')`, the number of frames rounded up."""
        return super().forward(_repeat_ends(input, self.kernel_size[0], self.stride[0]))


class TimePaddedAvgPool3d(nn.Module):
    """The 2D pool on every frame, then the mean of `kernel` frames, the clip's ends repeated (`repeat=False`: not).

    Not `nn.AvgPool3d`: it refuses a map that is smaller than its kernel without the padding, and has one `ceil_mode`
    for space and time.
    """

    def __init__(self, pool: nn.AvgPool2d, kernel: int, stride: int, *, repeat: bool = True) -> None:
        super().__init__()
        self.pool, self.kernel, self.stride, self.repeat = pool, kernel, stride, repeat

    def forward(self, input: Tensor) -> Tensor:
        """`(B, C, T, H, W)` to `(B, C, T/s, H', W')`, the number of frames rounded up."""
        x = self.pool(input.flatten(1, 2)).unflatten(1, input.shape[1:3])  # every channel of every frame by itself
        if self.repeat:
            x = _repeat_ends(x, self.kernel, self.stride)
        return F.avg_pool3d(x, (self.kernel, 1, 1), (self.stride, 1, 1)) if max(self.kernel, self.stride) > 1 else x

    def extra_repr(self) -> str:
        """What `print(network)` shows in the brackets."""
        return f"kernel={self.kernel}, stride={self.stride} in time"
