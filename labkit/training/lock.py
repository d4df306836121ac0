"""One training per folder: while `fit` keeps its files in a folder, a second training there is refused."""

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from labkit.locks import TRAINING as LOCK
from labkit.locks import alone


class FolderInUseError(RuntimeError):
    """Another training keeps its files in this folder; the message names its machine, its process and since when."""


@contextmanager
def one_training(folder: Path) -> Iterator[None]:
    """Inside, `folder` belongs to this training alone. The lock ends with the process, even with a killed one.

    Raises `FolderInUseError` where another training has the folder, in this process too. On a file system without locks,
    a warning says that nothing keeps a second training out.
    """
    path = folder / LOCK

    def refusal() -> FolderInUseError:
        return FolderInUseError(
            f"{folder} is in use: {_holder(path)}. Two trainings in one folder would mix their histories: "
            "wait for it, stop it, or choose another folder"
        )

    with alone(path, refuse=refusal, remove=True) as file:
        if file is not None:
            os.ftruncate(file, 0)
            os.write(file, json.dumps(_oneself()).encode("utf-8"))
        yield


def _oneself() -> dict[str, str | int]:
    since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    return {"host": platform.node(), "pid": os.getpid(), "since": since}


def _holder(path: Path) -> str:
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        return f"process {about['pid']} on {about['host']} has been training there since {about['since']}"
    except (OSError, ValueError, KeyError, TypeError):  # just taken, or just given back
        return "another process is training there"
