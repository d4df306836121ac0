"""Ask which paper of the library a reader means. The candidates are shown; nothing is chosen without an answer."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from labkit.cli.app import say

if TYPE_CHECKING:
    from labkit.survey.card.file import CardFile
    from labkit.survey.queue.references import Candidate, Names


def next_papers(card: "CardFile", names: "Names", *, yes: bool, known: Collection[str] = ()) -> list[dict[str, str]]:
    """The papers that a card wants read next, without the `known` ones, each with the library's paper that the user chose.

    A line without any sign of a paper, and without a match in the library, is kept only where the user says it is a paper.
    With `yes`, certain matches are kept and nothing is asked. Ctrl-C stops: `KeyboardInterrupt` is passed on.
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
    """Ask whether a line without a link, number, year or quotes is a paper."""
    if yes:
        say(f"  {title}: left out: it has no link, number, year or quotes; `labkit card resolve` asks about it")
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
        say(f"  answer y or n, not {answer!r}")


def _confirmed(title: str, candidates: "Sequence[Candidate]", *, yes: bool) -> str | None:
    from labkit.survey.queue.references import settled

    best = settled(candidates)
    if not candidates or (yes and not best):
        say(f"  {title}: {'several papers fit' if candidates else 'not in the library'}")
        return None
    if best and yes:
        say(f"  {title}: {best.paper} ({best.matched})")
        return best.paper
    say(f"  {title}")
    for number, one in enumerate(candidates, start=1):
        say(f"    {number}  {one.score:.2f}  {one.paper}  {one.matched}")
    return _chosen(candidates, default=1 if best else 0)


def _chosen(candidates: "Sequence[Candidate]", *, default: int) -> str | None:
    """The candidate with the number that the user types. Without a user, None."""
    while True:
        say(f"  which one (0: none) [{default}]: ", end="")
        try:
            answer = input().strip() or str(default)
        except EOFError:
            say("")
            return None
        if answer.isdecimal() and int(answer) <= len(candidates):
            return candidates[int(answer) - 1].paper if int(answer) else None
        say(f"  type a number from 0 to {len(candidates)}, not {answer!r}")
