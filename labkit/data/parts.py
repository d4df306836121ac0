"""Parts of videos in seconds: which of them are their whole file, and which lie outside it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from labkit.data.layouts import Entry

MARGIN = 1.0  # seconds by which cutting, or a length in a header, may be wrong


def seconds_of(entries: Sequence[Entry], frames: NDArray[np.int64], fps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Start and end of each entry in its file, `(entries, 2)`; NaN where all of the file counts.

    `frames` and `fps` are the file's, `(entries,)`. A file that may have been cut to its part counts whole if it is no
    longer than the part.
    """
    seconds = np.array([entry.span or (np.nan, np.nan) for entry in entries], dtype=np.float64).reshape(-1, 2)
    may_be_cut = np.array([entry.may_be_cut for entry in entries], dtype=bool)
    cut = may_be_cut & (frames <= (seconds[:, 1] - seconds[:, 0] + MARGIN) * fps)
    seconds[cut] = np.nan
    return seconds


def outside(
    seconds: NDArray[np.float64], frames: NDArray[np.int64], fps: NDArray[np.float64], exact: NDArray[np.bool_]
) -> list[str]:
    """For each part the reason why it is not in its file, which ends before it begins; "" for the others.

    A length that is not `exact` is an estimate from the file's header: only a part far behind it lies outside.
    """
    length = np.divide(frames, fps, out=np.full(len(fps), np.inf), where=fps > 0)
    margin = np.where(exact, MARGIN, MARGIN + length)
    beyond = seconds[:, 0] >= length + margin  # never for NaN
    return [
        f"the part from {start:g} to {end:g} s is not in the video, which has {known:.1f} s" if out else ""
        for (start, end), known, out in zip(seconds.tolist(), length.tolist(), beyond.tolist(), strict=True)
    ]
