"""Places for the labels of points, so that no label lies on another."""

from collections.abc import Sequence
from itertools import product

LETTER, LINE, AWAY = 6.5, 15, 9  # pixels: a letter's width, a label's height, from a point's middle to its label
PLACES = {
    f"{'middle' if v == 0 else 'top' if v > 0 else 'bottom'} {'center' if h == 0 else 'right' if h > 0 else 'left'}": (
        h,
        v,
    )
    for v, h in ((-1, 0), (1, 0), (0, 1), (0, -1), (-1, 1), (1, 1), (-1, -1), (1, -1))
}
ROUNDS = 4

Box = tuple[float, float, float, float]  # left, bottom, right, top


def label_places(
    x: Sequence[float],
    y: Sequence[float],
    texts: Sequence[str],
    *,
    across: tuple[float, float],
    down: tuple[float, float],
    width: float = 480,
    height: float = 300,
) -> list[str]:
    """A plotly `textposition` for each point. Where there is room, no label covers a point or another label.

    `across` and `down` are the ranges of the axes, `width` and `height` the least pixels that they are drawn on.
    """
    middles = [
        ((a - across[0]) / (across[1] - across[0]) * width, (b - down[0]) / (down[1] - down[0]) * height)
        for a, b in zip(x, y, strict=True)
    ]
    points = [(a - AWAY / 2, b - AWAY / 2, a + AWAY / 2, b + AWAY / 2) for a, b in middles]
    boxes = [
        {place: _box(middle, len(text) * LETTER, *PLACES[place]) for place in PLACES}
        for middle, text in zip(middles, texts, strict=True)
    ]
    chosen = [next(iter(PLACES))] * len(points)
    for _, number in product(range(ROUNDS), range(len(points))):
        taken = points[:number] + points[number + 1 :]
        taken += [boxes[other][chosen[other]] for other in range(len(points)) if other != number]
        spoilt = {
            place: sum(_shared(box, one) for one in taken) + _outside(box, width, height)
            for place, box in boxes[number].items()
        }
        chosen[number] = min(spoilt, key=lambda place: spoilt[place])  # of equal ones the first: below
    return chosen


def _box(middle: tuple[float, float], wide: float, right: int, up: int) -> Box:
    a = middle[0] + right * (AWAY + wide / 2 if up == 0 else wide / 2)
    b = middle[1] + up * (AWAY + LINE / 2)
    return a - wide / 2, b - LINE / 2, a + wide / 2, b + LINE / 2


def _shared(one: Box, other: Box) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, wide) * max(0.0, high)


def _outside(box: Box, width: float, height: float) -> float:
    return (box[2] - box[0]) * (box[3] - box[1]) - _shared(box, (0, 0, width, height))
