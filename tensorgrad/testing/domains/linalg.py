"""Domains of linear algebra: matrices far from those where derivatives are large."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np

from .draws import Domain, full_shapes, generators, sizes, uniform

stacks = st.sampled_from([(), (), (2,), (1, 2), (0,)])
sides = st.sampled_from([2, 3, 3, 1, 0])
shapes = st.sampled_from(
    [(2, 3), (3, 2), (3, 3), (2, 4), (4, 2), (2, 2), (1, 2), (2, 1), (1, 1), (0, 2)]
)


def orthogonal(rng: Any, shape: Any, n: int) -> np.ndarray:
    """A stack of random orthogonal matrices."""
    return np.asarray(np.linalg.qr(rng.normal(size=(*shape, n, n)))[0])


def matrices_with(rng: Any, values: np.ndarray, m: int, n: int) -> np.ndarray:
    """A stack (..., m, n) with these singular values, (..., k)."""
    k = values.shape[-1]
    u = orthogonal(rng, values.shape[:-1], m)[..., :k]
    v = orthogonal(rng, values.shape[:-1], n)[..., :k]
    return np.asarray((u * values[..., None, :]) @ v.mT)


def spaced(rng: Any, shape: Any, low: float, gap: float) -> np.ndarray:
    """Numbers from `low` up along the last axis, each at least `gap` from the next."""
    steps = gap + rng.uniform(0, 0.3, shape)
    return np.asarray(low - gap + np.cumsum(steps, axis=-1))


def invertible(draw: Any, stack: Any, n: int) -> np.ndarray:
    """Square matrices with singular values from 0.7 to 2."""
    rng = draw(generators)
    return matrices_with(rng, rng.uniform(0.7, 2.0, (*stack, n)), n, n)


@st.composite
def inverses(draw: Any, /, **settings: Any) -> Any:
    chosen = {name: draw(options) for name, options in settings.items()}
    return [invertible(draw, draw(stacks), draw(sides))], chosen


@st.composite
def solves(draw: Any) -> Any:
    n, stack = draw(sides), draw(stacks)
    x = invertible(draw, draw(st.sampled_from([(), (1,), stack])), n)
    shape = (n,) if draw(st.booleans()) else (*stack, n, draw(sizes))
    return [x, uniform(draw, shape)], {}


@st.composite
def determinants(draw: Any) -> Any:
    """Matrices that may be singular, of any rank."""
    rng, n = draw(generators), draw(sides)
    values = rng.uniform(0.7, 2.0, (*draw(stacks), n))
    values[..., draw(sizes) :] = 0
    if draw(st.booleans()):
        values[..., 0:1] = 1
    return [matrices_with(rng, values, n, n)], {}


@st.composite
def symmetric(draw: Any, low: float, /, **settings: Any) -> Any:
    """Symmetric matrices with eigenvalues apart from each other, from `low` up."""
    chosen = {name: draw(options) for name, options in settings.items()}
    rng, n = draw(generators), draw(sides)
    values = spaced(rng, (*draw(stacks), n), low, gap=0.5)
    v = orthogonal(rng, values.shape[:-1], n)
    x = (v * values[..., None, :]) @ v.mT
    return [(x + x.mT) / 2], chosen


@st.composite
def decomposed(draw: Any, /, **settings: Any) -> Any:
    """Matrices of any shape, with singular values apart from each other and from 0."""
    chosen = {name: draw(options) for name, options in settings.items()}
    rng, (m, n) = draw(generators), draw(shapes)
    if chosen.get("full_matrices"):  # what it adds has no derivative
        m = n
    values = spaced(rng, (*draw(stacks), min(m, n)), 0.6, gap=0.5)
    return [matrices_with(rng, values, m, n)], chosen


VECTOR_ORDERS = [0, 1, 2, 2.5, 3, 4, -1, -2, 0.5, np.inf, -np.inf]
MATRIX_ORDERS = [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf]


@st.composite
def vectors(draw: Any) -> Any:
    """Numbers with magnitudes apart from each other and from 0."""
    shape = draw(full_shapes)
    rng, n = draw(generators), math.prod(shape)
    values = rng.permutation(spaced(rng, n, 0.4, gap=0.1)) * rng.choice([-1, 1], n)
    axes = [*range(-len(shape), len(shape)), tuple(range(len(shape)))] if shape else []
    return [np.asarray(values.reshape(shape))], {
        "axis": draw(st.sampled_from([None, *axes])),
        "keepdims": draw(st.booleans()),
        "ord": draw(st.sampled_from(VECTOR_ORDERS)),
    }


@st.composite
def vectors_or_matrices(draw: Any) -> Any:
    return draw(draw(st.sampled_from([lines(), tables()])))


@st.composite
def lines(draw: Any) -> Any:
    """Vectors along an axis; or everything, without an order or an axis."""
    (x,), settings = draw(vectors())
    axis = draw(st.sampled_from([None, *range(-x.ndim, x.ndim)]))
    order = settings["ord"] if axis is not None or x.ndim == 1 else None
    return [x], settings | {"axis": axis, "ord": order}


@st.composite
def tables(draw: Any) -> Any:
    """Matrices along two axes, in any order."""
    rng, order = draw(generators), draw(st.sampled_from(MATRIX_ORDERS))
    m, n, stack = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(stacks)
    values = spaced(rng, (*stack, min(m, n)), 0.6, gap=0.5)
    x = matrices_with(rng, values, m, n)
    if order in (1, -1, np.inf, -np.inf):
        x = separate(rng, stack, m, n)
    settings = {"ord": order, "keepdims": draw(st.booleans())}
    if x.ndim == 2 and draw(st.booleans()):
        return [x], settings | {"axis": None}
    rows, columns = draw(st.permutations(range(x.ndim)))[:2]
    x = np.moveaxis(x, (-2, -1), (rows, columns))
    rows -= x.ndim * draw(st.booleans())
    return [x], settings | {"axis": (rows, columns)}


def separate(rng: Any, stack: Any, m: int, n: int) -> np.ndarray:
    """Matrices with sums of magnitudes that no two rows or columns share."""
    rows = 0.3 * rng.permutation(m)[:, None]
    columns = 0.2 * rng.permutation(n)
    size = rng.uniform(0.4, 0.43, (*stack, m, n)) + rows + columns
    return np.asarray(size * rng.choice([-1, 1], size.shape))


@st.composite
def powers(draw: Any) -> Any:
    (x,), _ = draw(inverses())
    return [x], {"n": draw(st.integers(-3, 5))}


# --- the definitions


def each(function: Callable[..., Any], x: Any) -> Any:
    """A function of one matrix, of each matrix of a stack (..., m, n)."""
    found = [function(x[i]) for i in np.ndindex(x.shape[:-2])]
    return np.reshape(found, x.shape[:-2] + np.shape(function(np.eye(*x.shape[-2:]))))


def determinant(x: Any) -> float:
    """The sum over permutations."""
    n, total = len(x), 0.0
    for order in itertools.permutations(range(n)):
        pairs = itertools.combinations(order, 2)
        sign = (-1) ** sum(a > b for a, b in pairs)
        total += sign * math.prod(x[i, j] for i, j in enumerate(order))
    return total


def root(x: Any) -> np.ndarray:
    """The lower triangular root, column by column."""
    out = np.zeros_like(x)
    for j in range(len(x)):
        column = x[j:, j] - out[j:, :j] @ out[j, :j]
        out[j:, j] = column / np.sqrt(column[0])
    return out


def cholesky(x: Any, upper: bool) -> Any:
    out = each(root, x)
    return out.mT if upper else out


def slogdet(x: Any) -> Any:
    found = each(determinant, x)
    return np.sign(found), np.log(np.abs(found))


def solve(x: Any, y: Any) -> Any:
    inverse = np.linalg.inv(x)
    return np.einsum("...ij,j->...i", inverse, y) if y.ndim == 1 else inverse @ y


def matrix_power(x: Any, n: int) -> Any:
    out = np.broadcast_to(np.eye(x.shape[-1]), x.shape)
    for _ in range(abs(n)):
        out = out @ (x if n > 0 else np.linalg.inv(x))
    return out


def vector_norm(x: Any, axis: Any, keepdims: bool, ord: Any) -> Any:
    size, how = np.abs(x), {"axis": axis, "keepdims": keepdims}
    if abs(ord) == np.inf:
        return np.max(size, **how) if ord > 0 else np.min(size, **how)
    if ord == 0:
        return np.sum(size > 0, **how).astype(float)
    return np.sum(size**ord, **how) ** (1 / ord)


def norm(x: Any, ord: Any, axis: Any, keepdims: bool) -> Any:
    matrix = isinstance(axis, tuple) or (
        axis is None and ord is not None and x.ndim == 2
    )
    if not matrix or ord in (None, "fro"):
        return vector_norm(x, axis, keepdims, 2 if ord in (None, "fro") else ord)
    rows, columns = axis or (0, 1)
    x = np.moveaxis(x, (rows, columns), (-2, -1))
    if ord == "nuc" or abs(ord) == 2:
        sizes = np.sqrt(
            np.abs(
                np.linalg.eigvalsh(x @ x.mT if x.shape[-2] <= x.shape[-1] else x.mT @ x)
            )
        )
    else:
        sizes = np.abs(x).sum(axis=-2 if abs(ord) == 1 else -1)
    how = np.sum if ord == "nuc" else np.max if ord > 0 else np.min
    out = how(sizes, axis=-1)
    return np.expand_dims(out, (rows, columns)) if keepdims else out


LINALG: dict[str, Domain] = {
    "inv": Domain(
        inverses(), lambda x: np.linalg.solve(x, np.eye(x.shape[-1]) + 0 * x)
    ),
    "solve": Domain(solves(), solve),
    "det": Domain(determinants(), lambda x: each(determinant, x)),
    "slogdet": Domain(inverses(), slogdet),
    "matrix_power": Domain(powers(), matrix_power),
    "cholesky": Domain(symmetric(0.6, upper=st.booleans()), cholesky),
    "eigh": Domain(symmetric(-0.7), lambda x: tuple(np.linalg.eigh(x))),
    "eigvalsh": Domain(symmetric(-0.7), np.linalg.eigvalsh),
    "svd": Domain(
        decomposed(full_matrices=st.booleans(), compute_uv=st.booleans()),
        lambda x, **settings: np.linalg.svd(x, **settings),
    ),
    "qr": Domain(decomposed(), lambda x: tuple(np.linalg.qr(x))),
    "vector_norm": Domain(vectors(), vector_norm),
    "norm": Domain(vectors_or_matrices(), norm),
}
