"""Weights in files: kept as safetensors, loaded from safetensors or from PyTorch files, never as code.

A file is checked whole against the network before a single tensor is changed. Whatever does not fit is named.
"""

import json
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from labkit.atomic import write_atomically
from labkit.counting import counted
from labkit.models.releases import follow_release
from labkit.models.weight_files import SHOWN, WeightsError, read_weights

Renames = Sequence[tuple[str, str]]  # (regular expression, replacement), applied one after the other

COUNTER = "num_batches_tracked"  # of batch norms; files from before PyTorch 0.4.1 lack it, and nothing computes with it

# What published files of any network may need. A network's own `renames` come after these. What stands before all names
# of a file, as of a network that was saved inside another module, is taken off before them.
EVERYWHERE: Renames = (
    (r"(?<![^.])(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.", ""),  # compiled or wrapped in part
    (r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2."),  # DenseNets from before names were refused a dot
)


@dataclass(frozen=True)
class Loaded:
    """What `load_weights` did."""

    path: Path
    tensors: int  # copied into the network
    fresh: tuple[str, ...]  # of the network, not taken from the file: they stay as they were
    unused: tuple[str, ...]  # in the file, left out because the head is new
    metadata: Mapping[str, Any]
    warning: str = ""  # what the reader must know before using the network; empty if nothing
    key: str = ""  # where in a PyTorch file the tensors were, among other things
    prefix: str = ""  # what stood before all names, and was taken off

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
    """Write all tensors of `model` as safetensors, atomically. `metadata` (anything JSON can hold) travels along."""
    tensors = {name: tensor.detach().contiguous() for name, tensor in unwrapped(model).state_dict().items()}
    about = {key: json.dumps(value) for key, value in metadata.items()}
    try:
        return write_atomically(path, lambda temporary: save_file(tensors, temporary, metadata=about))
    except SafetensorError as error:  # its word for a full disk
        raise OSError(f"{path} could not be written: {error}") from None


def load_weights(
    model: nn.Module, path: str | Path, *, new_head: bool | None = None, renames: Renames | None = None
) -> Loaded:
    """Copy the weights in a file into `model`; the file is safetensors or a PyTorch file, told apart by content.

    Of a PyTorch file the state dict is taken as it is, under one of `WRAPPERS`, or the only table of tensors that it
    holds; of a checkpoint of `fit`, the model. Names are taken as they are, or as published files have them: without
    what stands before all of them (the `module.` of DataParallel, `_orig_mod.`, `backbone.`), and renamed by
    `renames`, which are the network's own if it has them. What was taken off is said in what is returned.

    Where nothing but the classifier's shape differs, as for another set of classes, it is replaced: the network keeps
    its own, untrained one. That is warned of, and said in what is returned. `new_head=True` asks for it, whatever the
    shape; `new_head=False` refuses such a file.

    Where the file is of a release that wants other pixels than `model.clip` says, the clip follows it; where the file
    does not tell, or the clip was chosen by hand, the clip to give is said. Values that are no finite numbers are named.
    Both are warned of.

    Nothing is executed: a PyTorch file that holds anything but tensors, plain containers and numbers is refused, with
    the name of what it holds.
    Raises `WeightsError`, the network unchanged, for a file that cannot be read, or where a tensor is missing, left
    over or of another shape; each is named.
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
    model.load_state_dict(dict(fit.found), strict=False)  # strict is what `faults` was
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
    """What is to be loaded, with the file's head or without, and what the caller must know of it."""
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
    """The names of those that hold NaN: weights of a training that has failed."""
    real = ((name, tensor) for name, tensor in tensors.items() if tensor.is_floating_point() or tensor.is_complex())
    return [name for name, tensor in real if not tensor.is_meta and bool(tensor.isnan().any())]


def class_count(model: nn.Module, path: str | Path) -> int:
    """How many classes the weights in a file are for, if they are of this network (which may be on the meta device).

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
    """How many classes a file is for; 0 if it has no classifier."""
    found = [tensors[names[head]] for head in _head_tensors(model) if head in names]
    return len(found[0]) if found and found[0].ndim else 0


@dataclass(frozen=True)
class _Fit:
    """The tensors of a file, under the network's names, held against those that the network wants."""

    found: Mapping[str, Tensor]
    wanted: Mapping[str, Tensor]
    names: Mapping[str, str]  # ours -> the file's
    heads: tuple[str, ...]  # beginnings of names, with their dots
    headless: bool = False

    def without_head(self) -> "_Fit":
        """The same, the classifier left to the network."""
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
        """Whole or complex numbers for real ones, say: copying would cut them off."""
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
        """What does not fit, by name; empty if all does."""
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
        """The way out where nothing but the shortcuts differ: A has no tensors, B has a convolution and a norm."""
        both = [*self.missing, *self.left_over]
        heads_alone = all(name.startswith(self.heads) for name in (*self.misshapen, *self.mistyped))
        if not both or not heads_alone or not all(re.search(r"\.downsample\.[01]\.", name) for name in both):
            return ""
        kind = "B" if self.left_over else "A"
        return f'. Only the shortcuts differ: build the network with shortcut="{kind}"'

    @property
    def no_numbers(self) -> str:
        """Which tensors hold values that are no finite numbers, as the network keeps them; empty if none."""
        kept = {name: self.found[name].to(like.dtype) for name, like in self.wanted.items() if name in self.found}
        bad = [self.names[name] for name, tensor in kept.items() if not torch.isfinite(tensor).all()]
        if not bad:
            return ""
        shown = f"{', '.join(bad[:SHOWN])}{', …' if len(bad) > SHOWN else ''}"
        return f"{len(bad)} of its tensors hold NaN or infinite values, and so will what the network answers: {shown}."


def _matched(found: Iterable[str], wanted: Iterable[str], renames: Renames) -> dict[str, str]:
    """The file's name for each of the network's: see `_way`."""
    return _way(found, wanted, renames)[1]


def _way(found: Iterable[str], wanted: Iterable[str], renames: Renames) -> tuple[str, dict[str, str]]:
    """Of the ways to rename, the one that leaves the fewest unmatched: what it takes off, and ours -> the file's."""
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
    """What all names begin with, dot by dot, from nothing on."""
    prefix = ""
    yield prefix
    for parts in zip(*(name.split(".")[:-1] for name in names), strict=False):
        if len(set(parts)) > 1:
            return
        prefix += f"{parts[0]}."
        yield prefix


def _part(model: nn.Module, tensors: Mapping[str, Tensor]) -> str:
    """Which part of the network the tensors are all of, if there is one: a stream of two, say."""
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
