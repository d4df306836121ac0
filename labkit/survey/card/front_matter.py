"""The YAML block on top of a card: where it is, what it says, and edits that change no other byte.

Values are put in at the very characters where libyaml saw the old ones, so comments, order, unknown keys, line ends
and quoting of everything else stay as somebody wrote them.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from labkit.survey.publication.problems import SummaryError
from labkit.survey.publication.yaml_files import Loader, Place, parse_yaml

MARK = "\ufeff"  # a byte-order mark, as it looks after decoding
_OPENING = re.compile(rf"{MARK}?---[ \t]*(\r\n|\n|\r|\Z)")
_CLOSING = re.compile(r"^(?:---|\.\.\.)[ \t]*(?:\r\n|\n|\r|\Z)", re.MULTILINE)
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")  # YAML wants them escaped
_LINE_END = re.compile(r"\r\n|\n|\r")


class FrontMatter(NamedTuple):
    """Offsets of the block: `---` starts at `start`, the YAML at `inner`, the closing fence at `close`, the body at `end`."""

    start: int
    inner: int
    close: int
    end: int


def find(text: str) -> FrontMatter | None:
    """The front matter of a text; None if the first line is not `---`. Raises `ValueError` if it does not end."""
    opening = _OPENING.match(text)
    if not opening:
        return None
    # "\r" alone ends a line for YAML and Markdown, but not for the regular expression's ^.
    closing = _CLOSING.search(text.replace("\r", "\n"), opening.end())
    if not closing:
        raise ValueError("the front matter begins here and does not end; put a line `---` after its last key")
    end = closing.end() + (text[closing.end() - 1 : closing.end() + 1] == "\r\n")
    return FrontMatter(int(text.startswith(MARK)), opening.end(), closing.start(), end)


def read(path: Path, text: str) -> tuple[dict[str, Any], dict[Place, int], FrontMatter | None]:
    """What the front matter says, the line of each value, and where it is. Raises `SummaryError`."""
    try:
        front = find(text)
    except ValueError as error:
        raise SummaryError(path, str(error), 1) from None
    if front is None:
        return {}, {}, None
    # With its opening fence, so that lines count from the top of the file.
    data, lines = parse_yaml(path, text[front.start : front.close])
    if data is not None and not isinstance(data, dict):
        raise SummaryError(path, "the front matter must be keys and values, such as `language: ja`", 2)
    return data or {}, lines, front


def line_end(text: str) -> str:
    """The line end of this text: that of its first line."""
    found = _LINE_END.search(text)
    return found.group() if found else "\n"


def written(value: Any) -> str:
    """A value as YAML on one line: bare where that is safe, else in double quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(written, value)) + "]"
    if not isinstance(value, str):
        return json.dumps(value) if isinstance(value, bool | int | float | None) else str(value)
    bare = re.fullmatch(r"\w[\w .+/()·?!-]*", value) and not value.endswith(" ") and " #" not in value
    # Text that YAML would read as a number, a date or a word of its own needs quotes.
    if bare and yaml.load(value, Loader) == value:  # noqa: S506 (it is the safe loader)
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found.group()):04x}", quoted)


def put(text: str, key: str, value: Any) -> str:
    """The text with this value under a key of its front matter: in place of the old one, or as a last line.

    Raises `ValueError` if there is no front matter, or if the edit would change other lines.
    """
    front, nodes = _top(text)
    if key not in nodes:
        # The last key is followed by the closing fence at most, so the new one stands right before that.
        made = text[: front.close] + f"{key}: {written(value)}{line_end(text)}" + text[front.close :]
        return _checked(text, made, key, value)
    name, node = nodes[key]
    start, end = front.start + node.start_mark.index, _end(text, node, front)
    colon = text.index(":", front.start + name.end_mark.index) + 1
    if _LINE_END.search(text, colon, start):
        start = colon  # a block that begins below its key
    space = "" if text[start - 1] in " \t" else " "
    return _checked(text, text[:start] + space + written(value) + text[end:], key, value)


def add(text: str, key: str, items: Iterable[Any]) -> str:
    """The text with items added to the end of a list of its front matter, in the style in which that is written.

    Raises as `put` does.
    """
    front, nodes = _top(text)
    new = list(items)
    node = nodes[key][1] if key in nodes else None
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        old = [node.value] if isinstance(node, yaml.ScalarNode) and not node.tag.endswith(":null") else []
        return put(text, key, old + new)
    at = _end(text, node.value[-1], front)
    if node.flow_style:
        made = text[:at] + ", " + ", ".join(map(written, new)) + text[at:]
    else:
        found = _LINE_END.search(text, at, front.close)
        at = found.end() if found else front.close
        indent = " " * node.start_mark.column
        made = text[:at] + "".join(f"{indent}- {written(item)}{line_end(text)}" for item in new) + text[at:]
    return _checked(text, made, key, [*_data(text)[key], *new])


def insert(text: str, lines: Iterable[str]) -> str:
    """The text with these lines at the top of its front matter, which must be there."""
    front = find(text)
    if front is None:
        raise ValueError("there is no front matter to write into")
    eol = line_end(text)
    return text[: front.inner] + "".join(line + eol for line in lines) + text[front.inner :]


def _data(text: str) -> dict[str, Any]:
    return read(Path("front matter"), text)[0]


def _checked(old: str, new: str, key: str, value: Any) -> str:
    """The edited text, if only this key changed its meaning. Anchors, for example, may prevent that."""
    wanted = {**_data(old), key: _as_read(value)}
    try:
        found = _data(new)
    except SummaryError:
        found = {}
    if found != wanted:
        raise ValueError(f"{key!r} cannot be edited without changing other lines; edit it by hand")
    return new


def _as_read(value: Any) -> Any:
    return yaml.load(written(value), Loader)  # noqa: S506 (it is the safe loader)


def _top(text: str) -> tuple[FrontMatter, dict[str, tuple[yaml.Node, yaml.Node]]]:
    """The front matter, and each key with its value. Offsets of the nodes count from the opening fence."""
    front = find(text)
    if front is None:
        raise ValueError("there is no front matter to write into")
    root = yaml.compose(text[front.start : front.close], Loader)
    if root is None:
        return front, {}
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        raise ValueError("the front matter does not have one key per line")
    return front, {key.value: (key, value) for key, value in root.value}


def _end(text: str, node: yaml.Node, front: FrontMatter) -> int:
    """Where a value ends. libyaml ends a block only where the next token starts, so its last item is asked instead."""
    if isinstance(node, yaml.ScalarNode):
        start, end = front.start + node.start_mark.index, front.start + node.end_mark.index
        return start + len(text[start:end].rstrip()) if node.style in ("|", ">") else end
    assert isinstance(node, yaml.CollectionNode)
    if node.flow_style or not node.value:
        return front.start + node.end_mark.index
    last = node.value[-1]
    return _end(text, last[1] if isinstance(last, tuple) else last, front)
