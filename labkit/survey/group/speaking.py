"""What members say: ideas, kept or rejected with a reason; praise of somebody's work; their institution."""

import datetime as dt

from labkit.names import did_you_mean, meant_or_all
from labkit.survey.group.claiming import known_paper
from labkit.survey.group.log import own_log
from labkit.survey.group.settings import local_now
from labkit.survey.group.state import Group, Idea, Praise, read_group
from labkit.survey.publication.ids import reader_id


def note_idea(text: str, *, reader: str, paper: str = "", now: dt.datetime | None = None) -> Idea:
    """Write an idea down. Raises `LookupError` for an unknown paper, `ValueError` for an idea without words."""
    reader_id(reader)
    if paper:
        known_paper(paper)
    with own_log(reader, now or local_now()) as log:
        event = log.add("idea", text=_said(text, "an idea"), paper=paper)
    return next(idea for idea in read_group().ideas if idea.id == event.id)


def judge_idea(start: str, *, keep: bool, reason: str, reader: str, now: dt.datetime | None = None) -> Idea:
    """Keep or reject the idea whose id starts so, and say why: a reject with its reason is knowledge too.

    Raises `LookupError` where no idea, or more than one, is meant; `ValueError` without a reason.
    """
    reader_id(reader)
    reason = _said(reason, "the reason")
    with own_log(reader, now or local_now()) as log:
        found = find_idea(read_group(), start)
        log.add("keep" if keep else "reject", idea=found.id, reason=reason)
    return find_idea(read_group(), found.id)


def find_idea(group: Group, start: str) -> Idea:
    """The one idea whose id starts so. Raises `LookupError`."""
    found = [idea for idea in group.ideas if start and idea.id.startswith(start)]
    if len(found) == 1:
        return found[0]
    ids = [idea.id for idea in group.ideas]
    more = (
        f" fits {len(found)} ideas; write more of its letters" if found else f": no such idea{did_you_mean(start, ids)}"
    )
    raise LookupError(f"idea {start!r}{more} `labkit group idea` lists them")


def praise(to: str, text: str, *, reader: str, paper: str = "", now: dt.datetime | None = None) -> Praise:
    """Say what somebody did well. Raises `LookupError` for an unknown member or paper, `ValueError` for oneself."""
    reader_id(reader)
    if to == reader:
        raise ValueError("praise is for the work of somebody else")
    if paper:
        known_paper(paper)
    with own_log(reader, now or local_now()) as log:
        people = read_group().people
        if to not in people:
            raise LookupError(f"no member {to!r}{meant_or_all(to, people)}")
        event = log.add("praise", to=to, text=_said(text, "praise"), paper=paper)
    return Praise(reader, to, event.at, event["text"], paper)


def join(institution: str, *, reader: str, now: dt.datetime | None = None) -> None:
    """Say which institution a reader is from, for the ranking per head. Saying it again changes nothing."""
    reader_id(reader)
    institution = _said(institution, "the institution")
    with own_log(reader, now or local_now()) as log:
        spells = read_group().spells.get(reader, ())
        if not spells or spells[-1].until is not None or spells[-1].institution != institution:
            log.add("join", institution=institution)


def leave(*, reader: str, now: dt.datetime | None = None) -> str:
    """Leave the institution; returns its name. Raises `ValueError` for a reader without one."""
    reader_id(reader)
    with own_log(reader, now or local_now()) as log:
        spells = read_group().spells.get(reader, ())
        if not spells or spells[-1].until is not None:
            raise ValueError(f"{reader} has not joined an institution; `labkit group join NAME` does that")
        log.add("leave")
    return spells[-1].institution


def _said(text: str, what: str) -> str:
    text = " ".join(text.split())
    if not text:
        raise ValueError(f"{what} needs words")
    return text
