"""A derivative as its source has it, in parts that a page can put numbers into."""

from __future__ import annotations

import ast
import inspect
import linecache
import os
import textwrap
from collections.abc import Callable, Iterator
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any

from ...call import arguments
from ...op import REGISTRY

OPERATORS = (
    *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.Mod, ast.FloorDiv),
    *(ast.BitAnd, ast.BitOr, ast.BitXor, ast.Invert, ast.USub, ast.UAdd, ast.Not),
    *(ast.Gt, ast.GtE, ast.Lt, ast.LtE, ast.Eq, ast.NotEq),
)
POINTWISE = {"elementwise", "exponential", "rounding", "trigonometric"}  # files of ops
PARTS = (ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Load)


def described(formula: Callable[..., Any]) -> dict[str, Any]:
    """`code`, its `tokens` with the names told apart, and whether it is `pointwise`."""
    text, body = written(formula)
    names = {"g", *arguments(formula)}
    if body is None:
        return {"code": text, "tokens": [{"text": text}], "pointwise": False}
    pointwise = all(map(is_pointwise, ast.walk(body)))
    return {"code": text, "tokens": split(text, names), "pointwise": pointwise}


def is_pointwise(part: ast.AST) -> bool:
    """Whether this part of a formula gives element i for elements i."""
    if isinstance(part, ast.Call):
        op = REGISTRY.get(getattr(part.func, "id", ""))
        file = "" if op is None else op.forward.__module__.rpartition(".")[2]
        return not part.keywords and file in POINTWISE
    if isinstance(part, ast.Attribute):  # math.pi and np.inf, but no x.mT
        return ast.unparse(part.value) in {"math", "np"}
    return isinstance(part, PARTS + OPERATORS)


def written(formula: Callable[..., Any]) -> tuple[str, ast.expr | None]:
    """The text of a formula, and its expression; a longer function's text alone."""
    node = definition(formula)
    if node is None:
        return signature(formula), None
    if isinstance(node, ast.Lambda):
        text = ast.unparse(node.body)
        return text, ast.parse(text, mode="eval").body
    return body_of(formula, node), None


def signature(formula: Any) -> str:
    """What a function is called with, where nothing has kept its source."""
    name = getattr(formula, "__name__", "unknown")
    if not isinstance(formula, FunctionType):
        return name
    given = ", ".join(arguments(formula))
    return f"lambda {given}: …" if name == "<lambda>" else f"{name}({given})"


def definition(formula: Any) -> ast.Lambda | ast.FunctionDef | None:
    """Where the source defines a function; of two lambdas on a line, the right one."""
    if not isinstance(formula, FunctionType):
        return None
    code, found = formula.__code__, None
    for node in defined(code.co_filename).get(code.co_firstlineno, ()):
        named = getattr(node, "name", "<lambda>")
        if named == code.co_name and parameters(node) == arguments(formula):
            found = node if found is None or same_code(node, code) else found
    return found


@lru_cache(maxsize=64)
def defined(file: str) -> dict[int, list[Any]]:
    """The functions of a file or a notebook's cell, by their first line."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return {}
    found: dict[int, list[Any]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda | ast.FunctionDef):
            decorators = getattr(node, "decorator_list", [])
            line = min([node.lineno, *[part.lineno for part in decorators]])
            found.setdefault(line, []).append(node)
    return found


def parameters(node: ast.Lambda | ast.FunctionDef) -> tuple[str, ...]:
    given = node.args
    return tuple([x.arg for x in (*given.posonlyargs, *given.args, *given.kwonlyargs)])


def same_code(node: Any, code: CodeType) -> bool:
    """Whether the node compiles to this code, as far as one can see from outside."""
    if not isinstance(node, ast.Lambda):
        return False
    outer = compile(ast.Expression(node), "", "eval")
    [inner] = [x for x in outer.co_consts if isinstance(x, CodeType)]
    return (inner.co_consts, inner.co_names) == (code.co_consts, code.co_names) and (
        inner.co_code == code.co_code
    )


def body_of(formula: Any, node: Any) -> str:
    """The lines of a function below its signature and docstring."""
    first = node.body[1:] if ast.get_docstring(node) is not None else node.body
    lines = linecache.getlines(formula.__code__.co_filename)
    return textwrap.dedent("".join(lines[first[0].lineno - 1 : node.end_lineno]))


def split(text: str, names: set[str]) -> list[dict[str, str]]:
    """The text in order, names apart: g * y is name g, text " * ", name y."""
    return list(_split(text, names))


def _split(text: str, names: set[str]) -> Iterator[dict[str, str]]:
    at = 0
    found = [x for x in ast.walk(ast.parse(text, mode="eval")) if type(x) is ast.Name]
    data = text.encode()  # an ast counts bytes
    for node in sorted(found, key=lambda x: x.col_offset):
        if node.lineno == 1 and node.id in names:
            if node.col_offset > at:
                yield {"text": data[at : node.col_offset].decode()}
            yield {"name": node.id}
            at = node.end_col_offset or at
    if at < len(data):
        yield {"text": data[at:].decode()}


def place(function: Any) -> str:
    """file:line of a function, from the package's folder on if it is inside."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return ""
    if code.co_filename.startswith("<"):  # no file: <string>, <stdin>
        return f"{code.co_filename}:{code.co_firstlineno}"
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(__file__))))
    file = os.path.abspath(code.co_filename).removeprefix(root + os.sep)
    return f"{file.replace(os.sep, '/')}:{code.co_firstlineno}"
