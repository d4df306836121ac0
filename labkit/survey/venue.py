"""A venue's list of papers as a reading queue: `summaries/queue/<venue>.csv`, one paper a line, by session.

`read_list` reads what venues publish (BibTeX, CSV), `enqueue` adds it to the queue, `queued` reads the queue. A line
per paper, so that two people's additions merge; papers that the library has carry its id.
"""

import csv
import io
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import NamedTuple

from labkit.records import write_atomically
from labkit.survey.library import SummaryError, own_place, read_text, summaries_folder
from labkit.survey.references import ARXIV, DOI, Names, compared, exactly, settled
from labkit.survey.schema import did_you_mean
from labkit.survey.spreadsheet import guarded, unguarded
from labkit.survey.writing import ascii_id


@dataclass(frozen=True)
class Queued:
    """A paper to read. `source` is the list that it, and its numbers, come from."""

    id: str
    title: str
    authors: str = ""  # family names and given names as the list has them, joined by "; "
    year: str = ""
    session: str = ""
    pages: str = ""
    arxiv: str = ""
    doi: str = ""
    url: str = ""
    source: str = ""
    line: int = 0  # where it stands in the file it was read from; not written


class Listed(NamedTuple):
    """A list as read: its papers, and what in it could not be used. Papers have no id yet where none could be made."""

    papers: tuple[Queued, ...]
    problems: tuple[SummaryError, ...]


COLUMNS = tuple(field.name for field in fields(Queued) if field.name != "line")
# What lists call these columns, compared without case, space and punctuation.
_CALLED = {
    "id": "id, paper id, labkit id",
    "title": "title, paper title, paper, name, タイトル, 題目, 論文題目, 제목, 논문 제목, 标题, 题目, 论文标题",
    "authors": "authors, author, author names, 著者, 저자, 作者",
    "year": "year, 年, 연도, 年份",
    "session": "session, session title, session name, track, day, セッション, 세션, 会场, 分会场",
    "pages": "pages, page, ページ, 쪽, 页码",
    "arxiv": "arxiv, arxiv id, eprint",
    "doi": "doi",
    "url": "url, link, pdf, pdf url, リンク, 링크, 链接",
}
_COLUMN_OF = {compared(word): column for column, words in _CALLED.items() for word in words.split(",")}
_LITTLE_WORDS = "a an the on in of for and or to with from by at is are be can do does how what why via using we"
_STOP = frozenset(_LITTLE_WORDS.split())


def queue_path(venue: str) -> Path:
    """The file of a venue's queue. Raises `ValueError` for a name without Latin letters or digits."""
    name = ascii_id(venue)
    if not name:
        raise ValueError(f"venue {venue!r}: use Latin letters and digits, such as 'CVPR 2018'")
    return summaries_folder() / "queue" / f"{name}.csv"


def read_list(path: str | Path, *, session: str = "", encoding: str = "utf-8-sig") -> Listed:
    """The papers of a list, a `.bib` or a `.csv` file; `session` is for those that name none.

    Raises `SummaryError` for a file that is neither or cannot be read at all; a bad entry is among the problems.
    """
    path = Path(path)
    readers = {".bib": _bibtex, ".bibtex": _bibtex, ".csv": _table, ".tsv": _table}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise SummaryError(
            path, f"a list is one of {', '.join(readers)}, not {path.suffix or 'a file without ending'!r}"
        )
    listed = reader(path, read_text(path, encoding))
    papers = tuple(replace(one, session=one.session or session, source=path.name) for one in listed.papers)
    return Listed(papers, listed.problems)


def enqueue(venue: str, listed: Listed, names: Names) -> tuple[Path, tuple[Queued, ...], tuple[SummaryError, ...]]:
    """Add papers to a venue's queue; returns its file, what was added, and what could not be.

    A paper that the library has beyond doubt gets its id; others an id of author, year and a word of the title. Lines
    that the queue has already stay as they are.
    """
    path = own_place(queue_path(venue))
    present = queued(venue) if path.is_file() else ()
    taken = {one.id for one in present} | {found for papers in names.titles.values() for found, _ in papers}
    titles = {compared(one.title) for one in present}
    added: list[Queued] = []
    problems: list[SummaryError] = list(listed.problems)
    for paper in listed.papers:
        if compared(paper.title) in titles:
            continue
        known = _in_library(paper, names)
        made = known or (ascii_id(paper.id) if paper.id else paper_id(paper, taken))
        if not made:
            reason = f"no id can be made of {paper.title!r}; give it an arXiv number, a DOI or a column id"
            problems.append(SummaryError(Path(paper.source), reason, paper.line or None))
            continue
        if known and known in {one.id for one in (*present, *added)}:
            continue
        taken.add(made)
        titles.add(compared(paper.title))
        added.append(replace(paper, id=made))
    if added:
        _append(path, added)
    return path, tuple(added), tuple(problems)


def queued(venue: str) -> tuple[Queued, ...]:
    """The papers of a venue's queue. Raises `LookupError` for a venue without one, `SummaryError` for a bad file."""
    path = queue_path(venue)
    if not path.is_file():
        known = sorted(one.stem for one in path.parent.glob("[!.]*.csv"))
        raise LookupError(f"no queue of {venue!r} in {path.parent}{did_you_mean(path.stem, known)}")
    rows = csv.DictReader(io.StringIO(read_text(path), newline=""), strict=True)
    if missing := {"id", "title"} - set(rows.fieldnames or ()):
        raise SummaryError(path, f"no column {', '.join(sorted(missing))}; the columns are {', '.join(COLUMNS)}", 1)
    made = []
    try:
        for row in rows:
            values = {name: unguarded(row.get(name) or "") for name in COLUMNS}
            if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", values["id"]):
                raise SummaryError(
                    path, f"id {values['id']!r} is no id: small ASCII letters, digits, hyphens", rows.line_num
                )
            made.append(Queued(**values, line=rows.line_num))
    except csv.Error as error:
        raise SummaryError(path, str(error), rows.line_num) from None
    return tuple(made)


def venues() -> tuple[str, ...]:
    """The venues that have a queue."""
    return tuple(sorted(path.stem for path in (summaries_folder() / "queue").glob("[!.]*.csv")))


def paper_id(paper: Queued, taken: Iterable[str] = ()) -> str:
    """An id of first author, year and words of the title, in ASCII, unlike those taken; "" where there is none.

    Nothing is made of Chinese, Japanese or Korean text: there the arXiv number or the DOI is taken.
    """
    taken = set(taken)
    family = ascii_id(_family(paper.authors))
    words = [word for word in ascii_id(paper.title).split("-") if word not in _STOP and len(word) > 1]
    if family and words:
        for count in range(1, len(words) + 1):
            made = "-".join(part for part in (family, paper.year, *words[:count]) if part)[:80].strip("-")
            if made not in taken:
                return made
    for kind, number in (("arxiv", paper.arxiv), ("doi", paper.doi)):
        made = ascii_id(f"{kind} {number}") if number else ""
        if made and made not in taken:
            return made
    return ""


def _family(authors: str) -> str:
    first = authors.split(";")[0].strip()
    return first.split(",")[0] if "," in first else first.rsplit(" ", 1)[-1]


def _in_library(paper: Queued, names: Names) -> str:
    """The library's id of this paper, by its numbers or its whole title; nothing less is taken without asking."""
    for reference in (paper.arxiv, paper.doi, paper.title):
        best = settled(exactly(reference, names)) if reference else None
        if best:
            return best.paper
    return ""


def _append(path: Path, added: Sequence[Queued]) -> None:
    """Write the queue with these lines at its end; what stands in it stays, byte for byte."""
    old = path.read_bytes() if path.is_file() else ",".join(COLUMNS).encode() + b"\n"
    text = io.StringIO()
    header = next(csv.reader([old.decode("utf-8-sig").splitlines()[0]]))
    rows = csv.DictWriter(text, header, extrasaction="ignore", lineterminator="\n")
    rows.writerows({name: guarded(_on_one_line(str(value))) for name, value in asdict(one).items()} for one in added)
    gap = b"" if old.endswith(b"\n") else b"\n"
    write_atomically(path, lambda temporary: temporary.write_bytes(old + gap + text.getvalue().encode()))


def _on_one_line(value: str) -> str:
    return re.sub(r"\s+", " ", value).strip()


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
            values = {name: cell.strip() for name, cell in zip(header, row, strict=False) if name}
            if len(row) != len(header):
                problems.append(
                    SummaryError(path, f"{len(row)} fields, but the header has {len(header)}", rows.line_num)
                )
            elif not values["title"]:
                problems.append(SummaryError(path, "no title", rows.line_num))
            else:
                papers.append(_tidy(Queued(**{"id": "", **values}, line=rows.line_num)))
    except csv.Error as error:
        problems.append(SummaryError(path, str(error), rows.line_num))
    return Listed(tuple(papers), tuple(problems))


def _bibtex(path: Path, text: str) -> Listed:
    import bibtexparser
    from bibtexparser.middlewares import LatexDecodingMiddleware

    log = logging.getLogger("bibtexparser")
    level = log.level
    log.setLevel(logging.CRITICAL)  # what it would log is among the problems
    try:
        library = bibtexparser.parse_string(text, append_middleware=[LatexDecodingMiddleware()])
    finally:
        log.setLevel(level)
    problems = [SummaryError(path, _why(block.error), (block.start_line or 0) + 1) for block in library.failed_blocks]
    papers = []
    for entry in library.entries:
        line = (entry.start_line or 0) + 1
        got = {name.casefold(): str(field.value).strip() for name, field in entry.fields_dict.items()}
        title = _plain(got.get("title", ""))
        if not title:
            problems.append(SummaryError(path, f"{entry.key}: no title", line))
            continue
        authors = "; ".join(_plain(name) for name in re.split(r"\s+and\s+", got.get("author", "")) if name)
        arxiv = got.get("eprint", "") if "arxiv" in got.get("archiveprefix", "arxiv").casefold() else ""
        papers.append(
            _tidy(
                Queued(
                    "",
                    title,
                    authors,
                    got.get("year", "") or got.get("date", "")[:4],
                    _plain(got.get("session", "")),
                    got.get("pages", "").replace("--", "–"),
                    arxiv,
                    got.get("doi", ""),
                    got.get("url", ""),
                    line=line,
                )
            )
        )
    return Listed(tuple(papers), tuple(problems))


def _why(error: Exception) -> str:
    """What bibtexparser says about an entry, on one line."""
    said = " ".join((getattr(error, "abort_reason", "") or str(error)).split())
    return f"no whole BibTeX entry: {said}".rstrip(": ")


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"[{}]", "", text)).strip()


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
