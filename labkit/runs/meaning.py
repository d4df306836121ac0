"""What parameters that notebooks share mean, looked at before a kernel starts: a device, a dataset, a file.

A notebook finds such a mistake too, but only in the cell that uses the value, perhaps after minutes of work.
"""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from labkit.runs.notebook import NotebookError


def check_meaning(given: Mapping[str, Any]) -> None:
    """Look at the given values of shared parameters; an empty text always stands for a default.

    Raises `NotebookError` for a device that is not here, a dataset or model that nobody knows (naming the nearest),
    and for a folder or file that does not exist.
    """
    for name, check in CHECKS.items():
        value = given.get(name)
        if isinstance(value, str) and value:
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


def _folder(value: str) -> None:
    if not Path(value).expanduser().is_dir():
        raise FileNotFoundError(f"there is no folder {value!r}")


def _file(value: str) -> None:
    if not Path(value).expanduser().is_file():
        raise FileNotFoundError(f"there is no file {value!r}")


CHECKS: dict[str, Callable[[str], None]] = {
    "device": _device,
    "data": _dataset,
    "model": _model,
    "root": _folder,
    "video": _file,
    "checkpoint": _file,
    "weights": _file,
}
