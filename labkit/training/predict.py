"""The scores of a network over the time of a video: `over_time`. The video is read once, in constant memory.

Windows of the network's clip begin every so many seconds. A frame is cropped and scaled once, whatever the number of
windows that show it, and forgotten after the last of them.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from av.video.frame import VideoFrame
from torch import Tensor, nn

from labkit.clip import ClipSpec
from labkit.counting import counted
from labkit.data.frame_cache import reduced
from labkit.data.transforms import EvalTransform, apply
from labkit.data.video_file import shown
from labkit.data.video_stream import VideoStreamReader
from labkit.timeline import Timeline
from labkit.training.device import Precision, memory_format, pick_device, pick_precision
from labkit.training.failures import enough_memory
from labkit.training.meter import Forward
from labkit.training.stages import evaluating

NEAR = 1e-6  # seconds; moments so little apart are one
Told = Callable[[float, float], None]


def over_time(
    network: nn.Module,
    path: str | Path,
    classes: Sequence[str],
    spec: ClipSpec,
    *,
    every: float = 0.5,
    batch_size: int = 8,
    device: str = "auto",
    precision: Precision = "auto",
    told: Told | None = None,
) -> Timeline:
    """The class scores (softmax) of windows of a video, a window every `every` seconds, in the order of their start.

    A window is a clip of `spec`, cut as the clips of a test: the largest square in the middle. The last window ends
    within `every` seconds of the video's end. A video shorter than a window has one window, looped. A damaged video is
    read up to the damage, and the result says so. `told` hears the seconds that are read, and those that the header
    states (0 if unknown).

    Memory does not grow with the video, but for 4 bytes per class and window, the scores.

    Raises `ValueError` for an `every` that is not above 0 and for a network that does not read clips of one stream,
    `VideoError` for a video that cannot be read, `TooLittleMemoryError` where a batch does not fit the device.
    """
    if not every > 0:
        raise ValueError(f"every is a number of seconds above 0, not {every}")
    if getattr(network, "flow", None) is not None:
        raise ValueError("this network reads pairs of frames and flow, and prediction over time gives frames alone")
    where = pick_device(device)
    how = pick_precision(precision, where)
    with evaluating(network), torch.no_grad(), VideoStreamReader(path) as reader:
        network.to(where).to(memory_format=memory_format(network, how))
        forward = Forward(network, _Clips(spec, tuple(classes)), device=where, precision=how)  # type: ignore[arg-type]
        windows = Windows(reader, spec, every)
        starts: list[float] = []
        scores: list[np.ndarray] = []
        asked = f"predict: a batch of {counted(batch_size, 'window')} of {spec.frames} frames"
        with enough_memory(asked, where, advice="Lower batch_size"):
            for batch in _batches(windows, batch_size):
                scores.append(forward(torch.stack([clip for _, clip in batch])).softmax(1).cpu().numpy())
                starts += [start for start, _ in batch]
                if told is not None:
                    told(windows.last, reader.seconds)
    found = np.concatenate(scores)
    if np.isnan(found).any():
        raise ValueError(f"the network's answer is NaN for a window of {shown(path)}: its training has failed")
    return Timeline(
        shown(Path(path).name), np.array(starts), windows.span, windows.seconds, found, tuple(classes), reader.damage
    )


@dataclass(frozen=True)
class _Clips:
    """What `Forward` asks of a dataset."""

    spec: ClipSpec
    classes: tuple[str, ...]


@dataclass
class _Open:
    """A window under way: its first frame's number and time, and its images so far."""

    first: int
    start: float
    images: list[Tensor] = field(default_factory=list)


class Windows:
    """The windows of one video: iterate once to get `(start in seconds, clip uint8 (T, C, H, W))`.

    `last` is the time of the newest frame; at the end, `seconds` is the length of the video.
    """

    def __init__(self, reader: VideoStreamReader, spec: ClipSpec, every: float) -> None:
        self.reader, self.spec, self.every = reader, spec, every
        self.cut = EvalTransform(spec)
        self.last, self.count, self.frames = 0.0, 0, 0
        self._shown: tuple[VideoFrame, Tensor] | None = None  # the newest image, and its frame

    @property
    def seconds(self) -> float:
        """The length of the video, as far as it was read: the last frame lasts as long as the others."""
        return self.last + (self.last / (self.frames - 1) if self.frames > 1 else 1 / self.reader.rate)

    @property
    def span(self) -> float:
        """The seconds of a window, at most those of the video."""
        rate = self.spec.fps or self.frames / self.seconds
        return min(self.spec.span / rate, self.seconds)

    def __iter__(self) -> Iterator[tuple[float, Tensor]]:
        under_way: deque[_Open] = deque()
        begun = 0  # windows
        for number, (time, frame) in enumerate(self._at_rate()):
            if time >= begun * self.every - NEAR:
                under_way.append(_Open(number, time))
                begun = int((time + NEAR) / self.every) + 1
            self._show(frame, [one for one in under_way if (number - one.first) % self.spec.stride == 0])
            while under_way and len(under_way[0].images) == self.spec.frames:
                yield self._done(under_way.popleft())
        if not self.count and under_way:  # a short video is looped
            short = under_way[0]
            short.images = [short.images[n % len(short.images)] for n in range(self.spec.frames)]
            yield self._done(short)

    def _done(self, window: _Open) -> tuple[float, Tensor]:
        self.count += 1
        return window.start, torch.stack(window.images)

    def _show(self, frame: VideoFrame, windows: Sequence[_Open]) -> None:
        """Add the frame, cropped and scaled, to these windows. An image is made once."""
        if not windows:
            return
        if self._shown is None or self._shown[0] is not frame:
            self._shown = frame, self._image(frame)
        for one in windows:
            one.images.append(self._shown[1])

    def _image(self, frame: VideoFrame) -> Tensor:
        """The largest square in the middle, uint8 `(C, size, size)`."""
        box = self.cut.draw(*self.reader.upright(frame))
        size = reduced(*box.frame, box.short_side(self.spec.size))
        pixels = torch.from_numpy(np.ascontiguousarray(self.reader.pixels(frame, *size)))
        return apply(pixels.permute(2, 0, 1)[None], box, self.spec.size)[0]

    def _at_rate(self) -> Iterator[tuple[float, VideoFrame]]:
        """The frames as if recorded at `spec.fps`: at each moment the frame nearest in time; of two, the later."""
        if self.spec.fps is None:
            yield from self._counted()
            return
        taken, newest = 0, None
        for time, frame in self._counted():
            while newest is not None and taken / self.spec.fps < (newest[0] + time) / 2 - NEAR:
                yield taken / self.spec.fps, newest[1]
                taken += 1
            newest = time, frame
        while newest is not None and taken < max(1, round(self.seconds * self.spec.fps)):
            yield taken / self.spec.fps, newest[1]
            taken += 1

    def _counted(self) -> Iterator[tuple[float, VideoFrame]]:
        for time, frame in self.reader:
            self.last = time
            self.frames += 1
            yield time, frame


def _batches(windows: Windows, size: int) -> Iterator[list[tuple[float, Tensor]]]:
    batch: list[tuple[float, Tensor]] = []
    for window in windows:
        batch.append(window)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
