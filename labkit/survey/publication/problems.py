"""One thing that is wrong in a file of the library, and how a list of them is shown."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
# Characters that steer a terminal, and half letters, which stand for the bytes of a name that is not UTF-8.
STEERING = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class SummaryError(ValueError):
    """A file in `summaries/` that cannot be used: which file, which line, why."""

    def __init__(
        self,
        path: Path,
        reason: str,
        line: int | None = None,
        parts: Sequence["SummaryError"] = (),
        suggestion: str = "",
    ) -> None:
        super().__init__(f"{path}{f', line {line}' if line else ''}: {reason}")
        self.path, self.reason, self.line = path, reason, line
        self.suggestion = suggestion  # what to do about it, where one can say
        self.parts = tuple(parts) or (self,)  # everything that is wrong with the file, each with its own line


@dataclass(frozen=True)
class Problem:
    """A problem: its place, severity and rule, what is wrong with the evidence, and what to do about it."""

    path: Path
    line: int | None
    severity: Severity
    rule: str
    message: str
    suggestion: str = ""

    def __str__(self) -> str:
        where = f"{self.path}{f', line {self.line}' if self.line else ''}"
        hint = f" ({self.suggestion})" if self.suggestion else ""
        return f"{where}: {self.severity}: {plain(self.message)}{plain(hint)} [{self.rule}]"


def plain(text: str) -> str:
    """A text from somebody's file, made safe for a terminal: on one line, without control characters."""
    return STEERING.sub(lambda c: f"\\x{ord(c[0]):02x}", text)


def plain_lines(text: str) -> str:
    """The same for a text of several lines, which stay."""
    return "\n".join(plain(line) for line in text.split("\n"))


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """By file and line; of one line the worst first."""
    return tuple(
        sorted(problems, key=lambda p: (str(p.path), p.line or 0, SEVERITIES.index(p.severity), p.rule, p.message))
    )


def listed(problems: Iterable[Problem], root: Path) -> Iterator[str]:
    """Lines that show problems by file; paths are told from `root` where they are below it."""
    for path, group in groupby(in_order(problems), key=lambda problem: problem.path):
        yield plain(str(path.relative_to(root) if path.is_relative_to(root) else path))
        for one in group:
            where = f"line {one.line}" if one.line else ""
            yield f"  {where:<9} {one.severity:<8} {plain(one.message)}  [{one.rule}]"
            if one.suggestion:
                yield f"{'':21}→ {plain(one.suggestion)}"


def as_json(problems: Iterable[Problem], **about: Any) -> str:
    """The same for programs."""
    rows = [{**asdict(problem), "path": str(problem.path)} for problem in in_order(problems)]
    return json.dumps({**about, "problems": rows}, ensure_ascii=False, indent=1)
