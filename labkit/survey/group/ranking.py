"""Who wrote how many cards in a week or a month, by person, and by institution per head.

A card counts on the day it was done by the group's clock; a paper counts once per person. An institution's cards are
those of its members, and it has as many heads as members, those who wrote nothing too: large groups win nothing by
being large. A member who changed institution counts, with all cards, for the last institution of the period.
"""

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from labkit.survey.group.state import Group, Spell


@dataclass(frozen=True)
class Period:
    """Whole days, first to last, by a zone's clock."""

    name: str
    first: dt.date
    last: dt.date
    zone: dt.tzinfo

    def __contains__(self, at: dt.datetime) -> bool:
        return self.first <= at.astimezone(self.zone).date() <= self.last

    def starts_after(self, at: dt.datetime) -> bool:
        """Whether this moment was before it."""
        return at.astimezone(self.zone).date() < self.first

    def ends_before(self, at: dt.datetime) -> bool:
        """Whether this moment was after it."""
        return at.astimezone(self.zone).date() > self.last


@dataclass(frozen=True)
class Score:
    """A person's place. Equal numbers share a place, and the next place is that much further down."""

    place: int
    person: str
    cards: int
    institution: str = ""


@dataclass(frozen=True)
class InstitutionScore:
    """An institution's place, by cards per head."""

    place: int
    institution: str
    cards: int
    members: int

    @property
    def per_head(self) -> float:
        """Cards divided by members."""
        return self.cards / self.members


@dataclass(frozen=True)
class Ranking:
    """Both tables of a period; those without a card are in neither."""

    period: Period
    people: tuple[Score, ...]
    institutions: tuple[InstitutionScore, ...]


def month(name: str, zone: ZoneInfo) -> Period:
    """`2018-03`: the calendar month. Raises `ValueError` for anything else."""
    if not re.fullmatch(r"\d{4}-\d{2}", name):
        raise ValueError(f"{name!r} is not a month; write it as 2018-03")
    try:
        first = dt.date.fromisoformat(f"{name}-01")
        following = dt.date(first.year + first.month // 12, first.month % 12 + 1, 1)
    except ValueError:
        raise ValueError(f"{name!r} is not a month; write it as 2018-03") from None
    return Period(name, first, following - dt.timedelta(days=1), zone)


def week(name: str, zone: ZoneInfo) -> Period:
    """`2018-W10`: Monday to Sunday, numbered as ISO 8601 does. Raises `ValueError` for anything else."""
    numbers = re.fullmatch(r"(\d{4})-W(\d{1,2})", name)
    try:
        first = dt.date.fromisocalendar(int(numbers[1]), int(numbers[2]), 1) if numbers else None
    except ValueError:
        first = None
    if first is None:
        raise ValueError(f"{name!r} is not a week; write it as 2018-W10")
    return Period(name, first, first + dt.timedelta(days=6), zone)


def month_of(now: dt.datetime, zone: ZoneInfo) -> Period:
    """The month of this moment."""
    return month(f"{now.astimezone(zone):%Y-%m}", zone)


def week_of(now: dt.datetime, zone: ZoneInfo) -> Period:
    """The week of this moment; the last days of December can be of the next year's first week."""
    year, number, _ = now.astimezone(zone).date().isocalendar()
    return week(f"{year}-W{number:02}", zone)


def ranking(group: Group, period: Period) -> Ranking:
    """Who wrote how many cards in the period."""
    cards = Counter(one.person for one in group.readings.values() if one.done is not None and one.done in period)
    belongs = {person: institution_in(spells, period) for person, spells in group.spells.items()}
    heads = Counter(institution for institution in belongs.values() if institution)
    written = Counter(dict.fromkeys(heads, 0))
    for person, count in cards.items():
        if institution := belongs.get(person):
            written[institution] += count
    people = placed((count, person) for person, count in cards.items())
    rates = placed((count / heads[name], name) for name, count in written.items() if count)
    return Ranking(
        period,
        tuple(Score(place, person, cards[person], belongs.get(person) or "") for place, _, person in people),
        tuple(InstitutionScore(place, name, written[name], heads[name]) for place, _, name in rates),
    )


def institution_in(spells: Iterable[Spell], period: Period) -> str | None:
    """The institution for which a member counts: the last one of the period; None for a member who left before it.

    A member who joined only after the period counts for that institution: people write before they fill in forms.
    """
    spells = list(spells)
    begun = [spell for spell in spells if not period.ends_before(spell.since)]
    if not begun:
        return spells[0].institution if spells else None
    last = begun[-1]
    return None if last.until is not None and period.starts_after(last.until) else last.institution


def placed(scores: Iterable[tuple[float, str]]) -> list[tuple[int, float, str]]:
    """Place, score and name, the highest first; equal scores share a place, in the order of their names."""
    ordered = sorted(scores, key=lambda score: (-score[0], score[1]))
    return [(1 + sum(other > score for other, _ in ordered), score, name) for score, name in ordered]
