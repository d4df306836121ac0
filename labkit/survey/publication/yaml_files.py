"""Reads YAML as plain data, with the line of every value: no tags, no duplicate keys, no endless nesting."""

import re
from pathlib import Path
from typing import Any

import yaml

from labkit.survey.publication.problems import SummaryError

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml where PyYAML was built with it: ten times faster
MOST_NODES = 50_000  # of one YAML file, aliases counted each time they are used
MOST_DEEP = 50  # its levels
_BEYOND = "nested or repeated too much"
_OPENING = re.compile(r"[\[{]|[-?:]\s")  # what begins a level of YAML

Place = tuple[str | int, ...]  # the way to a value: ("errata", 0, "printed")


def parse_yaml(path: Path, text: str, *, most: int = MOST_NODES) -> tuple[Any, dict[Place, int]]:
    """The data of a YAML text, and the line of every value in it. Plain data only: no tags, no duplicate keys, bounded.

    `most` is the number of values that the text may hold. Raises `SummaryError`.
    """
    try:
        _not_too_deep(path, text)
        loader = Loader(text)
        try:
            node = loader.get_single_node()
            lines = _lines(path, node, most)
            return (loader.construct_document(node) if node is not None else None), lines
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        tab = line is not None and any("\t" in one for one in text.splitlines()[line - 1 : line])
        hint = "this line has a tab; YAML needs spaces there" if tab else ""
        raise SummaryError(path, f"{error.problem or error}", line, suggestion=hint) from None
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, SummaryError):
            raise
        raise SummaryError(path, str(error)) from None


def _not_too_deep(path: Path, text: str) -> None:
    """Refuse nesting that libyaml would follow until the stack ends, and the interpreter with it."""
    if len(_OPENING.findall(text)) < MOST_NODES // 10:  # a small file cannot be that deep
        return
    depth = 0
    for event in yaml.parse(text, Loader=Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_DEEP:
            raise SummaryError(path, _BEYOND, event.start_mark.line + 1 if event.start_mark else None)


def _lines(path: Path, root: yaml.Node | None, most: int) -> dict[Place, int]:
    """The line of each value, by its place. Refuses duplicate keys, and aliases that would unfold without end."""
    lines: dict[Place, int] = {}
    waiting: list[tuple[Place, yaml.Node]] = [((), root)] if root is not None else []
    while waiting:
        place, node = waiting.pop()
        lines[place] = node.start_mark.line + 1
        if len(lines) + len(waiting) > most or len(place) > MOST_DEEP:
            raise SummaryError(path, _BEYOND, lines[place])
        if isinstance(node, yaml.SequenceNode):
            waiting += [((*place, i), child) for i, child in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, child in node.value:
                if str(key.value) in seen:
                    raise SummaryError(path, f"key {key.value!r} twice", key.start_mark.line + 1)
                seen.add(str(key.value))
                waiting.append(((*place, str(key.value)), child))
    return lines
