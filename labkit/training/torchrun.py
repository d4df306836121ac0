"""`python -m labkit.training.torchrun OPTIONS script ...`: torchrun, which says in one line of JSON which processes failed.

`labkit.training.launch` starts it. It ends with the process that started it, and ends its own with it.
"""

import json
import os
import signal
import sys
import threading

from torch.distributed import run
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

from labkit.own_group import own_group


def main(arguments: list[str]) -> int:
    """Run it; the exit code. Prints `{"1": -9}` where process 1 was ended by signal 9."""
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    for one in own_group().heard:
        if one != signal.SIGINT:  # torchrun knows SIGINT alone, and passes it on
            signal.signal(one, lambda number, frame: signal.raise_signal(signal.SIGINT))
    try:
        run.run(run.parse_args(arguments))
    except ChildFailedError as error:
        print(json.dumps({rank: failure.exitcode for rank, failure in error.failures.items()}), flush=True)
        return 1
    except SignalException as error:
        return 128 + error.sigval
    return 0


def _end_with_the_parent() -> None:
    while os.read(0, 1):  # nothing comes; it ends when the parent does
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
