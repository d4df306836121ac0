"""One random slip in the committed numbers, 200 seeds each of digits and of labels: which rule finds how many.

`python -m pytest tests/survey/check/test_mutations.py -s` prints the table. A slip is found where a finding that was not
there before is about the row that has it.

What can be asked of the rules is derived from redundancy, by an oracle that shares no code with them: a number that
stands in a sum, a second table, a quotation or a network's depth contradicts these once it changes by more than
rounding hides, and there the rules must find every slip. The rest cannot be found from the tables by anybody with
certainty: a number printed once, with nothing that depends on it, and a label that leaves the table as consistent as
it was. The outlier rule finds some of these, and no floor is set for it.
"""

import random
from collections import Counter, defaultdict
from typing import NamedTuple

import pytest

from labkit.survey.check.numbers import Library, proofread_library, proofread_paper
from labkit.survey.library.shelf import open_shelf
from labkit.survey.publication.schema import RESULT_COLUMNS, Result

SEEDS = range(200)
LABELS = (
    "model",
    "variant",
    "dataset",
    "dataset_copy",
    "split",
    "level",
    "metric",
    "frames",
    "input",
    "pretraining",
    "source",
)
CELL = tuple(name for name in RESULT_COLUMNS if name not in ("value", "metric", "status", "note"))


class Slip(NamedTuple):
    """A changed row: where it is, the row before and after, which column was changed."""

    paper: str
    place: int
    before: Result
    after: Result
    column: str


@pytest.fixture(scope="module")
def real() -> Library:
    shelf = open_shelf()
    return Library(shelf.papers, shelf.results)


@pytest.fixture(scope="module")
def tables(real) -> dict[str, tuple[Result, ...]]:
    """As printed: corrections are nobody's slip."""
    return {name: tuple(r for r in rows if r.status != "corrected") for name, rows in real.results.items()}


def other_number(row: Result, draw: random.Random) -> Result:
    """One digit of the number becomes another."""
    places = [at for at, character in enumerate(row.printed) if character.isdigit()]
    at = draw.choice(places)
    digit = draw.choice([d for d in "0123456789" if d != row.printed[at] and not (d == "0" and at == 0)])
    printed = row.printed[:at] + digit + row.printed[at + 1 :]
    return row.model_copy(update={"value": float(printed), "printed": printed})


def other_label(row: Result, column: str, rows: tuple[Result, ...], draw: random.Random) -> Result | None:
    """One label becomes another that the file has in that column."""
    others = sorted({getattr(r, column) for r in rows} - {getattr(row, column)}, key=str)
    return row.model_copy(update={column: draw.choice(others)}) if others else None


def slip(tables, kind: str, seed: int) -> Slip:
    draw = random.Random(f"{kind} {seed}")
    places = [(paper, at) for paper, rows in tables.items() for at in range(len(rows))]
    while True:
        paper, at = draw.choice(places)
        row = tables[paper][at]
        column = "value" if kind == "number" else draw.choice(LABELS)
        after = other_number(row, draw) if kind == "number" else other_label(row, column, tables[paper], draw)
        if after is not None:
            return Slip(paper, at, row, after, column)


def findings(
    real: Library, tables, changed: str | None = None
) -> Counter[tuple[str, str, frozenset[tuple[str, int]], str]]:
    """What is found, but for notes, of the whole library together and of one paper or all by themselves."""
    library = Library(real.papers, tables)
    found = list(proofread_library(library))
    for name in [changed] if changed else tables:
        found += proofread_paper(real.papers[name], tables[name])
    return Counter((one.paper, one.rule, one.lines, one.message) for one in found if one.severity != "note")


def rules_that_find(real, tables, before, one: Slip) -> set[str]:
    rows = list(tables[one.paper])
    rows[one.place] = one.after
    changed = {**tables, one.paper: tuple(rows)}
    here = (one.paper, one.before.line)
    new = [key for key in findings(real, changed, one.paper) if key not in before[one.paper]]
    return {rule for _, rule, lines, _ in new if here in lines}


@pytest.fixture(scope="module")
def before(real, tables) -> dict[str, Counter]:
    return {name: findings(real, tables, name) for name in tables}


# The oracle.


def cell(row: Result, *without: str) -> tuple[object, ...]:
    return tuple(getattr(row, name) for name in CELL if name not in without)


def contradictions(tables, one: Slip) -> set[str]:
    """What the slip contradicts beyond rounding, by arithmetic that needs no judgement."""
    rows = [one.after if at == one.place else row for at, row in enumerate(tables[one.paper])]
    row = one.after
    found = set()
    if row.unit == "%" and not 0 <= row.value <= 100:
        found.add("percent-range")
    beside = {r.metric: r for r in rows if cell(r) == cell(row)}
    if {"top-1", "top-5", "average"} <= set(beside) and row.metric in beside:
        mean = (beside["top-1"].value + beside["top-5"].value) / 2
        if abs(mean - beside["average"].value) > 0.1 + 1e-9:
            found.add("average")
    both = {"top-1", "top-5"} <= set(beside) and row.metric in ("top-1", "top-5")
    if both and beside["top-5"].value < beside["top-1"].value:
        found.add("top5-below-top1")
    if sum(cell(r) == cell(row) and r.metric == row.metric for r in rows) > 1:
        found.add("twice-in-a-table")
    if one.column in ("model", "variant", "frames", "input", "pretraining"):
        printed = [one.before if r is row else r for r in rows]
        taken = any(cell(r, "dataset", "split") == cell(row, "dataset", "split") for r in printed)
        if whole_table(printed, row.source) and not taken:
            found.add("torn-row")
    if row.metric == "classes" and one.column == "value" and row.dataset.endswith(f"-{one.before.printed}"):
        found.add("classes")
    if one.column == "value" and row.metric.startswith("blocks") and row.model != "ResNeXt-101":
        found.add("depth")  # any other sum of blocks is another depth
    if one.column == "value" and row.metric.startswith("channels") and "Dense" not in row.model:
        found.add("doubling")
    if one.column == "value":
        same = [r for r in rows if r is not row and cell(r, "source", "level") == cell(row, "source", "level")]
        same = [r for r in same if r.metric == row.metric and r.source != row.source]
        if any(r.value == one.before.value for r in same):
            found.add("two-values")
        if any(r.value == one.before.value for r in quotations(tables, one)):
            found.add("quoted")
    return found


def whole_table(rows: list[Result], source: str) -> bool:
    """Whether a table has five rows or more, of several numbers each, and every row has a number in every column."""
    columns = defaultdict(set)
    for r in rows:
        if r.source == source:
            columns[cell(r, "dataset", "split")].add((r.dataset, r.split, r.metric))
    found = list(columns.values())
    return len(found) >= 5 and len(found[0]) > 1 and all(one == found[0] for one in found)


def quotations(tables, one: Slip) -> list[Result]:
    """The rows of other papers that quote this one, or that this one quotes."""
    row = one.before
    found = []
    for name, rows in tables.items():
        for other in rows if name != one.paper else ():
            linked = (
                other.source == f"{row.cited_as}, {row.source}" or row.source == f"{other.cited_as}, {other.source}"
            )
            if linked and cell(other, "source") == cell(row, "source") and other.metric == row.metric:
                found.append(other)
    return found


def test_no_finding_is_there_before_a_slip_but_the_printed_errata_that_are_known(real, tables):
    assert not findings(real, tables)


@pytest.mark.parametrize("kind", ["number", "label"])
def test_slips_that_contradict_something_are_found(real, tables, before, kind, capsys):
    must, found, extra = Counter(), Counter(), defaultdict(int)
    missed = []
    any_rule = redundant = 0
    for seed in SEEDS:
        one = slip(tables, kind, seed)
        wanted, by = contradictions(tables, one), rules_that_find(real, tables, before, one)
        must.update(wanted)
        found.update(wanted & by)
        for rule in by - wanted:
            extra[rule] += 1
        any_rule += bool(by)
        redundant += bool(wanted)
        if wanted - by:
            missed.append(
                (seed, one.paper, one.before.line, one.before.printed, one.after.printed, one.column, wanted - by)
            )
    with capsys.disabled():
        print(f"\n\n{len(SEEDS)} slips of one {kind}: {any_rule} found; {redundant} contradict something")
        print(f"{'rule':<18}{'contradicted':>13}{'found':>7}{'recall':>8}{'found besides':>15}")
        for rule in sorted({*must, *extra}):
            recall = f"{found[rule] / must[rule]:.0%}" if must[rule] else "-"
            print(f"{rule:<18}{must[rule]:>13}{found[rule]:>7}{recall:>8}{extra[rule]:>15}")
    assert not missed
    assert len(must) >= {"number": 6, "label": 2}[kind], "too little is contradicted for this to mean anything"
    assert any_rule >= redundant
