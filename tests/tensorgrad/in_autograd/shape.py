"""Ops that move elements, pick them and put them back, in HIPS/autograd."""

import math
from typing import Any

import autograd.numpy as anp
import numpy as np

from .common import all_axes, by_name, outputs, slices, whole


def broadcast_to(x: Any, shape: Any) -> Any:
    lead = (1,) * (len(shape) - x.ndim)
    return anp.broadcast_to(anp.reshape(x, lead + x.shape), shape)


def transpose(x: Any, axes: Any) -> Any:
    return anp.transpose(x, None if axes is None else all_axes(x, axes))


def flip(x: Any, axis: Any) -> Any:
    flipped = all_axes(x, axis)
    return x[tuple(slice(None, None, -1 if a in flipped else 1) for a in range(x.ndim))]


def diagonal(x: Any, offset: int, axis1: int, axis2: int) -> Any:
    # differs: that of square matrices in the last axes alone
    x = anp.moveaxis(x, (axis1, axis2), (-2, -1))
    x = x[..., max(-offset, 0) :, max(offset, 0) :]
    n = min(x.shape[-2:])
    return anp.diagonal(x[..., :n, :n], 0, -1, -2)


def trace(x: Any, offset: int, axis1: int, axis2: int) -> Any:
    return anp.trace(anp.moveaxis(x, (axis1, axis2), (0, 1)), offset)


def pad(x: Any, pad_width: Any, constant_values: float) -> Any:
    return anp.pad(x, pad_width, mode="constant", constant_values=constant_values)


def tile(x: Any, reps: Any) -> Any:
    reps = reps if isinstance(reps, tuple) else (reps,)
    return anp.tile(x, (1,) * (x.ndim - len(reps)) + reps)


def repeat(x: Any, repeats: int, axis: Any) -> Any:
    x, axis = (anp.ravel(x), 0) if axis is None else (x, axis % x.ndim)
    return anp.repeat(x, repeats, axis)


def take(x: Any, indices: Any, axis: Any) -> Any:
    x, axis = (anp.ravel(x), 0) if axis is None else (x, axis % x.ndim)
    return x[(slice(None),) * axis + (indices,)]


def take_along_axis(x: Any, indices: Any, axis: int) -> Any:
    places = list(np.indices(indices.shape))
    places[axis] = indices
    return x[tuple(places)]


def places(shape: Any, key: Any) -> Any:
    """Where in a flattened array of that shape the elements are that `key` picks."""
    return np.arange(math.prod(shape)).reshape(shape)[key]


def put(x: Any, flat: Any, shape: Any) -> Any:
    """x added into zeros at those places: a product with a matrix of 0 and 1."""
    chosen = np.eye(math.prod(shape))[np.ravel(flat)]
    return anp.reshape(anp.dot(anp.ravel(x), chosen), shape)


def add_at(x: Any, value: Any, key: Any) -> Any:
    flat = places(x.shape, key)
    return x + put(whole(value, np.shape(flat)), flat, x.shape)


def setitem(x: Any, value: Any, key: Any) -> Any:
    flat = places(x.shape, key)
    value = anp.reshape(value, value.shape[max(value.ndim - np.ndim(flat), 0) :])
    last = {place: n for n, place in enumerate(np.ravel(flat).tolist())}
    value = anp.ravel(whole(value, np.shape(flat)))[np.array([*last.values()], int)]
    flat = np.array([*last], int)
    return x * (1 - put(np.ones(len(flat)), flat, x.shape)) + put(value, flat, x.shape)


SHAPES = by_name("expand_dims moveaxis ravel reshape squeeze swapaxes diag tril triu")
SHAPES |= {
    "add_at": add_at,
    "broadcast_to": broadcast_to,
    "concatenate": lambda *xs, axis: anp.concatenate(xs, axis),
    "diagonal": diagonal,
    "embedding": lambda weight, tokens: weight[tokens],
    "flip": flip,
    "getitem": lambda x, key: x[key],
    "hstack": lambda *xs: anp.hstack(xs),
    "matrix_transpose": lambda x: anp.swapaxes(x, -1, -2),
    "pad": pad,
    "repeat": repeat,
    "roll": lambda x, shift, axis: anp.roll(x, np.array(shift), axis),
    "scatter_add": lambda x, key, shape: put(x, places(shape, key), shape),
    "scatter_rows": lambda x, tokens, rows: anp.tensordot(
        np.eye(rows)[tokens], x, (range(tokens.ndim), range(tokens.ndim))
    ),
    "setitem": setitem,
    "split": lambda x, indices_or_sections, axis: outputs(
        anp.split(x, indices_or_sections, axis)
    ),
    "stack": lambda *xs, axis: anp.stack(xs, axis),
    "take": take,
    "take_along_axis": take_along_axis,
    "tile": tile,
    "trace": trace,
    "transpose": transpose,
    "unstack": slices,
    "vstack": lambda *xs: anp.vstack(xs),
}
