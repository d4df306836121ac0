"""A notebook before it runs: find it, read the parameters that it declares, check the given values.

The `parameters` cell is read with `ast`, never executed, so that a wrong parameter is named before anything starts.
"""

import ast
import io
import json
import tokenize
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.names import did_you_mean, meant_or_all
from labkit.records import read_mapping
from labkit.runs.annotation import NOTHING, SCALARS, Reads, read_type, type_of
from labkit.runs.project import course_folder

TAG = "parameters"
TRUE, FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


class NotebookError(ValueError):
    """A notebook or its parameters are wrong. The message says what is wrong, and what would be right."""


@dataclass(frozen=True)
class Parameter:
    """One line of the parameters cell: `name: type = default  # help`. A parameter with a plain type can be set."""

    name: str
    type: str  # as written; without an annotation, the type of the default
    default: Any  # of a computed default, the expression as text
    help: str = ""
    reads: Reads = NOTHING
    plain: bool = True  # False: the default is computed

    @property
    def choices(self) -> tuple[Any, ...]:
        """The choices of a Literal; empty for other types."""
        return self.reads.choices

    @property
    def shown(self) -> str:
        """The default as Python writes it."""
        return repr(self.default) if self.plain else str(self.default)


def find_notebook(name: str | Path, folder: str | Path | None = None) -> Path:
    """The notebook with this path, file name, stem or start of a stem: `05` is `05_overfitting_curves.ipynb`.

    It is looked for in `folder` (default: the course's `notebooks/`). Raises `NotebookError` with the nearest name.
    """
    path = Path(name)
    if path.suffix == ".ipynb" and path.is_file():
        return path.resolve()
    folder = Path(folder) if folder else course_folder() / "notebooks"
    there = {found.stem: found.resolve() for found in sorted(folder.glob("[!.]*.ipynb"))}
    stem = path.name.removesuffix(".ipynb")
    if path.parent == Path() and stem:
        matches = [stem] if stem in there else [one for one in there if one.startswith(stem)]
        if len(matches) == 1:
            return there[matches[0]]
        if matches:
            raise NotebookError(f"{str(name)!r} could be any of {', '.join(matches)}: give more of the name")
    if not there:
        raise NotebookError(f"there is no notebook {str(name)!r}, and no notebooks in {folder}")
    # People type one word of a long name, which is less like it than a misspelt name is.
    raise NotebookError(f"there is no notebook {str(name)!r}{meant_or_all(stem, there, cutoff=0.4)}")


def read_cells(path: Path) -> list[dict[str, Any]]:
    """The cells of a notebook file, each with its source as one string. Raises `NotebookError` for another file."""
    return [{**cell, "source": "".join(cell["source"])} for cell in read_content(path)["cells"]]


def read_content(path: Path) -> dict[str, Any]:
    """The content of a notebook file: `cells`, each with its type, source and metadata, and `metadata`.

    A byte-order mark is removed. Raises `NotebookError` for a file that is not a notebook.
    """
    try:
        content = read_mapping(path)
        for cell in content["cells"]:
            if not isinstance(cell["cell_type"], str) or not isinstance(cell.get("metadata", {}), dict):
                raise TypeError("a cell without its type or metadata")
            "".join(cell["source"])
        if not isinstance(content.get("metadata", {}), dict):
            raise TypeError("its metadata are not a mapping")
    except (ValueError, KeyError, TypeError) as error:
        why = f"{type(error).__name__}: {str(error).removeprefix(f'{path} ')}"
        raise NotebookError(f"{path} is not a notebook that can be read ({why})") from None
    return content


def read_parameters(path: Path) -> dict[str, Parameter]:
    """The parameters that a notebook declares, by name and in order; empty without a cell tagged `parameters`."""
    tagged = [cell for cell in read_cells(path) if TAG in (cell.get("metadata", {}).get("tags") or ())]
    if not tagged:
        return {}
    try:
        source = _without_magics(tagged[0]["source"].removeprefix("\ufeff"))
        statements = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError) as error:
        raise NotebookError(f"the parameters cell of {path.name} is not Python: {error}") from None
    comments = _comments(source)
    found = (_parameter(statement, comments) for statement in statements)
    return {parameter.name: parameter for parameter in found if parameter}


def check_parameters(declared: Mapping[str, Parameter], given: Mapping[str, Any], notebook: str) -> dict[str, Any]:
    """The given values in their declared types. Text is read as that type (`"3"` as an int, `"48,480"` as a list).

    Raises `NotebookError` for an undeclared name, with the nearest one, and for a wrong value.
    """
    checked = {}
    for name, value in given.items():
        if name not in declared:
            raise NotebookError(f"{notebook} has no parameter {name!r}{meant_or_all(name, declared)}")
        checked[name] = read_value(declared[name], value)
    return checked


def read_value(parameter: Parameter, value: Any) -> Any:
    """The value in the parameter's type. Raises `NotebookError`, which says what values the parameter takes."""
    reads = parameter.reads
    if reads.optional and (value is None or value in ("None", "none", "null")):
        return None
    if not reads.kinds:
        raise NotebookError(_untyped(parameter))
    for kind in reads.kinds:
        read = _from_text(kind, reads.item, value) if isinstance(value, str) else _from_object(kind, reads.item, value)
        if read is not None and (not reads.choices or read in reads.choices):
            return read
    raise _wrong(parameter, value)


def computed_before(declared: Mapping[str, Parameter], given: Mapping[str, Any]) -> str:
    """A warning about parameters that the cell computes from the defaults of given ones; empty if there are none."""
    set_anew = {name for name, value in given.items() if not declared[name].plain or value != declared[name].default}
    stale = []
    for one in declared.values():
        if one.plain or one.name in given:
            continue
        names = {node.id for node in ast.walk(ast.parse(one.default)) if isinstance(node, ast.Name)}
        if names & set_anew:
            set_anew.add(one.name)
            stale.append(f"{one.name} = {one.default}")
    if not stale:
        return ""
    return (
        f"{'; '.join(stale)}: computed from the defaults, before the given values are set; compute it in a later cell"
    )


def split_assignments(texts: Sequence[str]) -> dict[str, str]:
    """`["seed=3", "device=cpu"]` as a mapping. Raises `NotebookError` for a text without `=`, and for a name given twice."""
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip().isidentifier():
            raise NotebookError(f"a parameter is written name=value, not {text!r}")
        name = name.strip()
        if name in pairs:
            raise NotebookError(f"the parameter {name!r} is given twice: {pairs[name]!r} and {value!r}")
        pairs[name] = value
    return pairs


def _parameter(statement: ast.stmt, comments: Mapping[int, str]) -> Parameter | None:
    """The parameter that an assignment declares; None for other statements."""
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
        name, annotation, value = statement.target.id, statement.annotation, statement.value
    elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        name, annotation, value = statement.targets[0].id, None, statement.value
    else:
        return None
    reads = read_type(annotation) if annotation else None
    try:
        default = ast.literal_eval(value)
        json.dumps(default)  # a run cannot keep a set, for example
    except (ValueError, TypeError):
        written = ast.unparse(annotation) if annotation else "computed"
        return Parameter(name, written, ast.unparse(value), _help(statement, comments), reads or NOTHING, plain=False)
    written = ast.unparse(annotation) if annotation else type(default).__name__
    return Parameter(name, written, default, _help(statement, comments), reads or type_of(default))


def _help(statement: ast.stmt, comments: Mapping[int, str]) -> str:
    return comments.get(statement.end_lineno or 0, "")


def _without_magics(source: str) -> str:
    """The cell as plain Python: magics (`%matplotlib inline`, `!ls`, `%%time`) become calls."""
    try:
        ast.parse(source)
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager

        lines = source.splitlines(keepends=True)
        first = next((number for number, line in enumerate(lines) if line.strip()), 0)
        if lines[first].startswith("%%"):  # the cell below it is still a cell
            lines[first] = "\n"
        return str(TransformerManager().transform_cell("".join(lines)))
    return source


def _comments(source: str) -> dict[int, str]:
    """The comment at the end of each line, by line number."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}


def _from_text(kind: str, item: str, text: str) -> Any:
    """The text as a value of `kind`; None if it cannot be read as one."""
    if kind == "str":
        return text
    if kind == "bool":
        return True if text.lower() in TRUE else False if text.lower() in FALSE else None
    try:
        if kind in ("int", "float"):
            return SCALARS[kind](text)
        value = ast.literal_eval(text) if text[:1] in ("[", "(", "{") else _split(text, item)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    return _of_items(value, kind, item)


def _split(text: str, item: str) -> list[Any]:
    """`"48,480"` as a list. Items without a declared type are read as numbers if possible."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if item:
        return [_from_text(item, "", part) for part in parts]
    return [next((v for k in ("int", "float") if (v := _from_text(k, "", part)) is not None), part) for part in parts]


def _from_object(kind: str, item: str, value: Any) -> Any:
    """A Python value as a value of `kind`; None if it cannot be. True does not count as an int; an int counts as a float."""
    if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind == "int" and isinstance(value, bool):
        return None
    return _of_items(value, kind, item)


def _of_items(value: Any, kind: str, item: str) -> Any:
    """`value` if it is of `kind` and its items of type `item`; else None. A list may stand for a tuple, and a tuple for a list."""
    if kind in ("list", "tuple") and isinstance(value, list | tuple):
        value = SCALARS[kind](value)
        wanted: Any = (int, float) if item == "float" else SCALARS.get(item, object)
        return value if all(isinstance(one, wanted) for one in value) else None
    return value if isinstance(value, SCALARS.get(kind, object)) else None


def _wrong(parameter: Parameter, value: Any) -> NotebookError:
    takes = f"one of {', '.join(map(repr, parameter.choices))}" if parameter.choices else parameter.type
    hint = did_you_mean(str(value), map(str, parameter.choices)).rstrip(".") or f", for example {parameter.shown}"
    return NotebookError(f"the parameter {parameter.name!r} takes {takes}, not {value!r}{hint}")


def _untyped(parameter: Parameter) -> str:
    """A message: why a parameter cannot be set, and how to change its line so that it can."""
    said = f"the parameter {parameter.name!r} starts as {parameter.shown}, which is not a plain value"
    if parameter.plain or parameter.type != "computed":
        said = f"the parameter {parameter.name!r} has the type {parameter.type}, which is not plain"
    optional = " | None" if parameter.reads.optional else ""
    line = f"{parameter.name}: int{optional} = {parameter.shown}"
    return f"{said}: to set it, give it one in the notebook ({', '.join(SCALARS)}), for example `{line}`"
