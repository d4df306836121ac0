"""The plan for inflating a network: all changes, before any is made."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from labkit.models.inflate.intime import InTime
from labkit.models.inflate.norm_act import Afterwards
from labkit.models.inflate.tracing import Trace


@dataclass
class Rewrite:
    """A `forward` that counts axes: its graph, and the calls to change, by node name."""

    trace: Trace
    rest: dict[str, tuple[Any, ...]] = field(default_factory=dict)  # -> the arguments after the first
    calls: dict[str, Callable[..., Any]] = field(default_factory=dict)  # -> the function in its place
    lifted: dict[str, dict[Any, int]] = field(default_factory=dict)  # -> argument -> its new axis, for time
    layers: dict[str, tuple[nn.Module, InTime]] = field(default_factory=dict)  # -> the 2D layer to inflate
    counts: bool = False  # whether it counts axes in another way: it unpacks a shape, say

    @property
    def changes(self) -> tuple[Any, ...]:
        """All differences in 3D."""
        return (self.rest, self.calls, self.lifted, self.layers, self.counts or self.trace.asked)


@dataclass
class Step:
    """One layer, function or weight that changes, as it was met."""

    name: str
    before: Any  # the 2D layer; for functions and weights, text
    time: InTime | None = None
    after: str = ""  # for functions and weights


@dataclass
class Plan:
    """The change of every part."""

    steps: dict[str, Step] = field(default_factory=dict)  # by name, in the order of the computation
    times: dict[str, InTime] = field(default_factory=dict)  # layer -> its kernel and stride in time
    axes: dict[str, int] = field(default_factory=dict)  # layer -> the axis that it reads, where it names one
    norms: dict[str, Afterwards] = field(default_factory=dict)  # batch norm -> its steps after the norm
    rewrites: dict[str, Rewrite] = field(default_factory=dict)  # module -> its new forward
    weights: dict[str, tuple[int, ...]] = field(default_factory=dict)  # weight -> its shape in 3D
