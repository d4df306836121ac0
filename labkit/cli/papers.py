"""Commands of paper lists: a venue's list as a reading queue, the library for other programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from labkit.cli.app import console, group, plainly, say, tell
from labkit.counting import counted

if TYPE_CHECKING:
    from labkit.survey.queue.people import Order

papers_app = group(
    "papers", "Lists of papers: read a venue's list into a queue, show it by session, export the library."
)


@papers_app.command("import")
@plainly
def papers_import(
    file: Annotated[Path, typer.Argument(help="A list: BibTeX (.bib) or a table (.csv, .tsv).")],
    venue: Annotated[str, typer.Option(help="Whose list it is: 'CVPR 2018'.")],
    session: Annotated[str, typer.Option(help="For papers whose session the list does not name.")] = "",
    encoding: Annotated[str, typer.Option(help="Of the file.")] = "utf-8-sig",
    authors: Annotated[
        str, typer.Option(help="Where 'Ada Example, Ben Sample' can be two people (names) or one (family-first).")
    ] = "",
) -> None:
    """Add a venue's list to its reading queue, `summaries/queue/<venue>.csv`; what is queued already stays as it is.

    Columns may be named as Zotero, arXiv, CMT and others name them; BibTeX's crossref and biblatex's fields are followed.
    Papers are the same by number, or by title, year and first author together; whatever is taken for the same is named
    with the reason. Authors that can be read in two ways are queued with a question mark, until you settle them there
    or say --authors. An entry that cannot be used is named with its line, the others go on, and the exit code is 1.

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
    venue: Annotated[str | None, typer.Argument(help="Whose queue. Default: list the venues.")] = None,
) -> None:
    """Show a venue's reading queue by session, which of its papers the library has, and whose authors are still open.

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
    papers: Annotated[list[str], typer.Argument(help="Ids, as the reading queue has them.")],
) -> None:
    """Take queued papers into the library: write their `paper.yaml` of what the list says. Prints the paths.

    Then `labkit card new ID --reader NAME` begins a card. One that cannot be added is named, the others go on, and the
    exit code is 1.

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
    words: Annotated[list[str], typer.Argument(help="What to look for, in any of the four languages.")],
    kind: Annotated[str, typer.Option(help="paper or card.")] = "",
    language: Annotated[str, typer.Option(help="Of the cards: en, ja, ko, zh.")] = "",
    role: Annotated[str, typer.Option(help="Sections about this alone: method, results, limitation, ….")] = "",
    reader: Annotated[str, typer.Option(help="Whose cards.")] = "",
    limit: Annotated[int, typer.Option(help="How many.")] = 20,
) -> None:
    """Search titles, abstracts, keywords and cards; the best first, each with its best place.

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
        snippet = Text(
            "    " + STEERING.sub("\N{REPLACEMENT CHARACTER}", hit.snippet)
        )  # as long as before, for the marks
        for start, end in hit.marks:
            snippet.stylize("bold reverse", start + 4, end + 4)
        console().print(snippet)


@papers_app.command("export")
@plainly
def papers_export(
    to: Annotated[Path, typer.Argument(help="A file that ends in .bib, .csv, .parquet or .jsonld.")],
    paper: Annotated[list[str] | None, typer.Option(help="A paper's id; give it again for more. Default: all.")] = None,
) -> None:
    """Write the library for other programs: references (.bib), published numbers (.csv, .parquet), papers and cards (.jsonld).

    What cannot be read is named and left out, and the exit code is 1. In CSV, text that a spreadsheet would take for a
    formula has an apostrophe in front. Prints the file's path.

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
