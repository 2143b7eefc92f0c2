"""What the domains draw from: shapes, and arrays of numbers that suit an op."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import hypothesis.extra.numpy as nps
import hypothesis.strategies as st
import numpy as np

from ..problem import Constant

__all__ = ["Constant", "Domain"]

Cases = st.SearchStrategy[tuple[list[Any], dict[str, Any]]]


@dataclass(frozen=True)
class Domain:
    """Inputs and settings for an op, and its value by definition, in plain NumPy."""

    cases: Cases
    value: Callable[..., Any]
    smooth: bool = True  # whether it has derivatives to check


shapes = nps.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
full_shapes = nps.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=3)
sizes = st.integers(0, 3)
generators = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def uniform(draw: Any, shape: Any, low: float = -2.0, high: float = 2.0) -> np.ndarray:
    return np.asarray(draw(generators).uniform(low, high, shape))


def integers(draw: Any, low: int, high: int, shape: Any) -> np.ndarray:
    return np.asarray(draw(generators).integers(low, high, shape))


def bools(draw: Any, shape: Any, share: float = 0.5) -> np.ndarray:
    return np.asarray(draw(generators).random(shape) < share)


def apart(draw: Any, *shapes: Any) -> list[np.ndarray]:
    """Arrays in which no two numbers, nor any number and zero, are close."""
    rng, counts = draw(generators), [math.prod(shape) for shape in shapes]
    n = sum(counts)
    pool = (rng.permutation(n) - n // 2) * 0.25 + 0.125 + rng.uniform(-0.05, 0.05, n)
    parts = np.split(pool, np.cumsum(counts)[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def pair_of_shapes(draw: Any) -> Any:
    return draw(
        nps.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3)
    ).input_shapes


@st.composite
def unary(draw: Any, /, low: float = -2.0, high: float = 2.0, **settings: Any) -> Any:
    chosen = {name: draw(options) for name, options in settings.items()}
    return [uniform(draw, draw(shapes), low, high)], chosen


@st.composite
def unary_apart(draw: Any) -> Any:
    return apart(draw, draw(shapes)), {}
