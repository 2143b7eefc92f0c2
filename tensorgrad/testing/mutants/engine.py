"""Faults of the engine: a gradient that replaces what had arrived, where it should add.

They belong to no op, and any op's test may find them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import partial
from inspect import unwrap
from types import FunctionType
from typing import Any

from ... import differentiate, graph
from ...kernels import reference
from ...op import REGISTRY
from .mutant import Mutant, code_of
from .rewrites import Change, rewrites
from .source import compiled, place, tree_of

ENGINE = "engine"


def in_engine() -> Iterator[Mutant]:
    """`=` for `+=`, wherever gradients meet: in the walk, in leaves, in scatter-add."""
    scatter: dict[str, Any] = {
        "scatter_add": REGISTRY["scatter_add"].forward,
        "scatter_add_rows": unwrap(reference.scatter_add_rows),
    }
    gathers: dict[str, Any] = {
        "walk": graph.walk,
        "add": graph.add,
        "backward": differentiate.backward,
    }
    for name, function in (gathers | scatter).items():
        yield from _in(name, function)


def _in(name: str, function: FunctionType) -> Iterator[Mutant]:
    tree = tree_of(function)
    if tree is None:
        return
    for fault, before, after, line, wrong in rewrites(tree, _assignments):
        plant = partial(code_of, function, compiled(wrong))
        yield Mutant(ENGINE, name, fault, before, after, place(function, line), plant)


def _assignments(node: Any) -> Iterator[Change]:
    """The newest gradient alone, in the place of a sum."""
    fault = "= for +="
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
        yield fault, ast.Assign([node.target], node.value)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        yield fault, node.right
    elif isinstance(node, ast.Call) and ast.unparse(node.func) == "add":
        yield fault, node.args[1]
    elif isinstance(node, ast.Call) and ast.unparse(node.func) == "np.add.at":
        out, key, value = node.args
        setitem = ast.Attribute(out, "__setitem__", ast.Load())
        yield fault, ast.Call(setitem, [key, value], [])
