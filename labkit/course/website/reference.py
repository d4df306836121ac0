"""The reference: every public name of labkit, read from the code, with nothing imported.

A page for each folder, a section for each module. A public name has no underscore before it: functions, classes with their
methods and fields, and values in capitals. Exercises of the course are left out, since their files hold the answers.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labkit.runs.project import PACKAGE

LEFT_OUT = re.compile(r"labkit\.(course\.exercises\.notebook_\d+|__main__)\b")
LONG = 120  # characters of a value that is shown
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Name:
    """A public name: its kind in Sphinx's Python domain, its signature, and its words in Markdown."""

    kind: str
    name: str
    signature: str
    words: str
    inside: tuple["Name", ...] = ()


@dataclass(frozen=True)
class Module:
    """A module, its words, its public names, and the names that it hands on from others: name → their home."""

    name: str
    words: str
    names: tuple[Name, ...]
    handed_on: dict[str, str]


def modules(package: Path = PACKAGE) -> Iterator[Module]:
    """All modules of the package with a public name or with words, sorted."""
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        if not LEFT_OUT.match(name) and not any(part.startswith("_") for part in name.split(".")[1:]):
            yield _module(name, path.read_text(encoding="utf-8"))


def public_names(module: Module) -> Iterator[str]:
    """The full names of a module's public names, methods and fields too."""
    yield module.name
    for one in module.names:
        yield f"{module.name}.{one.name}"
        yield from (f"{module.name}.{one.name}.{part.name}" for part in one.inside)


def pages(found: Sequence[Module]) -> dict[str, str]:
    """The pages by name (`labkit.models`), in MyST's Markdown: one for each folder, with its modules."""
    folders = {one.name for one in found if any(other.name.startswith(f"{one.name}.") for other in found)}
    homes = {f"{one.name}.{name}": home for one in found for name, home in one.handed_on.items()}
    by_page: dict[str, list[Module]] = {}
    for module in found:
        page = module.name if module.name in folders else module.name.rpartition(".")[0]
        by_page.setdefault(page, []).append(module)
    return {page: _page(page, several, homes) for page, several in sorted(by_page.items())}


def _page(page: str, several: Sequence[Module], homes: Mapping[str, str]) -> str:
    own = [module for module in several if module.name == page]
    rest = [module for module in several if module.name != page]
    lines = [f"# `{page}`", *(_section(module, homes) for module in own)]
    for module in rest:
        lines += [f"## `{module.name.removeprefix(page + '.')}`", _section(module, homes)]
    return "\n\n".join(lines) + "\n"


def _home(name: str, homes: Mapping[str, str]) -> str:
    """Where a name that is handed on, perhaps several times, stands in the code."""
    return _home(homes[name], homes) if name in homes else name


def _section(module: Module, homes: Mapping[str, str]) -> str:
    lines = [f":::{{py:module}} {module.name}\n:::", module.words]
    if module.handed_on:
        rows = [f"- {{py:obj}}`{name} <{_home(home, homes)}>`" for name, home in sorted(module.handed_on.items())]
        lines.append("Also here:\n\n" + "\n".join(rows))
    return "\n\n".join([*lines, *(_directive(one, 4) for one in module.names)])


def _directive(name: Name, colons: int) -> str:
    inside = "\n\n".join(_directive(one, 3) for one in name.inside)
    fence = ":" * colons
    body = "\n\n".join(filter(None, [name.words, inside]))
    return f"{fence}{{py:{name.kind}}} {name.name}{name.signature}\n\n{body}\n{fence}"


def _module(name: str, text: str) -> Module:
    tree, lines = ast.parse(text), text.splitlines()
    _Types(_homes(tree, name)).visit(tree)
    names = tuple(one for node in tree.body for one in _names(node, lines))
    return Module(name, _words(ast.get_docstring(tree)), names, dict(_handed_on(tree, name)))


def _homes(tree: ast.Module, module: str) -> dict[str, str]:
    """The names of a module → their full names: those it imports, its own classes and types."""
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    found = {alias.asname or alias.name: f"{node.module}.{alias.name}" for node in imported for alias in node.names}
    own = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    own += [
        one.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for one in node.targets
        if isinstance(one, ast.Name)
    ]
    return found | {name: f"{module}.{name}" for name in own}


class _Types(ast.NodeTransformer):
    """Gives the types of a module their full names, so that they link to one place. Takes the help texts of commands out."""

    def __init__(self, homes: dict[str, str]) -> None:
        self.homes = homes

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = self._type(node.annotation)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        node.annotation = self._type(node.annotation) or node.annotation
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = self._type(node.returns)
        return self.generic_visit(node)

    def _type(self, node: ast.expr | None) -> ast.expr | None:
        match node:
            case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[first, *_])):
                return self._type(first)
            case ast.Subscript(value=ast.Name(id="Literal")) | None:
                return node
            case ast.Name(id=name) | ast.Constant(value=str(name)) if name in self.homes:
                return ast.Name(self.homes[name])
        for field, value in ast.iter_fields(node):
            if isinstance(value, ast.expr):
                setattr(node, field, self._type(value))
            elif isinstance(value, list):
                setattr(node, field, [self._type(one) if isinstance(one, ast.expr) else one for one in value])
        return node


def _handed_on(tree: ast.Module, module: str) -> Iterator[tuple[str, str]]:
    """The names that a package has in `_HOMES` or imports for its `__all__`, with the modules that hold them."""
    listed: set[str] = set()
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="_HOMES")], value=ast.Dict(keys=keys, values=values)):
                for key, value in zip(keys, values, strict=True):
                    home = f"{module}.{ast.literal_eval(value)}"
                    yield ast.literal_eval(key), f"{home}.{ast.literal_eval(key)}"  # type: ignore[arg-type]
            case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List(elts=elements)):
                listed = {str(one.value) for one in elements if isinstance(one, ast.Constant)}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("labkit"):
            yield from ((alias.name, f"{node.module}.{alias.name}") for alias in node.names if alias.name in listed)


def _names(node: ast.stmt, lines: Sequence[str]) -> Iterator[Name]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() if not node.name.startswith("_"):
            yield Name("function", node.name, _signature(node), _words(ast.get_docstring(node)))
        case ast.ClassDef() if not node.name.startswith("_"):
            inside = tuple(one for part in node.body for one in _members(part, lines))
            made = next((part for part in node.body if isinstance(part, Function) and part.name == "__init__"), None)
            signature = _signature(made, method=True, returns=False) if made else ""
            kind = "exception" if any(ast.unparse(base).endswith("Error") for base in node.bases) else "class"
            yield Name(kind, node.name, signature, _words(ast.get_docstring(node)), inside)
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if name.isupper() and not name.startswith("_"):
            yield _value(name, None, value, node, lines, "data")
        case ast.AnnAssign(target=ast.Name(id=name)) if name[0] != "_" and name[0].isupper():
            yield _value(name, node.annotation, node.value, node, lines, "data")
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if name[0] != "_" and name[0].isupper():
            yield _value(name, None, value, node, lines, "data")  # the name of a type


def _members(node: ast.stmt, lines: Sequence[str]) -> Iterator[Name]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() if not node.name.startswith("_"):
            marks = {ast.unparse(mark).rpartition(".")[2] for mark in node.decorator_list}
            if marks & {"setter", "deleter", "overload"}:
                return
            words = _words(ast.get_docstring(node))
            if marks & {"property", "cached_property"}:
                given = f"\n:type: {ast.unparse(node.returns)}" if node.returns else ""
                yield Name("property", node.name, given, words)
            else:
                kind = (
                    "staticmethod" if "staticmethod" in marks else "classmethod" if "classmethod" in marks else "method"
                )
                yield Name(kind, node.name, _signature(node, method=kind != "staticmethod"), words)
        case ast.AnnAssign(target=ast.Name(id=name)) if name[0] != "_":
            yield _value(name, node.annotation, node.value, node, lines, "attribute")


def _value(
    name: str, annotation: ast.expr | None, value: ast.expr | None, node: ast.stmt, lines: Sequence[str], kind: str
) -> Name:
    """A value: its type, the value itself if it is short, and the comment behind it."""
    shown = ast.unparse(value) if value else ""
    if shown[:1] in ("'", '"') and not isinstance(value, ast.Constant):
        shown = f"({shown})"  # MyST takes what begins with a quote for a text up to the next quote
    options = f"\n:type: {ast.unparse(annotation)}" if annotation else ""
    options += f"\n:value: {shown}" if shown and len(shown) <= LONG else ""
    behind = lines[(node.end_lineno or 1) - 1].encode()[node.end_col_offset or 0 :].decode()
    comment = re.match(r"\s*#\s*(.*)", behind)
    return Name(kind, name, options, _words(comment[1]) if comment else "")


def _signature(node: Function, *, method: bool = False, returns: bool = True) -> str:
    arguments = node.args
    if method and arguments.args:
        arguments = ast.arguments(
            **{**{f: getattr(arguments, f) for f in arguments._fields}, "args": arguments.args[1:]}
        )
    given = f" -> {ast.unparse(node.returns)}" if returns and node.returns else ""
    return f"({' '.join(ast.unparse(arguments).split())}){given}"


def _words(docstring: str | None) -> str:
    """A docstring as Markdown. What is not code cannot become HTML, a link or emphasis."""
    parts = re.split(r"(^```.*?^```[^\n]*$|(?:^ {4}.*\n?)+|`[^`\n]*`)", docstring or "", flags=re.MULTILINE | re.DOTALL)
    parts[::2] = [re.sub(r"([<\[\]*_{}$|~])", r"\\\1", part) for part in parts[::2]]
    return "".join(parts)
