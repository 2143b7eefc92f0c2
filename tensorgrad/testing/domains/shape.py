"""Domains of the ops that move elements."""

from typing import Any

import hypothesis.extra.numpy as nps
import hypothesis.strategies as st
import numpy as np

from .draws import Domain, full_shapes, shapes, sizes, unary, uniform


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


SHAPES = {
    "astype": Domain(unary(dtype=st.just("float64")), lambda x, dtype: x.astype(dtype)),
    "sum_to": Domain(broadcasts(reverse=True), sum_to),
    "broadcast_to": Domain(
        broadcasts(reverse=False), lambda x, shape: x + np.zeros(shape)
    ),
    "reshape": Domain(reshapes(), lambda x, shape: np.reshape(x, shape)),
    "transpose": Domain(transposes(), np.transpose),
    "matrix_transpose": Domain(matrices(), lambda x: np.swapaxes(x, -1, -2)),
    "expand_dims": Domain(
        unary(axis=st.sampled_from([0, -1, (0, 1), (0, -1)])), np.expand_dims
    ),
    "squeeze": Domain(squeezes(), np.squeeze),
    "pad": Domain(pads(), np.pad),
}
