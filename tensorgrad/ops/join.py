"""Ops that join arrays and cut them apart."""

import numpy as np

from ..errors import ShapeError
from ..op import primitive

__all__ = [
    "concatenate",
    "split",
    "stack",
    "unstack",
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
    return tuple(np.split(x, indices_or_sections, axis=axis))


concatenate.gradient(
    xs=lambda g, axis, xs_shape: split(
        g,
        indices_or_sections=np.cumsum([shape[axis] for shape in xs_shape])[:-1],
        axis=axis,
    )
)


def _join(g, indices_or_sections, axis, x_shape):
    """The parts' gradients joined again, zeros for a part that was not used."""
    parts = np.split(np.broadcast_to(False, x_shape), indices_or_sections, axis=axis)
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
    return np.stack(xs, axis=axis)


@primitive
def unstack(x, *, axis=0):
    """The slices of x along `axis`, as a tuple.

    >>> unstack(Tensor([[1.0, 2.0], [3.0, 4.0]]))
    (Tensor([1., 2.], dtype=float32), Tensor([3., 4.], dtype=float32))
    """
    return tuple(np.moveaxis(x, axis, 0))


stack.gradient(xs=lambda g, axis: unstack(g, axis=axis))

unstack.gradient(x=lambda g, axis: stack(_zeros_for_none(g), axis=axis))


def _zeros_for_none(g):
    some = next(gx for gx in g if gx is not None)
    return [np.zeros(some.shape, some.dtype) if gx is None else gx for gx in g]
