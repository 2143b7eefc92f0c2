"""Analytic derivatives beside numerical ones: along a direction, then by element."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from .differences import STEP, careful, central, complex_step
from .problem import Problem, typical

MANY = 200  # elements of an input that are compared one by one, at most
_FEW = 5  # ... at least, however long f takes
_WORK = 400_000  # elements to compute; what is above is shared out


@dataclass(frozen=True)
class Mismatch:
    """One input whose derivative of some order is wrong, at its worst element."""

    order: int
    input: int | None = None
    index: tuple[int, ...] | None = None
    analytic: float | None = None
    numeric: float | None = None
    cause: str = ""
    numeric_is: str = "numeric"
    entry: str = ""  # which partial derivative the two are
    wrong: int = 1  # how many elements differ,
    compared: int = 1  # of how many


@dataclass(frozen=True)
class Compared:
    """Some elements of one input's derivative, analytic and numeric."""

    n: int
    at: tuple[int, ...]  # the worst
    analytic: np.ndarray
    numeric: np.ndarray  # NaN where it was not computed
    known: np.ndarray  # whether it was
    wrong: np.ndarray


class Level:
    """The derivative of one order at the point, and what it ought to be."""

    def __init__(
        self, problem: Problem, order: int, tolerance: float, method: str = "central"
    ) -> None:
        self.problem, self.order, self.tolerance = problem, order, tolerance
        self.exact = method == "complex" and order == 1
        self.gradients = problem.gradient(order)
        self.value = problem.value(order)

    @functools.cached_property
    def noise(self) -> float:
        """What the value errs by, when each of its terms is rounded."""
        return self.problem.noise(self.order)

    def compared(self) -> list[Compared]:
        """The inputs whose derivative is wrong."""
        found = [
            self.elements(n)
            for n in range(len(self.problem.places))
            if not self.agrees(n)
        ]
        return [some for some in found if some.wrong.any()]

    # --- along one direction

    def agrees(self, n: int) -> bool:
        """Whether input n's derivative is right along random directions.

        What was summed, not the sum, says how large the rounding is.
        """
        g, x = self.gradients[n], self.problem.point[n]
        if not np.isfinite(g).all():
            return False
        drawn = self.problem.direction(self.order)[n] / typical(x)
        for scale in _scales(x):
            terms = g * drawn * scale
            size, rounding = float(np.linalg.norm(terms)), self.noise / STEP
            verdict = self._verdict(n, drawn * scale, float(terms.sum()), size)
            if verdict is not None and (rounding <= 0.01 * size or size == 0):
                return verdict
        return bool(verdict) or x.size > self.many

    def _verdict(
        self, n: int, direction: np.ndarray, slope: float, size: float
    ) -> bool | None:
        """Whether the slope is right; None where the numbers are too vague to say."""
        # one wrong element among many is as small a part of the whole
        allowed = self.tolerance * size / max(1.0, direction.size / 100) ** 0.5
        if self.exact:
            return abs(slope - self._exactly(n, direction)) <= allowed
        along = self._along(n, direction)
        quick = central(self.value, self.problem.point, along)
        if abs(slope - quick) <= allowed + self.noise / STEP:
            return True
        found, doubt = careful(self.value, self.problem.point, along, self.noise)
        if abs(slope - found) <= allowed + 2 * doubt:
            return True if doubt <= 1e-3 * size else None
        return False

    def _along(self, n: int, direction: np.ndarray) -> list[np.ndarray]:
        """A direction in which input n alone moves."""
        along = [np.zeros(()) for _ in self.problem.point]
        along[n] = direction
        return along

    def _exactly(self, n: int, direction: np.ndarray) -> float:
        problem, arguments = self.problem, list(self.problem.given)

        def f(*xs: Any) -> Any:
            for i, x in zip(problem.places, xs, strict=True):
                arguments[i] = x
            return problem.f(*arguments)

        along = self._along(n, direction)
        return complex_step(f, problem.point, along, problem.weights)

    # --- element by element

    @functools.cached_property
    def many(self) -> int:
        """How many elements to compare: fewer where each takes long."""
        arrays = [*self.problem.point, *self.problem.weights]
        return min(MANY, max(_FEW, _WORK // (1 + sum(x.size for x in arrays))))

    def elements(self, n: int) -> Compared:
        """Input n's derivative at each element, or at some of a large input."""
        g = self.gradients[n]
        slopes, doubts = np.full(g.shape, np.nan), np.full(g.shape, np.nan)
        for flat in self._chosen(n):
            at = np.unravel_index(flat, g.shape)
            slopes[at], doubts[at] = self.element(n, at)
        known = ~np.isnan(doubts)
        with np.errstate(all="ignore"):
            gaps, scale = np.abs(g - slopes), np.abs(g) + np.abs(slopes)
            steps = _scales(self.problem.point[n])[0]  # where x is small, slopes aren't
            found = (np.abs(slopes) * steps)[~np.isnan(slopes)]
            usual = np.median(found) / steps if found.size else 0
            rounding = self.noise / STEP / steps  # systematic, so that doubt misses it
            allowed = self.tolerance * (scale + usual) + 2 * doubts + rounding
            wrong = known & ~(np.isfinite(g) & (gaps <= allowed))
            worst = np.where(wrong, np.nan_to_num(gaps, nan=np.inf), -1)
        at = np.unravel_index(int(np.argmax(worst)), g.shape) if g.size else ()
        return Compared(n, tuple(map(int, at)), g, slopes, known, wrong)

    def element(self, n: int, at: Any) -> tuple[float, float]:
        """The slope along one element, and its doubt, with the step that fits best."""
        x = self.problem.point[n]
        best = np.nan, np.inf
        for size in dict.fromkeys((typical(x), abs(float(x[at])), 1.0)):
            if size == 0:
                continue
            along = self.along(n, at, size)
            if self.exact:
                return self._exactly(n, along[n]) / size, 0.0
            found = careful(self.value, self.problem.point, along, self.noise)
            slope, doubt = found[0] / size, found[1] / size
            if doubt < best[1] or np.isnan(best[0]):
                best = slope, doubt
            if doubt <= 1e-6 * abs(slope):
                break
        return best

    def along(self, n: int, at: Any, size: float = 1.0) -> list[np.ndarray]:
        """The direction of one element of input n."""
        direction = np.zeros(self.problem.point[n].shape)
        direction[at] = size
        return self._along(n, direction)

    def _chosen(self, n: int) -> Any:
        """Which elements to compare; the worst of a large input is among them."""
        size = self.gradients[n].size
        if size <= self.many:
            return range(size)
        found = self._search(n)
        rest = np.random.default_rng(0).choice(size, self.many, replace=False)
        return dict.fromkeys([found, *rest.tolist()])

    def _search(self, n: int) -> int:
        """The element with the largest error, by halving: the slope is linear in v."""
        g = self.gradients[n].reshape(-1)
        if not np.isfinite(g).all():
            return int(np.argmin(np.isfinite(g)))
        v = (self.problem.direction(self.order)[n]).reshape(-1)
        low, high = 0, g.size
        gap = self._gap(n, v, low, high)
        while high - low > 1:
            middle = (low + high) // 2
            first = self._gap(n, v, low, middle)
            if abs(first) >= abs(gap - first):
                high, gap = middle, first
            else:
                low, gap = middle, gap - first
        return low

    def _gap(self, n: int, v: np.ndarray, low: int, high: int) -> float:
        """The slope along part of v, analytic less numeric."""
        part = np.zeros_like(v)
        part[low:high] = v[low:high]
        slope = float(part @ self.gradients[n].reshape(-1))
        along = part.reshape(self.problem.point[n].shape)
        if self.exact:
            return slope - self._exactly(n, along)
        point = self.problem.point
        return slope - central(self.value, point, self._along(n, along))


def _scales(x: np.ndarray) -> list[Any]:
    """How far to move each element: by its array's size, by its own, or by 1."""
    usual, sizes = typical(x), np.abs(x)
    logs = np.log10(sizes[sizes > 0])
    if logs.size and logs.std() > 1:  # of all sizes: 0.5 for normal ones
        return [np.where(sizes > 0, sizes, usual), usual]
    return [usual] if 0.01 < usual < 100 else [usual, 1.0]
