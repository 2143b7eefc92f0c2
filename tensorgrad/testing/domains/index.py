"""Domains of the ops that pick elements and put them back."""

from typing import Any

import hypothesis.extra.numpy as nps
import hypothesis.strategies as st
import numpy as np

from .draws import Domain, bools, full_shapes, integers, shapes, sizes, uniform


@st.composite
def keys(draw: Any, shape: Any) -> Any:
    """Any index into an array of `shape`: slices, integers, masks, repeats."""
    mask = bools(draw, shape[: draw(st.integers(0, len(shape)))])
    options: list[Any] = [nps.basic_indices(shape, allow_newaxis=True), st.just(mask)]
    if shape and all(shape):
        options.append(nps.integer_array_indices(shape))
        options.append(mixed_keys(shape))
    return draw(st.one_of(options))


@st.composite
def mixed_keys(draw: Any, shape: Any) -> Any:
    """One part per axis: a slice, an integer, or a list or tuple of two of them."""
    parts = []
    for n in shape:
        two = st.tuples(st.integers(-n, n - 1), st.integers(-n, n - 1))
        one = st.integers(-n, n - 1)
        parts.append(draw(st.one_of(st.just(slice(None)), one, two, two.map(list))))
    return tuple(parts)


@st.composite
def picks(draw: Any) -> Any:
    x = uniform(draw, draw(shapes))
    return [x], {"key": draw(keys(x.shape))}


@st.composite
def scatters(draw: Any) -> Any:
    (whole,), settings = draw(picks())
    part = uniform(draw, np.shape(whole[settings["key"]]))
    return [part], settings | {"shape": whole.shape}


def scatter_add(x: Any, key: Any, shape: Any) -> Any:
    out = np.zeros(shape)
    np.add.at(out, key, x)
    return out


@st.composite
def assignments(draw: Any) -> Any:
    (x,), settings = draw(picks())
    shape = np.shape(x[settings["key"]])
    kept = [n if draw(st.booleans()) else 1 for n in shape]
    lead = draw(st.sampled_from([(), (1,), (1, 1)]))  # which an assignment drops,
    if not shape or isinstance(settings["key"], np.ndarray):  # but not from a scalar's
        lead = ()
    value = uniform(draw, (*lead, *kept[draw(st.integers(0, len(kept))) :]))
    return [x, value], settings


def setitem(x: Any, value: Any, key: Any) -> Any:
    out = x.copy()
    out[key] = value
    return out


@st.composite
def additions(draw: Any) -> Any:
    """As assignments, but for leading axes of length 1, which only those drop."""
    (x, value), settings = draw(assignments())
    extra = value.ndim - np.ndim(x[settings["key"]])
    return [x, value.reshape(value.shape[max(extra, 0) :])], settings


def add_at(x: Any, value: Any, key: Any) -> Any:
    out = x.copy().ravel()
    places = np.arange(x.size).reshape(x.shape)[key]
    for place, v in zip(places.flat, np.broadcast_to(value, places.shape).flat):  # noqa: B905
        out[place] += v
    return out.reshape(x.shape)


@st.composite
def takes(draw: Any) -> Any:
    x = uniform(draw, draw(full_shapes))
    axis = draw(st.sampled_from([None, *range(-x.ndim, x.ndim)]))
    n = x.size if axis is None else x.shape[axis]
    return [x, integers(draw, -n, n, draw(shapes))], {"axis": axis}


@st.composite
def takes_along(draw: Any) -> Any:
    x = uniform(draw, draw(full_shapes.filter(len)))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    n, shape = x.shape[axis], list(x.shape)
    shape[axis] = draw(sizes)
    return [x, integers(draw, 0, n, shape)], {"axis": axis}


@st.composite
def embeddings(draw: Any) -> Any:
    rows, tokens = draw(st.integers(1, 4)), draw(shapes)
    index = integers(draw, 0, rows, tokens)
    return [uniform(draw, (rows, draw(sizes))), index], {}


@st.composite
def scattered_rows(draw: Any) -> Any:
    (weight, tokens), _ = draw(embeddings())
    x = uniform(draw, (*tokens.shape, weight.shape[1]))
    return [x, tokens], {"rows": len(weight)}


def scatter_rows(x: Any, tokens: Any, rows: int) -> Any:
    return scatter_add(x, tokens, (rows, x.shape[-1]))


INDICES = {
    "getitem": Domain(picks(), lambda x, key: x[key]),
    "scatter_add": Domain(scatters(), scatter_add),
    "add_at": Domain(additions(), add_at),
    "setitem": Domain(assignments(), setitem),
    "take": Domain(takes(), np.take),
    "take_along_axis": Domain(takes_along(), np.take_along_axis),
    "embedding": Domain(embeddings(), lambda weight, tokens: weight[tokens]),
    "scatter_rows": Domain(scattered_rows(), scatter_rows),
}
