"""Ops that combine elements along axes: `axis` an int, a tuple, or None for all."""

import numpy as np

from ..op import primitive
from .elementwise import where
from .exponential import exp
from .shape import astype, broadcast_to, kept_shape, reduced_size, reshape

__all__ = [
    "logsumexp",
    "max",
    "mean",
    "min",
    "sum",
    "var",
]


def restore(g, shape, axis):
    """A reduction's g broadcast to the shape of its input."""
    return broadcast_to(keep(g, shape, axis), shape=shape)


def keep(g, shape, axis):
    """A reduction's g (or out) as it would be with keepdims=True."""
    return reshape(g, shape=kept_shape(shape, axis))


@primitive
def sum(x, *, axis=None, keepdims=False):
    """The sum of the elements.

    >>> sum(Tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    Tensor([4., 6.], dtype=float32)
    """
    return np.add.reduce(x, axis=axis, keepdims=keepdims)


sum.gradient(x=lambda g, x_shape, axis: restore(g, x_shape, axis))


@primitive
def mean(x, *, axis=None, keepdims=False):
    """The sum of the elements over their number.

    >>> mean(Tensor([1.0, 2.0, 6.0]))
    Tensor(3., dtype=float32)
    """
    return np.mean(x, axis=axis, keepdims=keepdims)


mean.gradient(
    x=lambda g, x_shape, axis: restore(g / reduced_size(x_shape, axis), x_shape, axis)
)


@primitive
def var(x, *, axis=None, ddof=0, keepdims=False):
    """sum (x - mean)^2 / (n - ddof): the variance, biased as NumPy's by default.

    >>> var(Tensor([1.0, 3.0]))
    Tensor(1., dtype=float32)
    """
    return np.var(x, axis=axis, ddof=ddof, keepdims=keepdims)


var.gradient(
    x=lambda g, x, axis, ddof: (
        keep(g * 2.0 / (reduced_size(x.shape, axis) - ddof), x.shape, axis)
        * (x - mean(x, axis=axis, keepdims=True))
    )
)


@primitive
def max(x, *, axis=None, keepdims=False):
    """The largest element. Elements that tie share the gradient evenly.

    >>> max(Tensor([[1.0, 5.0], [7.0, 3.0]]), axis=1)
    Tensor([5., 7.], dtype=float32)
    """
    return np.max(x, axis=axis, keepdims=keepdims)


@primitive
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
    top = np.max(x, axis=axis, keepdims=True) if x.size else x.dtype.type(0)
    top = np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore"):
        out = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return out if keepdims else np.squeeze(out, axis)


logsumexp.gradient(
    x=lambda g, x, out, axis: keep(g, x.shape, axis) * _softmax(x, out, axis)
)


def _softmax(x, out, axis):
    """e^(x - logsumexp x), and zeros where that is -inf."""
    out = keep(out, x.shape, axis)
    return exp(x - where(out == -np.inf, 0.0, out))
