"""Domains of the ops that act on each element."""

from typing import Any

import hypothesis.extra.numpy as nps
import hypothesis.strategies as st
import numpy as np

from .draws import (
    Domain,
    apart,
    bools,
    pair_of_shapes,
    shapes,
    unary,
    unary_apart,
    uniform,
)


@st.composite
def binary(draw: Any, low: float = -2.0, high: float = 2.0) -> Any:
    """Two arrays that broadcast; the second has its numbers in [low, high]."""
    first, second = pair_of_shapes(draw)
    return [uniform(draw, first, 0.3), uniform(draw, second, low, high)], {}


@st.composite
def binary_apart(draw: Any) -> Any:
    return apart(draw, *pair_of_shapes(draw)), {}


@st.composite
def wheres(draw: Any) -> Any:
    broadcastable = nps.mutually_broadcastable_shapes(
        num_shapes=3, max_dims=3, max_side=3
    )
    condition, x, y = draw(broadcastable).input_shapes
    mask = bools(draw, condition)
    return [mask, uniform(draw, x), uniform(draw, y)], {}


@st.composite
def clips(draw: Any) -> Any:
    bounds = st.sampled_from([None, -0.5, 0.0, 0.5])  # never near a number `apart`
    low, high = draw(bounds), draw(bounds)
    return apart(draw, draw(shapes)), {"min": low, "max": high}


ELEMENTWISE = {
    "add": Domain(binary(), np.add),
    "subtract": Domain(binary(), np.subtract),
    "multiply": Domain(binary(), np.multiply),
    "divide": Domain(binary(0.5), np.divide),
    "power": Domain(binary(), np.power),
    "power_constant": Domain(
        unary(0.3, exponent=st.sampled_from([-2, -1, -0.5, 0, 0.5, 1, 2, 3])),
        lambda x, exponent: x**exponent,
    ),
    "maximum": Domain(binary_apart(), np.maximum),
    "minimum": Domain(binary_apart(), np.minimum),
    "negative": Domain(unary(), np.negative),
    "absolute": Domain(unary_apart(), np.abs),
    "sign": Domain(unary_apart(), np.sign),
    "clip": Domain(clips(), lambda x, min, max: np.clip(x, min, max)),
    "where": Domain(wheres(), np.where),
    "zeros_like": Domain(unary(), np.zeros_like, smooth=False),
}
