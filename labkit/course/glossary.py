"""The words of the course, `docs/glossary.md`."""

import re
from dataclasses import dataclass
from pathlib import Path

from labkit.runs.project import course_folder

FILE = Path("docs") / "glossary.md"
ROW = re.compile(r"^\| (?P<words>.+?) \| (?P<meaning>.+) \|$", flags=re.MULTILINE)


@dataclass(frozen=True)
class Term:
    """A row of the glossary: one word or a few that belong together, and their meaning in Markdown."""

    words: tuple[str, ...]  # as they are written in a text; code without its backticks
    code: tuple[bool, ...]  # for each word, whether it is code
    meaning: str

    @property
    def place(self) -> str:
        """The part of a link after the `#`: the first word in small letters, with hyphens."""
        return "-".join(re.findall(r"\w+", self.words[0].casefold()))


def read_glossary(path: str | Path | None = None) -> tuple[Term, ...]:
    """The rows of a glossary (default: the course's). Empty if there is no such file."""
    path = Path(path) if path else course_folder(holds=FILE) / FILE
    if not path.is_file():
        return ()
    rows = list(ROW.finditer(path.read_text(encoding="utf-8")))[1:]  # without the head
    return tuple(_term(row["words"].split(", "), row["meaning"]) for row in rows)


def _term(words: list[str], meaning: str) -> Term:
    return Term(tuple(word.strip('`"') for word in words), tuple(word.startswith("`") for word in words), meaning)
