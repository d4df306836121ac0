"""The way torch's threads wait for each other: they spin briefly, then sleep.

Between two operations the threads of OpenMP spin: they ask again and again whether there is work. On a quiet machine
that saves time. Beside other programs a spinning thread takes the processor from the thread it waits for: a small
training step took ninety times as long beside two busy programs. A short spin keeps a busy machine usable, and costs a
quiet one a few percent (`benchmarks/busy.py`; figures in `docs/measured.md`).

An OpenMP reads its environment once, when torch is loaded; so `import labkit` sets it, and must come before `import torch`.
Processes that labkit starts (kernels, workers, JupyterLab) inherit it.
"""

import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import Literal

SPIN: Mapping[str, str] = {
    "GOMP_SPINCOUNT": "3000",  # turns: libgomp, which torch has on Linux; its own default is 300,000
    "KMP_BLOCKTIME": "1",  # milliseconds: libomp on macOS (and with conda on Linux), Intel's on Windows; default 200
}
CHOICES = (*SPIN, "OMP_WAIT_POLICY", "KMP_LIBRARY")  # by any of them a user may have chosen

State = Literal["set", "chosen", "too late"]


def wait_briefly(environment: MutableMapping[str, str], *, torch_is_loaded: bool) -> State:
    """Set a short spin, unless the user chose one. Returns `set`, `chosen`, or `too late` if torch is loaded already.

    If it is too late for this process, it is still set for the processes that it starts.
    """
    if any(name in environment for name in CHOICES):
        # A process that labkit started: it inherited the setting and had it when torch was loaded.
        return "set" if all(environment.get(name) == value for name, value in SPIN.items()) else "chosen"
    environment.update(SPIN)
    return "too late" if torch_is_loaded else "set"


STATE = wait_briefly(os.environ, torch_is_loaded="torch" in sys.modules)
