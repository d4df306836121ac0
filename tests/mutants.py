"""Small changes to an answer, each of which a good check rejects: another operator, constant or comparison, a missing line."""

import ast
import copy
from collections.abc import Iterator

OTHER = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}


def mutants(code: str, first: int, last: int) -> Iterator[tuple[str, str]]:
    """(name, code) of each change in the lines `first` to `last` of the code; the name says what changed."""
    seen: dict[str, int] = {}
    for place, node in enumerate(ast.walk(ast.parse(code))):
        if not first <= getattr(node, "lineno", 0) <= last:
            continue
        for change in range(len(list(_changes(node)))):
            tree = ast.parse(code)
            target = list(ast.walk(tree))[place]
            new = list(_changes(target))[change]
            name = f"{_line(target)} → {_line(new)}"
            seen[name] = seen.get(name, 0) + 1
            changed = ast.unparse(ast.fix_missing_locations(_Put(target, new).visit(tree)))
            yield name if seen[name] == 1 else f"{name} ({seen[name]})", changed


def _line(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())


class _Put(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else super().generic_visit(node)


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that may stand in place of this one."""
    match node:
        case ast.BinOp() | ast.AugAssign() | ast.BoolOp() if type(node.op) in OTHER:
            yield _with(node, op=OTHER[type(node.op)]())
        case ast.UnaryOp():
            yield node.operand
        case ast.Compare():
            for n, op in enumerate(node.ops):
                if type(op) in OTHER:
                    yield _with(node, ops=[*node.ops[:n], OTHER[type(op)](), *node.ops[n + 1 :]])
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=str(value)):
            yield ast.Constant(value + "x")
        case ast.Call(args=[first, second, *rest]):
            yield _with(node, args=[second, first, *rest])
        case ast.IfExp():
            yield _with(node, body=node.orelse, orelse=node.body)
        case ast.Assign() | ast.AugAssign() | ast.Expr() | ast.For() | ast.If():
            yield ast.Pass()
        case ast.Return(value=ast.expr()):
            yield ast.Return(None)


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed
