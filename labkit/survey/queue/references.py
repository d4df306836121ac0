"""Which paper of the library a reader means: a title in any language, cut short or misspelt, a short name, an arXiv number.

`resolve` gives candidates with a score and what matched; `settled` gives the certain one, if there is one. Where two
papers fit alike, the reader decides.
"""

import bisect
import difflib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from labkit.survey.publication.files import paper_ids, read_paper
from labkit.survey.publication.schema import Paper

CERTAIN = 0.85  # from this score on a candidate may be taken without asking
NEAR = 0.75  # from this score on a line names some paper
APART = 0.05  # and only where the next one is this far behind
SHOWN = 5
MOST_BREAKS = 12  # of a reference; beyond the twelfth comma no title begins
ARXIV = re.compile(r"(?<![\d.])(\d{4}\.\d{4,5})(?:v\d+)?(?![\d.]\d)")
DOI = re.compile(r"\b(10\.\d{4,9}/[^\s\"'<>\])},]+)", re.IGNORECASE)
_CUT = re.compile(r"…+|\.{2,}|．{2,}|。{2,}|⋯+")
_QUOTED = re.compile(r"[\"“”«「『《]([^\"“”»」』》]{4,})[\"“”»」』》]")
# The signs of a line that names a paper: a link, its number in a list of references, a year, quotes, the dots of a cut title.
_MARKED = re.compile(rf"https?://|\]\(|\[\d{{1,3}}\]|(?<!\d)(?:19|20)\d\d(?!\d)|['’]\d\d\b|{_QUOTED.pattern}|…|\.\.\.")
_BREAKS = re.compile(r"[,.:;，．、。：；()（）\[\]［］【】]+\s*|\s[-–—|]\s")
_SPACELESS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


class Candidate(NamedTuple):
    """A paper that a reference may mean: the score (0-1), and which of its names matched."""

    paper: str
    score: float
    matched: str


Named = dict[str, list[tuple[str, str]]]  # a name as it is compared → papers, with the name as it is written


@dataclass(frozen=True)
class Names:
    """The names of papers. Make it once with `Names.of`, for many references."""

    titles: Named = field(default_factory=dict)
    aliases: Named = field(default_factory=dict)
    numbers: Named = field(default_factory=dict)
    keywords: Named = field(default_factory=dict)
    ordered: tuple[str, ...] = ()  # the keys of `titles`, sorted, to find those that begin alike
    words: dict[str, list[str]] = field(default_factory=dict)  # word of a title → keys of `titles`
    papers: dict[str, Paper] = field(default_factory=dict)  # by their ids

    @classmethod
    def of(cls, papers: Iterable[Paper]) -> "Names":
        """The names of these papers: titles in all languages, aliases, arXiv numbers and DOIs, keywords."""
        titles, aliases, numbers, keywords = (defaultdict[str, list[tuple[str, str]]](list) for _ in range(4))
        words = defaultdict[str, list[str]](list)
        known = {paper.id: paper for paper in papers if paper.kind == "paper"}
        for paper in known.values():
            for title in paper.titles.values():
                titles[compared(title.text)].append((paper.id, title.text))
                for word in set(_words(title.text)):
                    words[word].append(compared(title.text))
            for alias in paper.aliases:
                aliases[compared(alias)].append((paper.id, alias))
            for keyword in paper.keywords:
                keywords[compared(keyword)].append((paper.id, keyword))
            for number in (paper.arxiv, paper.doi):
                if number:
                    numbers[_number(number.id)].append((paper.id, number.id))
            numbers[paper.id].append((paper.id, paper.id))
        return cls(titles, aliases, numbers, keywords, tuple(sorted(titles)), words, known)

    def beginning(self, start: str) -> Iterator[str]:
        """The titles that begin so, as they are compared."""
        for title in self.ordered[bisect.bisect_left(self.ordered, start) :]:
            if not title.startswith(start):
                return
            yield title


def library_names() -> Names:
    """The names of all papers of the library."""
    return Names.of(read_paper(paper_id) for paper_id in paper_ids())


def compared(text: str) -> str:
    """A name as it is compared: one width and case, no accents, letters and digits only."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    # Marks of Japanese and Korean letters are part of them and are put together again.
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFC", re.sub(r"[\u0300-\u036f]", "", plain)))


def resolve(text: str, names: Names) -> tuple[Candidate, ...]:
    """The papers that a reference may mean, the likeliest first; empty where none comes near."""
    text = text.strip()
    found = list(exactly(text, names))
    parts = _parts(text)
    for segment in parts.segments:
        found += [Candidate(paper, 0.97, name) for paper, name in names.titles.get(compared(segment), ())]
    for part in (text, *parts.tails):
        found += _by_its_beginning(part, names)
    found += _by_alias(text, names)
    if not any(one.score >= CERTAIN for one in found):
        found += _nearly(text, names)
    return _ranked(found)


def exactly(text: str, names: Names) -> tuple[Candidate, ...]:
    """The papers whose number stands in a text, or whose whole title it is."""
    found = []
    for number in (*ARXIV.findall(text), *DOI.findall(text), text):
        found += [Candidate(paper, 1.0, name) for paper, name in names.numbers.get(_number(number), ())]
    if not _CUT.search(text):
        found += [Candidate(paper, 1.0, name) for paper, name in names.titles.get(compared(text), ())]
    return _ranked(found)


def _ranked(found: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """The best candidate of each paper, the best of all first."""
    best: dict[str, Candidate] = {}
    for one in found:
        if one.paper not in best or best[one.paper].score < one.score:
            best[one.paper] = one
    return tuple(sorted(best.values(), key=lambda one: (-one.score, one.paper))[:SHOWN])


def settled(candidates: Sequence[Candidate]) -> Candidate | None:
    """The candidate beyond doubt; None where the best is not sure enough or another is nearly as good."""
    if not candidates or candidates[0].score < CERTAIN:
        return None
    if len(candidates) > 1 and candidates[1].score > candidates[0].score - APART:
        return None
    return candidates[0]


class Listed(NamedTuple):
    """A line of a list of references; `marked` where it has a link, a number, a year or quotes, as a paper has."""

    text: str
    marked: bool


def listed(section: str) -> tuple[Listed, ...]:
    """The references of a section "next to read": one per bullet or line, without the marks of the list and of links."""
    found = []
    for line in re.split(r"\r\n|\n|\r", section):
        words = re.sub(
            r"^\s*(?:[-+*•・●○‣>]|\d{1,2}[.)．、]|\[\d{1,3}\]|[①-⑳])+[\s\u3000]*(?:\[\d{1,3}\]\s+)?", "", line
        )
        words = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", words)
        words = re.sub(r"\[([^\]]+)\]\(([^)\s]*)[^)]*\)", _linked, words)
        words = re.sub(r"(\*\*|__|`)(.+?)\1", r"\2", words).strip(" \t\u3000")
        said = len(compared(words)) > 1 and not re.fullmatch(r"<!--.*-->|\W*https?://\S+", words)
        if said or ARXIV.search(words) or DOI.search(words):
            found.append(Listed(words, bool(_MARKED.search(line) or ARXIV.search(line) or DOI.search(line))))
    return tuple(found)


def _linked(link: re.Match[str]) -> str:
    """A link's words; its number, where the address has one that they lack."""
    number = ARXIV.search(link[2]) or DOI.search(link[2])
    return f"{link[1]} ({number[1]})" if number and number[1] not in link[1] else link[1]


def _number(text: str) -> str:
    return re.sub(r"v\d+$", "", text.strip().casefold().rstrip("."))


def _words(text: str) -> list[str]:
    """Words of four letters and more; runs of Chinese, Japanese and Korean in pairs of characters."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    words = [word for word in re.findall(r"[^\W_]+", plain) if len(word) > 3 and not _SPACELESS.search(word)]
    runs = re.findall(rf"(?:{_SPACELESS.pattern})+", plain)
    return words + [run[i : i + 2] for run in runs for i in range(len(run) - 1)]


class _Parts(NamedTuple):
    segments: tuple[str, ...]  # what stands between any two breaks, or in quotes: one may be the title
    tails: tuple[str, ...]  # what follows a break: authors may stand before a title that is cut short


def _parts(text: str) -> _Parts:
    """The pieces of a reference that may be the title in it; a title may itself have commas and colons."""
    breaks = [(match.start(), match.end()) for match in _BREAKS.finditer(text)][:MOST_BREAKS]
    starts = [0, *(end for _, end in breaks)]
    ends = [*(start for start, _ in breaks), len(text)]
    segments = [text[start:end] for start in starts for end in ends if end > start]
    quoted = _QUOTED.findall(text)
    return _Parts((*quoted, *segments), (*quoted, *(text[start:] for start in starts[1:])))


def _enough(part: str) -> bool:
    """Whether so much of a title tells it from others."""
    return len(part) >= (8 if _SPACELESS.search(part) else 15)


def _by_its_beginning(part: str, names: Names) -> list[Candidate]:
    """Titles that are cut short, with dots or without; of those without, only up to a colon is sure."""
    pieces = [compared(piece) for piece in _CUT.split(part)]
    plain, cut = "".join(pieces), len(pieces) > 1
    first, last = pieces[0], pieces[-1] if cut else ""
    if len(plain) < 4:
        return []
    found = []
    for title in names.beginning(first) if first else names.ordered:
        if not title.endswith(last) or len(first) + len(last) > len(title):
            continue
        for paper, written in names.titles[title]:
            if cut:
                score = 0.95 if _enough(plain) else 0.6
            else:
                score = 0.9 if _ends_a_part(plain, written) and len(plain) > 10 else 0.8 if _enough(plain) else 0.5
            found.append(Candidate(paper, score, written))
    return found


def _ends_a_part(plain: str, title: str) -> bool:
    """Whether the words are the title up to its colon: "Temporal Segment Networks"."""
    return plain == compared(re.split(r"[:：]|\s[-–—]\s", title)[0])


def _by_alias(text: str, names: Names) -> list[Candidate]:
    """Short names: alone, or as the first words before brackets. A keyword that only one paper has is a hint."""
    found = []
    before = re.split(r"[(（\[:：,、]", text, maxsplit=1)[0]
    for words, score in ((text, 0.95), (before, 0.9), (text.split(maxsplit=1)[0] if text else "", 0.7)):
        found += [Candidate(paper, score, name) for paper, name in names.aliases.get(compared(words), ())]
    hinted = names.keywords.get(compared(text), [])
    return found + [Candidate(paper, 0.6, name) for paper, name in hinted if len(hinted) == 1]


def _nearly(text: str, names: Names) -> list[Candidate]:
    """Titles that are misspelt or only like it: those that share most words, compared letter by letter. Never certain."""
    plain = compared(text)
    found = []
    if len(plain) < 4000:
        shared = Counter(title for word in set(_words(text)) for title in names.words.get(word, ()))
        for title, _ in shared.most_common(20):
            ratio = difflib.SequenceMatcher(None, plain, title, autojunk=False).ratio()
            if ratio >= 0.75 or (len(plain) > 3 and plain in title):
                score = round(min(max(ratio, 0.5), CERTAIN - 0.01), 2)
                found += [Candidate(paper, score, written) for paper, written in names.titles[title]]
    return found
