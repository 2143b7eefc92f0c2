"""Ops that move elements, pick them and put them back, in MyGrad."""

from typing import Any

import mygrad as mg
import numpy as np

from .common import by_name


def diagonal(x: Any, offset: int, axis1: int, axis2: int) -> Any:
    x = mg.moveaxis(x, (axis1, axis2), (-2, -1))
    i = np.arange(max(-offset, 0), min(x.shape[-2], x.shape[-1] - offset))
    return x[..., i, i + offset]


def flip(x: Any, axis: Any) -> Any:
    axes = range(x.ndim) if axis is None else np.atleast_1d(axis).astype(int) % x.ndim
    return x[tuple(slice(None, None, -1 if a in axes else 1) for a in range(x.ndim))]


def pad(x: Any, pad_width: Any, constant_values: float) -> Any:
    ends = np.broadcast_to(pad_width, (x.ndim, 2))
    frame = mg.full(np.add(x.shape, ends.sum(1)), float(constant_values))
    places = [slice(i, i + n) for n, i in zip(x.shape, ends[:, 0], strict=True)]
    return setitem(frame, x, tuple(places))


def setitem(x: Any, value: Any, key: Any) -> Any:
    out = +x  # since it writes into its operand
    out[key] = value
    return out


def take(x: Any, indices: Any, axis: Any) -> Any:
    x, axis = (mg.ravel(x), 0) if axis is None else (x, axis % x.ndim)
    return x[(slice(None),) * axis + (indices,)]


def take_along_axis(x: Any, indices: Any, axis: int) -> Any:
    places = list(np.indices(indices.shape))
    places[axis] = indices
    return x[tuple(places)]


def split(x: Any, indices_or_sections: Any, axis: int) -> Any:
    parts = np.split(np.arange(x.shape[axis]), indices_or_sections)
    return [take(x, part, axis) for part in parts]


SHAPES = by_name("""
    broadcast_to expand_dims moveaxis ravel repeat roll squeeze swapaxes
""") | {
    "concatenate": lambda *xs, axis: mg.concatenate(xs, axis),
    "embedding": lambda weight, tokens: weight[tokens],
    "diagonal": diagonal,
    "flip": flip,
    "getitem": lambda x, key: x[key],
    "hstack": lambda *xs: mg.concatenate(
        [mg.atleast_1d(x) for x in xs], 0 if xs[0].ndim < 2 else 1
    ),
    "matrix_transpose": lambda x: mg.swapaxes(x, -1, -2),
    "pad": pad,
    "reshape": lambda x, shape: mg.reshape(x, shape),
    "setitem": setitem,
    "split": split,
    "stack": lambda *xs, axis: mg.stack(xs, axis),
    "take": take,
    "take_along_axis": take_along_axis,
    "trace": lambda x, **settings: mg.sum(diagonal(x, **settings), -1),
    "transpose": lambda x, axes: mg.transpose(x, axes),
    "tril": lambda x, k: mg.where(np.tri(*x.shape[-2:], k, bool), x, 0.0),
    "triu": lambda x, k: mg.where(np.tri(*x.shape[-2:], k - 1, bool), 0.0, x),
    "unstack": lambda x, axis: list(mg.moveaxis(x, axis, 0)),
    "vstack": lambda *xs: mg.concatenate([mg.atleast_2d(x) for x in xs], 0),
}
