"""Rules over claims that say in numbers what they say in words (`schema.Check`): recomputed from the tables."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from labkit.survey.check.numbers.finding import Finding, Library, Place, Rule, Severity, label, named, number
from labkit.survey.check.numbers.rows import as_corrected
from labkit.survey.publication.schema import Check, Claim, Quoted, Result
from labkit.survey.publication.statements import StatementError, Verdict, judge, parse

ONE_MODEL = ("paper", "source", "model", "variant", "input", "pretraining", "protocol", "frames", "split", "level")
COMPARED = ("metric", "dataset", "dataset_copy", "split", "level")
FAR = 10.0  # a bound that is wider than this is reported


@dataclass(frozen=True)
class Stated:
    """A claim with a check, and where it stands."""

    paper: str
    check: Check
    text: str
    claim: str = ""
    place: Place = ()
    card: str = ""

    def finding(
        self, rule: str, severity: Severity, message: str, *, rows: tuple[Result, ...] = (), suggestion: str = ""
    ) -> Finding:
        """What is wrong with it."""
        about = {"rows": rows, "place": self.place, "card": self.card, "claim": self.claim, "suggestion": suggestion}
        return Finding(rule, severity, self.paper, f"“{self.text}”: {message}", **about)  # type: ignore[arg-type]


def stated(library: Library) -> Iterator[Stated]:
    """All claims with a check, of papers and of cards."""
    for paper in library.papers.values():
        for place, claim in enumerate(paper.claims):
            if claim.check:
                yield Stated(paper.id, claim.check, claim.text, claim.id, ("claims", place, "check"))
    for card in library.cards:
        for place, one in enumerate(card.about.claims):
            if one.check:
                yield Stated(card.paper, one.check, one.text, one.id or "", ("claims", place, "check"), card.file)


def wrong_claims(library: Library) -> Iterator[Finding]:
    """Claims with numbers that no table or no single row has, that do not give the result, or that cannot be compared."""
    for one in stated(library):
        found: dict[str, list[Result]] = {}
        for name, quoted in one.check.numbers.items():
            rows = _rows(library, one, quoted)
            if isinstance(rows, str):
                yield one.finding("claim", "error", f"{name}: {rows}")
            else:
                found[name] = rows
        if len(found) < len(one.check.numbers):
            continue
        if one.check.one_model:
            yield from _no_single_model(one, found)
        if one.check.says:
            yield from _says_otherwise(one, found)
            yield from _cannot_be_compared(one, found)


def _rows(library: Library, one: Stated, quoted: Quoted) -> list[Result] | str:
    """The rows that a quoted number means, or what is wrong with it."""
    paper = quoted.paper or one.paper
    fitting = [row for row in as_corrected(library.results.get(paper, ())) if quoted.fits(row)]
    if not fitting:
        return f"no row of {paper} fits"
    if quoted.value is not None:
        exactly = [row for row in fitting if row.value == quoted.value]
        printed = ", ".join(dict.fromkeys(f"{row.printed} ({row.source})" for row in fitting[:6]))
        return exactly or f"{number(quoted.value)} is not in the rows of {paper} that fit; they have {printed}"
    if len({row.value for row in fitting}) > 1:
        return f"{len(fitting)} rows of {paper} fit; name more of their columns"
    return fitting


def _no_single_model(one: Stated, found: Mapping[str, list[Result]]) -> Iterator[Finding]:
    """Numbers that a claim gives to one model and the tables give to several."""
    models = [{label(row, ONE_MODEL) for row in rows} for rows in found.values()]
    if not set.intersection(*models):
        where = "; ".join(
            f"{rows[0].printed} on {rows[0].dataset} is of {' or '.join(dict.fromkeys(map(_trained, rows)))}"
            for rows in found.values()
        )
        rows = tuple(itertools.chain.from_iterable(found.values()))
        yield one.finding("one-model", "error", f"no single model has these numbers: {where}", rows=rows)


def _trained(row: Result) -> str:
    parts = (row.variant or row.model, row.input, row.pretraining, row.protocol, row.source)
    return f"({', '.join(part for part in parts if part)})"


def _says_otherwise(one: Stated, found: Mapping[str, list[Result]]) -> Iterator[Finding]:
    """What is said, recomputed."""
    numbers = {name: rows[0].value for name, rows in found.items()}
    try:
        verdict = judge(parse(one.check.says), numbers)
    except StatementError as error:
        yield one.finding("claim", "error", f"{one.check.says}: {error}")
        return
    rows = tuple(rows[0] for rows in found.values())
    if not verdict.holds:
        message = f"{one.check.says} does not hold: {_sides(verdict)}{_with(numbers)}"
        yield one.finding("arithmetic", "error", message, rows=rows)
    elif verdict.relation in (">", "<", ">=", "<=") and verdict.apart >= FAR:
        message = f"{one.check.says} holds, but its sides lie far apart: {_sides(verdict)}{_with(numbers)}"
        yield one.finding("understated", "warning", message, rows=rows)


def _sides(verdict: Verdict) -> str:
    return f"{number(verdict.left)} against {number(verdict.right)}"


def _with(numbers: Mapping[str, float]) -> str:
    listed = ", ".join(f"{name} = {number(value)}" for name, value in numbers.items())
    return f" ({listed})" if listed else ""


def _cannot_be_compared(one: Stated, found: Mapping[str, list[Result]]) -> Iterator[Finding]:
    """Accuracies set against each other that were not measured on the same thing in the same way."""
    names = parse(one.check.says).names
    accuracies = [(name, rows[0]) for name, rows in found.items() if name in names and rows[0].unit == "%"]
    for (_, a), (_, b) in itertools.combinations(accuracies, 2):
        differing, unsaid = incomparable(a, b)
        if differing:
            message = (
                f"{a.printed} ({named(a)}) and {b.printed} ({named(b)}) cannot be compared: {'; '.join(differing)}"
            )
            yield one.finding("comparison", "warning", message, rows=(a, b))
        elif unsaid:
            message = f"{a.printed} and {b.printed} may not be comparable: {'; '.join(unsaid)}"
            yield one.finding("comparison", "note", message, rows=(a, b))


def incomparable(a: Result, b: Result) -> tuple[list[str], list[str]]:
    """The ways in which two accuracies were measured differently, and the columns that only one of them states."""
    differing, unsaid = [], []
    for name in COMPARED:
        one, other = getattr(a, name), getattr(b, name)
        words = name.replace("_", " ")
        if one != other and one and other:
            differing.append(f"{words} is {one} and {other}")
        elif one != other:
            unsaid.append(f"{words} is {one or other} for one and not stated for the other")
    return differing, unsaid


def needless_errata(library: Library) -> Iterator[Finding]:
    """An erratum about a claim that holds."""
    wrong = {(finding.paper, finding.claim) for finding in wrong_claims(library) if finding.claim and not finding.card}
    for paper in library.papers.values():
        claims: dict[str, Claim] = {claim.id: claim for claim in paper.claims}
        for place, erratum in enumerate(paper.errata):
            if erratum.claim and claims[erratum.claim].check and (paper.id, erratum.claim) not in wrong:
                message = f"the erratum is about the claim {erratum.claim!r}, but the claim holds as written"
                yield Finding("needless-erratum", "warning", paper.id, message, place=("errata", place))


STATEMENT_RULES = (
    Rule("claim", "a number in a claim that its table does not have", wrong_claims),
    Rule("needless-erratum", "an erratum about a claim that holds", needless_errata),
)
