"""Domains of the ops that move elements."""

from typing import Any

import hypothesis.extra.numpy as nps
import hypothesis.strategies as st
import numpy as np

from .draws import Domain, full_shapes, shapes, sizes, unary, uniform
from .reduce import an_axis


@st.composite
def broadcasts(draw: Any, reverse: bool) -> Any:
    small = draw(full_shapes)
    kept = [n if draw(st.booleans()) else 1 for n in small]
    kept = kept[draw(st.integers(0, len(kept))) :]
    start, end = (small, tuple(kept)) if reverse else (tuple(kept), small)
    return [uniform(draw, start)], {"shape": end}


def sum_to(x: Any, shape: Any) -> Any:
    out = np.zeros(shape)
    for index in np.ndindex(x.shape):
        lead = len(index) - len(shape)
        to = tuple(i if n > 1 else 0 for i, n in zip(index[lead:], shape, strict=True))
        out[to] += x[index]
    return out


@st.composite
def reshapes(draw: Any) -> Any:
    x = uniform(draw, draw(shapes))
    shape = draw(st.permutations(x.shape))
    if x.size and shape and draw(st.booleans()):
        shape[draw(st.integers(0, len(shape) - 1))] = -1
    return [x], {"shape": tuple(shape)}


@st.composite
def transposes(draw: Any) -> Any:
    x = uniform(draw, draw(shapes))
    axes = [
        a - x.ndim * draw(st.booleans()) for a in draw(st.permutations(range(x.ndim)))
    ]
    return [x], {"axes": draw(st.sampled_from([tuple(axes), None]))}


@st.composite
def matrices(draw: Any) -> Any:
    return [
        uniform(draw, draw(nps.array_shapes(min_dims=2, max_side=3, min_side=0)))
    ], {}


@st.composite
def squeezes(draw: Any) -> Any:
    x = uniform(draw, draw(shapes))
    ones = [i for i, n in enumerate(x.shape) if n == 1]
    axis = draw(st.sampled_from([None, tuple(ones), *ones]))
    return [x], {"axis": axis}


@st.composite
def pads(draw: Any) -> Any:
    x = uniform(draw, draw(shapes.filter(len)))
    pair = st.tuples(sizes, sizes)
    each = st.tuples(*[pair] * x.ndim)
    return [x], {
        "pad_width": draw(st.one_of(sizes, pair, each)),
        "constant_values": draw(st.sampled_from([0, 1.5])),
    }


@st.composite
def exchanges(draw: Any) -> Any:
    x = uniform(draw, draw(shapes.filter(len)))
    axis = st.integers(-x.ndim, x.ndim - 1)
    return [x], {"axis1": draw(axis), "axis2": draw(axis)}


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    order = np.arange(x.ndim)
    order[[axis1, axis2]] = order[[axis2, axis1]]
    return x.transpose(order)


@st.composite
def moves(draw: Any) -> Any:
    x = uniform(draw, draw(shapes))
    some = st.permutations(range(x.ndim))
    n, source, destination = draw(st.integers(0, x.ndim)), draw(some), draw(some)
    pair = source[:n], [a - x.ndim * draw(st.booleans()) for a in destination[:n]]
    source, destination = (p[0] if n == 1 else tuple(p) for p in pair)
    return [x], {"source": source, "destination": destination}


@st.composite
def flips(draw: Any) -> Any:
    x = uniform(draw, draw(shapes))
    return [x], {"axis": an_axis(draw, x.ndim)}


def flip(x: Any, axis: Any) -> Any:
    for a in range(x.ndim) if axis is None else np.atleast_1d(axis).astype(int):
        x = np.take(x, range(x.shape[a] - 1, -1, -1), a)
    return x


@st.composite
def rolls(draw: Any) -> Any:
    x = uniform(draw, draw(shapes))
    axis, shift = an_axis(draw, x.ndim) if x.ndim else None, st.integers(-4, 4)
    if isinstance(axis, tuple):
        shift = st.one_of(shift, st.tuples(*[shift] * len(axis)))
    return [x], {"shift": draw(shift), "axis": axis}


def roll(x: Any, shift: Any, axis: Any) -> Any:
    if axis is None:
        return roll(x.ravel(), shift, 0).reshape(x.shape)
    axes = np.atleast_1d(axis).astype(int)
    for a, by in zip(axes, np.broadcast_to(shift, axes.shape), strict=True):
        n = x.shape[a]
        x = np.take(x, [(i - by) % n for i in range(n)], a)
    return x


SHAPES = {
    "astype": Domain(unary(dtype=st.just("float64")), lambda x, dtype: x.astype(dtype)),
    "sum_to": Domain(broadcasts(reverse=True), sum_to),
    "broadcast_to": Domain(
        broadcasts(reverse=False), lambda x, shape: x + np.zeros(shape)
    ),
    "reshape": Domain(reshapes(), lambda x, shape: np.reshape(x, shape)),
    "transpose": Domain(transposes(), np.transpose),
    "matrix_transpose": Domain(matrices(), lambda x: np.swapaxes(x, -1, -2)),
    "swapaxes": Domain(exchanges(), swapaxes),
    "moveaxis": Domain(moves(), np.moveaxis),
    "ravel": Domain(unary(), lambda x: np.array(list(x.flat))),
    "flip": Domain(flips(), flip),
    "roll": Domain(rolls(), roll),
    "expand_dims": Domain(
        unary(axis=st.sampled_from([0, -1, (0, 1), (0, -1)])), np.expand_dims
    ),
    "squeeze": Domain(squeezes(), np.squeeze),
    "pad": Domain(pads(), np.pad),
}
