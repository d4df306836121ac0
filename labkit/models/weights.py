"""Weights in files: kept as safetensors, loaded from safetensors or from PyTorch files, never as code.

A file is checked whole against the network before a single tensor is changed. Whatever does not fit is named.
"""

import json
import pickle
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from labkit.records import write_atomically

Renames = Sequence[tuple[str, str]]  # (regular expression, replacement), applied one after the other

SHOWN = 6  # tensor names listed in an error
COUNTER = "num_batches_tracked"  # of batch norms; files from before PyTorch 0.4.1 lack it, and nothing computes with it
WRAPPERS = ("state_dict", "model_state_dict", "model")  # where training programs keep the weights among other things

# What published files of any network may need. A network's own `renames` come after these.
EVERYWHERE: Renames = (
    (r"^module\.", ""),  # saved under DataParallel
    (r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2."),  # DenseNets from before names were refused a dot
)


class WeightsError(ValueError):
    """A file of weights that cannot be read, or does not fit the network."""

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = Path(path), reason


@dataclass(frozen=True)
class Loaded:
    """What `load_weights` did."""

    path: Path
    tensors: int  # copied into the network
    fresh: tuple[str, ...]  # of the network, not taken from the file: they stay as they were
    unused: tuple[str, ...]  # in the file, left out because the head is new
    metadata: Mapping[str, Any]
    warning: str = ""  # what the reader must know before using the network; empty if nothing

    def __str__(self) -> str:
        said = f"{self.tensors} tensors from {self.path.name}"
        if self.unused:
            said += f"; the head is new ({', '.join(self.unused)} of the file left out)"
        counters = [name for name in self.fresh if _is_counter(name)]
        if counters:
            said += f"; the file lacks {len(counters)} batch counters ({COUNTER}), which stay as they were"
        return f"{said}. {self.warning}" if self.warning else said


def save_weights(model: nn.Module, path: str | Path, **metadata: Any) -> Path:
    """Write all tensors of `model` as safetensors, atomically. `metadata` (anything JSON can hold) travels along."""
    tensors = {name: tensor.detach().contiguous() for name, tensor in model.state_dict().items()}
    about = {key: json.dumps(value) for key, value in metadata.items()}
    return write_atomically(path, lambda temporary: save_file(tensors, temporary, metadata=about))


def load_weights(
    model: nn.Module, path: str | Path, *, new_head: bool | None = None, renames: Renames | None = None
) -> Loaded:
    """Copy the weights in a file into `model`; the file is safetensors or a PyTorch file, told apart by content.

    Of a PyTorch file the state dict is taken as it is or under one of `WRAPPERS`; of a checkpoint of `fit`, the model.
    Names are taken as they are, or as published files have them: without the `module.` of a network saved under
    DataParallel, and renamed by `renames`, which are the network's own if it has them.

    Where nothing but the classifier's shape differs, as for another set of classes, it is replaced: the network keeps
    its own, untrained one. That is warned of, and said in what is returned. `new_head=True` asks for it, whatever the
    shape; `new_head=False` refuses such a file.

    Nothing is executed: a PyTorch file that holds anything but tensors and plain containers is refused.
    Raises `WeightsError`, the network unchanged, for a file that cannot be read, or where a tensor is missing, left
    over or of another shape, or holds NaN; each is named.
    """
    path = Path(path)
    wanted = model.state_dict()
    if any(tensor.is_meta for tensor in wanted.values()):
        raise ValueError("a network on the meta device has no memory to load weights into: build it on a real one")
    tensors, metadata = read_weights(path)
    names = _matched(tensors, wanted, getattr(model, "renames", ()) if renames is None else renames)
    heads = tuple(f"{head}." for head in head_names(model))
    fit = _Fit({name: tensors[theirs] for name, theirs in names.items()}, wanted, names, heads)

    warning = ""
    if new_head is None and fit.only_head_differs:
        warning = f"{fit.class_counts}: the head was replaced, and knows nothing until it is trained."
        warnings.warn(f"{path.name}: {warning}", stacklevel=2)
    elif not new_head and fit.only_head_differs:
        raise WeightsError(path, f"{fit.class_counts}; new_head=True keeps the network's own head")
    fit = fit.without_head() if warning or new_head else fit
    if fit.faults:
        raise WeightsError(path, f"these weights are not of this network{_part(model, tensors)}. Tensors: {fit.faults}")
    if spoilt := nan_tensors(fit.found):
        names_in_file = [names[name] for name in spoilt]
        raise WeightsError(
            path, f"{len(spoilt)} of its tensors hold NaN, and so would every answer: {_some(names_in_file)}"
        )
    model.load_state_dict(dict(fit.found), strict=False)  # strict is what `faults` was
    fresh = tuple(name for name in wanted if name not in fit.found)
    unused = tuple(sorted(theirs for name, theirs in names.items() if name not in fit.found))
    return Loaded(path, len(fit.found), fresh, unused, metadata, warning)


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
    tensors, _ = read_weights(path)
    names = _matched(tensors, model.state_dict(), getattr(model, "renames", ()))
    heads = [f"{head}{end}" for head in head_names(model) for end in (".bias", ".weight")]
    found = [tensors[names[head]] for head in heads if head in names]
    if not found or not found[0].ndim:
        raise WeightsError(path, f"these weights are not of this network: they have no {' or '.join(heads)}")
    return len(found[0])


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
        return f"it is for {theirs} classes and the network for {ours}"

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
        parts = [f"{len(names)} {what}: {_some(names)}" for what, names in found if names]
        return "; ".join(parts)


def _matched(found: Iterable[str], wanted: Iterable[str], renames: Renames) -> dict[str, str]:
    """The network's name for each of the file's: of the ways to rename, the one that leaves the fewest unmatched."""
    ways: list[dict[str, str]] = []
    for rules in ((), EVERYWHERE, (*EVERYWHERE, *renames)):
        way = {_renamed(name, rules): name for name in found}
        if len(way) == len(set(found)):  # no two of the file's tensors become one
            ways.append(way)
    return min(ways, key=lambda way: len(way.keys() ^ set(wanted)))


def _part(model: nn.Module, tensors: Mapping[str, Tensor]) -> str:
    """Which part of the network the tensors are all of, if there is one: a stream of two, say."""
    theirs = {_renamed(name, EVERYWHERE): tensor.shape for name, tensor in tensors.items() if not _is_counter(name)}
    for name, child in model.named_children():
        ours = {each: tensor.shape for each, tensor in child.state_dict().items() if not _is_counter(each)}
        if ours and ours == theirs:
            return f", but of its part {name}: load them into network.{name}"
    return ""


def _some(names: Sequence[str]) -> str:
    return f"{', '.join(names[:SHOWN])}{', …' if len(names) > SHOWN else ''}"


def _kind(tensor: Tensor) -> str:
    return "complex" if tensor.is_complex() else "real" if tensor.is_floating_point() else "whole"


def _is_counter(name: str) -> bool:
    return name.rpartition(".")[2] == COUNTER


def _renamed(name: str, renames: Renames) -> str:
    for pattern, replacement in renames:
        name = re.sub(pattern, replacement, name)
    return name


def read_weights(path: str | Path) -> tuple[Mapping[str, Tensor], Mapping[str, Any]]:
    """Names and tensors of a file, as they are in it, and its metadata. Raises `WeightsError`."""
    path = Path(path)
    if path.is_dir():
        raise WeightsError(path, "it is a folder, not a file of weights")
    if not path.is_file():
        raise WeightsError(path, "there is no such file")
    try:
        with path.open("rb") as file:
            start = file.read(9)
    except OSError as error:
        raise WeightsError(path, f"it cannot be read ({error.strerror})") from error
    if not start:
        raise WeightsError(path, "the file is empty")
    named_so = path.suffix == ".safetensors" and not start.startswith((b"PK", b"\x80"))  # a zip, a pickle
    return _read_safetensors(path) if start[8:] == b"{" or named_so else _read_torch(path)


def _read_safetensors(path: Path) -> tuple[Mapping[str, Tensor], Mapping[str, Any]]:
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
            about = file.metadata() or {}
    except SafetensorError as error:
        raise WeightsError(path, f"not a whole safetensors file, cut short perhaps ({error})") from error
    metadata = {key: _plain(value) for key, value in about.items()}
    if isinstance(metadata.get("labkit"), dict):  # a checkpoint of `fit`: the model is a part of it
        body = {name.removeprefix("model."): t for name, t in tensors.items() if name.startswith("model.")}
        return body, metadata["labkit"].get("about", {})
    return tensors, metadata


def _plain(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:  # another program's metadata need not be JSON
        return value


def _read_torch(path: Path) -> tuple[Mapping[str, Tensor], Mapping[str, Any]]:
    try:
        with warnings.catch_warnings(), path.open("rb") as file:  # by its name torch would judge it by the suffix
            warnings.simplefilter(
                "ignore", UserWarning
            )  # of odd pickles, before it refuses them: one message is enough
            content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # on damaged bytes torch's reader raises whatever the damage makes it trip over
        if isinstance(error, pickle.UnpicklingError) and "GLOBAL" in str(error):
            reason = "refused: it holds code or objects, not only tensors, and loading it would run them"
        else:
            reason = "no weights that can be read without running code: cut short, damaged, or a file of another kind"
        raise WeightsError(path, reason) from error
    if not isinstance(content, Mapping):
        raise WeightsError(path, f"it holds a {type(content).__name__}, not a table of named tensors")
    if content.keys() == {"state", "param_groups"}:
        raise WeightsError(path, "it holds the state of an optimiser, not the weights of a network")
    tensors = next((content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)), content)
    if not tensors or not all(isinstance(n, str) and isinstance(t, Tensor) for n, t in tensors.items()):
        wrappers = ", ".join(repr(key) for key in WRAPPERS)
        raise WeightsError(path, f"it holds no table of named tensors, neither by itself nor under one of {wrappers}")
    odd = [name for name, t in tensors.items() if t.layout != torch.strided or t.is_meta or t.is_quantized]
    if odd:
        raise WeightsError(path, f"{len(odd)} of its tensors are sparse, quantised or without numbers: {odd[0]}, …")
    about = {str(key): value for key, value in content.items() if isinstance(value, str | int | float)}
    return tensors, about if tensors is not content else {}
