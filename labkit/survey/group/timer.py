"""The stopwatch. Two speeds: a skim takes 15-30 minutes, a close reading an hour or more.

A stopwatch that somebody forgot says nothing about reading: after `FORGOTTEN` it stops only with the minutes that its
reader remembers, or with none.
"""

import datetime as dt
from typing import NamedTuple

from labkit.bands import Bands, Step, span, step_of
from labkit.counting import counted
from labkit.survey.card.new import BUDGETS
from labkit.survey.card.schema import Mode
from labkit.survey.group.claiming import Claimed, claimed, known_paper
from labkit.survey.group.events import LONGEST_READING
from labkit.survey.group.log import own_log
from labkit.survey.group.settings import local_now
from labkit.survey.group.state import Reading, fold, read_group
from labkit.survey.publication.ids import reader_id

FORGOTTEN = dt.timedelta(hours=4)

# Minutes from and to; a close reading takes as long as it takes.
BANDS: Bands = {"skim": (15, BUDGETS["skim"]), "close": (BUDGETS["close"], None)}

LOOK_HERE_FIRST: dict[Mode, tuple[str, ...]] = {
    "skim": (
        "The abstract.",
        "The introduction and the first figure: which problem is it, and what is new?",
        "Figures and tables, with their captions; then method, results, conclusion.",
        'The sentences that begin "In this study" or "Our contributions".',
        "The end of the related work: there it says what is different.",
        "Still lost? Read it from end to end.",
    ),
    "close": (
        "First say what you want from it (build it? present it?) and write that down as your card's goal.",
        "Skim it: abstract, introduction, first figure, figures and tables, conclusion.",
        "The method, until you could write it down as code: shapes, order, initialisation.",
        "The training: data, learning rate, batch, augmentation; what is not said is a question for the card.",
        "The tables: on which split, at which level, pretrained on what?",
        "What would you try next? That is an idea: `labkit group idea`.",
    ),
}


class ForgottenTimer(ValueError):
    """A stopwatch that has run too long for one reading."""


class Stopped(NamedTuple):
    """One run of the stopwatch: how long it took, how long this reader has now spent on the paper."""

    paper: str
    mode: Mode
    minutes: float
    total: float

    @property
    def verdict(self) -> str:
        """The band that all the time on this paper falls in, and how that stands to what was meant."""
        return band(self.total, self.mode)


def band(minutes: float, mode: Mode) -> str:
    """Which of the two speeds this is, in words: `within a skim (15-30 minutes)`."""
    skim, close = f"a skim ({band_of('skim')})", BANDS["close"][0]
    match step_of(minutes, BANDS):
        case Step(side="short of"):
            return f"short of {skim}"
        case Step(side="within", band="skim"):
            short = f"; a close reading takes {close} or more" if mode == "close" else ""
            return f"within {skim}{short}"
        case Step(side="past"):
            over = "past a skim" if mode == "skim" else "on the way"
            return f"{over}: between {skim} and a close reading ({close} or more)"
    meant = "; it was meant as a skim, and became more" if mode == "skim" else ""
    return f"a close reading ({band_of('close')}){meant}"


def band_of(mode: Mode) -> str:
    """How long a reading of this kind takes: `15-30 minutes`, `60 minutes or more`."""
    return span(*BANDS[mode])


def minutes_between(start: dt.datetime, end: dt.datetime) -> float:
    """Minutes that passed, whatever the clocks on the wall were set to meanwhile; never below zero."""
    return max(0.0, (end.astimezone(dt.UTC) - start.astimezone(dt.UTC)).total_seconds() / 60)


def is_forgotten(running: dt.datetime, now: dt.datetime) -> bool:
    """Whether a stopwatch that was started then has run for too long."""
    return minutes_between(running, now) > FORGOTTEN.total_seconds() / 60


def spoken(minutes: float) -> str:
    """A time as one says it: `under a minute`, `25 minutes`, `3 h 05 min`, `2 days`."""
    whole = round(minutes)
    if whole < 1:
        return "under a minute"
    if whole < 100:
        return counted(whole, "minute")
    return f"{whole // 60} h {whole % 60:02} min" if whole < 48 * 60 else f"{whole // (24 * 60)} days"


def start(paper: str, *, reader: str, mode: Mode | None = None, now: dt.datetime | None = None) -> Claimed:
    """Start the stopwatch. It claims the paper if the reader does not hold it. `mode` is by default that of last time.

    Raises `LookupError` for an unknown paper, `ValueError` where a stopwatch of this reader runs already.
    """
    known_paper(paper)
    reader_id(reader)
    if mode is not None and mode not in BANDS:
        raise ValueError(f"mode {mode!r} is neither skim nor close")
    now = now or local_now()
    with own_log(reader, now) as log:
        group = read_group()
        running = group.running(reader)
        if running is not None:
            _refuse_second(running, paper, now)
        own = group.reading(paper, reader)
        new = own.since is None
        group = fold((*group.events, log.add("start", paper=paper, mode=mode or own.mode)))
    return claimed(group, paper, reader, new=new)


def _refuse_second(running: Reading, paper: str, now: dt.datetime) -> None:
    assert running.running is not None
    took = spoken(minutes_between(running.running, now))
    if is_forgotten(running.running, now):
        raise ForgottenTimer(
            f"your stopwatch has run for {running.paper} for {took}; it seems forgotten. {_WAYS_OUT} Then start again"
        )
    same = "it goes on" if running.paper == paper else "stop it first: `labkit group stop`"
    raise ValueError(f"your stopwatch has run for {running.paper} for {took}; {same}")


_WAYS_OUT = (
    "Say how long you read: `labkit group stop --minutes 25`, or that you do not know: `labkit group stop --forget`."
)


def stop(*, reader: str, minutes: float | None = None, forget: bool = False, now: dt.datetime | None = None) -> Stopped:
    """Stop the stopwatch. `minutes` is what the reader remembers, in place of what it shows; `forget` counts nothing.

    Raises `ValueError` where none runs, `ForgottenTimer` where it ran for too long and neither is given.
    """
    reader_id(reader)
    now = now or local_now()
    with own_log(reader, now) as log:
        running = read_group().running(reader)
        if running is None:
            raise ValueError(f"your stopwatch is not running; start it: `labkit group start PAPER`{_last(reader)}")
        took = measured(running, minutes=minutes, forget=forget, now=now)
        log.add("stop", paper=running.paper, minutes=took)
    return Stopped(running.paper, running.mode, took, running.minutes + took)


def measured(running: Reading, *, minutes: float | None, forget: bool, now: dt.datetime) -> float:
    """How long a running stopwatch is to count, to a hundredth of a minute. Raises as `stop` does."""
    assert running.running is not None
    if minutes is not None and forget:
        raise ValueError("either --minutes or --forget, not both")
    if minutes is not None:
        if not 0 <= minutes <= LONGEST_READING:
            raise ValueError(f"{counted(minutes, 'minute')} is not a time for one reading; give 0 to {LONGEST_READING}")
        return round(minutes, 2)
    if forget:
        return 0.0
    shown = minutes_between(running.running, now)
    if is_forgotten(running.running, now):
        raise ForgottenTimer(
            f"your stopwatch for {running.paper} shows {spoken(shown)}; that is too long for one reading. {_WAYS_OUT}"
        )
    return round(shown, 2)


def _last(reader: str) -> str:
    """The papers that this reader holds, in words."""
    held = [one.paper for one in read_group().held_by(reader)]
    return f" (you hold {', '.join(held)})" if held else ""
