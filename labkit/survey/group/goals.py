"""A reader's goal for the month, and what was done: so many skims, so many close readings.

The reader sets it, in their own log, from a month on and until they set another; nobody is compared with anybody, and
where a month ends short of it the words are the same as where it does not. Days and months are the group's.
"""

import datetime as dt
from collections import Counter
from dataclasses import dataclass

from labkit.survey.group.log import own_log
from labkit.survey.group.ranking import Period, month, month_of
from labkit.survey.group.settings import group_zone, local_now
from labkit.survey.group.state import Goal, Group, read_group
from labkit.survey.publication.ids import reader_id

MOST = 1000


@dataclass(frozen=True)
class Progress:
    """A month of a reader: papers done with a card, by how they were read, beside the goal.

    A reader who skims a paper and later reads it closely has done both.
    """

    person: str
    period: Period
    goal: Goal
    skims: int
    close: int

    @property
    def reached(self) -> bool:
        """Whether both are done."""
        return self.skims >= self.goal.skims and self.close >= self.goal.close

    def days_left(self, now: dt.datetime) -> int:
        """How many days of the month are still to come, today too; 0 when it is over."""
        return max((self.period.last - max(now.astimezone(self.period.zone).date(), self.period.first)).days + 1, 0)


def set_goal(
    skims: int, close: int, *, reader: str, month_name: str | None = None, now: dt.datetime | None = None
) -> Progress:
    """Set this reader's goal from a month on, by default this one; two zeros take it away. Raises `ValueError`."""
    reader_id(reader)
    now = now or local_now()
    for what, number in (("skims", skims), ("close readings", close)):
        if not 0 <= number <= MOST:
            raise ValueError(f"{number} {what} a month: from 0 to {MOST}")
    zone = group_zone()
    period = month(month_name, zone) if month_name else month_of(now, zone)
    with own_log(reader, now) as log:
        log.add("goal", month=period.name, skims=skims, close=close)
    return progress(read_group(), reader, period) or Progress(reader, period, Goal(0, 0), 0, 0)


def progress(group: Group, person: str, period: Period) -> Progress | None:
    """What this person did in a month beside the goal; None where they have set none."""
    goal = goal_of(group, person, period.name)
    if goal is None:
        return None
    done = Counter(mode for (_, who, mode), at in group.doings.items() if who == person and at in period)
    return Progress(person, period, goal, done["skim"], done["close"])


def goal_of(group: Group, person: str, month_name: str) -> Goal | None:
    """The goal of a month: the last one set for it, or for the nearest month before it."""
    begun = [name for name in group.goals.get(person, {}) if name <= month_name]
    goal = group.goals[person][max(begun)] if begun else None
    return goal if goal and (goal.skims or goal.close) else None
