"""The anchors of a video: keyframes that a seek really leads to, found by trying each. Reading may begin there."""

from dataclasses import replace

import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from labkit.data.video_cursor import NO_TIME, Cursor, LostFrame, PacketTable

CHECKED = 4  # frames compared after each seek before it is trusted; more than a decoder's usual delay
APART = 8  # frames between anchors at least; nearer ones would gain little
PATIENCE = 8  # keyframes tried in vain before a file counts as one without seeking
MARGINS = (0, 16)  # tried in turn: nearly every file; files with packed B-frames


def with_anchors(container: InputContainer, stream: VideoStream, table: PacketTable) -> PacketTable:
    """Seek to each keyframe and decode. A keyframe becomes an anchor if its frames come out right."""
    seek, anchor = table.seek.copy(), table.anchor.copy()
    tried, last = 0, -APART
    for row in np.flatnonzero(table.keyframe & (table.frame >= 0)).tolist():
        first = int(table.frame[row])
        if first < last + APART:
            continue
        # Program streams lead to the middle of the keyframe: there a seek to a packet a little before it helps.
        times = (table.dts[row], table.pts[row], table.dts[max(0, row - 3)])
        for time in dict.fromkeys(time for time in times if time != NO_TIME):
            seek[row] = time
            if _comes_out(container, stream, replace(table, seek=seek), row, range(first, first + CHECKED)):
                anchor[row], last = True, first
                break
        tried += 1
        if tried == PATIENCE and not anchor.any():
            break
    return replace(table, seek=seek, anchor=anchor)


def margin_of(container: InputContainer, stream: VideoStream, table: PacketTable) -> int | None:
    """The smallest margin with which frames come out right although those between them are skipped.

    With packed B-frames a frame's data is found only while the frame before it is decoded. Skipping right up to a frame
    would lose it; skipping that ends a few frames earlier does no harm.
    """
    rows = table.anchors[:: max(1, len(table.anchors) // 3)][:3].tolist()
    for margin in MARGINS if rows else ():
        gap = margin + 5
        firsts = [int(table.frame[row]) for row in rows]
        if all(
            _comes_out(container, stream, table, row, range(first + gap, first + 6 * gap, gap), margin=margin)
            for row, first in zip(rows, firsts, strict=True)
        ):
            return margin
    return None


def _comes_out(
    container: InputContainer,
    stream: VideoStream,
    table: PacketTable,
    row: int,
    numbers: range,
    *,
    margin: int | None = None,
) -> bool:
    """Whether these frames, as far as the video has them, are found from the anchor of `row`."""
    there = [number for number in numbers if number <= table.frame.max()]
    try:
        cursor = Cursor(container, stream, table, row=row, margin=margin)
        cursor.want(frozenset(there))
        for number in there:
            cursor.frame(number)
    except LostFrame:
        return False
    return True
