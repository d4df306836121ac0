"""How torch's threads wait for each other: briefly, then asleep.

Between two operations the threads of OpenMP spin, that is, they ask again and again whether there is work. On a machine
with nothing else to do that saves time. Where something else runs, a thread that spins takes the processor from the one it
waits for: a small training step was seen to take ninety times as long beside two busy programs. A short spin keeps a busy
machine usable, and costs a quiet one a few percent (`benchmarks/busy.py`; figures in `docs/measured.md`).

An OpenMP reads its environment once, when torch is loaded; so `import labkit` sets it, and must come before `import torch`.
What labkit starts (kernels, workers, JupyterLab) inherits it.
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
    """Set a short spin, unless the user chose something. Says which: `set`, `chosen`, or `too late`, since torch is loaded.

    Also where it is too late for this process, it is set for those that it starts.
    """
    if any(name in environment for name in CHOICES):
        # A process that labkit started: what it has, it inherited, and had when torch was loaded.
        return "set" if all(environment.get(name) == value for name, value in SPIN.items()) else "chosen"
    environment.update(SPIN)
    return "too late" if torch_is_loaded else "set"


STATE = wait_briefly(os.environ, torch_is_loaded="torch" in sys.modules)
