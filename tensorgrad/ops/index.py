"""Ops that pick elements and put them back."""

import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..coerce import listless
from ..errors import ShapeError
from ..kernels import kernel
from ..op import primitive
from .axes import rows as as_rows
from .elementwise import where
from .shape import arrayed, reshape

__all__ = [
    "add_at",
    "embedding",
    "getitem",
    "scatter_add",
    "scatter_rows",
    "setitem",
    "take",
    "take_along_axis",
]


@primitive
def getitem(x, *, key):
    """x[key]: any NumPy index. An element picked twice gets both gradients.

    >>> getitem(Tensor([1.0, 2.0, 3.0]), key=[0, 0, 2])
    Tensor([1., 1., 3.], dtype=float32)
    """
    return x[key]


@primitive
def scatter_add(x, *, key, shape):
    """Zeros of `shape`, with x added at [key]: what getitem picked, put back.

    >>> scatter_add(Tensor([1.0, 1.0, 3.0]), key=[0, 0, 2], shape=(3,))
    Tensor([2., 0., 3.], dtype=float32)
    """
    out = np.zeros(shape, x.dtype)
    if not may_repeat(key):
        out[key] = x
    elif _many_rows(key, x, out.shape):
        key, wide = np.ravel(key), math.prod(out.shape[1:])
        table, g = out.reshape(len(out), wide), x.reshape(len(key), wide)
        kernel("scatter_add_rows", x)(table, key, g)
    else:
        target, places, parts = _numbered(out, key, x)
        np.add.at(target, places, parts)
    return out


def _many_rows(key, x, shape):
    """Whether x is rows to be added to others, and worth a compiled loop."""
    key = key[0] if isinstance(key, tuple) and len(key) == 1 else key
    rows = isinstance(key, np.ndarray) and x.shape == key.shape + shape[1:]
    return rows and x.size >= 1 << 14


def _numbered(out, key, x):
    """The same along one axis, where NumPy adds five times as fast, if that pays."""
    if x.size < 256 or 4 * x.size < out.size:
        return out, key, x
    places = np.arange(out.size).reshape(out.shape)[key]
    if places.shape != x.shape:
        return out, key, x
    return out.reshape(-1), places.reshape(-1), x.reshape(-1)


getitem.gradient(x=lambda g, key, x_shape: scatter_add(g, key=key, shape=x_shape))
scatter_add.gradient(x=lambda g, key: g[key])


PICKING_ONE = (slice, int, np.integer)  # of each axis, no element twice


def may_repeat(key):
    """Whether an index can pick an element twice: sequences of integers can."""
    parts = key if isinstance(key, tuple) else (key,)
    return not all(map(_picks_once, parts))


def _picks_once(part):
    if isinstance(part, np.ndarray):
        return part.ndim == 0 or part.dtype == bool
    return part is None or part is ... or isinstance(part, PICKING_ONE)


@primitive(broadcasts=True)
def setitem(x, value, *, key):
    """x with x[key] replaced by `value`, which broadcasts; x itself is unchanged.

    >>> setitem(Tensor([1.0, 2.0]), 5.0, key=0)
    Tensor([5., 2.], dtype=float32)
    """
    out = np.array(x)
    out[key] = value
    return out


setitem.gradient(
    x=lambda g, key: setitem(g, 0.0, key=key),
    value=lambda g, key, value_shape: _assigned(
        where(written(key, g.shape), g[key], 0.0), value_shape
    ),
)


def _assigned(g, shape):
    """g with leading axes of length 1 that an assignment drops from its value."""
    extra = len(shape) - g.ndim
    return g if extra <= 0 else reshape(g, shape=(1,) * extra + g.shape)


def written(key, shape):
    """Which elements of a value assigned to [key] are still there afterwards."""
    if not may_repeat(key):
        return True
    last = np.empty(shape, int)
    number = np.arange(last[key].size).reshape(last[key].shape)
    last[key] = number  # the last of several writes to one place wins
    return last[key] == number


@primitive(broadcasts=True)
def add_at(x, value, *, key):
    """x with `value`, which broadcasts, added at [key]; x itself is unchanged.

    What goes to one place is added up: it is NumPy's `add.at`, as a function.

    >>> add_at(Tensor([1.0, 2.0]), 5.0, key=[0, 0])
    Tensor([11.,  2.], dtype=float32)
    """
    out = np.array(x, np.result_type(x, listless(value)))
    # spelt out, since add.at reads past the end of a value with more axes than x[key]
    np.add.at(out, key, setitem(out[key], value, key=...))
    return out


add_at.gradient(x=lambda g: g, value=lambda g, key: g[key])


@primitive
def take(x, indices, *, axis=None):
    """The slices of x at integer `indices` along `axis`; of x flattened for None.

    >>> take(Tensor([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 1]), axis=0)
    Tensor([[3., 4.], [3., 4.]], dtype=float32)
    """
    return np.take(x, indices, axis=axis)


def _put_back(g, indices, x_shape, axis):
    indices = np.asarray(indices, int)
    if axis is None or not x_shape:
        flat = scatter_add(g, key=indices, shape=(math.prod(x_shape),))
        return reshape(flat, shape=x_shape)
    key = (slice(None),) * (axis % len(x_shape)) + (indices,)
    return scatter_add(g, key=key, shape=x_shape)


take.gradient(x=_put_back, indices=None)


@primitive
def embedding(weight, tokens):
    """weight[tokens]: a row (C,) of weight (V, C) for each integer in tokens.

    >>> embedding(Tensor([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 0]))
    Tensor([[3., 4.], [1., 2.]], dtype=float32)
    """
    if weight.ndim != 2 or np.asarray(tokens).dtype.kind not in "iu":
        raise ShapeError(
            f"embedding: weight {weight.shape} should be (V, C) and tokens integers; "
            f"these are {np.asarray(tokens).dtype}"
        )
    return weight[tokens]


@primitive
def scatter_rows(x, tokens, *, rows):
    """Zeros (rows, C), with each row of x (..., C) added at its token.

    >>> scatter_rows(Tensor([[1.0], [2.0], [3.0]]), np.array([0, 1, 0]), rows=2)
    Tensor([[4.], [2.]], dtype=float32)
    """
    out = np.zeros((rows, x.shape[-1]), x.dtype)
    flat = as_rows(x)
    kernel("scatter_add_rows", flat)(out, np.asarray(tokens).reshape(-1), flat)
    return out


embedding.gradient(
    weight=lambda g, tokens, weight_shape: scatter_rows(
        g, tokens, rows=weight_shape[0]
    ),
    tokens=None,
)
scatter_rows.gradient(x=lambda g, tokens: embedding(g, tokens), tokens=None)


def take_along_axis(x, indices, axis=-1):
    """x at one index along `axis` for each element of `indices`, as NumPy has it.

    >>> take_along_axis(Tensor([[1.0, 2.0], [3.0, 4.0]]), np.array([[1], [0]]))
    Tensor([[2.], [3.]], dtype=float32)
    """
    x, indices = arrayed(x), np.asarray(getattr(indices, "_data", indices))
    if axis is None:
        x, indices, axis = reshape(x, shape=(-1,)), indices.reshape(-1), 0
    if indices.ndim != x.ndim:
        raise ShapeError(f"take_along_axis: indices {indices.shape} for x {x.shape}")
    return getitem(x, key=along_axis(indices, x.shape, axis))


def along_axis(indices, shape, axis):
    """The key of x[key] for one index along `axis` for each element of `indices`."""
    axis, rank = normalize_axis_index(axis, len(shape)), len(shape)
    places = [
        np.arange(n).reshape((1,) * i + (n,) + (1,) * (rank - 1 - i))
        for i, n in enumerate(shape)
    ]
    return (*places[:axis], indices, *places[axis + 1 :])
