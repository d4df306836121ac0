"""Taking a paper and giving it back. A claim is soft: two readers may hold one paper, and each is told of the other."""

import datetime as dt
import random
from collections.abc import Iterable
from typing import NamedTuple

from labkit.names import did_you_mean
from labkit.survey.group.log import own_log
from labkit.survey.group.settings import local_now
from labkit.survey.group.state import Group, Reading, fold, read_group
from labkit.survey.publication.files import paper_ids, read_paper, summaries_folder
from labkit.survey.publication.ids import reader_id
from labkit.survey.queue.venue import queued, venues


class Claimed(NamedTuple):
    """A claim, with the other holders of the paper and the readers who have done a card of it."""

    reading: Reading
    new: bool  # False where the reader held it already
    others: tuple[Reading, ...]
    finished: tuple[Reading, ...]


def known_papers() -> tuple[str, ...]:
    """The papers that the group can read: those of the library, then those that only the queues have."""
    library = paper_ids()
    waiting = (one.id for venue in venues() for one in queued(venue))
    return tuple(dict.fromkeys((*library, *waiting)))


def known_paper(paper: str) -> str:
    """The id, if the group can read it. Raises `LookupError` with the nearest id, and for a folder of notes."""
    known = known_papers()
    if paper not in known:
        hint = did_you_mean(paper, known)
        raise LookupError(f"no paper {paper!r} in {summaries_folder()}{hint} `labkit group list --all` shows them all")
    if not _is_paper(paper):
        raise LookupError(f"{paper} is a folder of notes, not a paper; it cannot be claimed")
    return paper


def _is_paper(paper: str) -> bool:
    return paper not in paper_ids() or read_paper(paper).kind == "paper"


def claim(paper: str, *, reader: str, now: dt.datetime | None = None) -> Claimed:
    """Take a paper. Holding it twice changes nothing.

    Raises `LookupError` for an unknown paper, `ValueError` where this reader has done its card.
    """
    known_paper(paper)
    reader_id(reader)
    with own_log(reader, now or local_now()) as log:
        group = read_group()
        own = group.reading(paper, reader)
        if own.done is not None:
            raise ValueError(f"{paper} is done: your card {own.card} is from {own.done:%Y-%m-%d}")
        new = own.since is None
        if new:
            group = fold((*group.events, log.add("claim", paper=paper)))
    return claimed(group, paper, reader, new=new)


def claimed(group: Group, paper: str, reader: str, *, new: bool) -> Claimed:
    """This reader's claim among the others'."""
    others = tuple(one for one in group.holders(paper) if one.person != reader)
    finished = tuple(one for one in group.finished(paper) if one.person != reader)
    return Claimed(group.reading(paper, reader), new, others, finished)


def release(paper: str, *, reader: str, now: dt.datetime | None = None) -> None:
    """Give a paper back. Raises `LookupError` for an unknown paper, `ValueError` where this reader does not hold it."""
    reader_id(reader)
    with own_log(reader, now or local_now()) as log:
        group = read_group()
        own = group.reading(paper, reader)
        if own.since is None:
            known_paper(paper)
            held = [one.paper for one in group.held_by(reader)]
            raise ValueError(f"you do not hold {paper}; you hold {', '.join(held) or 'nothing'}")
        if own.running is not None:
            raise ValueError(f"your stopwatch runs for {paper}; stop it first: `labkit group stop`")
        log.add("release", paper=paper)


def pick(group: Group, papers: Iterable[str], *, seed: int | None = None) -> str:
    """A random paper that nobody holds or has done. The same seed gives the same paper.

    Raises `LookupError` where none is left.
    """
    touched = {one.paper for one in group.readings.values() if one.since is not None or one.done is not None}
    free = sorted(set(papers) - touched)
    random.Random(seed).shuffle(free)
    for paper in free:
        if _is_paper(paper):
            return paper
    raise LookupError("every paper is held or done; claim one that somebody else reads too")
