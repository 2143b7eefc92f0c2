"""Numerical derivatives: what the analytic ones are held against.

A function of several arrays is followed along one direction v: L(t) = L(x + t v).
Everything here is float64.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import DtypeError

Arrays = Sequence[np.ndarray]

STEP = 3e-4  # the five-point rule then errs by 1e-14 times the fifth derivative
_STEPS = (3e-2, 3e-3, STEP, 3e-5, 3e-6)  # tried in turn where one is not enough


def moved(xs: Arrays, direction: Arrays, t: Any) -> list[np.ndarray]:
    """x + t v, for each array."""
    return [np.asarray(x + t * v) for x, v in zip(xs, direction, strict=True)]


def central(
    value: Callable[[list[np.ndarray]], float],
    xs: Arrays,
    direction: Arrays,
    step: float = STEP,
) -> float:
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
    value: Callable[[list[np.ndarray]], float], xs: Arrays, direction: Arrays
) -> tuple[float, float]:
    """The best central difference over several steps, and how far it can be trusted.

    Large steps err by the function's curvature, small ones by rounding; where two
    neighbouring steps agree best, neither does. Their difference is the uncertainty.
    """
    slopes = [central(value, xs, direction, step) for step in _STEPS]
    finite = [s for s in slopes if math.isfinite(s)]
    if len(finite) < 2:
        return math.nan, math.inf
    gaps = [abs(b - a) for a, b in itertools.pairwise(finite)]
    best = min(range(len(gaps)), key=gaps.__getitem__)
    return finite[best + 1], gaps[best]


def one_sided(
    value: Callable[[list[np.ndarray]], float], xs: Arrays, direction: Arrays
) -> tuple[float, float]:
    """The slopes before and after the point: unlike each other at a kink.

    (-3 L(0) + 4 L(h) - L(2h)) / 2h, and its mirror image.
    """
    here = value(list(xs))
    after, before = [
        (4 * value(moved(xs, direction, h)) - value(moved(xs, direction, 2 * h)))
        / (2 * h)
        - 3 * here / (2 * h)
        for h in (1e-5, -1e-5)
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
