"""Reads a whole `summaries/` folder: every paper, number and card, and the errors in them.

```
shelf = open_shelf()                       # or open_shelf("some/folder"); files that did not change are not read again
shelf.papers["hara-2018-retrace"].title    # Paper, by id
shelf.results["hara-2018-retrace"]         # tuple of Result, by id
for card in shelf.cards:                   # ShelvedCard: .about (the front matter), .path, .paper; .read() is the CardFile
    ...
shelf.errors                               # SummaryErrors, with file and line; the rest is there all the same
shelf.remember("words", shelf.items("card"), count_words)   # work something out of each file once, and keep it
```

`publication.files` reads one file and stops at an error; the shelf goes on. It keeps what it read by content (`cache`).
"""

import functools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from labkit.bars import tqdm
from labkit.runs.project import NO_PAPERS
from labkit.survey.card.file import CardFile
from labkit.survey.card.schema import Card
from labkit.survey.library import cache
from labkit.survey.publication.files import parse_paper, parse_results, summaries_folder
from labkit.survey.publication.problems import SummaryError
from labkit.survey.publication.schema import Paper, Result
from labkit.survey.publication.text_files import decoded

Kind = Literal["paper", "results", "card"]


@dataclass(frozen=True)
class Item:
    """One file on the shelf; `digest` names its content, `paper` the folder it is in."""

    kind: Kind
    path: Path
    paper: str
    digest: str


@dataclass(frozen=True)
class ShelvedCard:
    """A card that can be read: its front matter, and its text by `read()`."""

    item: Item
    _about: str = field(repr=False)

    @property
    def path(self) -> Path:
        """Its file."""
        return self.item.path

    @property
    def paper(self) -> str:
        """The id of the paper whose folder it is in."""
        return self.item.paper

    @functools.cached_property
    def about(self) -> Card:
        """The front matter."""
        return Card.model_validate_json(self._about)

    def read(self) -> CardFile:
        """The whole card, from its file as it is now."""
        return CardFile.parse(self.path.read_bytes(), self.path)


@dataclass(frozen=True)
class Shelf:
    """What `open_shelf` found. Frozen: a later change of the files needs another call."""

    folder: Path
    all_items: tuple[Item, ...]
    unreadable: tuple[SummaryError, ...]
    progress: bool = False

    def items(self, kind: Kind) -> tuple[Item, ...]:
        """The files of a kind, sorted by path."""
        return tuple(item for item in self.all_items if item.kind == kind)

    @property
    def digest(self) -> str:
        """Names the state of the whole folder: changes when a file is changed, added, moved or removed."""
        return cache.digest(*(f"{item.path}\0{item.digest}".encode() for item in self.all_items))

    @functools.cached_property
    def papers(self) -> Mapping[str, Paper]:
        """The papers that can be read, by id."""
        found = ((item.paper, data["about"]) for item, data in self.read_items("paper") if data["about"])
        return {paper: Paper.model_validate_json(about) for paper, about in found}

    @functools.cached_property
    def results(self) -> Mapping[str, tuple[Result, ...]]:
        """The published numbers that can be read, by the id of their paper."""
        made = {}
        for item, data in self.read_items("results"):
            paper = self.papers.get(item.paper)
            about: dict[str, Any] = {"paper": item.paper, "cited_as": paper.short if paper else ""}
            made[item.paper] = tuple(Result.model_construct(**row, **about) for row in data["rows"])
        return made

    @functools.cached_property
    def cards(self) -> tuple[ShelvedCard, ...]:
        """The cards whose front matter can be read, sorted by path."""
        return tuple(ShelvedCard(item, data["about"]) for item, data in self.read_items("card") if data["about"])

    @functools.cached_property
    def errors(self) -> tuple[SummaryError, ...]:
        """Everything that cannot be read, in the order of the files."""
        found = list(self.unreadable)
        kinds: tuple[Kind, ...] = ("paper", "results", "card")
        for kind in kinds:
            for item, data in self.read_items(kind):
                found += [SummaryError(item.path, why, line, suggestion=hint) for line, why, hint in data["errors"]]
        return tuple(sorted(found, key=lambda error: (str(error.path), error.line or 0)))

    def read_items(self, kind: Kind) -> Iterator[tuple[Item, Any]]:
        """Each file of a kind with what was read of it: `about` or `rows`, and `errors`: line, reason, suggestion."""
        items = self.items(kind)
        return zip(items, self._read[kind], strict=True)

    @functools.cached_property
    def _read(self) -> dict[Kind, list[Any]]:
        kinds: tuple[Kind, ...] = ("paper", "results", "card")
        return {kind: self.remember(f"read {kind}", self.items(kind), _READERS[kind]) for kind in kinds}

    def remember(self, what: str, items: Iterable[Item], make: Callable[[Item, bytes], Any]) -> list[Any]:
        """`make(item, bytes)` of each file, in order; worked out once per content and kept as JSON under the name `what`.

        `make` must depend on nothing but the bytes, the folder's and the file's name. A file that vanished gives None.
        """
        items = list(items)
        with cache.Kept() as kept:
            known = kept.values(what, (_key(item) for item in items))
            missing = [item for item in items if _key(item) not in known]
            made = {}
            quiet = not self.progress or len(missing) < 100
            for item in tqdm(missing, desc=what, unit=" files", disable=quiet, delay=2, leave=False):
                try:
                    value = make(item, item.path.read_bytes())
                except OSError:
                    continue
                made[_key(item)] = json.dumps(value, ensure_ascii=False)
            kept.put(what, made)
        texts = known | made
        return [json.loads(texts.get(_key(item), "null")) for item in items]


def open_shelf(folder: str | Path | None = None, *, progress: bool = False) -> Shelf:
    """All of a folder, by default the one that `labkit.survey` reads. `progress` shows a bar where it takes long.

    Raises `FileNotFoundError` where there is no such folder; bad files are in `.errors`.
    """
    root = Path(folder).expanduser() if folder is not None else summaries_folder()
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is not a folder; it should hold <paper-id>/paper.yaml")
    if (root / "paper.yaml").is_file():
        raise ValueError(f"{root} is the folder of one paper; name the one above, that holds <paper-id>/paper.yaml")
    root = Path(os.path.abspath(root))  # noqa: PTH100 (without `..`, which paths inside it are compared by)
    items, unreadable = [], []
    with cache.Kept() as kept:
        known = kept.digests(root)
        found = sorted(_files(root), key=lambda entry: (entry[1], entry[2]))
        for kind, paper, path, stamp in tqdm(
            found, desc="look", unit=" files", disable=not progress, delay=2, leave=False
        ):
            noted = known.get(path)
            if noted and noted[0] == stamp:
                items.append(Item(kind, Path(path), paper, noted[1]))
                continue
            try:
                digest = cache.digest(Path(path).read_bytes())
            except OSError as error:
                unreadable.append(SummaryError(Path(path), f"cannot be read: {error.strerror or error}"))
                continue
            kept.note(Path(path), stamp, digest)
            items.append(Item(kind, Path(path), paper, digest))
    return Shelf(root, tuple(items), tuple(unreadable), progress)


def _files(root: Path) -> Iterator[tuple[Kind, str, str, cache.Stamp]]:
    """Kind, folder's name, path and stamp of every file of every paper."""
    with os.scandir(root) as folders:
        for folder in folders:
            if folder.name.startswith(".") or folder.name in NO_PAPERS or not folder.is_dir():
                continue
            with os.scandir(folder.path) as entries:
                for entry in entries:
                    if entry.name == "paper.yaml":
                        yield "paper", folder.name, entry.path, _stamp(entry)
                    elif entry.name == "results.csv":
                        yield "results", folder.name, entry.path, _stamp(entry)
                    elif entry.name == "cards" and entry.is_dir():
                        with os.scandir(entry.path) as cards:
                            for card in cards:
                                if card.name.endswith(".md") and not card.name.startswith("."):
                                    yield "card", folder.name, card.path, _stamp(card)


def _stamp(entry: os.DirEntry[str]) -> cache.Stamp:
    try:
        about = entry.stat()
    except OSError:  # a link that leads nowhere; reading it says so
        return -1, 0, 0
    return about.st_size, about.st_mtime_ns, about.st_ctime_ns


def _key(item: Item) -> str:
    """Content and name: the same bytes in another folder or under another name can be wrong there."""
    return f"{item.digest} {item.paper}/{os.path.basename(item.path)}"  # noqa: PTH119 (a fifth of the time)


def _read_paper(item: Item, data: bytes) -> dict[str, Any]:
    try:
        return {"about": _as_json(item, parse_paper(item.path, decoded(item.path, data))), "errors": []}
    except SummaryError as error:
        return {"about": "", "errors": _told(error)}


def _read_results(item: Item, data: bytes) -> dict[str, Any]:
    try:
        rows, errors = parse_results(item.path, decoded(item.path, data))
    except SummaryError as error:
        return {"rows": [], "errors": _told(error)}
    own = {"paper", "cited_as"}
    kept_rows = [{name: value for name, value in row if name not in own and value not in ("", None)} for row in rows]
    return {"rows": kept_rows, "errors": [part for error in errors for part in _told(error)]}


def _read_card(item: Item, data: bytes) -> dict[str, Any]:
    try:
        return {"about": _as_json(item, CardFile.parse(data, item.path).about), "errors": []}
    except SummaryError as error:
        return {"about": "", "errors": _told(error)}


_READERS: dict[Kind, Callable[[Item, bytes], Any]] = {
    "paper": _read_paper,
    "results": _read_results,
    "card": _read_card,
}


def _as_json(item: Item, record: Paper | Card) -> str:
    """A record as JSON. Somebody's own keys may hold what JSON cannot, such as bytes."""
    try:
        return record.model_dump_json(exclude_unset=True)
    except ValueError as error:
        raise SummaryError(item.path, f"has a value that is not text, a number or a date ({error})") from None


def _told(error: SummaryError) -> list[tuple[int | None, str, str]]:
    return [(part.line, part.reason, part.suggestion) for part in error.parts]
