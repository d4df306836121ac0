"""Makes a card of a review, and gives the review back byte for byte.

`import_review` puts the card's front matter, between two marked lines, on top of the review's own front matter; where
there is none, or it cannot be read, or it uses our keys for something else, a front matter of its own goes before the
review. Nothing else changes, so `export_review` takes the marked lines out and has the review.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from labkit.survey.card import front_matter
from labkit.survey.card.file import CardFile
from labkit.survey.card.formats import TEMPLATES, Role, looked_up
from labkit.survey.card.schema import CardFormat, CardLanguage
from labkit.survey.publication.files import paper_folder
from labkit.survey.publication.ids import reader_id
from labkit.survey.publication.problems import SummaryError
from labkit.survey.publication.text_files import decode

BEGIN = "# labkit: the lines from here were added by the import"
END = "# labkit: up to here"


def import_review(
    data: bytes,
    *,
    paper: str,
    reader: str,
    language: CardLanguage | None = None,
    format: CardFormat | None = None,
    institution: str = "",
    encoding: str = "utf-8",
    next_papers: Iterable[dict[str, str]] = (),
    source: str | Path = "review.md",
) -> CardFile:
    """The card of a review; `new.write_new` writes it. Language and format are guessed if not given.

    `encoding` is the review's; the card is UTF-8 and remembers it. `next_papers` are `{"text": ..., "paper": ...}`.

    Raises `SummaryError` for an empty file, and for bytes that are not in this encoding, naming line and likely ones;
    `LookupError` for an unknown paper; `ValueError` for a reader's name that cannot be an id.
    """
    source = Path(source)
    text = _decoded(data, encoding, source)
    folder = paper_folder(paper)
    plain = CardFile(source, text)
    language = language or guess_language(text)
    about: dict[str, Any] = {
        "paper": paper,
        "language": language,
        "format": format or guess_format(plain),
        "reader": reader_id(reader),
        **({"institution": institution} if institution else {}),
        "status": "done" if plain.is_written else "reading",
        "version": 1,
        "keywords": _tags(plain),
        "next": list(next_papers),
    }
    path = folder / "cards" / f"{language}-{about['reader']}.md"
    for card in _ways(path, text, about, source.name, encoding):
        if _holds(card, about, data):
            return card
    raise SummaryError(source, "cannot become a card without changing its text")


def export_review(card: CardFile) -> bytes:
    """The review that was imported, with what was edited since. Raises `ValueError` for a card that was not imported."""
    about = card.about.imported
    front = front_matter.find(card.text)
    if about is None or front is None:
        raise ValueError(f"{card.path} was not imported, so there is no review to give back")
    inner = card.text[front.inner : front.close]
    block = re.match(rf"{re.escape(BEGIN)}[ \t]*[\r\n].*?^{re.escape(END)}[ \t]*(?:\r\n|\n|\r)", inner, re.M | re.S)
    if not block:
        # Only "\n" starts a line for the expression above.
        block = re.match(rf"{re.escape(BEGIN)}\r.*?\r{re.escape(END)}\r", inner, re.S)
    if not block:
        raise ValueError(f"{card.path} lacks the lines {BEGIN!r} and {END!r}; they mark what the import added")
    if about.fences == "added":
        text = card.text[: front.start] + card.text[front.end :]
    else:
        text = card.text[: front.inner] + inner[block.end() :] + card.text[front.close :]
    return text.encode(about.encoding)


def set_aside(card: CardFile) -> SummaryError | None:
    """Why a review's own front matter became text of the card, with its line in the review; None if it did not."""
    about = card.about.imported
    if about is None or about.fences != "added" or not card.words.startswith("---"):
        return None
    source = Path(about.file)
    try:
        front = front_matter.read(source, card.words)[2]
    except SummaryError as error:
        return error
    return SummaryError(source, "uses labkit's keys with another meaning", 1) if front else None


def guess_language(text: str) -> CardLanguage:
    """The language of a text by its letters: kana, Hangul, or Chinese characters without either."""
    letters = max(len(re.findall(r"[^\W\d_]", text)), 1)
    kana = len(re.findall(r"[\u3040-\u30ff]", text)) / letters
    hangul = len(re.findall(r"[\uac00-\ud7af]", text)) / letters
    han = len(re.findall(r"[\u4e00-\u9fff]", text)) / letters
    if max(kana, hangul, han) < 0.02:
        return "en"
    if hangul >= max(kana, han):
        return "ko"
    return "ja" if kana > 0.1 * han else "zh"


def guess_format(card: CardFile) -> CardFormat:
    """The format that shares most headings with a review and asks little else; `paper-review` if none fits."""
    own = [one.role for one in card.sections if one.own]
    found = {looked_up(one.heading) for one in card.sections if one.heading}
    best: CardFormat = "paper-review"
    best_score = 0.0
    for name, template in TEMPLATES.items():
        asked: set[Role] = {one.role for one in template}
        words = {looked_up(heading) for one in template for heading in one[1:5]}
        named = len(words & found)
        shared = len(asked & set(own)) / max(len(asked | set(own)), 1)
        score = named / max(len(found), 1) + shared
        if score > best_score:
            best, best_score = name, score
    return best


def _decoded(data: bytes, encoding: str, source: Path) -> str:
    """The text of a file. Every byte must come back when it is encoded again."""
    text = decode(source, data, encoding)
    if text.encode(encoding) != data:
        raise SummaryError(source, f"{encoding} does not give the same bytes back")
    return CardFile.parse(text.encode("utf-8"), source).text


def _tags(plain: CardFile) -> list[str]:
    """The tags of a review's own front matter, as keywords."""
    try:
        tags = plain.keys.get("tags")
    except SummaryError:
        return []
    found = re.split(r"[,，、]", tags) if isinstance(tags, str) else tags
    return [str(tag).strip() for tag in found if str(tag).strip()] if isinstance(found, list) else []


def _ways(path: Path, text: str, about: dict[str, Any], name: str, encoding: str) -> Iterable[CardFile]:
    """The card with our keys in the review's front matter, then with a front matter of our own before it."""
    try:
        data, _, front = front_matter.read(path, text)
    except SummaryError:
        data, front = {}, None
    if front is not None and "imported" not in data:
        ours = {key: value for key, value in about.items() if key not in data}
        lines = _block(ours, name, encoding, "found")
        yield CardFile(path, front_matter.insert(text, lines))
    eol = front_matter.line_end(text)
    mark = front_matter.MARK if text.startswith(front_matter.MARK) else ""
    lines = ["---", *_block(about, name, encoding, "added"), "---"]
    yield CardFile(path, mark + "".join(line + eol for line in lines) + text[len(mark) :])


def _block(about: dict[str, Any], name: str, encoding: str, fences: str) -> list[str]:
    imported = {"file": name, **({"encoding": encoding} if encoding != "utf-8" else {}), "fences": fences}
    keys = {**about, "imported": imported}
    return [BEGIN, *(f"{key}: {front_matter.written(value)}" for key, value in keys.items()), END]


def _holds(card: CardFile, about: dict[str, Any], data: bytes) -> bool:
    """Whether the card says what was asked and gives the review back."""
    try:
        read = card.about
        same = all(getattr(read, key) == about[key] for key in ("paper", "language", "format", "reader"))
        return same and export_review(card) == data
    except (SummaryError, ValueError):
        return False
