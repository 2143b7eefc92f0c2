"""What a user gives: arguments, tangents, the results of f; each made a Tensor."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..aliases import ALIAS
from ..errors import ConfigError, DtypeError, ShapeError
from ..graph import Node, Variable, wrap
from ..mode import recording


def selected(
    name: str, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any], argnums: Any
) -> tuple[Callable[[Any], Any], Any]:
    """f as a function of the arguments that argnums names; and those, or the one."""
    one = not isinstance(argnums, tuple | list)
    asked = [operator.index(i) for i in ([argnums] if one else argnums)]
    places = [i + len(args) if i < 0 else i for i in asked]
    if not all([0 <= i < len(args) for i in places]) or len({*places}) < len(places):
        raise ConfigError(
            f"{name}: argnums={argnums!r} should name different ones of the "
            f"{len(args)} positional arguments"
        )

    def call(xs: Any) -> Any:
        full = list(args)
        for i, x in zip(places, [xs] if one else xs, strict=True):
            full[i] = x
        return f(*full, **kwargs)

    inputs = tuple([args[i] for i in places])
    return call, inputs[0] if one else inputs


def listed(f: Any, primals: Any) -> tuple[Callable[[Any], Any], Any]:
    """f as a function of its arguments' tuple or list; or of one, given by itself."""
    several = isinstance(primals, tuple | list)
    return (lambda xs: f(*xs)) if several else f, primals


def opened(name: str, path: str, x: Any) -> Any:
    """The Tensor that f gets for x, on a node of its own.

    It is no leaf, so that f may write to it, and numpy() can't lose its gradient.
    """
    node = None
    if isinstance(x, Variable):
        data, node = x._data, x.node if recording() else None
    elif isinstance(x, np.ndarray | np.generic):
        data = np.array(x)
    elif isinstance(x, int | float) and not isinstance(x, bool):
        data = np.array(x, np.float64)
    else:
        raise DtypeError(
            f"{name}: {path} is a {type(x).__name__}; Tensors, arrays and numbers can "
            "be differentiated by. Leave it out of argnums, or close over it"
        )
    if data.dtype.kind != "f":
        raise DtypeError(
            f"{name}: {path} is {data.dtype}, and only floats have gradients. Convert "
            "it, leave it out of argnums, or close over it"
        )
    return wrap(data, Node(ALIAS, () if node is None else (node,), (), data))


def output(name: str, path: str, y: Any) -> Any:
    """One of f's results as a Tensor; what is none is a constant."""
    if isinstance(y, Variable):
        return y
    if isinstance(y, np.ndarray | np.generic | int | float):
        return wrap(np.asarray(y))
    raise DtypeError(
        f"{name}: {path} is a {type(y).__name__}, not a Tensor, an array or a number"
    )


def pair(name: str, out: Any) -> Any:
    """What f returns with has_aux=True."""
    if not isinstance(out, tuple | list) or len(out) != 2:
        raise ShapeError(
            f"{name}: with has_aux=True f returns a pair (value, aux); this is a "
            f"{type(out).__name__}"
        )
    return out


def fitted(g: Any, like: Any, path: str) -> Any:
    """A vector that goes with `like`, as a Tensor in its dtype."""
    if not isinstance(g, Variable):
        g = wrap(np.array(g, like.dtype))
    elif g._data.dtype != like.dtype:
        g = g.astype(like.dtype)  # type: ignore[attr-defined]
    if g._data.shape != like.shape:
        raise ShapeError(f"{path} has shape {g._data.shape}; {like.shape} is needed")
    return g
