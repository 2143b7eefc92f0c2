"""Ops that sort, rank and choose."""

import operator

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..errors import ConfigError
from ..graph import wrap
from ..op import primitive
from .axes import along, flattened, kept_shape, reduced_size
from .index import along_axis, setitem, take_along_axis
from .reduce import keep
from .shape import arrayed, ravel, reshape

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
    if axis is None or x.dtype.char not in "fd" or not x.ndim:
        return np.argsort(x, axis=axis, kind="stable")
    return stable_order(x, np.sort(x, axis=axis), axis)


def stable_order(x, ascending, axis):
    """The indices that sort x, a float array; elements that tie keep their order."""
    before = (slice(None),) * normalize_axis_index(axis, x.ndim)
    one, next_one = (*before, slice(-1)), (*before, slice(1, None))
    # where no two tie and none is NaN, any sort is stable, and another is quicker
    distinct = (ascending[next_one] > ascending[one]).all()
    return np.argsort(x, axis=axis, kind=None if distinct else "stable")


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


def _unsorted(g, x, out, axis):
    """g back where the elements of x came from."""
    array, ascending = _values(x), _values(out)
    if not array.ndim or axis is None:
        array, axis = array.reshape(-1), 0
    order = stable_order(array, ascending.reshape(array.shape), axis)
    gx = np.zeros(array.shape, array.dtype)
    g = reshape(g, shape=array.shape)
    gx = setitem(gx, g, key=along_axis(order, array.shape, axis))
    return reshape(gx, shape=x.shape)


sort.gradient(x=_unsorted)


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
    n = reduced_size(x.shape, axis)
    if axis is not None and x.ndim:
        normalize_axis_tuple(axis, x.ndim)  # raises for one that is not there
    if x.dtype.char not in "fd" or not n or not x.ndim:
        return np.median(x, axis=axis, keepdims=keepdims)
    # a sort is quicker than NumPy's partition, and NaN comes last
    ascending = np.sort(flattened(x, axis), axis=-1)
    middle = ascending[..., (n - 1) // 2 : n // 2 + 1]
    out = np.add.reduce(middle, axis=-1) / middle.shape[-1]
    last = ascending[..., -1]
    if np.isnan(last).any():
        out = np.where(np.isnan(last), last, out)
    return out.reshape(kept_shape(x.shape, axis)) if keepdims else out


median.gradient(
    x=lambda g, x, axis: keep(g, x.shape, axis) * along(_middle, _values(x), axis)
)


def _middle(x):
    """What each element contributes to the median of its row: 1, 1/2 or nothing."""
    n = x.shape[-1]
    places = argsort(x)[..., (n - 1) // 2 : n // 2 + 1]
    weights = np.zeros_like(x)
    weights[along_axis(places, x.shape, -1)] = 1.0 if n % 2 else 0.5
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
    before, array = (slice(None),) * axis, _values(x)
    if largest:  # the opposite of an ascending order would reverse ties
        back = (*before, slice(None, None, -1))
        order = n - 1 - argsort(array[back], axis=axis)[back]
    else:
        order = argsort(array, axis=axis)
    indices = order[(*before, slice(k))]
    found = take_along_axis(x, indices, axis)
    return found, indices if x is array else wrap(indices)
