"""Ctrl-C in training: the update under way ends, a checkpoint is kept, and one line says how to go on."""

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labkit.own_group import own_group
from labkit.records import History

HEARD = own_group().heard  # Ctrl-C, and the signal by which `launch` stops its processes


class TrainingInterrupted(KeyboardInterrupt):
    """Training was stopped by Ctrl-C. `history` holds the epochs that were finished, `folder` the checkpoint.

    It is a `KeyboardInterrupt`, so a notebook or script stops there; Jupyter shows its one line and no traceback.
    """

    def __init__(self, message: str, history: History, folder: Path | None) -> None:
        super().__init__(message)
        self.history, self.folder = history, folder

    def _render_traceback_(self) -> list[str]:
        """The lines that IPython shows."""
        return [str(self)]


@contextmanager
def interrupts() -> Iterator[Callable[[], bool]]:
    """Inside, the first Ctrl-C only makes the given function return True; a second Ctrl-C interrupts at once.

    A stop in the middle of an update would leave half of the weights updated. Python takes signals in the main thread
    alone; in another thread nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    asked = False
    before = {one: signal.getsignal(one) for one in HEARD}

    def ask(number: int, frame: object) -> None:
        nonlocal asked
        asked = True
        listen(before)

    def listen(handlers: Mapping[int, Any]) -> None:
        for one, handler in handlers.items():
            signal.signal(one, handler)

    listen(dict.fromkeys(HEARD, ask))
    try:
        yield lambda: asked
    finally:
        listen(before)
