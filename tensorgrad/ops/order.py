"""Ops that sort, rank and choose."""

import operator

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..errors import ConfigError
from ..op import primitive
from .index import take_along_axis
from .reduce import keep
from .shape import along, arrayed, flip, ravel, reshape

__all__ = [
    "argmax",
    "argmin",
    "argsort",
    "median",
    "sort",
    "topk",
]


@primitive(smooth="nowhere: its values are integers")
def argmax(x, *, axis=None, keepdims=False):
    """The index of the largest element, of the first where several are. No gradient.

    >>> argmax(Tensor([[1.0, 5.0], [7.0, 7.0]]), axis=1)
    Tensor([1, 0], dtype=int64)
    """
    return np.argmax(x, axis=axis, keepdims=keepdims)


@primitive(smooth="nowhere: its values are integers")
def argmin(x, *, axis=None, keepdims=False):
    """The index of the smallest element, of the first where several are. No gradient.

    >>> argmin(Tensor([[1.0, 5.0], [7.0, 7.0]]), axis=1)
    Tensor([0, 0], dtype=int64)
    """
    return np.argmin(x, axis=axis, keepdims=keepdims)


@primitive(smooth="nowhere: its values are integers")
def argsort(x, *, axis=-1):
    """The indices that sort x; elements that tie keep their order. No gradient.

    >>> argsort(Tensor([3.0, 1.0, 2.0]))
    Tensor([1, 2, 0], dtype=int64)
    """
    return np.argsort(x, axis=axis, kind="stable")


for _op in (argmax, argmin, argsort):
    _op.gradient(x=None)


@primitive(
    smooth="where no two elements tie", kinks="elements that tie keep their order"
)
def sort(x, *, axis=-1):
    """The elements in ascending order along `axis`; of x flattened for None.

    >>> sort(Tensor([3.0, 1.0, 2.0]))
    Tensor([1., 2., 3.], dtype=float32)
    """
    return np.sort(x, axis=axis)


sort.gradient(
    x=lambda g, x, axis: reshape(
        take_along_axis(g, _ranks(x, axis), axis=axis), shape=x.shape
    )
)


def _ranks(x, axis):
    """Where each element of x goes when x is sorted."""
    return np.argsort(argsort(_values(x), axis=axis), axis=axis)


def _values(x):
    """The array of a Tensor, for integers and weights that no gradient passes."""
    return getattr(x, "_data", x)


@primitive(
    smooth="where no two elements tie",
    kinks="of elements that tie, those that a stable sort puts in the middle",
)
def median(x, *, axis=None, keepdims=False):
    """The element in the middle, or the mean of the two there.

    >>> median(Tensor([1.0, 9.0, 2.0, 4.0]))
    Tensor(3., dtype=float32)
    """
    return np.median(x, axis=axis, keepdims=keepdims)


median.gradient(
    x=lambda g, x, axis: keep(g, x.shape, axis) * along(_middle, _values(x), axis)
)


def _middle(x):
    """What each element contributes to the median of its row: 1, 1/2 or nothing."""
    n = x.shape[-1]
    places = argsort(x)[..., (n - 1) // 2 : n // 2 + 1]
    weights = np.zeros_like(x)
    np.put_along_axis(weights, places, 1.0 if n % 2 else 0.5, axis=-1)
    return weights


def topk(x, k, axis=-1, largest=True):
    """The k largest (or smallest) elements along an axis, in order, and their indices.

    The indices have no gradient. Elements that tie keep their order.

    >>> topk(Tensor([3.0, 1.0, 2.0]), 2)
    (Tensor([3., 2.], dtype=float32), Tensor([0, 2], dtype=int64))
    """
    x = arrayed(x)
    x, axis = (ravel(x), 0) if axis is None else (x, axis)
    axis = normalize_axis_index(axis, x.ndim)
    n, k = x.shape[axis], operator.index(k)
    if not 0 <= k <= n:
        raise ConfigError(f"topk: k = {k} of {n} elements along axis {axis}")
    if largest:  # the opposite of an ascending order would reverse ties
        order = n - 1 - flip(argsort(flip(x, axis=axis), axis=axis), axis=axis)
    else:
        order = argsort(x, axis=axis)
    indices = order[(slice(None),) * axis + (slice(k),)]
    return take_along_axis(x, indices, axis), indices
