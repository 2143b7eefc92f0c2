"""Diagonals and triangles of matrices."""

import builtins
import functools

import numpy as np

from ..errors import ShapeError
from ..kernels import kernel
from ..op import primitive
from .index import scatter_add
from .reduce import sum
from .shape import arrayed, moveaxis, reshape

__all__ = [
    "diag",
    "diagonal",
    "trace",
    "tril",
    "triu",
]


def diagonal(x, offset=0, axis1=0, axis2=1):
    """x_{i, i + offset} along two axes, as the last axis of the result.

    >>> diagonal(Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor([1., 4.], dtype=float32)
    """
    x = arrayed(x)
    if x.ndim < 2:
        raise ShapeError(f"diagonal: of at least two axes, and the shape is {x.shape}")
    last = -2 % x.ndim, -1 % x.ndim
    if (axis1, axis2) not in (last, (-2, -1)):
        x = moveaxis(x, (axis1, axis2), (-2, -1))
    *batch, n, m = x.shape
    flat = reshape(x, shape=(*batch, n * m))  # one step down the diagonal is m + 1
    return flat[..., _places(n, m, offset)]


def _places(n, m, offset):
    """The slice of a flattened (n, m) matrix that is its diagonal."""
    count = builtins.max(0, builtins.min(n, n + offset, m, m - offset))
    start = offset if offset >= 0 else -offset * m
    return slice(start, start + count * (m + 1), m + 1)


def trace(x, offset=0, axis1=0, axis2=1):
    """The sum of x_{i, i + offset} along two axes.

    >>> trace(Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor(5., dtype=float32)
    """
    return sum(diagonal(x, offset, axis1, axis2), axis=-1)


def diag(x, k=0):
    """The matrix with a vector on its kth diagonal, or the kth diagonal of a matrix.

    >>> diag(Tensor([1.0, 2.0]))
    Tensor([[1., 0.], [0., 2.]], dtype=float32)
    """
    x = arrayed(x)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ShapeError(f"diag: of a vector or a matrix, and the shape is {x.shape}")
    n = len(x) + abs(k)
    return reshape(scatter_add(x, key=_places(n, n, k), shape=(n * n,)), shape=(n, n))


@primitive
def tril(x, *, k=0):
    """x_ij where j <= i + k, else 0: the lower triangle of the last two axes.

    >>> tril(Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor([[1., 0.], [3., 4.]], dtype=float32)
    """
    x, zero = _matrix(x, "tril")
    return kernel("where", x)(_below(*x.shape[-2:], k), x, zero)


@primitive
def triu(x, *, k=0):
    """x_ij where j >= i + k, else 0: the upper triangle of the last two axes.

    >>> triu(Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor([[1., 2.], [0., 4.]], dtype=float32)
    """
    x, zero = _matrix(x, "triu")
    return kernel("where", x)(_below(*x.shape[-2:], k - 1), zero, x)


@functools.lru_cache(maxsize=8)  # models ask for one or two, again and again
def _below(n, m, k):
    """Where j <= i + k, in an (n, m) matrix."""
    return np.tri(n, m, k, dtype=bool)


def _matrix(x, name):
    """x, if it has two axes, and a zero that leaves its dtype alone."""
    if np.ndim(x) < 2:
        raise ShapeError(f"{name}: of at least two axes, and the shape is {x.shape}")
    return x, 0.0 if x.dtype.kind == "f" else x.dtype.type(0)


tril.gradient(x=lambda g, k: tril(g, k=k))
triu.gradient(x=lambda g, k: triu(g, k=k))
