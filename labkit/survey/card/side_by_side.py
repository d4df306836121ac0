"""One paper read by several people: their cards side by side by role, with what they do not agree on.

```
view = side_by_side("hara-2018-retrace")
view.table                    # roles down, cards across: the words of each section
view.disagreements            # claims that dispute others, two values for one thing, roles that one reader alone filled
```
"""

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import pandas as pd

from labkit.survey.card.file import CardFile, cards
from labkit.survey.card.formats import ROLES, Role, role_exactly
from labkit.survey.card.schema import CardClaim
from labkit.survey.card.show import is_told
from labkit.survey.publication.cite import folded
from labkit.survey.publication.files import read_paper
from labkit.survey.publication.schema import Paper

OTHER = "other"  # the row for headings that no format knows
Kind = Literal["disputed", "two values", "one reader alone"]
# "84.4 %", "3,783 clips": digits outside of names such as ResNet-18 or UCF-101, with what they count.
_NUMBER = re.compile(
    r"(?<![A-Za-z0-9_.,/-])(\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?)\s*(%|％|ポイント|포인트|个?百分点|[A-Za-z]{1,12}|)"
)
_UNITS = {"％": "%", "percent": "%", **dict.fromkeys(("point", "ポイント", "포인트", "百分点", "个百分点"), "points")}
# Names that stand in every language as they are: ResNet-18, UCF-101, I3D.
_NAME = re.compile(r"[A-Z][A-Za-z]*[0-9A-Z][A-Za-z0-9+-]*|[0-9]D [A-Z][A-Za-z]+")


@dataclass(frozen=True)
class Disagreement:
    """A point on which two readers, or a reader and the paper, differ: its kind, its subject, and who says what."""

    kind: Kind
    about: str
    says: tuple[tuple[str, str], ...]  # who, what

    def __str__(self) -> str:
        return f"{self.kind}: {self.about}: " + "; ".join(f"{who}: {what}" for who, what in self.says)


@dataclass(frozen=True)
class SideBySide:
    """The cards of a paper, and where they differ."""

    paper: Paper
    cards: tuple[CardFile, ...]
    disagreements: tuple[Disagreement, ...]

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles that any card fills, in the usual order."""
        return tuple(role for role in ROLES if any(said(card, role, self.paper) for card in self.cards))

    @property
    def rows(self) -> dict[str, list[str]]:
        """The text of each card for every role, as Markdown, and last the text without a role; "" where a card has none."""
        made: dict[str, list[str]] = {
            role: [said(card, role, self.paper) for card in self.cards] for role in self.roles
        }
        other = [said(card, None, self.paper) for card in self.cards]
        return {**made, **({OTHER: other} if any(other) else {})}

    @property
    def table(self) -> pd.DataFrame:
        """Roles down, cards across, the words of each; empty where a reader wrote nothing."""
        names = [name_of(card) for card in self.cards]
        return pd.DataFrame.from_dict(self.rows, orient="index", columns=names).rename_axis("role")

    def _repr_html_(self) -> str:
        e = html.escape
        table = self.table.map(lambda text: e(text).replace("\n", "<br>"))
        table.columns = table.columns.map(e)
        listed = "".join(f"<li><b>{e(one.kind)}</b> {e(one.about)}{_said(one)}</li>" for one in self.disagreements)
        return f"<p><strong>{e(self.paper.title)}</strong></p><ul>{listed}</ul>{table.to_html(escape=False, border=0)}"


def side_by_side(paper_id: str, *, language: str | Sequence[str] = (), reader: str | Sequence[str] = ()) -> SideBySide:
    """The cards of a paper, or those of some languages or readers. Raises `LookupError` for an unknown paper, or no card."""
    paper = read_paper(paper_id)
    chosen = [
        card for card in cards(paper_id) if _among(card.about.language, language) and _among(card.about.reader, reader)
    ]
    if not chosen:
        raise LookupError(f"no card of {paper_id} fits; `labkit card new {paper_id} --reader NAME` begins one")
    return put_together(paper, chosen)


def put_together(paper: Paper, chosen: Sequence[CardFile]) -> SideBySide:
    """These cards of a paper side by side."""
    found = [*disputed(paper, chosen), *two_values(chosen), *alone(chosen)]
    return SideBySide(paper, tuple(chosen), tuple(found))


def said(card: CardFile, role: Role | None, paper: Paper) -> str:
    """All text of a card with this role, or without a role, as Markdown. Headings that say more than the role stay."""
    lead, parts = (card.sections[0], card.title), []
    for one in card.sections:
        if one.role != role or (one in lead and is_told(f"{one.heading}\n\n{one.text}", paper)):
            continue
        known = role_exactly(one.heading) is not None
        text = one.text.strip("\r\n") if one.text.strip() else ""
        parts.append(text if known or not one.heading else f"#### {one.heading}\n\n{text}")
    return "\n\n".join(part.rstrip() for part in parts if part.strip())


def name_of(card: CardFile) -> str:
    """The name of a card among the cards of its paper: language and reader."""
    return f"{card.about.language}, {card.about.reader}"


def disputed(paper: Paper, chosen: Sequence[CardFile]) -> Iterator[Disagreement]:
    """Claims that dispute one of the paper's, one of another card's, or something that they quote."""
    for card in chosen:
        for claim in card.about.claims:
            if claim.disputes:
                against = _who_claims(claim.disputes, paper, [other for other in chosen if other is not card])
                mine = (name_of(card), f"{claim.text} {claim.evidence}")
                yield Disagreement("disputed", against[1], (against, mine))


def _who_claims(disputed: str, paper: Paper, others: Iterable[CardFile]) -> tuple[str, str]:
    for one in paper.claims:
        if one.id == disputed:
            return "the paper", one.text
    for card in others:
        for claim in card.about.claims:
            if claim.id == disputed:
                return name_of(card), claim.text
    return "the paper", disputed


def two_values(chosen: Sequence[CardFile]) -> Iterator[Disagreement]:
    """Claims of two cards about one thing with different numbers.

    They are about one thing where they share an id, or a source and all names in them (networks, datasets); languages
    do not matter.
    """
    for one, other in combinations(chosen, 2):
        for mine in one.about.claims:
            for theirs in other.about.claims:
                thing = _same_thing(mine, theirs)
                if thing and _differ(mine.text, theirs.text):
                    yield Disagreement("two values", thing, ((name_of(one), mine.text), (name_of(other), theirs.text)))


def _same_thing(mine: CardClaim, theirs: CardClaim) -> str:
    """The subject that two claims share; empty if they have none in common."""
    if mine.id and mine.id == theirs.id:
        return mine.id
    names = names_in(mine.text)
    alike = bool(names) and names == names_in(theirs.text) and folded(mine.source) == folded(theirs.source)
    return f"{', '.join(sorted(names))} ({mine.source})" if alike and mine.source else ""


def names_in(text: str) -> frozenset[str]:
    """The names of networks and datasets in a text: words with capitals or digits after the first letter."""
    return frozenset(found.rstrip("-+") for found in _NAME.findall(text))


def _differ(mine: str, theirs: str) -> bool:
    """Whether two texts give other numbers for the same unit: neither has all of the other's."""
    ours, others = _numbers(mine), _numbers(theirs)
    return any(not (ours[unit] <= others[unit] or others[unit] <= ours[unit]) for unit in ours.keys() & others.keys())


def _numbers(text: str) -> dict[str, set[float]]:
    found: dict[str, set[float]] = {}
    for digits, unit in _NUMBER.findall(text):
        unit = unit.casefold()
        found.setdefault(_UNITS.get(unit, unit), set()).add(float(digits.replace(",", "")))
    return found


def alone(chosen: Sequence[CardFile]) -> Iterator[Disagreement]:
    """Roles that one reader alone filled, where there are several."""
    if len(chosen) < 2:
        return
    for role in ROLES:
        filled = [card for card in chosen if card.role(role)]
        if len(filled) == 1:
            yield Disagreement("one reader alone", role, ((name_of(filled[0]), _first_words(filled[0].role(role))),))


def _first_words(text: str, most: int = 120) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 1].rstrip() + "…"


def _said(one: Disagreement) -> str:
    e = html.escape
    return "<ul>" + "".join(f"<li>{e(who)}: {e(what)}</li>" for who, what in one.says) + "</ul>"


def _among(value: str, wanted: str | Sequence[str]) -> bool:
    return not wanted or value in ([wanted] if isinstance(wanted, str) else wanted)
