"""Draws which folder of labkit imports which, from the code, into `docs/architecture.md`.

Run `python docs/draw_imports.py` after the imports between folders changed; `tests/test_arrows.py` says when.
"""

import ast
import re
from collections.abc import Iterator
from importlib.util import resolve_name
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "architecture.md"
START, END = "<!-- drawn by docs/draw_imports.py -->\n", "<!-- end of the drawing -->\n"
ROOMS = "survey"  # the folder whose own folders stand in the drawing too
LEAVES = "leaves"  # the files beside the folders
NO_LEAVES = ("__main__", "terminal")  # files beside the folders that import folders

Arrows = dict[str, set[str]]  # a module or folder → what it imports


def imports(package: Path) -> Arrows:
    """Each module of a package → the modules of the package that it imports: at the top, in functions, or for types."""
    paths = {
        ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in package.rglob("*.py")
    }
    found: Arrows = {}
    for module, path in paths.items():
        inside = module if path.stem == "__init__" else module.rpartition(".")[0]
        names = {name for node in ast.walk(ast.parse(path.read_bytes())) for name in _named(node, inside)}
        found[module] = {_holder(name, paths) for name in names} - {"", module}
    return found


def _named(node: ast.AST, inside: str) -> Iterator[str]:
    """The dotted names that a statement of a package imports, or will when a name of its table is asked for."""
    match node:
        case ast.Import():
            yield from (alias.name for alias in node.names)
        case ast.ImportFrom():
            start = resolve_name("." * node.level + (node.module or ""), inside)
            yield from (f"{start}.{alias.name}" for alias in node.names)
        case ast.Assign(targets=[ast.Name(id="_HOMES")], value=ast.Dict(values=values)):
            yield from (f"{inside}.{ast.literal_eval(value)}" for value in values)
        case ast.Constant(value=str(text)) if re.fullmatch(r"[a-z]\w*:[A-Za-z]\w*", text):  # a builder of the zoo
            yield f"{inside.rpartition('.')[0]}.{text.partition(':')[0]}"


def _holder(name: str, modules: dict[str, Path]) -> str:
    """The module of the package that holds a dotted name, "" for one of another package."""
    while name not in modules and name:
        name = name.rpartition(".")[0]
    return name


def folder(module: str, package: Path) -> str:
    """The folder of a module as the table calls it: `data`, `survey/card`, or `leaves`."""
    first, *rest = module.split(".")[1:] or [LEAVES]
    if (package / first).is_dir():
        return f"{first}/{rest[0]}" if first == ROOMS and rest and (package / first / rest[0]).is_dir() else first
    return first if first in NO_LEAVES else LEAVES


def between_folders(package: Path) -> Arrows:
    """Each folder → the other folders that its modules import."""
    found: Arrows = {}
    for module, imported in imports(package).items():
        own = folder(module, package)
        found.setdefault(own, set()).update({folder(one, package) for one in imported} - {own})
    return found


def drawing(arrows: Arrows) -> str:
    """The folders as a Mermaid flowchart, without the leaves and without arrows that a longer way shows."""
    drawn = {one: others - {LEAVES} for one, others in arrows.items() if one != LEAVES}
    lines = ["```mermaid", "flowchart TD"]
    for one in sorted(drawn):
        longer = {far for near in drawn[one] for far in _reached(near, drawn)}
        lines += [f"    {_box(one)} --> {_box(other)}" for other in sorted(drawn[one] - longer)]
    return "\n".join([*lines, "```"]) + "\n"


def _reached(start: str, arrows: Arrows) -> set[str]:
    """All folders that one imports, at first or further hand."""
    seen: set[str] = set()
    left = [*arrows[start]]
    while left:
        one = left.pop()
        if one not in seen:
            seen.add(one)
            left += arrows[one]
    return seen


def _box(name: str) -> str:
    return f'{name.replace("/", "_").strip("_")}["{name}"]'


def main() -> None:
    """Write the drawing between its two marks in the page."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    after = rest.partition(END)[2]
    text = before + START + drawing(between_folders(ROOT / "labkit")) + END + after
    PAGE.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
