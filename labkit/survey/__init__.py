"""Papers, what readers made of them, and what a group asks of both.

`cite("hara-2018-retrace", ...)` is one published number, `results(...)` a table of them, `paper(...)` the paper itself.
`read_card(...)` is one reader's card of a paper, `cards(...)` all of them. The files are in `summaries/`.

The rooms, each built on those before it:

    publication   one paper: its schema, its files, its numbers and how they are cited
    card          one card: its schema, its file, a new one, one shown
    library       all papers and cards: read, kept, compared, mapped, exported
    search        words in four languages; the gallery
    check         what is wrong, with file and line; the published numbers proofread
    queue         what is to be read: venues' lists, which paper a title means
    group         who reads what, how long, with which goal
    slides        cards, sessions and streams as slides
"""

from typing import TYPE_CHECKING

from labkit.lazy import lazily

if TYPE_CHECKING:
    from labkit.survey.card.file import CardFile as CardFile
    from labkit.survey.card.file import cards as cards
    from labkit.survey.card.file import read_card as read_card
    from labkit.survey.card.new import new_card as new_card
    from labkit.survey.card.schema import Card as Card
    from labkit.survey.card.show import show_card as show_card
    from labkit.survey.card.side_by_side import side_by_side as side_by_side
    from labkit.survey.check.report import check_card as check_card
    from labkit.survey.library.export import export as export
    from labkit.survey.library.gaps import gap_map as gap_map
    from labkit.survey.library.own_number import compare as compare
    from labkit.survey.library.shelf import open_shelf as open_shelf
    from labkit.survey.publication.cite import CiteError as CiteError
    from labkit.survey.publication.cite import cite as cite
    from labkit.survey.publication.cite import paper as paper
    from labkit.survey.publication.cite import papers as papers
    from labkit.survey.publication.cite import results as results
    from labkit.survey.publication.files import summaries_folder as summaries_folder
    from labkit.survey.publication.problems import SummaryError as SummaryError
    from labkit.survey.publication.schema import Paper as Paper
    from labkit.survey.publication.schema import Result as Result

_HOMES = {
    "Card": "card.schema",
    "CardFile": "card.file",
    "CiteError": "publication.cite",
    "Paper": "publication.schema",
    "Result": "publication.schema",
    "SummaryError": "publication.problems",
    "cards": "card.file",
    "check_card": "check.report",
    "cite": "publication.cite",
    "compare": "library.own_number",
    "export": "library.export",
    "gap_map": "library.gaps",
    "new_card": "card.new",
    "open_shelf": "library.shelf",
    "paper": "publication.cite",
    "papers": "publication.cite",
    "read_card": "card.file",
    "results": "publication.cite",
    "show_card": "card.show",
    "side_by_side": "card.side_by_side",
    "summaries_folder": "publication.files",
}

__all__ = [*_HOMES]
__getattr__, __dir__ = lazily(__name__, _HOMES)
