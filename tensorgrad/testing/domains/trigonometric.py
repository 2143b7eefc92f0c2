"""Domains of the trigonometric and hyperbolic functions."""

import math
from typing import Any

import hypothesis.strategies as st
import numpy as np

from .draws import Domain, shapes, unary, uniform
from .elementwise import binary_signed

inside = unary(-0.7, 0.7)


@st.composite
def sincs(draw: Any) -> Any:
    """sinc and its derivatives, near 0 too."""
    high = draw(st.sampled_from([2.0, 1e-4]))
    order = draw(st.integers(0, 2))
    return [uniform(draw, draw(shapes), -high, high)], {"order": order}


def sinc(x: Any, order: int) -> Any:
    """d^n/dx^n of the integral of cos(pi x t) over t from 0 to 1, by Gauss's rule."""
    nodes, weights = np.polynomial.legendre.leggauss(30)
    u = math.pi * (nodes + 1) / 2
    angles = np.asarray(x)[..., None] * u
    waves = (np.cos(angles), -np.sin(angles), -np.cos(angles))[order]
    return (waves * u**order) @ (weights / 2)


TRIGONOMETRIC = {
    "sin": Domain(unary(), lambda x: np.exp(1j * x).imag),
    "cos": Domain(unary(), lambda x: np.exp(1j * x).real),
    "tan": Domain(unary(-1.0, 1.0), lambda x: np.sin(x) / np.cos(x)),
    "arcsin": Domain(inside, lambda x: np.arctan2(x, np.sqrt(1 - x * x))),
    "arccos": Domain(inside, lambda x: np.arctan2(np.sqrt(1 - x * x), x)),
    "arctan": Domain(unary(), lambda x: np.angle(1 + 1j * x)),
    "arctan2": Domain(binary_signed(swapped=True), lambda y, x: np.angle(x + 1j * y)),
    "sinh": Domain(unary(), lambda x: (np.exp(x) - np.exp(-x)) / 2),
    "cosh": Domain(unary(), lambda x: (np.exp(x) + np.exp(-x)) / 2),
    "tanh": Domain(unary(), lambda x: np.sinh(x) / np.cosh(x)),
    "arcsinh": Domain(unary(), lambda x: np.log(x + np.sqrt(x * x + 1))),
    "arccosh": Domain(unary(1.3, 3.0), lambda x: np.log(x + np.sqrt(x * x - 1))),
    "arctanh": Domain(inside, lambda x: np.log((1 + x) / (1 - x)) / 2),
    "deg2rad": Domain(unary(), lambda x: x * (math.pi / 180)),
    "rad2deg": Domain(unary(), lambda x: x * (180 / math.pi)),
    "sinc": Domain(sincs(), sinc),
}
