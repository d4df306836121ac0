"""Commands for papers: reading queues of venues, the library, search and export."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from labkit.cli.app import console, group, plainly, say, tell
from labkit.counting import counted

if TYPE_CHECKING:
    from labkit.survey.queue.people import Order

papers_app = group(
    "papers", "Papers: fill a reading queue from a venue's list, add papers to the library, search and export it."
)


@papers_app.command("import")
@plainly
def papers_import(
    file: Annotated[Path, typer.Argument(help="The list: BibTeX (.bib) or a table (.csv, .tsv).")],
    venue: Annotated[str, typer.Option(help="The venue of the list: 'CVPR 2018'.")],
    session: Annotated[str, typer.Option(help="The session of papers that have none in the list.")] = "",
    encoding: Annotated[str, typer.Option(help="The encoding of the file.")] = "utf-8-sig",
    authors: Annotated[
        str, typer.Option(help="How to read 'Ada Example, Ben Sample': as two people (names) or as one (family-first).")
    ] = "",
) -> None:
    """Add a venue's list to its reading queue, `summaries/queue/<venue>.csv`. Papers in the queue stay as they are.

    Column names of Zotero, arXiv, CMT and others are understood, and so are BibTeX's crossref and biblatex's fields. Two
    papers are the same if they share a number, or title, year and first author; each such match is printed with its reason.
    Authors that can be read in two ways get a question mark in the queue: correct them there, or use --authors. An entry
    with an error is named with its line; the other entries are still added, and the exit code is 1.

    Examples: `labkit papers import cvpr2018.bib --venue "CVPR 2018"`, `labkit papers import list.csv --venue Mine --authors names`
    """
    from labkit.survey.queue.references import library_names
    from labkit.survey.queue.venue import enqueue, read_list

    listed = read_list(file, session=session, encoding=encoding, order=cast("Order", authors))
    names = library_names()
    notes = list(listed.notes)
    path, added, problems = enqueue(venue, listed, names, tell=notes.append)
    for note in notes:
        say(f"labkit: note: {note}")
    for problem in problems:
        say(f"labkit: {problem}")
    known = sum(one.id in names.numbers for one in added)
    before = len(listed.papers) - len(added) - (len(problems) - len(listed.problems))
    say(f"{counted(len(added), 'paper')} added, {known} of them in the library; {before} queued already")
    print(path)
    if problems:
        raise typer.Exit(1)


@papers_app.command("queue")
@plainly
def papers_queue(
    venue: Annotated[str | None, typer.Argument(help="The venue. Default: list all venues.")] = None,
) -> None:
    """Show a venue's reading queue by session. It marks papers in the library, and papers with unclear authors.

    Example: `labkit papers queue "CVPR 2018"`
    """
    from labkit.survey.publication.files import paper_ids
    from labkit.survey.publication.problems import plain
    from labkit.survey.queue.people import OPEN
    from labkit.survey.queue.venue import queued, venues
    from labkit.terminal import table

    if venue is None:
        print("\n".join(venues()) or "no queues yet; `labkit papers import LIST --venue NAME` makes one")
        return
    known = set(paper_ids())
    sessions: dict[str, int] = {}
    papers = queued(venue)
    for one in papers:
        sessions.setdefault(one.session, len(sessions))
    rows = [
        (
            plain(one.session),
            one.id,
            plain(one.title),
            "in the library" if one.id in known else "authors?" if one.authors.startswith(OPEN) else "",
        )
        for one in sorted(papers, key=lambda one: sessions[one.session])
    ]
    console().print(table(("session", "id", "title", ""), rows))


@papers_app.command("add")
@plainly
def papers_add(
    papers: Annotated[list[str], typer.Argument(help="The ids of the papers in the reading queue.")],
) -> None:
    """Add queued papers to the library: write a `paper.yaml` for each from its entry in the queue. Prints the paths.

    A paper that cannot be added is named; the others are still added, and the exit code is 1. Then
    `labkit card new ID --reader NAME` writes a card.

    Example: `labkit papers add wang-2018-nonlocal`
    """
    from labkit.survey.publication.problems import SummaryError
    from labkit.survey.queue.add import add_paper

    failed = 0
    for paper in papers:
        try:
            print(add_paper(paper))
        except (SummaryError, LookupError, OSError) as error:
            failed += 1
            tell(error)
    if failed:
        raise typer.Exit(1)


@papers_app.command("search")
@plainly
def papers_search(
    words: Annotated[list[str], typer.Argument(help="The words to search for, in any of the four languages.")],
    kind: Annotated[str, typer.Option(help="Search only this kind: paper or card.")] = "",
    language: Annotated[str, typer.Option(help="Search only cards in this language: en, ja, ko, zh.")] = "",
    role: Annotated[str, typer.Option(help="Search only sections with this role: method, results, limitation, …")] = "",
    reader: Annotated[str, typer.Option(help="Search only the cards of this reader.")] = "",
    limit: Annotated[int, typer.Option(help="The most results to show.")] = 20,
) -> None:
    """Search titles, abstracts, keywords and cards. The best match comes first, each with the text around it.

    Examples: `labkit papers search 動画 認識`, `labkit papers search overfit --role results`
    """
    from rich.text import Text

    from labkit.survey.publication.problems import STEERING, plain
    from labkit.survey.search.index import search

    hits = search(" ".join(words), kind=kind, language=language, role=role, reader=reader, limit=limit)
    if not hits:
        print("nothing was found")
        raise typer.Exit(1)
    for hit in hits:
        console().print(Text.assemble((hit.paper, "bold"), f"  {plain(hit.where)}"))
        # Each character is replaced by one, so that the marks keep their places.
        snippet = Text("    " + STEERING.sub("\N{REPLACEMENT CHARACTER}", hit.snippet))
        for start, end in hit.marks:
            snippet.stylize("bold reverse", start + 4, end + 4)
        console().print(snippet)


@papers_app.command("export")
@plainly
def papers_export(
    to: Annotated[
        Path, typer.Argument(help="The file to write. Its ending says the format: .bib, .csv, .parquet or .jsonld.")
    ],
    paper: Annotated[
        list[str] | None, typer.Option(help="The id of a paper. Repeat for more. Default: all papers.")
    ] = None,
) -> None:
    """Export the library: references (.bib), published numbers (.csv, .parquet), papers and cards (.jsonld). Prints the path.

    Files that cannot be read are named and left out, and the exit code is 1. In CSV, an apostrophe is put before text that
    a spreadsheet would read as a formula.

    Examples: `labkit papers export library.bib`, `labkit papers export numbers.csv --paper hara-2018-retrace`
    """
    from labkit.survey.library.export import export
    from labkit.survey.library.shelf import open_shelf

    shelf = open_shelf(progress=True)
    print(export(shelf, to, paper or ()))
    for error in shelf.errors:
        tell(error)
    if shelf.errors:
        raise typer.Exit(1)
