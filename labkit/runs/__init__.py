"""Notebooks as experiments: run a notebook with checked parameters, keep its numbers, list all runs in a table.

A notebook calls `record(out, ...)` with the numbers it measured; `run_notebook` (or `labkit run`) executes it into a
folder with those numbers, the executed notebook and `run.json`; `runs_table` lists the folders; `finding` shows a result
over several seeds.
"""

from typing import TYPE_CHECKING

from labkit.lazy import lazily

if TYPE_CHECKING:
    from labkit.runs.accuracy import record_accuracy
    from labkit.runs.execute import RunFailed, run_notebook
    from labkit.runs.findings import finding
    from labkit.runs.results import record
    from labkit.runs.table import runs_table

__all__ = ["RunFailed", "finding", "record", "record_accuracy", "run_notebook", "runs_table"]

_HOMES = {
    "RunFailed": "execute",
    "finding": "findings",
    "record": "results",
    "record_accuracy": "accuracy",
    "run_notebook": "execute",
    "runs_table": "table",
}

# A notebook that only records numbers loads nothing else.
__getattr__, __dir__ = lazily(__name__, _HOMES)
