"""The quiz of a notebook: five questions, with a reason for each choice, read from `notebooks/quiz/01.toml`.

    quiz("01")

With a kernel and a front end these are buttons, and the answers count in the learner's progress. On a built page they are
native radio buttons; the style shows the reason of the chosen answer, without a script.
"""

import html
import itertools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from labkit.course.progress import note
from labkit.names import meant_or_all
from labkit.runs.project import course_folder
from labkit.viz.keys import MARK, keeping_keys
from labkit.viz.twin import Twin

FOLDER = Path("notebooks") / "quiz"
QUESTIONS = 5
CHOICES = (3, 4)  # least and most
LETTERS = "ABCD"
_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Choice:
    """One answer to choose: its words, whether it is right, and the reason."""

    says: str
    why: str
    right: bool = False


@dataclass(frozen=True)
class Question:
    """A question and its choices. One of them is right."""

    ask: str
    choices: tuple[Choice, ...]


def quiz_folder() -> Path:
    """The folder with the quizzes of the course."""
    return course_folder(holds=FOLDER) / FOLDER


def read_quiz(path: str | Path) -> tuple[Question, ...]:
    """The questions in a file. Raises `ValueError`, naming the file and the question, where the format is not kept."""
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not TOML in UTF-8: {error}") from None
    asked = content.get("question")
    if not isinstance(asked, list) or len(asked) != QUESTIONS or set(content) != {"question"}:
        raise ValueError(f"{path}: a quiz is {QUESTIONS} tables [[question]] and nothing else")
    return tuple(_question(one, f"{path}: question {number}") for number, one in enumerate(asked, start=1))


def _question(content: Mapping[str, Any], where: str) -> Question:
    try:
        choices = tuple(Choice(**one) for one in content["choices"])
        question = Question(**{**content, "choices": choices})
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"{where} has `ask` and `choices`, and a choice `says`, `why` and perhaps `right`: {error}"
        ) from None
    texts = [question.ask, *(text for one in choices for text in (one.says, one.why))]
    if not all(isinstance(text, str) and text.strip() for text in texts):
        raise ValueError(f"{where} has an empty text")
    if not CHOICES[0] <= len(choices) <= CHOICES[1]:
        raise ValueError(f"{where} has {len(choices)} choices, not {CHOICES[0]} or {CHOICES[1]}")
    if [one.right for one in choices].count(True) != 1:
        raise ValueError(f"{where} has {sum(one.right is True for one in choices)} right choices, not one")
    return question


class Quiz(Twin):
    """The questions of one notebook. `live` shows the ipywidgets. None: only if a front end started the kernel."""

    def __init__(self, notebook: str, questions: tuple[Question, ...], *, live: bool | None = None) -> None:
        super().__init__(live)
        self.notebook, self.questions = notebook, questions
        self.answered: dict[int, bool] = {}  # by question from 0: whether the last answer was right

    def answer(self, question: int, choice: int) -> str:
        """Answer a question; both are counted from 0. Returns the verdict with its reason, and counts the try."""
        chosen = self.questions[question].choices[choice]
        self.answered[question] = chosen.right
        note("quiz", self.notebook, str(question + 1), done=chosen.right)
        return _verdict(chosen)

    @property
    def score(self) -> str:
        """The number of right answers, in words."""
        return f"{sum(self.answered.values())} of {len(self.questions)} right."

    # The live version

    def _build_widget(self) -> Any:
        """For each question the text, a button for each choice, and the verdict."""
        import ipywidgets

        score = ipywidgets.HTML()
        parts = [part for number in range(len(self.questions)) for part in self._row(number, score)]
        made = ipywidgets.VBox([*parts, score])
        made.children += (keeping_keys(made),)
        return made

    def _row(self, number: int, score: Any) -> tuple[Any, ...]:
        import ipywidgets

        question, said = self.questions[number], ipywidgets.HTML()
        listed = "".join(
            f"<br>{letter}. {_text(choice.says)}" for letter, choice in zip(LETTERS, question.choices, strict=False)
        )

        def press(choice: int, _: Any) -> None:
            said.value = f"{LETTERS[choice]}. {self.answer(number, choice)}"
            score.value = self.score

        buttons = []
        for index, choice in enumerate(question.choices):
            button = ipywidgets.Button(description=LETTERS[index], tooltip=choice.says, layout={"width": "3.5em"})
            button.on_click(partial(press, index))
            buttons.append(button)
        return ipywidgets.HTML(f"<b>{number + 1}. {_text(question.ask)}</b>{listed}"), ipywidgets.HBox(buttons), said

    # The static version

    def static(self) -> str:
        """The quiz as HTML: radio buttons, and the reason of the chosen answer below it."""
        name = f"quiz-{self.notebook}-{next(_NUMBERS)}"
        made = []
        for number, question in enumerate(self.questions, start=1):
            choices = "".join(
                f'<div><label><input type="radio" name="{name}-{number}" autocomplete="off" {MARK}> {_text(choice.says)}'
                f"</label><p>{_verdict(choice)}</p></div>"
                for choice in question.choices
            )
            made.append(f"<fieldset><legend>{number}. {_text(question.ask)}</legend>{choices}</fieldset>")
        return f'<div class="labkit-quiz"><style>{_STYLE}</style>{"".join(made)}</div>'

    def _stored(self) -> dict[str, Any]:
        asked = "\n".join(f"{number}. {one.ask}" for number, one in enumerate(self.questions, start=1))
        return {"text/html": self.static(), "text/plain": f"Quiz\n{asked}"}


def quiz(notebook: str) -> Quiz:
    """The quiz of the notebook with this number, `"01"`. Raises `ValueError` if there is none, with the nearest."""
    path = quiz_folder() / f"{notebook}.toml"
    if not re.fullmatch(r"\w+", notebook) or not path.is_file():
        there = sorted(one.stem for one in quiz_folder().glob("[!.]*.toml"))
        raise ValueError(f"there is no quiz {notebook!r} in {quiz_folder()}{meant_or_all(notebook, there)}")
    return Quiz(notebook, read_quiz(path))


def _verdict(choice: Choice) -> str:
    """The verdict and its reason, as HTML."""
    return f"<b>{'Right.' if choice.right else 'Not right.'}</b> {_text(choice.why)}"


def _text(words: str) -> str:
    """Words as HTML. Code between backticks is set as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(words))


_STYLE = """.labkit-quiz fieldset { margin: 0 0 1em; padding: .5em 1em; border: 1px solid #8888; border-radius: .4em; }
.labkit-quiz legend { float: left; width: 100%; margin: 0 0 .3em; padding: 0; border: 0; font-size: inherit; font-weight: 600; }
.labkit-quiz legend + div { clear: both; }
.labkit-quiz label { display: block; padding: .2em 0 .2em 1.5em; text-indent: -1.5em; }
.labkit-quiz input { width: 1em; height: 1em; margin: 0 .2em 0 0; vertical-align: -.1em; }
.labkit-quiz p { display: none; margin: 0 0 .4em 1.5em; }
.labkit-quiz div:has(input:checked) > p { display: block; }"""
