"""The common part of all networks of the zoo: named endpoints, the clip to read, and the name of the classifier."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal, TypeVar

from torch import Tensor, nn

from labkit.clip import ClipSpec
from labkit.models.releases import Release
from labkit.names import meant_or_all


class Network(nn.Module):
    """A network that can be walked endpoint by endpoint.

    A family names its `parts`. Each part is a submodule or a method that takes and gives one tensor, and `walk` applies
    them in turn. The usual classifier is made of `avgpool`, `dropout` and `fc`. A family with another classifier writes
    `answer`, and names its endpoints in `ends`. A family of parallel streams writes `walk` itself.

    A video network reads `(B, C, T, H, W)`, a 2D one `(B, C, H, W)`, a two-stream one a pair `(rgb, flow)` of
    `(B, 3, T, H, W)` and `(B, 2, T', H, W)`.
    """

    parts: tuple[str, ...]  # the endpoints before the classifier, in the order of the computation
    ends: ClassVar[tuple[str, ...]] = ("features", "logits")  # the endpoints of the classifier
    beside: tuple[str, ...] = ()  # endpoints that the logits are not computed from
    avgpool: nn.Module
    dropout: nn.Module
    fc: nn.Module
    head: ClassVar[str | tuple[str, ...]] = "fc"  # beginnings of the classifier's tensor names, up to a dot
    dims: Literal[2, 3] = 3  # 3 for a network that reads clips, 2 for one that reads images
    clip: ClipSpec  # the clips that it reads
    flow: ClipSpec | None = None  # the flow that it reads, if any
    # Names in published files -> ours, as (regular expression, replacement); set by the zoo, read by `load_weights`.
    renames: tuple[tuple[str, str], ...] = ()
    releases: tuple[Release, ...] = ()  # published weights that need other pixels; likewise
    default_clip: ClipSpec | None = None  # the zoo's clip, unless another was chosen for this network
    made: Mapping[str, Any] | None = None  # its name in the zoo and its overrides; read by `save_weights`

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The names that `forward_features` answers to, in the order of the computation."""
        return (*self.parts, *self.ends)

    def walk(self, x: Any) -> Iterator[tuple[str, Tensor]]:
        """The computation, endpoint by endpoint: `(name, tensor)`.

        It goes on with the tensor that it gives, so that a gradient of the logits reaches each endpoint; those in
        `.beside` are the exceptions.
        """
        self.check(x)
        for name in self.parts:
            x = self.part(name, x)
            yield name, x
        yield from self.answer(x)

    def check(self, x: Any) -> None:
        """Raises `ValueError` for an input that this network cannot read."""
        check_input(x, *read_by(self))

    def part(self, name: str, x: Tensor) -> Tensor:
        """One of `.parts`, applied."""
        return getattr(self, name)(x)

    def answer(self, x: Tensor) -> Iterator[tuple[str, Tensor]]:
        """The classifier: from the last part's output, `(B, F, T, H, W)` or `(B, F, H, W)`, to logits."""
        x = self.avgpool(x).flatten(1)  # (B, F)
        yield "features", x
        yield "logits", self.fc(self.dropout(x))  # (B, K)

    def forward_features(self, x: Any, endpoint: str = "features") -> Tensor:
        """The tensor at one of `.endpoints`; nothing after it is computed. Raises `ValueError` for another name."""
        if endpoint not in self.endpoints:
            raise ValueError(f"unknown endpoint {endpoint!r}{meant_or_all(endpoint, self.endpoints)}")
        return next(out for name, out in self.walk(x) if name == endpoint)

    def forward(self, x: Any) -> Tensor:
        """Clips to logits `(B, K)`."""
        return self.forward_features(x, "logits")


V = TypeVar("V")


def one_of(table: Mapping[Any, V], **choice: Any) -> V:
    """The value of a table under a key, as in `one_of(SHORTCUTS, shortcut="A")`. Raises `ValueError` listing the keys."""
    ((name, key),) = choice.items()
    if key not in table:
        raise ValueError(f"unknown {name} {key!r}{meant_or_all(str(key), map(str, table))}")
    return table[key]


def at_least_one(**numbers: int) -> None:
    """Raises `ValueError`, with the name of the first value that is not a whole number of at least 1."""
    for name, value in numbers.items():
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"{name} must be a whole number, not {value!r}")
        if value < 1:
            raise ValueError(f"{name} must be at least 1, not {value}")


def read_by(network: nn.Module) -> tuple[int, int]:
    """The number of channels that the first weight of a network reads, and the number of its dimensions, 2 or 3."""
    weight = next(network.parameters())
    return weight.shape[1], weight.ndim - 2


def check_input(x: Any, channels: int, dims: int = 3, *, reader: str = "this network") -> None:
    """Raises `ValueError`, with the shape that `reader` reads, unless `x` is a batch of clips (images if `dims` is 2).

    The rank and the channels must fit, no axis may be empty, and the values must be floating-point numbers: a `ClipSpec`
    has scaled the pixels.
    """
    wanted = f"(B, {channels}, T, H, W)" if dims == 3 else f"(B, {channels}, H, W)"
    if not isinstance(x, Tensor):
        raise ValueError(f"{reader} reads one tensor {wanted}, not {type(x).__name__}")
    if x.ndim != dims + 2 or x.shape[1] != channels or 0 in x.shape:
        raise ValueError(f"{reader} reads {wanted}, not a tensor of shape {tuple(x.shape)}")
    if not x.is_floating_point():
        raise ValueError(f"{reader} reads floating-point numbers, not {x.dtype}: scale the pixels first")
