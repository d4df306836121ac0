"""A watch that ends hung kernels. Without it, a run would wait until its time limit."""

import _thread
import signal
import sys
import threading
import time
from typing import Any


class StallWatch:
    """Ends the kernels of this process that use no processor time for `limit` seconds within one cell."""

    def __init__(self, limit: float | None):
        self.limit = limit
        self.hung = False
        self._stop = threading.Event()
        self._before = {process.pid for process in _kernels()}
        self._used, self._since = -1.0, time.monotonic()

    def __enter__(self) -> "StallWatch":
        if self.limit:
            threading.Thread(target=self._look, name="stall-watch", daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()

    def moved(self) -> None:
        """Start counting anew: a new cell begins."""
        self._since = time.monotonic()

    def _look(self) -> None:
        assert self.limit is not None
        while not self._stop.wait(min(5.0, self.limit / 4)):
            kernels = [process for process in _kernels() if process.pid not in self._before]
            used = sum(map(_processor_time, kernels))
            # An idle kernel's own housekeeping costs a few milliseconds a second.
            if not kernels or used - self._used > 0.01 * self.limit:
                self._used, self._since = used, time.monotonic()
            elif time.monotonic() - self._since > self.limit:
                self.hung = True
                for process in kernels:
                    _kill(process)
                return


def end_with_stdin() -> None:
    """Stop this process, as by Ctrl-C, when its standard input ends: the process that started it is gone then."""
    # A process that is started in the background, or by one that is deaf to Ctrl-C, would be deaf to this too.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def wait() -> None:
        while sys.stdin.buffer.read(1024):
            pass
        _thread.interrupt_main()

    threading.Thread(target=wait, name="end-with-stdin", daemon=True).start()


def _kernels() -> list[Any]:
    """The notebook kernels that this process started."""
    import psutil

    found = []
    for process in psutil.Process().children():
        try:
            if any("ipykernel" in part for part in process.cmdline()):
                found.append(process)
        except psutil.Error:  # it ended between the listing and the look
            continue
    return found


def _processor_time(process: Any) -> float:
    """Seconds of processor time of a process and its children, such as data loading workers."""
    import psutil

    total = 0.0
    try:
        for one in (process, *process.children(recursive=True)):
            times = one.cpu_times()
            total += times.user + times.system
    except psutil.Error:
        pass
    return total


def _kill(process: Any) -> None:
    import psutil

    for one in (*process.children(recursive=True), process):
        try:
            one.kill()
        except psutil.Error:
            continue
