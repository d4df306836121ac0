"""TensorFlow's SAME padding for PyTorch: convolutions and max-pools whose output has `ceil(n / stride)` positions.

I3D was written for TensorFlow, which computes the padding from the input's size when the layer runs:

    total  = max(k - s, 0)        where the size n divides by the stride s
             max(k - n % s, 0)    elsewhere
    front  = total // 2           behind = total - front, so an odd one goes behind

    n = 8, k = 7, s = 2           0 0 [1 2 3 4 5 6 7 8] 0 0 0

PyTorch's `padding=` is the same in front and behind, and so reads other positions: `padding=3` in the picture above
would shift every window by one. Weights trained with one padding give wrong logits with the other.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

Pads = tuple[tuple[int, int], ...]  # (front, behind) for each dimension, in the order T, H, W


def same_padding(size: Sequence[int], kernel: Sequence[int], stride: Sequence[int]) -> Pads:
    """`(front, behind)` for each dimension of `size`, as TensorFlow pads it. See the picture at the top."""
    totals = [max(k - s, 0) if n % s == 0 else max(k - n % s, 0) for n, k, s in zip(size, kernel, stride, strict=True)]
    return tuple((total // 2, total - total // 2) for total in totals)


def _pad_behind(x: Tensor, amounts: Sequence[int], value: float) -> Tensor:
    """`x` with so many positions more at the end of each dimension after the channels; `x` itself for none."""
    if not any(amounts):
        return x
    return F.pad(x, [each for amount in reversed(amounts) for each in (0, amount)], value=value)


class _SameConv(nn.modules.conv._ConvNd):
    """The common part of both convolutions. They take no `padding`: it follows from the input's size."""

    def _padded(self, x: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        """The input, padded behind where that side gets more, and the padding that the convolution adds on both sides.

        Only an uneven padding costs a copy of the input.
        """
        reach = [(k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation, strict=True)]
        pads = same_padding(x.shape[2:], reach, self.stride)
        return _pad_behind(x, [behind - front for front, behind in pads], 0.0), tuple(front for front, _ in pads)


class SameConv2d(_SameConv, nn.Conv2d):
    """`nn.Conv2d` with TensorFlow's SAME padding: zeros, counted from the size of the input."""

    def forward(self, x: Tensor) -> Tensor:
        """`(B, C, H, W)` to `(B, out, H/s, W/s)`, sizes rounded up."""
        x, padding = self._padded(x)
        return F.conv2d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class SameConv3d(_SameConv, nn.Conv3d):
    """`nn.Conv3d` with TensorFlow's SAME padding: zeros, counted from the size of the input."""

    def forward(self, x: Tensor) -> Tensor:
        """`(B, C, T, H, W)` to `(B, out, T/s, H/s, W/s)`, sizes rounded up."""
        x, padding = self._padded(x)
        return F.conv3d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class _SameMaxPool(nn.modules.pooling._MaxPoolNd):
    """The common part of both max-pools. Padding never wins, as in TensorFlow: it counts as minus infinity, not as zero.

    PyTorch ports of I3D pad zeros here. After a ReLU both are the same, since no value is below zero and no window
    is padding alone.
    """

    def __init__(self, kernel_size: int | tuple[int, ...], stride: int | tuple[int, ...] | None = None) -> None:
        super().__init__(kernel_size, stride)

    def _sizes(self, dims: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        kernel, stride = self.kernel_size, self.stride
        return (
            kernel if isinstance(kernel, tuple) else (kernel,) * dims,
            stride if isinstance(stride, tuple) else (stride,) * dims,
        )

    def _padded(self, x: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        """The input, and the padding that the pool adds in front.

        With `ceil_mode` the last window may hang over the end, which is what SAME adds behind: no copy. Only an even
        kernel with stride 1 needs one position more.
        """
        kernel, stride = self._sizes(x.ndim - 2)
        pads = same_padding(x.shape[2:], kernel, stride)
        missing = [behind - front if s == 1 else 0 for (front, behind), s in zip(pads, stride, strict=True)]
        return _pad_behind(x, missing, float("-inf")), tuple(front for front, _ in pads)


class SameMaxPool2d(_SameMaxPool, nn.MaxPool2d):
    """`nn.MaxPool2d` with TensorFlow's SAME padding, which never wins."""

    def forward(self, x: Tensor) -> Tensor:
        """`(B, C, H, W)` to `(B, C, H/s, W/s)`, sizes rounded up."""
        x, padding = self._padded(x)
        return F.max_pool2d(x, self.kernel_size, self.stride, padding, ceil_mode=True)


class SameMaxPool3d(_SameMaxPool, nn.MaxPool3d):
    """`nn.MaxPool3d` with TensorFlow's SAME padding, which never wins."""

    def forward(self, x: Tensor) -> Tensor:
        """`(B, C, T, H, W)` to `(B, C, T/s, H/s, W/s)`, sizes rounded up."""
        x, padding = self._padded(x)
        return F.max_pool3d(x, self.kernel_size, self.stride, padding, ceil_mode=True)
