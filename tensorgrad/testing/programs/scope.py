"""Scope: a program while it is drawn, and what the kinds of statement draw from it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import numpy as np

from ...tensor import Tensor
from .program import Program
from .statement import Choice, Draw, Kind, Statement

PEAK = 4.0  # larger results are scaled down: finite differences stay exact enough
MAX_SIZE, MAX_NDIM = 64, 4

# Which of the variables that suit: counted from the first one or from the last one, so
# that leaving out an older or a newer statement need not change what is meant. It is
# one draw whatever there is, or else what follows would be read out of step.
_PLACES = st.integers(0, 31)

Suits = Callable[[np.ndarray], Any]


class Scope:
    """The statements so far, already run: what can follow depends on the values."""

    def __init__(self, leaves: dict[str, np.ndarray]) -> None:
        self.leaves = leaves
        self.values = {
            name: Tensor(x, requires_grad=True) for name, x in leaves.items()
        }
        self.statements: list[Statement] = []
        self.unread = dict.fromkeys(leaves)  # a set that keeps its order
        self.numbers = itertools.count(len(leaves))
        self.tried = 0  # statements drawn, those that nothing suited among them

    def pick(
        self, draw: st.DrawFn, suits: Suits, names: Iterable[str] | None = None
    ) -> str | None:
        """A variable, among `names` if given, whose array suits; None without one."""
        place, from_end = divmod(draw(_PLACES), 2)
        names = self.values if names is None else names
        found = [name for name in names if suits(self.array(name))]
        if not found:
            return None
        return found[:: -1 if from_end else 1][place % len(found)]

    def array(self, name: str) -> np.ndarray:
        return self.values[name].data

    def add(
        self, kind: Kind, names: tuple[str, ...], settings: Any, frozen: bool = False
    ) -> None:
        """Append the statement, unless its result is too large to go on with."""
        writes = kind.role == "write"
        target = names[0] if writes else f"v{next(self.numbers)}"
        statement = Statement(kind, target, names, settings, frozen)
        value = self._run(statement)
        if not writes:
            data = value.data
            if data.size > MAX_SIZE or data.ndim > MAX_NDIM:
                return
            peak = float(np.abs(data).max(initial=0))
            if not math.isfinite(peak):
                return
            if peak > PEAK:
                scale = 2.0 ** -math.ceil(math.log2(peak / PEAK))
                statement = replace(statement, scale=scale)
                value = self._run(statement)
        self.values[target] = value
        self.statements.append(statement)
        for name in statement.reads:
            self.unread.pop(name, None)
        self.unread[target] = None

    def _run(self, statement: Statement) -> Any:
        try:
            return statement.run(self.values)
        except Exception as error:
            program = Program(self.leaves, (*self.statements, statement), ())
            lines = str(program).splitlines()[:-3]  # it has no loss yet
            error.add_note("In this program:\n\n" + "\n".join(lines))
            raise

    def program(self) -> Program:
        """All that was drawn, without the leaves that nothing reads."""
        read = {name for statement in self.statements for name in statement.names}
        leaves = {n: x for n, x in self.leaves.items() if n in read} or self.leaves
        outputs = [n for n in self.unread if n in leaves or n not in self.leaves]
        return Program(leaves, tuple(self.statements), tuple(outputs))


def anything(x: np.ndarray) -> bool:
    return True


def one(suits: Suits = anything, **settings: Callable[[Any, np.ndarray], Any]) -> Draw:
    """Draw a variable that suits, then each setting by what its function draws."""

    def drawn(draw: st.DrawFn, scope: Scope) -> Choice:
        name = scope.pick(draw, suits)
        if name is None:
            return None
        x = scope.array(name)
        return (name,), {key: choose(draw, x) for key, choose in settings.items()}

    return drawn


def two(
    fits: Callable[[np.ndarray, np.ndarray], Any],
    **settings: Callable[[Any, np.ndarray, np.ndarray], Any],
) -> Draw:
    """Draw two variables that fit together, maybe one twice, then each setting."""

    def drawn(draw: st.DrawFn, scope: Scope) -> Choice:
        first = scope.pick(draw, anything)
        assert first is not None
        x = scope.array(first)
        second = scope.pick(draw, lambda y: fits(x, y))
        if second is None:
            return None
        y = scope.array(second)
        found = {key: choose(draw, x, y) for key, choose in settings.items()}
        return (first, second), found

    return drawn


def any_of(*options: Any) -> Callable[..., Any]:
    """A setting that is one of the options."""
    return lambda draw, *xs: draw(st.sampled_from(options))


def broadcast(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether the shapes broadcast together."""
    ends = zip(reversed(x.shape), reversed(y.shape), strict=False)
    return all(m == n or m == 1 or n == 1 for m, n in ends)
