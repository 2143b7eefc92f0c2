"""Finite differences of single ops, and of the loss: what a gradient should be.

The central difference (f(x + h) - f(x - h)) / 2h, in float64, with h near the cube
root of the rounding error, where its two errors are alike. Beside zero, where such a
step may leave the function's domain, a second one is small against x.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from ...graph import Node
from .again import Replay, precise, run, weighted
from .arrays import number

EVERY = 16  # elements: up to so many, each is checked
SOME = 4  # of larger arrays, the largest gradient and some others
SECONDS = 3.0  # for all checks of a page, by the estimate below
STEP = 6e-6  # times |x|, or 1
SMALL_STEP = 1e-3  # times |x|, where the first step is no match for a steep function
NOISE = 1e-13  # times f: what a difference of two of its values does not tell
ROUNDING = 2  # units in the last place of what was added up, and may have cancelled


class Budget:
    """Seconds for checks, dealt out evenly, so that the first don't take all."""

    def __init__(self, seconds: float, turns: int) -> None:
        self.share, self.left = seconds / max(turns, 1), 0.0

    def next_turn(self) -> None:
        self.left += self.share

    def spend(self, ops: int, numbers: int, slopes: np.ndarray) -> list[int]:
        """Which elements to check, at so many ops that read so many numbers a run."""
        a_run = 5e-6 * ops + 5e-9 * numbers
        for some in (chosen(slopes), largest(slopes)):
            if (cost := a_run * (2 * len(some) + 1)) <= self.left:
                self.left -= cost
                return some
        return []


def nudged(
    f: Callable[[np.ndarray], float],
    x: np.ndarray,
    slopes: np.ndarray,
    elements: Sequence[int],
    scale: float,
    summed: float,
    kinks: str = "",
) -> Iterator[dict[str, Any]]:
    """Checks of some elements of `slopes`, which should be df/dx.

    `scale` is the size of g in f = sum(g * ...), and `summed` that of the gradients
    which were added up to the slopes.
    """
    middle = f(x)
    loose = 1e-3 if slopes.dtype != np.float64 else 1e-5
    least = 1e-3 * loose * float(np.abs(slopes).max(initial=0.0))
    least += ROUNDING * float(np.finfo(slopes.dtype).eps) * summed
    for index in elements:
        slope = float(slopes.flat[index])
        for h in nudges(float(x.flat[index]), slope, scale):
            right, left = f(moved(x, index, h)), f(moved(x, index, -h))
            numeric = (right - left) / (2 * h)
            slack = max(least, loose * max(abs(slope), abs(numeric)))
            slack += NOISE * max(abs(right), abs(left), scale) / h
            agrees = bool(abs(slope - numeric) <= slack)
            if agrees:
                break
        sides = (middle - left) / h, (right - middle) / h
        neither = slope != slope and numeric != numeric  # NaN from NaN: as it should be
        why = "neither is a number" if neither else reason(sides, slack, kinks)
        yield {
            "index": index,
            "slope": number(slope),
            "numeric": number(numeric),
            "step": number(h),
            "agrees": agrees or neither,
            "why": "" if agrees else why,
        }


def nudges(x: float, slope: float, scale: float) -> list[float]:
    """How far to move x: a second way if the first one does not agree."""
    first, second = STEP * max(1.0, abs(x)), SMALL_STEP * abs(x)
    # a difference this small tells enough
    steep = 0.01 * abs(slope) * second > NOISE * scale
    return [first, second] if second < first and steep else [first]


def reason(sides: tuple[float, float], slack: float, kinks: str) -> str:
    """Why a slope may differ from the difference of both sides."""
    left, right = sides
    if not np.isfinite(left) or not np.isfinite(right):
        return "the function is not finite here, or right beside"
    if abs(left - right) <= 10 * slack:
        return "the derivative is wrong, or the function is far from straight here"
    rule = f"; the rule there: {kinks}" if kinks else ""
    return (
        f"a kink: the slope is {left:.4g} to the left, {right:.4g} to the right{rule}"
    )


def chosen(slopes: np.ndarray) -> list[int]:
    """All elements of a small array; the largest and an even choice of a large one."""
    if slopes.size <= EVERY:
        return list(range(slopes.size))
    even = np.linspace(0, slopes.size - 1, SOME).astype(int)
    return sorted({*largest(slopes), *even.tolist()})


def largest(slopes: np.ndarray) -> list[int]:
    return [int(np.argmax(np.abs(slopes)))] if slopes.size else []


def size_of(g: Any) -> float:
    """The largest of |g| that is finite, over all outputs."""
    parts = [part for part in (g if type(g) is tuple else (g,)) if part is not None]
    return max([float(np.abs(x[np.isfinite(x)]).max(initial=0.0)) for x in parts])


def moved(x: np.ndarray, index: int, by: float) -> np.ndarray:
    x = x.copy()
    x.flat[index] += by
    return x


def of_op(
    node: Node,
    g: Any,
    inputs: Sequence[Any] | None,
    slot: int,
    slopes: np.ndarray,
    budget: Budget,
) -> list[dict[str, Any]]:
    """Checks of an op's gradient for one input: the differences of sum(g * op(x))."""
    if inputs is None or not hasattr(node.op, "forward"):
        return []
    elements = budget.spend(1, sum(np.size(x) for x in inputs), slopes)
    if not elements:
        return []
    exact = [precise(x) for x in inputs]

    def f(x: np.ndarray) -> float:
        inputs = [*exact[:slot], x, *exact[slot + 1 :]]
        return weighted(run(node, inputs, exact=True), g)

    with np.errstate(all="ignore"):
        scale = size_of(g)
        found = nudged(f, exact[slot], slopes, elements, scale, scale, node.op.kinks)
        return list(found)


def of_leaf(
    replay: Replay,
    leaf: Node,
    value: Any,
    slopes: np.ndarray,
    summed: float,
    budget: Budget,
) -> list[dict[str, Any]]:
    """Checks of a leaf's gradient, a sum of others: the differences of the loss."""
    if value is None or not replay.possible:
        return []
    elements = budget.spend(len(replay.nodes), replay.numbers, slopes)
    if not elements:
        return []
    with np.errstate(all="ignore"):
        x = precise(value)
        scale = size_of(replay.gradient)
        f = partial(replay.loss, leaf)
        return list(nudged(f, x, slopes, elements, scale, summed))
