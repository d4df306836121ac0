"""New cards: the front matter with what is known, and the questions of the format as headings."""

import datetime as dt
import re
from pathlib import Path

from labkit.atomic import create
from labkit.names import meant_or_all
from labkit.survey.card.file import CardFile
from labkit.survey.card.formats import TEMPLATES
from labkit.survey.card.front_matter import written
from labkit.survey.card.schema import FORMATS, LANGUAGES, MODES, Card, CardFormat, CardLanguage, Mode
from labkit.survey.publication.files import own_place, paper_folder, read_paper
from labkit.survey.publication.ids import reader_id
from labkit.survey.publication.schema import Paper

BUDGETS: dict[Mode, int] = {"skim": 30, "close": 60}  # minutes: the longest skim, the shortest close reading


def new_card(
    paper_id: str,
    *,
    format: CardFormat,
    language: CardLanguage,
    reader: str,
    institution: str = "",
    mode: Mode = "skim",
    today: dt.date | None = None,
) -> Path:
    """Write a card with the headings of a format, empty below them, and return where it is.

    Raises `LookupError` for an unknown paper, `ValueError` for an unknown format, language or mode, or a name that cannot
    be an id, each with the nearest good one; `FileExistsError` where this reader has a card in this language.
    """
    for what, value, known in (("format", format, FORMATS), ("language", language, LANGUAGES), ("mode", mode, MODES)):
        if value not in known:
            raise ValueError(f"no {what} {value!r}{meant_or_all(value, known)}")
    reader = reader_id(reader)
    paper = read_paper(paper_id)
    about = {
        "paper": paper.id,
        "language": language,
        "format": format,
        "reader": reader,
        **({"institution": institution} if institution else {}),
        "mode": mode,
        "goal": "",
        "minutes": {"budget": BUDGETS[mode]},
        "status": "reading",
        "version": 1,
        "date": (today or dt.date.today()).isoformat(),
        "keywords": [],
        "next": [],
        "claims": [],
        "questions": [],
    }
    card = Card.model_validate(about)
    head = "".join(f"{key}: {_value(key, value)}\n" for key, value in about.items())
    text = f"---\n{head}---\n\n{_top(paper)}\n"
    for asked in TEMPLATES[format]:
        text += f"\n{'#' * asked.level} {asked.heading(language)}\n"
    return write_new(CardFile(paper_folder(paper.id) / "cards" / card.file_name, text))


def write_new(card: CardFile) -> Path:
    """Write a card that is not there yet, whole or not at all. Raises `FileExistsError` where it is."""
    instead = "edit it, or choose another reader or language"
    return create(own_place(card.path), lambda temporary: temporary.write_bytes(bytes(card)), instead=instead)


def _value(key: str, value: object) -> str:
    return str(value) if key == "date" else written(value)


def _top(paper: Paper) -> str:
    """The paper's title as a link, its authors and where it appeared."""
    title = re.sub(r"([\[\]\\])", r"\\\1", paper.title)
    linked = f"[{title}]({paper.links[0].url})" if paper.links else title
    return f"# {linked}\n\n{paper.byline}. {paper.venue}"
