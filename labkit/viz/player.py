"""The frames of a clip side by side, with or without a network's answers."""

import base64
import io
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from labkit.counting import counted
from labkit.names import meant_or_all
from labkit.viz.theme import BLUE, GREY, at_least, described, figure, plain, scaled, wrapped

GAP = 0.06  # between frames, as a share of a frame's width
ABOVE = 18  # pixels of the figure for the text above each row
FRAME, MOST_FRAMES = 70, 12  # pixels that a frame needs to be seen, and frames of a row that are given so many
WIDE = 900  # pixels a figure is expected to be wide; its height follows from it
BESIDE_NAMES = 640  # pixels left of these where names of classes stand in front


def data_uri(image: np.ndarray, *, exact: bool = True) -> str:
    """A uint8 `(H, W, 3)` or `(H, W, 4)` picture as a `data:` address, to be stored inside a figure.

    It is a PNG, or, if it need not be `exact` to the pixel, a WebP of a quarter of its size.
    """
    from PIL import Image

    file, kind = io.BytesIO(), "png" if exact else "webp"
    how = {"optimize": True} if exact else {"quality": 95}
    Image.fromarray(np.ascontiguousarray(image)).save(file, format=kind, **how)
    return f"data:image/{kind};base64," + base64.b64encode(file.getvalue()).decode("ascii")


def montage(clip: np.ndarray, columns: int | None = None, *, above: bool = False) -> np.ndarray:
    """Frames uint8 `(T, H, W, 3)` in rows of `columns`, as one picture `(h, w, 4)` with transparent gaps.

    `above` leaves room over every row.
    """
    _, height, width, _ = clip.shape
    rows, columns, gap, head = _grid(clip, columns, above=above)
    picture = np.zeros((rows * (head + height), columns * (width + gap) - gap, 4), np.uint8)
    for (left, top), frame in zip(corners(clip, columns, above=above), clip, strict=True):
        picture[top : top + height, left : left + width, :3] = frame
        picture[top : top + height, left : left + width, 3] = 255
    return picture


def corners(clip: np.ndarray, columns: int | None = None, *, above: bool = False) -> list[tuple[int, int]]:
    """The upper left corner of each frame in `montage`'s picture: pixels from its left and from its top."""
    _, height, width, _ = clip.shape
    _, columns, gap, head = _grid(clip, columns, above=above)
    return [
        ((number % columns) * (width + gap), (number // columns) * (head + height) + head)
        for number in range(len(clip))
    ]


def _narrowest(columns: int) -> int:
    """The least width in pixels of a row with so many frames."""
    return FRAME * min(columns, MOST_FRAMES)


def _grid(clip: np.ndarray, columns: int | None, *, above: bool) -> tuple[int, int, int, int]:
    """Rows, columns, pixels between columns, pixels over each row."""
    frames, _, width, _ = clip.shape
    columns = max(1, min(columns or frames, frames))
    gap = max(1, round(GAP * width))
    return (
        -(-frames // columns),
        columns,
        gap,
        max(gap, round(ABOVE * columns * (width + gap) / _narrowest(columns))) if above else gap,
    )


def frame_strip(
    clip: np.ndarray,
    indices: Sequence[int] | None = None,
    *,
    titles: Sequence[str] | None = None,
    title: str | None = None,
    columns: int | None = None,
    description: str | None = None,
    exact: bool = True,
) -> go.Figure:
    """The frames of a clip, uint8 `(T, H, W, 3)`, in reading order, in rows of `columns` (all in one row if None).

    `indices` are the frames' numbers in their video, written above them; `titles` replaces that by any text.
    The figure has one image trace whose source is a PNG, or a smaller picture if it need not be `exact` to the pixel.

    Raises `ValueError` for another shape or type, and if there are not as many titles as frames.
    """
    clip = checked_clip(clip)
    above = list(titles) if titles is not None else [str(i) for i in (range(len(clip)) if indices is None else indices)]
    if len(above) != len(clip):
        raise ValueError(f"{counted(len(clip), 'frame')}, but {len(above)} numbers or titles for them")
    fig = figure(title=title)
    tall = _add_strip(fig, clip, above, columns=columns, exact=exact)
    fig.update_layout(height=fig.layout.margin.t + tall + 16, margin={"l": 8, "r": 8, "b": 16})
    what = "frame" if titles is None else "picture"
    words = (
        description or f"{counted(len(clip), what)} of {clip.shape[2]} × {clip.shape[1]} pixels: {', '.join(above)}."
    )
    described(fig, words)
    return at_least(scaled(fig, WIDE, tall), _narrowest(min(columns or len(clip), len(clip))))


def predicted_strip(
    clip: np.ndarray,
    scores: np.ndarray,
    classes: Sequence[str],
    *,
    label: int | str | None = None,
    title: str | None = None,
    top: int = 5,
) -> go.Figure:
    """A strip of a clip's frames, uint8 `(T, H, W, 3)`, over the `top` best scores, float `(K,)` probabilities.

    If the true class is known (`label`: its number or name), a tick and a colour mark it.

    Raises `ValueError` if there are not as many scores as classes, and for a label that is not among the classes.
    """
    clip, scores = checked_clip(clip), np.asarray(scores, dtype=np.float64)
    if scores.shape != (len(classes),):
        raise ValueError(f"scores are {scores.shape}, but there are {len(classes)} classes")
    if isinstance(label, str):
        if label not in classes:
            raise ValueError(f"no such class: {label!r}{meant_or_all(label, classes)}")
        label = list(classes).index(label)
    best = np.argsort(-scores, kind="stable")[:top]
    true = label if label is not None and label >= 0 else None
    names = [f"{classes[i]} ✓" if i == true else classes[i] for i in best]
    fig = figure(title=title or _verdict(classes, int(best[0]), true), showlegend=False)
    strip = _add_strip(fig, clip, [""] * len(clip), columns=None, wide=BESIDE_NAMES)
    bars, between = 28 * len(best), 12
    axes = strip + between + bars
    fig.add_bar(
        orientation="h",
        x=(100 * scores[best]).tolist(),
        y=[plain(name) for name in names],
        xaxis="x2",
        yaxis="y2",
        marker={"color": [BLUE if i == true else GREY for i in best]},
        text=[f"{100 * scores[i]:.1f} %" for i in best],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}: %{x:.1f} %<extra></extra>",
        name="score",
    )
    fig.update_layout(
        height=fig.layout.margin.t + axes + 64,
        margin={"b": 64},
        yaxis={"domain": [1 - strip / axes, 1]},
        xaxis2={"anchor": "y2", "range": [0, 108], "title": {"text": "Score (%)"}},
        yaxis2={"anchor": "x2", "domain": [0, bars / axes], "autorange": "reversed", "automargin": True},
    )
    answers = ", ".join(f"{classes[i]} {100 * scores[i]:.1f} %" for i in best)
    described(fig, f"{_verdict(classes, int(best[0]), true)} Best scores: {answers}.")
    return at_least(fig, 240 + _narrowest(len(clip)) // 2)


def _verdict(classes: Sequence[str], answer: int, true: int | None) -> str:
    if true is None:
        return f"Answer: {classes[answer]} (the true class is not known)."
    if answer == true:
        return f"Right: {classes[answer]}."
    return f"Wrong: {classes[true]} taken for {classes[answer]}."


def checked_clip(clip: np.ndarray) -> np.ndarray:
    """The clip, uint8 `(T, H, W, 3)`. Raises `ValueError` for another shape or type."""
    clip = np.asarray(clip)
    if clip.ndim != 4 or clip.shape[3] != 3 or clip.dtype != np.uint8 or not len(clip):
        raise ValueError(f"a clip to draw is uint8 (T, H, W, 3), not {clip.dtype} {clip.shape}")
    return clip


def _add_strip(
    fig: go.Figure,
    clip: np.ndarray,
    above: Sequence[str],
    *,
    columns: int | None,
    wide: int = WIDE,
    exact: bool = True,
) -> int:
    """Add the frames as one image with a line of text above each. Returns their height in pixels at a width of `wide`."""
    picture = montage(clip, columns, above=any(above))
    width, rows = clip.shape[2], _grid(clip, columns, above=any(above))[0]
    fig.add_image(source=data_uri(picture, exact=exact), hoverinfo="skip", name="frames")
    for (left, upper), text in zip(corners(clip, columns, above=any(above)), above, strict=True):
        if text:
            fig.add_annotation(
                x=left + width / 2,
                y=upper - 1,
                text=wrapped(text, width=20),
                showarrow=False,
                yanchor="bottom",
                font={"size": 11},
                bgcolor="rgba(0, 0, 0, 0)",  # nothing of a frame is covered
            )
    fig.update_xaxes(visible=False, constrain="domain", constraintoward="left", range=[-0.5, picture.shape[1] - 0.5])
    fig.update_yaxes(
        visible=False,
        scaleanchor="x",
        constrain="domain",
        constraintoward="top",
        range=[picture.shape[0] - 0.5, -0.5],
    )
    return max(60, min(rows * 260, round(wide * picture.shape[0] / picture.shape[1])))
