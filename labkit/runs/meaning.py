"""Check parameters that several notebooks share before a kernel starts: devices, datasets, files, sizes.

The notebook would find such a mistake too, but only in the cell that uses the value, perhaps after minutes.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

from labkit.names import did_you_mean, meant_or_all
from labkit.runs.notebook import NotebookError


def check_meaning(given: Mapping[str, Any]) -> None:
    """Check the given values of shared parameters. An empty text stands for the default, and is not checked.

    Raises `NotebookError` for a missing device, an unknown dataset or model (with the nearest name), a missing folder or
    file, and a number that is too small.
    """
    checks = CHECKS | ({"root": _shards} if given.get("data") == "shards" else {})
    for name, check in checks.items():
        value = given.get(name)
        wanted = (int, float) if name in NUMBERS else str
        if isinstance(value, wanted) and value != "":
            try:
                check(value)
            except (ValueError, RuntimeError, OSError) as error:
                raise NotebookError(f"{name}: {error}") from None


def _device(value: str) -> None:
    if value not in ("auto", "cpu"):  # always there; for the others torch is asked, which takes seconds to load
        from labkit.training.device import pick_device

        pick_device(value)


def _dataset(value: str) -> None:
    from labkit.data.dataset_kinds import KINDS

    if value not in KINDS:
        raise ValueError(f"there is no dataset {value!r}{meant_or_all(value, KINDS)}")


def _model(value: str) -> None:
    from labkit.models.zoo import entry

    entry(value)


def _protocol(value: str) -> None:
    from labkit.training.protocols import find_protocol

    find_protocol(value)


def _pretrained(value: str) -> None:
    # "shapes" is the network that learns here. The other names are torchvision's, which takes seconds to load.
    if value != "shapes":
        from labkit.models.pretrained import pretrained_names

        names = pretrained_names()
        if value not in names:
            hint = did_you_mean(value, [*names, "shapes"])
            raise ValueError(f"there is no 2D network {value!r}{hint} Examples are resnet18_2d and shapes")


def _root(value: str) -> None:
    from labkit.data.dataset_kinds import refuse_url

    refuse_url(value)
    if not Path(value).expanduser().exists():  # a folder, or the file of `data=csv`
        raise FileNotFoundError(f"there is no folder {value!r}")


def _shards(value: str) -> None:
    from labkit.data.pieces import file_system, local_path

    path = local_path(value)
    if path is None:
        file_system(value)
    elif not path.expanduser().is_dir():
        raise FileNotFoundError(f"there is no folder {value!r}")


def _file(value: str) -> None:
    if not Path(value).expanduser().is_file():
        raise FileNotFoundError(f"there is no file {value!r}")


def _validation(value: str) -> None:
    from labkit.data.splits import Validation

    if value not in get_args(Validation):
        raise ValueError(f"there is no way to validate {value!r}{meant_or_all(value, get_args(Validation))}")


def _precision(value: str) -> None:
    choices = ("auto", "fp32", "bf16")  # as in training.device, which loads torch
    if value not in choices:
        raise ValueError(f"there is no precision {value!r}{meant_or_all(value, choices)}")


def _shares(value: str) -> None:
    for part in value.split(","):
        try:
            share = float(part)
        except ValueError:
            raise ValueError(f"{part.strip()!r} is not a number; write shares like '0.1, 0.5, 1'") from None
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
    "root": _root,
    "video": _file,
    "checkpoint": _file,
    "weights": _file,
}
