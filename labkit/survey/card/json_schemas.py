"""JSON Schemas of the files that people edit, so that an editor completes keys and marks mistakes while they type.

`summaries/schema/` holds them: `paper.schema.json` for `paper.yaml`, `card.schema.json` for a card's front matter,
`result.schema.json` for one row of `results.csv`.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from labkit.atomic import write_atomically
from labkit.survey.card.schema import Card
from labkit.survey.publication.files import own_place, summaries_folder
from labkit.survey.publication.schema import RESULT_COLUMNS, Paper, Result

SCHEMAS: dict[str, type[BaseModel]] = {"paper": Paper, "card": Card, "result": Result}


def json_schema(name: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of `paper`, `card` or `result`."""
    schema = SCHEMAS[name].model_json_schema(mode="validation")
    if name == "result":  # the library sets the rest itself
        schema["properties"] = {key: value for key, value in schema["properties"].items() if key in RESULT_COLUMNS}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_text(name: str) -> str:
    """The same as the text of its file."""
    return json.dumps(json_schema(name), indent=2, ensure_ascii=False) + "\n"


def write_schemas(folder: str | Path | None = None) -> list[Path]:
    """Write all schemas into a folder, by default `summaries/schema`; returns the files."""
    folder = Path(folder) if folder else summaries_folder() / "schema"
    return [_write(folder / f"{name}.schema.json", schema_text(name)) for name in SCHEMAS]


def _write(path: Path, text: str) -> Path:
    return write_atomically(own_place(path), lambda temporary: temporary.write_text(text, "utf-8", newline="\n"))
