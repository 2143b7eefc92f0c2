"""Ops that act on each element, in MyGrad."""

import math
from typing import Any

import mygrad as mg
from mygrad.nnet import activations

from .common import by_name


def gelu(x: Any, approximate: str) -> Any:
    return x * activations.sigmoid(math.sqrt(8 / math.pi) * (x + 0.044715 * x**3))


ELEMENTWISE = by_name("""
    absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh cbrt cos cosh
    divide exp exp2 expm1 log log10 log1p log2 logaddexp logaddexp2 maximum minimum
    multiply negative power reciprocal sin sinh sqrt square subtract tan tanh where
""") | {
    "clip": lambda x, min, max: mg.clip(x, min, max),
    "elu": activations.elu,
    "gelu": gelu,
    "hypot": lambda x, y: mg.sqrt(x * x + y * y),
    "leaky_relu": lambda x, negative_slope: activations.leaky_relu(x, negative_slope),
    "log_sigmoid": lambda x: -mg.logaddexp(-x, 0.0),
    "power_constant": lambda x, exponent: x**exponent,
    "relu": activations.relu,
    "sigmoid": activations.sigmoid,
    "silu": lambda x: x * activations.sigmoid(x),
    "sinc": lambda x, order: mg.sinc(x),
    "softplus": lambda x: mg.logaddexp(x, 0.0),
}
