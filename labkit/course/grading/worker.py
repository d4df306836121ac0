"""nbgrader in a process of its own: it can be ended when a student's notebook hangs, and a new one goes on.

The process grades one notebook after the other, since nbgrader takes seconds to load. It notes each cell before it runs, so
that the cell is known that a kernel died of. nbgrader calls `alembic` by name; it is found beside the interpreter.
"""

import importlib.util
import json
import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil

from labkit.course.exercises.child import kill_all

START_SECONDS = 180.0  # for nbgrader to load, on a busy machine
MISSING = 'grading needs nbgrader; install it with: pip install "labkit-video[grading]"'
AT = ".cell"  # the file with the number of the cell that runs

Reply = dict[str, Any]  # state: done, stopped or failed; why; cell; points


def need_nbgrader() -> None:
    """Raises `RuntimeError`, with the command that installs it, where nbgrader is not installed."""
    if importlib.util.find_spec("nbgrader") is None:
        raise RuntimeError(MISSING)


class Worker:
    """The process, and the pipe to it. `root` is nbgrader's folder of the course."""

    def __init__(self, root: Path, cell_limit: float) -> None:
        self._root, self._cell_limit = root, cell_limit
        self._process: Any = None

    def release(self, notebook: str) -> None:
        """Tell nbgrader of the notebook in `source/`. Raises `RuntimeError` if it does not take it."""
        reply = self._ask({"release": notebook}, START_SECONDS)
        if reply["state"] != "done":
            raise RuntimeError(f"nbgrader does not take {notebook}: {reply['why']}")

    def grade(self, notebook: str, student: str, limit: float) -> Reply:
        """The points of the notebook in `submitted/`, by cell, or why there are none. After `limit` seconds it is stopped."""
        (self._root / AT).unlink(missing_ok=True)
        reply = self._ask({"grade": notebook, "student": student}, limit)
        if reply["state"] != "done":
            noted = (self._root / AT).read_text() if (self._root / AT).is_file() else ""
            reply["cell"] = int(noted) if noted.isdigit() else None
        return reply

    def close(self) -> None:
        """End the process and all that it started."""
        if self._process is None:
            return
        kill_all(self._process)
        self._pipe.close()
        self._process = None

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _ask(self, job: dict[str, str], limit: float) -> Reply:
        try:
            if self._process is None or not self._process.is_alive():
                self._start()
            self._pipe.send_bytes(json.dumps(job).encode())
            if self._pipe.poll(limit):
                reply: Reply = json.loads(self._pipe.recv_bytes())
                return reply
            why = f"it took more than {limit:.0f} seconds"
        except (EOFError, OSError):
            why = f"the process that grades ended; {self._root / 'log.txt'} may say why"
        self.close()
        return {"state": "stopped", "why": why}

    def _start(self) -> None:
        self.close()
        context = multiprocessing.get_context("spawn")  # a kernel's threads do not survive a fork
        self._pipe, theirs = context.Pipe()
        target, arguments = _serve, (theirs, str(self._root), self._cell_limit)
        self._process = context.Process(target=target, args=arguments, daemon=True, name="labkit grades")
        self._process.start()
        theirs.close()
        if not self._pipe.poll(START_SECONDS):
            raise RuntimeError("nbgrader did not start; look at log.txt beside the marks")
        self._pipe.recv_bytes()


def _serve(pipe: Connection, root: str, cell_limit: float) -> None:
    """The process: grades until its parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process after Ctrl-C
    log = os.open(Path(root) / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    api = _nbgrader(root, cell_limit)
    pipe.send_bytes(b"ready")
    while True:
        try:
            job = json.loads(pipe.recv_bytes())
        except EOFError:
            return
        if "release" in job:
            done = api.generate_assignment(job["release"], force=True, create=True)
        else:
            done = api.autograde(job["grade"], job["student"], force=True, create=True)
        print(done.get("log", ""), done.get("error", ""), file=sys.stderr, flush=True)
        if not done["success"]:
            reply: Reply = {"state": "failed", "why": _last_line(done)}
        else:
            reply = {"state": "done", "points": _points(api, job) if "grade" in job else {}}
        pipe.send_bytes(json.dumps(reply).encode())


def _nbgrader(root: str, cell_limit: float) -> Any:
    """nbgrader's own interface, with a folder, without a look at the student's markers, and with the noting of cells."""
    from nbgrader.apps import NbGraderAPI
    from nbgrader.converters import Autograde, GenerateAssignment
    from nbgrader.preprocessors import ClearSolutions, Execute
    from traitlets.config import Config

    class Noted(Execute):
        """Notes the number of each cell before it runs. A cell that takes too long ends the notebook."""

        def preprocess_cell(self, cell: Any, resources: Any, index: int) -> Any:
            (Path(root) / AT).write_text(str(index))
            return super().preprocess_cell(cell, resources, index)

    config = Config()
    config.CourseDirectory.root = root
    config.Execute.timeout = config.Noted.timeout = int(cell_limit)
    config.Execute.interrupt_on_timeout = config.Noted.interrupt_on_timeout = False
    graders = Autograde.autograde_preprocessors.default_args[0]
    config.Autograde.autograde_preprocessors = [Noted if one is Execute else one for one in graders]
    # The release has stubs already: nbgrader would put its own in place of the whole cells.
    cleaners = GenerateAssignment.preprocessors.default_args[0]
    config.GenerateAssignment.preprocessors = [one for one in cleaners if one is not ClearSolutions]
    return NbGraderAPI(config=config)


def _points(api: Any, job: dict[str, str]) -> dict[str, tuple[float | None, float]]:
    """The points and the most points of each graded cell. None: a person must look at it."""
    with api.gradebook as book:
        found = book.find_submission_notebook(job["grade"], job["grade"], job["student"])
        return {
            one.name: (None if one.needs_manual_grade and one.auto_score is None else one.auto_score, one.max_score)
            for one in found.grades
        }


def _last_line(done: dict[str, Any]) -> str:
    lines = [line for line in str(done.get("error") or done.get("log") or "").splitlines() if line.strip()]
    return lines[-1].strip()[:300] if lines else "no reason given"


def _end_with_the_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        for one in psutil.Process().children(recursive=True):
            one.kill()
        os._exit(1)
