"""Rounding, and the remainders of division.

A rounded number does not change with x, except where it jumps: its derivative is 0,
at the jumps too.
"""

import numpy as np

from ..op import primitive
from .elementwise import zeros_like

__all__ = [
    "ceil",
    "floor",
    "floor_divide",
    "fmod",
    "remainder",
    "round",
    "trunc",
]


@primitive(smooth="x not an integer", kinks="0 at integers")
def floor(x):
    """The largest integer <= x. Its derivative is 0 everywhere.

    >>> floor(Tensor([1.5, -1.5]))
    Tensor([ 1., -2.], dtype=float32)
    """
    return np.floor(x)


floor.gradient(x=lambda g: zeros_like(g))


@primitive(smooth="x not an integer", kinks="0 at integers")
def ceil(x):
    """The smallest integer >= x. Its derivative is 0 everywhere.

    >>> ceil(Tensor([1.5, -1.5]))
    Tensor([ 2., -1.], dtype=float32)
    """
    return np.ceil(x)


ceil.gradient(x=lambda g: zeros_like(g))


@primitive(smooth="x not an integer", kinks="0 at integers")
def trunc(x):
    """x without its digits after the point. Its derivative is 0 everywhere.

    >>> trunc(Tensor([1.5, -1.5]))
    Tensor([ 1., -1.], dtype=float32)
    """
    return np.trunc(x)


trunc.gradient(x=lambda g: zeros_like(g))


@primitive(smooth="x not halfway", kinks="0 halfway")
def round(x, *, decimals=0):
    """x to so many decimals, to an even digit if halfway. Its derivative is 0.

    >>> round(Tensor([0.5, 1.5, -0.7]))
    Tensor([ 0.,  2., -1.], dtype=float32)
    >>> round(Tensor([17.25]), decimals=-1)
    Tensor([20.], dtype=float32)
    """
    return np.round(x, decimals)


round.gradient(x=lambda g: zeros_like(g))


@primitive(broadcasts=True, smooth="x / y not an integer", kinks="0 at integers")
def floor_divide(x, y):
    """floor(x / y), the quotient that goes with `remainder`. Its derivatives are 0.

    >>> floor_divide(Tensor([7.0, -7.0]), 3.0)
    Tensor([ 2., -3.], dtype=float32)
    """
    return np.floor_divide(x, y)


floor_divide.gradient(x=lambda g: zeros_like(g), y=lambda g: zeros_like(g))


@primitive(
    broadcasts=True, smooth="x / y not an integer", kinks="1 and -floor(x / y) there"
)
def remainder(x, y):
    """x - y floor(x / y), with the sign of y: x % y

    >>> remainder(Tensor([7.0, -7.0]), 3.0)
    Tensor([1., 2.], dtype=float32)
    """
    return np.remainder(x, y)


# floor_divide: floor(1.0 / 0.1) is 10, and the remainder that of 9
remainder.gradient(x=lambda g: g, y=lambda g, x, y: -g * floor_divide(x, y))


@primitive(
    broadcasts=True,
    smooth="x / y not an integer, or 0",
    kinks="1 and -trunc(x / y) there",
)
def fmod(x, y):
    """x - y trunc(x / y), with the sign of x.

    >>> fmod(Tensor([7.0, -7.0]), 3.0)
    Tensor([ 1., -1.], dtype=float32)
    """
    return np.fmod(x, y)


# From the result, since x / y may round up to a whole number: 1 / 0.1 gives 10.
fmod.gradient(x=lambda g: g, y=lambda g, x, y, out: -g * round((x - out) / y))
