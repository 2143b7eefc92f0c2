"""Domains of the ops that act on each element."""

from typing import Any

import hypothesis.extra.numpy as nps
import hypothesis.strategies as st
import numpy as np

from .draws import (
    Domain,
    apart,
    bools,
    generators,
    pair_of_shapes,
    shapes,
    unary,
    unary_apart,
    uniform,
)


def signed(draw: Any, shape: Any, low: float = 0.4, high: float = 2.0) -> np.ndarray:
    """Numbers of both signs, and of sizes in [low, high]: none near 0."""
    rng = draw(generators)
    return np.asarray(rng.uniform(low, high, shape) * rng.choice([-1, 1], shape))


@st.composite
def unary_signed(draw: Any) -> Any:
    return [signed(draw, draw(shapes))], {}


@st.composite
def binary(draw: Any, low: float = -2.0, high: float = 2.0) -> Any:
    """Two arrays that broadcast, the first with its numbers in [low, high]."""
    first, second = pair_of_shapes(draw)
    return [uniform(draw, first, low, high), uniform(draw, second)], {}


@st.composite
def binary_signed(draw: Any, swapped: bool = False) -> Any:
    """Two arrays that broadcast; the second has no number near 0, or the first."""
    first, second = pair_of_shapes(draw)
    found = [uniform(draw, first), signed(draw, second)]
    return found[::-1] if swapped else found, {}


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


def clip(x: Any, min: Any, max: Any) -> Any:
    x = x if min is None else np.where(x < min, min, x)
    return x if max is None else np.where(x > max, max, x)


ELEMENTWISE = {
    "add": Domain(binary(), np.add),
    "subtract": Domain(binary(), np.subtract),
    "multiply": Domain(binary(), np.multiply),
    "divide": Domain(binary_signed(), lambda x, y: x * y**-1),
    "maximum": Domain(binary_apart(), lambda x, y: np.where(x > y, x, y)),
    "minimum": Domain(binary_apart(), lambda x, y: np.where(x < y, x, y)),
    "negative": Domain(unary(), lambda x: 0 - x),
    "reciprocal": Domain(unary_signed(), lambda x: x**-1),
    "square": Domain(unary(), lambda x: x**2),
    "absolute": Domain(unary_apart(), lambda x: np.where(x < 0, -x, x)),
    "sign": Domain(unary_apart(), lambda x: np.where(x < 0, -1.0, 1.0)),
    "clip": Domain(clips(), clip),
    "where": Domain(wheres(), np.where),
    "zeros_like": Domain(unary(), lambda x: 0 * x, smooth=False),
}
