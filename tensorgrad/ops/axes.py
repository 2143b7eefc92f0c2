"""The axes of reductions: which they are, and how to bring them to the end."""

import math

from .shape import inverse, reshape, transpose


def axes_of(axis, ndim):
    """The axes that a reduction over `axis` combines, counted from the front."""
    if axis is None or not ndim:  # NumPy lets some reductions of a 0-d array name one
        return tuple(range(ndim))
    return tuple(
        [a % ndim for a in (axis if isinstance(axis, tuple | list) else (axis,))]
    )


def kept_shape(shape, axis):
    """`shape` after a reduction over `axis` with keepdims: those axes become 1."""
    kept = list(shape)
    for a in axes_of(axis, len(shape)):
        kept[a] = 1
    return tuple(kept)


def reduced_size(shape, axis):
    """How many elements a reduction over `axis` combines into one."""
    return math.prod([shape[a] for a in axes_of(axis, len(shape))])


def along(function, x, axis):
    """function(x), which works along the last axis, along those of a reduction."""
    if x.ndim and axis in (-1, x.ndim - 1):
        return function(x)
    order = _last(axis, x.ndim)
    out = function(flattened(x, axis))
    moved = tuple([x.shape[a] for a in order])
    return transpose(reshape(out, shape=moved), axes=inverse(order))


def flattened(x, axis):
    """x with the axes of a reduction last, as one."""
    if x.ndim and axis in (-1, x.ndim - 1):
        return x
    moved = transpose(x, axes=_last(axis, x.ndim))
    outer = moved.shape[: x.ndim - len(axes_of(axis, x.ndim))]
    return reshape(moved, shape=(*outer, reduced_size(x.shape, axis)))


def _last(axis, ndim):
    """All axes, those of a reduction last."""
    axes = axes_of(axis, ndim)
    return (*[a for a in range(ndim) if a not in axes], *axes)


def rows(x):
    """x as a matrix: (..., n) -> (all the rest, n)."""
    if x.ndim == 2:
        return x
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
