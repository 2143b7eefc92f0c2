"""Whether a mutant changes anything on its op's domain.

What changes no value and no derivative there can't be told from the original by any
test that stays inside: it is equivalent, or differs at kinks alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from functools import partial
from itertools import zip_longest
from typing import Any

import numpy as np

from ...op import Op
from ..problem import Problem, differentiable
from .mutant import Mutant

Case = tuple[list[Any], dict[str, Any]]


@functools.lru_cache(1000)
def drawn(cases: Any, draws: int = 160, kept: int = 50) -> tuple[Case, ...]:
    """Examples of (inputs, settings) from a strategy, always the same.

    The larger half of what is kept holds most numbers, for Hypothesis likes scalars
    and empty arrays; the rest is as drawn.

    >>> import hypothesis.strategies as st
    >>> drawn(st.tuples(st.just([np.array([2.0])]), st.just({})))
    (([array([2.])], {}),)
    """
    from ..extra import hypothesis

    found: list[Case] = []

    @hypothesis.seed(0)
    @hypothesis.settings(
        max_examples=draws,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(cases)
    def collect(case: Case) -> None:
        found.append(case)

    collect()
    found.sort(key=_size, reverse=True)
    large, small = found[: kept * 2 // 3], found[kept * 2 // 3 :]
    return (*large, *small[:: max(1, len(small) // (kept // 3))])


def _size(case: Case) -> int:
    return sum(x.size for x in case[0] if differentiable(x))


class Fingerprint:
    """Everything that an op and its derivatives give on examples of its domain."""

    def __init__(self, op: Op, cases: Any) -> None:
        self.op = op
        self.cases = drawn(cases)
        self.original = list(self._all())

    def is_equal_under(self, mutant: Mutant) -> bool:
        """Whether all of it stays what it is when the mutant is planted."""
        with mutant.planted():
            pairs = zip_longest(self.original, self._all(), fillvalue="nothing")
            return all(_alike(one, other) for one, other in pairs)

    def _all(self) -> Iterator[Any]:
        with np.errstate(all="ignore"):
            for inputs, settings in self.cases:
                yield from _attempts(_parts(self.op, inputs, settings))


def _parts(op: Op, inputs: Any, settings: Any) -> Iterator[Callable[[], Any]]:
    """The value, the gradients, and those of squares to the second order.

    The g of a square depends on the inputs, so the second order differentiates the
    formulas with respect to g too. Of several outputs, each alone as well: its
    formula is then given None for the others.
    """

    def call(*xs: Any) -> Any:
        return op.call(*xs, **settings)

    yield lambda: call(*inputs)
    if not any(map(differentiable, inputs)):
        return
    yield partial(_gradient, call, inputs, 1)
    yield partial(_gradient, squared(call), inputs, 2)
    outs = call(*inputs)
    for i in range(len(outs)) if isinstance(outs, tuple) else ():
        yield partial(_gradient, lambda *xs, i=i: call(*xs)[i], inputs, 1)


def squared(function: Callable[..., Any]) -> Callable[..., Any]:
    """The squares of what a function returns, one output or several.

    >>> squared(divmod)(7, 2)
    [9, 1]
    """

    def squares(*xs: Any) -> list[Any]:
        outs = function(*xs)
        return [out * out for out in (outs if isinstance(outs, tuple) else [outs])]

    return squares


def _gradient(f: Callable[..., Any], inputs: Any, order: int) -> list[np.ndarray]:
    return weighed(f, inputs).gradient(order)


def weighed(f: Callable[..., Any], inputs: Any) -> Problem:
    """The derivatives of f at a point, its outputs weighed whatever their size."""
    problem, rng = Problem(f, inputs, seed=0), np.random.default_rng(1)
    outs = problem.outputs(problem.tensors())
    problem.weights = [np.asarray(rng.normal(size=np.shape(out))) for out in outs]
    return problem


def _attempts(parts: Iterator[Callable[[], Any]]) -> Iterator[Any]:
    while True:
        try:
            yield next(parts)()
        except StopIteration:
            return
        except Exception as error:  # to refuse is a result as well
            yield type(error).__name__


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return isinstance(one, str) and isinstance(other, str) and one == other
    if isinstance(one, tuple | list):
        alike = isinstance(other, tuple | list) and len(one) == len(other)
        return alike and all(map(_alike, one, other))
    one, other = np.asarray(one), np.asarray(other)
    return one.shape == other.shape and bool(
        # closer than a test by finite differences can see
        np.allclose(one, other, 1e-10, 1e-10, equal_nan=True)
    )
