"""Running sums and products along an axis."""

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..errors import ConfigError, ShapeError
from ..kernels import kernel
from ..op import primitive
from .index import setitem
from .shape import arrayed, flip, reshape, roll

__all__ = [
    "cumprod",
    "cumsum",
    "diff",
    "linear_recurrence",
]


@primitive
def cumsum(x, *, axis=None, reverse=False):
    """out_i = x_0 + ... + x_i along `axis`; of x flattened for None.

    In reverse x_i + ... + x_{n - 1}, which is the derivative's way.

    >>> cumsum(Tensor([1.0, 2.0, 3.0]))
    Tensor([1., 3., 6.], dtype=float32)
    """
    if axis is None or not x.ndim:
        x, axis = x.reshape(-1), axis or 0
    if x.dtype.kind != "f":  # a sum of booleans or small integers is an int64
        x = x.astype(np.add.reduce(x[:0], axis=None).dtype)
    return kernel("cumsum", x)(x, normalize_axis_index(axis, x.ndim), reverse)


cumsum.gradient(
    x=lambda g, x_shape, axis, reverse: reshape(
        cumsum(g, axis=axis, reverse=not reverse), shape=x_shape
    )
)


@primitive
def linear_recurrence(x, y, *, axis=-1, reverse=False):
    """out_i = x_i out_{i-1} + y_i along an axis, and out_0 = y_0.

    x and y have one shape. In reverse it runs from the end: x_i out_{i+1} + y_i. A
    moving average is one, and so are discounted returns. Its derivative is one that
    runs the other way.

    >>> linear_recurrence(Tensor([0.5, 0.5, 0.5]), Tensor([8.0, 0.0, 1.0]))
    Tensor([8., 4., 3.], dtype=float32)
    """
    if np.shape(x) != np.shape(y):
        raise ShapeError(
            f"linear_recurrence: x {np.shape(x)} and y {np.shape(y)} need one shape: "
            "broadcast_to gives it to both"
        )
    out = np.array(y, np.result_type(np.asarray(x), np.asarray(y)))
    run, factors = np.moveaxis(out, axis, 0), np.moveaxis(x, axis, 0)
    if reverse:
        run, factors = run[::-1], factors[::-1]
    for i in range(1, len(run)):
        run[i] += factors[i] * run[i - 1]
    return out


def _arriving(g, x, axis, reverse=False):
    """Each element's gradient, with what reaches it through those that follow it."""
    factors = _neighbour(x, 0.0, axis, not reverse)
    return linear_recurrence(factors, g, axis=axis, reverse=not reverse)


def _neighbour(x, edge, axis, reverse=False):
    """The element before each one, in reverse after it; `edge` where there is none."""
    last = slice(-1, None) if reverse else slice(1)
    key = (slice(None),) * normalize_axis_index(axis, x.ndim) + (last,)
    return setitem(roll(x, shift=-1 if reverse else 1, axis=axis), edge, key=key)


linear_recurrence.gradient(
    x=lambda g, x, out, axis, reverse: (
        _arriving(g, x, axis, reverse) * _neighbour(out, 0.0, axis, reverse)
    ),
    y=lambda g, x, axis, reverse: _arriving(g, x, axis, reverse),
)


@primitive
def cumprod(x, *, axis=None):
    """out_i = x_0 x_1 ... x_i along `axis`; of x flattened for None.

    It is out_i = x_i out_{i-1} from out_{-1} = 1, and has the derivative of that
    recurrence, which divides by nothing: it is right where elements are 0 too. Where
    none is, a running sum of g * out over x is the same and far quicker.

    >>> cumprod(Tensor([1.0, 2.0, 3.0]))
    Tensor([1., 2., 6.], dtype=float32)
    """
    return np.cumprod(x, axis=axis)


def _cumprod_gradient(g, x, out, axis):
    if safely_divided(x, out):
        with np.errstate(over="ignore", invalid="ignore"):
            gx = cumsum(g * out, axis=axis, reverse=True).reshape(x.shape) / x
        if np.isfinite(gx).all():
            return gx
    axis = 0 if axis is None else axis
    gx = _arriving(g, reshape(x, shape=g.shape), axis) * _neighbour(out, 1.0, axis)
    return reshape(gx, shape=x.shape)


cumprod.gradient(x=_cumprod_gradient)


def diff(x, n=1, axis=-1):
    """out_i = x_{i+1} - x_i along an axis, taken n times.

    >>> diff(Tensor([1.0, 4.0, 9.0]))
    Tensor([3., 5.], dtype=float32)
    """
    x = arrayed(x)
    if n < 0:
        raise ConfigError(f"diff: n is how often to take differences, not {n}")
    before = (slice(None),) * normalize_axis_index(axis, x.ndim)
    for _ in range(n):
        x = x[(*before, slice(1, None))] - x[(*before, slice(-1))]
    return x


def safely_divided(x, product):
    """Whether x, an array, can be divided out of its products again.

    They must be normal numbers: neither 0 nor infinite, nor short of digits. Under
    create_graph a quotient would leave rounding errors where second derivatives are 0.
    """
    if not isinstance(x, np.ndarray) or x.dtype.char not in "fd":
        return False
    limits, size = np.finfo(x.dtype), np.abs(product)
    return bool((size >= limits.tiny).all() and (size <= limits.max).all())


def product_of_others(x):
    """For each element the product of all others along the last axis.

    A product from the left times one from the right, so that no zero is divided by.
    """
    left = _neighbour(cumprod(x, axis=-1), 1.0, -1)
    right = _neighbour(flip(cumprod(flip(x, axis=-1), axis=-1), axis=-1), 1.0, -1, True)
    return left * right
