"""Checks a paper off. The reader's own card must be there, without errors."""

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from labkit.survey.card.file import CardFile, card_paths, read_card
from labkit.survey.card.schema import Mode
from labkit.survey.check.report import check_card
from labkit.survey.group.claiming import known_paper
from labkit.survey.group.log import own_log
from labkit.survey.group.settings import local_now
from labkit.survey.group.state import read_group
from labkit.survey.group.timer import Stopped, measured
from labkit.survey.publication.files import paper_ids
from labkit.survey.publication.ids import reader_id
from labkit.survey.publication.problems import Problem, SummaryError, plain

Check = Callable[[CardFile], Sequence[Problem]]


class Finished(NamedTuple):
    """A paper that is checked off: the card, its warnings and notes, and the stopwatch's last run if it ran."""

    card: Path
    again: bool  # the reader had done it before
    problems: tuple[Problem, ...]  # warnings and notes
    stopped: Stopped | None


def own_card(paper: str, reader: str, language: str | None = None) -> CardFile:
    """This reader's card of a paper. Raises `FileNotFoundError` with the way to one, `ValueError` where it has several."""
    if paper not in paper_ids():
        raise FileNotFoundError(
            f"{paper} is queued, but the library has no folder of it yet: "
            f"`labkit papers add {paper}` writes its paper.yaml, then `labkit card new {paper} --reader {reader}`"
        )
    found = [path for path in card_paths(paper) if path.stem.partition("-")[2] == reader]
    if language:
        found = [path for path in found if path.stem.partition("-")[0] == language]
    if not found:
        which = f" in {language}" if language else ""
        raise FileNotFoundError(
            f"you have no card of {paper}{which}, and a paper is done when its card is there; "
            f"`labkit card new {paper} --reader {reader}` begins one"
        )
    if len(found) > 1:
        languages = ", ".join(path.stem.partition("-")[0] for path in found)
        raise ValueError(f"you have cards of {paper} in {languages}; say which is done: `--language {languages[:2]}`")
    return read_card(found[0])


def done(
    paper: str,
    *,
    reader: str,
    language: str | None = None,
    minutes: float | None = None,
    forget: bool = False,
    check: Check = check_card,
    now: dt.datetime | None = None,
) -> Finished:
    """Check a paper off. The card gets the status done and, where it says no time, the minutes of the stopwatch.

    A stopwatch that runs for the paper stops. Raises `LookupError` for an unknown paper, `FileNotFoundError` without a
    card, `SummaryError` for a card with errors, `ForgottenTimer` as `stop` does. `check` tells what is wrong with a card.
    """
    known_paper(paper)
    reader_id(reader)
    now = now or local_now()
    card = own_card(paper, reader, language)
    _belongs(card, paper, reader)
    with own_log(reader, now) as log:
        group = read_group()
        own = group.reading(paper, reader)
        took = measured(own, minutes=minutes, forget=forget, now=now) if own.running else 0.0
        card = _completed(card, own.minutes + took)
        problems = tuple(check(card))
        if wrong := [one for one in problems if one.severity == "error"]:
            raise SummaryError(
                card.path, "\n".join(["the card has errors, so the paper is not done yet:", *map(_line, wrong)])
            )
        card.save()
        if own.running:
            log.add("stop", paper=paper, minutes=took)
        mode: Mode = "close" if "close" in (card.about.mode, own.mode) else "skim"
        if own.card != card.path.name or (paper, reader, mode) not in group.doings:
            log.add("done", paper=paper, card=card.path.name, mode=mode)
    stopped = Stopped(paper, own.mode, took, own.minutes + took) if own.running else None
    return Finished(card.path, own.done is not None, problems, stopped)


def _line(problem: Problem) -> str:
    where = f"line {problem.line}: " if problem.line else ""
    return plain(f"  {where}{problem.message}{f' ({problem.suggestion})' if problem.suggestion else ''}")


def _belongs(card: CardFile, paper: str, reader: str) -> None:
    """The front matter has to name the paper and the reader that the file's place names."""
    for key, says, expected in (("paper", card.about.paper, paper), ("reader", card.about.reader, reader)):
        if says != expected:
            raise SummaryError(card.path, f"{key} is {says!r}, not {expected!r}", card.lines.get((key,)))


def _completed(card: CardFile, minutes: float) -> CardFile:
    """The card as it will be saved; only these two values change."""
    if not card.about.finished:
        card = card.put("status", "done")
    if minutes > 0 and card.about.minutes.spent is None:
        timing = dict(card.keys.get("minutes") or {})
        card = card.put("minutes", {**timing, "spent": round(minutes)})
    return card
