"""Domains of the ops that join arrays and cut them apart."""

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np

from .draws import Domain, shapes, sizes, uniform


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
    x = uniform(draw, draw(shapes.filter(lambda shape: all(shape[:1]))))
    x = x if x.ndim else x[None]
    return [x], {"axis": draw(st.sampled_from([0, -x.ndim]))}


def plainly(function: Callable[..., Any]) -> Callable[..., Any]:
    """A NumPy function of a list of arrays, given them one by one."""
    return lambda *xs, **settings: function(xs, **settings)


JOINS = {
    "concatenate": Domain(lists(new_axis=False), plainly(np.concatenate)),
    "stack": Domain(lists(new_axis=True), plainly(np.stack)),
    "split": Domain(splits(), lambda x, **settings: tuple(np.split(x, **settings))),
    "unstack": Domain(unstacks(), lambda x, axis: tuple(x)),
}
