"""The scores of a network over the time of a video. Reads a `Timeline`."""

import plotly.graph_objects as go

from labkit.counting import counted
from labkit.timeline import Timeline, clock
from labkit.viz.theme import described, figure, look_of, plain

MOST_PARTS = 6  # of the video, in the description


def scores_over_time(timeline: Timeline, top: int = 5, *, title: str | None = None) -> go.Figure:
    """The scores of the `top` classes with the highest mean, over the seconds at which the windows begin.

    A score holds from the start of its window to the start of the next. Raises `ValueError` for `top` below 1.
    """
    if top < 1:
        raise ValueError(f"top must be at least 1, not {top}")
    ends = [*timeline.starts.tolist(), max(timeline.seconds, float(timeline.starts[-1]))]
    fig = figure(title=title)
    for number, label in enumerate(timeline.order(top)):
        look, values = look_of(number), (100 * timeline.scores[:, label]).tolist()
        fig.add_scatter(
            x=ends,
            y=[*values, values[-1]],
            mode="lines",
            line={"color": look.colour, "dash": look.dash, "width": 2.5, "shape": "hv"},
            name=plain(timeline.classes[label]),
            hovertemplate="%{x:.1f} s: %{y:.0f} %<extra>" + plain(timeline.classes[label]) + "</extra>",
        )
    fig.update_xaxes(title="Start of the window (s)")
    fig.update_yaxes(title="Score (%)", range=[-2, 102])
    return described(fig, in_words(timeline))


def in_words(timeline: Timeline) -> str:
    """The timeline for somebody who cannot see it: which class has the highest score, from when to when."""
    parts = timeline.stretches()
    said = [f"{one.name} from {clock(one.start)} to {clock(one.end)} ({one.mean:.0%})" for one in parts[:MOST_PARTS]]
    more = f", and {counted(len(parts) - MOST_PARTS, 'more part')}" if len(parts) > MOST_PARTS else ""
    windows = f"{counted(len(timeline.starts), 'window')} of {timeline.window:.1f} s"
    return f"Highest score over {clock(timeline.seconds)}, in {windows}: {', '.join(said)}{more}."
