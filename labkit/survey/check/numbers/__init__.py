"""The proofreader of published numbers: rules that find wrong numbers, with the evidence.

```
proofread_paper(paper, rows)      # findings in one paper and its tables
proofread_library(library)        # findings in what several papers say together: Library(papers, results, cards)
```

Rules are data over `Paper` and `Result` and know no paper by name. What a paper's errata already say, or its
`corrected` rows already put right, is a note; what nobody has noticed yet is a warning or an error. `rows`, `grid`,
`depth`, `outliers` and `years` look at one paper, `one_value` and `claims` at all papers together.

How much they catch, measured on the committed tables with one random slip at a time (`tests/survey/check/test_mutations.py`
prints it by rule): of 200 wrong digits 135 were found, of 200 wrong labels 105. All that contradicted something printed
elsewhere by more than rounding were among them, 112 and 44; the others changed a number that stands alone, or left a
table as consistent as it was, which no rule can tell from the truth.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from labkit.survey.check.numbers.claims import STATEMENT_RULES, incomparable
from labkit.survey.check.numbers.depth import DEPTH_RULES
from labkit.survey.check.numbers.finding import Finding, Library, Rule, Severity, Shelved
from labkit.survey.check.numbers.grid import GRID_RULES
from labkit.survey.check.numbers.one_value import SAME_RULES
from labkit.survey.check.numbers.outliers import OUTLIER_RULES
from labkit.survey.check.numbers.rows import ROW_RULES, as_corrected, as_printed
from labkit.survey.check.numbers.years import CITED_YEAR_RULES, YEAR_RULES
from labkit.survey.publication.schema import Erratum, Paper, Result

TABLE_RULES: tuple[Rule, ...] = (*ROW_RULES, *DEPTH_RULES, *GRID_RULES, *OUTLIER_RULES)
PAPER_RULES: tuple[Rule, ...] = YEAR_RULES
LIBRARY_RULES: tuple[Rule, ...] = (*SAME_RULES, *CITED_YEAR_RULES, *STATEMENT_RULES)

__all__ = [
    "LIBRARY_RULES",
    "PAPER_RULES",
    "TABLE_RULES",
    "Finding",
    "Library",
    "Severity",
    "Shelved",
    "incomparable",
    "proofread_library",
    "proofread_paper",
]


def proofread_paper(paper: Paper, rows: Sequence[Result]) -> list[Finding]:
    """Findings in one paper's record and tables."""
    found = [finding for rule in PAPER_RULES for finding in rule.find(paper)]
    printed, corrected = (
        [finding for rule in TABLE_RULES for finding in rule.find(table)]
        for table in (as_printed(rows), as_corrected(rows))
    )
    remaining = {(finding.rule, finding.rows[0].model, finding.rows[0].source) for finding in corrected}
    for finding in printed:
        if (finding.rule, finding.rows[0].model, finding.rows[0].source) not in remaining:
            # The corrected rows put it right.
            found.append(replace(finding, severity="note", message=f"{finding.message} (corrected in the table)"))
    found += corrected
    found += _corrections_without_erratum(paper, rows)
    return [_known(finding, paper) for finding in found]


def proofread_library(library: Library) -> list[Finding]:
    """Findings that need several papers, and findings in claims with numbers."""
    found = [finding for rule in LIBRARY_RULES for finding in rule.find(library)]
    return [_known(one, library.papers[one.paper]) if one.paper in library.papers else one for one in found]


def _corrections_without_erratum(paper: Paper, rows: Sequence[Result]) -> Iterator[Finding]:
    """Corrected numbers without an erratum."""
    for row in rows:
        if row.status == "corrected" and not any(_tells(erratum, row) for erratum in paper.errata):
            message = f"{row.model or row.dataset}, {row.metric}: {row.printed} is marked as corrected, but no erratum explains it"
            yield Finding("no-erratum", "warning", paper.id, message, (row,))


def _known(finding: Finding, paper: Paper) -> Finding:
    """The finding as a note, where an erratum of the paper tells of it."""
    if finding.severity == "note" or finding.card:
        return finding
    for erratum in paper.errata:
        by_claim = bool(finding.claim) and erratum.claim == finding.claim
        own = [row for row in finding.rows if row.paper == paper.id]
        by_rows = bool(own) and not finding.claim and all(_tells(erratum, row) for row in own)
        if by_claim or by_rows:
            message = f"{finding.message} (known: {erratum.where})"
            return replace(finding, severity="note", message=message)
    return finding


def _tells(erratum: Erratum, row: Result) -> bool:
    """Whether an erratum names the row's number, its table and its model."""
    words = f"{erratum.where} {erratum.printed} {erratum.correct}"
    numbers = re.findall(r"(?<![\d.])\d+(?:\.\d+)?(?![\d.]*\d)", words)
    tables = {f"Table {n}" for group in re.findall(r"Tables? ([\d, and]+)", words) for n in re.findall(r"\d+", group)}
    return row.printed in numbers and row.source in tables and (row.model or row.dataset) in words
