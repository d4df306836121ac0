"""The networks by name: one table, and the functions that read it.

Each entry names the network's clips and its paper. The table is plain data and loads no torch; a network is imported
when it is built.
"""

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from labkit.models.model_entry import ModelEntry
from labkit.models.zoo.baselines import BASELINES
from labkit.models.zoo.quo_vadis import QUO_VADIS
from labkit.models.zoo.residual import RESIDUAL
from labkit.names import meant_or_all

if TYPE_CHECKING:
    from torch import nn

_ENTRIES = {each.name: each for each in (*RESIDUAL, *BASELINES, *QUO_VADIS)}


def list_models(pattern: str = "*") -> list[str]:
    """Names in the zoo that match a shell pattern, in the table's order: `list_models("resnet*")`."""
    return [name for name in _ENTRIES if fnmatchcase(name, pattern)]


def entry(name: str) -> ModelEntry:
    """One row of the zoo. Raises `ValueError`, with the nearest name, for an unknown name."""
    if name not in _ENTRIES:
        raise ValueError(f"unknown model {name!r}{meant_or_all(name, _ENTRIES)}")
    return _ENTRIES[name]


def create_model(name: str, num_classes: int = 400, **overrides: Any) -> "nn.Module":
    """Build a network of the zoo, freshly initialised.

    `overrides` change the settings that the entry leaves open: `width` (64; 16 is laptop-sized), `shortcut`, `dropout`,
    `in_channels`, `clip` (a `ClipSpec`, kept as the network's `.clip`). Works under `torch.device("meta")`.
    Raises `ValueError` for an unknown name or value and `TypeError` for an unknown override, naming the nearest.
    """
    return entry(name).build(num_classes, **overrides)
