"""What parameters that notebooks share mean, looked at before a kernel starts: a device, a dataset, a file, a size.

A notebook finds such a mistake too, but only in the cell that uses the value, perhaps after minutes of work.
"""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from labkit.runs.notebook import NotebookError


def check_meaning(given: Mapping[str, Any]) -> None:
    """Look at the given values of shared parameters; an empty text always stands for a default.

    Raises `NotebookError` for a device that is not here, a dataset or model that nobody knows (naming the nearest),
    for a folder or file that does not exist, and for a number of nothing.
    """
    for name, check in CHECKS.items():
        value = given.get(name)
        wanted = (int, float) if name in NUMBERS else str
        if isinstance(value, wanted) and value != "":
            try:
                check(value)
            except (ValueError, RuntimeError, OSError) as error:
                raise NotebookError(f"{name}: {error}") from None


def _device(value: str) -> None:
    if value not in ("auto", "cpu"):  # always there; the rest is torch's to say, which takes seconds to load
        from labkit.training.device import pick_device

        pick_device(value)


def _dataset(value: str) -> None:
    from labkit.data.datasets import KINDS

    if value not in KINDS:
        near = get_close_matches(value, KINDS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(KINDS)}"
        raise ValueError(f"there is no dataset {value!r}; {hint}")


def _model(value: str) -> None:
    from labkit.models.zoo import entry

    entry(value)


def _protocol(value: str) -> None:
    from labkit.training.protocols import find_protocol

    find_protocol(value)


def _pretrained(value: str) -> None:
    if (
        value != "shapes"
    ):  # the network that learns here; the others' names are torchvision's, which takes seconds to load
        from labkit.models.pretrained import pretrained_names

        names = pretrained_names()
        if value not in names:
            near = get_close_matches(value, [*names, "shapes"], n=1)
            hint = f"did you mean {near[0]!r}?" if near else "for example resnet18_2d or shapes"
            raise ValueError(f"there is no 2D network {value!r}; {hint}")


def _folder(value: str) -> None:
    if not Path(value).expanduser().is_dir():
        raise FileNotFoundError(f"there is no folder {value!r}")


def _file(value: str) -> None:
    if not Path(value).expanduser().is_file():
        raise FileNotFoundError(f"there is no file {value!r}")


def _validation(value: str) -> None:
    from labkit.data.splits import Validation

    if value not in get_args(Validation):
        raise ValueError(f"there is no way to validate {value!r}; choose from {', '.join(get_args(Validation))}")


def _precision(value: str) -> None:
    choices = ("auto", "fp32", "bf16")  # as in training.device, which loads torch
    if value not in choices:
        raise ValueError(f"there is no precision {value!r}; choose from {', '.join(choices)}")


def _shares(value: str) -> None:
    for part in value.split(","):
        try:
            share = float(part)
        except ValueError:
            raise ValueError(f"{part.strip()!r} is no number; write shares like '0.1, 0.5, 1'") from None
        if not 0 < share <= 1:
            raise ValueError(f"a share lies above 0 and is at most 1, not {share}")


def _depths(value: str) -> None:
    from labkit.models.zoo import entry

    for part in value.split(","):
        if not part.strip().isdecimal():
            raise ValueError(f"{part.strip()!r} is no whole number; write depths like '18, 34'")
        entry(f"resnet{int(part)}")


def _at_least(least: int) -> Callable[[float], None]:
    def check(value: float) -> None:
        if not value >= least:
            raise ValueError(f"must be at least {least}, not {value}")

    return check


def _above_zero(value: float) -> None:
    if not value > 0:
        raise ValueError(f"must be above 0, not {value}")


COUNTED = ("frames", "size", "stride", "width", "classes", "batch_size", "per_class", "repeats", "largest_epochs")
ZERO_IS_NONE = ("epochs", "frame_epochs", "limit", "clips", "workers")  # where 0 has a meaning
NUMBERS: dict[str, Callable[[float], None]] = {
    **dict.fromkeys(COUNTED, _at_least(1)),
    **dict.fromkeys(ZERO_IS_NONE, _at_least(0)),
    "lr": _above_zero,
}
CHECKS: dict[str, Callable[[Any], None]] = {
    **NUMBERS,
    "precision": _precision,
    "shares": _shares,
    "depths": _depths,
    "device": _device,
    "data": _dataset,
    "validation": _validation,
    "model": _model,
    "protocol": _protocol,
    "pretrained": _pretrained,
    "root": _folder,
    "video": _file,
    "checkpoint": _file,
    "weights": _file,
}
