"""Domains of the activations."""

import math
from typing import Any

import hypothesis.strategies as st
import numpy as np

from .draws import Domain, apart, shapes, unary, unary_apart

erf = np.vectorize(math.erf, otypes=[float])


def gelu(x: Any, approximate: str) -> Any:
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


@st.composite
def kinked(draw: Any, /, **settings: Any) -> Any:
    """Numbers away from 0, and settings."""
    chosen = {name: draw(options) for name, options in settings.items()}
    return apart(draw, draw(shapes)), chosen


ACTIVATIONS = {
    "relu": Domain(unary_apart(), lambda x: np.where(x > 0, x, 0)),
    "leaky_relu": Domain(
        kinked(negative_slope=st.sampled_from([-0.5, 0.0, 0.01, 0.3, 2.0])),
        lambda x, negative_slope: (
            np.where(x > 0, x, 0) + np.minimum(x, 0) * negative_slope
        ),
    ),
    "elu": Domain(
        kinked(alpha=st.sampled_from([-0.5, 0.5, 1.0, 2.0])),
        lambda x, alpha: np.where(x > 0, x, alpha * (np.exp(x) - 1)),
    ),
    "sigmoid": Domain(unary(), sigmoid),
    "log_sigmoid": Domain(unary(), lambda x: np.log(sigmoid(x))),
    "softplus": Domain(unary(), lambda x: np.log(1 + np.exp(x))),
    "silu": Domain(unary(), lambda x: x * sigmoid(x)),
    "erf": Domain(unary(), lambda x: erf(x).reshape(np.shape(x))),
    "gelu": Domain(unary(approximate=st.sampled_from(["none", "tanh"])), gelu),
}
