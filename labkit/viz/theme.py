"""One look for all figures: colours, a light and a dark template, and titles.

Importing this module registers two plotly templates, `labkit` (light) and `labkit_dark`. Figures take their colours only
from here. All of them stand out on both backgrounds, so that a page can swap the templates. Besides its colour, a series
has its own dash, marker and fill pattern.
"""

import html
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import plotly.io as pio

# Okabe & Ito's palette for all kinds of colour vision. These four reach a contrast of 3 on white and on DARK_PAPER.
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
GREY = "#808080"  # for comparisons: chance, a gap, a control

LIGHT_PAPER, LIGHT_INK = "#ffffff", "#1f2328"
DARK_PAPER, DARK_INK = "#16191d", "#e6e6e6"

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"
TITLE_WIDTH = 78  # characters in a line of a title
PICTURE = "picture"  # in a figure's `meta`: pixels of width and height that its height was made for
NARROWEST = "narrowest"  # in a figure's `meta`: pixels of width that it needs to be read


@dataclass(frozen=True)
class Look:
    """The look of one series: its colour, dash, marker and fill pattern."""

    colour: str
    dash: str
    marker: str
    pattern: str

    @property
    def faint(self) -> str:
        """The colour as a transparent fill, for bands."""
        red, green, blue = (int(self.colour[i : i + 2], 16) for i in (1, 3, 5))
        return f"rgba({red}, {green}, {blue}, 0.2)"


LOOKS = (
    Look(BLUE, "solid", "circle", ""),
    Look(VERMILLION, "dash", "diamond", "/"),
    Look(GREEN, "dot", "square", "x"),
    Look(PURPLE, "dashdot", "triangle-up", "."),
    Look(GREY, "longdash", "x", "-"),
    Look(BLUE, "longdashdot", "star", "\\"),
    Look(VERMILLION, "solid", "cross", "+"),
    Look(GREEN, "dash", "hexagon", "|"),
)


def look_of(number: int) -> Look:
    """The look of the series with this number, counted from 0. After the last look the first comes again."""
    return LOOKS[number % len(LOOKS)]


def _template(*, paper: str, ink: str, grid: str, low: str, high: str) -> go.layout.Template:
    axis = {
        "gridcolor": grid,
        "linecolor": ink,
        "zerolinecolor": grid,
        "ticks": "outside",
        "tickcolor": ink,
        "automargin": True,
        "title": {"standoff": 8, "font": {"size": 13}},
    }
    diverging = [[0, VERMILLION], [0.5, paper], [1, BLUE]]
    control = {"bgcolor": grid, "bordercolor": ink, "font": {"color": ink}}
    return go.layout.Template(
        layout={
            "paper_bgcolor": paper,
            "plot_bgcolor": paper,
            "font": {"family": FONT, "size": 13, "color": ink},
            "title": {"font": {"size": 16}, "x": 0, "xref": "paper", "xanchor": "left", "yanchor": "top"},
            "margin": {"l": 64, "r": 24, "t": 64, "b": 56},
            "colorway": [BLUE, VERMILLION, GREEN, PURPLE, GREY],
            "colorscale": {
                "sequential": [[0, low], [1, high]],
                "sequentialminus": [[0, high], [1, low]],
                "diverging": diverging,
            },
            "xaxis": axis,
            "yaxis": axis,
            "legend": {"orientation": "h", "x": 0, "y": 1.0, "xanchor": "left", "yanchor": "bottom"},
            "hoverlabel": {"bgcolor": paper, "font": {"color": ink}},
            "annotationdefaults": {"bgcolor": paper},  # no line strikes through a label
            "shapedefaults": {"line": {"color": ink}},
            "sliderdefaults": control,
            "updatemenudefaults": control,
        },
        data={"heatmap": [{"colorbar": {"title": {"font": {"size": 13}}}}]},
    )


LIGHT = _template(paper=LIGHT_PAPER, ink=LIGHT_INK, grid="#dfe3e8", low="#f2f6fa", high="#004a75")
DARK = _template(paper=DARK_PAPER, ink=DARK_INK, grid="#3a4048", low="#22272e", high="#7cc4f0")
pio.templates["labkit"] = LIGHT
pio.templates["labkit_dark"] = DARK


def plain(text: object) -> str:
    """Text that plotly shows letter by letter. Plotly reads some HTML, and names of classes and files may hold `<`."""
    return html.escape(str(text), quote=False).replace("\n", "<br>")


def wrapped(text: str, *, width: int = TITLE_WIDTH) -> str:
    """A title in lines of at most `width` characters, escaped for plotly."""
    return "<br>".join(plain(line) for part in text.split("\n") for line in textwrap.wrap(part, width) or [""])


def figure(
    traces: Iterable[Any] | go.Figure = (),
    title: str | None = None,
    *,
    description: str = "",
    height: int = 420,
    **layout: Any,
) -> go.Figure:
    """A figure in labkit's look.

    `title` says the finding, in plain text. `description` is a sentence for people who cannot see the figure.
    `traces` may be a figure with subplots; everything else in `layout` goes to plotly as it is.
    """
    made = traces if isinstance(traces, go.Figure) else go.Figure(list(traces))
    top = 40
    if title:
        text = wrapped(title)
        made.update_layout(title={"text": text, "y": 1, "yref": "container", "pad": {"t": 14}})
        top += 22 * (1 + text.count("<br>"))
    made.update_layout(template="labkit", height=height, margin={"t": top})
    made.update_layout(**layout)
    return described(made, description)


def described(fig: go.Figure, description: str) -> go.Figure:
    """Give `fig` the sentence that `describe` returns. Returns `fig`."""
    return _noted(fig, description=description)


def at_least(fig: go.Figure, pixels: int) -> go.Figure:
    """Set the least width in pixels at which a page draws `fig`; a narrower page scrolls it. Returns `fig`."""
    return _noted(fig, **{NARROWEST: pixels})


def scaled(fig: go.Figure, wide: int, tall: int) -> go.Figure:
    """Note that `tall` pixels of the height hold a picture `wide` pixels wide; a narrower page makes both smaller. Returns `fig`."""
    return _noted(fig, **{PICTURE: [wide, tall]})


def _noted(fig: go.Figure, **notes: Any) -> go.Figure:
    meta = fig.layout.meta
    fig.update_layout(meta={**(meta if isinstance(meta, dict) else {}), **notes})
    return fig


def describe(fig: go.Figure, *, markdown: bool = True) -> str:
    """The description of a figure, for people who cannot see it; empty if there is none.

    It may hold names of a reader's own classes and files. HTML and Markdown in it are escaped.
    """
    meta = fig.layout.meta
    words = str(meta.get("description", "")) if isinstance(meta, dict) else ""
    return re.sub(r"([\\`*<&])", r"\\\1", words) if markdown else words
