"""Arrays and Tensors to draw: numbers that tell a right derivative from a wrong one."""

from __future__ import annotations

import math
from typing import Any

import hypothesis.extra.numpy as nps
import hypothesis.strategies as st
import numpy as np

from ..errors import ConfigError, DtypeError
from ..tensor import Tensor

Shape = tuple[int, ...]
Shapes = Shape | st.SearchStrategy[Shape]
Floats = st.SearchStrategy[float] | None


def shapes(
    *, min_dims: int = 0, max_dims: int = 3, min_side: int = 1, max_side: int = 3
) -> st.SearchStrategy[Shape]:
    """Shapes, () among them unless `min_dims` is 1. `min_side=0` adds empty arrays."""
    return nps.array_shapes(
        min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=max_side
    )


@st.composite
def arrays(
    draw: st.DrawFn,
    /,
    shapes: Shapes | None = None,
    *,
    dtype: Any = np.float64,
    low: float = -2.0,
    high: float = 2.0,
    elements: Floats = None,
) -> np.ndarray:
    """Arrays of floats in [low, high], of a shape or of shapes that a strategy draws.

    No two elements are equal and none is 0, where symmetric formulas agree with wrong
    ones and where most kinks are. They come from one drawn seed, have few digits, and
    shrink to quarters, eighths, ... of the interval: [-1.0, 1.0, -1.5, 0.5, ...]. What
    shrinks best is the shape. `elements`, a strategy of floats, draws them one by one
    instead, and then zeros and ties are among them. `dtype` is float64 or float32, or
    a strategy of those.
    """
    if not low <= high:
        raise ConfigError(f"low={low} must not be above high={high}")
    shape = draw(_drawn(_SHAPES if shapes is None else shapes))
    dtype = np.dtype(draw(_drawn(dtype)))
    if dtype not in (np.float64, np.float32):
        raise DtypeError(f"dtype must be float64 or float32, not {dtype}")
    if elements is not None:
        count = math.prod(shape)
        values = draw(st.lists(elements, min_size=count, max_size=count))
        return np.array(values, dtype).reshape(shape)
    seed, n = draw(st.integers(0, 2**16)), math.prod(shape)
    found = _scattered(n, low, high, seed) if seed else _simple(n, low, high)
    return found.clip(low, high).astype(dtype).reshape(shape)


@st.composite
def tensors(
    draw: st.DrawFn,
    /,
    shapes: Shapes | None = None,
    *,
    requires_grad: bool = True,
    **options: Any,
) -> Tensor:
    """Tensors, leaves unless requires_grad=False. The options are those of `arrays`.

    `tensors((2, 3))`, `tensors(shapes(min_dims=1), low=0.1)`, `tensors(dtype="f4")`
    """
    return Tensor(draw(arrays(shapes, **options)), requires_grad=requires_grad)


@st.composite
def broadcastable_tensors(
    draw: st.DrawFn,
    /,
    n: int,
    *,
    max_dims: int = 3,
    min_side: int = 1,
    max_side: int = 3,
    **options: Any,
) -> tuple[Tensor, ...]:
    """n Tensors whose shapes broadcast together. The options are those of `tensors`."""
    drawn = draw(
        nps.mutually_broadcastable_shapes(
            num_shapes=n, max_dims=max_dims, min_side=min_side, max_side=max_side
        )
    )
    return tuple([draw(tensors(shape, **options)) for shape in drawn.input_shapes])


_SHAPES = shapes()


def _drawn(x: Any) -> st.SearchStrategy[Any]:
    return x if isinstance(x, st.SearchStrategy) else st.just(x)


def _simple(n: int, low: float, high: float) -> np.ndarray:
    """n points of the interval: at 1/4, 3/4, 1/8, 5/8, 3/8, 7/8, 1/16, ..., never 0."""
    parts = [int(f"{k:b}"[::-1], 2) / 2 ** k.bit_length() for k in range(2, n + 3)]
    points = np.array(parts) * (high - low) + low
    return points[(points != 0) | (low == high)][:n]


def _scattered(n: int, low: float, high: float, seed: int) -> np.ndarray:
    """n numbers of few digits, all different."""
    if low == high:
        return np.full(n, low)
    digits = 2 - math.floor(math.log10(high - low))
    while True:
        first, last = math.ceil(low * 10.0**digits), math.floor(high * 10.0**digits)
        grid = np.arange(first, last + 1)
        grid = grid[grid != 0]
        if len(grid) >= 4 * n:
            break
        digits += 1
    picked = np.random.default_rng(seed).choice(grid, n, replace=False)
    return np.round(picked / 10.0**digits, max(digits, 0))
