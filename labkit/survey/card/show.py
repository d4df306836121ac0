"""A paper with a card in a notebook: what the paper is, what it claims, and what a reader wrote about it."""

import html
import re
from dataclasses import dataclass

from labkit.survey.card.file import CardFile, cards
from labkit.survey.card.markup import as_html, data_uri, figure_file, words_shown
from labkit.survey.card.schema import LANGUAGES, CardLanguage
from labkit.survey.publication.files import paper_folder, read_paper
from labkit.survey.publication.problems import plain_lines
from labkit.survey.publication.schema import Paper

BARE_LINK = r"<p>(<a [^>]*>[^<]*</a>)</p>\s*"


@dataclass(frozen=True)
class Shown:
    """A paper and one card. A notebook shows both safely, whatever the card says."""

    paper: Paper
    card: CardFile | None

    def __str__(self) -> str:
        words = f"\n\n{self.card.words.strip()}" if self.card else ""
        return plain_lines(f"{self.paper}{words}".replace("\r\n", "\n"))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.paper._repr_html_() + (_card_html(self.card, self.paper) if self.card else "")


def show_card(paper_id: str, language: CardLanguage = "en") -> Shown:
    """The paper and its card in this language, else in English, else any; of several, the one of the highest version.

    Raises `LookupError`, naming the nearest id, for a paper that the library does not have.
    """
    return Shown(read_paper(paper_id), best_card(paper_id, language))


def best_card(paper_id: str, language: CardLanguage) -> CardFile | None:
    """The card to show: in this language, else in English, else any; of several, the one of the highest version."""
    order = [language, "en", *LANGUAGES]
    found = sorted(
        cards(paper_id),
        key=lambda card: (order.index(card.about.language), -card.about.version, card.about.reader),
    )
    return found[0] if found else None


def is_told(text: str, paper: Paper) -> bool:
    """Whether a card's Markdown says only which paper it is: titles, authors, venue and year."""
    if "<img" in as_html(text, figure=lambda target: target):
        return False
    told = [*(one.text for one in paper.titles.values()), *map(str, paper.authors), paper.venue, str(paper.year or "")]
    return words_shown(text) <= words_shown(html.escape("\n\n".join(told)))


def _card_html(card: CardFile, paper: Paper) -> str:
    e, about = html.escape, card.about
    folder = paper_folder(about.paper)
    lead = (card.sections[0], card.title)
    parts = [f"Card by {about.reader}", about.language, f"version {about.version}"]
    goal = f"<p><em>{e(about.goal)}</em></p>" if about.goal else ""
    body = "".join(
        _section_html(
            one.heading,
            as_html(one.text, figure=lambda target: data_uri(figure_file(folder, target)), references=card.references),
        )
        for one in card.sections
        if (one.heading or one.text.strip()) and not (one in lead and is_told(f"{one.heading}\n\n{one.text}", paper))
    )
    return (
        f'<details class="labkit-card" open><summary>{e(" · ".join(parts))}</summary>'
        f'<div lang="{e(about.language)}">{goal}{body}</div></details>'
    )


def _section_html(heading: str, body: str) -> str:
    """A section as HTML; one that is a single link needs no more than a line."""
    if heading and (link := re.fullmatch(BARE_LINK, body)):
        return f"<p>{html.escape(heading)}: {link[1]}</p>"
    return (as_html(f"#### {heading}").strip() if heading else "") + body
