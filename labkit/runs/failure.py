"""The reason why a run stopped, in one sentence: the cell, its line and the exception."""

import json
import re
from pathlib import Path
from typing import Any

ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def cause(error: BaseException, notebook: Path, time_limit: float | None) -> dict[str, Any]:
    """Cell, line and exception of a failure, and a sentence with all three. `notebook` is the executed file."""
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    if isinstance(error, PapermillExecutionError):
        return failed_cell(error.exec_count, error.source, error.ename, error.evalue, error.traceback)
    if isinstance(error, CellTimeoutError):
        what = f"it took longer than its time limit of {time_limit:.0f} s"
    elif isinstance(error, DeadKernelError):
        what = "the kernel died (killed, or out of memory?)"
    elif isinstance(error, OSError) and error.strerror:
        what = f"{error.filename or notebook.parent}: {error.strerror}"  # on a full disk, the error of a write has no file name
    else:
        what = str(error) or type(error).__name__
    return stopped_cell(notebook, what)


def failed_cell(number: int | None, source: str, name: str, value: str, traceback: list[str]) -> dict[str, Any]:
    """Cell, line and exception of an error that a cell raised, and a sentence with all three."""
    line, cell = _failing_line(traceback, source), int(number or 0)
    what = f"{name}: {ANSI.sub('', value)}".strip().rstrip(":")
    message = f"failed in cell [{cell}] at `{line}`: {what}"
    return {"cell": cell, "line": line, "exception": what, "message": message}


def stopped_cell(notebook: Path, what: str) -> dict[str, Any]:
    """The same for an execution that was ended from outside, for the reason `what`: the last cell that started."""
    cell, line = _running_cell(notebook)
    message = f"stopped in cell [{cell}], which starts `{line}`: {what}" if cell else f"did not start: {what}"
    return {"cell": cell, "line": line, "exception": what, "message": message}


def _failing_line(traceback: list[str], source: str) -> str:
    """The line of the cell's source at which the traceback points."""
    text = ANSI.sub("", "\n".join(traceback))
    lines = source.splitlines()
    # IPython's tracebacks name the cell's line as "Cell In[3], line 2"; a syntax error's position reads the same.
    found = re.search(r"Cell In\s*\[\d+\], line (\d+)", text)
    number = int(found.group(1)) if found else 1
    return lines[number - 1].strip() if 0 < number <= len(lines) else (lines[0].strip() if lines else "")


def _running_cell(saved: Path) -> tuple[int, str]:
    """The number and the first line of the last code cell that started, read from the saved notebook."""
    if not saved.is_file():
        return 0, ""
    started = [
        cell
        for cell in json.loads(saved.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "code" and cell["metadata"].get("papermill", {}).get("start_time")
    ]
    if not started:
        return 0, ""
    lines = [line.strip() for line in "".join(started[-1]["source"]).splitlines() if line.strip()]
    code = [line for line in lines if not line.startswith("#")]
    return len(started), (code or lines or [""])[0]
