"""Ops that join arrays and cut them apart."""

import itertools
import operator

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..errors import ShapeError
from ..op import primitive
from .index import take
from .shape import arrayed, broadcast_to, ravel, reshape

__all__ = [
    "concatenate",
    "hstack",
    "repeat",
    "split",
    "stack",
    "tile",
    "unstack",
    "vstack",
]


@primitive
def concatenate(*xs, axis=0):
    """The arrays joined along an existing axis.

    >>> concatenate([Tensor([1.0]), Tensor([2.0, 3.0])])
    Tensor([1., 2., 3.], dtype=float32)
    """
    if axis is None:
        raise ShapeError("concatenate: name an axis; for None, flatten() them first")
    return np.concatenate(xs, axis=axis)


@primitive
def split(x, *, indices_or_sections, axis=0):
    """x cut along `axis`, into equal parts or at the indices given: a tuple.

    >>> split(Tensor([1.0, 2.0, 3.0]), indices_or_sections=[1])
    (Tensor([1.], dtype=float32), Tensor([2., 3.], dtype=float32))
    """
    axis = normalize_axis_index(axis, x.ndim)
    cuts = _cuts(indices_or_sections, x.shape[axis])
    before, ends = (slice(None),) * axis, [*cuts[1:], None]
    keys = [(*before, slice(*pair)) for pair in zip(cuts, ends, strict=True)]
    parts = tuple([x[key] for key in keys])
    if sum([part.shape[axis] for part in parts]) != x.shape[axis]:
        raise ShapeError(
            f"split: the indices {indices_or_sections} fall, so that parts overlap: "
            "sort them, or index x once for each part"
        )
    return parts


def _cuts(indices_or_sections, n):
    """Where the parts of n elements start."""
    if np.ndim(indices_or_sections):
        return [0, *map(operator.index, indices_or_sections)]
    sections = operator.index(indices_or_sections)
    if sections < 1 or n % sections:
        raise ShapeError(
            f"split: {n} elements in {sections} equal parts: name the indices to cut at"
        )
    return list(range(0, n, n // sections)) if n else [0] * sections


concatenate.gradient(
    xs=lambda g, axis, xs_shape: split(
        g, indices_or_sections=_boundaries(xs_shape, axis), axis=axis
    )
)


def _boundaries(shapes, axis):
    """Where arrays of these shapes meet, when they are joined."""
    lengths = [shape[axis] for shape in shapes]
    return tuple(itertools.accumulate(lengths[:-1]))


def _join(g, indices_or_sections, axis, x_shape):
    """The parts' gradients joined again, zeros for a part that was not used."""
    parts = split(
        np.empty(x_shape, bool), indices_or_sections=indices_or_sections, axis=axis
    )
    some = next(gx for gx in g if gx is not None)
    return concatenate(
        [
            np.zeros(part.shape, some.dtype) if gx is None else gx
            for gx, part in zip(g, parts, strict=True)
        ],
        axis=axis,
    )


split.gradient(x=_join)


@primitive
def stack(*xs, axis=0):
    """The arrays, all of one shape, joined along a new axis.

    >>> stack([Tensor([1.0, 2.0]), Tensor([3.0, 4.0])])
    Tensor([[1., 2.], [3., 4.]], dtype=float32)
    """
    xs = [np.asarray(x) for x in xs]
    if len({x.shape for x in xs}) != 1:
        return np.stack(xs, axis=axis)  # says what is wrong
    place = (slice(None),) * normalize_axis_index(axis, xs[0].ndim + 1) + (None,)
    return np.concatenate([x[place] for x in xs], axis=axis)


@primitive
def unstack(x, *, axis=0):
    """The slices of x along `axis`, as a tuple.

    >>> unstack(Tensor([[1.0, 2.0], [3.0, 4.0]]))
    (Tensor([1., 2.], dtype=float32), Tensor([3., 4.], dtype=float32))
    """
    before = (slice(None),) * normalize_axis_index(axis, x.ndim)
    return tuple([x[(*before, i)] for i in range(x.shape[axis])])


stack.gradient(xs=lambda g, axis: unstack(g, axis=axis))

unstack.gradient(x=lambda g, axis: stack(_zeros_for_none(g), axis=axis))


def _zeros_for_none(g):
    some = next(gx for gx in g if gx is not None)
    return [np.zeros(some.shape, some.dtype) if gx is None else gx for gx in g]


def hstack(*xs):
    """The arrays joined side by side: along axis 1, vectors along their only one.

    >>> hstack([Tensor([1.0]), Tensor([2.0, 3.0])])
    Tensor([1., 2., 3.], dtype=float32)
    """
    xs = [x if x.ndim else ravel(x) for x in _listed(xs)]
    return concatenate(xs, axis=0 if xs and xs[0].ndim == 1 else 1)


def vstack(*xs):
    """The arrays joined one below the other: along axis 0, vectors as rows.

    >>> vstack([Tensor([1.0, 2.0]), Tensor([3.0, 4.0])])
    Tensor([[1., 2.], [3., 4.]], dtype=float32)
    """
    rows = [x if x.ndim > 1 else reshape(x, shape=(1, -1)) for x in _listed(xs)]
    return concatenate(rows, axis=0)


def _listed(xs):
    """The arrays, given one by one or as one sequence (or array), as NumPy has it."""
    return [arrayed(x) for x in (xs[0] if len(xs) == 1 else xs)]


def tile(x, reps):
    """x next to itself, reps[i] times along axis i; missing axes are put in front.

    >>> tile(Tensor([1.0, 2.0]), 2)
    Tensor([1., 2., 1., 2.], dtype=float32)
    """
    x, reps = arrayed(x), np.asarray(reps).reshape(-1).tolist()
    reps = [1] * (x.ndim - len(reps)) + list(map(operator.index, reps))
    shape = (1,) * (len(reps) - x.ndim) + x.shape
    pairs = list(zip(reps, shape, strict=True))
    x = reshape(x, shape=tuple([m for n in shape for m in (1, n)]))
    x = broadcast_to(x, shape=tuple([m for pair in pairs for m in pair]))
    return reshape(x, shape=tuple([r * n for r, n in pairs]))


def repeat(x, repeats, axis=None):
    """Each element along `axis` `repeats` times in a row; of x flattened for None.

    `repeats` is an int, or has one for each element.

    >>> repeat(Tensor([1.0, 2.0]), 2)
    Tensor([1., 1., 2., 2.], dtype=float32)
    """
    x, repeats = arrayed(x), np.asarray(repeats)
    if axis is None or not x.ndim:
        x, axis = ravel(x), axis or 0
    axis = normalize_axis_index(axis, x.ndim)
    if repeats.size != 1:
        counts = list(map(operator.index, repeats.tolist()))
        return take(x, np.repeat(np.arange(x.shape[axis]), counts), axis=axis)
    count = operator.index(repeats.item())
    before, n, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    x = reshape(x, shape=(*before, n, 1, *after))
    x = broadcast_to(x, shape=(*before, n, count, *after))
    return reshape(x, shape=(*before, n * count, *after))
