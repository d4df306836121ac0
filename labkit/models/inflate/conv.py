"""One convolution: its weights in time, and the padding in time that keeps a boring video equal to its image.

An N×N kernel becomes t×N×N. With its weights repeated t times and divided by t, every frame of a boring video gives
the output of the image: t times W/t times the same pixel (Carreira & Zisserman, CVPR 2017, section 2.4).

That holds inside the clip. At its ends the padding decides. With zeros in time the sum misses the padded frames;
`replicate` repeats the first and the last frame, and the equality holds everywhere. Replication is in time only: in
height and width the 3D network pads with zeros, as the 2D network does.
"""

from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Placement = Literal["mean", "centre"]
TimePadding = Literal["replicate", "zeros", "none"]
_PADDINGS = {"replicate": "replicate", "zeros": "constant"}  # ours -> F.pad's


def pad_time(x: Tensor, before: int, after: int, time_padding: TimePadding = "replicate") -> Tensor:
    """`(B, C, T, H, W)` with so many frames more in front and behind; a negative `after` leaves the last ones out."""
    if after < 0:
        x, after = x[:, :, :after], 0
    if before == after == 0:
        return x
    return F.pad(x, (0, 0, 0, 0, before, after), mode=_PADDINGS[time_padding])


class TimePaddedConv3d(nn.Conv3d):
    """A 3D convolution that pads time by itself: `before` and `after` frames, repeated or zero.

    `nn.Conv3d(padding_mode="replicate")` would replicate height and width too, which the 2D network did not; and an
    even kernel needs unequal numbers before and after. Tensor names and shapes are those of `nn.Conv3d`.
    """

    def __init__(self, *args: Any, before: int, after: int, time_padding: TimePadding, **options: Any) -> None:
        super().__init__(*args, **options)
        self.before, self.after, self.time_padding = before, after, time_padding

    def forward(self, input: Tensor) -> Tensor:  # called so in nn.Conv2d, and by its name in some networks
        """`(B, C, T, H, W)` to `(B, O, T/s, H', W')`, the number of frames rounded up."""
        return super().forward(pad_time(input, self.before, self.after, self.time_padding))

    def extra_repr(self) -> str:
        """What `print(network)` shows in the brackets."""
        return f"{super().extra_repr()}, time_padding={self.time_padding} ({self.before}, {self.after})"


def inflate_weight(weight: Tensor, frames: int, placement: Placement = "mean") -> Tensor:
    """`(O, I, H, W)` to `(O, I, frames, H, W)`: repeated and divided by `frames` (`mean`), or in the middle slice alone.

    Both sum to the 2D weight over time. `mean` is I3D's: it averages frames; `centre` starts as the 2D network on
    every frame, the other slices at zero.
    """
    if placement == "mean":
        return (weight / frames).unsqueeze(2).repeat(1, 1, frames, 1, 1)
    inflated = weight.new_zeros((*weight.shape[:2], frames, *weight.shape[2:]))
    inflated[:, :, (frames - 1) // 2] = weight  # the slice that meets the output's own frame, see the padding below
    return inflated


def inflate_conv(
    conv2d: nn.Conv2d,
    frames: int,
    *,
    placement: Placement = "mean",
    time_stride: int = 1,
    time_padding: TimePadding = "replicate",
) -> nn.Conv3d:
    """The 3D convolution whose output for a boring video equals that of `conv2d` for the image.

    `frames` is the kernel's length in time; `frames - 1` frames are padded, the smaller half in front, so that T
    frames become T over `time_stride`, rounded up. With `time_padding="none"` they are not, and `frames - 1` fewer
    come out. Bias, groups, dilation, spatial stride and padding are kept; device, dtype and `requires_grad` too.

    Raises `ValueError` for an unknown choice, and for a convolution that pads space with anything but zeros.
    """
    check_choices(placement=placement, time_padding=time_padding)
    if frames < 1 or time_stride < 1:
        raise ValueError(f"frames and time_stride must be at least 1, not {frames} and {time_stride}")
    check_space(conv2d)
    total = 0 if time_padding == "none" else frames - 1
    before = total // 2
    after = total - before
    by_itself = before != after or (time_padding == "replicate" and total > 0)
    options: dict[str, Any] = {
        "in_channels": conv2d.in_channels,
        "out_channels": conv2d.out_channels,
        "kernel_size": (frames, *conv2d.kernel_size),
        "stride": (time_stride, *conv2d.stride),
        "padding": (0 if by_itself else before, *_spatial_padding(conv2d)),
        "dilation": (1, *conv2d.dilation),
        "groups": conv2d.groups,
        "bias": conv2d.bias is not None,
        "device": "meta",  # its own weights would be drawn only to be thrown away
    }
    conv3d = (
        TimePaddedConv3d(**options, before=before, after=after, time_padding=time_padding)
        if by_itself
        else nn.Conv3d(**options)
    )
    set_weights(conv3d, conv2d, frames, placement)
    return conv3d


def set_weights(conv3d: nn.Module, conv2d: nn.Conv2d, frames: int, placement: Placement) -> None:
    """Give `conv3d` the inflated weights and the bias of `conv2d`: own tensors, trainable where the old ones were."""
    with torch.no_grad():
        weight = inflate_weight(conv2d.weight, frames, placement).contiguous()
        conv3d.weight = nn.Parameter(weight, requires_grad=conv2d.weight.requires_grad)
        if conv2d.bias is not None:
            conv3d.bias = nn.Parameter(conv2d.bias.clone(), requires_grad=conv2d.bias.requires_grad)


def check_choices(*, placement: str, time_padding: str) -> None:
    """Raises `ValueError` for an unknown placement or padding."""
    if placement not in get_args(Placement):
        raise ValueError(f"placement must be 'mean' or 'centre', not {placement!r}")
    if time_padding not in get_args(TimePadding):
        raise ValueError(f"time_padding must be 'replicate' or 'zeros', or 'none' for none, not {time_padding!r}")


def check_space(conv2d: nn.Conv2d) -> None:
    """Raises `ValueError` for a spatial padding that a 3D convolution beside it cannot have."""
    if conv2d.padding_mode != "zeros":
        raise ValueError(f"cannot inflate a convolution with padding_mode={conv2d.padding_mode!r}: only zeros in space")
    _spatial_padding(conv2d)


def _spatial_padding(conv2d: nn.Conv2d) -> tuple[int, ...]:
    if not isinstance(conv2d.padding, str):
        return tuple(conv2d.padding)
    if conv2d.padding == "valid":
        return (0, 0)
    total = [d * (k - 1) for d, k in zip(conv2d.dilation, conv2d.kernel_size, strict=True)]
    if any(t % 2 for t in total):
        raise ValueError(f"cannot inflate padding='same' with the even kernel {conv2d.kernel_size}: it pads unequally")
    return tuple(t // 2 for t in total)
