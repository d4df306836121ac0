"""How long each network of the zoo takes to build, with all its weights drawn and with none on the meta device.

Before that, how long a profile of the deepest one takes in a process that has done nothing yet but import it.

python benchmarks/build.py [PATTERN]
"""

import gc
import statistics
import sys
import time

import torch
from timing import conditions, show, verdict

from labkit.models import create_model, entry, list_models
from labkit.models.profile import profile

BUILD, PROFILE = 3.0, 2.0  # seconds that any entry, and the profile of ResNet-200, may take
ROUNDS = 3


def seconds(name: str, device: str) -> float:
    """The median over a few builds; what was built before is thrown away first."""
    took = []
    for _ in range(ROUNDS):
        gc.collect()
        began = time.perf_counter()
        with torch.device(device):
            create_model(name)
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def main() -> None:
    """Print the table; the exit code is 1 if a network takes longer than it may, or its profile."""
    names = list_models(sys.argv[1] if len(sys.argv) > 1 else "*")
    began = time.perf_counter()
    with torch.device("meta"):
        profile(create_model("resnet200"), entry("resnet200").shape)
    profiled = time.perf_counter() - began
    for name in names:  # imports its module
        seconds(name, "meta")
    rows = []
    for name in names:
        with torch.device("meta"):
            parameters = sum(p.numel() for p in create_model(name).parameters())
        rows.append((name, parameters / 1e6, seconds(name, "cpu"), seconds(name, "meta")))
    show(conditions(), ("network", "M parameters", "seconds", "on meta"), rows)
    slowest = max(rows, key=lambda row: row[2])
    quick = verdict(f"seconds of the slowest build, {slowest[0]}", slowest[2], BUILD, at_least=False)
    quick &= verdict("seconds to profile resnet200, first of all", profiled, PROFILE, at_least=False)
    sys.exit(not quick)


if __name__ == "__main__":
    main()
