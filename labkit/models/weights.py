"""Weights in files: kept as safetensors, loaded from safetensors or from PyTorch files, never as code.

A file is checked whole against the network before a single tensor is changed. Whatever does not fit is named.
"""

import json
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from labkit.records import write_atomically

SHOWN = 6  # tensor names listed in an error
COUNTER = "num_batches_tracked"  # of batch norms; files from before PyTorch 0.4.1 lack it, and nothing computes with it


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
    fresh: tuple[str, ...]  # of the network, not in the file: they stay as they were
    unused: tuple[str, ...]  # in the file, left out because a new head was asked for
    metadata: Mapping[str, Any]

    def __str__(self) -> str:
        said = f"{self.tensors} tensors from {self.path.name}"
        if self.unused:
            said += f"; the head is new ({', '.join(self.unused)} of the file left out)"
        counters = [name for name in self.fresh if name.endswith(COUNTER)]
        if counters:
            said += f"; the file lacks {len(counters)} batch counters ({COUNTER}), which stay as they were"
        return said


def save_weights(model: nn.Module, path: str | Path, **metadata: Any) -> Path:
    """Write all tensors of `model` as safetensors, atomically. `metadata` (anything JSON can hold) travels along."""
    tensors = {name: tensor.detach().contiguous() for name, tensor in model.state_dict().items()}
    about = {key: json.dumps(value) for key, value in metadata.items()}
    return write_atomically(path, lambda temporary: save_file(tensors, temporary, metadata=about))


def load_weights(
    model: nn.Module, path: str | Path, *, new_head: bool = False, renames: Mapping[str, str] | None = None
) -> Loaded:
    """Copy the weights in a file into `model`; the file is safetensors or a PyTorch file, told apart by content.

    Of a PyTorch file the state dict is taken as it is or under the key `state_dict`; a prefix `module.` (of a network
    saved under DataParallel) is dropped. `renames` maps beginnings of the file's names to the network's, and is the
    network's own `renames` if it has them. `new_head=True` leaves the file's classifier out and keeps the network's
    own, as for another set of classes.

    Nothing is executed: a PyTorch file that holds anything but tensors and plain containers is refused.
    Raises `WeightsError`, the network unchanged, for a file that cannot be read, or where a tensor is missing, left
    over or of another shape; each is named.
    """
    path = Path(path)
    found, metadata = _read(path)
    found = _renamed(found, getattr(model, "renames", {}) if renames is None else renames)
    wanted = model.state_dict()

    head = f"{getattr(model, 'head', 'fc')}."
    unused = sorted(name for name in found if new_head and name.startswith(head))
    found = {name: tensor for name, tensor in found.items() if name not in unused}
    absent = [name for name in wanted if name not in found]
    fresh = [name for name in absent if name.endswith(f".{COUNTER}") or (new_head and name.startswith(head))]
    _compare(path, found, wanted, missing=[name for name in absent if name not in fresh], head=head)

    model.load_state_dict(found, strict=False)  # strict is what _compare was
    return Loaded(path, len(found), tuple(fresh), tuple(unused), metadata)


def _compare(
    path: Path, found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], *, missing: list[str], head: str
) -> None:
    left_over = [name for name in found if name not in wanted]
    misshapen = [name for name in found if name in wanted and found[name].shape != wanted[name].shape]
    if not (missing or left_over or misshapen):
        return
    if not missing and not left_over and all(name.startswith(head) for name in misshapen):
        theirs, ours = (len(tensors[misshapen[0]]) for tensors in (found, wanted))
        raise WeightsError(
            path, f"it is for {theirs} classes and the network for {ours}; new_head=True keeps the network's own head"
        )
    shapes = [f"{name} {tuple(found[name].shape)} for {tuple(wanted[name].shape)}" for name in misshapen]
    parts = [
        f"{len(names)} {what}: {', '.join(names[:SHOWN])}{', …' if len(names) > SHOWN else ''}"
        for what, names in (("missing", missing), ("left over", left_over), ("of another shape", shapes))
        if names
    ]
    raise WeightsError(path, f"these weights are not of this network. Tensors: {'; '.join(parts)}")


def _renamed(found: Mapping[str, Tensor], renames: Mapping[str, str]) -> dict[str, Tensor]:
    if found and all(name.startswith("module.") for name in found):
        found = {name.removeprefix("module."): tensor for name, tensor in found.items()}
    renamed = {}
    for name, tensor in found.items():
        start = next((old for old in renames if name.startswith(old)), "")
        renamed[renames.get(start, "") + name.removeprefix(start)] = tensor
    return renamed


def _read(path: Path) -> tuple[Mapping[str, Tensor], Mapping[str, Any]]:
    """Names and tensors, and the metadata; raises `WeightsError`."""
    if not path.is_file():
        raise WeightsError(path, "there is no such file")
    with path.open("rb") as file:
        start = file.read(9)
    if not start:
        raise WeightsError(path, "the file is empty")
    is_safetensors = start[8:] == b"{" or path.suffix == ".safetensors"
    return _read_safetensors(path) if is_safetensors else _read_torch(path)


def _read_safetensors(path: Path) -> tuple[Mapping[str, Tensor], Mapping[str, Any]]:
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
            about = file.metadata() or {}
    except SafetensorError as error:
        raise WeightsError(path, f"not a whole safetensors file, cut short perhaps ({error})") from error
    return tensors, {key: _plain(value) for key, value in about.items()}


def _plain(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:  # another program's metadata need not be JSON
        return value


def _read_torch(path: Path) -> tuple[Mapping[str, Tensor], Mapping[str, Any]]:
    try:
        with warnings.catch_warnings():  # torch warns of odd pickles before it refuses them; one message is enough
            warnings.simplefilter("ignore", UserWarning)
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # on damaged bytes torch's reader raises whatever the damage makes it trip over
        if isinstance(error, pickle.UnpicklingError) and "GLOBAL" in str(error):
            reason = "refused: it holds code or objects, not only tensors, and loading it would run them"
        else:
            reason = "no weights that can be read without running code: cut short, damaged, or a file of another kind"
        raise WeightsError(path, reason) from error
    if not isinstance(content, Mapping):
        raise WeightsError(path, f"it holds a {type(content).__name__}, not a table of named tensors")
    tensors = content.get("state_dict", content)
    if not isinstance(tensors, Mapping) or not tensors or not all(isinstance(t, Tensor) for t in tensors.values()):
        raise WeightsError(path, "it holds no table of named tensors, neither by itself nor under 'state_dict'")
    about = {key: value for key, value in content.items() if isinstance(value, str | int | float)}
    return tensors, about if tensors is not content else {}
