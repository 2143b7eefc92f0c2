"""What is probably wrong with a derivative, from how it differs from the numbers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from .causes import CAUSES
from .compare import Compared, Level, Mismatch
from .differences import central, one_sided
from .evidence import Evidence
from .explain import entry, nodes_of
from .problem import Problem, typical

_FEW = 64  # partial derivatives that are tried for the message


def diagnose(level: Level, some: Compared) -> Mismatch:
    """The mismatch of one input, with its likely cause."""
    name, analytic, numeric = _entry(level, some)
    return Mismatch(
        order=level.order,
        input=level.problem.places[some.n],
        index=some.at,
        analytic=analytic,
        numeric=numeric,
        entry=name,
        cause=_cause(level, some),
        wrong=int(some.wrong.sum()),
        compared=int(some.known.sum()),
    )


def _entry(level: Level, some: Compared) -> tuple[str, float, float]:
    """One partial derivative that is wrong: of one output, by single elements.

    The check's own value is weighed at random; that of one output is what a formula
    on paper gives. Of several, the one with the largest error.
    """
    at, n, order = some.at, some.n, level.order
    twin, places = level.problem.twin(curved=False), []
    found = float(some.analytic[at]), float(some.numeric[at])
    plain = "of <w, out>, w random" if order == 1 else "along random directions"
    if not np.isfinite(found).all():
        return plain, *found
    for slot in range(order):
        arrays = twin.weights if slot == 0 else twin.directions[slot - 1]
        if sum(w.size for w in arrays) > _FEW:
            return plain, *found
        twin, place = max(
            _one_hot(twin, slot, arrays),
            key=lambda one: (
                _error(one[0], order, n, at) * abs(arrays[one[1][0]][one[1][1]])
            ),
        )
        places.append(place)
    one = _pair(twin, order, n, at)
    if not abs(one[0] - one[1]) > 1e-2 * level.tolerance * (abs(one[0]) + abs(one[1])):
        return plain, *found
    return entry(twin, order, places[0], [*places[1:], (n, at)]), *one


def _one_hot(
    problem: Problem, slot: int, arrays: list[np.ndarray]
) -> Iterator[tuple[Problem, Any]]:
    """The problem with a single 1 for its weights, or for one of its directions."""
    for k, array in enumerate(arrays):
        for place in np.ndindex(array.shape):
            hot = [np.zeros_like(x) for x in arrays]
            hot[k][place] = 1.0
            if slot == 0:
                yield problem.twin(weights=hot), (k, place)
            else:
                directions = list(problem.directions)
                directions[slot - 1] = hot
                yield problem.twin(directions=directions), (k, place)


def _pair(problem: Problem, order: int, n: int, at: Any) -> tuple[float, float]:
    """One element of the derivative, analytic and numeric."""
    slope, _ = Level(problem, order, 0.0).element(n, at)
    return float(problem.gradient(order)[n][at]), slope


def _error(problem: Problem, order: int, n: int, at: Any) -> float:
    direction = [np.zeros(x.shape) for x in problem.point]
    direction[n][at] = size = typical(problem.point[n])
    slope = central(problem.value(order), problem.point, direction) / size
    return float(np.nan_to_num(abs(problem.gradient(order)[n][at] - slope)))


# --- causes


def _cause(level: Level, some: Compared) -> str:
    """The likeliest reason, in a sentence."""
    problem, order, at = level.problem, level.order, some.at
    if kink := _sides(level, some):
        return _kink(problem, *kink, float(some.analytic[at]))
    if not np.isfinite(some.analytic[at]):
        return (
            f"the formula gives {some.analytic[at]} where the slope is finite: a "
            "division by zero, or inf - inf, that `where` has to avoid beforehand"
        )
    if not some.analytic.any():
        return _nothing(level, some)
    if order > 1:
        return _higher(level, some)
    evidence = Evidence(level, some)
    return next(
        itertools.chain.from_iterable(cause(evidence) for cause in CAUSES),
        "no common one: compare the formula with the derivative on paper",
    )


def _higher(level: Level, some: Compared) -> str:
    flat = Level(level.problem.twin(curved=False), level.order, level.tolerance)
    if not flat.elements(some.n).wrong.any():
        return (
            "g is cut off from the graph: the derivative is right for a constant g, "
            "and wrong where the g that arrives depends on the inputs. Does the "
            "formula take .data of it, or make an array of it?"
        )
    return (
        "the derivatives of the orders below are right, so the formula's value is, "
        "but not its own derivative. Either an op that the formula uses has a wrong "
        "derivative, or the formula takes part of its value from outside the graph "
        "(.data, .detach(), a closure, a NumPy call on raw arrays): that is a constant "
        "when it is differentiated in its turn"
    )


def _sides(level: Level, some: Compared) -> tuple[float, float] | None:
    """The slopes on both sides, if they differ however near to the point."""
    x, direction = level.problem.point[some.n], level.along(some.n, some.at)
    size = abs(float(x[some.at])) or typical(x)
    for step in (1e-5 * size, 1e-7 * size, 1e-9 * size):
        sides = one_sided(level.value, level.problem.point, direction, step)
        before, after = sides
        blur = 1e-3 * (abs(before) + abs(after)) + 10 * level.noise / step
        if abs(before - after) <= blur:
            return None
    return sides


def _nothing(level: Level, some: Compared) -> str:
    if level.order > 1:
        return (
            f"no derivative of order {level.order} arrives at all: the formula's value "
            "is cut off from the graph (.data, .detach(), no_grad, or a NumPy call on "
            "raw arrays)"
        )
    op = getattr(level.problem.f, "op", None)
    name = op.inputs[min(some.n, len(op.inputs) - 1)] if op is not None else ""
    if op is not None and op.formulas.get(name, ...) is None:
        return f"{op.name}.gradient({name}=None) declares that there is no derivative"
    return (
        "no gradient arrives at all: the function left the graph (.data, .numpy(), "
        ".detach(), no_grad, a NumPy call on raw arrays), or the formula gives zeros"
    )


def _kink(problem: Problem, before: float, after: float, analytic: float) -> str:
    ops = {node.op for node in nodes_of(problem)}
    rules = "; ".join(sorted(f"{op.name}: {op.kinks}" for op in ops if op.kinks))
    rules = f"The documented rules here: {rules}. " if rules else ""
    return (
        f"{'a kink' if np.isfinite(before - after) else 'an edge of the domain'}: the "
        f"slope is {before:.6g} before the point and {after:.6g} after it, "
        f"and the formula gives {analytic:.6g}. {rules}Move the inputs away from it, "
        "or test the rule by itself"
    )
