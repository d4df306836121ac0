"""Card: what stands in the front matter of `summaries/<paper-id>/cards/<language>-<reader>.md`, one reader's card of a paper.

```
---
paper: hara-2018-retrace        # the folder's name
language: ja                    # en, ja, ko, zh
format: ochiai                  # ochiai, cvpaper, paper-review, insight, abstract
reader: reader-a                # ASCII; the file is called ja-reader-a.md
institution: Group A            # optional, for the ranking per head
mode: close                     # skim (15-30 minutes) or close (an hour or more)
goal: Reproduce Table 4 with a small network.
minutes: {spent: 70, budget: 60}
status: done                    # queued, claimed, reading, done, reviewed
version: 2
date: 2018-03-04                # year-month-day
keywords: [3D CNN, transfer]
next:                           # what to read next: as the reader wrote it, and which paper of the library that is
  - {text: "Quo Vadis, Action Recognition? A New Mo…", paper: carreira-2017-quo-vadis}
  - A title that the library does not have
claims:                         # each with a source, or `unsure: true`
  - {id: depth-helps, text: Accuracy grows with depth up to 152 layers., source: Table 2, notebook: 05_overfitting_curves, cell: curves}
  - {text: Its input is 16 times larger., source: section 4, disputes: input-size, evidence: 64·224² is 16 times 16·112².}
questions:                      # open ones; the notebook is the one that tries an answer
  - {text: Does a bigger frame help transfer?, dataset: UCF-101, condition: frame size, notebook: 05_overfitting_curves}
---

## どんなもの？
...
```

`status` is what the card says of itself: `labkit card new` begins with reading, `labkit group done` sets done, somebody
else's look over it makes reviewed. Who has claimed a paper, and when it counts as done, is in the group's logs alone;
queued and claimed are for readers who keep cards without a group.

Keys of somebody else's, such as Jekyll's `layout` or `tags`, stay where they are. `card` reads and edits the file.
"""

import datetime as dt
import re
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import BeforeValidator, Field, model_validator

from labkit.survey.publication.schema import Check, Record, Slug, Sourced

CardLanguage = Literal["en", "ja", "ko", "zh"]
CardFormat = Literal["ochiai", "cvpaper", "paper-review", "insight", "abstract"]
CardStatus = Literal["queued", "claimed", "reading", "done", "reviewed"]
Mode = Literal["skim", "close"]

LANGUAGES: tuple[CardLanguage, ...] = get_args(CardLanguage)
FORMATS: tuple[CardFormat, ...] = get_args(CardFormat)
MODES: tuple[Mode, ...] = get_args(Mode)

NonEmpty = Annotated[str, Field(min_length=1)]
# 05_overfitting_curves, or its start; "" for none.
NotebookName = Annotated[str, Field(pattern=r"^(\d{2}[a-z0-9_]*)?$")]
Minutes = Annotated[float, Field(ge=0, le=10_000)]


def _plain_date(value: Any) -> Any:
    """Accept a date, or a date and time, as YAML reads them; say how to write any other."""
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, str) and not re.match(r"\d{4}-\d{2}-\d{2}($|[ T])", value):
        raise ValueError(f"{value!r} is not year-month-day; write it as 2018-03-04")
    return value[:10] if isinstance(value, str) else value


def _text_alone(value: Any) -> Any:
    """`- A title` is short for `- {text: A title}`."""
    return {"text": value} if isinstance(value, str) else value


Day = Annotated[dt.date, BeforeValidator(_plain_date)]


class Timing(Record):
    """Minutes by the stopwatch, and how many the reader had planned."""

    spent: Minutes | None = None
    budget: Minutes | None = None


class NextPaper(Record):
    """A paper to read next: the reader's own words, and the id of the paper of the library that is meant."""

    text: NonEmpty
    paper: Slug | None = None


class CardClaim(Sourced):
    """What the reader says the paper shows; a notebook's cell may run it. A claim that `disputes` another gives evidence.

    `disputes` names a claim of `paper.yaml`, or quotes what is disputed. `check` says the claim in numbers.
    """

    id: Slug | None = None
    text: NonEmpty
    notebook: NotebookName = ""
    cell: str = ""  # the cell's id or tag in that notebook
    disputes: str = ""
    evidence: str = ""
    check: Check | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.disputes and not self.evidence:
            raise ValueError("a claim that disputes another needs evidence")
        if self.cell and not self.notebook:
            raise ValueError("a cell needs the name of its notebook")
        return self


class Question(Record):
    """Something the paper leaves open, and where it belongs on the map of dataset × condition."""

    text: NonEmpty
    dataset: str = ""
    condition: str = ""
    notebook: NotebookName = ""
    cell: str = ""


class Revision(Record):
    """What changed when a card's version was raised."""

    version: Annotated[int, Field(ge=1)]
    date: Day | None = None
    by: str = ""
    what: NonEmpty


class Import(Record):
    """How a review became a card, so that exporting gives back the file it was."""

    file: str = ""
    encoding: str = "utf-8"
    fences: Literal["found", "added"] = "added"  # whether the review had front matter that ours was put into


# Keys of site generators, which reviews are written for. They are not slips of our keys.
_FOREIGN = """layout title subtitle categories category tags tag author authors use_math mathjax math comments comment
toc permalink published description excerpt image header lang draft slug updated lastmod cover url pdf id"""


class Card(Record):
    """The front matter of a card. See the top of this module for an example."""

    foreign: ClassVar[frozenset[str]] = frozenset(_FOREIGN.split())

    paper: Slug
    language: CardLanguage
    format: CardFormat
    reader: Slug
    institution: str = ""
    mode: Mode = "skim"
    goal: str = ""
    minutes: Timing = Timing()
    status: CardStatus = "reading"
    version: Annotated[int, Field(ge=1)] = 1
    date: Day | None = None
    keywords: tuple[NonEmpty, ...] = ()
    next: tuple[Annotated[NextPaper, BeforeValidator(_text_alone, json_schema_input_type=str | NextPaper)], ...] = ()
    claims: tuple[CardClaim, ...] = ()
    questions: tuple[Annotated[Question, BeforeValidator(_text_alone, json_schema_input_type=str | Question)], ...] = ()
    history: tuple[Revision, ...] = ()
    imported: Import | None = None

    @model_validator(mode="after")
    def _claims_have_their_own_ids(self) -> Self:
        names = [claim.id for claim in self.claims if claim.id]
        if len(set(names)) != len(names):
            raise ValueError(f"two claims share an id: {names}")
        return self

    @property
    def file_name(self) -> str:
        """What the file is called in the paper's folder: `cards/<language>-<reader>.md`."""
        return f"{self.language}-{self.reader}.md"

    @property
    def finished(self) -> bool:
        """Whether its reader is done with the paper."""
        return self.status in ("done", "reviewed")
