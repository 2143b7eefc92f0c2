"""Trigonometric and hyperbolic functions, angles in radians."""

import math

import numpy as np

from ..errors import ConfigError
from ..op import primitive
from .exponential import hypot, nonzero, sqrt

__all__ = [
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "cos",
    "cosh",
    "deg2rad",
    "rad2deg",
    "sin",
    "sinc",
    "sinh",
    "tan",
    "tanh",
]


@primitive
def sin(x):
    """sin x, x in radians

    >>> sin(Tensor([0.0]))
    Tensor([0.], dtype=float32)
    """
    return np.sin(x)


sin.gradient(x=lambda g, x: g * cos(x))


@primitive
def cos(x):
    """cos x, x in radians

    >>> cos(Tensor([0.0]))
    Tensor([1.], dtype=float32)
    """
    return np.cos(x)


cos.gradient(x=lambda g, x: -g * sin(x))


@primitive(smooth="cos x != 0")
def tan(x):
    """sin x / cos x, x in radians

    >>> tan(Tensor([0.0, np.pi / 4]))
    Tensor([0., 1.], dtype=float32)
    """
    return np.tan(x)


tan.gradient(x=lambda g, out: g * (1 + out * out))


@primitive(smooth="-1 < x < 1", kinks="infinity at x = -1 and 1")
def arcsin(x):
    """The angle in [-pi/2, pi/2] whose sine is x.

    >>> arcsin(Tensor([0.0, 0.5])) / np.pi
    Tensor([0.   , 0.167], dtype=float32)
    """
    return np.arcsin(x)


# (1 - x) (1 + x) keeps the digits that 1 - x * x loses near the ends
arcsin.gradient(x=lambda g, x: g / sqrt((1 - x) * (1 + x)))


@primitive(smooth="-1 < x < 1", kinks="-infinity at x = -1 and 1")
def arccos(x):
    """The angle in [0, pi] whose cosine is x.

    >>> arccos(Tensor([0.0, 0.5])) / np.pi
    Tensor([0.5  , 0.333], dtype=float32)
    """
    return np.arccos(x)


arccos.gradient(x=lambda g, x: -g / sqrt((1 - x) * (1 + x)))


@primitive
def arctan(x):
    """The angle in (-pi/2, pi/2) whose tangent is x.

    >>> arctan(Tensor([0.0, 1.0])) / np.pi
    Tensor([0.  , 0.25], dtype=float32)
    """
    return np.arctan(x)


arctan.gradient(x=lambda g, x: g / (1 + x * x))


@primitive(
    broadcasts=True,
    smooth="not at (0, 0), nor where the angle jumps: y = 0, x < 0",
    kinks="0 at (0, 0); that of both sides where the angle jumps",
)
def arctan2(y, x):
    """The angle in [-pi, pi] from the positive x axis to the point (x, y).

    >>> arctan2(Tensor([1.0, -1.0]), Tensor([0.0, -1.0])) / np.pi
    Tensor([ 0.5 , -0.75], dtype=float32)
    """
    return np.arctan2(y, x)


# x / (x^2 + y^2), without overflow in the squares
arctan2.gradient(
    y=lambda g, y, x: g * (x / (r := nonzero(hypot(x, y))) / r),
    x=lambda g, y, x: -g * (y / (r := nonzero(hypot(x, y))) / r),
)


@primitive
def sinh(x):
    """(e^x - e^-x) / 2

    >>> sinh(Tensor([0.0, 1.0]))
    Tensor([0.   , 1.175], dtype=float32)
    """
    return np.sinh(x)


sinh.gradient(x=lambda g, x: g * cosh(x))


@primitive
def cosh(x):
    """(e^x + e^-x) / 2

    >>> cosh(Tensor([0.0, 1.0]))
    Tensor([1.   , 1.543], dtype=float32)
    """
    return np.cosh(x)


cosh.gradient(x=lambda g, x: g * sinh(x))


@primitive
def tanh(x):
    """(e^x - e^-x) / (e^x + e^-x)

    >>> tanh(Tensor([-100.0, 0.0]))
    Tensor([-1.,  0.], dtype=float32)
    """
    return np.tanh(x)


tanh.gradient(x=lambda g, out: g * (1 - out * out))


@primitive
def arcsinh(x):
    """log(x + sqrt(x^2 + 1)): the number whose hyperbolic sine is x.

    >>> arcsinh(Tensor([0.0, 1.0]))
    Tensor([0.   , 0.881], dtype=float32)
    """
    return np.arcsinh(x)


arcsinh.gradient(x=lambda g, x: g / hypot(x, 1.0))


@primitive(smooth="x > 1", kinks="infinity at x = 1")
def arccosh(x):
    """log(x + sqrt(x^2 - 1)): the number >= 0 whose hyperbolic cosine is x.

    >>> arccosh(Tensor([1.0, 2.0]))
    Tensor([0.   , 1.317], dtype=float32)
    """
    return np.arccosh(x)


# two roots: x * x might overflow
arccosh.gradient(x=lambda g, x: g / (sqrt(x - 1) * sqrt(x + 1)))


@primitive(smooth="-1 < x < 1", kinks="infinity at x = -1 and 1")
def arctanh(x):
    """log((1 + x) / (1 - x)) / 2: the number whose hyperbolic tangent is x.

    >>> arctanh(Tensor([0.0, 0.5]))
    Tensor([0.   , 0.549], dtype=float32)
    """
    return np.arctanh(x)


arctanh.gradient(x=lambda g, x: g / ((1 - x) * (1 + x)))


@primitive
def deg2rad(x):
    """pi x / 180: degrees to radians

    >>> deg2rad(Tensor([180.0]))
    Tensor([3.142], dtype=float32)
    """
    return np.deg2rad(x)


deg2rad.gradient(x=lambda g: deg2rad(g))


@primitive
def rad2deg(x):
    """180 x / pi: radians to degrees

    >>> rad2deg(Tensor([np.pi]))
    Tensor([180.], dtype=float32)
    """
    return np.rad2deg(x)


rad2deg.gradient(x=lambda g: rad2deg(g))


@primitive
def sinc(x, *, order=0):
    """sin(pi x) / (pi x), and 1 at x = 0; its nth derivative with order=n.

    Derivatives are functions of their own, because (cos(pi x) - sinc(x)) / x and its
    derivatives lose all digits near 0.

    >>> sinc(Tensor([0.0, 0.5]))
    Tensor([1.   , 0.637], dtype=float32)
    >>> sinc(Tensor([0.0]), order=2) / np.pi**2
    Tensor([-0.333], dtype=float32)
    """
    if type(order) is not int or order < 0:
        raise ConfigError(f"sinc: order is one of 0, 1, 2, ..., not {order!r}")
    if order == 0:
        return np.sinc(x)
    u = math.pi * x
    near = np.abs(u) <= order + 1
    series = _sinc_series(np.where(near, u, 0.0), order)
    rest = _sinc_recurrence(np.where(near, order + 1.0, u), order)
    return math.pi**order * np.where(near, series, rest)


sinc.gradient(x=lambda g, x, order: g * sinc(x, order=order + 1))


def _sinc_series(u, n):
    """The nth derivative of sin(u) / u by Taylor, for |u| <= n + 1.

    It is the integral of t^n cos(u t + n pi / 2) over t from 0 to 1, so the term in
    u^j is cos((n + j) pi / 2) / (j! (n + j + 1)).
    """
    powers = range(n % 2, 4 * n + 26, 2)  # the terms left out are below rounding
    squared, out = u * u, 0.0
    for j in reversed(powers):
        sign = (-1) ** ((n + j) // 2)
        out = out * squared + sign / (math.factorial(j) * (n + j + 1))
    return out * u if n % 2 else out


def _sinc_recurrence(u, n):
    """The nth derivative of f(u) = sin(u) / u, from u f = sin u by Leibniz's rule.

    u f^(k) + k f^(k-1) = sin^(k)(u). Rounding errors shrink while k < |u|.
    """
    sin, cos = np.sin(u), np.cos(u)
    out = sin / u
    for k in range(1, n + 1):
        out = ((sin, cos, -sin, -cos)[k % 4] - k * out) / u
    return out
