"""Domains of running sums and products."""

import itertools
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np

from .draws import Domain, bools, shapes, uniform


@st.composite
def scanned(draw: Any, low: float = -1.5, high: float = 1.5) -> Any:
    """Some elements are exactly 0: a product is as smooth there as anywhere."""
    x = uniform(draw, draw(shapes), low, high)
    some = bools(draw, x.shape, draw(st.sampled_from([0.5, 0.8, 1.0])))
    return [np.asarray(x * some)], {
        "axis": draw(st.sampled_from([None, *range(-x.ndim, x.ndim)]))
    }


@st.composite
def summed(draw: Any) -> Any:
    inputs, settings = draw(scanned())
    return inputs, settings | {"reverse": draw(st.booleans())}


def cumsum(x: Any, axis: Any, reverse: bool) -> Any:
    if not reverse:
        return running(np.add)(x, axis)
    return np.flip(running(np.add)(np.flip(x, axis), axis), 0 if axis is None else axis)


def running(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """What `function` accumulates from a list of slices."""

    def value(x: Any, axis: Any) -> Any:
        x, axis = (x.ravel(), 0) if axis is None else (x, axis)
        parts = [np.take(x, i, axis) for i in range(x.shape[axis])]
        parts = list(itertools.accumulate(parts, function))
        return np.stack(parts, axis) if parts else x

    return value


@st.composite
def recurrences(draw: Any) -> Any:
    shape = draw(shapes.filter(len))
    settings = {"axis": draw(st.integers(-len(shape), len(shape) - 1))}
    settings["reverse"] = draw(st.booleans())
    x = uniform(draw, shape) * bools(draw, shape, 0.8)
    return [x, uniform(draw, shape)], settings


def linear_recurrence(x: Any, y: Any, axis: int, reverse: bool) -> Any:
    """Each y times all the factors between it and the element it contributes to."""
    x, y = np.moveaxis(x, axis, 0), np.moveaxis(y, axis, 0)
    if reverse:
        x, y = x[::-1], y[::-1]
    out = np.zeros(y.shape)
    for i in range(len(y)):
        out[i] = sum(y[j] * np.prod(x[j + 1 : i + 1], axis=0) for j in range(i + 1))
    return np.moveaxis(out[::-1] if reverse else out, 0, axis)


@st.composite
def differences(draw: Any) -> Any:
    x = uniform(draw, draw(shapes.filter(len)))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    return [x], {"n": draw(st.integers(0, 3)), "axis": axis}


SCANS = {
    "cumsum": Domain(summed(), cumsum),
    "cumprod": Domain(scanned(), running(np.multiply)),
    "linear_recurrence": Domain(recurrences(), linear_recurrence),
    "diff": Domain(differences(), np.diff),
}
