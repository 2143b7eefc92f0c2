"""Norms of vectors and matrices, with numpy.linalg's orders; all are safe at 0."""

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple as axis_numbers

from ..errors import ConfigError, ShapeError
from ..op import primitive
from .axes import kept_shape
from .elementwise import absolute, sign, where, zeros_like
from .factorizations import svd
from .reduce import keep, max, min, sum
from .shape import astype, reshape, transpose

__all__ = [
    "norm",
    "vector_norm",
]


@primitive(
    smooth="x != 0, and no ties for the orders inf and -inf",
    kinks="0 at x = 0; ties of inf and -inf split evenly",
)
def vector_norm(x, *, axis=None, keepdims=False, ord=2):
    """(sum |x|^ord)^(1/ord), over `axis`: an int, a tuple, or None for all.

    The order inf is max |x|, -inf is min |x|, and 0 counts what is not 0. For even
    orders the norm is smooth wherever it is not 0.

    >>> vector_norm(Tensor([3.0, -4.0]))
    Tensor(5., dtype=float32)
    """
    if isinstance(ord, str) or ord is None:
        raise ConfigError(
            f"vector_norm: the order is a number, inf or -inf, not {ord!r}"
        )
    return np.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=ord)


def _vector_norm_x(g, x, out, axis, ord):
    """sign(x) (|x| / out)^(ord - 1)."""
    if ord == 0:
        return zeros_like(x)
    g, out = keep(g, x.shape, axis), keep(out, x.shape, axis)
    if abs(ord) == np.inf:
        ties = astype(absolute(x) == out, dtype=out.dtype)
        return g * sign(x) * (ties / sum(ties, axis=axis, keepdims=True))
    unit = x / where(out == 0, np.inf, out)  # at 0 all derivatives are 0
    if ord > 0 and ord % 2 == 0:
        return g * (unit if ord == 2 else unit ** (ord - 1))
    return g * sign(unit) * absolute(where(unit == 0, 1.0, unit)) ** (ord - 1)


vector_norm.gradient(x=_vector_norm_x)


def norm(x, ord=None, axis=None, keepdims=False):
    """The norm of vectors (one axis) or matrices (two axes), as numpy.linalg has it.

    Without `ord` the square root of the sum of squares, over all axes where `axis` is
    None. For vectors `ord` is that of `vector_norm`. For matrices it is

        "fro"      the square root of the sum of squares (also None)
        1, -1      the largest, the smallest column sum of absolute values
        inf, -inf  the same of rows
        2, -2      the largest, the smallest singular value
        "nuc"      the sum of the singular values

    >>> norm(Tensor([[3.0, 0.0], [0.0, -4.0]]), 1, axis=(0, 1))
    Tensor(4., dtype=float32)
    """
    x = x if hasattr(x, "shape") else np.asarray(x)
    if ord is None and axis is None:
        return vector_norm(x, keepdims=keepdims)
    axes = axis_numbers(range(x.ndim) if axis is None else axis, x.ndim)
    if len(axes) == 1:
        order = 2 if ord is None else ord
        return vector_norm(x, axis=axes[0], keepdims=keepdims, ord=order)
    if len(axes) != 2:
        raise ShapeError(
            f"norm is over one axis (vectors) or two (matrices), not over {len(axes)}; "
            "vector_norm takes any number of axes"
        )
    if ord in (None, "fro", "f"):
        return vector_norm(x, axis=axes, keepdims=keepdims)
    out = _matrix_norm(x, ord, axes)
    return reshape(out, shape=kept_shape(x.shape, axes)) if keepdims else out


def _matrix_norm(x, ord, axes):
    """The norm of matrices whose rows and columns are along `axes`."""
    others = [i for i in range(x.ndim) if i not in axes]
    x = transpose(x, axes=(*others, *axes))
    if ord in (1, -1, np.inf, -np.inf):
        sums = vector_norm(x, axis=-2 if abs(ord) == 1 else -1, ord=1)
        return max(sums, axis=-1) if ord > 0 else min(sums, axis=-1)
    if ord not in (2, -2, "nuc"):
        raise ConfigError(
            f"norm: of matrices the order is 1, -1, 2, -2, inf, -inf, 'fro' or 'nuc', "
            f"not {ord!r}"
        )
    values = absolute(svd(x, compute_uv=False))  # |s|, which has the slope 0 at 0
    if ord == "nuc":
        return sum(values, axis=-1)
    return max(values, axis=-1) if ord > 0 else min(values, axis=-1)
