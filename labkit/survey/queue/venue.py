"""A venue's list of papers as a reading queue: `summaries/queue/<venue>.csv`, one paper a line, by session.

`read_list` reads what venues publish (BibTeX, CSV), `enqueue` adds it to the queue, `queued` reads the queue. Each paper
is a line, so that the additions of two people merge. Papers of the library have its id. Every guess is
reported: authors that can be read in two ways are marked, and papers taken for the same are named with the reason.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path

from labkit.atomic import write_atomically
from labkit.names import did_you_mean, meant_or_all
from labkit.survey.publication.csv_cells import guarded, unguarded
from labkit.survey.publication.files import own_place, summaries_folder
from labkit.survey.publication.ids import ascii_id
from labkit.survey.publication.problems import SummaryError
from labkit.survey.publication.text_files import read_text
from labkit.survey.queue.lists import Listed, Queued, read_papers
from labkit.survey.queue.people import ORDERS, Order, first_family
from labkit.survey.queue.references import Names
from labkit.survey.queue.same_paper import Known, Shelf, shelf_of

COLUMNS = tuple(field.name for field in fields(Queued) if field.name not in ("line", "key"))
_LITTLE_WORDS = "a an the on in of for and or to with from by at is are be can do does how what why via using we"
_STOP = frozenset(_LITTLE_WORDS.split())


def queue_path(venue: str) -> Path:
    """The file of a venue's queue. Raises `ValueError` for a name without Latin letters or digits."""
    name = ascii_id(venue)
    if not name:
        raise ValueError(f"venue {venue!r}: use Latin letters and digits, such as 'CVPR 2018'")
    return summaries_folder() / "queue" / f"{name}.csv"


def read_list(path: str | Path, *, session: str = "", encoding: str = "utf-8-sig", order: Order = "") -> Listed:
    """The papers of a list, a `.bib` or a `.csv` file; `session` is for those that name none.

    `order` says how authors are read where two ways are possible: "names" (`Ada Example, Ben Sample` are two people) or
    "family-first" (one person); else they are marked. Raises `SummaryError` for a file that is neither or cannot be read
    at all, `ValueError` for an unknown order; a bad entry is among the problems.
    """
    if order and order not in ORDERS:
        raise ValueError(f"no order of authors {order!r}{meant_or_all(order, ORDERS)}")
    path = Path(path)
    listed = read_papers(path, read_text(path, encoding), order)
    papers = tuple(replace(one, session=one.session or session) for one in listed.papers)
    return listed._replace(papers=papers)


def enqueue(
    venue: str, listed: Listed, names: Names, *, tell: Callable[[SummaryError], object] = lambda note: None
) -> tuple[Path, tuple[Queued, ...], tuple[SummaryError, ...]]:
    """Add papers to a venue's queue; returns its file, what was added, and what could not be.

    A paper that the library has beyond doubt gets its id; others an id of author, year and a word of the title, or their
    key. Lines that the queue has already stay as they are. `tell` hears which papers were taken for the same and why,
    and which were not though they have a title or a number in common.
    """
    path = own_place(queue_path(venue))
    present = queued(venue) if path.is_file() else ()
    making = _Making(present, names)
    problems = list(listed.problems)
    for paper in listed.papers:
        made, notes = making.of(paper)
        for note in notes:
            tell(SummaryError(Path(paper.source), f"{paper.title!r}: {note}", paper.line or None))
        if made == "":
            reason = f"cannot make an id from {paper.title!r}; give it an arXiv number, a DOI or a column id"
            problems.append(SummaryError(Path(paper.source), reason, paper.line or None))
        elif made is not None:
            making.add(replace(paper, id=made))
    if making.added:
        _append(path, making.added)
    return path, tuple(making.added), tuple(problems)


class _Making:
    """A queue while papers are added to it."""

    def __init__(self, present: Sequence[Queued], names: Names) -> None:
        self.added: list[Queued] = []
        self._lines = {one.id: one for one in present}
        self._queue = Shelf(map(Known.queued, present))
        self._library = shelf_of(names)
        self._taken = set(names.papers)

    def add(self, paper: Queued) -> None:
        """One more line, which those after it are compared with."""
        self.added.append(paper)
        self._lines[paper.id] = paper
        self._queue.add(Known.queued(paper))

    def of(self, paper: Queued) -> tuple[str | None, list[str]]:
        """The id of a new line, or "" where none can be made, or None where the queue has the paper; and what to tell."""
        about = Known.queued(paper)
        notes = []
        for other, verdict in self._queue.verdicts(about):
            if verdict.same:
                known = self._lines[other.id]
                silent = known not in self.added and _says_the_same(paper, known)
                return None, [] if silent else [f"the same paper as {other.id} in the queue: {verdict.why}"]
            notes.append(f"not the same paper as {other.id} in the queue: {verdict.why}")
        for other, verdict in self._library.verdicts(about):
            # A number decides here: the line stays, under the library's id.
            same = verdict.same or bool(about.numbers & other.numbers)
            if same and other.id not in self._lines:
                return other.id, [*notes, f"the same paper as {other.id} in the library: {verdict.why}"]
            if verdict.same:
                return None, [*notes, f"the same paper as {other.id}, in the library and queued: {verdict.why}"]
            notes.append(f"not the same paper as {other.id} in the library: {verdict.why}")
        return self._own_id(paper, notes), notes

    def _own_id(self, paper: Queued, notes: list[str]) -> str:
        taken = self._taken | set(self._lines)
        given = ascii_id(paper.id)
        if given in self._taken and given not in self._lines:
            return given  # the list says itself which paper of the library it is
        if given in taken:
            notes.append(f"its id {given} belongs to another paper; this one gets a new id")
        made = given if given not in taken else ""
        made = made or paper_id(paper, taken)
        key = ascii_id(paper.key)
        return made or (key if key not in taken else "")


def _says_the_same(paper: Queued, line: Queued) -> bool:
    """Whether the list says no more than what the queue's line has: it was imported before."""
    return all(getattr(paper, name) == getattr(line, name) for name in ("title", "authors", "year", "arxiv", "doi"))


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
                    path, f"id {values['id']!r} is not an id; use small ASCII letters, digits, hyphens", rows.line_num
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
    family = "-".join(ascii_id(first_family(paper.authors)).split("-")[:3])  # a team's name can be a sentence
    latin = (ascii_id(word) for word in paper.title.split())  # a word with other letters, an α, gives none
    words = [word for part in latin for word in part.split("-") if word not in _STOP and len(word) > 1]
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
