"""The library for other programs: references as BibTeX, numbers as CSV and Parquet, papers as JSON-LD for search engines.

```
export(open_shelf(), "library.bib")       # the ending says what: .bib, .csv, .parquet, .jsonld
json_ld_script(paper, cards)              # what a paper's web page carries
```

`labkit.survey.queue.venue.read_list` reads BibTeX; what is written here it reads back.
"""

import io
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from labkit.atomic import write_atomically
from labkit.names import did_you_mean
from labkit.script_json import script_json
from labkit.survey.card.file import CardFile
from labkit.survey.library.shelf import Shelf
from labkit.survey.publication.csv_cells import guarded
from labkit.survey.publication.schema import RESULT_COLUMNS, Paper, Result

if TYPE_CHECKING:
    from bibtexparser.model import Field

# What kind of BibTeX entry a venue makes, and which field names it; the first that fits, else a conference.
_KINDS = (
    (re.compile(r"arxiv", re.I), "misc", "howpublished"),
    (re.compile(r"technical report|tech\.? report|preprint", re.I), "techreport", "institution"),
    (re.compile(r"PAMI|IJCV|\bTIP\b|journal|transactions|letters|magazine", re.I), "article", "journal"),
    (re.compile(r"thesis|dissertation", re.I), "phdthesis", "school"),
    (re.compile(r""), "inproceedings", "booktitle"),
)
_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{mark: f"\\{mark}" for mark in "%&#_$"},
}


def export(shelf: Shelf, to: str | Path, papers: Sequence[str] = ()) -> Path:
    """Write the papers with these ids, or all, to a file whose ending says what: `.bib`, `.csv`, `.parquet`, `.jsonld`.

    Raises `ValueError` for another ending or a place inside the library, `LookupError` for an id that it does not have.
    """
    to = Path(to)
    write = _FORMATS.get(to.suffix.lower())
    if write is None:
        raise ValueError(f"{to.name} should end in one of {', '.join(_FORMATS)}{did_you_mean(to.suffix, _FORMATS)}")
    if to.resolve().is_relative_to(shelf.folder.resolve()):
        raise ValueError(f"{to} is inside the library, where people's own files are; choose another place")
    return write_atomically(to, lambda temporary: write(_chosen(shelf, papers), shelf, temporary))


def _chosen(shelf: Shelf, papers: Sequence[str]) -> list[Paper]:
    for one in papers:
        if one not in shelf.papers:
            raise LookupError(f"no paper {one!r} in {shelf.folder}{did_you_mean(one, shelf.papers)}")
    return [shelf.papers[one] for one in papers or shelf.papers]


# ---------------------------------------------------------------- BibTeX


def bibtex(papers: Iterable[Paper]) -> str:
    """The papers as BibTeX in UTF-8, with their ids as keys; folders of notes are left out."""
    import bibtexparser
    from bibtexparser.model import Entry

    library = bibtexparser.Library()
    for paper in papers:
        if paper.kind == "paper":
            kind, venue = next((kind, field) for fits, kind, field in _KINDS if fits.search(paper.venue))
            library.add(Entry(kind, paper.id, _fields(paper, venue)))
    return bibtexparser.write_string(library)


def _fields(paper: Paper, venue: str) -> list["Field"]:
    from bibtexparser.model import Field

    values = {
        "title": f"{{{_latex(paper.title)}}}",  # in braces of its own: the capitals stay
        "author": " and ".join(
            [*(_author(one.given, one.family) for one in paper.authors), *["others"] * paper.and_others]
        ),
        "year": str(paper.year or ""),
        venue: _latex(paper.venue),
        "pages": _latex(paper.pages).replace("–", "--"),
        "doi": _number(paper.doi.id if paper.doi else ""),
        "eprint": _number(paper.arxiv.id if paper.arxiv else ""),
        "archiveprefix": "arXiv" if paper.arxiv else "",
        "url": _number(paper.links[0].url if paper.links else ""),
        "keywords": _latex(", ".join(paper.keywords)),
    }
    return [Field(name, value) for name, value in values.items() if value]


def _number(text: str) -> str:
    """A number or an address as it is, since styles do not want it escaped; empty if it could end its BibTeX field."""
    return "" if re.search(r"[\\{}\s]", text) else text


def _author(given: str, family: str) -> str:
    """`Family, Given`; a name that has a comma, a semicolon or an "and" of its own in braces, so that it stays one."""

    def whole(name: str) -> str:
        return f"{{{_latex(name)}}}" if re.search(r"[,;&]|\band\b|\bothers\b", name, re.I) else _latex(name)

    return f"{whole(family)}, {whole(given)}" if given else f"{{{_latex(family)}}}"


def _latex(text: str) -> str:
    """The text with LaTeX's own characters escaped; all other letters as they are, in UTF-8."""
    return "".join(_LATEX.get(letter, letter) for letter in " ".join(text.split()))


# ---------------------------------------------------------------- tables


def results_table(results: Mapping[str, Sequence[Result]]) -> pd.DataFrame:
    """All numbers, one row each: the paper, the columns of `results.csv`, and the digits as printed.

    `value` is float64, `frames` Int64 with gaps, the rest text, "" where not stated.
    """
    columns = ["paper", "cited_as", *RESULT_COLUMNS, "printed"]
    rows = [[getattr(one, name) for name in columns] for paper in results for one in results[paper]]
    return pd.DataFrame(rows, columns=columns).astype({"value": "float64", "frames": "Int64"})


def to_csv(table: pd.DataFrame) -> str:
    """A table as CSV; text that a spreadsheet would take for a formula gets an apostrophe in front (`csv_cells`)."""
    text = table.copy()
    for name in text.columns:
        if not pd.api.types.is_numeric_dtype(text[name]):
            text[name] = [guarded(str(cell)) for cell in text[name]]
    made = io.StringIO()
    text.to_csv(made, index=False, lineterminator="\n")
    return made.getvalue()


# ---------------------------------------------------------------- JSON-LD


def json_ld(paper: Paper, cards: Iterable[CardFile] = ()) -> dict[str, Any]:
    """The paper as schema.org's `ScholarlyArticle`, each card as a `Review` of it."""
    ids = {"arXiv": paper.arxiv, "DOI": paper.doi, "OpenAlex": paper.openalex}
    where = (
        f"https://doi.org/{paper.doi.id}"
        if paper.doi
        else f"https://arxiv.org/abs/{paper.arxiv.id}"
        if paper.arxiv
        else ""
    )
    own = {language: text for language, text in paper.abstracts.items() if not text.translated_by}
    others = [text.text for language, text in paper.titles.items() if language != paper.language]
    return _filled(
        {
            "@context": "https://schema.org",
            "@type": "ScholarlyArticle" if paper.kind == "paper" else "Dataset",
            "@id": where,
            "name": paper.title,
            "alternateName": [*others, *paper.aliases],
            "author": [
                _filled({"@type": "Person", "name": str(one), "givenName": one.given, "familyName": one.family})
                for one in paper.authors
            ],
            "datePublished": str(paper.year or ""),
            "inLanguage": paper.language,
            "isPartOf": {"@type": "PublicationVolume", "name": paper.venue} if paper.venue else None,
            "pagination": paper.pages,
            "identifier": [
                {"@type": "PropertyValue", "propertyID": name, "value": one.id} for name, one in ids.items() if one
            ],
            "sameAs": [link.url for link in paper.links],
            "keywords": list(paper.keywords),
            "abstract": [{"@value": text.text, "@language": language} for language, text in own.items()],
            "review": [_review(card) for card in cards],
        }
    )


def _review(card: CardFile) -> dict[str, Any]:
    about = card.about
    return _filled(
        {
            "@type": "Review",
            "author": _filled(
                {
                    "@type": "Person",
                    "name": about.reader,
                    "affiliation": {"@type": "Organization", "name": about.institution} if about.institution else None,
                }
            ),
            "inLanguage": about.language,
            "version": about.version,
            "datePublished": about.date.isoformat() if about.date else "",
            "abstract": about.goal,
            "reviewBody": unicodedata.normalize("NFC", card.role("what")),
            "keywords": list(about.keywords),
        }
    )


def _filled(record: dict[str, Any]) -> dict[str, Any]:
    """The record without what is empty."""
    return {name: value for name, value in record.items() if value not in ("", None, [], {})}


def json_ld_script(paper: Paper, cards: Iterable[CardFile] = ()) -> str:
    """The same as the `<script>` of a page. Nothing a paper or card says can end the script."""
    return f'<script type="application/ld+json">{script_json(json_ld(paper, cards))}</script>'


# ---------------------------------------------------------------- files


def _write_bibtex(papers: list[Paper], shelf: Shelf, path: Path) -> None:
    path.write_text(bibtex(papers), encoding="utf-8", newline="\n")


def _write_csv(papers: list[Paper], shelf: Shelf, path: Path) -> None:
    # The byte-order mark tells Excel that this is UTF-8.
    path.write_text(to_csv(_numbers(papers, shelf)), encoding="utf-8-sig", newline="\n")


def _write_parquet(papers: list[Paper], shelf: Shelf, path: Path) -> None:
    _numbers(papers, shelf).to_parquet(path, index=False)


def _write_json_ld(papers: list[Paper], shelf: Shelf, path: Path) -> None:
    wanted = {paper.id for paper in papers}
    cards: dict[str, list[CardFile]] = {}
    for card in shelf.cards:
        if card.paper in wanted:
            cards.setdefault(card.paper, []).append(card.read())
    graph = [json_ld(paper, cards.get(paper.id, ())) for paper in papers]
    bare = [{name: value for name, value in one.items() if name != "@context"} for one in graph]
    text = json.dumps({"@context": "https://schema.org", "@graph": bare}, ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def _numbers(papers: list[Paper], shelf: Shelf) -> pd.DataFrame:
    return results_table({paper.id: shelf.results.get(paper.id, ()) for paper in papers})


_FORMATS: dict[str, Callable[[list[Paper], Shelf, Path], None]] = {
    ".bib": _write_bibtex,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
    ".jsonld": _write_json_ld,
}
