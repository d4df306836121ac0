"""The rows of a dataset's table: in memory, or mapped from a kept file.

Mapped rows cost a worker next to nothing: it gets the file's name and the numbers of the chosen rows, and all processes
of a machine share the memory of the columns.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from labkit.data.arrow_file import Mapped, map_tables

if TYPE_CHECKING:
    import pyarrow as pa


class Rows(Protocol):
    """The rows of a table, whole columns of it, and single cells."""

    def __len__(self) -> int: ...

    def __contains__(self, name: str) -> bool: ...

    @property
    def frame(self) -> pd.DataFrame:
        """All rows as a table of pandas."""

    def column(self, name: str) -> NDArray[Any]:
        """A column of numbers or flags, `(rows,)`; without a copy where that is possible."""

    def cell(self, name: str, row: int) -> Any:
        """One value: a number, a flag, or a text."""

    def take(self, chosen: NDArray[Any]) -> Self:
        """Only these rows (numbers, or a flag a row), in this order."""

    def but(self, **columns: NDArray[Any]) -> Self:
        """The same rows with other values in these columns of numbers or flags, `(rows,)` each."""


class TableRows:
    """Rows in the memory of this process: a table of pandas."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame.reset_index(drop=True)

    def __len__(self) -> int:
        return len(self.frame)

    def __contains__(self, name: str) -> bool:
        return name in self.frame

    def column(self, name: str) -> NDArray[Any]:
        """As `Rows.column`."""
        return self.frame[name].to_numpy()

    def cell(self, name: str, row: int) -> Any:
        """As `Rows.cell`."""
        return self._cells[name][row]

    @cached_property
    def _cells(self) -> dict[str, Any]:
        """The columns as arrays: a cell of a table of pandas costs more than the rest of an item."""
        # Texts not as Python strings: for Kinetics those are some tens of megabytes in every worker.
        columns = [self.frame[name] for name in self.frame]
        return {str(c.name): c.to_numpy() if c.dtype.kind in "biuf" else c.array for c in columns}

    def take(self, chosen: NDArray[Any]) -> Self:
        """As `Rows.take`."""
        return type(self)(self.frame.iloc[chosen])

    def but(self, **columns: NDArray[Any]) -> Self:
        """As `Rows.but`."""
        return type(self)(self.frame.assign(**columns))

    def __getstate__(self) -> dict[str, Any]:
        return {"frame": self.frame}


class MappedRows:
    """Rows of one table of an Arrow file (`labkit.data.arrow_file`), all of them or a choice, with some columns changed.

    `id` is a mark in the file's notes. A process that finds another file under the name raises `RuntimeError`: its rows
    would not be the rows that were chosen.
    """

    def __init__(
        self, file: Path, batch: int, names: tuple[str, ...], id: str, chosen: NDArray[np.int32] | None = None
    ) -> None:
        self.file, self.batch, self.names, self.id = file, batch, names, id
        self._chosen = chosen  # None: all
        self._changed: dict[str, NDArray[Any]] = {}  # by column, of the chosen rows

    @classmethod
    def of(cls, file: Path, mapped: Mapped, batch: int, names: Sequence[str]) -> Self:
        """All rows of a table of a file that is mapped already.

        The check of the file has touched its memory here, so that a worker shares it and needs none of its own.
        """
        rows = cls(file, batch, tuple(names), mapped.about["id"])
        rows.__dict__["_columns"] = rows._of(mapped)
        return rows

    @cached_property
    def _columns(self) -> "dict[str, pa.Array]":
        try:
            mapped: Mapped = map_tables(self.file, self.names, check=False)
        except FileNotFoundError:
            raise self._lost("is gone") from None
        if mapped.about.get("id") != self.id:
            raise self._lost("has changed")
        return self._of(mapped)

    def _of(self, mapped: Mapped) -> "dict[str, pa.Array]":
        return {name: mapped.batches[self.batch].column(name) for name in self.names}

    def _lost(self, how: str) -> RuntimeError:
        return RuntimeError(
            f"the list of the dataset's videos {how} since the dataset was opened ({self.file}): open it again"
        )

    @cached_property
    def _numbers(self) -> dict[str, NDArray[Any]]:
        """The columns of numbers, seen as arrays without a copy."""
        import pyarrow as pa

        kinds = {name: column.type for name, column in self._columns.items()}
        numeric = [name for name, kind in kinds.items() if pa.types.is_integer(kind) or pa.types.is_floating(kind)]
        return {name: self._columns[name].to_numpy(zero_copy_only=True) for name in numeric}

    def __len__(self) -> int:
        return len(self._columns[self.names[0]]) if self._chosen is None else len(self._chosen)

    def __contains__(self, name: str) -> bool:
        return name in self.names

    @cached_property
    def frame(self) -> pd.DataFrame:
        """All rows as a table of pandas, made when it is first asked for."""
        import pyarrow as pa

        table = pa.table(dict(self._columns))
        frame = (table if self._chosen is None else table.take(self._chosen)).to_pandas()
        return frame.assign(**{name: values.astype(frame[name].dtype) for name, values in self._changed.items()})

    def column(self, name: str) -> NDArray[Any]:
        """As `Rows.column`."""
        if name in self._changed:
            return self._changed[name]
        whole = self._numbers[name] if name in self._numbers else self._columns[name].to_numpy(zero_copy_only=False)
        return whole if self._chosen is None else whole[self._chosen]

    def cell(self, name: str, row: int) -> Any:
        """As `Rows.cell`."""
        if name in self._changed:
            return self._changed[name][row]
        at = row if self._chosen is None else int(self._chosen[row])
        return self._numbers[name][at] if name in self._numbers else self._columns[name][at].as_py()

    def take(self, chosen: NDArray[Any]) -> Self:
        """As `Rows.take`."""
        whole = np.arange(len(self), dtype=np.int32) if self._chosen is None else self._chosen
        taken = type(self)(self.file, self.batch, self.names, self.id, whole[chosen])
        taken.__dict__["_columns"] = self._columns
        taken._changed = {name: values[chosen] for name, values in self._changed.items()}
        return taken

    def but(self, **columns: NDArray[Any]) -> Self:
        """As `Rows.but`."""
        changed = type(self)(self.file, self.batch, self.names, self.id, self._chosen)
        changed.__dict__["_columns"] = self._columns
        changed._changed = self._changed | {name: _small(np.asarray(values)) for name, values in columns.items()}
        return changed

    def __getstate__(self) -> dict[str, Any]:
        """Without the map, which each process makes for itself."""
        return {name: value for name, value in self.__dict__.items() if name not in ("_columns", "_numbers", "frame")}


def _small(values: NDArray[Any]) -> NDArray[Any]:
    """Whole numbers in the smallest type that holds them all: each worker gets a copy."""
    if values.dtype.kind not in "iu" or not len(values):
        return values
    return values.astype(np.promote_types(np.min_scalar_type(values.min()), np.min_scalar_type(values.max())))
