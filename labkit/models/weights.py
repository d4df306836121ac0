"""Weights in files: saved as safetensors, loaded from safetensors or from PyTorch files. No code in a file is run.

The whole file is checked against the network before a single tensor is changed. The error names every tensor that does
not fit.
"""

import json
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from labkit import __version__
from labkit.atomic import write_atomically
from labkit.counting import counted
from labkit.models.releases import follow_release
from labkit.models.weight_files import SHOWN, WeightsError, read_weights

Renames = Sequence[tuple[str, str]]  # (regular expression, replacement), applied one after the other

NETWORK = "network"  # the key of a network's description in a file's metadata
COUNTER = "num_batches_tracked"  # of batch norms; files from before PyTorch 0.4.1 lack it, and no computation uses it

# Renames for published files of any network. A network's own `renames` come after these. A prefix of all names, as of a
# network that was saved inside another module, is removed first.
EVERYWHERE: Renames = (
    (r"(?<![^.])(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.", ""),  # compiled or wrapped in part
    (r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2."),  # DenseNets from before names were refused a dot
)


@dataclass(frozen=True)
class Loaded:
    """The result of `load_weights`."""

    path: Path
    tensors: int  # copied into the network
    fresh: tuple[str, ...]  # tensors of the network that the file lacks: they stay as they were
    unused: tuple[str, ...]  # in the file, left out because the head is new
    metadata: Mapping[str, Any]
    warning: str = ""  # advice before using the network; empty if there is none
    key: str = ""  # the key of the tensors in a PyTorch file
    prefix: str = ""  # the common prefix of all names, which was removed

    def __str__(self) -> str:
        said = f"{counted(self.tensors, 'tensor')} from {self.path.name}"
        if self.key or self.prefix:
            where = [f"its {self.key!r}"] if self.key else []
            where += [f"without the {self.prefix!r} before all names"] if self.prefix else []
            said += f" ({', '.join(where)})"
        if self.unused:
            said += f"; the head is new ({', '.join(self.unused)} of the file left out)"
        counters = [name for name in self.fresh if _is_counter(name)]
        if counters:
            said += f"; the file lacks {counted(len(counters), 'batch counter')} ({COUNTER}), as they were before"
        return f"{said}. {self.warning}" if self.warning else said


def save_weights(model: nn.Module, path: str | Path, **metadata: Any) -> Path:
    """Write all tensors of `model` as safetensors, atomically. `metadata` (anything JSON can hold) travels along.

    A network of the zoo adds its name, its overrides, its clip and labkit's version, so that `open_trained` builds it
    again from the file alone. Give `classes` too, a list of names.
    """
    tensors = {name: tensor.detach().contiguous() for name, tensor in unwrapped(model).state_dict().items()}
    about = {key: json.dumps(value) for key, value in {NETWORK: description(model), **metadata}.items()}
    try:
        return write_atomically(path, lambda temporary: save_file(tensors, temporary, metadata=about))
    except SafetensorError as error:  # its word for a full disk
        raise OSError(f"{path} could not be written: {error}") from None


def description(model: nn.Module, **more: Any) -> dict[str, Any]:
    """How a network of the zoo was made: its name, its overrides, its clip, labkit's version. Of another network: `more` alone."""
    network = unwrapped(model)
    if not (made := getattr(network, "made", None)):
        return more
    specs = {name: getattr(network, name) for name in ("clip", "flow") if getattr(network, name) is not None}
    return {**made, **{name: asdict(spec) for name, spec in specs.items()}, "labkit": __version__, **more}


def load_weights(
    model: nn.Module, path: str | Path, *, new_head: bool | None = None, renames: Renames | None = None
) -> Loaded:
    """Copy the weights in a file into `model`; the file is safetensors or a PyTorch file, told apart by content.

    A PyTorch file may hold the state dict alone, under one of `WRAPPERS`, or as its only table of tensors; a checkpoint
    of `fit` gives its model. Names may be those of the network or of published files: a common prefix of all names (the
    `module.` of DataParallel, `_orig_mod.`, `backbone.`) is removed, and `renames` are applied, by default the
    network's own. The result says which prefix was removed.

    If only the classifier's shape differs, as for another set of classes, the network keeps its own, untrained
    classifier. A warning and the result say so. `new_head=True` asks for this whatever the shape; `new_head=False`
    refuses such a file.

    If the file is of a release that needs other pixels than `model.clip` says, the clip follows it. If the file's
    release is not sure, or the clip was chosen by hand, a warning says which clip to give. NaN and infinite values are
    warned of too.

    No code in a file is run: a PyTorch file may hold tensors, plain containers and numbers alone. Others are refused, and
    the error names the object.
    Raises `WeightsError`, with the network unchanged, for a file that cannot be read, or for a tensor that is missing,
    left over or of another shape; each is named.
    """
    path, model = Path(path), unwrapped(model)
    wanted = model.state_dict()
    if any(tensor.is_meta for tensor in wanted.values()):
        raise ValueError("a network on the meta device has no memory to load weights into: build it on a real one")
    contents = read_weights(path)
    prefix, names = _way(contents.tensors, wanted, getattr(model, "renames", ()) if renames is None else renames)
    heads = tuple(f"{head}." for head in head_names(model))
    fit = _Fit({name: contents.tensors[theirs] for name, theirs in names.items()}, wanted, names, heads)

    fit, said = _with_head(fit, new_head, path)
    if fit.faults:
        part = _part(model, contents.tensors)
        raise WeightsError(path, f"these weights are not of this network{part}. Tensors: {fit.faults}")
    model.load_state_dict(dict(fit.found), strict=False)  # `faults` was the strict check
    said += [
        each
        for each in (fit.no_numbers, follow_release(model, contents, _classes(model, contents.tensors, names)))
        if each
    ]
    for each in said:
        warnings.warn(f"{path.name}: {each}", stacklevel=2)
    fresh = tuple(name for name in wanted if name not in fit.found)
    unused = tuple(sorted(theirs for name, theirs in names.items() if name not in fit.found))
    return Loaded(
        path, len(fit.found), fresh, unused, contents.metadata, " ".join(said), key=contents.key, prefix=prefix
    )


def _with_head(fit: "_Fit", new_head: bool | None, path: Path) -> tuple["_Fit", list[str]]:
    """The tensors to load, with the file's head or without it, and advice for the user."""
    if not fit.only_head_differs:
        return (fit.without_head() if new_head else fit), []
    if new_head is False:
        raise WeightsError(path, f"{fit.class_counts}; new_head=True keeps the network's own head")
    replaced = f"{fit.class_counts}: the head was replaced, and knows nothing until it is trained."
    return fit.without_head(), [] if new_head else [replaced]


def unwrapped(model: nn.Module) -> nn.Module:
    """The network itself, out of `nn.DataParallel`, `DistributedDataParallel` and `torch.compile`."""
    inner = model.module if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel) else None
    inner = getattr(model, "_orig_mod", inner)
    return unwrapped(inner) if isinstance(inner, nn.Module) else model


def head_names(model: nn.Module) -> tuple[str, ...]:
    """The names of the classifiers: the network's own `head`, or else its last linear layer or convolution."""
    head = getattr(model, "head", None)
    if isinstance(head, str | tuple):
        return (head,) if isinstance(head, str) else head
    layers = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
    return tuple(name for name, module in model.named_modules() if isinstance(module, layers))[-1:]


def nan_tensors(tensors: Mapping[str, Tensor]) -> list[str]:
    """The names of the tensors that hold NaN: weights of a failed training."""
    real = ((name, tensor) for name, tensor in tensors.items() if tensor.is_floating_point() or tensor.is_complex())
    return [name for name, tensor in real if not tensor.is_meta and bool(tensor.isnan().any())]


def class_count(model: nn.Module, path: str | Path) -> int:
    """The number of classes of the weights in a file, if they are of this network (which may be on the meta device).

    Raises `WeightsError` for a file that cannot be read, or has no classifier of this network's name.
    """
    tensors = read_weights(path).tensors
    names = _matched(tensors, model.state_dict(), getattr(model, "renames", ()))
    classes = _classes(model, tensors, names)
    if not classes:
        heads = " or ".join(_head_tensors(model))
        raise WeightsError(path, f"these weights are not of this network: they have no {heads}")
    return classes


def _head_tensors(model: nn.Module) -> list[str]:
    return [f"{head}{end}" for head in head_names(model) for end in (".bias", ".weight")]


def _classes(model: nn.Module, tensors: Mapping[str, Tensor], names: Mapping[str, str]) -> int:
    """The number of classes of a file; 0 if it has no classifier."""
    found = [tensors[names[head]] for head in _head_tensors(model) if head in names]
    return len(found[0]) if found and found[0].ndim else 0


@dataclass(frozen=True)
class _Fit:
    """The tensors of a file, under the network's names, compared with the network's own."""

    found: Mapping[str, Tensor]
    wanted: Mapping[str, Tensor]
    names: Mapping[str, str]  # ours -> the file's
    heads: tuple[str, ...]  # beginnings of names, with their dots
    headless: bool = False

    def without_head(self) -> "_Fit":
        """The same without the file's classifier."""
        body = {name: tensor for name, tensor in self.found.items() if not name.startswith(self.heads)}
        return _Fit(body, self.wanted, self.names, self.heads, headless=True)

    @property
    def missing(self) -> list[str]:
        absent = [name for name in self.wanted if name not in self.found and not _is_counter(name)]
        return [name for name in absent if not (self.headless and name.startswith(self.heads))]

    @property
    def left_over(self) -> list[str]:
        return [name for name in self.found if name not in self.wanted]

    @property
    def misshapen(self) -> list[str]:
        both = [name for name in self.found if name in self.wanted]
        return [name for name in both if self.found[name].shape != self.wanted[name].shape]

    @property
    def mistyped(self) -> list[str]:
        """Tensors of another kind of number, such as complex for real ones: copying would lose a part."""
        both = [name for name in self.found if name in self.wanted and not _is_counter(name)]
        return [name for name in both if _kind(self.found[name]) != _kind(self.wanted[name])]

    @property
    def only_head_differs(self) -> bool:
        """Everything fits, but the classifiers are for another number of classes."""
        if not self.misshapen or self.missing or self.left_over or self.mistyped:
            return False
        head = [name for name in self.found if name.startswith(self.heads)]
        same_features = all(self.found[name].shape[1:] == self.wanted[name].shape[1:] for name in head)
        counts = {self.found[name].shape[:1] for name in head}
        return set(self.misshapen) <= set(head) and same_features and len(counts) == 1 and counts != {()}

    @property
    def class_counts(self) -> str:
        theirs, ours = (len(tensors[self.misshapen[0]]) for tensors in (self.found, self.wanted))
        return f"it is for {counted(theirs, 'class', 'classes')} and the network for {ours}"

    @property
    def faults(self) -> str:
        """The tensors that do not fit, by name; empty if all fit."""
        shapes = [
            f"{self.names[name]} {tuple(self.found[name].shape)} for {tuple(self.wanted[name].shape)}"
            for name in self.misshapen
        ]
        found = (
            ("missing", self.missing),
            ("left over", [self.names[name] for name in self.left_over]),
            ("of another shape", shapes),
            ("of another type", [f"{self.names[name]} {_kind(self.found[name])}" for name in self.mistyped]),
        )
        parts = [
            f"{len(names)} {what}: {', '.join(names[:SHOWN])}{', …' if len(names) > SHOWN else ''}"
            for what, names in found
            if names
        ]
        return "; ".join(parts) + self._shortcut

    @property
    def _shortcut(self) -> str:
        """The way out if only the shortcuts differ: A has no tensors, B has a convolution and a norm."""
        both = [*self.missing, *self.left_over]
        heads_alone = all(name.startswith(self.heads) for name in (*self.misshapen, *self.mistyped))
        if not both or not heads_alone or not all(re.search(r"\.downsample\.[01]\.", name) for name in both):
            return ""
        kind = "B" if self.left_over else "A"
        return f'. Only the shortcuts differ: build the network with shortcut="{kind}"'

    @property
    def no_numbers(self) -> str:
        """The tensors with NaN or infinite values, once they have the network's type; empty if there are none."""
        kept = {name: self.found[name].to(like.dtype) for name, like in self.wanted.items() if name in self.found}
        bad = [self.names[name] for name, tensor in kept.items() if not torch.isfinite(tensor).all()]
        if not bad:
            return ""
        shown = f"{', '.join(bad[:SHOWN])}{', …' if len(bad) > SHOWN else ''}"
        return f"{len(bad)} of its tensors hold NaN or infinite values, and so will the network's logits: {shown}."


def _matched(found: Iterable[str], wanted: Iterable[str], renames: Renames) -> dict[str, str]:
    """The file's name for each of the network's: see `_way`."""
    return _way(found, wanted, renames)[1]


def _way(found: Iterable[str], wanted: Iterable[str], renames: Renames) -> tuple[str, dict[str, str]]:
    """The way to rename that leaves the fewest names unmatched: the prefix it removes, and our name -> the file's."""
    ways: list[tuple[int, str, dict[str, str]]] = []
    every = list(dict.fromkeys(found))
    for prefix in _prefixes(every):
        for rules in ((), EVERYWHERE, (*EVERYWHERE, *renames)):
            way = {_renamed(name.removeprefix(prefix), rules): name for name in every}
            if len(way) == len(every):  # no two of the file's tensors become one
                ways.append((len(rules), prefix, way))
    _, prefix, way = min(ways, key=lambda each: (len(each[2].keys() ^ set(wanted)), each[0]))
    return prefix, way


def _prefixes(names: Sequence[str]) -> Iterator[str]:
    """The common prefixes of all names, from the empty one on, a dot at a time."""
    prefix = ""
    yield prefix
    for parts in zip(*(name.split(".")[:-1] for name in names), strict=False):
        if len(set(parts)) > 1:
            return
        prefix += f"{parts[0]}."
        yield prefix


def _part(model: nn.Module, tensors: Mapping[str, Tensor]) -> str:
    """The end of a message that names the part of the network whose tensors these all are, such as one of two streams."""
    for name, child in model.named_children():
        ours = {each: tensor.shape for each, tensor in child.state_dict().items() if not _is_counter(each)}
        names = _matched(tensors, ours, getattr(child, "renames", ()))
        theirs = {each: tensors[old].shape for each, old in names.items() if not _is_counter(each)}
        if ours and ours == theirs:
            return f", but of its part {name}: load them into network.{name}"
    return ""


def _kind(tensor: Tensor) -> str:
    return "complex" if tensor.is_complex() else "real" if tensor.is_floating_point() else "whole"


def _is_counter(name: str) -> bool:
    return name.rpartition(".")[2] == COUNTER


def _renamed(name: str, renames: Renames) -> str:
    for pattern, replacement in renames:
        name = re.sub(pattern, replacement, name)
    return name
