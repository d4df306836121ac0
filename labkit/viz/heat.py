"""Maps of numbers as small transparent pictures: they lie on a page of any colour, or over a frame."""

import numpy as np

from labkit.viz.player import data_uri
from labkit.viz.theme import BLUE, VERMILLION


def heat(values: np.ndarray, limit: float, *, strongest: float = 1.0) -> str:
    """Numbers `(H, W)` as a `data:` address of H by W pixels: above 0 vermillion, below 0 blue, 0 and NaN transparent.

    A number of `limit` or more is as opaque as `strongest` says, from 0 to 1.
    """
    known = np.nan_to_num(np.asarray(values, dtype=np.float64), nan=0.0, posinf=limit, neginf=-limit)
    share = np.clip(np.abs(known) / limit, 0, 1) if limit > 0 else np.zeros_like(known)
    picture = np.zeros((*known.shape, 4), np.uint8)
    for colour, where in ((VERMILLION, known >= 0), (BLUE, known < 0)):
        picture[where, :3] = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    picture[..., 3] = np.round(255 * strongest * share)
    return data_uri(picture)


def place(row: int, column: int, height: int, width: int) -> str:
    """A place in a picture in words: `upper left`, `centre`."""
    down = ("upper", "middle", "lower")[(6 * row + 3) // (2 * height)] if height > 1 else "middle"
    across = ("left", "centre", "right")[(6 * column + 3) // (2 * width)] if width > 1 else "centre"
    return "centre" if (down, across) == ("middle", "centre") else f"{down} {across}"


def span(step: int, steps: int, frames: int) -> str:
    """The frames of a clip that a step of a map stands for: `frame 3`, `frames 4 to 7`."""
    first, last = step * frames // steps, max((step + 1) * frames // steps - 1, step * frames // steps)
    return f"frame {first}" if first == last else f"frames {first} to {last}"
