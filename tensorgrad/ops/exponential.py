"""Exponentials, logarithms and roots."""

import numpy as np

from ..op import primitive

__all__ = [
    "exp",
    "log",
    "sqrt",
]


@primitive
def exp(x):
    """e ** x

    >>> exp(Tensor([0.0, -np.inf]))
    Tensor([1., 0.], dtype=float32)
    """
    return np.exp(x)


exp.gradient(x=lambda g, out: g * out)


@primitive
def log(x):
    """The natural logarithm.

    >>> log(Tensor([1.0, np.inf]))
    Tensor([ 0., inf], dtype=float32)
    """
    return np.log(x)


log.gradient(x=lambda g, x: g / x)


@primitive
def sqrt(x):
    """The square root. Its derivative at 0 is infinity.

    >>> sqrt(Tensor([4.0, 9.0]))
    Tensor([2., 3.], dtype=float32)
    """
    return np.sqrt(x)


sqrt.gradient(x=lambda g, out: g * 0.5 / out)
