"""One event: a line of a member's log, such as `{"at": "2018-03-04T21:10:05.120+09:00", "kind": "claim", "paper": "…"}`.

The time always has its distance from UTC. Who did it is the file's name. A kind, or a field, that this version does
not know stays in the file and among the events; nothing is concluded from it.
"""

import datetime as dt
import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LONGEST_LINE = 20_000  # characters
LONGEST_TEXT = 4_000
LONGEST_READING = 24 * 60.0  # minutes: the longest run of a stopwatch


@dataclass(frozen=True)
class Event:
    """Something a member did. Two events with the same person and line are the same event."""

    at: dt.datetime  # in UTC; the line keeps the distance it was written with
    person: str
    line: str
    about: Mapping[str, Any] = field(compare=False, repr=False)

    @property
    def kind(self) -> str:
        """What was done: a key of `KINDS`, or a word of a later version."""
        return str(self.about["kind"])

    @property
    def id(self) -> str:
        """Eight letters made of the event itself, the same in every clone."""
        return hashlib.sha256(f"{self.person} {self.line}".encode()).hexdigest()[:8]

    def __getitem__(self, name: str) -> Any:
        return self.about.get(name)


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 80 and ID.fullmatch(value) is not None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value.strip()) > 0 and len(value) <= LONGEST_TEXT


def _is_minutes(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value) and 0 <= value <= LONGEST_READING


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 1000


def _is_month(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9]{4}-(?:0[1-9]|1[0-2])", value) is not None


def _is_mode(value: Any) -> bool:
    return value in ("skim", "close")


# The fields of each kind of event, and their types.
KINDS: dict[str, dict[str, Callable[[Any], bool]]] = {
    "join": {"institution": _is_text},
    "leave": {},
    "claim": {"paper": _is_id},
    "release": {"paper": _is_id},
    "start": {"paper": _is_id, "mode": _is_mode},
    "stop": {"paper": _is_id, "minutes": _is_minutes},
    "done": {"paper": _is_id, "card": _is_text},  # card: the file's name, en-reader-a.md; and the card's mode
    "idea": {"text": _is_text},  # and the paper that gave it, where one did
    "keep": {"idea": _is_id, "reason": _is_text},
    "reject": {"idea": _is_id, "reason": _is_text},
    "deck": {"paper": _is_id, "what": _is_text},  # a version of its slides; and the readers whose cards made them
    "praise": {"to": _is_id, "text": _is_text},  # and the paper whose card was good, where one was
    "goal": {"month": _is_month, "skims": _is_count, "close": _is_count},  # from that month on
}


def make_event(person: str, at: dt.datetime, kind: str, **about: Any) -> Event:
    """An event of now. Raises `ValueError` for a time without a zone, or a field that is not what the kind needs."""
    if at.utcoffset() is None:
        raise ValueError(f"the time {at} has no zone")
    data = {"at": at.isoformat(timespec="milliseconds"), "kind": kind}
    data |= {name: value for name, value in about.items() if value not in ("", None)}
    return parse_event(person, json.dumps(data, ensure_ascii=False))


def parse_event(person: str, line: str) -> Event:
    """The event of a line. Raises `ValueError`, saying what is wrong with it."""
    if len(line) > LONGEST_LINE:
        raise ValueError(f"a line of {len(line):,} characters")
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("not a line of JSON") from None
    if not isinstance(data, dict) or not isinstance(data.get("kind"), str):
        raise ValueError("not an event: it has no kind")
    for name, good in KINDS.get(data["kind"], {}).items():
        if not good(data.get(name)):
            raise ValueError(f"{data['kind']}: {name} cannot be {data.get(name)!r}")
    if data["kind"] in KINDS and data.get("paper") is not None and not _is_id(data["paper"]):
        raise ValueError(f"{data['kind']}: paper cannot be {data['paper']!r}")
    whole = json.dumps(data, ensure_ascii=False, sort_keys=True)
    try:
        whole.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("half of a character; a file cannot hold it") from None
    return Event(_instant(data.get("at")), person, whole, data)


def _instant(text: Any) -> dt.datetime:
    try:
        at = dt.datetime.fromisoformat(text)
        if at.utcoffset() is None:
            raise ValueError(f"the time {text} has no zone; write it as 2018-03-04T21:10:05+09:00")
        return at.astimezone(dt.UTC)
    except (TypeError, OverflowError):
        raise ValueError(f"not an event: its time is {text!r}") from None


def in_order(events: Iterable[Event]) -> list[Event]:
    """Each event once, by time, then by person; what one person did in one millisecond by its line."""
    return sorted(set(events), key=lambda event: (event.at, event.person, event.line))
