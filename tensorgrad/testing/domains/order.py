"""Domains of the ops that sort, rank and choose."""

import statistics
from typing import Any

import hypothesis.strategies as st
import numpy as np

from .draws import Domain, apart, full_shapes, integers, shapes
from .reduce import by_row, reduced


@st.composite
def one_axis(draw: Any) -> Any:
    (x,) = apart(draw, draw(shapes))
    return [x], {"axis": draw(st.sampled_from([None, *range(-x.ndim, x.ndim)]))}


def in_order(x: Any, axis: Any) -> Any:
    x, axis = (x.ravel(), 0) if axis is None else (x, axis)
    return np.apply_along_axis(sorted, axis, x) if x.size else x


@st.composite
def tying(draw: Any) -> Any:
    """Few different numbers, so that many tie."""
    x = np.asarray(integers(draw, 0, 3, draw(full_shapes)) / 2)
    return [x], {"axis": draw(st.sampled_from([None, *range(-x.ndim, x.ndim)]))}


@st.composite
def chosen(draw: Any) -> Any:
    (x,), settings = draw(tying())
    return [x], settings | {"keepdims": draw(st.booleans())}


def places(x: Any, axis: Any) -> Any:
    """The indices of a list by its elements: Python's sort is stable."""
    x, axis = (x.ravel(), 0) if axis is None else (x, axis)
    return np.apply_along_axis(
        lambda row: sorted(range(len(row)), key=row.__getitem__), axis, x
    )


def first(extreme: Any) -> Any:
    """The first index of the largest or smallest number of a row."""
    return by_row(lambda row: row.index(extreme(row)))


@st.composite
def best(draw: Any) -> Any:
    (x,) = apart(draw, draw(full_shapes.filter(len)))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    k = draw(st.integers(0, x.shape[axis]))
    return [x], {"k": k, "axis": axis, "largest": draw(st.booleans())}


def topk(x: Any, k: int, axis: int, largest: bool) -> Any:
    order = places(-x if largest else x, axis)
    order = np.take(order, range(k), axis)
    return np.take_along_axis(x, order, axis), order


ORDERS = {
    "sort": Domain(one_axis(), in_order),
    "median": Domain(reduced(), by_row(statistics.median)),
    "topk": Domain(best(), topk),
    "argsort": Domain(tying(), places, smooth=False),
    "argmax": Domain(chosen(), first(max), smooth=False),
    "argmin": Domain(chosen(), first(min), smooth=False),
}
