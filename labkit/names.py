"""The nearest known name, for messages about an unknown name."""

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like this one, or None if no known name is near."""
    by_folded = {str(k).casefold(): str(k) for k in known}
    close = difflib.get_close_matches(str(name).casefold(), list(by_folded), n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of an error message about an unknown name: `; did you mean 'x'?`, or a full stop if no name is near."""
    guess = nearest(name, known)
    return f"; did you mean {guess!r}?" if guess else "."
