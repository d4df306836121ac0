"""What a notebook's text tells about it: minutes for reading, minutes for exercises, the names of its guesses."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

WORDS_A_MINUTE = 200  # of a text that is read once, to understand it
EXERCISE = re.compile(r"\(difficulty [^()]*?(\d+) minutes?\)")
GUESS = re.compile(r'^guess\("([^"]+)"', flags=re.MULTILINE)


@dataclass(frozen=True)
class Facts:
    """Whole minutes, rounded up, for the text and for all exercises together. `guesses` are names as in `guess(name)`."""

    reading: int
    exercises: int
    guesses: tuple[str, ...]


def facts_of(notebook: str | Path) -> Facts:
    """The facts of the notebook in a file. Code and outputs do not count as text."""
    import nbformat

    cells = nbformat.read(notebook, as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    words = re.findall(r"\w\S*", re.sub(r"\]\([^)]*\)", "", text))
    exercises = sum(int(given) for given in EXERCISE.findall(text))
    return Facts(math.ceil(len(words) / WORDS_A_MINUTE), exercises, tuple(GUESS.findall(code)))
