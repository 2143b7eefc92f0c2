"""Ops that act on each element, in HIPS/autograd."""

import math
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import elementwise_grad
from autograd.scipy import special

from .common import by_name, whole


def where(condition: Any, x: Any, y: Any) -> Any:
    # differs: the gradient of x keeps the shape of the output
    shape = np.broadcast_shapes(condition.shape, x.shape, y.shape)
    return anp.where(condition, whole(x, shape), whole(y, shape))


def sinc(x: Any, order: int) -> Any:
    function = anp.sinc
    for _ in range(order):
        function = elementwise_grad(function)
    return function(x)


def gelu(x: Any, approximate: str) -> Any:
    if approximate == "tanh":
        return x * special.expit(math.sqrt(8 / math.pi) * (x + 0.044715 * x**3))
    return x * (1 + special.erf(x / math.sqrt(2))) / 2


ELEMENTWISE = by_name("""
    absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh ceil cos cosh
    deg2rad divide exp exp2 expm1 floor floor_divide hypot log log10 log1p log2
    logaddexp logaddexp2 maximum minimum multiply negative power rad2deg reciprocal
    remainder round sign sin sinh sqrt square subtract tan tanh trunc
""") | {
    "astype": lambda x, dtype: x.astype(dtype),
    "cbrt": lambda x: anp.sign(x) * anp.abs(x) ** (1 / 3),
    "clip": lambda x, min, max: anp.clip(x, min, max),
    "elu": lambda x, alpha: anp.where(x > 0, x, alpha * anp.expm1(x)),
    "erf": special.erf,
    "fmod": lambda x, y: x - y * anp.trunc(x / y),
    "gelu": gelu,
    "leaky_relu": lambda x, negative_slope: anp.where(x > 0, x, negative_slope * x),
    "log_sigmoid": lambda x: anp.log(special.expit(x)),
    "power_constant": lambda x, exponent: x**exponent,
    "relu": lambda x: anp.maximum(x, 0.0),
    "sigmoid": special.expit,
    "silu": lambda x: x * special.expit(x),
    "sinc": sinc,
    "softplus": lambda x: anp.logaddexp(x, 0.0),
    "where": where,
}
