"""Paper cards: what the papers said, with its source, so that notebooks cite numbers and never type them.

`cite("hara-2018-retrace", ...)` is one published number, `results(...)` a table of them, `paper(...)` the card.
`read_card(...)` is one reader's card of a paper, `cards(...)` all of them.
The files are in `summaries/`, one folder per paper; `schema` says what may stand in them, `library` reads them.
"""

from labkit.survey.card import CardFile, cards, read_card
from labkit.survey.card_schema import Card
from labkit.survey.citing import CiteError, cite, paper, papers, results
from labkit.survey.library import SummaryError
from labkit.survey.schema import Paper, Result

__all__ = [
    "Card",
    "CardFile",
    "CiteError",
    "Paper",
    "Result",
    "SummaryError",
    "cards",
    "cite",
    "paper",
    "papers",
    "read_card",
    "results",
]
