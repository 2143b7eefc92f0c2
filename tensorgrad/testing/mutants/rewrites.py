"""Faults in a function's source: each of its nodes, replaced by what could be there."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .source import Function

Change = tuple[str, Any]  # the fault, and what stands in a node's place

# Calls that the numbers don't depend on, and those whose first argument means nothing.
_KEPT = {
    *("array", "asarray", "ascontiguousarray", "astype", "float", "int", "list"),
    *("dict", "enumerate", "filter", "getattr", "isinstance", "kernel", "len", "map"),
    *("next", "range", "set", "slice", "sorted", "tuple", "type", "zip", "append"),
    *("empty", "eye", "iter", "join", "ones", "zeros"),
}
_MODULES = {"np", "math", "string"}
_TRANSPOSES = {"matrix_transpose", "moveaxis", "swapaxes", "transpose"}
_IMMATERIAL = {"strict", "copy", "optimize", "dtype"}
_OFF_BY_ONE = ast.parse(
    "(axis + 1 if axis < -1 else axis - 1 if axis > 0 else axis)"
    " if isinstance(axis, int) else axis",
    mode="eval",
).body


def rewrites(
    function: Function, changes: Callable[[Any], Iterator[Change]] | None = None
) -> Iterator[tuple[str, str, str, int, Function]]:
    """(fault, before, after, line, the function with the fault), one at a time."""
    for node, shown in places(function):
        for fault, new in (changes or faults)(node):
            before = ast.unparse(shown)
            after = ast.unparse(replaced(shown, node, new))
            after = after.replace(ast.unparse(_OFF_BY_ONE), "axis±1")
            if before != after:
                line = getattr(node, "lineno", function.lineno)
                yield fault, before, after, line, replaced(function, node, new)


def replaced(tree: Any, old: ast.AST, new: Any) -> Any:
    """The tree with `new` in the place of the node `old`, sharing all the rest."""
    if tree is old:
        return new if hasattr(new, "lineno") else ast.copy_location(new, old)
    if isinstance(tree, list):
        items = [replaced(item, old, new) for item in tree]
        same = all(map(operator.is_, items, tree))
        return tree if same else items
    if not isinstance(tree, ast.AST):
        return tree
    fields = {name: replaced(value, old, new) for name, value in ast.iter_fields(tree)}
    if all(value is getattr(tree, name) for name, value in fields.items()):
        return tree
    return ast.copy_location(type(tree)(**fields), tree)


def places(function: Function) -> Iterator[tuple[ast.AST, ast.AST]]:
    """The nodes to change, each with the statement or expression to show around it."""
    body = function.body if isinstance(function.body, list) else [function.body]
    for node in body:
        yield from _below(node, node)


def _below(node: Any, shown: Any) -> Iterator[tuple[ast.AST, ast.AST]]:
    if _immaterial(node):
        return
    yield node, shown
    compound = isinstance(shown, ast.stmt) and hasattr(shown, "body")
    for child in ast.iter_child_nodes(node):
        statement = isinstance(child, ast.stmt)
        yield from _below(child, child if statement or compound else shown)


def _immaterial(node: Any) -> bool:
    """Docstrings, refusals and what they are refused for; hints to a function."""
    if isinstance(node, ast.If):
        return all(isinstance(child, ast.Raise) for child in node.body)
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.keyword):
        return node.arg in _IMMATERIAL
    return isinstance(node, ast.Raise | ast.Assert | ast.JoinedStr | ast.arguments)


def faults(node: Any) -> Iterator[Change]:
    """What a slip of the pen could have put in the node's place."""
    find = _FAULTS.get(type(node))
    return iter(()) if find is None else find(node)


def _binary(node: ast.BinOp) -> Iterator[Change]:
    left, right = node.left, node.right
    match node.op:
        case ast.Mult():
            yield "factor dropped", left
            yield "factor dropped", right
            yield "/ for *", ast.BinOp(left, ast.Div(), right)
        case ast.Div():
            yield "factor dropped", left
            yield "factor dropped", ast.BinOp(ast.Constant(1.0), ast.Div(), right)
            yield "* for /", ast.BinOp(left, ast.Mult(), right)
        case ast.Add():
            yield "- for +", ast.BinOp(left, ast.Sub(), right)
            yield "term dropped", left
            yield "term dropped", right
        case ast.Sub():
            yield "+ for -", ast.BinOp(left, ast.Add(), right)
            yield "term dropped", left
            yield "term dropped", ast.UnaryOp(ast.USub(), right)
        case ast.MatMult():
            yield "factors exchanged", ast.BinOp(right, ast.MatMult(), left)
        case ast.Pow() | ast.Mod() | ast.FloorDiv() | ast.BitAnd():
            yield "right side dropped", left


def _unary(node: ast.UnaryOp) -> Iterator[Change]:
    name = {ast.USub: "sign", ast.Not: "not", ast.Invert: "not"}.get(type(node.op))
    if name:
        yield f"{name} dropped", node.operand


def _constant(node: ast.Constant) -> Iterator[Change]:
    if isinstance(node.value, bool):
        yield "flag turned", ast.Constant(not node.value)
    elif isinstance(node.value, int | float):
        yield "number off by one", ast.Constant(node.value + 1)


def _call(node: ast.Call) -> Iterator[Change]:
    name = getattr(node.func, "id", None) or getattr(node.func, "attr", "")
    if name == "where" and len(node.args) == 3:
        condition, one, other = node.args
        yield "branches exchanged", ast.Call(node.func, [condition, other, one], [])
        yield "branch dropped", one
        yield "branch dropped", other
    elif ast.unparse(node.func) == "np.add.at":
        target, key, value = node.args
        setitem = ast.Attribute(target, "__setitem__", ast.Load())
        yield "= for +=", ast.Call(setitem, [key, value], [])
    elif name not in _KEPT:
        what = "transpose" if name in _TRANSPOSES else name or "call"
        if node.args and not isinstance(node.args[0], ast.Starred):
            yield f"{what} dropped", node.args[0]
        if isinstance(node.func, ast.Attribute) and not _of_a_module(node.func):
            yield f"{what} dropped", node.func.value
    if name != "isinstance":
        yield from _neighbours(node)


def _of_a_module(node: Any) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id in _MODULES


def _neighbours(node: ast.Call) -> Iterator[Change]:
    """The call with another axis than the one it is about, where there is another."""
    for i, given in enumerate(node.args):
        if isinstance(given, ast.Name) and given.id == "axis":
            args = [*node.args[:i], _OFF_BY_ONE, *node.args[i + 1 :]]
            yield "axis off by one", ast.Call(node.func, args, node.keywords)
    for i, keyword in enumerate(node.keywords):
        if keyword.arg == "axis":
            keywords = [*node.keywords[:i], *node.keywords[i + 1 :]]
            yield "axis dropped", ast.Call(node.func, node.args, keywords)
            if isinstance(keyword.value, ast.Name) and keyword.value.id == "axis":
                keywords.insert(i, ast.keyword("axis", _OFF_BY_ONE))
                yield "axis off by one", ast.Call(node.func, node.args, keywords)


def _attribute(node: ast.Attribute) -> Iterator[Change]:
    if node.attr in ("mT", "T") and isinstance(node.ctx, ast.Load):
        yield "transpose dropped", node.value


def confusions(names: tuple[str, ...]) -> Callable[[Any], Iterator[Change]]:
    """The fault of taking one of `names` for another."""

    def find(node: Any) -> Iterator[Change]:
        if isinstance(node, ast.Name) and node.id in names:
            for name in names:
                if name != node.id and isinstance(node.ctx, ast.Load):
                    yield f"{name} for {node.id}", ast.Name(name, ast.Load())

    return find


def asking_for(function: Function, names: Iterable[str]) -> Function:
    """The function with those of `names` that it uses among its parameters."""
    args = function.args
    known = {a.arg for a in ast.iter_child_nodes(args) if isinstance(a, ast.arg)}
    used = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
    more = [ast.arg(name) for name in names if name in used - known]
    asked = ast.arguments(
        args.posonlyargs,
        [*args.args, *more],
        args.vararg,
        args.kwonlyargs,
        args.kw_defaults,
        args.kwarg,
        args.defaults,
    )
    return replaced(function, args, asked) if more else function


_FLIPS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}


def _compare(node: ast.Compare) -> Iterator[Change]:
    for i, op in enumerate(node.ops):
        for flipped in _FLIPS.get(type(op), ()):
            ops = [*node.ops[:i], flipped(), *node.ops[i + 1 :]]
            yield "comparison", ast.Compare(node.left, ops, node.comparators)


def _boolean(node: ast.BoolOp) -> Iterator[Change]:
    other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield "and/or", ast.BoolOp(other, node.values)


def _choice(node: ast.IfExp) -> Iterator[Change]:
    yield "case dropped", node.body
    yield "case dropped", node.orelse


def _if(node: ast.If) -> Iterator[Change]:
    if not isinstance(node.test, ast.Compare | ast.UnaryOp):
        test = ast.UnaryOp(ast.Not(), node.test)
        yield "condition turned", ast.If(test, node.body, node.orelse)


def _augmented(node: ast.AugAssign) -> Iterator[Change]:
    pairs = (ast.Add, ast.Sub), (ast.Mult, ast.Div)
    swaps: dict[Any, Any] = {a: b for pair in pairs for a, b in (pair, pair[::-1])}
    if swap := swaps.get(type(node.op)):
        yield "operator", ast.AugAssign(node.target, swap(), node.value)
    if isinstance(node.op, ast.Add):
        yield "= for +=", ast.Assign([node.target], node.value)
    yield "statement dropped", ast.Pass()


def _assign(node: ast.Assign) -> Iterator[Change]:
    if isinstance(node.targets[0], ast.Subscript):
        yield "statement dropped", ast.Pass()


_FAULTS: dict[type[ast.AST], Callable[[Any], Iterator[Change]]] = {
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.Constant: _constant,
    ast.Call: _call,
    ast.Attribute: _attribute,
    ast.Compare: _compare,
    ast.BoolOp: _boolean,
    ast.IfExp: _choice,
    ast.If: _if,
    ast.AugAssign: _augmented,
    ast.Assign: _assign,
}
