"""Pages about predictions: one for each video, with the video beside its scores over time, and an index of them.

Each page is one file and works offline. Its policy allows its own script alone, by its digest. A small video is inside the
page; a larger one lies beside it.
"""

import base64
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
from markupsafe import Markup

from labkit.atomic import write_atomically
from labkit.course.templates import SITE, render
from labkit.page_policy import allow
from labkit.script_json import script_json
from labkit.timeline import Timeline, clock

SMALL = 1_500_000  # bytes of a video that a page holds inside
POINTS = 800  # of a curve; the scores of a longer video are averaged
MOST_PARTS = 200  # rows of a table
WHOLE, TALL = 760, 300  # units of the drawing
LEFT, RIGHT, TOP, BOTTOM = 72, 736, 12, 264
TICKS = 6
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400)  # seconds from tick to tick
DASHES = {
    "solid": "none",
    "dash": "9 4",
    "dot": "2 4",
    "dashdot": "9 4 2 4",
    "longdash": "14 5",
    "longdashdot": "14 4 2 4",
}


class Line(NamedTuple):
    """A line of the drawing."""

    name: str
    path: str
    colour: str
    dash: str


class Row(NamedTuple):
    """A row of the index."""

    page: str
    name: str
    top: str
    mean: str
    length: str


def write_page(
    timeline: Timeline, folder: Path, stem: str, video: Path, *, source: Path, about: str, top: int = 5
) -> Row:
    """Write `stem.html` into `folder`, and return its row for the index. `video` is a file below `folder` that browsers play.

    A small video is put into the page, and its file is removed, unless it is the `source` itself. `about` is a sentence on
    the network.
    """
    script = (SITE / "predict.js").read_text(encoding="utf-8")
    starts, scores, note = _averaged(timeline)
    shown, best = timeline.order(top), scores.argmax(axis=1)
    parts = timeline.stretches()
    inside = video.stat().st_size <= SMALL
    text = render(
        "predict.html.j2",
        policy=allow(script),
        style=Markup("".join(map(_own, ("parts.css", "course.css", "predict.css")))),  # noqa: S704 (our own style)
        script=Markup(script),  # noqa: S704 (our own style and script, and digests)
        name=timeline.video,
        lead=_lead(timeline),
        damage=timeline.damage,
        length=clock(timeline.seconds),
        video=_data_uri(video) if inside else quote(video.relative_to(folder).as_posix()),
        **_drawing(timeline, starts, scores, shown),
        note=note,
        words=_words(timeline),
        tops=[_top(one) for one in timeline.top(top)],
        parts=[_part(one) for one in parts[:MOST_PARTS]],
        cut=f"And {len(parts) - MOST_PARTS} more parts." if len(parts) > MOST_PARTS else "",
        about=about,
        csv=quote(f"{stem}.csv"),
        data=Markup(script_json(_data(timeline, starts, scores, best))),
    )
    page = folder / f"{stem}.html"
    write_atomically(page, lambda temporary: temporary.write_text(text, encoding="utf-8", newline="\n"))
    if inside and video.resolve() != source.resolve():
        video.unlink()
        with suppress(OSError):  # others are in it
            video.parent.rmdir()
    first = timeline.top(1)[0]
    return Row(quote(page.name), timeline.video, first.name, f"{first.mean:.0%}", clock(timeline.seconds))


def _own(name: str) -> str:
    return (SITE / name).read_text(encoding="utf-8")


def write_index(folder: Path, rows: Sequence[Row], failed: Sequence[str], *, about: str) -> Path:
    """Write `index.html`: the videos with links to their pages, and a line for each that could not be read."""
    style = Markup("".join(map(_own, ("parts.css", "course.css"))))  # noqa: S704 (our own style and script, and digests)
    text = render("predictions.html.j2", rows=rows, failed=failed, about=about, style=style)
    return write_atomically(
        folder / "index.html", lambda temporary: temporary.write_text(text, encoding="utf-8", newline="\n")
    )


def _averaged(timeline: Timeline) -> tuple[np.ndarray, np.ndarray, str]:
    """Starts and scores for the drawing, and a note where several windows became one point."""
    count = len(timeline.starts)
    if count <= POINTS:
        return timeline.starts, timeline.scores, ""
    edges = np.linspace(0, count, POINTS + 1).astype(int)
    sizes = np.diff(edges)
    scores = np.add.reduceat(timeline.scores, edges[:-1], axis=0) / sizes[:, None]
    return timeline.starts[edges[:-1]], scores, f"Each point is the mean of about {count / POINTS:.0f} windows."


def _drawing(timeline: Timeline, starts: np.ndarray, scores: np.ndarray, shown: Sequence[int]) -> dict[str, Any]:
    """Places in the drawing, in its units."""
    from labkit.viz.theme import look_of

    def across(seconds: Any) -> Any:
        return np.round(LEFT + (RIGHT - LEFT) * np.asarray(seconds) / timeline.seconds, 1).tolist()

    lines = []
    for number, label in enumerate(shown):
        heights = np.round(BOTTOM - (BOTTOM - TOP) * scores[:, label], 1).tolist()
        steps = "".join(f"H{x}V{y}" for x, y in zip(across(starts)[1:], heights[1:], strict=True))
        look = look_of(number)
        path = f"M{across(starts[0])} {heights[0]}{steps}H{across(timeline.seconds)}"
        lines.append(Line(timeline.classes[label], path, look.colour, DASHES.get(look.dash, "none")))
    step = next((one for one in STEPS if timeline.seconds / one <= TICKS), STEPS[-1])
    return {
        "lines": lines,
        "levels": [(share, BOTTOM - (BOTTOM - TOP) * share / 100) for share in (0, 50, 100)],
        "ticks": [(_tick(at), across(at)) for at in range(0, int(timeline.seconds) + 1, step)],
        **{"whole": WHOLE, "tall": TALL, "left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM},
        "before": round(100 * LEFT / WHOLE, 2),
        "after": round(100 * (1 - RIGHT / WHOLE), 2),
        "seconds": round(timeline.seconds, 3),
        "step": _step(starts),
    }


def _tick(seconds: int) -> str:
    return clock(seconds)[:-2]


def _step(starts: np.ndarray) -> float:
    """Seconds from one point to the next, for the slider."""
    return round(float(starts[1] - starts[0]), 3) if len(starts) > 1 else 0.1


def _data(timeline: Timeline, starts: np.ndarray, scores: np.ndarray, best: np.ndarray) -> dict[str, Any]:
    """What the script reads. The names are those of the classes that have the highest score somewhere."""
    named, numbers = np.unique(best, return_inverse=True)
    return {
        "starts": np.round(starts, 3).tolist(),
        "best": numbers.tolist(),
        "scores": np.round(scores.max(axis=1), 3).tolist(),
        "names": [timeline.classes[one] for one in named],
        "seconds": round(timeline.seconds, 3),
        "step": _step(starts),
        **{"left": LEFT, "width": RIGHT - LEFT, "whole": WHOLE},
    }


def _lead(timeline: Timeline) -> str:
    tops = timeline.top(3)
    return "Mean scores: " + ", ".join(f"{one.name} {one.mean:.0%}" for one in tops) + "."


def _words(timeline: Timeline) -> str:
    from labkit.viz.timeline import in_words

    return in_words(timeline)


def _top(one: Any) -> dict[str, Any]:
    at = {"seconds": round(one.start, 3), "clock": clock(one.start)}
    return {"name": one.name, "mean": f"{one.mean:.0%}", "best": f"{one.best:.0%}", **at}


def _part(one: Any) -> dict[str, Any]:
    at = {"seconds": round(one.start, 3), "start": clock(one.start), "end": clock(one.end)}
    return {"name": one.name, "mean": f"{one.mean:.0%}", **at}


def _data_uri(video: Path) -> Markup:
    kind = "webm" if video.suffix == ".webm" else "mp4"
    return Markup(f"data:video/{kind};base64,{base64.b64encode(video.read_bytes()).decode('ascii')}")  # noqa: S704 (base64)
