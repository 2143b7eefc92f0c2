"""Domains of the comparisons and their logic."""

from typing import Any

import hypothesis.strategies as st
import numpy as np

from .draws import Domain, bools, generators, pair_of_shapes, shapes


@st.composite
def compared(draw: Any) -> Any:
    """Two arrays of few different numbers, so that many are equal, or nearly."""
    some = np.array([-np.inf, 0.0, 1.0, 1 + 1e-9, np.inf, np.nan])
    rng = draw(generators)
    return [np.asarray(rng.choice(some, shape)) for shape in pair_of_shapes(draw)], {}


@st.composite
def booleans(draw: Any, n: int) -> Any:
    found = [bools(draw, s) for s in pair_of_shapes(draw)]
    return found[:n], {}


@st.composite
def special(draw: Any) -> Any:
    values = np.array([-np.inf, -0.0, 0.0, 1.0, np.inf, np.nan])
    return [np.asarray(draw(generators).choice(values, draw(shapes)))], {}


COMPARISONS = {
    name: Domain(compared(), getattr(np, name), smooth=False)
    for name in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
} | {
    "isnan": Domain(special(), lambda x: x != x, smooth=False),
    "isinf": Domain(special(), lambda x: np.abs(x) == np.inf, smooth=False),
    "isfinite": Domain(special(), lambda x: np.abs(x) < np.inf, smooth=False),
    "logical_and": Domain(booleans(2), np.logical_and, smooth=False),
    "logical_or": Domain(booleans(2), np.logical_or, smooth=False),
    "logical_not": Domain(booleans(1), np.logical_not, smooth=False),
}
