"""One call in a traced `forward`: its rule and its result.

A call that reads weights, settings and numbers alone needs no rule: its result is the same in 3D, and only its shape is
worked out.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, fx

from labkit.models.inflate.functions import FUNCTIONS, NUMBERS
from labkit.models.inflate.signal import FOLLOWED, Constant, Number, Outcome
from labkit.models.inflate.tracing import Refused

# Functions of these modules are known by their names; a function of the same name from elsewhere may do anything.
_KNOWN = ("torch", "_operator", "builtins", "math")


def outcome(node: fx.Node, name: str, where: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Outcome:
    """The result of a call for these arguments. Raises `Refused` if no rule covers the call; `where` is its name."""
    every = flat((args, kwargs))
    constant, followed = (any(isinstance(each, kind) for each in every) for kind in (Constant, FOLLOWED))
    try:
        if not _is_known(node):
            raise Refused(f"no rule to inflate {where}")
        if not followed:
            return Outcome(_computed(node, args, kwargs))
        if name in ("view", "reshape") and constant:
            return Outcome(_computed(node, _sizes_known(args), kwargs))
        table = NUMBERS if name in NUMBERS and not constant and _of_numbers(every) else FUNCTIONS
        if name not in table:
            raise Refused(f"no rule to inflate {where}")
        return table[name](*args, **kwargs)
    except Refused:
        raise
    except ValueError as error:
        raise Refused(f"cannot inflate {where}: {error}") from error
    except Exception as error:  # the rule's own error would help nobody
        raise Refused(f"cannot inflate {where}: there is no rule for calling it in this way") from error


def flat(values: Any) -> list[Any]:
    """All values in nested containers."""
    if isinstance(values, Mapping):
        values = tuple(values.values())
    return [each for value in values for each in flat(value)] if isinstance(values, tuple | list) else [values]


def _is_known(node: fx.Node) -> bool:
    module = getattr(node.target, "__module__", None) or "torch"
    return isinstance(node.target, str) or module.split(".")[0] in _KNOWN or module.startswith("torchvision.ops.")


def _of_numbers(values: list[Any]) -> bool:
    return all(isinstance(each, Number | int) for each in values)


def _sizes_known(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments of a view of a constant, the one size that is the batch's or the channels' left to be worked out."""
    sizes = args[1] if len(args) == 2 and isinstance(args[1], tuple | list) else args[1:]
    if sum(isinstance(each, Number) for each in sizes) > 1:
        raise ValueError("it gives a tensor two sizes that are not known")
    return (args[0], tuple(-1 if isinstance(each, Number) else each for each in sizes))


def _computed(node: fx.Node, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """A call on tensors that do not depend on the input. Only the shape is worked out."""
    args, kwargs = (_mapped(each, lambda constant: constant.like, Constant) for each in (args, dict(kwargs)))
    given = (getattr(args[0], node.target), args[1:]) if isinstance(node.target, str) else (node.target, args)
    return _mapped(given[0](*given[1], **kwargs), Constant, Tensor)


def _mapped(values: Any, change: Any, kind: type) -> Any:
    if isinstance(values, kind):
        return change(values)
    if isinstance(values, dict):
        return {key: _mapped(value, change, kind) for key, value in values.items()}
    if isinstance(values, tuple | list) and not isinstance(values, torch.Size):
        return type(values)(_mapped(value, change, kind) for value in values)
    return values
