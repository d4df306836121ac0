"""A card as a file: its front matter as data, its sections by role, and edits that leave all other bytes alone.

```
card = read_card("summaries/hara-2018-retrace/cards/ja-reader-a.md")
card.about.status            # the front matter, a `Card`
card.role("method")          # the words of all sections about the method
card.edit("method", "...").add_keyword("transfer").save()
```

`bytes(card)` is the file, byte for byte.
"""

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labkit.atomic import write_atomically
from labkit.survey.card import front_matter
from labkit.survey.card.formats import Role, role_exactly, role_of
from labkit.survey.card.headings import Heading, headings
from labkit.survey.card.markdown import definitions
from labkit.survey.card.schema import Card
from labkit.survey.publication.files import own_place, paper_folder, summaries_folder
from labkit.survey.publication.problems import SummaryError
from labkit.survey.publication.schema_errors import explain
from labkit.survey.publication.text_files import decode

# Comments, Jekyll's marks, addresses.
_NO_WORDS = re.compile(r"<!--.*?-->|\{:?[^{}\n]*\}|https?://\S+|[\W_]", re.DOTALL)


@dataclass(frozen=True)
class Section:
    """A heading and the text below it, up to the next heading of any level.

    `role` comes from the heading (`own` is True), else from the section around it. The text before the first heading is a
    section without a heading. `start`, `body` and `end` are offsets.
    """

    heading: str
    level: int
    role: Role | None
    own: bool
    text: str
    start: int
    body: int
    end: int
    line: int


@dataclass(frozen=True)
class CardFile:
    """A card's text with its place; edits give a new one. `text` is the whole file, decoded, line ends as they are."""

    path: Path
    text: str

    @classmethod
    def parse(cls, data: bytes, path: str | Path = "card.md") -> "CardFile":
        """A card from these bytes; the path is for messages. Raises `SummaryError` where they are not UTF-8 text."""
        path = Path(path)
        text = decode(path, data)
        if not text.strip(front_matter.MARK + " \t\r\n"):
            raise SummaryError(path, "the file is empty")
        return cls(path, text)

    def __bytes__(self) -> bytes:
        return self.text.encode("utf-8")

    @functools.cached_property
    def _front(self) -> tuple[dict[str, Any], dict[front_matter.Place, int], front_matter.FrontMatter | None]:
        return front_matter.read(self.path, self.text)

    @functools.cached_property
    def about(self) -> Card:
        """The front matter. Raises `SummaryError`, naming the line, where it is missing or wrong."""
        data, lines, front = self._front
        if front is None:
            raise SummaryError(self.path, "a card begins with front matter between two lines `---`", 1)
        try:
            return Card.model_validate(data)
        except ValidationError as error:
            raise explain(self.path, error, lines) from None

    @property
    def lines(self) -> dict[front_matter.Place, int]:
        """The line of every value of the front matter, by its place: `("claims", 0, "source")`."""
        return self._front[1]

    @property
    def keys(self) -> dict[str, Any]:
        """The front matter as written, with all its keys. It is checked to be YAML, and no more."""
        return self._front[0]

    @functools.cached_property
    def body_start(self) -> int:
        """Where the Markdown begins: after the front matter, or at the top if the front matter does not end."""
        try:
            front = front_matter.find(self.text)
        except ValueError:
            front = None
        return front.end if front else int(self.text.startswith(front_matter.MARK))

    @functools.cached_property
    def sections(self) -> tuple[Section, ...]:
        """All sections in order; together with the front matter they are the whole text."""
        start = self.body_start
        found = list(headings(self.text, start, lambda words: role_exactly(words) is not None))
        first, *ends = [*(one.start for one in found), len(self.text)]
        made = [Section("", 0, None, False, self.text[start:first], start, start, first, 1 + _lines(self.text[:start]))]
        titled = _titled(found)
        around: list[tuple[int, Role | None]] = []  # the headings that the next one stands below
        for one, end in zip(found, ends, strict=True):
            around = [(level, role) for level, role in around if level < one.level]
            # A paper's title may have "method" or "dataset" in it.
            own = role_exactly(one.text) if titled and one is found[0] else role_of(one.text)
            role = own or next((role for _, role in reversed(around) if role), None)
            around.append((one.level, role))
            text = self.text[one.end : end]
            line = made[-1].line + _lines(self.text[made[-1].start : one.start])
            made.append(Section(one.text, one.level, role, own is not None, text, one.start, one.end, end, line))
        return tuple(made)

    @functools.cached_property
    def title(self) -> Section | None:
        """The section with the card's title: the first section, if no other heading is of the first level."""
        return self.sections[1] if _titled(self.sections[1:]) else None

    @functools.cached_property
    def references(self) -> dict[str, Any]:
        """The addresses that the card defines for its links. A section that is shown alone needs them."""
        return definitions(self.words)

    def role(self, role: Role) -> str:
        """The words of all sections of this role, subsections with their headings; empty where there is none."""
        parts = [
            f"{'' if one.own else f'{one.heading}: '}{one.text.strip()}" for one in self.sections if one.role == role
        ]
        return "\n\n".join(part for part in parts if part.strip())

    @property
    def words(self) -> str:
        """The body without front matter."""
        return self.text[self.body_start :]

    @property
    def is_written(self) -> bool:
        """Whether the reader wrote words below the headings, besides title, authors and links."""
        headed = [one for one in self.sections if one.heading]
        # A title may stand at any level above all others.
        title = headed[:1] if headed and all(one.level > headed[0].level for one in headed[1:]) else []
        below = [one for one in headed if one not in title and not (one.own and one.role == "links")]
        words = "".join(one.text for one in (below if len(headed) > 1 else self.sections))
        return bool(_NO_WORDS.sub("", words))

    def edit(self, role: Role, text: str) -> "CardFile":
        """The card with this text in its first section of a role; blank lines around it stay.

        Raises `LookupError` where no section has the role, `ValueError` where the text would end the section early.
        """
        own = [one for one in self.sections if one.role == role and one.own]
        if not own:
            roles = ", ".join(dict.fromkeys(one.role for one in self.sections if one.role and one.own))
            raise LookupError(f"{self.path} has no section about {role!r}; it has {roles or 'none that is known'}")
        section = own[0]
        eol = front_matter.line_end(self.text)
        new = re.sub(r"\r\n|\n|\r", lambda _: eol, text.strip("\r\n"))
        old = section.text.strip()
        if old:
            at = self.text.index(old, section.body)
        else:
            at = section.body
            # A heading at the end of the file may lack its line end.
            new = (eol if section.body == section.end and not self.text.endswith(("\n", "\r")) else "") + new
            new += eol if section.text == "" or section.end < len(self.text) else ""
        made = replace(self, text=self.text[:at] + new + self.text[at + len(old) :])
        place, after = self.sections.index(section), self.sections[self.sections.index(section) + 1 :]
        kept = [(one.heading, one.level, one.text) for one in after]
        now = [(one.heading, one.level, one.text) for one in made.sections]
        inner = now[place + 1 : len(now) - len(kept)]
        if now[len(now) - len(kept) :] != kept or any(level <= section.level for _, level, _ in inner):
            raise ValueError("the text has a heading or an open code block that would change the sections after it")
        return made

    def put(self, key: str, value: Any) -> "CardFile":
        """The card with another value under a key of its front matter. Raises `ValueError` where that would change more."""
        return replace(self, text=front_matter.put(self.text, key, value))

    def add(self, key: str, *items: Any) -> "CardFile":
        """The card with items at the end of a list of its front matter. Raises as `put` does."""
        return replace(self, text=front_matter.add(self.text, key, items))

    def add_keyword(self, keyword: str) -> "CardFile":
        """The card with one more keyword; the same card if it has the keyword already."""
        present = self.keys.get("keywords") or []
        return self if keyword in present else self.add("keywords", keyword)

    def save(self, path: str | Path | None = None) -> Path:
        """Write the card, whole or not at all, to its place or another; returns where."""
        return write_atomically(
            own_place(Path(path or self.path)), lambda temporary: temporary.write_bytes(bytes(self))
        )


def _titled(headed: Sequence[Heading | Section]) -> bool:
    """Whether the first heading is a title: it is the only one of the first level, and others follow."""
    levels = [one.level for one in headed]
    return levels[:1] == [1] and levels.count(1) == 1 and len(levels) > 1


def _lines(text: str) -> int:
    """How many lines end in a text."""
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def read_card(path: str | Path) -> CardFile:
    """The card in a file, its front matter checked. Raises `SummaryError` with the line, `OSError` where it cannot be read."""
    card = CardFile.parse(Path(path).read_bytes(), path)
    _ = card.about
    return card


def card_paths(paper_id: str | None = None) -> tuple[Path, ...]:
    """The files of all cards, or of the cards of one paper, sorted. Hidden files, which a kill may have left, are skipped."""
    if paper_id is None:
        return tuple(sorted(summaries_folder().glob("[!.]*/cards/[!.]*.md")))
    return tuple(sorted(paper_folder(paper_id).glob("cards/[!.]*.md")))


def cards(
    paper_id: str | None = None, *, on_error: Callable[[SummaryError], object] | None = None
) -> Iterator[CardFile]:
    """All cards of the library, or of one paper. A bad card raises `SummaryError`, or is reported to `on_error`."""
    for path in card_paths(paper_id):
        try:
            yield read_card(path)
        except SummaryError as error:
            if on_error is None:
                raise
            on_error(error)
