"""Numbers and lists of names in words: one clip, two clips; a, b and 3 more."""

from collections.abc import Sequence


def counted(number: float, one: str, many: str = "") -> str:
    """`1 clip`, `2 clips`, `2,400 clips`; `many` is the plural where it is not made with an s: `counted(n, "is", "are")`.

    Either may be a whole phrase: `counted(n, "row that differs", "rows that differ")`.
    """
    written = f"{int(number):,}" if float(number).is_integer() else f"{number:g}"
    return f"{written} {one if number == 1 else many or one + 's'}"


def named(names: Sequence[str], *, most: int = 3) -> str:
    """`a`, `a and b`, `a, b and c`. Of more than `most` names the first are given, and the number of the others."""
    shown = list(names) if len(names) <= most else [*names[: most - 1], f"{len(names) - most + 1} more"]
    return " and ".join(part for part in (", ".join(shown[:-1]), *shown[-1:]) if part)
