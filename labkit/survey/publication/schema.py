"""Paper and Result: the schema of the files in `summaries/`. Records only; `files` reads them, `cite` looks numbers up.

A `Paper` is what is true of a paper whoever reads it; a `Result` is one number it published. Both say where each
thing comes from, or that it is unsure.
"""

import html
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from labkit.names import did_you_mean, nearest
from labkit.survey.publication.statements import parse

Status = Literal["printed", "corrected", "unsure"]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]  # ASCII, safe as a folder's name
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]  # ISO 639: en, ja, ko, zh
Year = Annotated[int, Field(ge=1900, le=2100)]


class Record(BaseModel):
    """A frozen record. A key that is nearly one of ours is refused as a slip; any other unknown key is kept."""

    model_config = ConfigDict(frozen=True, extra="allow", str_strip_whitespace=True)
    foreign: ClassVar[frozenset[str]] = frozenset()  # keys of other programs that are not slips of ours

    @model_validator(mode="before")
    @classmethod
    def _no_misspelt_keys(cls, data: Any) -> Any:
        if isinstance(data, dict):
            free = [name for name in cls.model_fields if name not in data]
            for key in data:
                if key not in cls.model_fields and key not in cls.foreign and nearest(str(key), free):
                    hint = did_you_mean(str(key), free)
                    # The key travels along, so that the reader can name its line.
                    raise PydanticCustomError(
                        "unknown_key", "unknown key '{key}'{hint}", {"key": str(key), "hint": hint}
                    )
        return data


class Text(Record):
    """A title or an abstract in one language; `translated_by` is who or what translated it, empty for the paper's own words."""

    text: Annotated[str, Field(min_length=1)]
    translated_by: str = ""


# `en: The title` is short for `en: {text: The title}`.
ShortText = Annotated[
    Text,
    BeforeValidator(
        lambda value: {"text": value} if isinstance(value, str) else value, json_schema_input_type=str | Text
    ),
]


class Person(Record):
    """One author."""

    given: str = ""
    family: Annotated[str, Field(min_length=1)]

    def __str__(self) -> str:
        # Chinese, Japanese and Korean names are said family first.
        family_first = any("\u3400" <= letter <= "\u9fff" or "\uac00" <= letter <= "\ud7a3" for letter in self.family)
        return " ".join((self.family, self.given) if family_first else (self.given, self.family)).strip()


class Sourced(Record):
    """A statement with its source, or marked unsure."""

    source: str = ""
    unsure: bool = False

    @model_validator(mode="after")
    def _says_where_it_comes_from(self) -> Self:
        if not self.source and not self.unsure:
            raise ValueError("give a source, or say `unsure: true`")
        return self


class Identifier(Sourced):
    """The paper's name in somebody's register: an arXiv number, a DOI."""

    id: Annotated[str, Field(min_length=1)]


class Version(Sourced):
    """One publication of the paper: on arXiv, at a conference, in a journal."""

    venue: Annotated[str, Field(min_length=1)]
    year: Year
    pages: str = ""


class Link(Record):
    """Where to read on."""

    title: Annotated[str, Field(min_length=1)]
    url: Annotated[str, Field(pattern=r"^https?://[^\s\"'<>]+$")]


class Erratum(Record):
    """Something printed wrongly: what is printed, what is right (empty: nobody can say), and how one knows.

    `claim` names the paper's claim that it corrects, if it is one of those listed.
    """

    claim: Slug | None = None
    where: Annotated[str, Field(min_length=1)]
    printed: Annotated[str, Field(min_length=1)]
    correct: str = ""
    evidence: Annotated[str, Field(min_length=1)]


class Quoted(Record):
    """A published number, named by columns of `results.csv` as for `cite`; "" means that the table does not say.

    `paper` is the one whose table it stands in, by default the one that the claim is about. `value` is what the claim
    says it is.
    """

    paper: Slug | None = None
    value: float | None = None
    model: str | None = None
    variant: str | None = None
    dataset: str | None = None
    dataset_copy: str | None = None
    split: str | None = None
    level: str | None = None
    metric: str | None = None
    frames: int | None = None
    input: str | None = None
    pretraining: str | None = None
    protocol: str | None = None
    source: str | None = None

    def fits(self, result: "Result") -> bool:
        """Whether a row is one that this may mean, by everything but its value."""
        named = {name: getattr(self, name) for name in self.model_fields_set - {"paper", "value"}}
        return all(value is None or getattr(result, name, None) == value for name, value in named.items())


class Check(Record):
    """What a claim says in numbers, so that it can be recomputed.

    ```
    check: {says: 64 * 224² / (16 * 112²) = 64}        # also ~ (of that order of magnitude), <, >
    check:
      one_model: true                                  # these numbers are of one model, trained in one way
      numbers:
        ucf: {value: 98.0, model: I3D, dataset: UCF-101, source: Table 5}
        hmdb: {value: 80.9, model: I3D, dataset: HMDB-51, source: Table 5}
    check:
      says: kinetics / ucf > 2
      numbers: {kinetics: {paper: datasets, dataset: Kinetics-400, ...}, ucf: {paper: datasets, dataset: UCF-101, ...}}
    ```
    """

    says: str = ""
    numbers: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Quoted] = {}
    one_model: bool = False

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        if not self.says and not self.numbers:
            raise ValueError("a check needs what it `says`, or `numbers`")
        if self.says and (unknown := sorted(parse(self.says).names - set(self.numbers))):
            raise ValueError(f"no number is called {unknown[0]!r}{did_you_mean(unknown[0], self.numbers)}")
        if self.one_model and len(self.numbers) < 2:
            raise ValueError("one_model needs two numbers or more")
        return self


class Claim(Sourced):
    """What the paper says it found, in our words; `notebook` names the one that runs it in miniature.

    `check` says it in numbers, for the proofreader.
    """

    id: Slug
    text: Annotated[str, Field(min_length=1)]
    notebook: str = ""
    check: Check | None = None


class Paper(Record):
    """`paper.yaml`: what is true of a paper. `kind: notes` is a folder of sourced numbers that belong to no single paper."""

    id: Slug
    kind: Literal["paper", "notes"] = "paper"
    language: Language = "en"  # the language the paper is written in
    titles: dict[Language, ShortText]
    aliases: tuple[str, ...] = ()  # what people call the paper or what it made: I3D, TSN
    authors: tuple[Person, ...] = ()
    and_others: bool = False  # there are more authors than those listed
    year: Year | None = None
    venue: str = ""
    pages: str = ""
    arxiv: Identifier | None = None
    doi: Identifier | None = None
    openalex: Identifier | None = None
    abstracts: dict[Language, ShortText] = {}
    versions: tuple[Version, ...] = ()
    links: tuple[Link, ...] = ()
    keywords: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    errata: tuple[Erratum, ...] = ()
    missing: str = ""  # which of its published numbers are not in `results.csv`, and why

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.language not in self.titles:
            raise ValueError(f"titles has no {self.language!r}, the paper's own language")
        if self.kind == "paper" and not (self.authors and self.year and self.venue):
            raise ValueError("a paper needs authors, year and venue")
        names = [claim.id for claim in self.claims]
        if len(set(names)) != len(names):
            raise ValueError(f"two claims share an id: {names}")
        for erratum in self.errata:
            if erratum.claim and erratum.claim not in names:
                raise ValueError(f"an erratum is about the claim {erratum.claim!r}{did_you_mean(erratum.claim, names)}")
        return self

    @property
    def title(self) -> str:
        """The title in the paper's own language."""
        return self.titles[self.language].text

    @property
    def byline(self) -> str:
        """All authors, in order, and whether there are more of them."""
        return ", ".join(str(author) for author in self.authors) + (" et al." if self.and_others else "")

    @property
    def short(self) -> str:
        """How running text names it: `Hara et al. 2018`; the title where there are no authors."""
        if not self.authors:
            return self.title
        families = [author.family for author in self.authors]
        names = f"{families[0]} et al." if len(families) > 2 or self.and_others else " and ".join(families)
        return f"{names} {self.year}"

    def __str__(self) -> str:
        published = ", ".join(part for part in (self.venue, f"pages {self.pages}" if self.pages else "") if part)
        parts = [part for part in (self.byline, self.title, published) if part]
        return " ".join(part if part[-1] in ".?!" else f"{part}." for part in parts)

    def _repr_html_(self) -> str:
        """The card's head for a notebook; everything that came from the file is escaped."""
        e = html.escape
        lines = [f'<div class="labkit-paper" id="paper-{e(self.id)}"><p><strong>{e(self.title)}</strong>']
        if self.authors:
            lines.append(f"<br>{e(self.byline)}")
        if self.venue:
            lines.append(f"<br>{e(self.venue)}" + (f", pages {e(self.pages)}" if self.pages else ""))
        lines.append("</p>")
        if self.links:
            links = " · ".join(f'<a href="{e(link.url)}">{e(link.title)}</a>' for link in self.links)
            lines.append(f"<p>{links}</p>")
        if self.claims:
            lines += ["<p>It claims:</p><ul>", *(f"<li>{e(claim.text)}</li>" for claim in self.claims), "</ul>"]
        if self.errata:
            lines += ["<p>Read with care:</p><ul>", *(_erratum_line(erratum) for erratum in self.errata), "</ul>"]
        if self.missing:
            lines.append(f"<p>Numbers that are not here: {e(self.missing)}</p>")
        return "\n".join([*lines, "</div>"])


def _erratum_line(erratum: Erratum) -> str:
    e = html.escape
    right = f"should be {e(erratum.correct)}" if erratum.correct else "the right value is not known"
    return f"<li>{e(erratum.where)} prints {e(erratum.printed)}; {right}. {e(erratum.evidence)}</li>"


class Result(Record):
    """One published number: a row of `results.csv`. An empty text means that the paper, as we have it, does not say.

    `value` is as printed (percent stay percent); `printed` is the text in the file, digits and all. `float(result)`
    is the value; `share` turns percent into 0-1, as measured accuracies are.
    """

    model: str = ""  # the network, as the papers call it; empty for a number about a dataset
    variant: str = ""  # tells it from other networks of this name, or is its name in this table
    dataset: str = ""
    dataset_copy: str = ""  # whose copy: copies of Kinetics differ in size
    split: str = ""
    level: Literal["clip", "video", ""] = ""
    metric: Annotated[str, Field(min_length=1)]
    value: float
    unit: str = ""
    frames: int | None = None  # in one clip of the network's input
    input: str = ""  # RGB, flow, RGB + flow
    pretraining: str = ""  # "scratch" where there was none
    protocol: str = ""
    source: Annotated[str, Field(min_length=1)]  # the table
    status: Status = "printed"
    note: str = ""
    # Set by the library, not by the file.
    paper: str = ""
    cited_as: str = ""
    printed: str = ""
    line: int = 0

    @model_validator(mode="before")
    @classmethod
    def _keep_what_was_printed(cls, data: Any) -> Any:
        return {**data, "printed": str(data["value"]).strip()} if isinstance(data, dict) and "value" in data else data

    @field_validator("value", mode="before")
    @classmethod
    def _a_plain_number(cls, value: Any) -> Any:
        text = str(value).strip()
        if text.endswith("%"):
            raise ValueError(f"write {text!r} without the percent sign; the unit has its own column")
        if "," in text:
            raise ValueError(f"{text!r} has a comma; write a decimal point and no thousands separators")
        return text

    @field_validator("value")
    @classmethod
    def _finite(cls, value: float) -> float:
        if value != value or value in (float("inf"), float("-inf")):
            raise ValueError("a published number must be finite")
        return value

    @field_validator("frames", mode="before")
    @classmethod
    def _empty_is_unknown(cls, value: Any) -> Any:
        return None if value == "" else value

    @property
    def share(self) -> float:
        """A percentage as a share in 0-1, to stand beside measured accuracies. Raises `ValueError` for other units."""
        if self.unit != "%":
            raise ValueError(f"{self.number} is not a percentage")
        return self.value / 100

    @property
    def number(self) -> str:
        """The value with its unit: `42.4 %`, `28,108 instances`."""
        value = f"{int(self.printed):,}" if self.printed.isdecimal() else self.printed
        return f"{value} {self.unit}".rstrip()

    @property
    def origin(self) -> str:
        """Where the number stands and what it is measured on: `Hara et al. 2018, Table 4, video level, mean of 3 splits`."""
        parts = [self.cited_as or self.paper, self.source]
        if self.level:
            parts.append(f"{self.level} level")
        parts += [self.split, f"copy: {self.dataset_copy}" if self.dataset_copy else ""]
        parts += [self.status if self.status != "printed" else "", self.note]
        return ", ".join(part for part in parts if part)

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        return f"{self.number} ({self.origin})"

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return format(self.value, spec) if spec else str(self)

    def _repr_html_(self) -> str:
        e = html.escape
        return f'<span class="labkit-cite">{e(self.number)} <small>({e(self.origin)})</small></span>'


# The columns of results.csv, in order.
RESULT_COLUMNS = tuple(name for name in Result.model_fields if name not in {"paper", "cited_as", "printed", "line"})
