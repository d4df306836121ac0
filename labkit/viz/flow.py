"""What optical flow sees: arrows over the frames, and below them each field in the colours of a wheel.

The wheel's colour says where a point moves to, and its strength how far, as in Baker et al. 2011, "A Database and
Evaluation Methodology for Optical Flow": white is no movement.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from labkit.counting import counted
from labkit.viz.player import corners, frame_strip
from labkit.viz.theme import VERMILLION

ARROWS = 8  # along the shorter side of a frame
SEEN = 0.02  # of the limit: a shorter movement is no arrow
WHEEL = "wheel"


def flow_strip(
    frames: np.ndarray,
    fields: np.ndarray,
    *,
    limit: float | None = None,
    titles: Sequence[str] | None = None,
    title: str | None = None,
) -> go.Figure:
    """Frames with their flow as arrows, and in a second row the fields as colours, with the wheel that explains them.

    `frames` are uint8 `(T, H, W, 3)`, `fields` `(T, H, W, 2)` in pixels: x to the right, y down. `limit` is the movement
    in pixels that has the wheel's full colour; if None, the largest that is shown. Arrows are drawn so that this movement
    reaches from one arrow to the next. `titles` stand above the frames; the frames' numbers, if None.

    Raises `ValueError` where frames and fields differ in number or size.
    """
    frames, fields = np.asarray(frames), np.asarray(fields, dtype=np.float64)
    if fields.shape != (*frames.shape[:3], 2):
        raise ValueError(f"frames {frames.shape} have fields {(*frames.shape[:3], 2)}, not {fields.shape}")
    count, height, width, _ = frames.shape
    lengths = np.linalg.norm(fields, axis=-1)
    most = max(float(lengths.max()) if limit is None else limit, 1e-6)
    wheel = flow_colours(_wheel(height, width), 1.0)
    tiles = np.concatenate([frames, wheel, flow_colours(fields, most)])
    above = [*(titles or [f"frame {t}" for t in range(count)]), f"{WHEEL}: rim {most:.2g} px", *[""] * count]
    moving = lengths > max(SEEN * most, 0.1)
    mean = fields[moving].mean(axis=0) if moving.any() else np.zeros(2)
    words = (
        f"{counted(count, 'frame')} with flow of up to {lengths.max():.2f} pixels from frame to frame. Where something moves, "
        f"it goes {abs(mean[0]):.2f} pixels to the {'right' if mean[0] >= 0 else 'left'} and {abs(mean[1]):.2f} "
        f"{'down' if mean[1] >= 0 else 'up'} in the mean."
    )
    # Not exact to the pixel: a notebook with many of these would get tens of megabytes, and be slow to save.
    fig = frame_strip(tiles, titles=above, title=title, columns=count + 1, description=words, exact=False)
    fig.add_trace(_arrows(fields, most, corners(tiles, count + 1, above=True)))
    return fig


def flow_colours(fields: np.ndarray, limit: float) -> np.ndarray:
    """Fields `(..., 2)` in pixels as colours, uint8 `(..., 3)`: white where nothing moves, full at `limit` and beyond.

    To the right is red; turning clockwise, down is yellow-green, to the left cyan, up violet.
    """
    hue = (np.arctan2(fields[..., 1], fields[..., 0]) / (2 * np.pi)) % 1.0
    strength = np.clip(np.linalg.norm(fields, axis=-1) / limit, 0, 1)[..., None]
    # A colour of full strength: each of red, green and blue is strongest a third of the circle from the others.
    thirds = np.array([0, 1 / 3, 2 / 3])
    distance = np.abs((hue[..., None] - thirds + 0.5) % 1.0 - 0.5)
    pure = np.clip(2 - 6 * distance, 0, 1)
    return np.rint(255 * (1 - strength * (1 - pure))).astype(np.uint8)


def _wheel(height: int, width: int) -> np.ndarray:
    """The field `(1, H, W, 2)` in which every point moves away from the middle: 1 at the rim, nothing beyond it."""
    across = (np.arange(width) - (width - 1) / 2) / (min(height, width) / 2)
    down = (np.arange(height) - (height - 1) / 2) / (min(height, width) / 2)
    field = np.stack(np.meshgrid(across, down), axis=-1)
    return np.where(np.linalg.norm(field, axis=-1, keepdims=True) <= 1, field, 0.0)[None]


def _arrows(fields: np.ndarray, limit: float, places: list[tuple[int, int]]) -> Any:
    """All arrows of all frames as one trace: tail, head, and a gap."""
    _, height, width, _ = fields.shape
    step = max(1, min(height, width) // ARROWS)
    x: list[float | None] = []
    y: list[float | None] = []
    for (left, top), field in zip(places, fields, strict=False):  # the places behind are of the second row
        for row in range(step // 2, height, step):
            for column in range(step // 2, width, step):
                dx, dy = field[row, column] * step / limit
                if np.hypot(dx, dy) > max(SEEN, 0.1 / limit) * step:
                    x += [left + column, round(left + column + float(dx), 2), None]
                    y += [top + row, round(top + row + float(dy), 2), None]
    return go.Scatter(
        x=x,
        y=y,
        mode="lines+markers",
        line={"color": VERMILLION, "width": 1.5},
        marker={
            "symbol": "arrow",
            "angleref": "previous",
            "size": [0, 6, 0] * (len(x) // 3),
            "color": VERMILLION,
            "line": {"width": 0},
        },
        hoverinfo="skip",
        showlegend=False,
        name="flow",
    )
