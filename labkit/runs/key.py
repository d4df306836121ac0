"""The key of a run: a hash of everything that its numbers depend on, but threads and device."""

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from labkit.runs.notebook import read_cells

ASIDE = "aside"  # the tag of cells that no number depends on
MEASURED_BY = ("data", "models", "training", "clip.py", "records.py")  # the code that numbers depend on


class Keys:
    """Makes the keys of one notebook's runs. The code is read once, here."""

    def __init__(self, notebook: Path):
        self._notebook, self._package = notebook_code(notebook).encode(), _package_code()

    def of(self, parameters: Mapping[str, Any]) -> str:
        """The key of a run with these parameters: 12 letters and digits."""
        digest = hashlib.sha256(self._notebook)
        digest.update(json.dumps(parameters, sort_keys=True, default=str).encode())
        digest.update(self._package)
        return digest.hexdigest()[:12]


def notebook_code(path: Path) -> str:
    """A notebook's code. Prose, outputs and cells tagged `aside`, which only show something, are left out."""
    cells = [cell for cell in read_cells(path) if cell["cell_type"] == "code"]
    return "\n\n".join(cell["source"] for cell in cells if ASIDE not in cell.get("metadata", {}).get("tags", []))


def code_version() -> str:
    """A hash of the installed code that numbers depend on: labkit's and torch's version. Two machines must agree in it."""
    return hashlib.sha256(_package_code()).hexdigest()[:12]


def _package_code() -> bytes:
    """The package's files that numbers depend on, one after the other, and the version of torch."""
    package = Path(__file__).resolve().parents[1]
    parts = [package / part for part in MEASURED_BY]
    files = [file for part in parts for file in ([part] if part.is_file() else sorted(part.rglob("*.py")))]
    return b"".join(file.read_bytes() for file in files) + version("torch").encode()
