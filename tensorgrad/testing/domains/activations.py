"""Domains of the activations."""

import math
from typing import Any

import hypothesis.strategies as st
import numpy as np

from .draws import Domain, unary, unary_apart

erf = np.vectorize(math.erf, otypes=[float])


def gelu(x: Any, approximate: str) -> Any:
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


ACTIVATIONS = {
    "relu": Domain(unary_apart(), lambda x: np.where(x > 0, x, 0)),
    "sigmoid": Domain(unary(), sigmoid),
    "erf": Domain(unary(), lambda x: erf(x).reshape(np.shape(x))),
    "gelu": Domain(unary(approximate=st.sampled_from(["none", "tanh"])), gelu),
}
