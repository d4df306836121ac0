"""One row of the zoo: a network's name, its builder, its clips, and its paper.

Plain data, without torch: the module that builds the network is imported when it is built.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from labkit.clip import ClipSpec
from labkit.models.releases import Release
from labkit.names import meant_or_all

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class ModelEntry:
    """One network of the zoo."""

    name: str
    builder: str  # "module:function" within labkit.models
    architecture: Mapping[str, Any]  # arguments that make this network what it is: they cannot be overridden
    defaults: Mapping[str, Any] = field(default_factory=dict)  # arguments that can
    clip: ClipSpec = field(default_factory=ClipSpec)
    flow: ClipSpec | None = None  # the flow that a two-stream network reads beside the clip
    paper: str = "hara-2018-retrace"  # a folder of summaries/
    table: str = "Table 1"  # where in that paper
    note: str = ""
    renames: tuple[tuple[str, str], ...] = ()  # (regular expression, replacement): names in published files -> ours
    releases: tuple[Release, ...] = ()  # published weights that need other pixels than `clip` says
    published: Mapping[str, Any] = field(default_factory=dict)  # arguments for `survey.cite`, which finds its accuracy

    @property
    def source(self) -> str:
        """Paper and table in one string."""
        return f"{self.paper}, {self.table}"

    @property
    def shape(self) -> tuple[Any, ...]:
        """One example without the batch: `(C, T, H, W)`, in 2D `(C, H, W)`, for two streams a pair of `(C, T, H, W)`."""
        if self.flow is not None:
            return (self.clip.shape, self.flow.shape)
        if self.architecture.get("dims") == 2:
            return (self.clip.channels, self.clip.size, self.clip.size)
        return self.clip.shape

    def specs(self, stack: int | None = None) -> tuple[ClipSpec, ClipSpec | None]:
        """How it wants its clips and its flow; with another stack, that many fields lie along each frame."""
        if stack is None or self.flow is None:
            return self.clip, self.flow
        from labkit.models.network import at_least_one  # loads torch, which the table does without

        at_least_one(stack=stack)
        flow = self.flow.but(frames=self.flow.frames // self.defaults["stack"] * stack)
        return self.clip.but(stride=self.clip.stride if self.clip.frames == 1 else stack * flow.stride), flow

    @property
    def function(self) -> Callable[..., "nn.Module"]:
        """The function that builds it; imports torch."""
        module, name = self.builder.split(":")
        return getattr(import_module(f"labkit.models.{module}"), name)

    @property
    def overrides(self) -> tuple[str, ...]:
        """The arguments that `create_model` takes for this network, beside `num_classes`."""
        known = inspect.signature(self.function).parameters
        return tuple(name for name in known if name not in self.architecture and name != "num_classes")

    def build(self, num_classes: int = 400, **overrides: Any) -> "nn.Module":
        """The network, freshly initialised. Raises `TypeError` for an unknown override, `ValueError` for a bad value."""
        self._check(overrides)
        chosen = overrides.pop("clip", None)
        usual, flow = self.specs(overrides.get("stack"))
        clip = chosen or usual
        channels = overrides.get("in_channels", clip.channels)
        if channels != clip.channels:  # flow, say: there is no published mean for it
            clip = clip.but(mean=(0.0,) * channels, std=(1.0,) * channels)
        settings = {**self.architecture, **self.defaults, "in_channels": channels, **overrides}
        if "flow" in self.overrides:  # a network of two streams
            settings["flow"] = overrides.get("flow") or flow
        network = self.function(num_classes=num_classes, clip=clip, **settings)
        about = {
            "renames": self.renames or getattr(network, "renames", ()),
            "releases": self.releases,
            "default_clip": clip if chosen is None else None,
        }
        for name, value in about.items():  # read by load_weights
            setattr(network, name, value)
        # Read by save_weights. The specs are kept as the network's own `clip` and `flow`.
        network.made = {"model": self.name, "overrides": {k: v for k, v in overrides.items() if k != "flow"}}  # type: ignore[assignment]
        return network

    def _check(self, overrides: Mapping[str, Any]) -> None:
        """Raises `TypeError` for an unknown override, `ValueError` for a bad value."""
        from labkit.models.network import at_least_one  # loads torch, which the table does without

        for name in overrides:
            if name in self.architecture:
                raise TypeError(
                    f"{self.name} is what it is by its {name}={self.architecture[name]!r}; choose another model"
                )
            if name not in self.overrides:
                raise TypeError(f"{self.name} takes no {name!r}{meant_or_all(name, self.overrides)}")
        for name in ("clip", "flow"):
            if not isinstance(overrides.get(name), ClipSpec | None):
                raise ValueError(f"{name} must be a ClipSpec, not {overrides[name]!r}")
        dropout = overrides.get("dropout", 0.0)
        if not isinstance(dropout, int | float) or not 0 <= dropout <= 1:
            raise ValueError(f"dropout must be a share from 0 to 1, not {dropout!r}")
        at_least_one(in_channels=overrides.get("in_channels", 1))
