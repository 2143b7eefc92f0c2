"""Domains of exponentials, logarithms, powers and roots."""

import math
from typing import Any

import hypothesis.strategies as st
import numpy as np

from .draws import Domain, shapes, unary, uniform
from .elementwise import binary, binary_signed, signed, unary_signed

positive = unary(0.3)


@st.composite
def powers(draw: Any) -> Any:
    """x ** exponent; x may be negative where the exponent is whole."""
    exponent = draw(st.sampled_from([-2, -1, -0.5, 0, 0.5, 1, 2, 3]))
    numbers = signed if exponent == int(exponent) else uniform
    return [numbers(draw, draw(shapes), 0.4, 2.0)], {"exponent": exponent}


EXPONENTIALS = {
    "exp": Domain(unary(), lambda x: math.e**x),
    "exp2": Domain(unary(), lambda x: 2**x),
    "expm1": Domain(unary(), lambda x: np.exp(x) - 1),
    "log": Domain(positive, lambda x: np.log2(x) * math.log(2)),
    "log2": Domain(positive, lambda x: np.log(x) / math.log(2)),
    "log10": Domain(positive, lambda x: np.log(x) / math.log(10)),
    "log1p": Domain(unary(-0.7), lambda x: np.log(1 + x)),
    "logaddexp": Domain(binary(), lambda x, y: np.log(np.exp(x) + np.exp(y))),
    "logaddexp2": Domain(binary(), lambda x, y: np.log2(2**x + 2**y)),
    "power": Domain(binary(0.3), lambda x, y: np.exp(y * np.log(x))),
    "power_constant": Domain(powers(), lambda x, exponent: x**exponent),
    "sqrt": Domain(positive, lambda x: x**0.5),
    "cbrt": Domain(unary_signed(), lambda x: np.sign(x) * np.abs(x) ** (1 / 3)),
    "hypot": Domain(binary_signed(), lambda x, y: np.sqrt(x * x + y * y)),
}
