"""Tables in Arrow files that are mapped into memory, not read: opening costs the same for ten rows and for a million.

All processes of a machine share the memory of such a file. A checksum of the content stands in the file: a block that
the disk has lost reads as zeros.
"""

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from labkit.atomic import write_atomically

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class ArrowFileError(ValueError):
    """A file that is not a whole Arrow file of ours; the message names it and says what is wrong."""


class Mapped(NamedTuple):
    """An Arrow file in memory: its tables, one batch each, and what was noted beside them."""

    batches: "tuple[pa.RecordBatch, ...]"
    about: dict[str, Any]


def write_tables(file: Path, tables: "Sequence[pd.DataFrame]", about: Mapping[str, Any]) -> Path:
    """Write tables of the same columns, one batch each, and `about` (JSON) beside them. Raises `OSError`."""
    import pyarrow as pa

    schema = pa.Schema.from_pandas(tables[0], preserve_index=False).remove_metadata()
    batches = [pa.RecordBatch.from_pandas(table, schema, preserve_index=False) for table in tables]
    # Through the file's own form: its buffers are cut to their length, and the checksum is that of the reader.
    batches = [pa.ipc.read_record_batch(batch.serialize(), schema) for batch in batches]
    noted = json.dumps({"about": dict(about), "checksum": _checksum(batches, about)})
    schema = schema.with_metadata({"labkit": noted})

    def write(temporary: Path) -> None:
        with pa.ipc.new_file(str(temporary), schema) as out:
            for batch in batches:
                out.write_batch(batch.replace_schema_metadata(schema.metadata))

    return write_atomically(file, write)


def map_tables(file: Path, columns: Iterable[str] = (), *, check: bool = True) -> Mapped:
    """The tables of a file, without a copy. With `check` the content is compared with its checksum, at 5 GB/s or so.

    Raises `FileNotFoundError` where there is none, and `ArrowFileError` for another kind of file, for a broken file, and
    for a file without one of these `columns`.
    """
    import pyarrow as pa

    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    try:
        source = pa.memory_map(str(file.absolute()))  # a relative `a:b` would be an address
        opened = pa.ipc.open_file(source)
        noted = json.loads((opened.schema.metadata or {})[b"labkit"])
        batches = tuple(opened.get_batch(number) for number in range(opened.num_record_batches))
        about, checksum = dict(noted["about"]), noted["checksum"]
        if check:
            for batch in batches:
                batch.validate(full=True)  # before a value is used: offsets that lead out of the file end the process
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise ArrowFileError(f"{file} is broken, or not an Arrow file of labkit ({error})") from None
    if check and checksum != _checksum(batches, about):
        raise ArrowFileError(f"{file} is broken: its content does not fit its checksum")
    lacking = [name for name in columns if name not in opened.schema.names]
    if lacking or not batches:
        raise ArrowFileError(f"{file} has no column {lacking[0]!r}" if lacking else f"{file} holds no table")
    return Mapped(batches, about)


def _checksum(batches: "Iterable[pa.RecordBatch]", about: Mapping[str, Any]) -> int:
    value = zlib.crc32(json.dumps(dict(about), sort_keys=True).encode())
    for batch in batches:
        for column in batch.columns:
            for buffer in column.buffers():
                value = value if buffer is None else zlib.crc32(buffer, value)
    return value
