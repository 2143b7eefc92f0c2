"""Domains of the ops that join arrays and cut them apart."""

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np

from .draws import Domain, full_shapes, shapes, sizes, uniform


@st.composite
def lists(draw: Any, new_axis: bool) -> Any:
    """Arrays to join: alike, or but for the length of one axis."""
    shape = list(draw(shapes.filter(lambda shape: new_axis or shape)))
    axis = draw(st.integers(-len(shape) - new_axis, len(shape) - 1 + new_axis))
    xs = []
    for _ in range(draw(st.integers(1, 3))):
        if not new_axis:
            shape[axis] = draw(sizes)
        xs.append(uniform(draw, shape))
    return xs, {"axis": axis}


@st.composite
def splits(draw: Any) -> Any:
    x = uniform(draw, draw(shapes.filter(len)))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    n = x.shape[axis]
    equal = st.sampled_from([m for m in range(1, n + 2) if n % m == 0])
    places = st.lists(st.integers(0, n), max_size=3).map(sorted)
    return [x], {"indices_or_sections": draw(st.one_of(equal, places)), "axis": axis}


@st.composite
def unstacks(draw: Any) -> Any:
    x = uniform(draw, draw(full_shapes.filter(len)))
    return [x], {"axis": draw(st.integers(-x.ndim, x.ndim - 1))}


def unstack(x: Any, axis: int) -> Any:
    return tuple(np.take(x, i, axis) for i in range(x.shape[axis]))


def plainly(function: Callable[..., Any]) -> Callable[..., Any]:
    """A NumPy function of a list of arrays, given them one by one."""
    return lambda *xs, **settings: function(xs, **settings)


@st.composite
def beside(draw: Any, axis: int) -> Any:
    """Two or three arrays that hstack (axis -1) or vstack (0) can join."""
    ndim = draw(st.integers(0, 3))
    shape = [draw(sizes) for _ in range(ndim)]
    place = axis if axis == 0 or ndim < 2 else 1
    free = ndim > (0 if axis else 1)  # rows must all have one length
    xs = []
    for _ in range(draw(st.integers(2, 3))):
        if free:
            shape[place] = draw(sizes)
        xs.append(uniform(draw, shape))
    return xs, {}


@st.composite
def tiles(draw: Any) -> Any:
    x = uniform(draw, draw(shapes))
    reps = st.one_of(sizes, st.lists(sizes, max_size=4).map(tuple))
    return [x], {"reps": draw(reps)}


@st.composite
def repeats(draw: Any) -> Any:
    x = uniform(draw, draw(shapes))
    axis = draw(st.sampled_from([None, *range(-x.ndim, x.ndim)]))
    n = x.size if axis is None else x.shape[axis]
    each = st.lists(sizes, min_size=n, max_size=n)
    return [x], {"repeats": draw(st.one_of(sizes, each)), "axis": axis}


def repeat(x: Any, repeats: Any, axis: Any) -> Any:
    x, axis = (x.ravel(), 0) if axis is None else (x, axis)
    counts = np.broadcast_to(repeats, x.shape[axis]).tolist()
    return np.take(x, [i for i, count in enumerate(counts) for _ in range(count)], axis)


JOINS = {
    "concatenate": Domain(lists(new_axis=False), plainly(np.concatenate)),
    "stack": Domain(lists(new_axis=True), plainly(np.stack)),
    "split": Domain(splits(), lambda x, **settings: tuple(np.split(x, **settings))),
    "hstack": Domain(beside(axis=-1), plainly(np.hstack)),
    "vstack": Domain(beside(axis=0), plainly(np.vstack)),
    "tile": Domain(tiles(), np.tile),
    "repeat": Domain(repeats(), repeat),
    "unstack": Domain(unstacks(), unstack),
}
