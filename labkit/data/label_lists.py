"""The class lists of published datasets, one file each under `labels/`, in the order in which they were published.

UCF-101, HMDB-51, ActivityNet (release 1.3) and Kinetics-400. The lists of Kinetics-600, Kinetics-700 and
Something-Something come from their annotation files.
"""

from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from labkit.data.matching import normal_form


@cache
def labels(name: str) -> tuple[str, ...]:
    """The classes of `ucf101`, `hmdb51`, `activitynet` or `kinetics400`. Raises `FileNotFoundError` for other names."""
    text = (files("labkit.data") / "labels" / f"{name}.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())


def kinetics_version(found: Iterable[str]) -> str:
    """The version of Kinetics that a list of classes looks like, with the evidence: its length, and shared classes."""
    own = {normal_form(name) for name in found}
    shared = len(own & {normal_form(name) for name in labels("kinetics400")})
    if len(own) == shared:
        likely = "Kinetics-400" if shared == 400 else "a part of Kinetics-400"
    elif len(own) <= 400:
        likely = "a part of Kinetics-600 or Kinetics-700"
    else:
        likely = "Kinetics-600" if len(own) <= 600 else "Kinetics-700"
    return f"{len(own)} classes, {shared} of them among Kinetics-400's: this looks like {likely}"
