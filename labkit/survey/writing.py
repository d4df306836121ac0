"""New cards: a file with the front matter filled in as far as it is known, and the questions of its format as headings."""

import datetime as dt
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

from labkit.records import write_atomically
from labkit.survey.card import CardFile
from labkit.survey.card_schema import FORMATS, LANGUAGES, MODES, Card, CardFormat, CardLanguage, Mode
from labkit.survey.formats import TEMPLATES
from labkit.survey.front_matter import written
from labkit.survey.library import paper_folder, read_paper
from labkit.survey.schema import Paper, did_you_mean

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

    Raises `LookupError` for an unknown paper, `ValueError` for an unknown format, language, mode or a name that is no
    id, each with the nearest good one; `FileExistsError` where this reader has a card in this language.
    """
    for what, value, known in (("format", format, FORMATS), ("language", language, LANGUAGES), ("mode", mode, MODES)):
        if value not in known:
            raise ValueError(
                f"no {what} {value!r}{did_you_mean(value, known)} The {what}s are {', '.join(map(str, known))}"
            )
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
    return create(card.path, lambda temporary: temporary.write_bytes(bytes(card)), instead=instead)


def create(path: Path, write: Callable[[Path], object], *, instead: str = "it is never overwritten") -> Path:
    """Write a file atomically that must not exist: of two who try at once, one gets `FileExistsError`.

    `instead` ends its message: what to do about it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.open("xb").close()  # taken; nobody else can
    except FileExistsError:
        raise FileExistsError(f"{path} exists already; {instead}") from None
    try:
        return write_atomically(path, write)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def reader_id(name: str) -> str:
    """The name, if it can be part of a file's name everywhere. Raises `ValueError` with one that can, made of it."""
    if re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) and len(name) <= 80:
        return name
    suggestion = ascii_id(name)
    hint = f"; did you mean {suggestion!r}?" if suggestion else "; such as reader-a"
    raise ValueError(f"reader {name!r}: use small ASCII letters, digits and hyphens{hint}")


# Letters that Unicode does not take apart into a letter and an accent.
_LETTERS = str.maketrans({"ł": "l", "ø": "o", "ß": "ss", "æ": "ae", "œ": "oe", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})


def ascii_id(text: str) -> str:
    """An id made of the Latin letters and digits of a text, or "" if it has letters of another script."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold().translate(_LETTERS))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    if any(letter.isalpha() and not letter.isascii() for letter in plain):
        return ""
    plain = plain.replace("'", "").replace("’", "")
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:80].strip("-")


def _value(key: str, value: object) -> str:
    return str(value) if key == "date" else written(value)


def _top(paper: Paper) -> str:
    """The paper's title as a link, its authors and where it appeared."""
    title = re.sub(r"([\[\]\\])", r"\\\1", paper.title)
    linked = f"[{title}]({paper.links[0].url})" if paper.links else title
    return f"# {linked}\n\n{paper.byline}. {paper.venue}"
