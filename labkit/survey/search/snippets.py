"""The place in a text with most of the words asked for, short enough for a list of hits."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from labkit.survey.card.words import Wanted, terms

AROUND = 60  # characters before the first word that was found
LENGTH = 180

Part = tuple[str, str, str]  # field, heading, text
Place = tuple[int, int]


class Snippet(NamedTuple):
    """Which part, some of its text, and where in that the words stand."""

    field: str
    heading: str
    text: str
    marks: tuple[Place, ...]


def snippet(parts: Sequence[Part], wanted: Sequence[Wanted]) -> Snippet:
    """The part with most of the words asked for (the first of equals), cut around the first of them."""
    field, heading, text = parts[0] if parts else ("other", "", "")
    places: list[Place] = []
    most = 0
    for part in parts:
        found = list(terms(part[2]))
        each = [list(one.places(found)) for one in wanted]
        kinds = sum(map(bool, each))
        if kinds > most:
            most, (field, heading, text) = kinds, part
            places = sorted(place for some in each for place in some)
    start = _start(text, places[0][0]) if places else 0
    lead, tail = "…" if start else "", "…" if start + LENGTH < len(text) else ""
    shown = lead + text[start : start + LENGTH]
    moved = ((begin - start + len(lead), end - start + len(lead)) for begin, end in places)
    return Snippet(field, heading, shown + tail, _merged((begin, end) for begin, end in moved if end <= len(shown)))


def _start(text: str, first: int) -> int:
    """Where to begin so that the first word has a little around it; not in the middle of a word, where there are words."""
    start = max(0, first - AROUND)
    space = text.find(" ", start, first) if start else -1
    return space + 1 if space >= 0 else start


def _merged(places: Iterable[Place]) -> tuple[Place, ...]:
    """Places in order, those that touch as one."""
    made: list[Place] = []
    for begin, end in places:
        if made and begin <= made[-1][1]:
            made[-1] = (made[-1][0], max(end, made[-1][1]))
        else:
            made.append((begin, end))
    return tuple(made)
