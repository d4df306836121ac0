"""Ids: names that every file system can use, made from the names of people and the titles of papers."""

import re
import unicodedata


def reader_id(name: str) -> str:
    """The name, if every file system can use it. Raises `ValueError` with a similar name that works."""
    if re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) and len(name) <= 80:
        return name
    suggestion = ascii_id(name)
    hint = f"; did you mean {suggestion!r}?" if suggestion else "; such as reader-a"
    raise ValueError(f"reader {name!r}: use small ASCII letters, digits and hyphens{hint}")


# Letters that Unicode does not take apart into a letter and an accent.
_LETTERS = str.maketrans({"ł": "l", "ø": "o", "ß": "ss", "æ": "ae", "œ": "oe", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})


def ascii_id(text: str) -> str:
    """An id made of the Latin letters and digits of a text, or "" if it has letters of another script."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold().translate(_LETTERS))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    if any(letter.isalpha() and not letter.isascii() for letter in plain):
        return ""
    plain = plain.replace("'", "").replace("’", "")
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:80].strip("-")
