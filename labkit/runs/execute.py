"""Execute one notebook into its own folder: `run_notebook`.

papermill executes the cells. This module adds checked parameters, `run.json` at the start and at the end, a live log,
a time limit, a watch for kernels that hang, and a folder that keeps the results of a failed or interrupted run.
"""

import hashlib
import json
import os
import platform
import re
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any

from labkit.atomic import create, write_atomically
from labkit.records import Run
from labkit.runs import provenance
from labkit.runs.failure import cause
from labkit.runs.kernel import Kernel, choose_kernel
from labkit.runs.meaning import check_meaning
from labkit.runs.notebook import (
    Parameter,
    check_parameters,
    computed_before,
    find_notebook,
    read_cells,
    read_content,
    read_parameters,
)
from labkit.runs.project import project_folder
from labkit.runs.watch import StallWatch

HOUR = 3600.0
# Files that an execution writes beside the notebook. A folder with one of them is not used for a new run.
LEFT = (
    "log.txt",
    "results.json",
    "accuracies.json",
    "history.jsonl",
    "predictions*.parquet",
    "*.safetensors",
    "training",
    "tensorboard",
)


class RunFailed(RuntimeError):
    """A notebook stopped at an error, at its time limit, or because its kernel died. `.run` is the unfinished run."""

    def __init__(self, message: str, run: Run):
        super().__init__(message)
        self.run = run


class RunInterrupted(KeyboardInterrupt):
    """Ctrl-C stopped a run. `.run` is the unfinished run. This is a `KeyboardInterrupt`, so a script stops too."""

    def __init__(self, message: str, run: Run):
        super().__init__(message)
        self.run = run


@dataclass(frozen=True)
class Step:
    """The progress of an execution: cell `cell` of `cells` comes next (1 is the first), under `heading`."""

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
    kernel: str | None = None,
    tensorboard: bool = False,
) -> Run:
    """Execute a notebook and return its `Run`.

    - `notebook`: a path, a file name or the start of its name (`"05"`).
    - `parameters`: checked first, against the types in the notebook's parameters cell. Parameters that notebooks share are
      also checked by their meaning (`meaning.CHECKS`). If the notebook declares `out` and none is given, `out` is the run's
      folder.
    - `folder`: must not hold a run, a notebook of this name, or a file that a run writes (`LEFT`). Default:
      `runs/<date>-<notebook>-<n>` in the project.
    - `time_limit`: seconds for the whole notebook. None: no limit.
    - `stall_limit`: a kernel that uses no processor time for so many seconds within one cell is ended.
    - `threads`: the number of threads to compute with. A seed gives other numbers with other threads. Default:
      OMP_NUM_THREADS, else torch's choice.
    - `on_step`: called before each cell.
    - `kernel`: the name of an installed kernel. Default: this interpreter, with a warning if the notebook was saved with
      another kernel.
    - `tensorboard`: every `fit` of the notebook writes a TensorBoard, unless it says `tensorboard=False`.

    Raises `NotebookError` before anything starts, and `RunFailed`, with the cell and the cause, if the notebook stops.
    After Ctrl-C the kernel is ended, the status is `interrupted`, and `RunInterrupted` is raised.
    """
    source = find_notebook(notebook)
    declared, given = _checked(source, parameters or {})
    chosen = choose_kernel(read_content(source).get("metadata", {}), source.name, kernel)
    switches = _board_switches() if tensorboard else []
    place = _place(folder, source)
    if "out" in declared and not given.get("out"):
        given["out"] = str(place)
    env = {**({"OMP_NUM_THREADS": str(threads)} if threads else {}), **dict.fromkeys(switches, str(place))}
    about = _about(source, {name: p.default for name, p in declared.items() if p.plain}, given, place)
    about.update(kernel=chosen.name, threads=threads or _own_threads())
    for said in filter(None, (chosen.said, computed_before(declared, given))):
        warnings.warn(said, stacklevel=2)
    _claim(place, about)
    work = partial(_execute, source, place, given, chosen, time_limit, stall_limit, env, on_step)
    return _kept(work, place / source.name, about, time_limit)


def _checked(source: Path, parameters: Mapping[str, Any]) -> tuple[dict[str, Parameter], dict[str, Any]]:
    """The parameters that a notebook declares, and the given values in their types. Raises `NotebookError`."""
    declared = read_parameters(source)
    given = check_parameters(declared, parameters, source.name)
    check_meaning(given)
    return declared, given


def _kept(work: Callable[[], None], notebook: Path, about: dict[str, Any], time_limit: float | None) -> Run:
    """Call `work`, which executes `notebook`, and save how it ended. Raises as `run_notebook` does."""
    place, name, started = notebook.parent, notebook.stem, time.monotonic()

    def end(status: str, error: Mapping[str, Any] | None = None) -> Run:
        about.update(status=status, error=error, ended=_now(), seconds=round(time.monotonic() - started, 2))
        _save(place, about)
        _without_paths(notebook, place)
        return Run(place, about)

    try:
        work()
        return end("done")
    except BaseException as error:
        stopped = isinstance(error, KeyboardInterrupt)
        why = None if stopped else cause(error, notebook, time_limit)
        with suppress(OSError):  # a full disk, for example, which may be the cause
            end("interrupted" if stopped else "failed", why)
        if stopped:
            said = f"{name} was stopped; its results so far are in {place}"
            raise RunInterrupted(said, Run(place, about)) from None
        if why is None or not isinstance(error, Exception):
            raise
        raise RunFailed(f"{name} {why['message']}", Run(place, about)) from None


def _place(folder: str | Path | None, source: Path) -> Path:
    """The run's folder: the given one, if nothing in it would be overwritten; without one, a new folder of the project."""
    if folder is not None:
        place = Path(folder).resolve()
        if place.is_file():
            raise FileExistsError(f"{place} is a file: give a folder")
        if (place / "run.json").exists():
            raise FileExistsError(_HOLDS.format(place, "a run"))
        there = [path.name for pattern in LEFT for path in place.glob(pattern)]
        if (place / source.name).exists():
            there.insert(0, source.name)
        if there:
            raise FileExistsError(_HOLDS.format(place, there[0]))
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


_HOLDS = "{} holds {} already: give another folder"


def _claim(place: Path, about: Mapping[str, Any]) -> None:
    """Write the first `run.json`. Of two runs that start at once in one folder, the second raises `FileExistsError`."""
    try:
        create(place / "run.json", lambda temporary: write_about(temporary, about))
    except FileExistsError:
        raise FileExistsError(_HOLDS.format(place, "a run")) from None


def _about(source: Path, defaults: Mapping[str, Any], given: Mapping[str, Any], place: Path) -> dict[str, Any]:
    """The contents of `run.json` at the start. The folder is written as ".", so that it can be moved."""
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
        **provenance.collect(source.parent),
        # The process, to tell a run in progress from a killed one.
        "process": {"host": platform.node(), "pid": os.getpid(), "since": psutil.Process().create_time()},
    }


def _board_switches() -> list[str]:
    """The variable that lets `fit` write a TensorBoard. Raises `ModuleNotFoundError` without the package for it."""
    from labkit.training import board

    board.check_package()
    return [board.SWITCH]


def _own_threads() -> int | None:
    """The number in OMP_NUM_THREADS; None if it is not set, and torch chooses."""
    said = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return int(said) if said.isdigit() else None


def _execute(
    source: Path,
    place: Path,
    given: Mapping[str, Any],
    kernel: Kernel,
    time_limit: float | None,
    stall_limit: float | None,
    env: Mapping[str, str],
    on_step: Callable[[Step], None] | None,
) -> None:
    """Run papermill with a deadline for the whole notebook and the watch for hung kernels."""
    import papermill

    _own_files(source, place)
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
                kernel_name=kernel.name,
                language="python",
                progress_bar=False,
                stdout_file=log,
                stderr_file=log,
                start_timeout=120,
                timeout_func=left,
                iopub_timeout=60,
                extra_arguments=["--IPKernelApp.log_level=ERROR"],
                on_cell_start=before,
                kernel_manager_class=_logged_kernel(log, kernel, env),
            )
        except Exception:
            if watch.hung:
                raise TimeoutError(f"the kernel hung: it did nothing for {stall_limit:.0f} s and was ended") from None
            raise


def _as_template(path: Path) -> str:
    """A path for papermill, which fills in `{parameter}` in paths."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _own_files(source: Path, place: Path) -> None:
    """Let papermill read a notebook with a byte-order mark, and save by renaming a temporary file.

    papermill saves after each cell. By itself it overwrites the file, so a full disk or a kill would leave half of it.
    """
    import logging

    from papermill.iorw import LocalHandler, papermill_io

    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # errors are raised, and the caller prints them once

    class WholeFiles(LocalHandler):
        def read(self, path: str) -> str:
            return Path(path).read_text(encoding="utf-8-sig")

        def write(self, text: str, path: str) -> None:
            write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))

    for path in (source, place):
        papermill_io.register(str(path), WholeFiles())


def _logged_kernel(log: IO[str], kernel: Kernel, more: Mapping[str, str]) -> type:
    """A manager of this kernel. Crashes, messages of codecs and the like go to the log.

    `more` is set in the kernel's environment, the number of threads for example, which torch reads when it is loaded.
    `LABKIT_RUN` says that nobody sits at this kernel, also where JupyterLab or VS Code started the run.
    """
    from jupyter_client import AsyncKernelManager

    class LoggedKernel(AsyncKernelManager):
        @property
        def kernel_spec(self) -> Any:
            return kernel.spec

        async def start_kernel(self, **settings: Any) -> None:  # type: ignore[override]
            env = {**(settings.get("env") or os.environ), "LABKIT_RUN": "1", **more}
            await super().start_kernel(**{**settings, "env": env, "stdout": log, "stderr": log})

        async def shutdown_kernel(self, *args: Any, **settings: Any) -> None:  # type: ignore[override]
            with suppress(OSError):  # a full disk must not keep the kernel alive
                log.flush()
            said = os.fstat(log.fileno()).st_size
            await super().shutdown_kernel(*args, **settings)
            log.truncate(said)  # an ending kernel's libraries complain now and then, of interrupts and closed sockets

    return LoggedKernel


def _headings(source: Path) -> tuple[list[str], int]:
    """The heading above each cell, for the progress line, and the number of cells."""
    headings, current = [], ""
    for cell in read_cells(source):
        if cell["cell_type"] == "markdown":
            titles = re.findall(r"^#+ +(.+)$", cell["source"], flags=re.MULTILINE)
            current = titles[-1] if titles else current
        headings.append(current)
    return headings or [""], len(headings)


def _without_paths(notebook: Path, place: Path) -> None:
    """Remove this machine's folders from the executed notebook, which may be published. The run's folder becomes "."."""
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
    write_atomically(place / "run.json", lambda temporary: write_about(temporary, about))


def write_about(path: Path, about: Mapping[str, Any]) -> None:
    """Write the contents of a `run.json`."""
    path.write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
