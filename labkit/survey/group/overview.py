"""The paper list: how many there are, how many are done and how many are left, who holds what.

A paper is done when somebody's card of it is done *and there*: a log that says so without the card does not count.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labkit.survey.group.state import Group, Reading, by_time
from labkit.survey.publication.files import summaries_folder

Standing = Literal["reading", "claimed", "left", "done"]


@dataclass(frozen=True)
class Row:
    """A paper of the list: how it stands, who holds it, whose cards are done, and whose are said to be but are missing."""

    paper: str
    title: str
    standing: Standing
    holders: tuple[Reading, ...] = ()
    finished: tuple[Reading, ...] = ()
    missing: tuple[Reading, ...] = ()


@dataclass(frozen=True)
class Overview:
    """The list; `total` is `done` + `claimed` + `left`, claimed ones that are being read among them."""

    rows: tuple[Row, ...]

    def count(self, *standings: Standing) -> int:
        """How many papers stand so."""
        return sum(row.standing in standings for row in self.rows)

    @property
    def total(self) -> int:
        """All papers."""
        return len(self.rows)

    @property
    def done(self) -> int:
        """Those with a card."""
        return self.count("done")

    @property
    def claimed(self) -> int:
        """Those without one that somebody holds."""
        return self.count("claimed", "reading")

    @property
    def remaining(self) -> int:
        """Those without a card, held or not."""
        return self.total - self.done

    def of(self, person: str) -> tuple[Row, ...]:
        """What this person holds or has done."""
        return tuple(row for row in self.rows if any(one.person == person for one in (*row.holders, *row.finished)))


def card_is_there(reading: Reading) -> bool:
    """Whether the card that this reading ended in is in the library."""
    # The name comes from somebody else's log, and must not lead out of the folder.
    name = Path(reading.card).name
    return name == reading.card and (summaries_folder() / reading.paper / "cards" / name).is_file()


def overview(group: Group, titles: Mapping[str, str]) -> Overview:
    """The list of these papers, id and title, in their order."""
    touched: dict[str, list[Reading]] = {}
    for reading in group.readings.values():
        touched.setdefault(reading.paper, []).append(reading)
    rows = [_row(touched.get(paper, ()), paper, title) for paper, title in titles.items()]
    return Overview(tuple(rows))


def _row(readings: Iterable[Reading], paper: str, title: str) -> Row:
    holders = by_time((one for one in readings if one.since is not None), "since")
    said = by_time((one for one in readings if one.done is not None), "done")
    finished = tuple(one for one in said if card_is_there(one))
    missing = tuple(one for one in said if one not in finished)
    standing: Standing = "left"
    if finished:
        standing = "done"
    elif holders:
        standing = "reading" if any(one.running for one in holders) else "claimed"
    return Row(paper, title, standing, holders, finished, missing)


def titles() -> dict[str, str]:
    """All that the group can read, id and title: the library's papers, then what only the venues' queues have."""
    from labkit.survey.library.shelf import open_shelf
    from labkit.survey.queue.venue import queued, venues

    found = {paper: about.title for paper, about in open_shelf().papers.items() if about.kind == "paper"}
    for venue in venues():
        for one in queued(venue):
            found.setdefault(one.id, one.title)
    return found
