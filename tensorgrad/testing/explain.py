"""The message of a failed gradient check: what, where, why probably, and again how."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..graph import Node
from .compare import MANY, Mismatch
from .problem import Constant, Problem, named, names_of

_ORDERS = {1: "derivative", 2: "second derivative", 3: "third derivative"}


def explain(problem: Problem, mismatches: Sequence[Mismatch], options: str) -> str:
    """The mismatches as text."""
    lines = []
    for m in mismatches:
        by = f" with respect to input {m.input} ({_names(problem)[m.input or 0]})"
        lines.append(f"the {_ORDERS[m.order]} of {named(problem.f)}{by} is wrong")
        entry = f"  ({m.entry})" if m.entry else ""
        lines.append(
            f"  at index {m.index}: analytic {m.analytic:.10g}, "
            f"{m.numeric_is} {m.numeric:.10g}{entry}"
        )
        if m.compared > 1:
            lines.append(f"  {m.wrong} of {m.compared} elements differ")
        lines.append(f"  likely cause: {m.cause}")
    places = [problem.places.index(m.input or 0) for m in mismatches]
    lines[-1] += formulas(problem, places)
    return "\n".join([*lines, again(problem, options)])


def again(problem: Problem, options: str = "") -> str:
    """The call that shows it again, as Python."""
    f, names = named(problem.f), _names(problem)
    lines = [f"  again: gradcheck({', '.join([f, *names])}{options}) with"]
    pairs = zip(names, problem.given, strict=True)
    return "\n".join([*lines, *[f"    {name} = {literal(x)}" for name, x in pairs]])


def of_input(problem: Problem, n: int) -> str:
    """The nth differentiated input, as f calls it."""
    i = problem.places[n]
    return f"input {i} ({_names(problem)[i]})"


def entry(problem: Problem, order: int, out: Any, by: Sequence[Any]) -> str:
    """Which partial derivative: "d2 out[0] / d x[1] d y"."""
    several = len(problem.weights) > 1
    names = [_names(problem)[i] for i in problem.places]
    top = f"out[{out[0]}]{_key(out[1])}" if several else f"out{_key(out[1])}"
    bottom = " ".join([f"d {names[n]}{_key(at)}" for n, at in by])
    return f"d{order if order > 1 else ''} {top} / {bottom}"


def _key(at: Sequence[int]) -> str:
    return f"[{', '.join(map(str, at))}]" if len(at) else ""


def _names(problem: Problem) -> list[str]:
    return names_of(problem.f, len(problem.given))


def formulas(problem: Problem, places: Sequence[int | None]) -> str:
    """Where the formulas stand, if f is one op."""
    nodes = [
        node for node in nodes_of(problem) if node.op.name not in ("pick", "alias")
    ]
    if len(nodes) != 1:
        return ""
    op, found = nodes[0].op, []
    names = list(getattr(op, "formulas", {}))
    for n in places:
        # a joint formula serves all inputs
        i = min(problem.places[n] if n is not None else 0, len(names) - 1)
        code = getattr(op.formulas[names[i]], "__code__", None) if names else None
        if code is not None:
            found.append(f"{code.co_filename}:{code.co_firstlineno}")
    where = ", ".join(dict.fromkeys(found))
    return f"\n  formula: {where}" if where else ""


def nodes_of(problem: Problem) -> Iterator[Node]:
    """Every node that f's outputs were computed by."""
    leaves = problem.tensors()
    todo = [out.node for out in problem.outputs(leaves) if getattr(out, "node", None)]
    seen: set[int] = set()
    while todo:
        node = todo.pop()
        if node is not None and node.op is not None and node.order not in seen:
            seen.add(node.order)
            yield node
            todo += node.parents


def literal(x: Any) -> str:
    """x as Python text that makes it again; its kind alone if it is large."""
    data = getattr(x, "_data", x)
    if not isinstance(data, np.ndarray | np.generic):
        return repr(data)
    if data.size > MANY:
        return f"<{data.dtype} of shape {data.shape}>"
    view = ".view(Constant)" if isinstance(data, Constant) else ""
    if data.size == 0:
        return f"np.zeros({data.shape}, dtype={data.dtype.name!r}){view}"
    return f"np.array({data.tolist()}, dtype={data.dtype.name!r}){view}"
