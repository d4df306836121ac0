"""Which known name somebody meant, for messages about one that is not known."""

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like this one, or None where none is near."""
    by_folded = {str(k).casefold(): str(k) for k in known}
    close = difflib.get_close_matches(str(name).casefold(), list(by_folded), n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """How an error message about an unknown name ends: `; did you mean 'x'?`, or a full stop where no name is near."""
    guess = nearest(name, known)
    return f"; did you mean {guess!r}?" if guess else "."
