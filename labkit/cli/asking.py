"""Asking which paper of the library a reader means: the candidates are shown, and nothing is taken without an answer."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from labkit.cli.app import say

if TYPE_CHECKING:
    from labkit.survey.card.file import CardFile
    from labkit.survey.queue.references import Candidate, Names


def next_papers(card: "CardFile", names: "Names", *, yes: bool, known: Collection[str] = ()) -> list[dict[str, str]]:
    """What a card wants read next, but for what is known, each with the paper of the library that the user says it is.

    A line that has nothing of a paper, and is none of the library, is taken only where the user says that it is one.
    With `yes` those beyond doubt are taken and nothing is asked. Ctrl-C is no answer: `KeyboardInterrupt` goes on.
    """
    from labkit.survey.queue.references import NEAR, listed, resolve

    found = []
    for title, marked in listed("\n\n".join(one.text for one in card.sections if one.role == "next")):
        if title in known:
            continue
        candidates = resolve(title, names)
        named = bool(candidates) and candidates[0].score >= NEAR
        if not (marked or named or _is_paper(title, yes=yes)):
            continue
        paper = _confirmed(title, candidates, yes=yes)
        found.append({"text": title, "paper": paper} if paper else {"text": title})
    return found


def _is_paper(title: str, *, yes: bool) -> bool:
    """Whether the user says that a line without a link, number, year or quotes is a paper."""
    if yes:
        say(f"  {title}: left out, for it has no link, number, year or quotes; `labkit card resolve` asks")
        return False
    while True:
        say(f"  {title}\n  is this a paper (y, n) [n]: ", end="")
        try:
            answer = input().strip().casefold() or "n"
        except EOFError:
            say("left out")
            return False
        if answer in ("y", "yes", "n", "no"):
            return answer[0] == "y"
        say(f"  {answer!r} is neither y nor n")


def _confirmed(title: str, candidates: "Sequence[Candidate]", *, yes: bool) -> str | None:
    from labkit.survey.queue.references import settled

    best = settled(candidates)
    if not candidates or (yes and not best):
        say(f"  {title}: {'more than one fits' if candidates else 'not in the library'}")
        return None
    if best and yes:
        say(f"  {title}: {best.paper} ({best.matched})")
        return best.paper
    say(f"  {title}")
    for number, one in enumerate(candidates, start=1):
        say(f"    {number}  {one.score:.2f}  {one.paper}  {one.matched}")
    return _chosen(candidates, default=1 if best else 0)


def _chosen(candidates: "Sequence[Candidate]", *, default: int) -> str | None:
    """The candidate whose number is answered; nobody there to answer is a no."""
    while True:
        say(f"  which one (0: none) [{default}]: ", end="")
        try:
            answer = input().strip() or str(default)
        except EOFError:
            say("")
            return None
        if answer.isdecimal() and int(answer) <= len(candidates):
            return candidates[int(answer) - 1].paper if int(answer) else None
        say(f"  {answer!r} is no number from 0 to {len(candidates)}")
