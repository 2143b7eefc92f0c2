"""What is probably wrong with a derivative, from how it differs from the numbers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..graph import Node
from .differences import careful, one_sided
from .problem import Problem, named

_MANY = 200  # elements of an input that are compared one by one


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
    wrong: int = 1  # how many elements differ,
    compared: int = 1  # of how many


def compare(
    problem: Problem, order: int, n: int, analytic: np.ndarray, tolerance: float
) -> Mismatch | None:
    """Differentiated input n, element by element; None where all agree."""
    numeric, doubt = numerical(problem, order, n)
    known = np.isfinite(doubt)
    gaps = np.abs(analytic - numeric)
    scale = 1 + np.abs(analytic) + np.abs(numeric)
    allowed = 10 * tolerance * scale + 2 * np.where(known, doubt, 0)
    wrong = ~(gaps <= allowed) & ~np.isnan(doubt)
    if not wrong.any():
        return None
    worst = np.where(wrong, np.nan_to_num(gaps / scale, nan=np.inf), -1)
    at = tuple(map(int, np.unravel_index(int(np.argmax(worst)), worst.shape)))
    return Mismatch(
        order=order,
        input=problem.places[n],
        index=at,
        analytic=float(analytic[at]),
        numeric=float(numeric[at]),
        cause=cause(problem, order, n, at, analytic, numeric),
        wrong=int(wrong.sum()),
        compared=int((~np.isnan(doubt)).sum()),
    )


def numerical(problem: Problem, order: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """dL/dx of differentiated input n by differences, and the doubt in each element.

    Of a large input a sample is compared; the doubt is NaN at the others.
    """
    x = problem.point[n]
    slope, doubt = np.full(x.shape, np.nan), np.full(x.shape, np.nan)
    chosen = np.arange(x.size)
    if x.size > _MANY:
        chosen = np.random.default_rng(0).choice(x.size, _MANY, replace=False)
    for flat in chosen:
        at = np.unravel_index(flat, x.shape)
        slope[at], doubt[at] = careful(
            problem.value(order), problem.point, _axis(problem, n, at)
        )
    return slope, doubt


def _axis(problem: Problem, n: int, at: Any) -> list[np.ndarray]:
    """The direction of one element of one input."""
    direction = [np.zeros(x.shape) for x in problem.point]
    direction[n][at] = 1.0
    return direction


def cause(
    problem: Problem,
    order: int,
    n: int,
    at: tuple[int, ...],
    analytic: np.ndarray,
    numeric: np.ndarray,
) -> str:
    """The likeliest reason, in a sentence."""
    before, after = one_sided(
        problem.value(order), problem.point, _axis(problem, n, at)
    )
    if not abs(before - after) <= 1e-3 * (1 + abs(before) + abs(after)):
        return _kink(problem, before, after, float(analytic[at]))
    if not np.isfinite(analytic[at]):
        return (
            f"the formula gives {analytic[at]} where the slope is finite: a division "
            "by zero, or inf - inf, that `where` has to avoid before it happens"
        )
    if not analytic.any():
        return _nothing(order)
    if order > 1:
        return (
            "the derivatives of the orders below are right, so the formula's value is, "
            "but not its own derivative. Does the formula take part of its value from "
            "outside the graph (.data, .detach(), a closure, a NumPy call on raw "
            "arrays)? Then it is a constant when it is differentiated in its turn"
        )
    return next(
        itertools.chain(
            _factor(problem, n, analytic, numeric),
            _rearranged(analytic, numeric),
            _ignored_g(problem, n),
            _exchanged(problem, n, analytic),
            _one_slice(problem, n, analytic),
        ),
        "no common one: compare the formula with the derivative on paper",
    )


def _nothing(order: int) -> str:
    if order > 1:
        return (
            f"no derivative of order {order} arrives at all: the formula's value is "
            "cut off from the graph (.data, .detach(), no_grad, or a NumPy call on raw "
            "arrays)"
        )
    return (
        "no gradient arrives at all: the function left the graph (.data, .numpy(), "
        ".detach(), no_grad, a NumPy call on raw arrays), or the formula gives zeros"
    )


def _kink(problem: Problem, before: float, after: float, analytic: float) -> str:
    rules = "; ".join(f"{name}: {rule}" for name, rule in _kinks(problem))
    rules = f"The documented rules here: {rules}. " if rules else ""
    return (
        f"{'a kink' if np.isfinite(before - after) else 'an edge of the domain'}: the "
        f"slope is {before:.6g} before the point and {after:.6g} after it, "
        f"and the formula gives {analytic:.6g}. {rules}Move the inputs away from it, "
        "or test the rule by itself"
    )


def _kinks(problem: Problem) -> list[tuple[str, str]]:
    """The ops in the graph that have a rule for their kinks."""
    ops = {node.op for node in _nodes(problem)}
    return sorted((op.name, op.kinks) for op in ops if op.kinks)


def _nodes(problem: Problem) -> Iterator[Node]:
    """Every node that f's outputs were computed by."""
    leaves = problem.tensors()
    todo = [out.node for out in problem.outputs(leaves) if getattr(out, "node", None)]
    seen: set[int] = set()
    while todo:
        node = todo.pop()
        if node is not None and node.op is not None and node.order not in seen:
            seen.add(node.order)
            yield node
            todo += node.parents


def _alike(one: Any, other: Any) -> bool:
    return bool(
        np.shape(one) == np.shape(other) and np.allclose(one, other, 1e-4, 1e-7)
    )


def _factor(
    problem: Problem, n: int, analytic: np.ndarray, numeric: np.ndarray
) -> Iterator[str]:
    """The same ratio everywhere."""
    some = np.isfinite(numeric) & (np.abs(numeric) > 1e-6)
    if not some.any():
        return
    ratios = analytic[some] / numeric[some]
    ratio = float(np.median(ratios))
    if not np.allclose(ratios, ratio, 1e-4, 1e-7) or abs(ratio) < 1e-6:
        return
    if abs(ratio + 1) < 1e-4:
        yield "the sign: every element is minus what it should be"
    lengths = {
        length: f"axis {axis} of input {i}"
        for i, x in zip(problem.places, problem.point, strict=True)
        for axis, length in enumerate(x.shape)
        if length > 1
    }
    hint = ""
    for length, where in lengths.items():
        if abs(ratio * length - 1) < 1e-4 or abs(ratio - length) < 1e-4:
            hint = (
                f" ({where} has length {length}: is a sum over it missing, done twice, "
                "or a mean in its place?)"
            )
    yield f"a factor: every element is {ratio:.6g} times what it should be{hint}"


def _ignored_g(problem: Problem, n: int) -> Iterator[str]:
    """Whether it would be right if the gradient that arrives were all ones."""
    twin = Problem(problem.f, problem.given, seed=0)
    twin.places, twin.point = problem.places, problem.point
    twin.weights = [np.ones_like(w) for w in problem.weights]
    if _alike(twin.gradient(1)[n], numerical(twin, 1, n)[0]):
        yield (
            "g: the formula is right for a gradient of ones and for no other. Is a "
            "`g *` missing, or on the wrong side of a sum?"
        )


def _rearranged(analytic: np.ndarray, numeric: np.ndarray) -> Iterator[str]:
    """The right numbers in the wrong places."""
    for axes in itertools.permutations(range(analytic.ndim)):
        if axes != tuple(range(analytic.ndim)) and _alike(
            analytic.transpose(axes), numeric
        ):
            yield f"a transpose: it is right with its axes in the order {axes}"
        if _alike(analytic.ravel(), numeric.transpose(axes).ravel()):
            yield (
                "a reshape that should be a transpose: the elements are right, their "
                "order is not"
            )
    for axis in range(analytic.ndim):
        for by in (1, -1):
            if _alike(np.roll(analytic, by, axis), numeric):
                yield f"off by one: it is right when shifted by {by} along axis {axis}"
        if _alike(np.flip(analytic, axis), numeric):
            yield f"axis {axis} runs backward: it is right when flipped"


def _exchanged(problem: Problem, n: int, analytic: np.ndarray) -> Iterator[str]:
    """The gradient of another input."""
    for other, i in enumerate(problem.places):
        if other == n or problem.point[other].shape != analytic.shape:
            continue
        if _alike(analytic, numerical(problem, 1, other)[0]):
            yield f"the formulas are exchanged: this is the gradient for input {i}"


def _one_slice(problem: Problem, n: int, analytic: np.ndarray) -> Iterator[str]:
    """What one slice of the output alone contributes."""
    if len(problem.weights) != 1:
        return
    weight = problem.weights[0]
    for axis, length in enumerate(weight.shape):
        for j in {0, length - 1} if length > 1 else ():
            twin = Problem(problem.f, problem.given, seed=0)
            twin.places, twin.point = problem.places, problem.point
            only = np.zeros_like(weight)
            key = (slice(None),) * axis + (j,)
            only[key] = weight[key]
            twin.weights = [only]
            if _alike(analytic, numerical(twin, 1, n)[0]):
                yield (
                    f"a missing sum: only slice {j} along axis {axis} of the output "
                    "has sent its gradient. Where an input is broadcast along an axis, "
                    "its gradient is summed over it: say @primitive(broadcasts=True)"
                )


# --- the message


def explain(problem: Problem, mismatches: tuple[Mismatch, ...], seed: int) -> str:
    """The mismatches as text: what, where, why probably, and how to see it again."""
    lines = []
    for m in mismatches:
        what = {1: "derivative", 2: "second derivative", 3: "third derivative"}[m.order]
        where = f" with respect to input {m.input}" if m.input is not None else ""
        lines.append(f"the {what} of {named(problem.f)}{where} is wrong")
        place = f"  at index {m.index}: " if m.index is not None else "  along v: "
        lines.append(
            f"{place}analytic {m.analytic:.10g}, {m.numeric_is} {m.numeric:.10g}"
        )
        if m.compared > 1:
            lines.append(f"  {m.wrong} of {m.compared} elements differ")
        if m.cause:
            lines.append(f"  likely cause: {m.cause}")
    if formulas := _formulas(problem, mismatches):
        lines.append(f"  formula: {formulas}")
    lines.append(f"  again: gradcheck({named(problem.f)}, ..., seed={seed}) with")
    lines += [f"    input {i} = {literal(x)}" for i, x in enumerate(problem.given)]
    return "\n".join(lines)


def _formulas(problem: Problem, mismatches: tuple[Mismatch, ...]) -> str:
    """Where the formula stands, if f is one op."""
    nodes = list(itertools.islice(_nodes(problem), 2))
    if len(nodes) != 1:
        return ""
    op, found = nodes[0].op, []
    names = list(getattr(op, "formulas", {}))
    for m in mismatches:
        # a joint formula serves all inputs
        i = min(m.input or 0, len(names) - 1)
        code = getattr(op.formulas[names[i]], "__code__", None) if names else None
        if code is not None:
            found.append(f"{code.co_filename}:{code.co_firstlineno}")
    return ", ".join(dict.fromkeys(found))


def literal(x: Any) -> str:
    """x as Python text that makes it again; its kind alone if it is large."""
    data = getattr(x, "_data", x)
    if not isinstance(data, np.ndarray):
        return repr(data)
    if data.size > _MANY:
        return f"<{data.dtype} of shape {data.shape}>"
    text = f"np.array({data.tolist()}, dtype={data.dtype.name!r})"
    if data.size == 0:
        text = f"np.zeros({data.shape}, dtype={data.dtype.name!r})"
    return text
