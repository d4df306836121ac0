"""The known name that somebody meant, for messages about an unknown name."""

import difflib
from collections.abc import Iterable, Sequence

MOST = 20  # names that a message lists


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known name that is most like this one, in any case of letters; None if no name is near.

    `cutoff` is the least likeness of a near name, from 0 to 1, as in `difflib.get_close_matches`.
    """
    by_folded = {str(k).casefold(): str(k) for k in known}
    close = difflib.get_close_matches(str(name).casefold(), list(by_folded), n=1, cutoff=cutoff)
    return by_folded[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: `; did you mean 'x'?`, or a full stop if no name is near."""
    guess = nearest(name, known)
    return f"; did you mean {guess!r}?" if guess else "."


def meant_or_all(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The end of such a message if the known names are few: `; did you mean 'x'?`, or all of them, `; there are a, b, c`.

    More than `MOST` names are cut short with an ellipsis.
    """
    names = [str(one) for one in known]
    guess = nearest(name, names, cutoff)
    if guess:
        return f"; did you mean {guess!r}?"
    return f"; there are {', '.join([*names[:MOST], *['…'] * (len(names) > MOST)]) or 'none'}"


def choose(value: str, valid: Sequence[str], what: str) -> str:
    """The value, if it is valid. Raises `ValueError`: no `what` of this name, with the nearest or all of them."""
    if value not in valid:
        raise ValueError(f"no {what} {value!r}{meant_or_all(value, valid)}")
    return value


def choose_some(values: Sequence[str], valid: Sequence[str], what: str) -> tuple[str, ...]:
    """The values, if each is valid. Raises `ValueError` as `choose` does, for the same one twice, and for none."""
    chosen = tuple(choose(value, valid, what) for value in values)
    if len(set(chosen)) != len(chosen) or not chosen:
        raise ValueError(f"name at least one {what}, each once, not {chosen}")
    return chosen
