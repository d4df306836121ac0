"""The files of labkit that decide what a module does: its own file and the files of all modules it imports.

Results that are kept on disk carry `digest_of_code` of the modules that made them in their name: after an edit in any
of these files they are worked out anew.
"""

import ast
import functools
import hashlib
import re
from collections.abc import Callable, Collection, Iterator
from importlib.util import resolve_name
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parent

# Import statements alone are parsed: whole files take ten times as long, and every search of the library would wait.
IMPORT = re.compile(r"^[ \t]*((?:from|import) (?:labkit\b|\.)[^(\n]*(?:\([^)]*\))?)", re.MULTILINE)
FOR_TYPES = re.compile(r"^if TYPE_CHECKING:\n((?:[ \t]+.*\n|\n)+)", re.MULTILINE)


class Import(NamedTuple):
    """`import module`, or `from module import name`."""

    module: str
    name: str = ""


class Source(NamedTuple):
    """One file."""

    content: bytes
    imports: tuple[Import, ...]
    for_types: tuple[Import, ...]  # the imports below `if TYPE_CHECKING:`


def digest_of_code(*modules: str, package: Path = PACKAGE) -> str:
    """A hash that changes with every file in the `closure` of `modules`, and with no other."""
    digest = hashlib.sha256()
    for path, content in closure(*modules, package=package).items():
        digest.update(f"{path.relative_to(package).as_posix()} {len(content)} ".encode() + content)
    return digest.hexdigest()


def closure(*modules: str, package: Path = PACKAGE) -> dict[Path, bytes]:
    """The files that decide what `modules` do, with their contents. Only files in `package` count.

    A module is named as in `labkit.data.clips`; the name of a package stands for all modules in it. Imports inside
    functions count. Imports for type checkers do not, but they tell where a package finds the names it loads when
    asked. A module imported by a string is not seen: name it too. Raises `ModuleNotFoundError` for an unknown module.
    """
    # Editors leave files such as `.#name.py` beside a module; these are not modules.
    paths = sorted(path for path in package.rglob("*.py") if path.stem.isidentifier())
    files = {_module(path, package): path for path in paths}
    if unknown := [module for module in modules if module not in files]:
        raise ModuleNotFoundError(f"no module named {unknown[0]!r} in {package}", name=unknown[0])
    read = functools.cache(lambda module: _read(files[module], module))
    beginnings = tuple(f"{module}." for module in modules)
    found: set[str] = set()
    new = {module for module in files if f"{module}.".startswith(beginnings)}
    while new:
        found |= new
        imported = {name for module in new for one in read(module).imports for name in _origins(one, read, files)}
        new = ((imported | {module.rpartition(".")[0] for module in new}) & files.keys()) - found
    return {path: read(module).content for module, path in files.items() if module in found}


def _origins(one: Import, read: Callable[[str], Source], files: Collection[str]) -> Iterator[str]:
    """Names of modules that an import may load. Some of the names are functions or classes, which `closure` leaves out."""
    yield from (one.module, f"{one.module}.{one.name}")
    if one.name and one.module in files:
        for other in read(one.module).for_types:
            if other.name == one.name:
                yield from (other.module, f"{other.module}.{other.name}")


def _read(path: Path, module: str) -> Source:
    content = path.read_bytes()
    text = content.decode("utf-8").replace("\r\n", "\n")
    inside = module if path.name == "__init__.py" else module.rpartition(".")[0]
    imports = tuple(_imports(FOR_TYPES.sub("", text), inside))
    return Source(content, imports, tuple(_imports("".join(FOR_TYPES.findall(text)), inside)))


def _imports(text: str, package: str) -> Iterator[Import]:
    """The import statements in a text that is part of a module in `package`."""
    for statement in ast.parse("\n".join(IMPORT.findall(text))).body:
        if isinstance(statement, ast.Import):
            yield from (Import(alias.name) for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            source = resolve_name("." * statement.level + (statement.module or ""), package)
            yield from (Import(source, alias.name) for alias in statement.names)


def _module(path: Path, package: Path) -> str:
    """The name by which a file is imported: `labkit.data.clips`."""
    return ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")
