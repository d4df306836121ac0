"""A care note: members who have become quieter than they used to be, so that somebody asks how they are.

It is worked out from the logs for the member who asks. Nothing about it is written, counted or sent. Each member is
compared with their own past and with nobody else, and the words blame nobody.
"""

import datetime as dt
from dataclasses import dataclass
from statistics import median

from labkit.survey.group.state import Group

WINDOW = dt.timedelta(days=14)
PAST = 6  # fortnights of a member's past that count
LEAST = 2  # active days a fortnight; with fewer, a quiet fortnight means nothing


@dataclass(frozen=True)
class CareNote:
    """A member who is quieter than usual: active days of the last fortnight, and of a usual fortnight of theirs."""

    person: str
    recent: int
    usual: float


def care_notes(group: Group, now: dt.datetime) -> tuple[CareNote, ...]:
    """Members whose active days have fallen below half of their usual number, by name, without those who left."""
    here = [person for person in group.people if not _has_left(group, person)]
    notes = [_note(group, person, now) for person in here]
    return tuple(note for note in notes if note is not None)


def _has_left(group: Group, person: str) -> bool:
    spells = group.spells.get(person, ())
    return bool(spells) and spells[-1].until is not None


def _note(group: Group, person: str, now: dt.datetime) -> CareNote | None:
    days = sorted({event.at.astimezone(now.tzinfo).date() for event in group.events if event.person == person})
    today = now.date()
    ages = [(today - day).days // WINDOW.days for day in days if day <= today]
    if not ages:
        return None
    windows = min(max(ages), PAST)  # before somebody came there is nothing to compare with
    past = [ages.count(age) for age in range(1, windows + 1)]
    if len(past) < 2:
        return None
    usual, recent = median(past), ages.count(0)
    return CareNote(person, recent, usual) if usual >= LEAST and recent < usual / 2 else None


def kind_words(note: CareNote, asked_by: str) -> str:
    """What to say about it to the one who asks, about themselves or a colleague."""
    if note.person == asked_by:
        return (
            "You have been quieter than you usually are. That happens, and needs no reason. If something is in the "
            "way, say so to somebody; a paper can be handed on with `labkit group release`, and a short one picked "
            "with `labkit group claim --random`."
        )
    return (
        f"{note.person} has been quieter than usual. Perhaps ask how things are, in private and without expecting "
        "cards. An offer to read one together often helps."
    )
