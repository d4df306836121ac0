"""What every network of the zoo has in common: named endpoints, the clip it wants, and the name of its classifier."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, TypeVar

from torch import Tensor, nn

from labkit.clip import ClipSpec


class Network(nn.Module):
    """A network that can be walked endpoint by endpoint.

    A family writes `walk`, which yields `(name, tensor)` in the order of the computation and ends with `"logits"`,
    and `endpoints`, the names that it yields. `forward` and `forward_features` follow from it.

    A video network reads `(B, C, T, H, W)`, a 2D one `(B, C, H, W)`, a two-stream one a pair `(rgb, flow)` of
    `(B, 3, T, H, W)` and `(B, 2, T', H, W)`.
    """

    head: ClassVar[str | tuple[str, ...]] = "fc"  # beginnings of the classifier's tensor names, up to a dot
    clip: ClipSpec  # how it wants its clips
    flow: ClipSpec | None = None  # how it wants its flow, where it reads that too
    # Names in published files -> ours, as (regular expression, replacement); set by the zoo, read by `load_weights`.
    renames: tuple[tuple[str, str], ...] = ()

    @property
    @abstractmethod
    def endpoints(self) -> tuple[str, ...]:
        """The names that `forward_features` answers to, in the order of the computation."""

    @abstractmethod
    def walk(self, x: Any) -> Iterator[tuple[str, Tensor]]:
        """The computation, endpoint by endpoint: `(name, tensor)`."""

    def forward_features(self, x: Any, endpoint: str = "features") -> Tensor:
        """The tensor at one of `.endpoints`; nothing after it is computed. Raises `ValueError` for another name."""
        if endpoint not in self.endpoints:
            raise ValueError(f"unknown endpoint {endpoint!r}: choose from {', '.join(self.endpoints)}")
        return next(out for name, out in self.walk(x) if name == endpoint)

    def forward(self, x: Any) -> Tensor:
        """Clips to logits `(B, K)`."""
        return self.forward_features(x, "logits")


V = TypeVar("V")


def one_of(table: Mapping[Any, V], **choice: Any) -> V:
    """What a table holds under a choice, as in `one_of(SHORTCUTS, shortcut="A")`. Raises `ValueError` listing its keys."""
    ((name, key),) = choice.items()
    if key not in table:
        raise ValueError(f"unknown {name} {key!r}: choose from {', '.join(map(str, table))}")
    return table[key]


def at_least_one(**numbers: int) -> None:
    """Raises `ValueError`, with its name, for the first number below 1."""
    for name, value in numbers.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, not {value}")


def check_rank(x: Tensor, first: nn.Module) -> None:
    """Raises `ValueError`, saying what is read, where `x` has other dimensions than the weights of the first layer."""
    dims = next(first.parameters()).ndim
    if x.ndim != dims:
        wanted = "(B, C, T, H, W)" if dims == 5 else "(B, C, H, W)"
        raise ValueError(f"this network reads {wanted}, not a tensor of shape {tuple(x.shape)}")
