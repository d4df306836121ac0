"""The output of the group's commands: rows of tables and sentences, for a terminal.

The words come from logs that others wrote, so control characters in them are removed.
"""

import datetime as dt
from collections.abc import Sequence

from labkit.counting import counted
from labkit.survey.group.claiming import Claimed
from labkit.survey.group.goals import Progress
from labkit.survey.group.overview import Overview, Row
from labkit.survey.group.ranking import Ranking
from labkit.survey.group.state import Idea, Praise, Reading
from labkit.survey.group.timer import Stopped, band_of, is_forgotten, minutes_between, spoken
from labkit.survey.publication.problems import plain

FREE_ROWS = 15  # free papers in the short list


def clean(text: str) -> str:
    """The text on one line, without control characters."""
    return plain(" ".join(text.split()))


def when(at: dt.datetime | None, zone: dt.tzinfo) -> str:
    """A time in a time zone, to the minute. None gives an empty text."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}" if at else ""


def totals(listed: Overview) -> str:
    """One line: the number of papers, and how many are done, claimed and free."""
    being = listed.count("reading")
    free = listed.count("left")
    return (
        f"{counted(listed.total, 'paper')}: {listed.done} done, {listed.remaining} remaining; of these {listed.claimed} claimed"
        f"{f' ({being} being read now)' if being else ''} and {free} free"
    )


def first_rows(rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows of the short list: papers being read or claimed, papers with a missing card, and some free papers."""
    order = {"reading": 0, "claimed": 1, "left": 2}
    held = [row for row in rows if row.standing in ("reading", "claimed") or row.missing]
    free = [row for row in rows if row.standing == "left" and not row.missing][:FREE_ROWS]
    return tuple(sorted([*held, *free], key=lambda row: order.get(row.standing, 3)))


def row(one: Row, now: dt.datetime) -> tuple[str, str, str, str]:
    """A row of the list of papers."""
    who = [_holder(reading, now) for reading in one.holders]
    who += [f"{reading.person} (done {_day(reading.done, now)})" for reading in one.finished]
    who += [f"{reading.person} (done, but {clean(reading.card)} is missing: not committed?)" for reading in one.missing]
    return ("" if one.standing == "left" else one.standing, one.paper, clean(one.title), ", ".join(who))


def _day(at: dt.datetime | None, now: dt.datetime) -> str:
    return f"{at.astimezone(now.tzinfo):%Y-%m-%d}" if at else ""


def _holder(reading: Reading, now: dt.datetime) -> str:
    since = f"since {_day(reading.since, now)}"
    if reading.running is None:
        return f"{reading.person} ({since})"
    took = spoken(minutes_between(reading.running, now))
    forgotten = ", forgotten?" if is_forgotten(reading.running, now) else ""
    return f"{reading.person} ({since}, stopwatch at {took}{forgotten})"


def claim(taken: Claimed, zone: dt.tzinfo) -> list[str]:
    """The lines to print after a claim."""
    own = taken.reading
    lines = [f"{own.paper} is yours" if taken.new else f"{own.paper} is yours since {when(own.since, zone)}"]
    for other in taken.others:
        doing = "is reading it now" if other.running else "holds it too"
        lines.append(
            f"warning: {other.person} {doing}, since {when(other.since, zone)}; two cards are welcome, "
            "but talk to each other"
        )
    for other in taken.finished:
        lines.append(f"note: {other.person} has done a card of it, {clean(other.card)}")
    return lines


def stopped(one: Stopped) -> str:
    """The line to print when the stopwatch is stopped."""
    altogether = "" if one.total - one.minutes < 0.5 else f", {spoken(one.total)} altogether"
    return f"{one.paper}: {spoken(one.minutes)}{altogether}: {one.verdict}"


def running(own: Reading, now: dt.datetime) -> str:
    """The line that a running stopwatch shows."""
    if own.running is None:
        return f"{own.paper}: not running"
    took = minutes_between(own.running, now)
    clock = f"{int(took) // 60}:{int(took) % 60:02}:{int(took * 60) % 60:02}"
    forgotten = "; forgotten? `labkit group stop --minutes 25`" if is_forgotten(own.running, now) else ""
    return f"{clock}  {own.paper}, {own.mode} ({band_of(own.mode)}){forgotten}"


def goal(one: Progress, now: dt.datetime) -> str:
    """A reader's progress towards their goal. Within the month it says how many days are left."""
    done = f"{one.skims} of {one.goal.skims} skims, {one.close} of {one.goal.close} close readings"
    left = one.days_left(now)
    then = "reached" if one.reached else f"{left} day{'s' * (left != 1)} left" if left else ""
    return f"{one.period.name}: {done}{f'; {then}' if then else ''}"


def idea(one: Idea, zone: dt.tzinfo) -> tuple[str, ...]:
    """A row of the list of ideas."""
    last = one.verdicts[-1] if one.verdicts else None
    standing = "" if last is None else "kept" if last.kept else "rejected"
    why = f"{clean(last.reason)} ({last.person})" if last else ""
    return one.id, standing, clean(one.text), one.paper, f"{one.person}, {when(one.at, zone)}", why


def praise(one: Praise, zone: dt.tzinfo) -> str:
    """A line of praise."""
    about = f" ({one.paper})" if one.paper else ""
    return f"{one.at.astimezone(zone):%Y-%m-%d}  {one.person} to {one.to}{about}: {clean(one.text)}"


def ranking(ranked: Ranking) -> list[tuple[tuple[str, ...], list[tuple[object, ...]], tuple[str, ...]]]:
    """Two tables: columns, rows, and which columns are numbers."""
    people = [(one.place, one.person, clean(one.institution), one.cards) for one in ranked.people]
    houses = [
        (one.place, clean(one.institution), f"{one.cards}/{one.members}", f"{one.per_head:.3f}")
        for one in ranked.institutions
    ]
    return [
        (("", "reader", "institution", "cards"), [*people], ("", "cards")),
        (("", "institution", "cards/members", "per head"), [*houses], ("", "cards/members", "per head")),
    ]
