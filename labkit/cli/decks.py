"""Commands of the deck that several people make of one paper: begin it from the cards, raise its version, show it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from labkit.cli.app import group, plainly
from labkit.cli.cards import known_language, paper_named
from labkit.cli.group.options import Reader

deck_app = group(
    "deck",
    "One deck of slides for a paper, which several people improve version by version.\n\n"
    "`labkit deck new PAPER` makes it of the cards there are: a text file a slide in `summaries/PAPER/deck/`. Edit them; "
    "a new file goes where its number says, `045-limits.md`, and begins with its heading, `# Limits`. Then "
    "`labkit deck raise PAPER 'what is better'`, and commit the deck with your log. Different slides, and versions "
    "raised at the same time, merge without conflict. `labkit card check` looks at decks too.",
)

Paper = Annotated[str, typer.Argument(help="The paper's id; its title or arXiv number do as well.")]


@deck_app.command("new")
@plainly
def deck_new(
    paper: Paper,
    language: Annotated[str | None, typer.Option(help="en, ja, ko, zh: of which cards. Default: of most.")] = None,
    reader: Reader = None,
) -> None:
    """Make the first version of a paper's deck from its cards. Prints the files, one a slide; never overwrites.

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
    what: Annotated[str, typer.Argument(help="What is better now, in a line.")],
    reader: Reader = None,
) -> None:
    """Raise the deck's version after you have edited its slides. It stands in your log; commit both together.

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
    to: Annotated[Path, typer.Option(help="The file to write, .html.")] = Path("slides.html"),
) -> None:
    """Make reveal.js slides of the deck: its version, who contributed, its slides, what each version changed.

    Example: `labkit deck slides hara-2018-retrace --to retrace.html`
    """
    from labkit.survey.slides import write_slides
    from labkit.survey.slides.shared_deck import paper_deck

    print(write_slides(paper_deck(paper_named(paper)), to))
