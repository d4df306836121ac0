"""Asking which paper of the library a reader means: the candidates are shown, and nothing is taken without an answer."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from labkit.cli.app import say

if TYPE_CHECKING:
    from labkit.survey.card import CardFile
    from labkit.survey.references import Candidate, Names


def next_papers(card: "CardFile", names: "Names", *, yes: bool, known: Collection[str] = ()) -> list[dict[str, str]]:
    """What a card wants read next, but for what is known, each with the paper of the library that the user says it is.

    With `yes` those beyond doubt are taken and nothing is asked. Ctrl-C is no answer: `KeyboardInterrupt` goes on.
    """
    from labkit.survey.references import listed_titles

    found = []
    for title in listed_titles(card.role("next")):
        if title in known:
            continue
        paper = _confirmed(title, names, yes=yes)
        found.append({"text": title, "paper": paper} if paper else {"text": title})
    return found


def _confirmed(title: str, names: "Names", *, yes: bool) -> str | None:
    from labkit.survey.references import resolve, settled

    candidates = resolve(title, names)
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
