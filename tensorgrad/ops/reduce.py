"""Ops that combine elements along axes: `axis` an int, a tuple, or None for all."""

import numpy as np

from ..kernels.reference_sums import ones
from ..op import primitive
from .axes import along, kept_shape, reduced_size
from .elementwise import maximum, where
from .exponential import exp
from .scan import product_of_others, safely_divided
from .shape import astype, broadcast_to, reshape

__all__ = [
    "all",
    "any",
    "logsumexp",
    "max",
    "mean",
    "min",
    "prod",
    "std",
    "sum",
    "var",
]


def restore(g, shape, axis):
    """A reduction's g broadcast to the shape of its input."""
    return broadcast_to(keep(g, shape, axis) if g.ndim else g, shape=shape)


def keep(g, shape, axis):
    """A reduction's g (or out) as it would be with keepdims=True, if it is not."""
    return g if g.ndim == len(shape) else reshape(g, shape=kept_shape(shape, axis))


@primitive
def sum(x, *, axis=None, keepdims=False):
    """The sum of the elements.

    >>> sum(Tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    Tensor([4., 6.], dtype=float32)
    """
    if not keepdims and x.ndim == 2 and axis in (-1, 1) and _quick(x):
        return np.vecdot(x, ones(x.shape[1], x.dtype))
    if not keepdims and axis is None and _quick(x) and x.flags.c_contiguous:
        x = x.reshape(-1, x.shape[-1])  # the rows first
        x = x.dot(ones(x.shape[1], x.dtype))
    return np.add.reduce(x, axis=axis, keepdims=keepdims)


def _quick(x):
    """Whether BLAS adds rows quicker than NumPy, and as exactly: not of any length."""
    return x.size >= 1024 and 16 <= x.shape[-1] <= 1024 and x.dtype.char in "fd"


sum.gradient(x=lambda g, x_shape, axis: restore(g, x_shape, axis))


@primitive
def mean(x, *, axis=None, keepdims=False):
    """The sum of the elements over their number.

    >>> mean(Tensor([1.0, 2.0, 6.0]))
    Tensor(3., dtype=float32)
    """
    if x.dtype.kind != "f" or x.dtype.itemsize < 4 or x.size == 0:
        return np.mean(x, axis=axis, keepdims=keepdims)
    # the same to the last bit, without 3 us of Python around it
    total = np.add.reduce(x, axis=axis, keepdims=keepdims)
    return total / reduced_size(x.shape, axis)


mean.gradient(
    x=lambda g, x_shape, axis: restore(g / reduced_size(x_shape, axis), x_shape, axis)
)


@primitive
def var(x, *, axis=None, ddof=0, keepdims=False):
    """sum (x - mean)^2 / (n - ddof): the variance, biased as NumPy's by default.

    >>> var(Tensor([1.0, 3.0]))
    Tensor(1., dtype=float32)
    """
    n = reduced_size(x.shape, axis) - ddof
    if x.dtype.char not in "fd" or n <= 0:
        return np.var(x, axis=axis, ddof=ddof, keepdims=keepdims)
    # the same to the last bit, without 6 us of Python around it
    squares = x - mean(x, axis=axis, keepdims=True)
    squares *= squares
    return np.add.reduce(squares, axis=axis, keepdims=keepdims) / n


var.gradient(
    x=lambda g, x, axis, ddof: (
        keep(g * 2.0 / (reduced_size(x.shape, axis) - ddof), x.shape, axis)
        * (x - mean(x, axis=axis, keepdims=True))
    )
)


@primitive(smooth="where it is not 0", kinks="0 where the deviation is 0")
def std(x, *, axis=None, ddof=0, keepdims=False):
    """sqrt(sum (x - mean)^2 / (n - ddof)): the standard deviation, biased as NumPy's.

    >>> std(Tensor([1.0, 3.0]))
    Tensor(1., dtype=float32)
    """
    return np.sqrt(var(x, axis=axis, ddof=ddof, keepdims=keepdims))


std.gradient(
    x=lambda g, x, out, axis, ddof: (
        keep(_over(g, out) / (reduced_size(x.shape, axis) - ddof), x.shape, axis)
        * (x - mean(x, axis=axis, keepdims=True))
    )
)


def _over(g, out):
    """g / out, and 0 where out is 0."""
    return where(out == 0, 0.0, g / where(out == 0, 1.0, out))


@primitive
def prod(x, *, axis=None, keepdims=False):
    """The product of the elements. Its derivative is right where some are 0, too.

    >>> prod(Tensor([[1.0, 2.0], [3.0, 4.0]]), axis=1)
    Tensor([ 2., 12.], dtype=float32)
    """
    return np.multiply.reduce(x, axis=axis, keepdims=keepdims)


prod.gradient(x=lambda g, x, out, axis: keep(g, x.shape, axis) * _others(x, out, axis))


def _others(x, out, axis):
    """For each element the product of all others."""
    if safely_divided(x, out):
        return keep(out, x.shape, axis) / x
    return along(product_of_others, x, axis)


@primitive(smooth="where no two elements tie", kinks="elements that tie share evenly")
def max(x, *, axis=None, keepdims=False):
    """The largest element. Elements that tie share the gradient evenly.

    >>> max(Tensor([[1.0, 5.0], [7.0, 3.0]]), axis=1)
    Tensor([5., 7.], dtype=float32)
    """
    return np.max(x, axis=axis, keepdims=keepdims)


@primitive(smooth="where no two elements tie", kinks="elements that tie share evenly")
def min(x, *, axis=None, keepdims=False):
    """The smallest element. Elements that tie share the gradient evenly.

    >>> min(Tensor([[1.0, 5.0], [7.0, 3.0]]), axis=1)
    Tensor([1., 3.], dtype=float32)
    """
    return np.min(x, axis=axis, keepdims=keepdims)


def _share(g, x, out, axis):
    """g divided evenly among the elements of x that equal the result."""
    ties = astype(x == keep(out, x.shape, axis), dtype=x.dtype)
    return keep(g, x.shape, axis) * (ties / sum(ties, axis=axis, keepdims=True))


max.gradient(x=_share)
min.gradient(x=_share)


@primitive
def logsumexp(x, *, axis=None, keepdims=False):
    """log sum e^x, without overflow; -inf for a row of nothing but -inf.

    >>> logsumexp(Tensor([0.0, 0.0]))
    Tensor(0.6931472, dtype=float32)
    """
    x = x if x.dtype.kind == "f" else x + 0.0
    low, high = np.finfo(x.dtype).min, np.finfo(x.dtype).max
    # finite, where the largest element is not: a difference of infinities is NaN
    top = np.maximum.reduce(x, axis=axis, keepdims=True, initial=low)
    top = np.minimum(top, high)
    with np.errstate(divide="ignore", over="ignore"):
        out = np.log(np.add.reduce(np.exp(x - top), axis=axis, keepdims=True)) + top
    return out if keepdims else out.squeeze(axis)


logsumexp.gradient(
    x=lambda g, x, out, axis: keep(g, x.shape, axis) * _softmax(x, out, axis)
)


def _softmax(x, out, axis):
    """e^(x - logsumexp x), and zeros where that is -inf."""
    out = keep(out, x.shape, axis)
    return exp(x - maximum(out, float(np.finfo(out.dtype).min)))


@primitive(smooth="nowhere: its values are booleans")
def all(x, *, axis=None, keepdims=False):
    """Whether all elements are true, or none is 0.

    >>> all(Tensor([[1.0, 0.0], [2.0, 3.0]]), axis=1)
    Tensor([False,  True], dtype=bool)
    """
    return np.all(x, axis=axis, keepdims=keepdims)


@primitive(smooth="nowhere: its values are booleans")
def any(x, *, axis=None, keepdims=False):
    """Whether an element is true, or not 0.

    >>> any(Tensor([[1.0, 0.0], [0.0, 0.0]]), axis=1)
    Tensor([ True, False], dtype=bool)
    """
    return np.any(x, axis=axis, keepdims=keepdims)


all.gradient(x=None)
any.gradient(x=None)
