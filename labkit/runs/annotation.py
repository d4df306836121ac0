"""The values that a parameter may take, read from its annotation. The annotation is not executed."""

import ast
from dataclasses import dataclass
from typing import Any

SCALARS = {"bool": bool, "int": int, "float": float, "str": str, "list": list, "tuple": tuple, "dict": dict}
_SAME = {"sequence": "list", "mapping": "dict"}
# A value is tried as each. `str` comes last: any text can be one.
_ORDER = ("int", "float", "bool", "list", "tuple", "dict", "str")


@dataclass(frozen=True)
class Reads:
    """The plain types of a value (`int | None`: int), whether it may be None, and the choices of a Literal.

    `item` is the type of a list's items: `int` for `list[int]`, empty if the annotation does not say.
    """

    kinds: tuple[str, ...] = ()
    optional: bool = False
    choices: tuple[Any, ...] = ()
    item: str = ""


NOTHING = Reads()


def read_type(annotation: ast.expr) -> Reads:
    """The values that an annotation allows. Without a plain type in it, the parameter cannot be set."""
    kinds, choices, item, optional = [], [], "", False
    for node in _alternatives(annotation):
        name = _name(node)
        if name in ("None", "NoneType"):
            optional = True
        elif name == "Literal" and isinstance(node, ast.Subscript):
            choices += _values(node.slice)
        elif (kind := _SAME.get(name.lower(), name.lower())) in SCALARS:
            kinds.append(kind)
            if kind in ("list", "tuple") and isinstance(node, ast.Subscript):
                inner = _name(node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice)
                item = inner if inner in SCALARS else ""
    optional |= None in choices
    choices = [one for one in choices if one is not None]
    kinds += [type(one).__name__ for one in choices]
    return Reads(_sorted(kinds), optional, tuple(choices), item)


def type_of(default: Any) -> Reads:
    """The values for a parameter without annotation: those of its default's type."""
    return Reads(_sorted([type(default).__name__]), default is None)


def _sorted(kinds: list[str]) -> tuple[str, ...]:
    return tuple(sorted({kind for kind in kinds if kind in SCALARS}, key=_ORDER.index))


def _alternatives(node: ast.expr) -> list[ast.expr]:
    """The types in `int | None`, `Optional[int]`, `Union[int, None]` or `Annotated[int, ...]`, also where it is a string."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            return _alternatives(ast.parse(node.value, mode="eval").body)
        except SyntaxError:
            return []
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [*_alternatives(node.left), *_alternatives(node.right)]
    if isinstance(node, ast.Subscript):
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if _name(node) == "Optional":
            return [*_alternatives(parts[0]), ast.Constant(None)]
        if _name(node) == "Union":
            return [one for part in parts for one in _alternatives(part)]
        if _name(node) == "Annotated":
            return _alternatives(parts[0])
    return [node]


def _name(node: ast.expr) -> str:
    """The last name in `typing.List[int]`: List. Empty if there is no name."""
    if isinstance(node, ast.Subscript):
        return _name(node.value)
    if isinstance(node, ast.Constant):
        return "None" if node.value is None else ""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _values(node: ast.expr) -> list[Any]:
    """The choices of a Literal."""
    try:
        read = ast.literal_eval(node)
    except ValueError:
        return []
    return list(read) if isinstance(read, tuple) else [read]
