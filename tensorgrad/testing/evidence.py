"""A wrong derivative, and what else can be computed to find out why."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .compare import Compared, Level
from .differences import central
from .problem import Problem, typical

_ROOM = 1_000_000  # elements of a Jacobian that is made
_FEW = 4  # ... and of other gradients by differences, if the input is large


def alike(one: Any, other: Any) -> bool:
    """Whether two arrays agree, to what differences can tell; never where all is 0."""
    if np.shape(one) != np.shape(other) or not np.isfinite(one).all():
        return False
    size = np.abs(other).max(initial=0)
    return bool(size > 0 and np.allclose(one, other, 1e-4, 1e-7 * size))


class Evidence:
    """Input n's gradient, wrong, beside what it would be under some hypothesis."""

    def __init__(self, level: Level, some: Compared) -> None:
        self.level, self.problem, self.n = level, level.problem, some.n
        self.analytic, self.numeric = some.analytic, some.numeric
        self.wrong = some.wrong
        self.known = some.known & np.isfinite(some.numeric)
        self.values = some.analytic[self.known]

    def fits(self, candidate: np.ndarray) -> bool:
        """Whether an array has the numeric values, as far as they are known."""
        if candidate.shape != self.numeric.shape:
            return False
        return alike(candidate[self.known], self.numeric[self.known])

    @functools.cached_property
    def columns(self) -> np.ndarray | None:
        """The Jacobian, a row for each known element of the input; None if large."""
        outputs = sum(w.size for w in self.problem.weights)
        if outputs * self.known.sum() > _ROOM or not self.known.any():
            return None
        x = self.problem.point[self.n]
        rows = []
        for at in np.argwhere(self.known):
            direction = [np.zeros(y.shape) for y in self.problem.point]
            direction[self.n][tuple(at)] = typical(x)
            slopes = central(self._outputs, self.problem.point, direction)
            rows.append(slopes / typical(x))
        return np.stack(rows)

    def _outputs(self, xs: list[np.ndarray]) -> np.ndarray:
        outs = self.problem.outputs(self.problem.tensors(xs))
        return np.concatenate([np.ravel(getattr(x, "_data", x)) for x in outs])

    def analytic_for(self, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """The formula's values at the known elements, had g been another."""
        weights = [np.asarray(change(w)) for w in self.problem.weights]
        return self.problem.twin(weights=weights).gradient(1)[self.n][self.known]

    def parts(self) -> list[np.ndarray] | None:
        """What each output contributes, by the numbers."""
        if self.columns is None:
            return None
        ends = np.cumsum([w.size for w in self.problem.weights])[:-1]
        pairs = zip(
            np.split(self.columns, ends, axis=1), self.problem.weights, strict=True
        )
        return [part @ w.ravel() for part, w in pairs]

    def exchanged_outputs(self, one: int, other: int) -> bool:
        """Whether this is the gradient with those of two outputs exchanged."""
        weights = list(self.problem.weights)
        weights[one], weights[other] = weights[other], weights[one]
        if weights[one].shape != weights[other].shape or self.columns is None:
            return False
        flat = np.concatenate([w.ravel() for w in weights])
        return alike(self.columns @ flat, self.values)

    def by_input(self, other: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Both gradients as sums over what either was broadcast along, to compare."""
        x, y = self.problem.point[self.n], self.problem.point[other]
        if x.ndim > 8 or max(x.size, y.size) > self.level.many:
            return None
        theirs, _ = numerical(self.level, other)
        ours, theirs = _summed(self.analytic, y.shape), _summed(theirs, x.shape)
        return (ours, theirs) if ours.shape == theirs.shape else None

    def is_numerically(self, twin: Problem) -> bool:
        """Whether this is the gradient in a problem that is a little different."""
        level = Level(twin, 1, self.level.tolerance)
        limit = self.numeric.size if self.numeric.size <= self.level.many else _FEW
        numeric, _ = numerical(level, self.n, np.flatnonzero(self.known)[:limit])
        some = ~np.isnan(numeric)
        return alike(self.analytic[some], numeric[some])

    def hint(self, ratio: float) -> str:
        """An axis whose length explains a factor."""
        for i, x in zip(self.problem.places, self.problem.point, strict=True):
            for axis, length in enumerate(x.shape):
                near = min(abs(ratio * length - 1), abs(ratio / length - 1))
                if length > 1 and near < 1e-4:
                    return (
                        f" (axis {axis} of input {i} has length {length}: is a sum "
                        "over it missing, done twice, or a mean in its place?)"
                    )
        return ""


def numerical(
    level: Level, n: int, chosen: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """Input n's gradient by differences and its doubt, at the elements chosen."""
    shape = level.problem.point[n].shape
    slopes, doubts = np.full(shape, np.nan), np.full(shape, np.nan)
    for flat in range(slopes.size) if chosen is None else chosen:
        at = np.unravel_index(flat, shape)
        slopes[at], doubts[at] = level.element(n, at)
    return slopes, doubts


def _summed(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """x summed over the axes along which `shape` broadcasts to it."""
    extra = x.ndim - len(shape)
    x = x.sum(tuple(range(max(extra, 0))))
    offset = len(shape) - x.ndim
    axes = [i for i, n in enumerate(x.shape) if n > 1 and shape[i + offset] == 1]
    return np.asarray(x.sum(tuple(axes), keepdims=True))
