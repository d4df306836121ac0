"""One notebook, executed into a folder of its own: `run_notebook`.

papermill does the executing. Around it: parameters checked before anything starts, `run.json` written at the start
and at the end, a live log, a time limit, a watch for kernels that hang, and a folder that keeps what a failed or
interrupted run had.
"""

import hashlib
import json
import os
import platform
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from labkit.records import Run, write_atomically
from labkit.runs import provenance
from labkit.runs.failure import cause
from labkit.runs.meaning import check_meaning
from labkit.runs.notebook import check_parameters, find_notebook, read_cells, read_parameters
from labkit.runs.project import project_folder
from labkit.runs.watch import StallWatch

HOUR = 3600.0


class RunFailed(RuntimeError):
    """A notebook stopped at an error, at its time limit, or with a dead kernel; `.run` holds what it left."""

    def __init__(self, message: str, run: Run):
        super().__init__(message)
        self.run = run


class RunInterrupted(KeyboardInterrupt):
    """A run was stopped by Ctrl-C; `.run` holds what it left. It is a `KeyboardInterrupt`, so a script stops there."""

    def __init__(self, message: str, run: Run):
        super().__init__(message)
        self.run = run


@dataclass(frozen=True)
class Step:
    """Where an execution stands: about to run cell `cell` (1 is the first) of `cells`, under `heading`."""

    cell: int
    cells: int
    heading: str


def run_notebook(
    notebook: str | Path,
    parameters: Mapping[str, Any] | None = None,
    folder: str | Path | None = None,
    *,
    time_limit: float | None = HOUR,
    stall_limit: float | None = 600.0,
    threads: int | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> Run:
    """Execute a notebook and return its `Run`.

    `notebook` is a path, a file name or the start of one (`"05"`). `parameters` are checked first, against the
    notebook's own typed cell and, those that notebooks share, by what they mean (`meaning.CHECKS`); where it declares `out` and none is given, `out` becomes the run's folder. `folder` must not
    hold a run yet; by default it is `runs/<date>-<notebook>-<n>` of the project. `time_limit` is in seconds, for the
    whole notebook. A kernel whose processor time stands still for `stall_limit` seconds inside one cell is hung, and
    is ended. `threads` is how many the notebook computes with (default: OMP_NUM_THREADS, or what torch finds best); a
    seed's numbers depend on it. `on_step` is called before each cell.

    Raises `NotebookError` before anything starts, and `RunFailed`, which names the cell and the cause, when it stops.
    After Ctrl-C the folder says `interrupted`, the kernel is gone, and `RunInterrupted` is raised.
    """
    source = find_notebook(notebook)
    declared = read_parameters(source)
    given = check_parameters(declared, parameters or {}, source.name)
    check_meaning(given)
    place = _claim(folder, source)
    if "out" in declared and not given.get("out"):
        given["out"] = str(place)
    about = _about(source, {name: p.default for name, p in declared.items()}, given, place)
    about["threads"] = threads or _own_threads()
    _save(place, about)
    started = time.monotonic()

    def end(status: str, error: Mapping[str, Any] | None = None) -> Run:
        about.update(status=status, error=error, ended=_now(), seconds=round(time.monotonic() - started, 2))
        _save(place, about)
        _without_paths(place / source.name, place)
        return Run(place, about)

    try:
        _execute(source, place, given, time_limit, stall_limit, threads, on_step)
        return end("done")
    except BaseException as error:
        stopped = isinstance(error, KeyboardInterrupt)
        why = None if stopped else cause(error, place, time_limit)
        with suppress(OSError):  # of a full disk, say, which may be the very cause
            end("interrupted" if stopped else "failed", why)
        if stopped:
            said = f"{source.stem} was stopped; what it had is kept in {place}"
            raise RunInterrupted(said, Run(place, about)) from None
        if why is None or not isinstance(error, Exception):
            raise
        raise RunFailed(f"{source.stem} {why['message']}", Run(place, about)) from None


def _claim(folder: str | Path | None, source: Path) -> Path:
    """Make the run's folder; two runs at once never share one."""
    if folder is not None:
        place = Path(folder).resolve()
        place.mkdir(parents=True, exist_ok=True)
        try:
            (place / "run.json").touch(exist_ok=False)
        except FileExistsError:
            raise FileExistsError(f"{place} holds a run already: give another folder") from None
        return place
    runs = project_folder() / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    stem, number = f"{datetime.now():%Y-%m-%d}-{source.stem}", 1
    while True:
        try:
            (runs / f"{stem}-{number}").mkdir()
        except FileExistsError:
            number += 1
        else:
            return runs / f"{stem}-{number}"


def _about(source: Path, defaults: Mapping[str, Any], given: Mapping[str, Any], place: Path) -> dict[str, Any]:
    """What `run.json` says at the start. The folder itself is written as "." so that it can be moved."""
    import psutil

    shown = {name: "." if value == str(place) else value for name, value in given.items()}
    parameters = {**defaults, **shown}
    return {
        "notebook": source.name,
        "notebook_sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
        "status": "running",
        "parameters": parameters,
        "changed": {name: value for name, value in shown.items() if name != "out" and value != defaults[name]},
        "seed": parameters.get("seed"),
        "started": _now(),
        "ended": None,
        "seconds": None,
        "error": None,
        "versions": provenance.versions(),
        "hardware": provenance.hardware(),
        "code": provenance.code(source.parent),
        # Who is running it, to tell a run in progress from one whose process was killed.
        "process": {"host": platform.node(), "pid": os.getpid(), "since": psutil.Process().create_time()},
    }


def _own_threads() -> int | None:
    """What OMP_NUM_THREADS says; None where it says nothing, and torch chooses."""
    said = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return int(said) if said.isdigit() else None


def _execute(
    source: Path,
    place: Path,
    given: Mapping[str, Any],
    time_limit: float | None,
    stall_limit: float | None,
    threads: int | None,
    on_step: Callable[[Step], None] | None,
) -> None:
    """papermill, with a deadline for the whole notebook and the watch beside it."""
    import logging

    import papermill

    _save_whole(place)
    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # what goes wrong is raised, and said once by the caller
    deadline = time.monotonic() + time_limit if time_limit else None
    headings, cells = _headings(source)
    shift = 1 if given else 0  # papermill adds one cell for the parameters

    def before(cell: Any, cell_index: int) -> None:
        watch.moved()
        if on_step:
            on_step(Step(cell_index + 1, cells + shift, headings[max(0, min(cell_index - shift, cells - 1))]))

    def left(cell: Any) -> float | None:
        # Never 0: nbclient reads that as "no limit".
        return None if deadline is None else max(0.1, deadline - time.monotonic())

    with (place / "log.txt").open("a", encoding="utf-8") as log, StallWatch(stall_limit) as watch:
        try:
            papermill.execute_notebook(
                _as_template(source),
                _as_template(place / source.name),
                parameters=dict(given),
                progress_bar=False,
                stdout_file=log,
                stderr_file=log,
                start_timeout=120,
                timeout_func=left,
                iopub_timeout=60,
                extra_arguments=["--IPKernelApp.log_level=ERROR"],
                on_cell_start=before,
                kernel_manager_class=_logged_kernel(log, threads),
            )
        except Exception:
            if watch.hung:
                raise TimeoutError(f"the kernel hung: it did nothing for {stall_limit:.0f} s and was ended") from None
            raise


def _as_template(path: Path) -> str:
    """A path for papermill, which fills in `{parameter}` in paths."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _save_whole(place: Path) -> None:
    """Have papermill save what it executes in this folder by renaming.

    It saves after each cell, by itself over the file there is: a full disk or a kill would leave half a notebook.
    """
    from papermill.iorw import LocalHandler, papermill_io

    class WholeFiles(LocalHandler):
        def write(self, text: str, path: str) -> None:
            part = Path(f"{path}.part")
            try:
                part.write_text(text, encoding="utf-8")
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)

    papermill_io.register(str(place), WholeFiles())


def _logged_kernel(log: IO[str], threads: int | None) -> type:
    """A kernel manager whose kernel writes what is not a cell's output (crashes, a codec's messages) to the log.

    How many `threads` it computes with stands in its environment, where torch looks when it is loaded.
    """
    from jupyter_client import AsyncKernelManager

    class LoggedKernel(AsyncKernelManager):
        async def start_kernel(self, **settings: Any) -> None:  # type: ignore[override]
            env = {**(settings.get("env") or os.environ), **({"OMP_NUM_THREADS": str(threads)} if threads else {})}
            await super().start_kernel(**{**settings, "env": env, "stdout": log, "stderr": log})

    return LoggedKernel


def _headings(source: Path) -> tuple[list[str], int]:
    """The nearest heading above each cell, for the progress line, and the number of cells."""
    headings, current = [], ""
    for cell in read_cells(source):
        if cell["cell_type"] == "markdown":
            titles = re.findall(r"^#+ +(.+)$", cell["source"], flags=re.MULTILINE)
            current = titles[-1] if titles else current
        headings.append(current)
    return headings or [""], len(headings)


def _without_paths(notebook: Path, place: Path) -> None:
    """Take this machine's folders out of the executed notebook: it may be published. The run's folder becomes "."."""
    from papermill.translators import PythonTranslator

    if not notebook.is_file():
        return
    with suppress(json.JSONDecodeError, KeyError):  # a notebook that is damaged stays as it is
        content = json.loads(notebook.read_text(encoding="utf-8"))
        about = content["metadata"].get("papermill", {})
        for key in ("input_path", "output_path"):
            about[key] = notebook.name
        if about.get("parameters", {}).get("out") == str(place):
            about["parameters"]["out"] = "."
        written = f"out = {PythonTranslator.translate_str(str(place))}"
        for cell in content["cells"]:
            if "injected-parameters" in cell["metadata"].get("tags", []):
                cell["source"] = "".join(cell["source"]).replace(written, 'out = "."')
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        write_atomically(notebook, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def _save(place: Path, about: Mapping[str, Any]) -> None:
    text = json.dumps(about, indent=1, ensure_ascii=False) + "\n"
    write_atomically(place / "run.json", lambda temporary: temporary.write_text(text, encoding="utf-8"))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
