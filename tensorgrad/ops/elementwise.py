"""Arithmetic and choices, element by element, with NumPy's broadcasting."""

import numpy as np

from ..kernels import kernel
from ..op import primitive
from .compare import logical_and

__all__ = [
    "absolute",
    "add",
    "clip",
    "divide",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "reciprocal",
    "sign",
    "square",
    "subtract",
    "where",
    "zeros_like",
]


@primitive(broadcasts=True)
def add(x, y):
    """x + y

    >>> add(Tensor([1.0, 2.0]), 3.0)
    Tensor([4., 5.], dtype=float32)
    """
    return x + y


add.gradient(x=lambda g: g, y=lambda g: g)


@primitive(broadcasts=True)
def subtract(x, y):
    """x - y

    >>> subtract(Tensor([1.0, 2.0]), 3.0)
    Tensor([-2., -1.], dtype=float32)
    """
    return x - y


subtract.gradient(x=lambda g: g, y=lambda g: -g)


@primitive(broadcasts=True)
def multiply(x, y):
    """x * y

    >>> multiply(Tensor([1.0, 2.0]), 3.0)
    Tensor([3., 6.], dtype=float32)
    """
    return x * y


multiply.gradient(x=lambda g, y: g * y, y=lambda g, x: g * x)


@primitive(broadcasts=True, smooth="y != 0")
def divide(x, y):
    """x / y

    >>> divide(Tensor([1.0, 2.0]), 4.0)
    Tensor([0.25, 0.5 ], dtype=float32)
    """
    return x / y


divide.gradient(x=lambda g, y: g / y, y=lambda g, y, out: -g * out / y)


@primitive
def negative(x):
    """-x

    >>> negative(Tensor([1.0, -2.0]))
    Tensor([-1.,  2.], dtype=float32)
    """
    return -x


negative.gradient(x=lambda g: -g)


@primitive
def square(x):
    """x * x

    >>> square(Tensor([-2.0, 3.0]))
    Tensor([4., 9.], dtype=float32)
    """
    return np.square(x)


square.gradient(x=lambda g, x: g * (2 * x))


@primitive(smooth="x != 0")
def reciprocal(x):
    """1 / x

    >>> reciprocal(Tensor([-2.0, 4.0]))
    Tensor([-0.5 ,  0.25], dtype=float32)
    """
    return np.reciprocal(x)


reciprocal.gradient(x=lambda g, out: -g * out * out)


@primitive(smooth="x != 0", kinks="0 at x = 0")
def absolute(x):
    """|x|. Its derivative at 0 is 0.

    >>> absolute(Tensor([-1.0, 2.0]))
    Tensor([1., 2.], dtype=float32)
    """
    return np.abs(x)


absolute.gradient(x=lambda g, x: g * sign(x))


@primitive(smooth="x != 0", kinks="0 at x = 0")
def sign(x):
    """-1, 0 or 1. Its derivative is 0 everywhere.

    >>> sign(Tensor([-2.0, 0.0, 5.0]))
    Tensor([-1.,  0.,  1.], dtype=float32)
    """
    return np.sign(x)


sign.gradient(x=lambda g: zeros_like(g))


@primitive(broadcasts=True, smooth="x != y", kinks="half to each where x = y")
def maximum(x, y):
    """The larger of x and y. Where they tie, each gets half of the gradient.

    >>> maximum(Tensor([1.0, 5.0]), 3.0)
    Tensor([3., 5.], dtype=float32)
    """
    return np.maximum(x, y)


maximum.gradient(
    x=lambda g, x, y: where(x == y, g * 0.5, where(x < y, 0.0, g)),
    y=lambda g, x, y: where(x == y, g * 0.5, where(y < x, 0.0, g)),
)


@primitive(broadcasts=True, smooth="x != y", kinks="half to each where x = y")
def minimum(x, y):
    """The smaller of x and y. Where they tie, each gets half of the gradient.

    >>> minimum(Tensor([1.0, 5.0]), 3.0)
    Tensor([1., 3.], dtype=float32)
    """
    return np.minimum(x, y)


minimum.gradient(
    x=lambda g, x, y: where(x == y, g * 0.5, where(x > y, 0.0, g)),
    y=lambda g, x, y: where(x == y, g * 0.5, where(y > x, 0.0, g)),
)


@primitive(broadcasts=True, smooth="x != min, x != max", kinks="1 on the bounds")
def clip(x, *, min=None, max=None):
    """x limited to [min, max]. The derivative is 1 inside and on the bounds.

    The bounds are constants; `maximum` and `minimum` differentiate theirs.

    >>> clip(Tensor([-1.0, 0.5, 2.0]), min=0.0, max=1.0)
    Tensor([0. , 0.5, 1. ], dtype=float32)
    """
    return np.clip(x, min, max)


clip.gradient(
    x=lambda g, x, min, max: where(
        logical_and(
            x >= (-np.inf if min is None else min),
            x <= (np.inf if max is None else max),
        ),
        g,
        0.0,
    )
)


@primitive(broadcasts=True)
def where(condition, x, y):
    """x where the condition holds, else y. The side not taken gets an exact zero.

    >>> where(np.array([True, False]), Tensor([1.0, 2.0]), 0.0)
    Tensor([1., 0.], dtype=float32)
    """
    array = x if isinstance(x, np.ndarray) else y
    return kernel("where", np.asarray(array))(condition, x, y)


where.gradient(
    condition=None,
    x=lambda g, condition: where(condition, g, 0.0),
    y=lambda g, condition: where(condition, 0.0, g),
)


@primitive
def zeros_like(x):
    """Zeros in the shape and dtype of x: the derivative of a constant.

    >>> zeros_like(Tensor([1.0, 2.0]))
    Tensor([0., 0.], dtype=float32)
    """
    return np.zeros_like(x)


zeros_like.gradient(x=None)
