"""The weights of a convolution, one slice for each time step."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from labkit.counting import counted
from labkit.viz.chooser import Choice, Chooser, Record
from labkit.viz.heat import heat
from labkit.viz.theme import at_least, described, figure

MOST_FILTERS, MOST_CHANNELS = 16, 3  # of a viewer
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
    values = _numbers(weight)
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


def kernel_viewer(weights: Mapping[str, Any], **options: Any) -> Chooser:
    """One filter in several sets of weights, a row for each: before and after inflation, before and after training.

    `weights` are `(O, I, T, H, W)`, or `(O, I, H, W)` of a 2D convolution, by what a reader calls them. All have the same O
    and I. The first 16 filters are offered. The colours of a
    row span the largest weight of its set. `options` go to `Chooser`. Raises `ValueError` for other
    shapes, and for no weights.
    """
    sets = {name: _numbers(weight) for name, weight in weights.items()}
    sets = {name: each[:, :, None] if each.ndim == 4 else each for name, each in sets.items()}
    if not sets or any(each.ndim != 5 or 0 in each.shape for each in sets.values()):
        shapes = ", ".join(f"{name} {each.shape}" for name, each in sets.items()) or "no weights"
        raise ValueError(f"kernels to compare are (O, I, T, H, W) or (O, I, H, W), not {shapes}")
    sizes = {each.shape[:2] for each in sets.values()}
    if len(sizes) > 1:
        raise ValueError(f"kernels to compare have the same filters and channels, not {sorted(sizes)}")
    ((filters, inputs),) = sizes
    channels = ["mean", *map(str, range(min(inputs, MOST_CHANNELS)))]
    limits = {name: float(np.nanmax(np.abs(each), initial=0.0)) for name, each in sets.items()}
    states: dict[Choice, Record] = {}
    for number in range(min(filters, MOST_FILTERS)):
        for channel in channels:
            chosen = {
                name: each[number].mean(axis=0) if channel == "mean" else each[number, int(channel)]
                for name, each in sets.items()
            }
            states[str(number), channel] = {
                "words": html.escape(" ".join(_in_words(name, slices) for name, slices in chosen.items())),
                "rows": [
                    {
                        "name": html.escape(name),
                        "slices": [{"map": heat(each, limits[name]), "time": str(t)} for t, each in enumerate(slices)],
                    }
                    for name, slices in chosen.items()
                ],
            }
    controls = ["filter", "input channel"]
    return Chooser(states, controls, KERNELS, name="Kernels", sliders=["filter"], **options)


def _numbers(weight: Any) -> np.ndarray:
    return np.asarray(weight.detach().cpu() if hasattr(weight, "detach") else weight, dtype=np.float64)


def _in_words(name: str, slices: np.ndarray) -> str:
    """The share of each time slice in the weight of one kernel `(T, H, W)`, and how much its slices differ."""
    if not np.isfinite(slices).all():
        return f"{name}: some weights are not numbers."
    if len(slices) == 1:
        return f"{name}: one slice, from {slices.min():.2g} to {slices.max():.2g}."
    sizes, norm = np.abs(slices).sum(axis=(1, 2)), np.linalg.norm(slices)
    if norm == 0:
        return f"{name}: all weights are 0."
    shares = ", ".join(f"{share:.0%}" for share in sizes / sizes.sum())
    return f"{name}: {shares} of the weight in its slices; without their mean {np.linalg.norm(slices - slices.mean(axis=0)) / norm:.0%} of the norm is left."


KERNELS = """<style>
.labkit-slices { display: flex; flex-wrap: wrap; gap: .4em; margin: .3em 0 .9em; font-size: .78em; text-align: center; }
.labkit-slices img { width: 72px; height: 72px; border: 1px solid var(--faint); }
</style>
{#rows}<div><b>{name}</b><div class="labkit-slices">{#slices}<span><img src="{map}" alt="">t = {time}</span>{/slices}</div></div>{/rows}
<p aria-live="polite">{words}</p>
<p><small>Time goes from left to right. Orange is above 0, blue below; the strongest colour is the largest weight of the row's set.</small></p>"""
