"""Domains of the ops that round."""

from typing import Any

import hypothesis.strategies as st
import numpy as np

from .draws import Domain, generators, pair_of_shapes, shapes


def between(draw: Any, shape: Any, low: float, high: float) -> np.ndarray:
    """An integer from -4 to 3 plus a fraction in [low, high]."""
    rng = draw(generators)
    return np.asarray(rng.integers(-4, 4, shape) + rng.uniform(low, high, shape))


@st.composite
def between_integers(draw: Any) -> Any:
    return [between(draw, draw(shapes), 0.1, 0.9)], {}


@st.composite
def near_decimals(draw: Any) -> Any:
    decimals = draw(st.integers(-1, 1))
    x = between(draw, draw(shapes), -0.4, 0.4)
    return [np.asarray(x / 10.0**decimals)], {"decimals": decimals}


@st.composite
def between_multiples(draw: Any) -> Any:
    """x and y that broadcast, with no quotient near an integer."""
    first, second = pair_of_shapes(draw)
    rng = draw(generators)
    x = between(draw, first, 0.3, 0.7)
    y = rng.choice([-2, -1, -0.5, 0.5, 1, 2], second)
    wobble = rng.uniform(0.99, 1.01, second)  # changes the quotients by 0.08 at most
    return [np.asarray(x / 2), np.asarray(y * wobble)], {}


ROUNDINGS = {
    "floor": Domain(between_integers(), lambda x: x - x % 1),
    "ceil": Domain(between_integers(), lambda x: x + -x % 1),
    "trunc": Domain(between_integers(), lambda x: x - np.sign(x) * (np.abs(x) % 1)),
    "round": Domain(
        near_decimals(),
        lambda x, decimals: np.rint(x * 10.0**decimals) / 10.0**decimals,
    ),
    "floor_divide": Domain(between_multiples(), lambda x, y: np.floor(x / y)),
    "remainder": Domain(between_multiples(), lambda x, y: x - y * np.floor(x / y)),
    "fmod": Domain(between_multiples(), lambda x, y: x - y * np.trunc(x / y)),
}
