"""How a check compares: results of any kind, without an exception for garbage, and with words for each typical mistake."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from labkit.course.exercises.format import Wrong


def judge(
    got: Any, want: Any, otherwise: str, *, mistakes: Mapping[str, Any] | None = None, share: float = 0.0
) -> None:
    """Nothing, where `got` is `want`. Else raises `Wrong` with a sentence for the learner.

    `mistakes` gives, for each sentence about a typical mistake, the result that this mistake has. Without a match, the
    sentence names another kind or shape of the result, or it is `otherwise`.
    """
    if same(got, want):
        return
    for why, result in (mistakes or {}).items():
        if same(got, result):
            raise Wrong(why, share)
    if want is not None and form(got) != form(want):
        raise Wrong(f"the result is {form(got)}; it should be {form(want)}", share)
    raise Wrong(otherwise, share)


def choose(got: Any, right: str, reasons: Mapping[str, str]) -> None:
    """Nothing, where the learner chose `right`. `reasons` says of each other choice why it is wrong."""
    chosen = got.strip().casefold() if isinstance(got, str) else got
    if isinstance(chosen, str) and chosen in reasons:
        raise Wrong(reasons[chosen])
    if chosen != right or not isinstance(chosen, str):
        raise Wrong(f"answer with one of {', '.join(map(repr, sorted([right, *reasons])))}")


def same(got: Any, want: Any, tolerance: float = 1e-6) -> bool:
    """Whether two results are equal, up to rounding. NaN equals NaN. Garbage equals nothing."""
    try:
        return _same(got, want, tolerance)
    except Exception:
        return False


def form(value: Any) -> str:
    """The kind and shape of a result, in words."""
    try:
        return _form(value)
    except Exception:
        return f"a {type(value).__name__}"


def _same(got: Any, want: Any, tolerance: float) -> bool:
    if isinstance(want, bool | np.bool_):
        return isinstance(got, bool | np.bool_) and bool(got == want)
    if want is None or isinstance(want, str):
        return isinstance(got, type(want)) and bool(got == want)
    if isinstance(want, pd.DataFrame | pd.Series):
        labels = all(list(a) == list(b) for a, b in zip(got.axes, want.axes, strict=True))
        return type(got) is type(want) and labels and _same(got.to_numpy(), want.to_numpy(), tolerance)
    if isinstance(want, Mapping):
        return list(map(str, got)) == list(map(str, want)) and all(_same(got[k], want[k], tolerance) for k in want)
    if isinstance(want, list | tuple):
        return len(got) == len(want) and all(_same(a, b, tolerance) for a, b in zip(got, want, strict=True))
    if form(got) != form(want):
        return False
    ours, theirs = _array(want), _array(got)
    if ours.dtype.kind not in "biufc":
        return bool((ours == theirs).all())
    return bool(np.allclose(theirs, ours, rtol=tolerance, atol=tolerance, equal_nan=True))


def _form(value: Any) -> str:
    if value is None or isinstance(value, bool | np.bool_):
        return "None" if value is None else "True or False"
    if isinstance(value, str):
        return "a text"
    if _is_tensor(value) or isinstance(value, np.ndarray | pd.DataFrame | pd.Series):
        if not value.shape:
            return "a number"
        kind = "a tensor" if _is_tensor(value) else "a table" if hasattr(value, "axes") else "an array"
        return f"{kind} of shape {tuple(value.shape)}"
    if isinstance(value, int | float | np.number):
        return "a number"
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of length {len(value)}"
    return f"a {type(value).__name__}"


def _is_tensor(value: Any) -> bool:
    return type(value).__module__.startswith("torch") and hasattr(value, "detach")


def _array(value: Any) -> np.ndarray:
    if _is_tensor(value):
        value = value.detach().cpu().numpy()
    return np.asarray(math.nan if value is None else value)
