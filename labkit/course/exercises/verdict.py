"""What a check, a hint or a solution says: text in a terminal, escaped HTML in JupyterLab."""

import html
import re
from dataclasses import dataclass
from typing import Literal

State = Literal["right", "wrong", "empty"]


@dataclass(frozen=True)
class Verdict:
    """The outcome of a check. `share` of the exercise's points is earned."""

    state: State
    why: str = ""
    share: float = 0.0


@dataclass(frozen=True, repr=False)
class Said:
    """A message for the learner: a word in bold, a text, and code, which may both be empty."""

    word: str
    text: str = ""
    code: str = ""

    def __repr__(self) -> str:
        return "\n\n".join(part for part in (f"{self.word} {self.text}".strip(), self.code) if part)

    def _repr_html_(self) -> str:
        text = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(self.text))
        code = f"<pre>{html.escape(self.code)}</pre>" if self.code else ""
        return f'<div role="status"><strong>{html.escape(self.word)}</strong> {text}{code}</div>'
