"""Annotation files in JSON: read whole, with one clear message for a broken one."""

import json
from pathlib import Path
from typing import Any

from labkit.data.layouts import LayoutError


def read_json(file: Path) -> Any:
    """The content of a JSON file. Raises `LayoutError` with file, line and column where it is broken."""
    try:
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise LayoutError(f"{file}, line {error.lineno}: not JSON, or cut short ({error.msg})") from None
    except (UnicodeDecodeError, RecursionError) as error:
        raise LayoutError(f"{file}: not JSON ({error})") from None
