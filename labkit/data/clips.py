"""The frames of a clip, as frame numbers: from the length of a video to the numbers that the decoder reads.

Every function takes the number of frames of a video and a `ClipSpec`, and gives int64 frame numbers of that video.
Two steps come before the sampling:

- *Rate.* With `spec.fps` set, the video is first read as if it had been recorded at that rate: the j-th frame of the
  resampled video is the source frame nearest in time to j / spec.fps. Frames repeat when the rate goes up and are left
  out when it goes down. Where the video's own rate varies, `times` says when each frame comes, in seconds, float64
  `(frames,)`; without them frames are taken to come evenly, `fps` a second.
- *Length.* A video shorter than a clip is looped: after its last frame comes its first (Hara et al. 2018, section 3.2).
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from labkit.clip import ClipSpec
from labkit.counting import counted

Frames = NDArray[np.int64]
Times = NDArray[np.float64]
Leftover = Literal["loop", "drop one", "drop"]


def resampled_length(frames: int, spec: ClipSpec, fps: float | None = None) -> int:
    """Frames of the video once it is read at `spec.fps`; `frames` itself where the spec keeps the file's own rate.

    `fps` is the file's own rate. Raises `ValueError` for a video without frames, or if the rate is needed but unknown.
    """
    if frames < 1:
        raise ValueError(f"a clip needs a video of at least one frame, not {frames}")
    if spec.fps is None:
        return frames
    if not fps or fps <= 0:
        raise ValueError(f"the spec asks for {spec.fps} frames/s, so the video's own rate must be known, not {fps}")
    return max(1, round(frames * spec.fps / fps))


def random_clip(
    frames: int, spec: ClipSpec, rng: np.random.Generator, *, fps: float | None = None, times: Times | None = None
) -> Frames:
    """One clip, int64 `(T,)`, at a position drawn uniformly: every start at which the clip fits, the last one included."""
    length = resampled_length(frames, spec, fps)
    start = int(rng.integers(max(length - spec.span, 0) + 1))
    return _source(_clip(start, length, spec), frames, spec, fps, times)


def centre_clip(frames: int, spec: ClipSpec, fps: float | None = None, times: Times | None = None) -> Frames:
    """The clip in the middle of the video, int64 `(T,)`."""
    length = resampled_length(frames, spec, fps)
    return _source(_clip(max(length - spec.span, 0) // 2, length, spec), frames, spec, fps, times)


def whole(frames: int, spec: ClipSpec, fps: float | None = None, times: Times | None = None) -> Frames:
    """Every `spec.stride`-th frame of the video, int64 `(T,)`; a video shorter than a clip is looped to its length.

    Carreira and Zisserman 2017 evaluate in this way (section 3): a network that pools over time reads any number of frames.
    """
    length = resampled_length(frames, spec, fps)
    own = np.arange(0, length, spec.stride, dtype=np.int64)
    return _source(np.resize(own, max(len(own), spec.frames)), frames, spec, fps, times)


def spaced_clips(frames: int, spec: ClipSpec, k: int, fps: float | None = None, times: Times | None = None) -> Frames:
    """`k` clips, int64 `(k, T)`, their starts evenly spaced from the first possible to the last; for k = 1 the centre.

    They overlap where the video is shorter than k clips. Raises `ValueError` for k below 1.
    """
    if k < 1:
        raise ValueError(f"the number of clips must be at least 1, not {k}")
    if k == 1:
        return centre_clip(frames, spec, fps, times)[None]
    length = resampled_length(frames, spec, fps)
    starts = np.linspace(0, max(length - spec.span, 0), k).round().astype(np.int64)
    return _source(np.stack([_clip(int(start), length, spec) for start in starts]), frames, spec, fps, times)


def windows(
    frames: int,
    spec: ClipSpec,
    fps: float | None = None,
    times: Times | None = None,
    *,
    leftover: Leftover = "loop",
) -> Frames:
    """Non-overlapping clips that together hold every frame once, int64 `(W, T)`, in order of their first frame.

    With stride 1 these are frames 0 to T-1, T to 2T-1, and so on. With stride s a block of T·s frames gives s
    interleaved clips, which start one frame apart. `leftover` decides about the frames at the end that do not fill a
    clip:

    - `loop`: they make a looped clip; a single frame is repeated T times.
    - `drop one`: the same, but a single frame is left out, as in the published code of Hara et al. 2018.
    - `drop`: they are left out.

    A video without any full clip keeps one looped clip.
    """
    count = window_count(frames, spec, fps, leftover=leftover)
    return np.stack([window(frames, spec, index, fps, times, leftover=leftover) for index in range(count)])


def window(
    frames: int,
    spec: ClipSpec,
    index: int,
    fps: float | None = None,
    times: Times | None = None,
    *,
    leftover: Leftover = "loop",
) -> Frames:
    """Clip number `index` of `windows`, int64 `(T,)`, without making the others. Raises `IndexError` if there is none."""
    count = window_count(frames, spec, fps, leftover=leftover)
    if not 0 <= index < count:
        raise IndexError(f"no window {index}: {counted(frames, 'frame gives', 'frames give')} {count}")
    length = resampled_length(frames, spec, fps)
    block, phase = divmod(index, spec.stride)
    size = spec.frames * spec.stride
    own = np.arange(block * size + phase, min((block + 1) * size, length), spec.stride, dtype=np.int64)
    return _source(np.resize(own, spec.frames), frames, spec, fps, times)


def window_count(frames: int, spec: ClipSpec, fps: float | None = None, *, leftover: Leftover = "loop") -> int:
    """The number of clips that `windows` gives, without making them."""
    length = resampled_length(frames, spec, fps)
    blocks, rest = divmod(length, spec.frames * spec.stride)
    least = {"loop": 1, "drop one": 2, "drop": spec.frames}[leftover]  # frames of its own that a clip needs
    more = min(max(rest - (min(least, spec.frames) - 1) * spec.stride, 0), spec.stride)
    return max(blocks * spec.stride + more, 1)


def window_counts(
    frames: Frames, spec: ClipSpec, fps: NDArray[np.float64], *, leftover: Leftover = "loop"
) -> NDArray[np.int64]:
    """`window_count` of many videos at once, int64 `(videos,)`."""
    # Most videos are like another in both; as complex numbers, the pairs are sorted at once.
    pairs, back = np.unique(frames + 1j * fps, return_inverse=True)
    counts = [window_count(int(pair.real), spec, pair.imag, leftover=leftover) for pair in pairs.tolist()]
    return np.array(counts, dtype=np.int64)[back]


def _clip(start: int, length: int, spec: ClipSpec) -> Frames:
    return (start + np.arange(spec.frames, dtype=np.int64) * spec.stride) % length


def _source(resampled: Frames, frames: int, spec: ClipSpec, fps: float | None, times: Times | None) -> Frames:
    """Frame numbers of the resampled video to frame numbers of the file."""
    if spec.fps is None:
        return resampled
    if times is not None:
        between = (times[1:] + times[:-1]) / 2  # a tie goes to the later frame, as below
        return np.searchsorted(between, times[0] + resampled / spec.fps, side="right").astype(np.int64)
    assert fps is not None  # resampled_length has checked it
    # Half a frame is added and cut off rather than rounded, so that ties always go the same way.
    return np.minimum((resampled * (fps / spec.fps) + 0.5).astype(np.int64), frames - 1)
