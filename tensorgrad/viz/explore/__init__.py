"""explore(): a page that steps backward through a program."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

import numpy as np

from ...differentiate import seed as start
from ...errors import ConfigError
from ...graph import Variable
from ...mode import trace_calls
from ...op import Op
from ...tensor import Tensor
from ...tracing import HERE
from .. import labels
from ..known import Known, intact, named
from ..outline import Vertex, outline
from ..page import Page
from .again import recompute
from .arrays import Arrays
from .formulas import described, place
from .order import naive
from .steps import Recorder
from .tree import tree

LIBRARIES = {"site-packages", "dist-packages"}
HOW_TO_TRACE = (
    "The graph keeps no source lines, and of the values only those that derivatives "
    "need; others were computed again where that was possible. All are here if the "
    "program runs inside explore(lambda: ...), or under tg.trace_calls()."
)


def explore(
    loss: Tensor | Callable[[], Tensor],
    *,
    gradient: Any = None,
    params: Any = None,
    title: str | None = None,
) -> Page:
    """A page that steps backward through the graph of `loss`, for a browser.

    Give a function without arguments to see everything: the line of the program that
    called each op, all values, and derivatives checked by finite differences. Of a
    Tensor, the page shows what its graph still knows, or what follows from it.

    `gradient` weighs the output's elements, as in `backward`. `params` names tensors:
    a dict of them, or a module; variables where explore is called have their names
    anyway. The page is written from the steps of the walk itself; nothing is freed,
    and no `.grad` changes. (Hooks run, as they would in `backward`.)

    >>> x = Tensor(3.0, requires_grad=True)
    >>> page = explore(lambda: x * x + x)
    >>> page
    Page(explore: 'loss': a notebook shows it, .save("explore.html") keeps it, ...)

    GraphError if nothing tracks the loss, or a backward pass has freed its graph.
    """
    names = named(params, "explore")
    names |= {n: x for n, x in variables(sys._getframe(1)).items() if n not in names}
    if not isinstance(loss, Variable) and callable(loss):
        with trace_calls():
            loss = loss()
        if not isinstance(loss, Variable):
            raise ConfigError(
                f"explore: the function returned a {type(loss).__name__}, no Tensor"
            )
    intact(loss, "explore")
    if title is None:
        title = next((n for n, x in names.items() if x is loss), "loss")
    with np.errstate(all="ignore"):  # the page shows what is infinite
        return Page("explore", data(loss, gradient, names, title), title)


def data(loss: Any, gradient: Any, names: Mapping[str, Any], title: str) -> Any:
    """All that the page shows, as JSON."""
    seed = start(loss, gradient, create_graph=False)
    root, found = outline([seed[0]])
    known, arrays = Known(found, [loss], names), Arrays()
    recompute(found, known)
    record = Recorder(seed, found, known, arrays)
    vertices = {vertex: i for i, vertex in enumerate(found.values())}
    for vertex in found.values():
        for used in vertex.inputs:
            if used is not None:
                vertices.setdefault(used, len(vertices))
    ops = {node.op.name: node.op for node in found if node.op is not None}
    traced = all(node.trace is not None for node in found if isinstance(node.op, Op))
    return {
        "title": title,
        "notes": [] if traced else [HOW_TO_TRACE],
        "tree": tree(root, found, vertices),
        "vertices": [about(v, known, vertices, arrays) for v in vertices],
        "ops": {name: about_op(op) for name, op in ops.items()},
        "steps": record.steps,
        "naive": naive(seed, record.leaf, record.total, record.places, arrays),
        "output": record.places[seed[0]],
        "arrays": arrays.items,
    }


def about(
    vertex: Vertex, known: Known, places: Mapping[Vertex, int], arrays: Arrays
) -> dict[str, Any]:
    node = vertex.node
    op = None if node is None else node.op
    kind = "input" if node is None else "leaf" if op is None else "op"
    lines = node.trace.lines if node is not None and node.trace is not None else ()
    used = [None if x is None else places[x] for x in vertex.inputs]
    return {
        "kind": kind,
        "op": None if op is None else op.name,
        "title": known.title(vertex),
        "name": known.name(vertex),
        "details": labels.details(node) if node is not None and op is not None else [],
        "shape": None if vertex.shape is None else list(vertex.shape),
        "dtype": None if vertex.dtype is None else str(vertex.dtype),
        "inputs": used,
        "arguments": [labels.argument(node, i) for i in range(len(used))],  # type: ignore[arg-type]
        "value": arrays.add(known.value(vertex)),
        "lines": [
            {**line._asdict(), "library": in_library(line.file)} for line in lines
        ],
    }


def in_library(file: str) -> bool:
    """Whether a line is of an installed package, or of one built on this one."""
    root = os.path.dirname(os.path.dirname(HERE))
    beside = tuple([os.path.join(root, name, "") for name in ("nn", "gpt")])
    path = os.path.abspath(file)
    return path.startswith(beside) or not LIBRARIES.isdisjoint(path.split(os.sep))


def about_op(op: Any) -> dict[str, Any]:
    """An op's documentation and its derivative."""
    first = (inspect.getdoc(getattr(op, "call", op)) or "").partition("\n")[0]
    if not isinstance(op, Op):
        return {"doc": first, "smooth": "", "kinks": "", "formulas": {}, "where": ""}
    formulas = {n: f and described(f) for n, f in op.formulas.items()}
    if op.joint and len(formulas) == 1:
        formulas = {"every input": next(iter(formulas.values()))}
    return {
        "doc": first,
        "smooth": op.smooth,
        "kinks": op.kinks,
        "formulas": formulas,
        "where": place(op.definition or op.forward),
    }


def variables(frame: FrameType) -> dict[str, Any]:
    """The caller's tensors and arrays by name, and the parameters of its modules."""
    found: dict[str, Any] = {}
    for name, x in list(frame.f_locals.items()):
        if name.startswith("_"):
            continue
        if isinstance(x, Variable | np.ndarray):
            found[name] = x
        elif not isinstance(x, type) and hasattr(x, "named_parameters"):
            found |= {f"{name}.{inner}": p for inner, p in x.named_parameters()}
    return found
