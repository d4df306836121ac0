"""What a network sees in a clip: the places and frames that speak for a class, and its feature maps over time."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from labkit.viz.chooser import Choice, Chooser, Record
from labkit.viz.heat import heat, place, span
from labkit.viz.player import checked_clip, data_uri

LARGE, SMALL = 232, 64  # pixels across of the frame shown large, and of each frame in the strip
CHANNELS = 8  # of a feature map, those that differ most from place to place
OPAQUE = 0.75  # the strongest place of an activation over a frame


def activation_viewer(
    clip: np.ndarray,
    maps: Mapping[int, Mapping[str, Any]],
    classes: Sequence[str],
    scores: Sequence[float] | np.ndarray | None = None,
    **options: Any,
) -> Chooser:
    """Class activation laid over the frames of a clip.

    `clip` is uint8 `(T, H, W, 3)`. `maps` has, for the number of each class to show, a map `(t, h, w)` for each endpoint, as
    `labkit.models.activation.class_activation` makes them. Each step of a map lies over the frames that it was made from.
    `classes` has the names of the classes, `scores` `(K,)` the network's scores, from 0 to 1. `options` go to `Chooser`.
    Raises `ValueError` for another shape, and where there is no map.
    """
    clip = checked_clip(clip)
    named = {}
    for label, of in maps.items():
        name = f"{label}: {classes[label]}" + ("" if scores is None else f", score {scores[label]:.0%}")
        named.update({(name, endpoint): _numbers(each, 3) for endpoint, each in of.items()})
    if not named:
        raise ValueError("an activation viewer needs a class with a map")
    frames = [data_uri(frame, exact=False) for frame in clip]
    states: dict[Choice, Record] = {}
    for (name, endpoint), numbers in named.items():
        top = float(np.nanmax(numbers)) if np.isfinite(numbers).any() else 0.0
        over = [heat(step, top, strongest=OPAQUE) for step in numbers]
        steps = [frame * len(numbers) // len(clip) for frame in range(len(clip))]
        words = html.escape(_activation_words(name, endpoint, numbers, len(clip)))
        shares = _shares(numbers)
        for now in range(len(clip)):
            states[name, endpoint, str(now)] = {
                "words": words,
                "frame": frames[now],
                "over": over[steps[now]],
                "rows": [
                    {
                        "frame": frames[n],
                        "over": over[steps[n]],
                        "number": str(n),
                        "now": "now" if n == now else "",
                        "share": f"{100 * shares[steps[n]]:.0f} %",
                    }
                    for n in range(len(clip))
                ],
            }
    style = _sized(ACTIVATION, clip)
    return Chooser(states, ["class", "endpoint", "frame"], style, name="Class activation", sliders=["frame"], **options)


def feature_viewer(clip: np.ndarray, maps: Mapping[str, Any], **options: Any) -> Chooser:
    """The feature maps of a clip over time, endpoint by endpoint, channel by channel.

    `clip` is uint8 `(T, H, W, 3)`. `maps` has for each endpoint a map `(C, t, h, w)`, as
    `labkit.models.activation.feature_maps` makes them; the channels that differ most from place to place are offered.
    `options` go to `Chooser`. Raises `ValueError` for another shape, and where there is no map.
    """
    clip = checked_clip(clip)
    if not maps:
        raise ValueError("a feature viewer needs an endpoint with a map")
    frames = [data_uri(frame, exact=False) for frame in clip]
    states: dict[Choice, Record] = {}
    for endpoint, each in maps.items():
        numbers = _numbers(each, 4)
        spread = np.nan_to_num(numbers.reshape(len(numbers), -1).std(axis=1))
        for channel in sorted(np.argsort(-spread, kind="stable")[:CHANNELS].tolist()):
            own = numbers[channel]
            limit = float(np.nanmax(np.abs(own))) if np.isfinite(own).any() else 0.0
            pictures = [heat(step, limit) for step in own]
            states[endpoint, str(channel)] = {
                "words": html.escape(_feature_words(endpoint, channel, numbers, len(clip))),
                "rows": [
                    {"frame": frames[n], "map": pictures[n * len(own) // len(clip)], "number": str(n)}
                    for n in range(len(clip))
                ],
            }
    template = _sized(FEATURES, clip)
    return Chooser(states, ["endpoint", "channel"], template, name="Feature maps", sliders=["channel"], **options)


def _numbers(values: Any, axes: int) -> np.ndarray:
    numbers = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values, dtype=np.float64)
    if numbers.ndim != axes or 0 in numbers.shape:
        raise ValueError(f"a map here is {('(t, h, w)', '(C, t, h, w)')[axes - 3]}, not {numbers.shape}")
    return numbers


def _shares(numbers: np.ndarray) -> np.ndarray:
    """The share of each step `(t,)` in the whole of a map `(t, h, w)`; zeros where there is nothing."""
    sums = np.nan_to_num(numbers, posinf=0.0, neginf=0.0).sum(axis=(1, 2))
    return sums / sums.sum() if sums.sum() > 0 else np.zeros(len(sums))


def _shape(numbers: np.ndarray) -> str:
    return " × ".join(map(str, numbers.shape))


def _activation_words(name: str, endpoint: str, numbers: np.ndarray, frames: int) -> str:
    where = f"{name}, at {endpoint} with {_shape(numbers)} (frames × rows × columns)"
    if not np.isfinite(numbers).all():
        return f"{where}: the network gives no numbers here."
    if numbers.max() <= 0:
        return f"{where}: nothing at this endpoint speaks for the class."
    shares, (_, height, width) = _shares(numbers), numbers.shape
    most = int(shares.argmax())
    step, row, column = np.unravel_index(numbers.argmax(), numbers.shape)
    spot = f"at the {place(int(row), int(column), height, width)}" if height * width > 1 else "at its one position"
    time = (
        f"{shares[most]:.0%} of the activation in {span(most, len(numbers), frames)}"
        if len(numbers) > 1
        else "the whole clip is one step"
    )
    return f"{where}: {time}; it is strongest {spot} of {span(int(step), len(numbers), frames)}."


def _feature_words(endpoint: str, channel: int, numbers: np.ndarray, frames: int) -> str:
    own = numbers[channel]
    where = f"Channel {channel} of {len(numbers)} at {endpoint}, {_shape(own)} (frames × rows × columns)"
    if not np.isfinite(own).all():
        return f"{where}: the network gives no numbers here."
    step, row, column = (int(n) for n in np.unravel_index(np.abs(own).argmax(), own.shape))
    over_time = own.mean(axis=(1, 2))
    return (
        f"{where}: from {own.min():.3g} to {own.max():.3g}, strongest at the {place(row, column, *own.shape[1:])} of "
        f"{span(step, len(own), frames)}. Its mean over the picture goes from {over_time[0]:.3g} at the first to "
        f"{over_time[-1]:.3g} at the last step."
    )


def _sized(template: str, clip: np.ndarray) -> str:
    """The template with the sizes of this clip's frames on the page, their proportions kept."""
    height, width = clip.shape[1:3]
    for name, across in (("LARGE", f"min({LARGE}px, 46%)"), ("SMALL", f"{SMALL}px")):
        template = template.replace(name, f"width: {across}; aspect-ratio: {width} / {height};")
    return template


STYLE = """<style>
.labkit-frames { display: flex; flex-wrap: wrap; gap: .4em; margin: .5em 0; font-size: .78em; text-align: center; }
.labkit-frame { position: relative; display: block; } .labkit-frame img { position: absolute; inset: 0; width: 100%; height: 100%; }
.labkit-map { border: 1px solid var(--faint); } .labkit-large { LARGE } .labkit-small { SMALL }
.labkit-now { outline: 3px solid currentColor; outline-offset: 1px; }
</style>"""

ACTIVATION = (
    STYLE
    + """<p aria-live="polite">{words}</p>
<div class="labkit-frames"><span class="labkit-frame labkit-large"><img src="{frame}" alt=""></span>
<span class="labkit-frame labkit-large"><img src="{frame}" alt=""><img src="{over}" alt=""></span></div>
<div class="labkit-frames">{#rows}<span><span class="labkit-frame labkit-small labkit-{now}"><img src="{frame}" alt=""><img src="{over}" alt=""></span>{number}<br>{share}</span>{/rows}</div>
<p><small>First the frame of the slider as it is, then the same frame, orange where it speaks for the class. Below: all frames with
their numbers, and the share of the activation in the step of the map that lies over each.</small></p>"""
)

FEATURES = (
    STYLE
    + """<p aria-live="polite">{words}</p>
<div class="labkit-frames">{#rows}<span><span class="labkit-frame labkit-small"><img src="{frame}" alt=""></span>
<span class="labkit-frame labkit-small labkit-map"><img src="{map}" alt=""></span>{number}</span>{/rows}</div>
<p><small>Above: the frames of the clip. Below: the channel's map at each frame, orange above 0 and blue below.</small></p>"""
)
