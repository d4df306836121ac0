"""What an exercise is: one file in a folder `notebook_NN`, with text, answer, check, hints, and answers to try the check on.

The file holds one `EXERCISE`. CONTRIBUTING says how to write it. The learner sees its text and its code in the notebook,
where our answer stands between two markers; the student's notebook has a stub there.
"""

import ast
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"


class Wrong(Exception):
    """A check raises it with a sentence for the learner. `share` of the points is given all the same."""

    def __init__(self, why: str, share: float = 0.0) -> None:
        super().__init__(why)
        self.why, self.share = why, share


class NotAttempted(Exception):
    """The learner's function still raises `NotImplementedError`."""


@dataclass(frozen=True)
class Mistake:
    """A typical wrong answer, and a part of the message that the learner must get for it."""

    name: str
    answer: str  # replaces the part between the markers
    says: str


@dataclass(frozen=True, repr=False)  # a repr would show the answer
class Exercise:
    """One exercise. Tests hold every field to what is said here."""

    number: str  # of the notebook: "05"
    cell: str  # id of the cell with our answer: "gap-solution"
    defines: str  # the function or value that the learner writes
    text: str  # as it stands in the markdown above the cell, with difficulty, importance and minutes
    code: str  # the cell, with our answer between the markers
    check: Callable[[Any], None]  # gets what the learner wrote; raises `Wrong`
    hints: tuple[str, str]  # where to look; then nearly the answer
    explanation: str  # what `solution()` says below our answer
    right: tuple[str, ...]  # at least two right answers, written differently from ours
    wrong: tuple[Mistake, ...]  # at least two typical wrong answers
    setup: str = ""  # imports and definitions of earlier cells that answers use
    equivalent: tuple[str, ...] = ()  # changes of our answer that leave it right, by the name that the test gives

    @property
    def solution(self) -> str:
        """Our answer: the lines between the markers, without their indent."""
        return textwrap.dedent(self._parts()[1])

    def answered(self, answer: str) -> str:
        """The code of the cell with `answer` in place of our answer and the markers."""
        before, ours, after = self._parts()
        indent = ours[: len(ours) - len(ours.lstrip(" "))]
        return before + textwrap.indent(textwrap.dedent(answer).strip("\n"), indent) + "\n" + after

    def asks(self) -> str:
        """The line of code that asks for the check, in the cell below the answer."""
        return f'exercises.check("{self.cell}")'

    def is_function(self) -> bool:
        """Whether the learner writes a function, else a value."""
        body = ast.parse(self.code).body
        return any(isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == self.defines for node in body)

    def _parts(self) -> tuple[str, str, str]:
        """The code before the markers, between them, and after them."""
        lines = self.code.strip("\n").splitlines(keepends=True)
        marks = [line.strip() for line in lines]
        begin, end = marks.index(BEGIN), marks.index(END)
        return "".join(lines[:begin]), "".join(lines[begin + 1 : end]), "".join(lines[end + 1 :])
