"""Runs checks in a process of their own, which can be killed: only that stops a learner's endless loop or huge product.

The process starts with the first check and stays for the next ones. It gets the learner's function from cloudpickle, with
the functions and values that it refers to: both processes are the learner's own. Its answer is JSON.
"""

import faulthandler
import importlib
import json
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import psutil

from labkit.course.exercises.format import Exercise, NotAttempted, Wrong

START_SECONDS = 120.0  # for the process to start and to load torch, on a busy machine
SECONDS = 5.0  # that a check may take; the right answers take milliseconds
MEMORY = 3 << 30  # bytes that a check may add

TOO_LONG = (
    "your answer did not end within {seconds:.0f} seconds and was stopped. Look for a loop that never ends, a sleep, or a "
    "very large number"
)
DIED = (
    "your answer ended the process that checks it, as exit() and os._exit() do, or it crashed. Return a value instead"
)
TOO_LARGE = "your answer took more than {gib:.0f} GiB of memory and was stopped. Look for a very large array"
NOT_STARTED = (
    "the process that checks your answer did not start. Run the cell again; if that does not help, restart the kernel"
)

Reply = dict[str, Any]  # state: right, wrong or empty; why; share


class Stopped(Exception):
    """The process was killed, or ended by itself, before it replied; the message is for the learner."""


class Child:
    """The process and the pipe to it. One check runs at a time."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")  # a forked child of a kernel, which has threads, can hang
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True, name="labkit checks")
        self._process.start()
        theirs.close()
        self.owner = os.getpid()

    def ask(self, module: str, answer: bytes, seconds: float) -> Reply:
        """The reply of the exercise in `module` about a pickled answer. Raises `Stopped` without one; then this child is dead."""
        why = NOT_STARTED
        try:
            self._pipe.send_bytes(json.dumps([module, seconds]).encode())
            self._pipe.send_bytes(answer)
            if not self._pipe.poll(START_SECONDS):
                raise Stopped(NOT_STARTED)
            self._pipe.recv_bytes()  # exercise and answer are loaded, with the modules that they import
            why = DIED
            return self._wait(seconds)
        except (EOFError, OSError, psutil.Error):
            self.kill()
            raise Stopped(why) from None
        except BaseException:  # Ctrl-C too: the check may still run
            self.kill()
            raise

    def alive(self) -> bool:
        """Whether it can take a check from this process; after a fork, the parent's child cannot."""
        return self.owner == os.getpid() and self._process.is_alive()

    def kill(self) -> None:
        """End the process, and those that the learner's code started."""
        kill_all(self._process)
        self._pipe.close()

    def _wait(self, seconds: float) -> Reply:
        process = psutil.Process(self._process.pid)
        most = process.memory_info().rss + MEMORY
        end = time.monotonic() + seconds
        while not self._pipe.poll(0.05):
            if time.monotonic() > end:
                raise Stopped(TOO_LONG.format(seconds=seconds))
            if process.memory_info().rss > most:
                raise Stopped(TOO_LARGE.format(gib=MEMORY / (1 << 30)))
        reply: Reply = json.loads(self._pipe.recv_bytes())
        if reply.pop("threads_left"):  # they would slow down the next check
            self.kill()
        return reply


def kill_all(process: BaseProcess) -> None:
    """End a process, and those that the learner's code started in it."""
    try:
        for one in psutil.Process(process.pid).children(recursive=True):
            one.kill()
    except psutil.Error:
        pass
    process.kill()
    process.join(5)


_child: Child | None = None
_lock = threading.Lock()


def ask(module: str, answer: bytes) -> Reply:
    """The verdict of the exercise in `module` on a pickled answer; starts the process if there is none.

    Raises `Stopped` where the answer had to be stopped; the next call starts another process.
    """
    global _child
    with _lock:
        if _child is None or not _child.alive():
            try:
                _child = Child()
            except OSError:
                raise Stopped(NOT_STARTED) from None
        return _child.ask(module, answer, SECONDS)


def _serve(pipe: Connection) -> None:
    """The process: checks answers until its parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # stopping a cell sends it to this process too
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):  # the learner's prints
        os.dup2(nowhere, stream)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    while True:
        try:
            module, seconds = json.loads(pipe.recv_bytes())
        except EOFError:
            return
        # Loads what a check imports too, before the time counts.
        exec(importlib.import_module(module).EXERCISE.setup, {})  # noqa: S102 (labkit's own code)
        exercise: Exercise = importlib.import_module(module).EXERCISE
        answer = _loaded(pipe.recv_bytes())
        pipe.send_bytes(b"loaded")
        # Where the parent was killed and a huge product holds the interpreter, only this thread, written in C, ends us.
        faulthandler.dump_traceback_later(seconds + 3, exit=True, file=nowhere)
        before = threading.active_count()
        reply = _checked(exercise, answer) | {"threads_left": threading.active_count() > before}
        faulthandler.cancel_dump_traceback_later()
        pipe.send_bytes(json.dumps(reply).encode())


class _Unloaded(Exception):
    """An answer that could be sent and not be read."""


def _loaded(packed: bytes) -> Any:
    import cloudpickle

    try:
        return cloudpickle.loads(packed)
    except Exception as error:
        return _Unloaded(_named(error))


def _checked(exercise: Exercise, answer: Any) -> Reply:
    function = _Function(exercise.defines, answer)
    _begin_afresh()
    try:
        if isinstance(answer, _Unloaded):
            raise Wrong(f"`{exercise.defines}` cannot be sent to the check ({answer})")
        exercise.check(function if exercise.is_function() else answer)
    except NotAttempted:
        return {"state": "empty", "why": "", "share": 0.0}
    except Wrong as wrong:
        return {"state": "wrong", "why": wrong.why, "share": wrong.share}
    except BaseException as error:  # what the answer returned broke the check
        what = f"the check cannot use what `{exercise.defines}` gives" if function.called else "the check itself failed"
        return {"state": "wrong", "why": f"{what} ({_named(error)})", "share": 0.0}
    return {"state": "right", "why": "", "share": 1.0}


class _Function:
    """The learner's function. What it raises becomes `Wrong`, with the line of the cell."""

    def __init__(self, name: str, function: Any) -> None:
        self._name, self._function, self.called = name, function, False

    def __call__(self, *args: Any, **named: Any) -> Any:
        self.called = True
        try:
            return self._function(*args, **named)
        except NotImplementedError:
            raise NotAttempted from None
        except BaseException as error:  # SystemExit too
            raise Wrong(f"`{self._name}` raises {_named(error)}{self._place(error)}") from None

    def _place(self, error: BaseException) -> str:
        code, trace, line = getattr(self._function, "__code__", None), error.__traceback__, 0
        while trace is not None:
            if code is not None and trace.tb_frame.f_code.co_filename == code.co_filename:
                line = trace.tb_lineno
            trace = trace.tb_next
        return f", in line {line} of its cell" if line else ""


def _named(error: BaseException) -> str:
    try:
        said = str(error)[:200]
    except Exception:
        said = ""
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _begin_afresh() -> None:
    """Every check draws the same numbers and has torch's usual settings, whatever the answer before it did."""
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    if "torch" in sys.modules:
        torch = sys.modules["torch"]
        torch.manual_seed(0)
        torch.set_num_threads(1)
        torch.set_default_dtype(torch.float32)
        torch.set_grad_enabled(True)


def _end_with_the_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
