"""Finite differences of single ops, and of the loss: what a gradient should be.

The central difference (f(x + h) - f(x - h)) / 2h, in float64, with h near the cube
root of the rounding error, where its two errors are alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...graph import Node
from .again import Replay, precise, run, weighted
from .arrays import number

EVERY = 16  # elements: up to so many, each is checked
SOME = 4  # of larger arrays, the largest gradient and some others
SECONDS = 3.0  # for all checks of a page, by the estimate below
STEP = 6e-6  # times |x|, or 1


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
    kinks: str = "",
) -> Iterator[dict[str, Any]]:
    """Checks of some elements of `slopes`, which should be df/dx."""
    middle = f(x)
    scale = float(np.abs(slopes).max(initial=0.0))
    loose = 1e-3 if slopes.dtype != np.float64 else 1e-5
    for index in elements:
        h = STEP * max(1.0, abs(float(x.flat[index])))
        right, left = f(moved(x, index, h)), f(moved(x, index, -h))
        slope, numeric = float(slopes.flat[index]), (right - left) / (2 * h)
        slack = loose * max(abs(slope), abs(numeric), 1e-3 * scale)
        # differences of large values lose digits
        slack += 1e-10 * max(abs(right), abs(left), 1.0) / h * 1e-3
        sides = (middle - left) / h, (right - middle) / h
        agrees = bool(abs(slope - numeric) <= slack)
        yield {
            "index": index,
            "slope": number(slope),
            "numeric": number(numeric),
            "step": number(h),
            "agrees": agrees,
            "why": "" if agrees else reason(sides, slack, kinks),
        }


def reason(sides: tuple[float, float], slack: float, kinks: str) -> str:
    """Why a slope may differ from the difference of both sides."""
    left, right = sides
    if not np.isfinite(left) or not np.isfinite(right):
        return "the function is not finite here"
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
        found = nudged(f, exact[slot], slopes, elements, node.op.kinks)
        return list(found)


def of_leaf(
    replay: Replay, leaf: Node, value: Any, slopes: np.ndarray, budget: Budget
) -> list[dict[str, Any]]:
    """Checks of a leaf's gradient: the differences of the loss."""
    if value is None or not replay.possible:
        return []
    elements = budget.spend(len(replay.nodes), replay.numbers, slopes)
    if not elements:
        return []
    with np.errstate(all="ignore"):
        x = precise(value)
        return list(nudged(lambda x: replay.loss(leaf, x), x, slopes, elements))
