"""The state of the group, computed from its events: who holds and reads which paper, what is done, ideas, praise.

`fold` is a pure function of the set of events. Each kind of event has one small function below, found by its name.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from labkit.survey.card.schema import MODES, Mode
from labkit.survey.group.events import Event, in_order
from labkit.survey.group.log import read_events


@dataclass(frozen=True)
class Reading:
    """One person and one paper. Times are in UTC; `since` is None where the paper is not held, `running` where no timer is."""

    person: str
    paper: str
    since: dt.datetime | None = None
    running: dt.datetime | None = None
    mode: Mode = "skim"
    minutes: float = 0.0  # by all runs of the stopwatch that were stopped
    done: dt.datetime | None = None  # when the first card of it was done
    card: str = ""  # the file's name


@dataclass(frozen=True)
class Goal:
    """How many papers somebody wants to read in a month."""

    skims: int
    close: int


@dataclass(frozen=True)
class Verdict:
    """Whether an idea is kept, who said so, and why."""

    kept: bool
    person: str
    at: dt.datetime
    reason: str


@dataclass(frozen=True)
class Idea:
    """A thought that came while reading; `id` is made of its event, so that it is the same in every clone."""

    id: str
    person: str
    at: dt.datetime
    text: str
    paper: str = ""
    verdicts: tuple[Verdict, ...] = ()  # in order; none yet is an idea that nobody has judged


@dataclass(frozen=True)
class Praise:
    """A good word of one member about another's work."""

    person: str
    to: str
    at: dt.datetime
    text: str
    paper: str = ""


@dataclass(frozen=True)
class Spell:
    """A time in which somebody belonged to an institution; `until` is None while it lasts."""

    institution: str
    since: dt.datetime
    until: dt.datetime | None = None


@dataclass(frozen=True)
class Group:
    """All that is known of a group. `events` has what this version does not understand, too."""

    events: tuple[Event, ...] = ()
    readings: Mapping[tuple[str, str], Reading] = field(default_factory=dict)  # by paper and person
    ideas: tuple[Idea, ...] = ()
    praise: tuple[Praise, ...] = ()
    spells: Mapping[str, tuple[Spell, ...]] = field(default_factory=dict)  # by person, in order
    goals: Mapping[str, Mapping[str, Goal]] = field(default_factory=dict)  # by person and the month it begins with
    # When a paper was first done by a person, skimmed and read closely.
    doings: Mapping[tuple[str, str, Mode], dt.datetime] = field(default_factory=dict)

    @property
    def people(self) -> tuple[str, ...]:
        """All who ever did anything, sorted."""
        return tuple(sorted({event.person for event in self.events}))

    def reading(self, paper: str, person: str) -> Reading:
        """This person's reading of this paper; an empty one where there is none."""
        return self.readings.get((paper, person)) or Reading(person, paper)

    def holders(self, paper: str) -> tuple[Reading, ...]:
        """Who holds the paper, the first to claim it first."""
        return by_time((one for one in self.readings.values() if one.paper == paper and one.since), "since")

    def finished(self, paper: str) -> tuple[Reading, ...]:
        """Who has done a card of the paper, the earliest first."""
        return by_time((one for one in self.readings.values() if one.paper == paper and one.done), "done")

    def held_by(self, person: str) -> tuple[Reading, ...]:
        """What this person holds, the oldest claim first."""
        return by_time((one for one in self.readings.values() if one.person == person and one.since), "since")

    def running(self, person: str) -> Reading | None:
        """What this person's stopwatch runs for."""
        return next((one for one in self.readings.values() if one.person == person and one.running is not None), None)


def by_time(readings: Iterable[Reading], what: Literal["since", "done"]) -> tuple[Reading, ...]:
    """In the order of one of their times; of the same time by person and paper. All of them have that time."""
    return tuple(sorted(readings, key=lambda one: (getattr(one, what), one.person, one.paper)))


def read_group() -> Group:
    """The group as its files have it now. Lines that are not events are left out."""
    return fold(read_events())


def fold(events: Iterable[Event]) -> Group:
    """What follows from these events, in whatever order and however often each is given."""
    ordered = in_order(events)
    made = _Making()
    for event in ordered:
        then = _THEN.get(event.kind)
        if then is not None:
            then(made, event)
    ideas = tuple(replace(idea, verdicts=tuple(made.verdicts.get(idea.id, ()))) for idea in made.ideas)
    spells = {person: tuple(all_of) for person, all_of in made.spells.items()}
    return Group(tuple(ordered), made.readings, ideas, tuple(made.praise), spells, made.goals, made.doings)


@dataclass
class _Making:
    readings: dict[tuple[str, str], Reading] = field(default_factory=dict)
    started: dict[str, str] = field(default_factory=dict)  # the paper of each person's last start
    ideas: list[Idea] = field(default_factory=list)
    verdicts: dict[str, list[Verdict]] = field(default_factory=dict)
    praise: list[Praise] = field(default_factory=list)
    spells: dict[str, list[Spell]] = field(default_factory=dict)
    goals: dict[str, dict[str, Goal]] = field(default_factory=dict)
    doings: dict[tuple[str, str, Mode], dt.datetime] = field(default_factory=dict)

    def reading(self, event: Event) -> Reading:
        return self.readings.get((event["paper"], event.person)) or Reading(event.person, event["paper"])

    def put(self, reading: Reading) -> None:
        self.readings[reading.paper, reading.person] = reading


def _claim(made: _Making, event: Event) -> None:
    reading = made.reading(event)
    made.put(replace(reading, since=reading.since or event.at))


def _release(made: _Making, event: Event) -> None:
    made.put(replace(made.reading(event), since=None, running=None))


def _start(made: _Making, event: Event) -> None:
    # Nobody reads two papers at once: where two clones of one person say so, the later start counts.
    other = made.readings.get((made.started.get(event.person, ""), event.person))
    if other is not None:
        made.put(replace(other, running=None))
    made.started[event.person] = event["paper"]
    reading = made.reading(event)
    made.put(replace(reading, since=reading.since or event.at, running=event.at, mode=event["mode"]))


def _stop(made: _Making, event: Event) -> None:
    reading = made.reading(event)
    made.put(replace(reading, running=None, minutes=reading.minutes + event["minutes"]))


def _done(made: _Making, event: Event) -> None:
    reading = made.reading(event)
    made.put(replace(reading, since=None, running=None, done=reading.done or event.at, card=event["card"]))
    mode = event["mode"] if event["mode"] in MODES else reading.mode  # logs of an earlier version do not say
    made.doings.setdefault((event["paper"], event.person, mode), event.at)


def _idea(made: _Making, event: Event) -> None:
    made.ideas.append(Idea(event.id, event.person, event.at, event["text"], event["paper"] or ""))


def _verdict(made: _Making, event: Event) -> None:
    said = Verdict(event.kind == "keep", event.person, event.at, event["reason"])
    made.verdicts.setdefault(event["idea"], []).append(said)


def _praise(made: _Making, event: Event) -> None:
    made.praise.append(Praise(event.person, event["to"], event.at, event["text"], event["paper"] or ""))


def _goal(made: _Making, event: Event) -> None:
    made.goals.setdefault(event.person, {})[event["month"]] = Goal(event["skims"], event["close"])


def _join(made: _Making, event: Event) -> None:
    _leave(made, event)
    made.spells.setdefault(event.person, []).append(Spell(event["institution"], event.at))


def _leave(made: _Making, event: Event) -> None:
    spells = made.spells.get(event.person)
    if spells and spells[-1].until is None:
        spells[-1] = replace(spells[-1], until=event.at)


_THEN: dict[str, Callable[[_Making, Event], None]] = {
    "join": _join,
    "leave": _leave,
    "claim": _claim,
    "release": _release,
    "start": _start,
    "stop": _stop,
    "done": _done,
    "idea": _idea,
    "keep": _verdict,
    "reject": _verdict,
    "praise": _praise,
    "goal": _goal,
}
