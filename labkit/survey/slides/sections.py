"""A card's sections as slides, with every word of the reader. Only the words of the title slide are not repeated."""

import functools
import html
import re
from collections.abc import Callable, Collection, Iterator
from itertools import pairwise
from typing import NamedTuple

from labkit.survey.card.file import CardFile, Section
from labkit.survey.card.formats import Role, role_exactly
from labkit.survey.card.markdown import parser, split_lines
from labkit.survey.card.markup import as_html, data_uri, figure_file
from labkit.survey.card.show import is_told
from labkit.survey.publication.files import paper_folder
from labkit.survey.publication.schema import Paper
from labkit.survey.slides.labels import LABELS
from labkit.survey.slides.page import Slide
from labkit.survey.slides.paging import pages

BRIEF: frozenset[Role] = frozenset({"what", "novelty", "results", "validation", "limitation"})


class Topic(NamedTuple):
    """The heading of a slide and the text below it, both Markdown."""

    heading: str
    text: str


def sections(card: CardFile, paper: Paper, *, brief: bool = False) -> Iterator[Slide]:
    """The card's sections under their own headings, each on as many slides as it takes.

    `brief`: what a session needs, where the card has any of it. Headings of a format without a word below them stand on
    a slide of their own, the last.
    """
    wanted = [one for one in card.sections if one.role in BRIEF] if brief else []
    for heading, text in topics(card, BRIEF if wanted else None):
        lead = heading in ("", card.title.heading if card.title else "")
        if not (lead and is_told(text, paper)):
            yield from topic_slides(Topic(heading or paper.short, text), shower(card), card.about.language)
    unwritten = [] if brief else [one.heading for one in card.sections if _is_unwritten(one, card)]
    if unwritten:
        listed = "".join(f"<li>{inline(one, shower(card))}</li>" for one in unwritten)
        language = card.about.language
        yield Slide(f"<h2>{LABELS[language]['unwritten']}</h2><ul>{listed}</ul>", language)


def topic_slides(topic: Topic, show: Callable[[str], str], language: str) -> Iterator[Slide]:
    """One heading with its text, on as many slides as it takes; `show` makes HTML of Markdown."""
    parts = pages(topic.text) or ("",)
    for number, part in enumerate(parts, start=1):
        count = f" <small>{number}/{len(parts)}</small>" if len(parts) > 1 else ""
        # A text's own headings stand below the slide's.
        body = re.sub(r"(</?h)[12]>", r"\g<1>3>", show(part))
        yield Slide(f"<h2>{inline(topic.heading, show)}{count}</h2>{body}", language)


def shower(card: CardFile) -> Callable[[str], str]:
    """A function that makes HTML of a part of a card, with the pictures of its paper and the links that the card defines."""
    return functools.partial(as_html, figure=figures(card.about.paper), references=card.references)


def figures(paper_id: str) -> Callable[[str], str | None]:
    """A function that gives the pictures of a paper's folder as addresses that hold their bytes."""
    folder = paper_folder(paper_id)
    return lambda target: data_uri(figure_file(folder, target))


def topics(card: CardFile, roles: Collection[Role] | None = None) -> Iterator[Topic]:
    """The card's highest headings with all the text below them. Text before the first heading has an empty one.

    `roles`: only sections of these. Parts without words are left out, unless the reader made their heading.
    """
    title = card.title.heading if card.title else ""
    levels = [one.level for one in card.sections if one.heading and one is not card.title]
    top = max(2, min(levels, default=2))
    made = [Topic("", "")]
    for section in card.sections:
        if (roles is not None and section.role not in roles) or _is_unwritten(section, card):
            continue
        if section.heading and section.level <= top:
            made.append(Topic(section.heading, section.text))
        else:
            heading, text = made[-1]
            below = f"{'#' * 3} {section.heading}\n\n" if section.heading else ""
            made[-1] = Topic(heading, f"{text}\n\n{below}{section.text}")
    for heading, text in (part for one in made for part in _underlined(one)):
        if heading not in ("", title) or as_html(text).strip():
            yield Topic(heading, text)


def _underlined(topic: Topic) -> Iterator[Topic]:
    """The parts of a text whose headings are lines underlined with `===` or `---`."""
    lines, tokens = split_lines(topic.text), parser().parse(topic.text, {})
    heading, start = topic.heading, 0
    for token, inside in pairwise(tokens):
        if token.type == "heading_open" and token.level == 0 and token.markup in ("=", "-"):
            yield Topic(heading, "\n".join(lines[start : token.map[0]]))
            heading, start = inside.content, token.map[1]
    yield Topic(heading, "\n".join(lines[start:]))


def _is_unwritten(section: Section, card: CardFile) -> bool:
    """Whether this question of a format has no answer: no word below it, or below a heading under it."""
    if not section.heading or section is card.title or role_exactly(section.heading) is None:
        return False
    place = card.sections.index(section)
    below = [section]
    for one in card.sections[place + 1 :]:
        if one.level <= section.level:
            break
        below.append(one)
    return not any(one.text.strip() for one in below)


def inline(heading: str, show: Callable[[str], str]) -> str:
    """A heading's words as HTML, without the paragraph around them."""
    found = re.fullmatch(r"<p>(.*)</p>\s*", show(heading), flags=re.DOTALL)
    return found[1] if found and "<p>" not in found[1] else html.escape(heading)
