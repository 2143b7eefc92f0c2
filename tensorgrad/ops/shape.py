"""Ops that move elements and change none."""

import math

import numpy as np

from ..errors import DtypeError, ShapeError
from ..op import primitive

__all__ = [
    "astype",
    "broadcast_to",
    "expand_dims",
    "matrix_transpose",
    "pad",
    "reshape",
    "squeeze",
    "sum_to",
    "transpose",
]


@primitive
def astype(x, *, dtype):
    """x in another floating dtype.

    >>> astype(Tensor([1.5, 2.5]), dtype="float64")
    Tensor([1.5, 2.5], dtype=float64)
    """
    if np.dtype(dtype).kind != "f":
        raise DtypeError(f"astype: {dtype} has no gradients; use Tensor.astype")
    return x.astype(dtype)


astype.gradient(x=lambda g: g)  # the engine casts it back to x's dtype


@primitive
def sum_to(x, *, shape):
    """x summed over the axes along which `shape` broadcasts to x.shape.

    >>> sum_to(Tensor([[1.0, 2.0], [3.0, 4.0]]), shape=(2, 1))
    Tensor([[3.], [7.]], dtype=float32)
    """
    lead = x.ndim - len(shape)
    stretched = [i for i, n in enumerate(x.shape) if i >= lead and shape[i - lead] != n]
    axes = (*range(lead), *stretched)
    return np.add.reduce(x, axis=axes, keepdims=True).reshape(shape)


@primitive
def broadcast_to(x, *, shape):
    """x repeated along new axes and axes of length 1, as NumPy broadcasts.

    >>> broadcast_to(Tensor([1.0, 2.0]), shape=(2, 2))
    Tensor([[1., 2.], [1., 2.]], dtype=float32)
    """
    out = np.empty(shape, x.dtype)
    try:
        out[...] = x  # for small arrays far quicker than numpy.broadcast_to
        fits = x.ndim <= out.ndim  # assignment would drop leading axes of length 1
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(f"broadcast_to: {x.shape} does not broadcast to {shape}")
    return out


sum_to.gradient(x=lambda g, x_shape: broadcast_to(g, shape=x_shape))

broadcast_to.gradient(x=lambda g, x_shape: sum_to(g, shape=x_shape))


@primitive
def reshape(x, *, shape):
    """The same elements in the same order, in another shape.

    >>> reshape(Tensor([1.0, 2.0, 3.0, 4.0]), shape=(2, -1))
    Tensor([[1., 2.], [3., 4.]], dtype=float32)
    """
    return x.reshape(shape)


reshape.gradient(x=lambda g, x_shape: reshape(g, shape=x_shape))


@primitive
def transpose(x, *, axes=None):
    """The axes in another order; reversed when none is given.

    >>> transpose(Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor([[1., 3.], [2., 4.]], dtype=float32)
    """
    return x.transpose(axes)


transpose.gradient(x=lambda g, axes: transpose(g, axes=_inverse(axes)))


def _inverse(axes):
    """The permutation that undoes `axes`."""
    if axes is None:
        return None
    return tuple(np.argsort([axis % len(axes) for axis in axes]).tolist())


@primitive
def matrix_transpose(x):
    """x.mT: the last two axes exchanged.

    >>> matrix_transpose(Tensor([[[1.0, 2.0]]]))
    Tensor([[[1.],
             [2.]]], dtype=float32)
    """
    if x.ndim < 2:
        raise ShapeError(f".mT needs at least 2 axes, and the shape is {x.shape}")
    return x.mT


matrix_transpose.gradient(x=lambda g: matrix_transpose(g))


@primitive
def expand_dims(x, *, axis):
    """x with new axes of length 1, at `axis` (an int or a tuple) of the result.

    >>> expand_dims(Tensor([1.0, 2.0]), axis=0).shape
    (1, 2)
    """
    return np.expand_dims(x, axis)


expand_dims.gradient(x=lambda g, x_shape: reshape(g, shape=x_shape))


@primitive
def squeeze(x, *, axis=None):
    """x without its axes of length 1: all of them, or those named.

    >>> squeeze(Tensor([[1.0, 2.0]])).shape
    (2,)
    """
    return np.squeeze(x, axis)


squeeze.gradient(x=lambda g, x_shape: reshape(g, shape=x_shape))


@primitive
def pad(x, *, pad_width, constant_values=0):
    """x with `pad_width` = ((before, after), ...) constant elements on each axis.

    >>> pad(Tensor([1.0, 2.0]), pad_width=((1, 0),))
    Tensor([0., 1., 2.], dtype=float32)
    """
    return np.pad(x, pad_width, constant_values=constant_values)


pad.gradient(x=lambda g, pad_width, x_shape: g[_inside(pad_width, x_shape)])


def _inside(pad_width, shape):
    """The index of the unpadded part."""
    before = np.broadcast_to(np.asarray(pad_width, int), (len(shape), 2))[:, 0].tolist()
    return tuple(slice(b, b + n) for b, n in zip(before, shape, strict=True))


def kept_shape(shape, axis):
    """`shape` after a reduction over `axis` with keepdims: those axes become 1."""
    if axis is None:
        return (1,) * len(shape)
    axes = {a % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,))}
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def reduced_size(shape, axis):
    """How many elements a reduction over `axis` combines into one."""
    kept = zip(shape, kept_shape(shape, axis), strict=True)
    return math.prod(n for n, k in kept if k == 1)


def rows(x):
    """x as a matrix: (..., n) -> (all the rest, n)."""
    if x.ndim == 2:
        return x
    return reshape(x, shape=(math.prod(x.shape[:-1]), x.shape[-1]))
