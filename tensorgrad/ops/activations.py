"""The activations of neural networks."""

import math

import numpy as np

from ..errors import ConfigError
from ..kernels import kernel
from ..op import fused, primitive
from .elementwise import where
from .exponential import exp, expm1
from .floats import fast
from .trigonometric import tanh

__all__ = [
    "elu",
    "erf",
    "gelu",
    "leaky_relu",
    "log_sigmoid",
    "relu",
    "sigmoid",
    "silu",
    "softplus",
]


@primitive
def sigmoid(x):
    """1 / (1 + e^-x), without overflow.

    >>> sigmoid(Tensor([0.0, -1000.0]))
    Tensor([0.5, 0. ], dtype=float32)
    """
    return kernel("sigmoid", x)(x)


sigmoid.gradient(x=lambda g, out: g * out * (1 - out))


@primitive
def log_sigmoid(x):
    """log(1 / (1 + e^-x)), without overflow.

    >>> log_sigmoid(Tensor([0.0, 1000.0]))
    Tensor([-0.693, -0.   ], dtype=float32)
    """
    return np.minimum(x, 0) - _log1p_exp(x)


# 1 - sigmoid(x) = 1 - e^out, to all its digits
log_sigmoid.gradient(x=lambda g, out: g * -expm1(out))


@primitive
def softplus(x):
    """log(1 + e^x), without overflow: a smooth max(x, 0).

    >>> softplus(Tensor([-1000.0, 0.0, 1.0]))
    Tensor([0.   , 0.693, 1.313], dtype=float32)
    """
    return kernel("relu", x)(x) + _log1p_exp(x)


# sigmoid(x) = 1 - 1 / (1 + e^x) = 1 - e^-out, to all its digits
softplus.gradient(x=lambda g, out: g * -expm1(-out))


def _log1p_exp(x):
    """log(1 + e^-|x|)"""
    return np.log1p(np.exp(-1.0 * np.abs(x)))  # 1.0: unsigned integers lack -x


@primitive
def silu(x):
    """x / (1 + e^-x), also called swish.

    Source: Elfwing, Uchibe and Doya, Sigmoid-Weighted Linear Units, arXiv 1702.03118.

    >>> silu(Tensor([-1000.0, 0.0, 1.0]))
    Tensor([-0.   ,  0.   ,  0.731], dtype=float32)
    """
    return x * sigmoid(x)


silu.gradient(x=lambda g, x, out: g * ((s := sigmoid(x)) + out * (1 - s)))


@primitive(smooth="x != 0", kinks="0 at x = 0")
def relu(x):
    """max(x, 0). Its derivative at 0 is 0.

    >>> relu(Tensor([-1.0, 2.0]))
    Tensor([0., 2.], dtype=float32)
    """
    return kernel("relu", x)(x)


relu.gradient(x=lambda g, out: where(out <= 0, 0.0, g))


@primitive(smooth="x != 0", kinks="negative_slope at x = 0")
def leaky_relu(x, *, negative_slope=0.01):
    """x where x > 0, else negative_slope * x. At 0 the derivative is the latter's.

    >>> leaky_relu(Tensor([-1.0, 2.0]))
    Tensor([-0.01,  2.  ], dtype=float32)
    """
    if 0 < negative_slope <= 1:  # then the larger of the two
        return np.maximum(x, negative_slope * x)
    return where(x > 0, x, negative_slope * x)


leaky_relu.gradient(x=lambda g, x, negative_slope: where(x > 0, g, negative_slope * g))


@primitive(smooth="x != 0", kinks="alpha at x = 0")
def elu(x, *, alpha=1.0):
    """x where x > 0, else alpha (e^x - 1). At 0 the derivative is the latter's.

    Source: Clevert, Unterthiner and Hochreiter, Fast and Accurate Deep Network
    Learning by Exponential Linear Units, arXiv 1511.07289.

    >>> elu(Tensor([-1000.0, 0.0, 2.0]))
    Tensor([-1.,  0.,  2.], dtype=float32)
    """
    return kernel("relu", x)(x) + alpha * np.expm1(np.minimum(x, 0))


def _elu_gradient(g, x, alpha):
    curved = g * exp(where(x < 0, x, 0.0))  # at alpha = 1 it is g on the right
    return curved if alpha == 1 else where(x <= 0, alpha * curved, g)


elu.gradient(x=_elu_gradient)


@primitive
def erf(x):
    """(2 / sqrt(pi)) times the integral of e^(-t^2) from 0 to x

    >>> erf(Tensor([0.0, 1.0]))
    Tensor([0.       , 0.8427008], dtype=float32)
    """
    return fast("erf", x)(x)


erf.gradient(x=lambda g, x: g * (exp(-x * x) * (2 / math.sqrt(math.pi))))


@fused
def gelu(x, *, approximate="none"):
    """x * Phi(x), with Phi the normal distribution's cumulative function.

    approximate="tanh" is GPT-2's: 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
    Source: Hendrycks and Gimpel, Gaussian Error Linear Units, arXiv 1606.08415.

    >>> gelu(Tensor([-100.0, 0.0, 100.0]))
    Tensor([ -0.,   0., 100.], dtype=float32)
    """
    if approximate == "tanh":
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)
        return 0.5 * x * (1.0 + tanh(inner))
    return 0.5 * x * (1.0 + erf(x * math.sqrt(0.5)))


def _gelu_kernel(approximate):
    names = {"none": "gelu_erf", "tanh": "gelu_tanh"}
    if approximate not in names:
        raise ConfigError(f"gelu: approximate is 'none' or 'tanh', not {approximate!r}")
    return names[approximate]


@gelu.forward
def _(x, *, approximate="none"):
    return (fast(_gelu_kernel(approximate), x)(x),)


@gelu.backward
def _(g, x, approximate):
    return [kernel(_gelu_kernel(approximate) + "_backward", x)(g, x)]
