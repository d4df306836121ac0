"""Lists of papers as venues and reference managers publish them: BibTeX and tables, read into one record a paper."""

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from labkit.survey.publication.ids import ascii_id
from labkit.survey.publication.problems import SummaryError
from labkit.survey.queue.bibtex import BibEntry, decoded, read_bibtex, unbraced
from labkit.survey.queue.people import Order, read_authors
from labkit.survey.queue.references import ARXIV, DOI, compared


@dataclass(frozen=True)
class Queued:
    """A paper to read. `source` is the list that it, and its numbers, come from."""

    id: str
    title: str
    authors: str = ""  # names as the list has them, "; " between people; a "? " in front where that is open (`people`)
    year: str = ""
    session: str = ""
    pages: str = ""
    arxiv: str = ""
    doi: str = ""
    url: str = ""
    source: str = ""
    venue: str = ""  # where it appeared, if the list says so
    line: int = 0  # where it stands in the file it was read from; not written
    key: str = field(default="", compare=False)  # its key in BibTeX; not written


class Listed(NamedTuple):
    """A list as read: its papers, the entries that cannot be used, and notes on odd entries that were read.

    Papers have no id yet where the list gives none.
    """

    papers: tuple[Queued, ...]
    problems: tuple[SummaryError, ...]
    notes: tuple[SummaryError, ...] = ()


# What lists call these columns, compared without case, space and punctuation; Zotero's, arXiv's, CMT's among them.
_CALLED = {
    "id": "id, paper id, labkit id, entry id",
    "title": "title, paper title, document title, paper, name, タイトル, 題目, 論文題目, 제목, 논문 제목, 标题, 题目, 论文标题",
    "authors": "authors, author, author names, author full names, 著者, 저자, 作者",
    "year": "year, publication year, date, published, publication date, 年, 発行年, 연도, 年份",
    "session": "session, session title, session name, track, day, セッション, 세션, 会场, 分会场",
    "pages": "pages, page, ページ, 쪽, 页码",
    "arxiv": "arxiv, arxiv id, eprint, extra",
    "doi": "doi",
    "url": "url, link, pdf, pdf url, pdf link, リンク, 링크, 链接",
    "venue": "venue, publication title, conference, conference name, book title, source title, journal, journal ref, "
    "会議, 掲載誌, 학회, 학술지, 会议, 期刊",
}
_COLUMN_OF = {compared(word): column for column, words in _CALLED.items() for word in words.split(",")}


def read_papers(path: Path, text: str, order: Order = "") -> Listed:
    """The papers of a list's text; `order` says how names are read that can be read in two ways (see `people`).

    Raises `SummaryError` for a file with another ending, or one that cannot be read at all.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        ending = path.suffix or "a file without ending"
        raise SummaryError(path, f"a list is one of {', '.join(_READERS)}, not {ending!r}")
    listed = reader(path, text)
    authors = read_authors([one.authors for one in listed.papers], order, bibtex=reader is _bibtex)
    papers, doubts = [], []
    for one, who in zip(listed.papers, authors, strict=True):
        papers.append(replace(_tidy(one), authors=str(who), source=path.name))
        if who.doubt:
            told = f"{who.doubt}; it is queued with a question mark; please decide"
            doubts.append(SummaryError(path, told, one.line))
    return Listed(tuple(papers), listed.problems, (*listed.notes, *doubts))


def _table(path: Path, text: str) -> Listed:
    first = text.splitlines()[0]
    delimiter = max(",\t;", key=first.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header = [_COLUMN_OF.get(compared(name), "") for name in next(rows)]
    if "title" not in header:
        raise SummaryError(path, f"no column title; the header is {first!r}", 1)
    papers, problems = [], []
    try:
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            values = _cells(header, row)
            if len(row) != len(header):
                problems.append(
                    SummaryError(path, f"{len(row)} fields, but the header has {len(header)}", rows.line_num)
                )
            elif "title" not in values:
                problems.append(SummaryError(path, "no title", rows.line_num))
            else:
                papers.append(Queued(**{"id": "", **values}, line=rows.line_num))
    except csv.Error as error:
        problems.append(SummaryError(path, str(error), rows.line_num))
    return Listed(tuple(papers), tuple(problems))


def _cells(header: Sequence[str], row: Sequence[str]) -> dict[str, str]:
    """The values of a row; of two columns for one thing (Zotero's Publication Year and Date) the first with a value."""
    values: dict[str, str] = {}
    for name, cell in zip(header, row, strict=False):
        if name and cell.strip():
            values.setdefault(name, cell.strip())
    latex = [name for name in ("title", "authors") if "\\" in values.get(name, "")]
    plain = map(unbraced, decoded([values[name] for name in latex]))
    return values | dict(zip(latex, plain, strict=True)) | _number_as_id(values)


def _number_as_id(values: dict[str, str]) -> dict[str, str]:
    """An `id` that is an arXiv number or a DOI is that; a bare number is a submission's, which the next venue has too."""
    given = values.get("id", "")
    if not given:
        return {}
    for name, number in (("arxiv", ARXIV.search(given)), ("doi", DOI.search(given))):
        if number:
            return {"id": "", name: values.get(name) or number[1]}
    return {"id": "" if given.isdecimal() else ascii_id(given)}


def _bibtex(path: Path, text: str) -> Listed:
    found = read_bibtex(path, text)
    papers, problems = [], list(found.problems)
    for one in found.entries:
        if one["title"]:
            papers.append(_of_entry(one))
        else:
            problems.append(SummaryError(path, f"{one.key}: no title", one.line))
    return Listed(tuple(papers), tuple(problems), tuple(found.notes))


def _of_entry(one: BibEntry) -> Queued:
    archive = one["archiveprefix"] or one["eprinttype"] or "arxiv"
    venue = unbraced(one["booktitle"] or one["journaltitle"] or one["journal"])
    # Where somebody writes arXiv into the journal, its number stands there too.
    said = next((text for text in (venue, one["howpublished"], one["note"]) if "arxiv" in text.casefold()), "")
    return Queued(
        "",
        ": ".join(unbraced(one[name]) for name in ("title", "subtitle") if one[name]),
        one["author"],
        one["year"] or one["date"] or one["eventdate"],
        unbraced(one["session"]),
        re.sub(r"-{2,}", "–", one["pages"]),
        (one["eprint"] if "arxiv" in archive.casefold() else "") or said,
        one["doi"],
        one["url"],
        venue=venue,
        line=one.line,
        key=one.key,
    )


def _tidy(paper: Queued) -> Queued:
    """Numbers bare: of an address of arXiv or a DOI its number, of a date its year."""
    arxiv = ARXIV.search(paper.arxiv) or ARXIV.search(paper.url if "arxiv.org" in paper.url else "")
    doi = DOI.search(paper.doi) or DOI.search(paper.url if "doi.org" in paper.url else "")
    year = re.search(r"(?:19|20)\d\d", paper.year)
    url = paper.url if re.fullmatch(r"https?://[^\s\"'<>]+", paper.url) else ""
    return replace(
        paper,
        arxiv=arxiv[1] if arxiv else "",
        doi=doi[1].rstrip(".") if doi else "",
        year=year[0] if year else "",
        url=url,
    )


_READERS: dict[str, Callable[[Path, str], Listed]] = {
    ".bib": _bibtex,
    ".bibtex": _bibtex,
    ".csv": _table,
    ".tsv": _table,
}
