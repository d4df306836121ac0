"""The images and links of a card, and whether their targets exist and may be used.

A figure stays in its paper's folder, a link in the library. Paths count from the card or from the paper's folder; a
review's picture may lie in `figures/` under its own name. Percent signs, both Unicode normal forms, the backslashes of
reviews as found and the address of a Jekyll site before a picture are understood.
"""

import functools
import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import unquote

from labkit.names import nearest
from labkit.survey.card.markdown import local_target

LONGEST = 500  # characters of a target
_CODE = re.compile(r"^ {0,3}(`{3,}|~{3,})[^\n]*\n.*?(?:^ {0,3}\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_HIDDEN = re.compile(r"<!--.*?-->|`[^`\n]*`", re.DOTALL)
_HTML = re.compile(
    r"<(img|a)\b[^<>]*?(?<![\w-])(?:src|href)\s*=\s*(?:\"([^\"<>]*)|'([^'<>]*)|([^\s\"'<>]*))", re.IGNORECASE
)
_DEFINED = re.compile(r"^ {0,3}\[[^\]\n]{1,200}\]:[ \t]*(\S+)", re.MULTILINE)
_SCHEME = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]*):")
_OPEN = frozenset({"http", "https", "mailto", "doi"})


class Link(NamedTuple):
    """A target as it is written, on which line, and whether it is shown as an image."""

    line: int
    image: bool
    target: str


class Fault(NamedTuple):
    """What is wrong with a link."""

    rule: Literal["dead-link", "leaves-folder", "unsafe-link"]
    message: str
    suggestion: str = ""


def links(text: str, first_line: int = 1) -> Iterator[Link]:
    """The images and links of a Markdown text, without those in code and comments."""
    for pattern in (_CODE, _HIDDEN):
        text = pattern.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)
    at = text.find("](")
    while at >= 0:
        target = _target(text, at + 2)
        if target is not None:
            opening = text.rfind("[", max(0, at - 1000), at)
            image = opening > 0 and text[opening - 1] == "!"
            yield Link(first_line + text.count("\n", 0, at), image, target)
        at = text.find("](", at + 2)
    for found in _HTML.finditer(text):
        target = found[2] or found[3] or found[4] or ""
        yield Link(first_line + text.count("\n", 0, found.start()), found[1].casefold() == "img", target)
    for found in _DEFINED.finditer(text):
        yield Link(first_line + text.count("\n", 0, found.start()), False, found[1].strip("<>"))


def _target(text: str, start: int) -> str | None:
    """The text in the brackets that begin here, without a title; None if they do not end on this line."""
    depth = 1
    for end in range(start, min(len(text), start + LONGEST)):
        character = text[end]
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "\n" or depth > 3:
            return None
        if depth == 0:
            inside = re.sub(r"\s+(?:\"[^\"]*\"|'[^']*')\s*$", "", text[start:end].strip())
            return inside.strip("<>").strip()
    return None


class Folders:
    """The names in folders and the folders' real places, asked for once: ten thousand cards link to the same folders."""

    def __init__(self) -> None:
        self.names = functools.cache(_names)
        self.real = functools.cache(os.path.realpath)


def _names(folder: str) -> dict[str, str]:
    """The names in a folder: in Unicode's composed form → as they are. Empty for anything but a folder."""
    try:
        return {unicodedata.normalize("NFC", name): name for name in os.listdir(folder)}  # noqa: PTH208 (names alone)
    except OSError:
        return {}


def fault(link: Link, card: Path, root: Path, folders: Folders | None = None) -> Fault | None:
    """What is wrong with a link of a card in `<root>/<paper>/cards/`; None for a good link, or one to the web.

    Give the same `folders` for many links, as long as the files stay as they are.
    """
    target = local_target(link.target) if link.image else link.target
    if not target:
        return Fault("dead-link", "a link to nowhere")
    if target.startswith(("#", "//", "{{", "{%", "?")):
        return None
    scheme = _SCHEME.match(target)
    if scheme and len(scheme[1]) > 1:
        if scheme[1].casefold() in _OPEN:
            return None
        return Fault(
            "unsafe-link", f"{target!r} does not link to a page", "link to https:// or to a file of the library"
        )
    path = unquote(re.split(r"[?#]", target)[0]).replace("\\", "/")
    paper = card.parent.parent
    folders, name = folders or Folders(), path.rpartition("/")[2]
    moved = link.image and not scheme and "\0" not in path and name not in ("", ".", "..")
    if moved and _inside(target, f"figures/{name}", paper, paper, folders) is None:
        return None  # a picture of the review, put where the paper's pictures are
    if scheme or path.startswith(("/", "~")) or "\0" in path:
        return Fault("leaves-folder", f"{target!r} is a path on one computer or site", _into(paper))
    return _inside(target, path, paper, paper if link.image else root, folders)


def _inside(target: str, path: str, paper: Path, home: Path, folders: Folders) -> Fault | None:
    """What is wrong with a relative path that has to stay at home. Paths are strings here, for speed."""
    within = f"{home}{os.sep}"
    places = [os.path.normpath(f"{start}{os.sep}{path}") for start in (f"{paper}{os.sep}cards", str(paper))]
    inside = [place for place in places if place.startswith(within) or place == str(home)]
    if not inside:
        return Fault("leaves-folder", f"{target!r} leaves {home.name}", _into(paper))
    found = next((there for place in inside if (there := _existing(place, str(home), folders))), None)
    if found is None:
        return Fault("dead-link", f"{target!r} is not there", _nearest(Path(inside[0]), paper))
    # A link of the file system may lead out where the path does not.
    folder, name = os.path.split(found)
    real = os.path.realpath(found) if os.path.islink(found) else f"{folders.real(folder)}{os.sep}{name}"  # noqa: PTH114
    if not real.startswith(f"{folders.real(str(home))}{os.sep}") and found != str(home):
        return Fault("leaves-folder", f"{target!r} leads out of {home.name}", _into(paper))
    return None


def _into(paper: Path) -> str:
    return f"put it into {paper.name}/figures"


def _existing(path: str, home: str, folders: Folders) -> str | None:
    """The file meant by a path, whichever Unicode normal form its names are in; upper and lower case must fit."""
    there = home
    for part in path[len(home) :].split(os.sep):  # noqa: PTH206 (a string, for speed)
        if part:
            name = folders.names(there).get(unicodedata.normalize("NFC", part))
            if name is None:
                return None
            there = f"{there}{os.sep}{name}"
    return there


def _nearest(missing: Path, paper: Path) -> str:
    """A file with nearly this name, where one would look for it."""
    names: dict[str, Path] = {}
    for folder in (missing.parent, paper / "figures", paper / "cards"):
        if folder.is_dir() and folder.is_relative_to(paper.parent):
            names |= {path.name: path for path in folder.iterdir() if path.is_file()}
    near = nearest(missing.name, names)
    return f"did you mean {Path(os.path.relpath(names[near], paper / 'cards')).as_posix()}?" if near else ""
