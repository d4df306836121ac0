"""Commands for decks, the slides that several people write about one paper: make one, raise its version, show it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from labkit.cli.app import group, plainly
from labkit.cli.cards import known_language, paper_named
from labkit.cli.group.options import Reader

deck_app = group(
    "deck",
    "Decks: the slides about one paper, which several people improve together.\n\n"
    "`labkit deck new PAPER` makes a deck from the cards: one text file for each slide, in `summaries/PAPER/deck/`. Edit the "
    "files. To add a slide, add a file: its number is its place, as in `045-limits.md`, and its first line is its heading, "
    "`# Limits`. Then say `labkit deck raise PAPER 'what is better'`, and commit the deck with your log. Changes to "
    "different slides merge without conflict, and so do two new versions. `labkit card check` checks decks too.",
)

Paper = Annotated[str, typer.Argument(help="The paper's id, title or arXiv number.")]


@deck_app.command("new")
@plainly
def deck_new(
    paper: Paper,
    language: Annotated[
        str | None, typer.Option(help="The language of the cards: en, ja, ko, zh. Default: that of most cards.")
    ] = None,
    reader: Reader = None,
) -> None:
    """Make the first version of a paper's deck from its cards. Prints the files, one for each slide.

    A deck that is there already is not overwritten.

    Example: `labkit deck new hara-2018-retrace --language ja`
    """
    from labkit.survey.group.settings import who_am_i
    from labkit.survey.slides.shared_deck import new_deck

    spoken: Any = known_language(language)
    print(*new_deck(paper_named(paper), reader=who_am_i(reader), language=spoken), sep="\n")


@deck_app.command("raise")
@plainly
def deck_raise(
    paper: Paper,
    what: Annotated[str, typer.Argument(help="What is better now, in one line.")],
    reader: Reader = None,
) -> None:
    """Raise the deck's version after you have edited its slides.

    The version is written into your log. Commit the deck and the log together.

    Example: `labkit deck raise hara-2018-retrace "The method on one slide, with a figure."`
    """
    from labkit.survey.group.settings import who_am_i
    from labkit.survey.slides.shared_deck import raise_version

    paper_id = paper_named(paper)
    print(f"{paper_id}: version {raise_version(paper_id, what, reader=who_am_i(reader))}")


@deck_app.command("slides")
@plainly
def deck_slides(
    paper: Paper,
    to: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("slides.html"),
) -> None:
    """Make an HTML file of the deck: its version, its authors, its slides, and what each version changed. Prints its path.

    Example: `labkit deck slides hara-2018-retrace --to retrace.html`
    """
    from labkit.survey.slides import write_slides
    from labkit.survey.slides.shared_deck import paper_deck

    print(write_slides(paper_deck(paper_named(paper)), to))
