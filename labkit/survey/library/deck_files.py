"""The slides that several people make of one paper: a text file a slide in `summaries/<paper-id>/deck/`.

`040-method-reader-a.md` is one of them: the number says where it goes, the rest is a name. Its first line is the
heading (`# Method`), what follows is Markdown, as long as it takes; pictures lie in the paper's `figures/`. Each
slide is a file, so that people who work on different slides do not conflict. `slides.shared_deck` makes and shows them.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from labkit.survey.card.links import Folders, fault, links
from labkit.survey.card.markdown import split_lines
from labkit.survey.publication.files import paper_folder
from labkit.survey.publication.problems import Problem, Severity, SummaryError
from labkit.survey.publication.text_files import decode

FOLDER = "deck"
_NAME = re.compile(r"\d{3}-[a-z0-9]+(?:-[a-z0-9]+)*\.md")
_HEADING = re.compile(r"#[ \t]+(.*\S)[ \t]*")
_CONFLICT = re.compile(r"(?:<{7}|>{7}) ")  # git's marks around a conflict


class Part(NamedTuple):
    """One file: its heading and the text below it, both Markdown; the text begins on `line`."""

    path: Path
    heading: str
    text: str
    line: int


def deck_folder(paper_id: str) -> Path:
    """Where the slides of a paper are, or would be. Raises `LookupError` for an unknown paper."""
    return paper_folder(paper_id) / FOLDER


def deck_files(folder: Path) -> tuple[Path, ...]:
    """The slides in a folder, in their order."""
    return tuple(sorted(path for path in folder.glob("*.md") if not path.name.startswith(".")))


def read_part(path: Path) -> Part:
    """The slide in a file. Raises `SummaryError` with the line of what is wrong, `OSError` where it cannot be read."""
    if not _NAME.fullmatch(path.name):
        reason = "the name of a slide's file is three digits for its place and a word: 045-limits.md"
        raise SummaryError(path, f"{reason}; use a-z, 0-9 and hyphens in it")
    lines = split_lines(decode(path, path.read_bytes(), "utf-8-sig"))
    for number, line in enumerate(lines, start=1):
        if _CONFLICT.match(line):
            raise SummaryError(path, "git could not merge this part; choose one version and delete git's marks", number)
    first = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    heading = _HEADING.fullmatch(lines[first]) if first < len(lines) else None
    if not heading:
        raise SummaryError(
            path, "a slide begins with its heading, a line such as `# Method`", min(first + 1, len(lines))
        )
    return Part(path, heading[1], "\n".join(lines[first + 1 :]).rstrip("\n"), first + 2)


def deck_problems(folder: Path) -> Iterator[Problem]:
    """What is wrong with the slides in a paper's `deck/`: names, headings, what a merge left, links and pictures."""
    folders = Folders()
    for path in deck_files(folder):
        try:
            part = read_part(path)
        except SummaryError as error:
            yield Problem(path, error.line, "error", "slide", error.reason)
            continue
        except OSError as error:
            yield Problem(path, None, "error", "unreadable", f"cannot be read: {error.strerror or error}")
            continue
        for link in links(part.text, part.line):
            wrong = fault(link, path, folder.parents[1], folders)
            if wrong:
                # What came from an imported review keeps the paths of where that was written.
                severity: Severity = "error" if wrong.rule == "unsafe-link" else "warning"
                yield Problem(path, link.line, severity, wrong.rule, wrong.message, wrong.suggestion)
