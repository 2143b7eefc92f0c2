"""Trigonometric and hyperbolic functions, angles in radians."""

import numpy as np

from ..op import primitive

__all__ = [
    "cos",
    "sin",
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


@primitive
def tanh(x):
    """(e^x - e^-x) / (e^x + e^-x)

    >>> tanh(Tensor([-100.0, 0.0]))
    Tensor([-1.,  0.], dtype=float32)
    """
    return np.tanh(x)


tanh.gradient(x=lambda g, out: g * (1 - out * out))
