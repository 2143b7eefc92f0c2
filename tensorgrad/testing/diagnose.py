"""What is probably wrong with a derivative, from how it differs from the numbers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .compare import Compared, Level, Mismatch
from .differences import central, one_sided
from .evidence import Evidence, alike
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
    twin, places = level.problem, []
    found = float(some.analytic[at]), float(some.numeric[at])
    plain = "of <w, out>, w random" if order == 1 else "along random directions"
    if not np.isfinite(found).all():
        return plain, *found
    for slot in range(order):
        arrays = twin.weights if slot == 0 else twin.directions[slot - 1]
        if sum(w.size for w in arrays) > _FEW:
            return plain, *found
        best = max(
            _one_hot(twin, slot, arrays), key=lambda t: _error(t[0], order, n, at)
        )
        twin, place = best
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
        return (
            "the derivatives of the orders below are right, so the formula's value is, "
            "but not its own derivative. Either an op that the formula uses has a "
            "wrong derivative, or the formula takes part of its value from outside the "
            "graph (.data, .detach(), a closure, a NumPy call on raw arrays): that is "
            "a constant when it is differentiated in its turn"
        )
    evidence = Evidence(level, some)
    return next(
        itertools.chain.from_iterable(cause(evidence) for cause in _CAUSES),
        "no common one: compare the formula with the derivative on paper",
    )


def _sides(level: Level, some: Compared) -> tuple[float, float] | None:
    """The slopes on both sides, if they differ however near to the point."""
    x, direction = level.problem.point[some.n], level.along(some.n, some.at)
    size = abs(float(x[some.at])) or typical(x)
    for step in (1e-5 * size, 1e-7 * size):
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


def _flat(e: Evidence) -> Iterator[str]:
    if not e.numeric[e.known].any():
        yield (
            "the function is flat here, its derivative 0: it rounds, compares, casts "
            "to integers, or doesn't use this input"
        )


def _factor(e: Evidence) -> Iterator[str]:
    """The same ratio everywhere."""
    some = e.known & np.isfinite(e.numeric)
    some &= np.abs(e.numeric) > 1e-6 * np.abs(e.numeric[some]).max(initial=0)
    if not some.any():
        return
    ratios = e.analytic[some] / e.numeric[some]
    ratio = float(np.median(ratios))
    if not np.allclose(ratios, ratio, 1e-4, 0) or abs(ratio) < 1e-6:
        return
    if e.known.sum() == 1 < e.analytic.size:
        return
    if abs(ratio + 1) < 1e-4:
        yield "the sign: every element is minus what it should be"
    what = f"a factor: every element is {ratio:.6g} times what it should be"
    yield what + e.hint(ratio)


def _rearranged(e: Evidence) -> Iterator[str]:
    """The right numbers in the wrong places."""
    for axes in itertools.permutations(range(e.analytic.ndim)):
        if axes != tuple(range(e.analytic.ndim)) and e.fits(e.analytic.transpose(axes)):
            yield f"a transpose: it is right with its axes in the order {axes}"
        shape = tuple(e.analytic.shape[axis] for axis in axes)
        if e.fits(e.analytic.reshape(shape).transpose(np.argsort(axes))):
            yield (
                "a reshape that should be a transpose: the elements are right, their "
                "order is not"
            )
    for axis, length in enumerate(e.analytic.shape):
        for by in sorted(range(1 - length, length), key=abs)[: min(length, 9)]:
            if by and e.fits(np.roll(e.analytic, by, axis)):
                off = "off by one: " if abs(by) == 1 else ""
                yield f"{off}it is right when shifted by {by} along axis {axis}"
        if e.fits(np.flip(e.analytic, axis)):
            yield f"axis {axis} runs backward: it is right when flipped"


def _exchanged(e: Evidence) -> Iterator[str]:
    """The gradient of another input, before or after it was summed."""
    for other, i in enumerate(e.problem.places):
        theirs = e.by_input(other) if other != e.n else None
        if theirs is not None and alike(*theirs):
            yield f"the formulas are exchanged: this is the gradient for input {i}"


def _transposed_input(e: Evidence) -> Iterator[str]:
    """Right, were another input's matrices transposed."""
    for other, i in enumerate(e.problem.places):
        x = e.problem.point[other]
        if x.ndim < 2 or x.shape[-1] != x.shape[-2] or (other == e.n):
            continue
        point = list(e.problem.point)
        point[other] = x.mT.copy()
        if e.fits(e.numerical(e.problem.twin(point=point))):
            yield f"a transpose: it is right for input {i} transposed. Is .mT missing?"


def _outputs(e: Evidence) -> Iterator[str]:
    """The gradients of several outputs mixed up, or one of them wrong."""
    parts = e.parts()
    if parts is None or len(parts) < 2:
        return
    shares = np.linalg.lstsq(np.stack(parts, 1), e.values, rcond=None)[0]
    if not alike(np.stack(parts, 1) @ shares, e.values):
        for one, other in itertools.combinations(range(len(parts)), 2):
            if e.exchanged_outputs(one, other):
                yield f"the outputs are mixed up: g[{one}] stands for g[{other}]"
        return
    for k, share in enumerate(shares):
        if abs(share) < 1e-4:
            yield f"output {k}: its gradient, g[{k}], is not used"
        elif abs(share - 1) > 1e-4:
            what = "minus" if abs(share + 1) < 1e-4 else f"{share:.6g} times"
            yield f"output {k}: its part of the gradient is {what} what it should be"


def _one_slice(e: Evidence) -> Iterator[str]:
    """What one slice of the output alone contributes."""
    if e.columns is None or len(e.problem.weights) != 1:
        return
    weight = e.problem.weights[0]
    for axis, length in enumerate(weight.shape):
        for j in (0, length - 1) if length > 1 else ():
            only = np.zeros_like(weight)
            key = (slice(None),) * axis + (j,)
            only[key] = weight[key]
            if alike(e.columns @ only.ravel(), e.values):
                yield (
                    f"a missing sum: only slice {j} along axis {axis} of the output "
                    "has sent its gradient. Where an input is broadcast along an axis, "
                    "its gradient is summed over it: say @primitive(broadcasts=True)"
                )


def _overwritten(e: Evidence) -> Iterator[str]:
    """Where several outputs contribute, one alone arrived."""
    if e.columns is None:
        return
    single = e.columns * np.concatenate([w.ravel() for w in e.problem.weights])
    hits = np.isclose(single, e.values[:, None], 1e-4, 0).any(axis=1)
    right = np.isclose(single.sum(1), e.values, 1e-4, 1e-9)
    several = (np.abs(single) > 1e-6 * np.abs(single).max(initial=0)).sum(1) > 1
    if (right | (hits & several)).all() and not right.all():
        yield (
            "`=` for `+=`: where several elements of the output come from one of the "
            "input, one has sent its gradient and the others are lost. `out[index] = "
            "g` keeps the last of a repeated index; tg.scatter_add and tg.add_at, or "
            "np.add.at on arrays, add them all"
        )


def _ignored_g(e: Evidence) -> Iterator[str]:
    """Whether it would be right if the gradient that arrives were all ones."""
    if e.columns is None:
        return
    if alike(e.analytic_for(lambda w: w + 1.5), e.values):
        yield (
            "g: the formula gives the same whatever gradient arrives. Is a `g *` "
            "missing?"
        )
    if alike(e.columns.sum(1), e.analytic_for(np.ones_like)):
        yield (
            "g: the formula is right for a gradient of ones and for no other, so g's "
            "elements arrive in the wrong places: an axis that a reduction dropped and "
            "nothing put back (keepdims, expand_dims), the wrong axis, order or index"
        )


_CAUSES: tuple[Callable[[Evidence], Iterator[str]], ...] = (
    _flat,
    _factor,
    _rearranged,
    _outputs,
    _exchanged,
    _one_slice,
    _overwritten,
    _ignored_g,
    _transposed_input,
)
