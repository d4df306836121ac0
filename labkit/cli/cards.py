"""Commands for cards: write a new one, import and export a review, make slides, look up papers, check all files."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labkit.cli.app import group, plainly, say, tell
from labkit.cli.asking import next_papers
from labkit.cli.group.options import Reader
from labkit.counting import counted

if TYPE_CHECKING:
    from labkit.survey.card.file import CardFile
    from labkit.survey.queue.references import Names

card_app = group(
    "card", "Cards: one reader's notes on one paper. Write a new card, import a review, make slides, check all files."
)


@card_app.command("new")
@plainly
def card_new(
    paper: Annotated[str, typer.Argument(help="The paper's id, title or arXiv number.")],
    reader: Reader = None,
    language: Annotated[str, typer.Option(help="The card's language: en, ja, ko, zh.")] = "en",
    format: Annotated[
        str, typer.Option(help="The card's format: ochiai, cvpaper, paper-review, insight, abstract.")
    ] = "ochiai",
    mode: Annotated[str, typer.Option(help="How you read: skim (15-30 minutes) or close (an hour or more).")] = "skim",
    institution: Annotated[
        str, typer.Option(help="Your institution, as the card names it. The ranking uses `labkit group join`.")
    ] = "",
) -> None:
    """Write a new card: a file with the headings of a format, in one language. Prints its path.

    A card that is there already is not overwritten.

    Example: `labkit card new hara-2018-retrace --format ochiai --language ja --reader reader-a`
    """
    from labkit.survey.card.new import new_card
    from labkit.survey.group.settings import who_am_i

    asked: Any = {"format": format, "language": language, "mode": mode}
    print(new_card(paper_named(paper), reader=who_am_i(reader), institution=institution, **asked))


@card_app.command("import")
@plainly
def card_import(
    files: Annotated[list[Path], typer.Argument(help="The reviews: Markdown files, with or without front matter.")],
    paper: Annotated[str, typer.Option(help="The paper's id, title or arXiv number.")],
    reader: Reader = None,
    language: Annotated[
        str | None, typer.Option(help="The language: en, ja, ko, zh. Default: guessed from the text.")
    ] = None,
    format: Annotated[
        str | None, typer.Option(help="The format. Default: the format that has the review's headings.")
    ] = None,
    institution: Annotated[
        str, typer.Option(help="Your institution, as the card names it. The ranking uses `labkit group join`.")
    ] = "",
    encoding: Annotated[
        str, typer.Option(help="The encoding of the files, such as cp949, cp932 or gb18030.")
    ] = "utf-8",
    yes: Annotated[
        bool, typer.Option("--yes", help="Ask nothing: of the papers to read next, link those that match for certain.")
    ] = False,
) -> None:
    """Make cards from reviews. The text stays as it is, byte for byte. Prints the role of each heading, and the paths.

    Papers to read next are looked up in the library, and you are asked about each match. Without an answer, a paper stays
    plain text. A line without a link, number, year or quotes, and without a match in the library, is left out unless you
    say that it is a paper. Missing pictures are named: put them into the paper's `figures/`. The review stays unchanged.

    A file with an error is named with its line. The other files are still imported, and the exit code is 1.

    Example: `labkit card import review.md --paper hara-2018-retrace --reader reader-b`
    """
    from labkit.survey.card.new import write_new
    from labkit.survey.card.reviews import import_review
    from labkit.survey.group.settings import who_am_i
    from labkit.survey.publication.problems import SummaryError
    from labkit.survey.queue.references import library_names

    names, failed = library_names(), 0
    asked: Any = {"language": language, "format": format, "encoding": encoding}
    asked |= {"paper": paper_named(paper, names), "reader": who_am_i(reader), "institution": institution}
    for file in files:
        try:
            data = file.read_bytes()
            card = import_review(data, source=file, **asked)
            found = next_papers(card, names, yes=yes)
            card = import_review(data, source=file, next_papers=found, **asked)
            path = write_new(card)
        except (SummaryError, OSError) as error:
            failed += 1
            tell(error)
            continue
        _tell(card)
        print(path)
    if failed:
        raise typer.Exit(1)


@card_app.command("export")
@plainly
def card_export(
    card: Annotated[Path, typer.Argument(help="The imported card.")],
    to: Annotated[
        Path | None, typer.Option(help="The file to write; it must not exist. Default: standard output.")
    ] = None,
) -> None:
    """Write the review from which a card was imported, with all edits since.

    Example: `labkit card export summaries/hara-2018-retrace/cards/ko-reader-b.md --to review.md`
    """
    from labkit.atomic import create
    from labkit.survey.card.file import read_card
    from labkit.survey.card.reviews import export_review

    data = export_review(read_card(card))
    if to is None:
        sys.stdout.buffer.write(data)
    else:
        print(create(to, lambda temporary: temporary.write_bytes(data)))


@card_app.command("slides")
@plainly
def card_slides(
    what: Annotated[
        list[str] | None, typer.Argument(help="The file of a card, or ids of papers. Several ids make a session.")
    ] = None,
    to: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("slides.html"),
    language: Annotated[
        str | None, typer.Option(help="The language of the cards: en, ja, ko, zh. Default: en.")
    ] = None,
    title: Annotated[str, typer.Option(help="The title of a session.")] = "",
    venue: Annotated[str | None, typer.Option(help="Show the papers in a venue's reading queue: 'CVPR 2018'.")] = None,
    session: Annotated[str, typer.Option(help="Show only this session of the venue.")] = "",
    stream: Annotated[str | None, typer.Option(help="Show all papers with this keyword, by year.")] = None,
) -> None:
    """Make slides of a card, of a session of papers, or of all papers with a keyword. Prints the file's path.

    The file needs no network. Slides of one card have all of its words; slides of a session have what each paper is about,
    its novelty and its results. Keys: arrows and space move, `o` shows all slides, `f` fills the screen. To print, add
    `?view=print` to the address.

    Examples: `labkit card slides hara-2018-retrace --language ja`, `labkit card slides --stream Kinetics --to kinetics.html`,
    `labkit card slides --venue "CVPR 2018" --session Video`. One deck that several people improve: `labkit deck`.
    """
    from labkit.survey.slides import card_deck, session_deck, stream_deck, write_slides
    from labkit.survey.slides.decks import card_named, venue_deck

    known_language(language)
    if sum(map(bool, (what, venue, stream))) != 1:
        raise ValueError("give papers or a card, or --venue, or --stream: one of the three")
    spoken: Any = language or "en"
    if stream:
        deck = stream_deck(stream, language=spoken)
    elif venue:
        deck = venue_deck(venue, session, language=spoken)
    elif what and len(what) == 1:
        one: Any = language
        deck = card_deck(card_named(what[0] if what[0].endswith(".md") else paper_named(what[0]), one))
    else:
        papers = [paper_named(one) for one in what or ()]
        deck = session_deck(title or counted(len(papers), "paper"), papers, language=spoken)
    print(write_slides(deck, to))


@card_app.command("resolve")
@plainly
def card_resolve(
    card: Annotated[Path, typer.Argument(help="A card with a list of papers to read next.")],
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: link the papers that match for certain.")] = False,
) -> None:
    """Look up the papers that a card wants read next, ask about each match, and write your answers into its front matter.

    Example: `labkit card resolve summaries/hara-2018-retrace/cards/ja-reader-a.md`
    """
    from labkit.survey.card.file import read_card
    from labkit.survey.queue.references import library_names

    read = read_card(card)
    before = {one.text: one.model_dump(exclude_none=True) for one in read.about.next}
    known = {text for text, one in before.items() if "paper" in one}
    after = before | {one["text"]: one for one in next_papers(read, library_names(), yes=yes, known=known)}
    if after != before:
        print(read.put("next", list(after.values())).save())
    else:
        print("no new paper to read next")


@card_app.command("schema")
@plainly
def card_schema(
    name: Annotated[str, typer.Argument(help="The kind of file: paper, card or result.")] = "card",
    write: Annotated[bool, typer.Option("--write", help="Write all three schemas into `summaries/schema`.")] = False,
) -> None:
    """Print the JSON Schema of a file of the library, for your editor.

    Examples: `labkit card schema paper`, `labkit card schema --write`
    """
    from labkit.names import meant_or_all
    from labkit.survey.card.json_schemas import SCHEMAS, schema_text, write_schemas

    if write:
        print(*write_schemas(), sep="\n")
    elif name not in SCHEMAS:
        raise ValueError(f"no schema {name!r}{meant_or_all(name, SCHEMAS)}")
    else:
        print(schema_text(name), end="")


@card_app.command("check")
@plainly
def card_check(
    folder: Annotated[
        Path | None, typer.Argument(help="The library to check. Default: that of the folder you are in.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the problems as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no notes, only errors and warnings.")] = False,
) -> None:
    """Check papers, numbers, cards and decks: schemas, links, ids, and numbers that contradict each other.

    The folder is LABKIT_SUMMARIES, else the nearest `summaries/` here or above, else the library of the installed labkit,
    which is only read. The last lines name it. An error is wrong, a warning is probably wrong, a note is known already.
    The exit code is 1 if there is an error. Files that did not change since the last check are not read again.

    Examples: `labkit card check`, `labkit card check my_group/summaries --json`
    """
    from labkit.survey.check.report import check
    from labkit.survey.publication.files import is_read_only
    from labkit.survey.publication.problems import as_json, listed, plain

    report = check(folder, progress=True)
    shown = [problem for problem in report.problems if not (quiet and problem.severity == "note")]
    if json:
        about = {"folder": str(report.folder), "papers": report.papers, "cards": report.cards}
        print(as_json(shown, **about, numbers=report.numbers, stated=report.stated, unsure=report.unsure))
    else:
        installed = ", the library of the installed labkit, which is only read" if not folder and is_read_only() else ""
        print(*listed(shown, report.folder), plain(f"checked {report.folder}{installed}"), report, sep="\n")
    if report.errors:
        raise typer.Exit(1)


def known_language(given: str | None) -> str | None:
    """The language, unchanged. Raises `ValueError`, with the nearest name, for an unknown one."""
    from labkit.names import meant_or_all
    from labkit.survey.card.schema import LANGUAGES

    if given is not None and given not in LANGUAGES:
        raise ValueError(f"no language {given!r}{meant_or_all(given, LANGUAGES)}")
    return given


def paper_named(given: str, names: "Names | None" = None) -> str:
    """The id of a paper given by id, title, short name or number. Raises `LookupError` with the papers it may be."""
    from labkit.survey.publication.files import paper_ids
    from labkit.survey.queue.references import library_names, resolve, settled

    if given in paper_ids():
        return given
    candidates = resolve(given, names or library_names())
    best = settled(candidates)
    if best:
        return best.paper
    from labkit.survey.publication.files import read_paper

    if candidates:
        listed = "\n".join(f"  {one.paper}: {one.matched}" for one in candidates)
        raise LookupError(f"no paper {given!r}; it may be\n{listed}")
    return read_paper(given).id  # raises, with the nearest id


def _tell(card: "CardFile") -> None:
    """Print the role of each heading, the front matter that was set aside, and the missing pictures."""
    from labkit.survey.card.markup import unshown
    from labkit.survey.card.reviews import set_aside

    headed = [one for one in card.sections if one.heading]
    known = [one for one in headed if one.role]
    about = card.about
    say(
        f"{about.imported.file if about.imported else card.path}: {about.language}, {about.format}; "
        f"{len(known)} of {len(headed)} headings have a role"
    )
    if why := set_aside(card):
        say(f"  its front matter is kept as text: {why.reason} (line {why.line})")
    for one in headed:
        say(f"  line {one.line}: {one.heading}: {one.role or 'no role'}")
    for target, reason in unshown(card.words, card.path.parents[1]):
        say(f"  picture {target}: {reason}")
