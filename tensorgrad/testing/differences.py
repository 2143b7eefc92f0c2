"""Numerical derivatives: what the analytic ones are held against.

A function of several arrays is followed along one direction v: L(t) = L(x + t v).
Everything here is float64: x + t v is, even where x is float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import DtypeError

Arrays = Sequence[np.ndarray]
Value = Callable[[list[np.ndarray]], float]

STEP = 3e-4  # the five-point rule then errs by 1e-14 times the fifth derivative
# Tried in turn: the first three, which do for most functions, then all of them.
_USUAL = (3e-3, 3e-4, 3e-5)
_ALL = tuple(3 * 10.0**-k for k in range(2, 13))
_LOST = 3.0  # times the rounding: more doubt than that is no rounding
_PRECISE = 1e-8  # relative doubt at which no further step is tried


def moved(xs: Arrays, direction: Arrays, t: Any) -> list[np.ndarray]:
    """x + t v, for each array."""
    return [np.asarray(x + t * v) for x, v in zip(xs, direction, strict=True)]


def central(value: Any, xs: Arrays, direction: Arrays, step: float = STEP) -> Any:
    """(8 (L(h) - L(-h)) - (L(2h) - L(-2h))) / 12 h: the error is O(h^4).

    >>> x, v = [np.array(2.0)], [np.array(1.0)]
    >>> round(central(lambda xs: float(xs[0] ** 3), x, v), 9)
    12.0
    """
    near, far = [
        value(moved(xs, direction, t)) - value(moved(xs, direction, -t))
        for t in (step, 2 * step)
    ]
    return (8 * near - far) / (12 * step)


def careful(
    value: Value, xs: Arrays, direction: Arrays, noise: float = 0.0
) -> tuple[float, float]:
    """The best central difference over several steps, and how far it can be trusted.

    `noise` is what a value is known to err by, at the least.
    """
    known: dict[float, float] = {}
    least = _least(xs, direction)
    best = math.nan, math.inf
    for steps in (_USUAL, _ALL):
        for step in steps:
            if step not in known:
                far = step > least
                known[step] = central(value, xs, direction, step) if far else math.nan
        best = _steadiest({h: known[h] for h in steps}, noise, least)
        if best[1] <= _PRECISE * abs(best[0]):
            break
    return best


def _least(xs: Arrays, direction: Arrays) -> float:
    """The step below which x + h v is hardly another number than x."""
    pairs = [
        (x[v != 0], v[v != 0]) for x, v in zip(xs, direction, strict=True) if v.any()
    ]
    ratios = [np.abs(x / v).ravel() for x, v in pairs]
    return 1e-14 * float(np.median(np.concatenate(ratios))) if ratios else 0.0


def _steadiest(
    slopes: dict[float, float], noise: float, least: float
) -> tuple[float, float]:
    """The slope that changes least from step to step, and its doubt.

    Large steps err by the function's curvature, small ones by rounding, which grows
    as 1/h. A slope is doubted by its gap to that of the larger step, and by what the
    gap to the smaller one says of rounding: one gap alone can be small by chance.
    Where no step is small enough, as beside a pole, the slope changes by itself from
    each to the next: it says nothing, and the doubt is infinite.
    """
    steps = [h for h, slope in slopes.items() if math.isfinite(slope)]
    best = (slopes[steps[-1]] if steps else math.nan), math.inf
    for large, h, small in zip(steps, steps[1:], steps[2:], strict=False):
        doubt = max(
            abs(slopes[large] - slopes[h]),
            abs(slopes[h] - slopes[small]) * small / h,
            noise / h,
            abs(slopes[h]) * 0.02 * least / h,  # x + h v is rounded too
        )
        if noise and doubt > 0.1 * abs(slopes[h]) + _LOST * noise / h:
            doubt = math.inf
        if doubt < best[1]:
            best = slopes[h], doubt
    return best


def one_sided(
    value: Value, xs: Arrays, direction: Arrays, step: float = 1e-5
) -> tuple[float, float]:
    """The slopes before and after the point: unlike each other at a kink.

    (-3 L(0) + 4 L(h) - L(2h)) / 2h, and its mirror image.
    """
    here = value(list(xs))
    after, before = [
        (4 * value(moved(xs, direction, h)) - value(moved(xs, direction, 2 * h)))
        / (2 * h)
        - 3 * here / (2 * h)
        for h in (step, -step)
    ]
    return before, after


def complex_step(
    f: Callable[..., Any], xs: Sequence[Any], direction: Arrays, weights: Arrays
) -> float:
    """Im L(x + i h v) / h, exact to rounding where f is analytic: nothing cancels.

    f is called with complex arrays, so it has to be made of ops and NumPy functions
    that are analytic: neither |x| nor a comparison, and no Tensor made inside.
    Source: Squire and Trapp, SIAM Review 40, 1998.
    """
    h = 1e-30
    try:
        outs = f(*moved(xs, direction, 1j * h))
    except (DtypeError, TypeError) as error:
        raise DtypeError(
            "the complex step calls the function with complex arrays, and it refused "
            f"them ({error}): use method='central'"
        ) from error
    outs = outs if isinstance(outs, tuple | list) else [outs]
    pairs = zip(outs, weights, strict=True)
    return float(sum(np.sum(np.imag(out) * w) for out, w in pairs) / h)
