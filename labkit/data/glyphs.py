"""The shapes of the `motion` dataset: outlines, textures and colours, as tables.

An outline is a signed distance: below 0 inside, above 0 outside, in units of the shape's radius, at the shape's own
coordinates `u` (right) and `v` (down). Distances give smooth edges without drawing at a higher resolution first.
No outline looks the same after a turn of less than 360 degrees, so that a turn can always be seen.
"""

from collections.abc import Callable

import numpy as np

Distance = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _box(u: np.ndarray, v: np.ndarray, left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """Distance to an upright rectangle (exact inside, a little short outside the corners)."""
    across = np.abs(u - (left + right) / 2) - (right - left) / 2
    down = np.abs(v - (top + bottom) / 2) - (bottom - top) / 2
    return np.maximum(across, down)


def _letter_l(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.minimum(_box(u, v, -0.7, -0.9, -0.1, 0.9), _box(u, v, -0.7, 0.3, 0.7, 0.9))


def _letter_t(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.minimum(_box(u, v, -0.9, -0.8, 0.9, -0.2), _box(u, v, -0.3, -0.8, 0.3, 0.9))


def _triangle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    # A tall isosceles triangle: tip at (0, -1), base at v = 0.7. The equilateral one would look alike after 120 degrees.
    slope = 0.8 / 1.7
    side = (np.abs(u) - slope * (v + 1.0)) / np.sqrt(1.0 + slope**2)
    return np.maximum(side, v - 0.7)


def _half_disc(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(np.sqrt(u * u + v * v) - 1.0, -v - 0.1)


SHAPES: dict[str, Distance] = {
    "ell": _letter_l,
    "tee": _letter_t,
    "triangle": _triangle,
    "half-disc": _half_disc,
}

# Brightness on a 3x3 grid over the shape, row by row from its top.
TEXTURES: dict[str, tuple[tuple[float, float, float], ...]] = {
    "plain": ((0.9, 0.9, 0.9), (0.9, 0.9, 0.9), (0.9, 0.9, 0.9)),
    "rows": ((1.0, 1.0, 1.0), (0.75, 0.75, 0.75), (1.0, 1.0, 1.0)),
    "columns": ((1.0, 0.75, 1.0), (1.0, 0.75, 1.0), (1.0, 0.75, 1.0)),
    "checks": ((1.0, 0.75, 1.0), (0.75, 1.0, 0.75), (1.0, 0.75, 1.0)),
    "spot": ((0.75, 0.75, 0.75), (0.75, 1.0, 0.75), (0.75, 0.75, 0.75)),
    "shaded": ((0.7, 0.78, 0.85), (0.78, 0.85, 0.93), (0.85, 0.93, 1.0)),
}

# One colour for each of the twelve motions, so that `bias` can tie each motion to a colour of its own.
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (230, 60, 60),
    "orange": (240, 140, 40),
    "yellow": (235, 220, 60),
    "lime": (160, 225, 60),
    "green": (60, 190, 90),
    "teal": (40, 180, 165),
    "cyan": (80, 215, 240),
    "blue": (80, 120, 240),
    "violet": (150, 100, 240),
    "magenta": (225, 80, 220),
    "pink": (250, 160, 190),
    "white": (235, 235, 235),
}
