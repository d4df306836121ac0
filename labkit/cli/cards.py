"""Commands of the cards: begin one, check all, import a review, export it again, tell which papers it names, schemas for editors."""

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

card_app = group("card", "One reader's card of a paper: begin one, import a review, export it, show it as slides.")


@card_app.command("new")
@plainly
def card_new(
    paper: Annotated[str, typer.Argument(help="The paper's id; its title or arXiv number do as well.")],
    reader: Reader = None,
    language: Annotated[str, typer.Option(help="en, ja, ko, zh.")] = "en",
    format: Annotated[str, typer.Option(help="ochiai, cvpaper, paper-review, insight, abstract.")] = "ochiai",
    mode: Annotated[str, typer.Option(help="skim (15-30 minutes) or close (an hour or more).")] = "skim",
    institution: Annotated[str, typer.Option(help="Where the reader is from. (`labkit group join` ranks.)")] = "",
) -> None:
    """Begin a card: a file with the questions of a format, in a language. Prints its path; never overwrites.

    Example: `labkit card new hara-2018-retrace --format ochiai --language ja --reader reader-a`
    """
    from labkit.survey.card.new import new_card
    from labkit.survey.group.settings import who_am_i

    asked: Any = {"format": format, "language": language, "mode": mode}
    print(new_card(paper_named(paper), reader=who_am_i(reader), institution=institution, **asked))


@card_app.command("import")
@plainly
def card_import(
    files: Annotated[list[Path], typer.Argument(help="Reviews: Markdown, with front matter or without.")],
    paper: Annotated[str, typer.Option(help="The paper's id; its title or arXiv number do as well.")],
    reader: Reader = None,
    language: Annotated[str | None, typer.Option(help="en, ja, ko, zh. Default: what it looks like.")] = None,
    format: Annotated[str | None, typer.Option(help="Default: the one whose headings it has.")] = None,
    institution: Annotated[str, typer.Option(help="Where the reader is from. (`labkit group join` ranks.)")] = "",
    encoding: Annotated[str, typer.Option(help="Of the files: cp949, cp932, gb18030.")] = "utf-8",
    yes: Annotated[
        bool, typer.Option("--yes", help="Take papers to read next that are beyond doubt; do not ask.")
    ] = False,
) -> None:
    """Make cards of reviews, byte for byte, and say what each heading was taken for. Prints the paths.

    Papers to read next are looked up in the library, and you are asked; without an answer they stay words. Lines of that
    section without a link, number, year or quotes that are no paper of the library are left out unless you say they are
    papers. Pictures that are not there are named: put them into the paper's `figures/`, the review need not change.

    A file that cannot be used is named with its line, the others go on, and the exit code is 1.

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
    card: Annotated[Path, typer.Argument(help="A card that was imported.")],
    to: Annotated[Path | None, typer.Option(help="A file that is not there yet. Default: standard output.")] = None,
) -> None:
    """Give back the review that a card was imported from, with what was edited since.

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
        list[str] | None, typer.Argument(help="A card's file, or ids of papers; several make a session.")
    ] = None,
    to: Annotated[Path, typer.Option(help="The file to write, .html.")] = Path("slides.html"),
    language: Annotated[str | None, typer.Option(help="en, ja, ko, zh: whose cards to show. Default: en.")] = None,
    title: Annotated[str, typer.Option(help="Of a session.")] = "",
    venue: Annotated[str | None, typer.Option(help="Show the reading queue of a venue: 'CVPR 2018'.")] = None,
    session: Annotated[str, typer.Option(help="Of that venue, only this session.")] = "",
    stream: Annotated[str | None, typer.Option(help="Show all papers with this keyword, by year.")] = None,
) -> None:
    """Make reveal.js slides of a card, a session of papers or a stream: one file that needs no network. Prints its path.

    Every word of a card stands on some slide; a session shows what it says of the paper, its novelty and its results.
    Arrows and space walk, `o` shows all slides, `f` fills the screen; `?view=print` behind the address is for printing.

    Examples: `labkit card slides hara-2018-retrace --language ja`, `labkit card slides --stream Kinetics --to kinetics.html`,
    `labkit card slides --venue "CVPR 2018" --session Video`. One deck that several people improve: `labkit deck`.
    """
    from labkit.survey.slides import card_deck, session_deck, stream_deck, write_slides
    from labkit.survey.slides.decks import card_named, venue_deck

    known_language(language)
    if sum(map(bool, (what, venue, stream))) != 1:
        raise ValueError("name cards or papers, or a --venue, or a --stream: one of the three")
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
    card: Annotated[Path, typer.Argument(help="A card whose section on what to read next lists papers.")],
    yes: Annotated[bool, typer.Option("--yes", help="Take those that are beyond doubt; do not ask.")] = False,
) -> None:
    """Look up what a card wants read next, ask about each match, and write the answers into its front matter.

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
        print("nothing new to read next")


@card_app.command("schema")
@plainly
def card_schema(
    name: Annotated[str, typer.Argument(help="paper, card or result.")] = "card",
    write: Annotated[bool, typer.Option("--write", help="Write all three into `summaries/schema`.")] = False,
) -> None:
    """Print the JSON Schema of a file that people edit, for their editor.

    Examples: `labkit card schema paper`, `labkit card schema --write`
    """
    from labkit.names import did_you_mean
    from labkit.survey.card.json_schemas import SCHEMAS, schema_text, write_schemas

    if write:
        print(*write_schemas(), sep="\n")
    elif name not in SCHEMAS:
        raise ValueError(f"no schema {name!r}{did_you_mean(name, SCHEMAS)} There are {', '.join(SCHEMAS)}")
    else:
        print(schema_text(name), end="")


@card_app.command("check")
@plainly
def card_check(
    folder: Annotated[Path | None, typer.Argument(help="Default: the library where you stand.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the problems as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Leave notes out.")] = False,
) -> None:
    """Check papers, numbers, cards and decks: schemas, links, ids, and what published numbers cannot say. Exit code 1 on errors.

    Says which folder it checked: LABKIT_SUMMARIES, else the nearest `summaries/` from here upwards, else the installed
    package's, which is only read. Errors are wrong, warnings hardly right, notes known. What did not change since the
    last time is not read again.

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
    """The language as given. Raises `ValueError`, with the nearest, for one that no card has."""
    from labkit.names import did_you_mean
    from labkit.survey.card.schema import LANGUAGES

    if given is not None and given not in LANGUAGES:
        raise ValueError(f"no language {given!r}{did_you_mean(given, LANGUAGES)} There are {', '.join(LANGUAGES)}")
    return given


def paper_named(given: str, names: "Names | None" = None) -> str:
    """The id of a paper given by id, title, short name or number. Raises `LookupError` with what it may be."""
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
    """What the import took the headings for, and what it left alone."""
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
        say(f"  line {one.line}: {one.heading}: {one.role or 'kept as it is'}")
    for target, reason in unshown(card.words, card.path.parents[1]):
        say(f"  picture {target}: {reason}")
