"""The weights of a 3D convolution, one slice for each time step."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from labkit.counting import counted
from labkit.viz.theme import at_least, described, figure

SLICE = 40  # pixels across that a time slice needs to be seen


def kernel_slices(
    weight: Any,
    filters: Sequence[int] | None = None,
    *,
    channel: int | None = None,
    title: str | None = None,
    limit: float | None = None,
) -> go.Figure:
    """Filters of a 3D convolution, one in each row, with their time slices from left to right.

    `weight` is `(O, I, T, H, W)`, a tensor or an array; `filters` picks output channels (the first 8 if None);
    `channel` picks an input channel, None shows their mean. The colours span -`limit` to +`limit`
    (the largest weight shown if None), so that 0 has the background's colour. There is one heatmap trace; gaps are None.

    Raises `ValueError` for another shape, and for a missing filter or channel.
    """
    values = np.asarray(weight.detach().cpu() if hasattr(weight, "detach") else weight, dtype=np.float64)
    if values.ndim != 5:
        raise ValueError(f"weights of a 3D convolution are (O, I, T, H, W), not {values.shape}")
    out, channels, times, height, width = values.shape
    chosen = list(range(min(8, out))) if filters is None else list(filters)
    if any(not 0 <= f < out for f in chosen) or (channel is not None and not 0 <= channel < channels):
        raise ValueError(f"there are {out} filters and {channels} input channels; asked for {chosen} and {channel}")
    slices = values[chosen].mean(axis=1) if channel is None else values[chosen, channel]
    grid = np.full((len(chosen) * (height + 1) - 1, times * (width + 1) - 1), np.nan)
    for row, kernel in enumerate(slices):
        for time, piece in enumerate(kernel):
            top, left = row * (height + 1), time * (width + 1)
            grid[top : top + height, left : left + width] = piece
    bound = float(np.abs(slices).max()) if limit is None else limit
    heat = go.Heatmap(
        z=[[None if np.isnan(v) else round(float(v), 6) for v in line] for line in grid],
        zmin=-bound,
        zmax=bound,
        zmid=0,
        autocolorscale=True,  # the template's: a page may swap it
        colorbar={"title": {"text": "weight", "side": "right"}},
        hovertemplate="weight %{z:.4f}<extra></extra>",
    )
    side = max(5, min(28, 560 // grid.shape[1], 520 // grid.shape[0]))
    fig = figure([heat], title, height=150 + side * grid.shape[0])
    middles = [time * (width + 1) + (width - 1) / 2 for time in range(times)]
    fig.update_xaxes(title="Time slice of the kernel", tickvals=middles, ticktext=[f"t = {t}" for t in range(times)])
    rows = [row * (height + 1) + (height - 1) / 2 for row in range(len(chosen))]
    fig.update_yaxes(title="Filter", tickvals=rows, ticktext=[str(f) for f in chosen], autorange="reversed")
    fig.update_xaxes(showgrid=False, zeroline=False, constrain="domain")
    fig.update_yaxes(showgrid=False, zeroline=False, scaleanchor="x", constrain="domain")
    shares = np.abs(slices).sum(axis=(0, 2, 3)) / max(np.abs(slices).sum(), 1e-12)
    spread = ", ".join(f"{100 * s:.0f} % at t = {t}" for t, s in enumerate(shares))
    what = "mean over input channels" if channel is None else f"input channel {channel}"
    described(fig, f"{counted(len(chosen), 'filter')} in {counted(times, 'time slice')}, {what}. Size: {spread}.")
    return at_least(fig, 170 + SLICE * times)
