"""Reads authors from a list: one name per person, where the words can be read in one way only.

A comma stands between two people in one list (`Ada Example, Ben Sample`) and inside a name in another (`Example, Ada`).
`read_authors` reads a whole column, so that a cell that can be read in one way only decides how its neighbours are
read. Authors that stay open get a question mark, and are not used until somebody has decided.
"""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

Order = Literal["names", "family-first", ""]
ORDERS: tuple[Order, ...] = ("names", "family-first")  # what a comma is: between whole names, or inside `Family, Given`
OPEN = "? "  # marks authors that can be read in two ways
OTHERS = "and others"

_SEMICOLON = re.compile(r"\s*[;；]\s*")
_AND = re.compile(r"\s+(?:and|&)\s+|\s*[、､]\s*", re.IGNORECASE)
_COMMA = re.compile(r"\s*[,，]\s*")
_MORE = re.compile(r"(?:and )?(?:others|et\.? al\.?)|…|\.\.\.|(?:他|ほか|等|外|외)\s*\d*\s*[名人명]?", re.IGNORECASE)
_AND_MORE = re.compile(r"[\s,，]+(?:(?:and )?others|et\.? al\.?)$", re.IGNORECASE)
_NOTE = re.compile(r"\s*(?:\([^()]*\)|\[[^\[\]]*\]|<[^<>]*>|（[^（）]*）)$")  # an affiliation, an address
_MARK = re.compile(r"[\s*∗†‡§¶#✉¹²³⁰⁴-⁹]+$")
_FOOTNOTE = re.compile(r"(?<=[^\W\d_])\d{1,2}$")  # in a table that was copied from a page
_SUFFIX = re.compile(r"(?:jr|sr)\.?|ii|iii|iv", re.IGNORECASE)
_DEGREE = re.compile(r"ph\.?\s?d\.?|m\.?d\.?|m\.?sc\.?|b\.?sc\.?", re.IGNORECASE)
_INITIALS = re.compile(r"(?:[^\W\d_]\.-?)+|[A-ZÀ-ÖØ-Þ](?:-[A-ZÀ-ÖØ-Þ])?")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af々]+")
_KATAKANA = re.compile(r"[\u30a0-\u30ff\s・]+")


class Authors(NamedTuple):
    """The authors of one paper. `readings` are what the words could mean, where nobody can say which."""

    names: tuple[str, ...] = ()  # as the list has them: `Family, Given`, `Given Family`, or `{One Name, Whole}`
    others: bool = False  # the list ends in "and others"
    readings: tuple[tuple[str, ...], ...] = ()
    words: str = ""  # what stands in the list

    def __str__(self) -> str:
        """As a queue has them: one name a person, `;` between them; what is open as it stands, after a question mark."""
        if self.readings:
            return OPEN + self.words
        return "; ".join((*self.names, *([OTHERS] if self.others else [])))

    @property
    def doubt(self) -> str:
        """What can be read in two ways, in words; empty where nothing can."""
        if not self.readings:
            return ""
        if not all(self.readings):
            return f"authors {self.words!r} are neither whole names nor `Family, Given`"
        ways = [
            f"{len(names)} {'person' if len(names) == 1 else 'people'} ({'; '.join(names)})" for names in self.readings
        ]
        return f"authors {self.words!r} can be {' or '.join(ways)}"


def read_authors(cells: Sequence[str], order: Order = "", *, bibtex: bool = False) -> list[Authors]:
    """The authors of each cell of a column. `order` says how to read what can be read in two ways.

    In BibTeX " and " stands between people and a comma inside a name, so that only a lone `Ada Example, Ben Sample` is
    open there.
    """
    column = [_Cell.of(cell, bibtex=bibtex) for cell in cells]
    proofs = {proof for cell in column for proof in cell.proofs}
    return [cell.authors(order, proofs) for cell in column]


def person(name: str) -> dict[str, str]:
    """The family and given name of `Family, Given`, `Family, Jr., Given` or `Given Family`; one word is a family.

    Without a comma a family begins with its particle (van der, de la); in Chinese, Japanese and Korean it comes first.
    """
    parts = [part for part in _cut(name, _COMMA) if part]
    if len(parts) > 1:
        family, given = " ".join(parts[:-1]), parts[-1]
    else:
        words = _cut(parts[0] if parts else "", re.compile(r"\s+"))
        first = _family_begins(words)
        family, given = (
            (" ".join(words[:first]), " ".join(words[first:]))
            if _family_first(words)
            else (" ".join(words[first:]), " ".join(words[:first]))
        )
    both = {"given": re.sub(r"[{}]", "", given).strip(), "family": re.sub(r"[{}]", "", family).strip()}
    if not both["family"]:  # nothing but braces: take it as the family
        both = {"given": "", "family": both["given"]}
    return {key: value for key, value in both.items() if value}


def people(cell: str) -> tuple[list[dict[str, str]], bool]:
    """The people of a queue's cell, and whether there are others. Raises `ValueError` for what can be read in two ways."""
    if cell.startswith(OPEN.strip()):
        raise ValueError(
            f"authors {cell.removeprefix(OPEN.strip()).strip()!r} can be read in two ways: write them with ';' between "
            "people, as `Family, Given` or `Given Family`, and take the question mark away"
        )
    names = [name for name in _cut(cell, _SEMICOLON) if name]
    if crowd := next((name for name in names if len(_parts(name)) > 2), ""):
        raise ValueError(f"authors {crowd!r} are more than one person: write ';' between people")
    found = [person(", ".join(_parts(name))) for name in names if not _MORE.fullmatch(name)]
    return [one for one in found if one], any(_MORE.fullmatch(name) for name in names)


def first_family(cell: str) -> str:
    """The family name of a queue's first author; of open ones the likelier, since an id is only a name."""
    name = next(iter(_cut(cell.removeprefix(OPEN), _SEMICOLON)), "")
    parts = _cut(name, _COMMA)
    whole = cell.startswith(OPEN) and _is_whole(parts[0])
    return person(parts[0] if whole else name).get("family", "")


# ---------------------------------------------------------------- one cell


class _Piece(NamedTuple):
    """What stands between two separators: the readings that are possible of it."""

    names: tuple[str, ...] | None  # every part is somebody's whole name
    family_first: tuple[str, ...] | None
    parts: int

    @property
    def open(self) -> bool:
        return self.parts > 1 and (self.names is None) == (self.family_first is None)

    @property
    def proof(self) -> Order:
        if self.parts < 2 or self.open:
            return ""
        return "names" if self.names else "family-first"


class _Cell(NamedTuple):
    words: str
    pieces: tuple[_Piece, ...]
    others: bool
    semicolons: bool
    listed: bool  # as in running text: "A, B, and C", or in a table "A, B and C"

    @classmethod
    def of(cls, text: str, *, bibtex: bool) -> "_Cell":
        words = " ".join(text.split())
        rest = _AND_MORE.sub("", words)
        others = rest != words
        semicolons = len(_cut(rest, _SEMICOLON)) > 1
        between = [piece for part in _cut(rest, _SEMICOLON) for piece in _cut(part, _AND)]
        pieces = []
        for piece in between:
            parts = _parts(piece, footnotes=not bibtex)
            known = [part for part in parts if not _MORE.fullmatch(part)]
            others |= len(known) < len(parts)
            if known:
                pieces.append(_piece(known, semicolons=semicolons, bibtex=bibtex))
        oxford = len(between) > 1 and any(piece.endswith((",", "，")) for piece in between)
        plain_end = len(pieces) > 1 and pieces[-1].parts == 1 and not (bibtex or semicolons)
        if bibtex and len(pieces) > 1 and all(one.parts == 2 for one in pieces):
            pieces = [one._replace(names=None) if one.family_first else one for one in pieces]
        return cls(words, tuple(pieces), others, semicolons, oxford or plain_end)

    @property
    def proofs(self) -> set[Order]:
        return {piece.proof for piece in self.pieces} - {""}

    def authors(self, order: Order, column: set[Order]) -> Authors:
        """The authors, each piece by itself, else as the others of the cell, else as the column is written."""
        by_others = self.proofs or ({"names"} if self.listed else set())
        # One `Example, Ada` does not tell what a comma between two whole names is.
        by_column = column if self.semicolons or column == {"names"} else set()
        settled = order or next((next(iter(one)) for one in (by_others, by_column) if len(one) == 1), "")
        names: list[str] = []
        for piece in self.pieces:
            read = piece.names if piece.names and (settled == "names" or not piece.family_first) else piece.family_first
            if read is None or (piece.open and not settled):
                return Authors((), self.others, self._readings(), self.words)
            names += read
        return Authors(tuple(names), self.others, (), self.words)

    def _readings(self) -> tuple[tuple[str, ...], ...]:
        """What all pieces together would be, read in the one way and in the other."""
        ways = [[piece.names or piece.family_first for piece in self.pieces]]
        ways.append([piece.family_first or piece.names for piece in self.pieces])
        return tuple(tuple(name for read in way for name in read) if all(way) else () for way in ways)  # type: ignore[union-attr]


def _parts(piece: str, *, footnotes: bool = False) -> list[str]:
    """The parts between commas without marks and affiliations; `Jr.` goes with what stands before it."""
    parts: list[str] = []
    for part in _cut(piece, _COMMA):
        part = _bare(part, footnotes=footnotes)
        if _SUFFIX.fullmatch(part) and parts:
            parts[-1] += f" {part}"
        elif part and not _DEGREE.fullmatch(part) and not part.isdigit() and "@" not in part:
            parts.append(part)
    return parts


def _bare(name: str, *, footnotes: bool) -> str:
    """A name without the star, the affiliation and the footnote's number behind it."""
    while not name.endswith("}"):
        shorter = _MARK.sub("", _NOTE.sub("", _FOOTNOTE.sub("", name) if footnotes else name))
        if shorter == name:
            break
        name = shorter
    return name.strip()


def _piece(parts: list[str], *, semicolons: bool, bibtex: bool) -> _Piece:
    if len(parts) == 1:
        return _Piece((parts[0],), (parts[0],), 1)
    families = parts[::2]
    pairs = len(parts) % 2 == 0 and not any(map(_is_no_family, families)) and (len(parts) == 2 or not semicolons)
    family_first = tuple(f"{parts[i]}, {parts[i + 1]}" for i in range(0, len(parts), 2)) if pairs else None
    if semicolons:  # then a comma is not between people: the affiliation follows the whole name
        return _Piece((parts[0],) if _is_whole(parts[0]) else None, family_first, len(parts))
    whole = all(_is_whole(part) and (" " in part or not bibtex) for part in parts)
    return _Piece(tuple(parts) if whole else None, family_first, len(parts))


def _is_whole(part: str) -> bool:
    """Whether this can be all of somebody's name: two words and more, or Chinese, Japanese or Korean letters."""
    if part.startswith("{"):
        return part.endswith("}")
    words = part.split()
    if len(words) > 1:
        return not words[0][0].islower()
    return bool(_CJK.fullmatch(part)) and len(part) > 1


def _is_no_family(part: str) -> bool:
    """Whether this cannot be a family name alone: it has initials, or several Chinese, Japanese or Korean letters."""
    if part.startswith("{"):
        return False
    initials = any(_INITIALS.fullmatch(word) for word in part.split())
    return initials or (bool(_CJK.fullmatch(part)) and not _KATAKANA.fullmatch(part) and len(part) > 2)


def _cut(text: str, separator: re.Pattern[str]) -> list[str]:
    """The text between separators that stand outside of brackets and braces."""
    depth, depths = 0, []
    for letter in text:
        depth += letter in "{([（"
        depths.append(depth)
        depth = max(depth - (letter in "})]）"), 0)
    if depth:  # a bracket does not end, so brackets mean nothing here
        depths = [0] * len(text)
    pieces, start = [], 0
    for found in separator.finditer(text):
        if not depths[found.start()] and found.end() > found.start():
            pieces.append(text[start : found.start()].strip())
            start = found.end()
    return [*pieces, text[start:].strip()]


def _family_first(words: Sequence[str]) -> bool:
    """Whether a name without a comma begins with the family: Han and Hangul, and `Hara K.`."""
    letters = "".join(words)
    cjk = bool(_CJK.fullmatch(letters)) and not _KATAKANA.fullmatch(letters)
    return cjk or (len(words) > 1 and bool(_INITIALS.fullmatch(words[-1])) and not _INITIALS.fullmatch(words[0]))


def _family_begins(words: Sequence[str]) -> int:
    """Where the second half of a name without a comma begins."""
    if len(words) < 2:
        return len(words) if _family_first(words) else 0
    if _family_first(words):
        return next((i for i, word in enumerate(words) if i and _INITIALS.fullmatch(word)), 1)
    last = len(words) - (2 if _SUFFIX.fullmatch(words[-1]) and len(words) > 2 else 1)
    return next((i for i, word in enumerate(words[:last]) if i and word[0].islower()), last)
