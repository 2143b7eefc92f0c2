"""From a function to its source as a tree, and from a changed tree back to code."""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from ...kernels import reference

Function = ast.Lambda | ast.FunctionDef
UNEVALUATED = annotations.compiler_flag  # a name that the import above gives


@functools.lru_cache(32)
def _parsed(text: str) -> list[Function]:
    """Every function in a file."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except SyntaxError:
        return []
    return [node for node in nodes if isinstance(node, Function)]


def tree_of(function: Any) -> Function | None:
    """The lambda or def that `function` was made of; None where the source isn't known.

    Many lambdas can stand on one line. The right one compiles to code that points to
    the same lines and columns, and so does none in a file edited since.
    """
    if not isinstance(function, FunctionType):
        return None
    code = function.__code__
    text = "".join(linecache.getlines(code.co_filename, function.__globals__))
    return _tree(text, code)


@functools.lru_cache(10_000)
def _tree(text: str, code: CodeType) -> Function | None:
    found = [
        node
        for node in _parsed(text)
        if _first_line(node) == code.co_firstlineno
        and getattr(node, "name", "<lambda>") == code.co_name
        and _positions(compiled(node, flags=code.co_flags)) == _positions(code)
    ]
    return found[0] if len({ast.unparse(node) for node in found}) == 1 else None


def _first_line(node: Function) -> int:
    """The line where Python says that a function starts: its first decorator's."""
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)])


def _positions(code: CodeType) -> set[Any]:
    """Where its instructions come from; (0, 0) is the start, wherever that is."""
    return {at for at in code.co_positions() if None not in at and at[2:] != (0, 0)}


def compiled(
    node: Function, free: tuple[str, ...] = (), flags: int = UNEVALUATED
) -> CodeType:
    """The code of a function's tree, with the names in `free` taken from a closure.

    Of the `flags` of code, only the one for annotations of inner functions matters.
    """
    inner: Any = _closing_over(node, free) if free else _bare(node)
    body = inner if isinstance(inner, ast.FunctionDef) else ast.Expr(inner)
    if free:
        names = [ast.arg(name) for name in free]
        arguments = ast.arguments([], names, None, [], [], None, [])
        body = ast.FunctionDef("closure", arguments, [body], [])
        body = ast.copy_location(body, node)
    module = ast.fix_missing_locations(ast.Module([body], []))
    flags &= UNEVALUATED
    code = compile(module, "<mutant>", "exec", flags, dont_inherit=True)
    for _ in range(2 if free else 1):
        code = next(c for c in code.co_consts if isinstance(c, CodeType))
    return code


def _bare(node: Function) -> Function:
    """The function without what is evaluated when it is defined."""
    args = node.args
    plain = [
        [ast.arg(a.arg) for a in group]
        for group in (args.posonlyargs, args.args, args.kwonlyargs)
    ]
    vararg = args.vararg and ast.arg(args.vararg.arg)
    kwarg = args.kwarg and ast.arg(args.kwarg.arg)
    none: list[ast.expr | None] = [None for _ in plain[2]]
    arguments = ast.arguments(plain[0], plain[1], vararg, plain[2], none, kwarg, [])
    if isinstance(node, ast.Lambda):
        return ast.copy_location(ast.Lambda(arguments, node.body), node)
    bare = ast.FunctionDef(node.name, arguments, node.body, [])
    return ast.copy_location(bare, node)


def _closing_over(node: Function, free: tuple[str, ...]) -> Function:
    """The same, naming all of `free` where it's never run: a cell can't be left out."""
    names = ast.Tuple([ast.Name(name, ast.Load()) for name in free], ast.Load())
    bare = _bare(node)
    if isinstance(bare, ast.Lambda):
        bare.body = ast.IfExp(ast.Constant(True), bare.body, names)
    else:
        bare.body = [*bare.body, ast.Return(None), ast.Expr(names)]
    return bare


def text_of(function: Any) -> str:
    """A lambda's expression, a function's name and arguments; "" without a source."""
    tree = tree_of(function)
    if isinstance(tree, ast.Lambda):
        return ast.unparse(tree.body)
    name = getattr(function, "__name__", "")
    if tree is None or name == "_":
        return ""
    return f"{name}({', '.join(inspect.signature(function).parameters)})"


def place(function: Any, line: int | None = None) -> str:
    """Where it stands: elementwise.py:69."""
    code = getattr(function, "__code__", None)
    if code is None:
        return ""
    return f"{Path(code.co_filename).name}:{line or code.co_firstlineno}"


# --- the functions that a formula calls


def helpers(formula: Callable[..., Any]) -> list[FunctionType]:
    """The private functions that it calls, and those that they call, each once.

    Private is what is no op, stands in the same module or package, and isn't in the
    module's `__all__`: a public function has tests of its own. A kernel is known by
    its name in a string.
    """
    found: list[FunctionType] = []
    todo = [formula]
    while todo:
        function = todo.pop(0)
        tree = tree_of(function)
        if tree is None:
            continue
        trees = [t for t in map(tree_of, (formula, *found)) if t is not None]
        for known in (*_called(function, tree), *_kernels(trees)):
            if known not in found and known is not formula:
                found.append(known)
                todo.append(known)
    return found


def _called(function: Any, tree: Function) -> Iterator[FunctionType]:
    code = function.__code__
    for node in ast.walk(tree):
        name = node.id if isinstance(node, ast.Name) else ""
        known = function.__globals__.get(name)
        if not callable(known) or hasattr(known, "op") or name in code.co_varnames:
            continue
        known = inspect.unwrap(known)
        if isinstance(known, FunctionType) and _private(known, function):
            yield known


def _private(known: FunctionType, caller: FunctionType) -> bool:
    module = sys.modules.get(known.__module__)
    if known.__name__ in getattr(module, "__all__", ()):
        return False
    package = caller.__module__.rpartition(".")[0]
    alike = package and package == known.__module__.rpartition(".")[0]
    return bool(alike) or known.__module__ == caller.__module__


def _kernels(trees: list[Function]) -> Iterator[FunctionType]:
    """What `kernel("name", x)` names, also as `kernel(stem + "_backward", x)`."""
    nodes = [node for tree in trees for node in ast.walk(tree)]
    values = [n.value for n in nodes if isinstance(n, ast.Constant)]
    texts = [value for value in values if isinstance(value, str)]
    for node in nodes:
        if not isinstance(node, ast.Call) or ast.unparse(node.func) != "kernel":
            continue
        name = node.args[0]
        names = [name.value] if isinstance(name, ast.Constant) else []
        if isinstance(name, ast.BinOp) and isinstance(name.right, ast.Constant):
            names = [text + str(name.right.value) for text in texts]
        for known in (getattr(reference, str(name), None) for name in names):
            if known is not None:
                yield inspect.unwrap(known)
