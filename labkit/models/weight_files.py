"""Files of weights: their tensors by name, from safetensors or from PyTorch files. No code in a file is run."""

import json
import pickle
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from labkit.models.pickles import Unknown, in_old_words

# Keys under which training programs keep the weights. The first key that a file has counts.
WRAPPERS = (
    *("state_dict", "model_state_dict", "model_state", "model", "network_state_dict", "network", "net_state_dict"),
    *("net", "weights", "params", "module"),
)
SHOWN = 6  # names listed in an error

# Allowed beside tensors, plain containers and torch's own types: NumPy's numbers, such as accuracies and losses.
_NO_NUMBERS = ("ObjectDType", "VoidDType", "StringDType")
_scalar: Callable[..., Any] = np.float64(0).__reduce__()[0]  # type: ignore[assignment]
SCALARS: list[Any] = [
    (_scalar, "numpy.core.multiarray.scalar"),  # as NumPy 1 names it
    (_scalar, "numpy._core.multiarray.scalar"),
    np.dtype,
    *(each for name, each in vars(np.dtypes).items() if name.endswith("DType") and name not in _NO_NUMBERS),
]


class WeightsError(ValueError):
    """An error for a file of weights that cannot be read, or does not fit the network."""

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = Path(path), reason


class Contents(NamedTuple):
    """The content of a file of weights."""

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, Any]
    key: str = ""  # the key of the tensors in a PyTorch file; empty if it holds nothing else
    by_torch: bool = False  # whether it is a PyTorch file


def read_weights(path: str | Path) -> Contents:
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


def _read_safetensors(path: Path) -> Contents:
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            about = file.metadata() or {}
    except SafetensorError as error:
        raise WeightsError(path, f"not a whole safetensors file, cut short perhaps ({error})") from error
    metadata = {key: _plain(value) for key, value in about.items()}
    if isinstance(metadata.get("labkit"), dict):  # a checkpoint of `fit`: the model is a part of it
        body = {name.removeprefix("model."): t for name, t in tensors.items() if name.startswith("model.")}
        return Contents(body, metadata["labkit"].get("about", {}))
    return Contents(tensors, metadata)


def _plain(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:  # metadata of other programs may be plain text
        return value


def _read_torch(path: Path) -> Contents:
    try:
        content = _content(path)
    except Unknown as error:
        reason = f"it was saved with another pickle_protocol than torch's own and holds a {error}. {SAVE_ANEW}"
        raise WeightsError(path, reason) from error
    except Exception as error:  # on damaged bytes torch's reader may raise anything
        raise WeightsError(path, _refusal(path, error)) from error
    if not isinstance(content, Mapping):
        raise WeightsError(path, f"it holds a {type(content).__name__}, not a table of named tensors")
    if _is_optimiser(content):
        raise WeightsError(path, "it holds the state of an optimiser, not the weights of a network")
    key, tensors = _table(path, content)
    odd = [name for name, t in tensors.items() if t.layout != torch.strided or t.is_meta or t.is_quantized]
    if odd:
        raise WeightsError(path, f"{len(odd)} of its tensors are sparse, quantised or without numbers: {odd[0]}, …")
    about = {str(name): _number(value) for name, value in content.items() if isinstance(value, PLAIN)}
    return Contents(tensors, about if key else {}, key, by_torch=True)


PLAIN = (str, int, float, np.generic)
SAVE_ANEW = "Save the weights alone, where the file was made: torch.save(network.state_dict(), 'weights.pth')"


def _content(path: Path) -> Any:
    with tempfile.TemporaryFile() as copy:
        try:
            newer = in_old_words(path, copy)
        except Unknown:
            raise
        except Exception:  # damaged, perhaps: torch's reader decides
            newer = False
        copy.seek(0)
        return _loaded(copy if newer else path)


def _number(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _loaded(source: Any) -> Any:
    if isinstance(source, Path):
        with source.open("rb") as file:  # given a name, torch would judge the file by its suffix
            return _loaded(file)
    with warnings.catch_warnings(), torch.serialization.safe_globals(SCALARS):
        # torch warns of odd pickles before it refuses them: one message is enough.
        warnings.simplefilter("ignore", UserWarning)
        return torch.load(source, map_location="cpu", weights_only=True)


def _refusal(path: Path, error: Exception) -> str:
    """Why torch's reader refused the file: its content beside tensors, and the way out."""
    text = str(error)
    if not (isinstance(error, pickle.UnpicklingError) and ("GLOBAL" in text or "allowlisted" in text)):
        return "it cannot be read as weights without running code: it is cut short, damaged, or a file of another kind"
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # an old file, or a newer protocol: torch names only the first object
        names = []
    allowed = {each[1] if isinstance(each, tuple) else f"{each.__module__}.{each.__name__}" for each in SCALARS}
    names = [name for name in names if name not in allowed] or re.findall(r"GLOBAL ([\w.]+)", text)
    held = f" ({', '.join(sorted(set(names))[:SHOWN])})" if names else ""
    return f"refused: it holds code or objects{held}, not only tensors, and loading it would run them. {SAVE_ANEW}"


# Where the tensors are


def _is_table(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and bool(value)
        and all(isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in value.items())
    )


def _is_optimiser(value: Mapping[Any, Any]) -> bool:
    return value.keys() == {"state", "param_groups"}


def _tables(content: Mapping[Any, Any], path: str = "", depth: int = 3) -> Iterator[tuple[str, Mapping[str, Tensor]]]:
    """All tables of named tensors in nested ones, with the keys that lead to each."""
    if _is_table(content):
        yield path, content
        return
    for key, value in content.items():
        inner = isinstance(value, Mapping) and isinstance(key, str) and not _is_optimiser(value)
        if inner and depth:
            yield from _tables(value, f"{path}.{key}" if path else key, depth - 1)


def _table(path: Path, content: Mapping[Any, Any]) -> tuple[str, Mapping[str, Tensor]]:
    """The network's tensors: the table under a known key, or the only table in the file. Raises `WeightsError`."""
    found = dict(_tables(content))
    known = [key for key in found if all(part in ("", *WRAPPERS) for part in key.split("."))]
    if known:
        key = min(known, key=lambda each: [("", *WRAPPERS).index(part) for part in each.split(".")])
        return key, found[key]
    if len(found) == 1:
        return next(iter(found.items()))
    keys = ", ".join(f"{key!r} ({_told(value)})" for key, value in list(content.items())[:SHOWN])
    more = ", …" if len(content) > SHOWN else ""
    if found:
        tables = ", ".join(map(repr, found))
        raise WeightsError(path, f"it holds several tables of named tensors ({tables}): save one of them alone")
    wrappers = ", ".join(repr(key) for key in WRAPPERS)
    raise WeightsError(
        path,
        f"it holds no table of named tensors, neither by itself nor under one of {wrappers}: it holds "
        f"{keys or 'nothing'}{more}",
    )


def _told(value: Any) -> str:
    return f"{type(value).__name__} of {len(value)}" if isinstance(value, Mapping) else type(value).__name__
