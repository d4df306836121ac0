"""PyTorch files written with a newer pickle protocol, rewritten so that torch's safe reader takes them.

`torch.save(..., pickle_protocol=4)` or 5 uses other opcodes for the same content: strings with a short length, memory by
order instead of by number, names of classes from the stack. torch's reader of weights knows the opcodes of protocol 2
alone. They are exchanged here, one for one. Nothing is built or called: torch alone decides what may be built.
"""

import pickle
import pickletools
import shutil
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

OLD = 2  # the protocol that torch's reader knows
_PARTS = 5  # pickles at the beginning of a file in the old format, without zip: magic number, version, machine, content, keys


class Unknown(ValueError):
    """An opcode without a counterpart in protocol 2."""


def in_old_words(path: Path, copy: IO[bytes]) -> bool:
    """Write the file at `path` to `copy` in protocol 2. Returns False, and writes nothing, if it is in protocol 2 already.

    Raises `Unknown`, or any exception of a reader for damaged bytes.
    """
    if zipfile.is_zipfile(path):
        return _zip_in_old_words(path, copy)
    with path.open("rb") as file:
        if not _is_newer(file.read(2)):
            return False
    data = path.read_bytes()
    for _ in range(_PARTS):
        words, length = rewritten(data)
        copy.write(words)
        data = data[length:]
    copy.write(data)
    return True


def _zip_in_old_words(path: Path, copy: IO[bytes]) -> bool:
    with zipfile.ZipFile(path) as file:
        name = next((each for each in file.namelist() if each.endswith("data.pkl")), "")
        content = file.read(name) if name else b""
        if not _is_newer(content):
            return False
        with zipfile.ZipFile(copy, "w") as made:
            for entry in file.infolist():
                if entry.filename == name:
                    made.writestr(name, rewritten(content)[0])
                    continue
                with file.open(entry) as old, made.open(entry.filename, "w", force_zip64=True) as new:
                    shutil.copyfileobj(old, new)
    return True


def _is_newer(data: bytes) -> bool:
    return data[:1] == pickle.PROTO and data[1:2] > bytes([OLD])


@dataclass
class _Word:
    data: bytes
    text: str | None = None  # of a string


def rewritten(data: bytes) -> tuple[bytes, int]:
    """One pickle in protocol 2, and how many bytes it had. Raises `Unknown`."""
    words: list[_Word] = []
    memory: dict[int, str | None] = {}  # number -> the string, or None for anything else
    found = list(pickletools.genops(data))
    starts = [place or 0 for _, _, place in found]
    end = (starts[-1] if starts else 0) + 1
    given: Any
    for (word, given, start), stop in zip(found, [*starts[1:], end], strict=True):
        if word.name in ("MEMOIZE", "BINPUT", "LONG_BINPUT"):
            number = len(memory) if word.name == "MEMOIZE" else given
            memory[number] = words[-1].text
            if memory[number] is None:
                words.append(_Word(_numbered(pickle.BINPUT, pickle.LONG_BINPUT, number)))
        elif word.name in ("BINGET", "LONG_BINGET"):
            text = memory[given]
            kept = _Word(_numbered(pickle.BINGET, pickle.LONG_BINGET, given))
            words.append(kept if text is None else _string(text))
        elif word.name == "STACK_GLOBAL":
            module, name = words[-2].text, words[-1].text
            if module is None or name is None or "\n" in module + name:
                raise Unknown("a class whose name is computed")
            words[-2:] = [_Word(pickle.GLOBAL + f"{module}\n{name}\n".encode())]
        elif word.name in _IN_OLD:
            words.append(_IN_OLD[word.name](given))
        elif word.proto > OLD:
            raise Unknown(f"{word.name.lower()}, which pickle protocol {OLD} does not have")
        else:
            words.append(_Word(data[start:stop]))
    return b"".join(word.data for word in words), end


def _numbered(short: bytes, long: bytes, number: int) -> bytes:
    return short + bytes([number]) if number < 256 else long + struct.pack("<I", number)


def _string(text: str) -> _Word:
    encoded = text.encode("utf-8", "surrogatepass")
    return _Word(pickle.BINUNICODE + struct.pack("<I", len(encoded)) + encoded, text)


def _bytes(value: bytes) -> _Word:
    """As protocol 2 writes them: a string, to be encoded."""
    text, code = _string(value.decode("latin1")), _string("latin1")
    return _Word(pickle.GLOBAL + b"_codecs\nencode\n" + text.data + code.data + pickle.TUPLE2 + pickle.REDUCE)


_IN_OLD: dict[str, Callable[[Any], _Word]] = {
    "PROTO": lambda version: _Word(pickle.PROTO + bytes([OLD])),
    "FRAME": lambda length: _Word(b""),
    **dict.fromkeys(("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"), _string),
    **dict.fromkeys(("SHORT_BINBYTES", "BINBYTES", "BINBYTES8"), _bytes),
}
