"""Cuts text into terms for the search: words, or pairs of characters in scripts without spaces.

Japanese, Chinese and Korean run words together, and a question is often two characters long (動画, 학습), so each pair
of neighbours is a term. Letters and digits are cut apart: "ResNet-18", "resnet18" and "ResNet 18" are the same.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

# Kana, Han, Hangul (syllables and the jamo they fall into), and the half-width forms of kana.
RUN = (
    r"[\u1100-\u11ff\u3005-\u3007\u3041-\u3096\u309d\u309e\u30a1-\u30fa\u30fc-\u30ff\u3130-\u318f"
    r"\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
_MARKS = r"\u0300-\u036f\u3099\u309a"
_PIECE = re.compile(rf"(?P<run>(?:{RUN}[{_MARKS}]*)+)|\d+|[^\W\d_](?:(?!{RUN})[^\W\d_]|[{_MARKS}])*|[^\W_]")
PREFIX = 3  # letters; a longer word also finds words that begin with it: overfit, overfitting


class Term(NamedTuple):
    """A term in the form that is compared, and its place in the text. `pair`: two neighbours in a script without spaces."""

    text: str
    start: int
    end: int
    pair: bool

    @property
    def single(self) -> bool:
        """Whether it is the last character of a run, alone."""
        return self.pair and len(self.text) == 1


def terms(text: str) -> Iterator[Term]:
    """The terms of a text in order. Compose it first (`unicodedata.normalize("NFC", text)`) for exact places.

    A run of n characters gives its n-1 pairs and then its last character, so that a single one is found as well.
    """
    for piece in _PIECE.finditer(text):
        word, (start, end) = _folded(piece.group()), piece.span()
        if not piece["run"]:
            yield from (Term(part, start, end, False) for part in re.findall(r"\d+|[^\W\d_]+", word))
            continue
        exact = len(word) == end - start  # half-width kana become fewer: the whole run is the place then
        for number in range(len(word)):
            pair = word[number : number + 2]
            place = (start + number, start + number + len(pair)) if exact else (start, end)
            yield Term(pair, *place, True)


def _folded(word: str) -> str:
    """One width, case and composition, no accents; marks of Japanese and Korean letters stay."""
    if word.isascii():
        return word.casefold()
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", word).casefold())
    return unicodedata.normalize("NFC", re.sub(r"[\u0300-\u036f]", "", plain))


class Wanted(NamedTuple):
    """One part of a question: terms that follow each other. With `open_end` the last term may be longer in the text."""

    terms: tuple[str, ...]
    open_end: bool

    def places(self, found: Sequence[Term]) -> Iterator[tuple[int, int]]:
        """Where it stands among the terms of a text, as pairs of offsets."""
        *first, last = self.terms
        for number in range(len(found) - len(first)):
            *before, end = found[number : number + len(self.terms)]
            if not (end.text.startswith(last) if self.open_end else end.text == last):
                continue
            if [one.text for one in before] == first:
                one_of_pair = end.pair and len(last) == 1 and end.end - end.start == 2
                yield (before or [end])[0].start, end.start + 1 if one_of_pair else end.end


def asked(question: str) -> tuple[Wanted, ...]:
    """What a question asks for: words and "phrases"; a run of characters is a phrase of its pairs."""
    wanted: dict[Wanted, None] = {}
    for quoted, word in re.findall(r'["“”]([^"“”]+)["“”]|([^\s"“”]+)', unicodedata.normalize("NFC", question)):
        found = list(terms(quoted or word))
        if len(found) > 1 and found[-1].single:
            found.pop()  # the pair before it is enough
        if found:
            last = found[-1]
            grows = not quoted and not last.pair and last.text.isalpha() and len(last.text) >= PREFIX
            wanted[Wanted(tuple(one.text for one in found), last.single or grows)] = None
    return tuple(wanted)
