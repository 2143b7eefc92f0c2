"""Domains of diagonals and triangles."""

from collections.abc import Callable
from typing import Any

import hypothesis.extra.numpy as nps
import hypothesis.strategies as st
import numpy as np

from .draws import Domain, uniform

offsets = st.integers(-3, 3)
matrices = nps.array_shapes(min_dims=2, max_dims=3, min_side=0, max_side=3)


@st.composite
def diagonals(draw: Any) -> Any:
    x = uniform(draw, draw(matrices))
    one, two = draw(st.permutations(range(x.ndim)))[:2]
    one, two = [a - x.ndim * draw(st.booleans()) for a in (one, two)]
    return [x], {"offset": draw(offsets), "axis1": one, "axis2": two}


def diagonal(x: Any, offset: int, axis1: int, axis2: int) -> Any:
    x = np.moveaxis(x, (axis1, axis2), (0, 1))
    n, m = x.shape[:2]
    picked = [x[i, i + offset] for i in range(n) if 0 <= i + offset < m]
    return np.stack(picked, -1) if picked else np.zeros((*x.shape[2:], 0))


def trace(x: Any, **settings: Any) -> Any:
    return diagonal(x, **settings).sum(-1)


@st.composite
def vectors_and_matrices(draw: Any) -> Any:
    shape = draw(nps.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=3))
    return [uniform(draw, shape)], {"k": draw(offsets)}


def diag(x: Any, k: int) -> Any:
    if x.ndim == 2:
        return diagonal(x, k, 0, 1)
    n = len(x) + abs(k)
    out = np.zeros((n, n))
    for i, value in enumerate(x):
        out[i - min(k, 0), i + max(k, 0)] = value
    return out


@st.composite
def triangles(draw: Any) -> Any:
    return [uniform(draw, draw(matrices))], {"k": draw(offsets)}


def triangle(inside: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """x where `inside(j, i + k)`, else 0."""

    def value(x: Any, k: int) -> Any:
        i, j = np.indices(x.shape[-2:])
        return x * inside(j, i + k)

    return value


DIAGONALS = {
    "diagonal": Domain(diagonals(), diagonal),
    "trace": Domain(diagonals(), trace),
    "diag": Domain(vectors_and_matrices(), diag),
    "tril": Domain(triangles(), triangle(np.less_equal)),
    "triu": Domain(triangles(), triangle(np.greater_equal)),
}
