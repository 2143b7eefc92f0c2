"""Ops that move elements and change none."""

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..errors import DtypeError, ShapeError
from ..graph import Variable
from ..op import primitive

__all__ = [
    "astype",
    "broadcast_to",
    "expand_dims",
    "flip",
    "matrix_transpose",
    "moveaxis",
    "pad",
    "ravel",
    "reshape",
    "roll",
    "squeeze",
    "sum_to",
    "swapaxes",
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


def ravel(x):
    """All elements along one axis.

    >>> ravel(Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor([1., 2., 3., 4.], dtype=float32)
    """
    return reshape(x, shape=(-1,))


@primitive
def transpose(x, *, axes=None):
    """The axes in another order; reversed when none is given.

    >>> transpose(Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor([[1., 3.], [2., 4.]], dtype=float32)
    """
    return x.transpose(axes)


transpose.gradient(x=lambda g, axes: transpose(g, axes=inverse(axes)))


def inverse(axes):
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


def swapaxes(x, axis1, axis2):
    """Two axes exchanged.

    >>> swapaxes(Tensor([[1.0, 2.0]]), 0, 1)
    Tensor([[1.],
            [2.]], dtype=float32)
    """
    x = arrayed(x)
    axes = list(range(x.ndim))
    one, two = normalize_axis_index(axis1, x.ndim), normalize_axis_index(axis2, x.ndim)
    axes[one], axes[two] = two, one
    return transpose(x, axes=tuple(axes))


def moveaxis(x, source, destination):
    """Some axes (an int or a tuple) moved to other places; the rest keep their order.

    >>> moveaxis(np.ones((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    x = arrayed(x)
    moved = normalize_axis_tuple(source, x.ndim, "source")
    places = normalize_axis_tuple(destination, x.ndim, "destination")
    if len(moved) != len(places):
        raise ShapeError(f"moveaxis: {source} to {destination}: not equally many axes")
    axes = [axis for axis in range(x.ndim) if axis not in moved]
    for place, axis in sorted(zip(places, moved, strict=True)):
        axes.insert(place, axis)
    return transpose(x, axes=tuple(axes))


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
def flip(x, *, axis=None):
    """The elements in reverse order along `axis`: an int, a tuple, or None for all.

    >>> flip(Tensor([1.0, 2.0, 3.0]))
    Tensor([3., 2., 1.], dtype=float32)
    """
    return np.flip(x, axis)


flip.gradient(x=lambda g, axis: flip(g, axis=axis))


@primitive
def roll(x, *, shift, axis=None):
    """The elements moved on by `shift`; those that leave at the end come in in front.

    `shift` and `axis` are ints or tuples; for None x is rolled as if it were flat.

    >>> roll(Tensor([1.0, 2.0, 3.0]), shift=1)
    Tensor([3., 1., 2.], dtype=float32)
    """
    if not (isinstance(shift, int) and isinstance(axis, int) and x.size):
        return np.roll(x, shift, axis)
    # the same, without 5 us of Python around it
    before = (slice(None),) * normalize_axis_index(axis, x.ndim)
    cut = -shift % x.shape[axis]
    parts = x[(*before, slice(cut, None))], x[(*before, slice(cut))]
    return np.concatenate(parts, axis=axis)


roll.gradient(x=lambda g, shift, axis: roll(g, shift=_back(shift), axis=axis))


def _back(shift):
    """The shift, or the shifts, that undo it."""
    return -shift if isinstance(shift, int) else np.negative(shift)


@primitive
def pad(x, *, pad_width, constant_values=0):
    """x with `pad_width` = ((before, after), ...) constant elements on each axis.

    >>> pad(Tensor([1.0, 2.0]), pad_width=((1, 0),))
    Tensor([0., 1., 2.], dtype=float32)
    """
    if isinstance(pad_width, dict):
        raise ShapeError("pad: give a pair (before, after) for each axis, not a dict")
    pairs = _pairs(pad_width, x.ndim)
    if pairs is None or not isinstance(constant_values, int | float):
        return np.pad(x, pad_width, constant_values=constant_values)
    # the same, without 15 us of Python around it
    sizes = zip(pairs, x.shape, strict=True)
    out = np.empty([b + n + a for (b, a), n in sizes], x.dtype)
    out.fill(constant_values)
    out[_inside(pairs, x.shape)] = x
    return out


pad.gradient(x=lambda g, pad_width, x_shape: g[_inside(pad_width, x_shape)])


def _pairs(pad_width, ndim):
    """(before, after) for each axis, if `pad_width` says so or is one number."""
    if type(pad_width) is int:
        pad_width = ((pad_width, pad_width),) * ndim
    match = type(pad_width) is tuple and len(pad_width) == ndim
    pairs = pad_width if match else ()
    for pair in pairs:
        if type(pair) is not tuple or len(pair) != 2:
            return None
        if not (type(pair[0]) is type(pair[1]) is int and min(pair) >= 0):
            return None
    return pairs if match else None


def _inside(pad_width, shape):
    """The index of the unpadded part."""
    pairs = _pairs(pad_width, len(shape))
    if pairs is None:
        pairs = np.broadcast_to(np.asarray(pad_width, int), (len(shape), 2)).tolist()
    return tuple([slice(b, b + n) for (b, _), n in zip(pairs, shape, strict=True)])


def arrayed(x):
    """x, as an array unless it is a Tensor."""
    return x if isinstance(x, Variable) else np.asarray(x)
