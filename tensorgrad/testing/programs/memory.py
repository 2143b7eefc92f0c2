"""Statements about memory and the graph: copies, writes, constants, gradients.

A write must reach every other name of its tensor, and nothing else that shares its
memory: no view, no detached copy, no value that a derivative will ask for.
"""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np

from ...differentiate import grad
from .scope import PEAK, Scope, anything, broadcast, one
from .shapes import key, picked
from .statement import Choice, Kind


def writable(scope: Scope, whole: bool = False) -> list[str]:
    """Variables that may be written to: no leaves, and views only as a whole."""
    return [
        name
        for name, x in scope.values.items()
        if not (x.requires_grad and x.is_leaf) and (whole or x._data.base is None)
    ]


def assignment(draw: st.DrawFn, scope: Scope) -> Choice:
    """x, a key, and a value that broadcasts to x[key]."""
    name = scope.pick(draw, anything, writable(scope))
    if name is None:
        return None
    x = scope.array(name)
    where = key(draw, x)
    value = scope.pick(draw, lambda y: fits(y, x[where]))
    return None if value is None else ((name, value), {"key": where})


def number(draw: st.DrawFn, scope: Scope) -> Choice:
    name = scope.pick(draw, anything, writable(scope))
    if name is None:
        return None
    return (name,), {"key": key(draw, scope.array(name))}


def update(draw: st.DrawFn, scope: Scope) -> Choice:
    """x, and y to add to it or multiply it by."""
    name = scope.pick(draw, moderate, writable(scope, whole=True))
    if name is None:
        return None
    x = scope.array(name)
    other = scope.pick(draw, lambda y: fits(y, x) and moderate(y))
    return None if other is None else ((name, other), {})


def fits(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether x broadcasts to the shape of y."""
    return broadcast(x, y) and np.broadcast_shapes(x.shape, y.shape) == np.shape(y)


def moderate(x: np.ndarray) -> Any:
    """Whether the sum and the product of two such arrays are still small."""
    return (np.abs(x) <= PEAK / 2).all()


def assigned(torch: Any, x: Any, value: Any, key: Any) -> Any:
    """x with x[key] = value as NumPy has it: of several writes, the last one stays."""
    last = np.full(tuple(x.shape), -1)
    places = last[key]
    last[key] = np.arange(places.size).reshape(places.shape)
    if not places.size:
        return x + 0 * value.sum()  # tracked if either is, as ours
    spread = value.broadcast_to(places.shape).reshape(-1)
    return torch.where(torch.tensor(last >= 0), spread[torch.tensor(last.clip(0))], x)


def assign(x: Any, value: Any, key: Any) -> Any:
    x[key] = value
    return x


def add_at(x: Any, value: Any, key: Any) -> Any:
    x[key] += value
    return x


def add(x: Any, y: Any) -> Any:
    x += y
    return x


def multiply(x: Any, y: Any) -> Any:
    x *= y
    return x


WRITES = (
    Kind("{0}[{key}] = {1}", assignment, assign, assigned, "write"),
    Kind(
        "{0}[{key}] = 0.5",
        number,
        lambda x, key: assign(x, 0.5, key),
        lambda torch, x, key: assigned(torch, x, torch.tensor(0.5, dtype=x.dtype), key),
        "write",
    ),
    Kind(
        "{0}[{key}] += {1}",
        assignment,
        add_at,
        lambda torch, x, value, key: assigned(
            torch, x, picked(torch, x, key) + value, key
        ),
        "write",
    ),
    Kind("{0} += {1}", update, add, lambda torch, x, y: x + y, "write"),
    Kind("{0} *= {1}", update, multiply, lambda torch, x, y: x * y, "write"),
)

COPIES = (
    Kind("{0}.copy()", one(), lambda x: x.copy(), lambda torch, x: x.clone()),
    Kind("{0}", one(), lambda x: x, lambda torch, x: x, "alias"),
    Kind(
        "{0}.detach()",
        one(),
        lambda x: x.detach(),
        lambda torch, x: x.detach(),
        "constant",
    ),
)


def dependents(draw: st.DrawFn, scope: Scope) -> Choice:
    """y and x, where y depends on x in the graph."""
    tracked = [name for name, x in scope.values.items() if x.requires_grad]
    y = scope.pick(draw, anything, tracked)
    x = scope.pick(draw, anything, tracked)
    assert y is not None  # the leaves are tracked
    assert x is not None
    total, within = scope.values[y].sum(), scope.values[x]
    g = grad(total, within, retain_graph=True, allow_unused=True)
    return None if g is None else ((y, x), {})


def weighed_dependents(draw: st.DrawFn, scope: Scope) -> Choice:
    """y and x as above, and z of the shape of y."""
    choice = dependents(draw, scope)
    if choice is None:
        return None
    (y, x), _ = choice
    z = scope.pick(draw, lambda z: z.shape == scope.array(y).shape)
    assert z is not None  # y itself would do
    return (y, x, z), {}


def derivative(y: Any, x: Any) -> Any:
    return grad(y.sum(), x, create_graph=True)


def weighed_derivative(y: Any, x: Any, z: Any) -> Any:
    return grad(y, x, z, create_graph=True)


def their_derivative(torch: Any, y: Any, x: Any, z: Any = None) -> Any:
    z = torch.ones_like(y) if z is None else z
    options = {"create_graph": True, "materialize_grads": True}
    (g,) = torch.autograd.grad(y, x, z, **options)
    return g * 1  # z itself may come back, and a gradient is another variable


GRADIENTS = (
    Kind(
        "tg.grad(tg.sum({0}), {1}, create_graph=True)",
        dependents,
        derivative,
        their_derivative,
        "gradient",
    ),
    Kind(
        "tg.grad({0}, {1}, {2}, create_graph=True)",
        weighed_dependents,
        weighed_derivative,
        their_derivative,
        "gradient",
    ),
)
