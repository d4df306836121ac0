"""The library's pages: a gallery of all cards, a page for each paper, published numbers, papers to read next, open questions.

Everything that readers wrote is text here: their Markdown goes through `labkit.survey.card.markup`, the templates escape
all else, and the pages themselves forbid scripts other than the course's own, and any request beyond the site.
"""

import functools
import html
import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from markupsafe import Markup

from labkit.bars import tqdm
from labkit.counting import counted
from labkit.course.page import figure_html, mark_columns
from labkit.course.templates import render
from labkit.script_json import script_json
from labkit.survey.card.file import CardFile
from labkit.survey.card.markup import as_html, data_uri, figure_file, web_only
from labkit.survey.card.side_by_side import SideBySide, name_of, put_together
from labkit.survey.library.compare import (
    best_by_year,
    by_depth,
    comparable_groups,
    depth_of,
    in_words,
    numbers,
    pivot,
)
from labkit.survey.library.export import json_ld_script
from labkit.survey.library.gaps import gap_map
from labkit.survey.library.reading_graph import reading_graph
from labkit.survey.library.shelf import Shelf
from labkit.survey.publication.problems import SummaryError
from labkit.survey.publication.schema import RESULT_COLUMNS, Paper, Result
from labkit.survey.search.gallery import FACETS, facets, records, values_of

Write = Callable[[Path, str], None]
GALLERY_TEXT = 24_000_000  # characters of all cards that the gallery's page carries for its search
MOST_VALUES = 8  # of a facet that are counted without a script
MOST_NODES = 60  # papers in the graph of papers to read next
LEAST_ROWS = 4  # numbers that make a table of the results' page


def write_library(site: Path, shelf: Shelf, shell: Mapping[str, Any], write: Write) -> dict[str, int]:
    """Write all pages of a library into `papers/` of a site. `shell` has the values that all pages share.

    Returns the counts in the gallery: `cards`, `papers`, and papers `waiting` for a reader.
    """
    folder = site / "papers"
    shell = {**shell, "run": functools.partial(_notebook_link, shell["lessons"])}
    cards: dict[str, list[CardFile]] = {}
    for shelved in shelf.cards:
        try:
            cards.setdefault(shelved.paper, []).append(shelved.read())
        except (OSError, SummaryError):
            continue  # gone since the folder was read; the next build says so
    pages = {"index.html", "results.html", "next.html", "map.html", *(f"{key}.html" for key in shelf.papers)}
    for left in folder.glob("*.html"):
        if left.name not in pages:  # of a paper that is gone
            left.unlink()
    for key, paper in tqdm(shelf.papers.items(), desc="papers", unit=" pages", delay=2, leave=False):
        write(folder / f"{key}.html", _paper_page(paper, cards.get(key, []), shelf, shell))
    gallery, counts = _gallery(shelf, shell["lessons"])
    write(folder / "index.html", render("gallery.html.j2", **shell, **gallery, **counts))
    write(folder / "results.html", render("results.html.j2", **shell, **_results(shelf)))
    write(folder / "next.html", render("next.html.j2", **shell, **_next(shelf)))
    write(folder / "map.html", render("map.html.j2", **shell, **_map(shelf)))
    return counts


def _notebook_link(lessons: Sequence[Mapping[str, Any]], notebook: str) -> str:
    """A link to the notebook with this start of a name, as HTML. For an unknown notebook: the name alone."""
    for lesson in lessons:
        if str(lesson["name"]).startswith(notebook):
            return Markup('<a href="../{}">notebook {}</a>').format(lesson["page"], lesson["number"])
    return f"notebook {notebook}"


# One paper


def _paper_page(paper: Paper, cards: list[CardFile], shelf: Shelf, shell: Mapping[str, Any]) -> str:
    by_source: dict[str, list[Result]] = {}
    for row in shelf.results.get(paper.id, ()):
        by_source.setdefault(row.source, []).append(row)
    tables = [(source, len(rows), _table(rows)) for source, rows in by_source.items()]
    view = put_together(paper, cards) if cards else None
    return render(
        "paper.html.j2",
        **shell,
        title=paper.title,
        language=paper.language,
        guessed=_guessed(paper, shell["lessons"]),
        card=Markup(paper._repr_html_()),  # noqa: S704 (the parts are escaped where they are made)
        data=Markup(json_ld_script(paper, cards)),
        abstracts=[(language, one.text, one.translated_by) for language, one in paper.abstracts.items()],
        cards=[_card(card, shelf) for card in cards],
        parts=_parts(view) if view else [],
        compared=_compared(view, shelf) if view and len(cards) > 1 else None,
        tables=tables,
    )


def _guessed(paper: Paper, lessons: Sequence[Mapping[str, Any]]) -> list[str]:
    """The numbers of the notebooks about a paper that let the reader guess what it found."""
    about = [
        one
        for one in lessons
        if one.get("guesses") and (one.get("paper") or {}).get("page") == f"papers/{paper.id}.html"
    ]
    return [str(one["number"]) for one in about]


def _table(rows: Sequence[Result]) -> Markup:
    """The numbers as printed. Columns that are empty in all rows are left out."""
    names = [
        name
        for name in RESULT_COLUMNS
        if name != "source" and any(getattr(row, name) not in ("", None) for row in rows)
    ]
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(row, name)}</td>' for name in names)}</tr>" for row in rows)
    return Markup(mark_columns(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"))  # noqa: S704 (the parts are escaped where they are made)


def _cell(row: Result, name: str) -> str:
    value = row.printed if name == "value" else getattr(row, name)
    return "" if value is None else html.escape(str(value))


def _card(card: CardFile, shelf: Shelf) -> dict[str, Any]:
    about = card.about
    minutes = [counted(about.minutes.spent, "minute") if about.minutes.spent is not None else ""]
    facts = [f"{about.mode} reading", *minutes, about.status, f"version {about.version}", str(about.date or "")]
    return {
        "id": f"card-{about.language}-{about.reader}",
        "language": about.language,
        "reader": about.reader,
        "format": about.format,
        "goal": about.goal,
        "facts": [fact for fact in facts if fact],
        "keywords": about.keywords,
        "body": _body(card.words, card, shelf),
        "claims": about.claims,
        "questions": about.questions,
        "next": [(one.text, one.paper if one.paper in shelf.papers else "") for one in about.next],
    }


def _body(markdown: str, card: CardFile, shelf: Shelf) -> Markup:
    """A card's words as HTML, with its headings below the page's in level."""
    folder = shelf.folder / card.about.paper
    made = as_html(
        markdown,
        link=lambda target: web_only(target) or _paper_link(target, shelf),
        figure=lambda target: data_uri(figure_file(folder, target)),
        references=card.references,
    )
    return Markup(re.sub(r"(</?h)([1-6])(?=>)", lambda found: f"{found[1]}{min(6, int(found[2]) + 2)}", made))  # noqa: S704 (the parts are escaped where they are made)


def _paper_link(target: str, shelf: Shelf) -> str | None:
    """The page for a link to another paper of the library, `../../<paper-id>/...`; None for other links."""
    parts = [
        part for part in unquote(target).replace("\\", "/").partition("#")[0].split("/") if part not in ("", ".", "..")
    ]
    known = [part for part in parts if part in shelf.papers]
    return f"{known[0]}.html" if known and ":" not in target else None


def _parts(view: SideBySide) -> list[dict[str, Any]]:
    """The points on which readers contradict each other, for the page."""
    return [
        {"kind": one.kind, "slug": one.kind.replace(" ", "-"), "about": one.about, "says": one.says}
        for one in view.disagreements
        if one.kind != "one reader alone"  # the table marks those
    ]


def _compared(view: SideBySide, shelf: Shelf) -> dict[str, Any]:
    """The cards by role: a row for each role, a cell for each card."""
    alone = {one.about for one in view.disagreements if one.kind == "one reader alone"}
    rows = [
        (role, role in alone, [_body(text, card, shelf) for text, card in zip(texts, view.cards, strict=True)])
        for role, texts in view.rows.items()
    ]
    return {"heads": [(name_of(card), card.about.language) for card in view.cards], "rows": rows}


# The pages across papers


def _gallery(shelf: Shelf, lessons: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, int]]:
    """The values for the gallery's page, and the counts that `write_library` returns.

    Where a notebook lets the reader guess what a paper found, a card shows its reader's question in place of its summary.
    """
    asked = {
        card.path.relative_to(shelf.folder).as_posix(): card.about.goal
        for card in shelf.cards
        if card.paper in shelf.papers and _guessed(shelf.papers[card.paper], lessons)
    }
    rows = [{**row, "summary": asked.get(row["path"], row["summary"])} for row in records(shelf)]
    most = GALLERY_TEXT // max(1, len(rows))
    data = [_entry(row, most) for row in rows]
    plain = {"facets": FACETS, "entries": data}
    cards = sum(bool(row["reader"]) for row in rows)
    titles = [(key, paper.title) for key, paper in shelf.papers.items()][:500]
    cut = most if any(len(row["text"]) > most for row in rows) else 0
    counts = {"cards": cards, "papers": len({row["paper"] for row in rows}), "waiting": len(rows) - cards}
    about = {
        "data": Markup(script_json(plain)),
        "titles": titles,
        "cut": cut,
        "facets": facets(rows),
        "most": MOST_VALUES,
    }
    return about, counts


def _entry(row: dict[str, Any], most: int) -> dict[str, Any]:
    """A row of the gallery's data: the values of the facets as text, and the words to search, folded."""
    anchor = f"#card-{row['language']}-{row['reader']}" if row["reader"] else ""
    return {
        "href": f"{row['paper']}.html{anchor}",
        "title": row["title"],
        "summary": row["summary"],
        "values": [values_of(row, name) for name in FACETS],
        "words": searched(row["text"][:most]),
    }


def searched(text: str) -> str:
    """Text as the gallery's page compares it: one width, one case, and nothing between a letter and the digit after it."""
    return re.sub(r"([^\W\d_])[-_ ](?=\d)", r"\1", unicodedata.normalize("NFKC", text).casefold())


def _results(shelf: Shelf) -> dict[str, Any]:
    """Tables of comparable numbers, the largest first, and two figures of the largest groups."""
    groups = comparable_groups(row for row in numbers(shelf) if row.model and row.dataset and row.unit == "%")
    tables = []
    for rows in groups.values():
        if len(rows) >= LEAST_ROWS:
            made = pivot(rows)
            tables.append((made.caption, len(rows), Markup(made._repr_html_()), len(made.conflicts)))  # noqa: S704 (the parts are escaped where they are made)
    return {"tables": tables, "figures": _figures([_depth_figure(groups), _year_figure(shelf, groups)])}


def _depth_figure(groups: Mapping[tuple[str, ...], list[Any]]) -> Any:
    """Depth against accuracy, for the comparable numbers of one dataset with the most networks of known depth."""
    from labkit.viz.survey import depth_curve

    best: tuple[int, list[Any]] = (2, [])
    for rows in groups.values():
        for dataset in dict.fromkeys(row.dataset for row in rows if row.metric == "top-1"):
            some = [row for row in rows if row.dataset == dataset and depth_of(row.model)]
            depths = len({row.model for row in some})
            best = max(best, (depths, some), key=lambda one: one[0])
    if not best[1]:
        return None
    return depth_curve(by_depth(best[1]), f"Depth against accuracy on {best[1][0].dataset}: {in_words(best[1])}")


def _year_figure(shelf: Shelf, groups: Mapping[tuple[str, ...], list[Any]]) -> Any:
    """The best number of each dataset over the years, for the comparable numbers with the most papers."""
    from labkit.viz.survey import best_over_years

    dated = {key for key, paper in shelf.papers.items() if paper.year}
    choice = [[row for row in rows if row.paper in dated] for rows in groups.values() if rows[0].metric == "top-1"]
    rows = max(choice, key=lambda rows: len({row.paper for row in rows}), default=[])
    if len({row.paper for row in rows}) < 2:
        return None
    return best_over_years(best_by_year(rows, shelf.papers), f"The best published accuracy: {in_words(rows)}")


def _next(shelf: Shelf) -> dict[str, Any]:
    from labkit.viz.survey import reading_map

    graph = reading_graph(shelf)
    shown = graph.most_wanted(MOST_NODES)
    unread = [
        (key, row["title"], int(row["wanted"]), bool(row["in_library"]))
        for key, row in graph.unread.head(100).iterrows()
    ]
    figures = _figures(
        [reading_map(shown.papers, shown.edges, "What cards want read next") if len(shown.papers) else None]
    )
    return {"figures": figures, "unread": unread, "shown": len(shown.papers), "all": len(graph.papers)}


def _map(shelf: Shelf) -> dict[str, Any]:
    from labkit.viz.survey import gap_figure

    found = gap_map(shelf)
    rows = [
        (condition, [(dataset, found.cell(dataset, condition)) for dataset in found.datasets])
        for condition in found.conditions
    ]
    table = found.records()
    figures = _figures([gap_figure(table, "Where there are numbers, and where only questions") if len(table) else None])
    return {"figures": figures, "datasets": found.datasets, "rows": rows, "known": shelf.papers}


def _figures(made: list[Any]) -> list[Markup]:
    return [
        Markup(figure_html(json.loads(fig.to_json()), f"figure-{number}"))
        for number, fig in enumerate(made, 1)
        if fig is not None
    ]
