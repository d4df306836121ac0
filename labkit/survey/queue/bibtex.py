"""BibTeX and biblatex as people write them, read into plain fields: LaTeX decoded, strings put in, crossrefs followed.

Odd but readable entries (a field or a key given twice, a volume among papers) are read and noted. Only what cannot be
read is a problem.
"""

import logging
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.survey.publication.problems import SummaryError

if TYPE_CHECKING:
    from bibtexparser.model import Block, Entry

# Entries that hold papers or fields for others.
VOLUMES = frozenset(["proceedings", "mvproceedings", "collection", "mvcollection", "periodical", "xdata", "set"])
# The fields that a paper takes from the volume in its crossref: not title, editors, pages or numbers.
_OF_A_VOLUME = ("year", "date", "eventdate", "booktitle", "journal", "journaltitle", "series")
_VERBATIM = frozenset(["url", "doi", "eprint", "file", "crossref", "xdata", "eprinttype", "archiveprefix"])
_LATEX = re.compile(r"[\\$~]|--|``|''")
MOST_STRINGS = 10  # strings inside strings
_MATHEMATICAL = re.compile("[\U0001d400-\U0001d7ff]")


@dataclass(frozen=True)
class BibEntry:
    """An entry: its fields by their small names, groups in braces as they are."""

    kind: str
    key: str
    line: int
    fields: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "")


@dataclass
class BibList:
    """The papers of a file, the entries that cannot be used, and notes on odd entries that were read."""

    entries: list[BibEntry] = field(default_factory=list)
    problems: list[SummaryError] = field(default_factory=list)
    notes: list[SummaryError] = field(default_factory=list)


def read_bibtex(path: Path, text: str) -> BibList:
    """All papers of a BibTeX text. Raises `SummaryError` if the text cannot be read at all."""
    from bibtexparser.model import Entry, ParsingFailedBlock, String

    found = BibList()
    raw: list[Entry] = []
    strings: dict[str, str] = {}
    for block in _blocks(path, text):
        # A key or a field that is there twice fails the parser, which has read the entry all the same.
        inner = block.ignore_error_block if isinstance(block, ParsingFailedBlock) else block
        if isinstance(inner, Entry):
            raw.append(inner)
        elif isinstance(inner, String):
            strings[inner.key.casefold()] = inner.value
        elif isinstance(block, ParsingFailedBlock):
            reason = " ".join(str(getattr(block.error, "abort_reason", "") or "it is not whole").split())
            found.problems.append(SummaryError(path, f"a broken BibTeX entry: {reason}", (block.start_line or 0) + 1))
    entries = [_entry(one, strings, path, found) for one in raw]
    _note_keys(entries, path, found)
    entries = _decoded_entries(_with_volumes(entries, path, found))
    for one in entries:
        if one.kind in VOLUMES:
            found.notes.append(SummaryError(path, f"{one.key}: @{one.kind} is not a paper; left out", one.line))
        else:
            found.entries.append(one)
    return found


def decoded(texts: Sequence[str]) -> list[str]:
    """LaTeX as plain text, math too: `O(n)` for `$\\mathcal{O}(n)$`. Braces around words stay, and so does all other text."""
    from bibtexparser import Library
    from bibtexparser.middlewares import LatexDecodingMiddleware
    from bibtexparser.model import Entry, Field

    known = {text: text for text in texts}
    latex = [text for text in known if _LATEX.search(text)]
    library = Library([Entry("misc", str(i), [Field("text", _escaped(text))]) for i, text in enumerate(latex)])
    library = LatexDecodingMiddleware(keep_braced_groups=True, keep_math_mode=False).transform(library)
    for entry in library.entries:
        plain = str(entry.fields_dict["text"].value)
        known[latex[int(entry.key)]] = _MATHEMATICAL.sub(lambda letter: unicodedata.normalize("NFKC", letter[0]), plain)
    return [known[text] for text in texts]


def unbraced(text: str) -> str:
    """The text on one line, without braces."""
    return " ".join(re.sub(r"[{}]", "", text).split())


def _escaped(text: str) -> str:
    """Escape percent, ampersand and a single dollar: a list of papers has no LaTeX comments, tables or open formulas."""
    text = re.sub(r"(?<!\\)[%&]", r"\\\g<0>", text)
    return re.sub(r"(?<!\\)\$", r"\\$", text) if len(re.findall(r"(?<!\\)\$", text)) % 2 else text


def _blocks(path: Path, text: str) -> "Iterable[Block]":
    import bibtexparser

    log = logging.getLogger("bibtexparser")
    level = log.level
    log.setLevel(logging.CRITICAL)  # its warnings are among the problems
    try:
        return list(bibtexparser.parse_string(text, parse_stack=[]).blocks)
    except Exception as error:
        raise SummaryError(path, f"BibTeX that cannot be read: {error}") from None
    finally:
        log.setLevel(level)


def _entry(raw: "Entry", strings: Mapping[str, str], path: Path, found: BibList) -> BibEntry:
    """An entry with its values put together; of a field that it has twice the first that says something."""
    fields: dict[str, str] = {}
    line = (raw.start_line or 0) + 1
    for one in raw.fields:
        name, value = one.key.casefold(), _value(str(one.value), strings).strip()
        if fields.get(name) and value not in ("", fields[name]):
            told = f"{raw.key}: {name} is given twice; {fields[name]!r} is taken, {value!r} is not"
            found.notes.append(SummaryError(path, told, (one.start_line or 0) + 1))
        elif value:
            fields[name] = value
    return BibEntry(raw.entry_type.casefold(), raw.key, line, fields)


def _value(text: str, strings: Mapping[str, str], depth: int = 0) -> str:
    """What a value says: `{...}`, `"..."`, a number, the name of a string, or several of them with `#` between."""
    said, rest = "", text.strip()
    while rest:
        end = _closing(rest)
        part, rest = rest[:end], rest[end:].lstrip(" \t\r\n#")
        known = strings.get(part.casefold()) if depth < MOST_STRINGS else None
        said += _value(known, strings, depth + 1) if known is not None else re.sub(r'^["{]|["}]$', "", part)
    return said


def _closing(text: str) -> int:
    """Where the first part of a value ends: after its closing brace or quote, or with the word."""
    if text[0] not in '"{':
        return len(re.match(r"[^\s#]*", text)[0]) or 1  # type: ignore[index]
    depth = 0
    for found in re.finditer(r'(?<!\\)[{}]|"', text):
        depth += (found[0] == "{") - (found[0] == "}")
        if not depth and found.start() and found[0] == ('"' if text[0] == '"' else "}"):
            return found.end()
    return len(text)


def _note_keys(entries: Sequence[BibEntry], path: Path, found: BibList) -> None:
    first: dict[str, BibEntry] = {}
    for one in entries:
        other = first.setdefault(one.key, one)
        if one.key and other is not one:
            told = f"the key {one.key} is on line {other.line} too; both entries are read"
            found.notes.append(SummaryError(path, told, one.line))


def _with_volumes(entries: Sequence[BibEntry], path: Path, found: BibList) -> list[BibEntry]:
    """The entries, each with what it takes from the one that its `crossref` or `xdata` names."""
    by_key = {one.key.casefold(): one for one in reversed(entries)}

    def whole(one: BibEntry, seen: tuple[str, ...]) -> dict[str, str]:
        fields = dict(one.fields)
        links = [(link, named) for link in ("crossref", "xdata") for named in re.split(r"[,\s]+", one[link]) if named]
        for link, named in links:
            other = by_key.get(named.casefold())
            if other is None and len(seen) > 1:
                continue  # reported for that entry itself
            if other is None:
                told = f"{one.key}: its {link} {named} is not in the list"
                found.notes.append(SummaryError(path, told, one.line))
            elif other.key not in seen:
                theirs = whole(other, (*seen, other.key))
                if link == "crossref":
                    theirs = {name: theirs[name] for name in _OF_A_VOLUME if name in theirs} | _titled(other.fields)
                fields = theirs | fields
        return fields

    return [
        BibEntry(one.kind, one.key, one.line, whole(one, (one.key,)) if _refers(one) else one.fields) for one in entries
    ]


def _refers(one: BibEntry) -> bool:
    return bool(one["crossref"] or one["xdata"])


def _titled(volume: Mapping[str, str]) -> dict[str, str]:
    """A volume's own title is its papers' booktitle, where it gives no other."""
    return {"booktitle": volume.get("booktitle") or volume["title"]} if "title" in volume else {}


def _decoded_entries(entries: Sequence[BibEntry]) -> list[BibEntry]:
    values = [value for one in entries for name, value in one.fields.items() if name not in _VERBATIM]
    plain = dict(zip(values, decoded(values), strict=True))
    return [
        BibEntry(
            one.kind,
            one.key,
            one.line,
            {name: _bare(value) if name in _VERBATIM else plain[value] for name, value in one.fields.items()},
        )
        for one in entries
    ]


def _bare(address: str) -> str:
    """An address or a number without what LaTeX needs: `\\_`, `\\%`, `\\url{...}`."""
    address = re.sub(r"\\url\s*(?=\{)", "", address)
    return re.sub(r"[{}]|\s+", "", re.sub(r"\\([_%&#~])", r"\1", address))
