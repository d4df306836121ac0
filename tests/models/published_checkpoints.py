"""Names and shapes of the tensors in published checkpoints, read from `published/`: facts, without a single weight.

A line is a tensor and its shape (`module.fc.bias 400`, a scalar has none), or a batch norm and its channels
(`module.bn1 norm 64`), which stands for its five tensors. Lines that begin with # say what the file is of.
"""

from pathlib import Path

FOLDER = Path(__file__).parent / "published"
NORM = ("weight", "bias", "running_mean", "running_var")
COUNTER = "num_batches_tracked"


def names_and_shapes(checkpoint: str, prefix: str = "") -> dict[str, tuple[int, ...]]:
    """Name -> shape, in the order of the file, `prefix` cut off the names."""
    tensors: dict[str, tuple[int, ...]] = {}
    for line in (FOLDER / f"{checkpoint}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        name, *numbers = line.removeprefix(prefix).split(" ")
        if numbers[:1] == ["norm"]:
            tensors |= {f"{name}.{tensor}": (int(numbers[1]),) for tensor in NORM} | {f"{name}.{COUNTER}": ()}
        else:
            tensors[name] = tuple(map(int, numbers))
    return tensors
