"""What must hold of any function before its derivatives' numbers are compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..differentiate import grad
from ..graph import Variable, wrap
from ..tensor import Tensor
from .compare import Mismatch
from .explain import again, formulas, of_input
from .problem import GradientError, Problem, named, slopes, typical


class Found(Exception):
    """Mismatches, on their way to a message."""

    def __init__(self, mismatches: Sequence[Mismatch]) -> None:
        self.mismatches = tuple(mismatches)


@contextmanager
def backward_of(problem: Problem, order: int = 1) -> Iterator[None]:
    """Say which input's formula raised an error, and with what."""
    try:
        yield
    except GradientError:
        raise
    except Exception as error:
        where = (
            "" if (n := _failing(problem)) is None else f" for {of_input(problem, n)}"
        )
        recorded = " that is recorded, on Tensors," if order > 1 else ""
        text = f"{type(error).__name__}: {error}"
        raise GradientError(
            f"the backward pass{recorded} of {named(problem.f)} fails{where}: {text}"
            f"{_advice(error)}{formulas(problem, [n])}\n{again(problem)}"
        ) from error


def _advice(error: Exception) -> str:
    if "no derivative with respect" in str(error):
        return ", or pass it as testing.Constant, so that nobody differentiates by it"
    return ""


def _failing(problem: Problem) -> int | None:
    """The first of the differentiated inputs whose gradient can't be had."""
    for n in range(len(problem.places)):
        leaves = problem.tensors()
        for i, x in enumerate(leaves):
            x.requires_grad = i == n
        try:
            slopes(problem.total(problem.outputs(leaves)), [leaves[n]])
        except Exception:
            return n
    return None


def check(problem: Problem) -> None:
    """f is repeatable and only reads; a second backward pass is like the first."""
    f, leaves = named(problem.f), problem.tensors()
    before = [x.copy() for x in problem.point]
    outs = problem.outputs(leaves)
    _check_unwritten(problem, before, f)
    value, again = [problem.total(x) for x in (outs, problem.outputs(leaves))]
    if not np.array_equal(_number(value), _number(again), equal_nan=True):
        raise GradientError(
            f"{f} gave two different values for the same inputs: seed its randomness "
            "inside, or pass the random numbers as an input"
        )
    if not np.isfinite(_number(value)):
        raise GradientError(f"{f} gives {_number(value)} here: there is no derivative")
    with backward_of(problem):
        first, second = [slopes(value, leaves, retain_graph=True) for _ in range(2)]
    _check_unwritten(problem, before, f"the derivative of {f}")
    for n, (one, two) in enumerate(zip(first, second, strict=True)):
        _check_kind(problem, n, one)
        if not np.array_equal(one.data, two.data, equal_nan=True):
            raise GradientError(
                f"two backward passes through {f} differ for {of_input(problem, n)}: "
                "does a formula write to what it saved, or to the g that it was "
                "given, or draw random numbers?"
            )
    _check_g_unwritten(problem)
    _check_precision(problem, outs, first)


def _check_unwritten(problem: Problem, before: Sequence[np.ndarray], f: str) -> None:
    for n, (x, old) in enumerate(zip(problem.point, before, strict=True)):
        if not np.array_equal(x, old):
            raise GradientError(
                f"{f} wrote to {of_input(problem, n)}: work on a copy, since the "
                "caller still holds the array"
            )


def _check_g_unwritten(problem: Problem) -> None:
    """The g given to f's last op is the same afterwards."""
    leaves = problem.tensors()
    outs = [out for out in problem.outputs(leaves) if getattr(out, "node", None)]
    given = [wrap(np.ones(out.shape, out.dtype)) for out in outs]
    if not outs:
        return
    grad(outs, leaves, given, allow_unused=True)
    if not all((g._data == 1).all() for g in given):
        raise GradientError(
            f"the derivative of {named(problem.f)} wrote to g, the gradient that "
            "arrived. It may be on its way to another op too: say `g * 2`, not `g *= 2`"
        )


def _check_precision(
    problem: Problem, outs: Sequence[Any], gradients: Sequence[Tensor]
) -> None:
    """A gradient in float64 has more digits than one that was float32 on its way."""
    if any(np.asarray(_number(out)).dtype != np.float64 for out in outs):
        return
    for n, g in enumerate(gradients):
        x = g._data
        if x.dtype != np.float64 or not np.array_equal(x, x.astype("f4")):
            continue
        # 0 and 1, and what is left of numbers that cancel, have few digits by nature
        least = 1e4 * problem.noise(1) / typical(problem.point[n])
        if np.unique(x[np.abs(x) > least]).size > 3:
            raise GradientError(
                f"the derivative of {named(problem.f)} for {of_input(problem, n)} has "
                "the precision of float32 alone, though f is float64: which array is "
                f"made as float32, or cast to it?{formulas(problem, [n])}"
            )


def check_recorded(problem: Problem) -> None:
    """The gradient that is itself recorded, on Tensors, is that on arrays."""
    leaves = problem.tensors()
    value = problem.total(problem.outputs(leaves))
    with backward_of(problem, 2):
        recorded = slopes(value, leaves, create_graph=True)
    plain = slopes(value, leaves)
    wrong = []
    for n, (one, two) in enumerate(zip(plain, recorded, strict=True)):
        _check_kind(problem, n, two)
        tolerance = 1e-8 if one.dtype == np.float64 else 1e-3
        rounding = 100 * problem.noise(1) / typical(problem.point[n])
        least = tolerance * float(np.abs(one._data).max(initial=0)) + rounding
        if not np.allclose(one.data, two.data, tolerance, least, equal_nan=True):
            wrong.append(_between(problem.places[n], one.data, two.data))
    if wrong:
        raise Found(wrong)


def _check_kind(problem: Problem, n: int, g: Any) -> None:
    x = problem.point[n]
    if g.shape != x.shape or g.dtype != x.dtype:
        raise GradientError(
            f"the gradient of {named(problem.f)} for {of_input(problem, n)} is "
            f"{g.dtype} of shape {g.shape}; the input is {x.dtype} of shape {x.shape}"
        )


def _between(i: int, plain: np.ndarray, recorded: np.ndarray) -> Mismatch:
    """The element where the pass on arrays and the one on Tensors differ most."""
    gaps = np.abs(plain - recorded)
    at = np.unravel_index(int(np.argmax(gaps)), gaps.shape)
    return Mismatch(
        order=1,
        input=i,
        index=tuple(map(int, at)),
        analytic=float(plain[at]),
        numeric=float(recorded[at]),
        numeric_is="under create_graph",
        cause=(
            "the formula gives one thing on arrays and another on Tensors. A fused "
            "op's `.backward` has to be the derivative of its definition; a "
            "primitive's formula may do nothing that depends on which of them it got"
        ),
    )


# --- arrays that don't lie in memory in order


def check_layouts(problem: Problem, tolerance: float) -> None:
    """Strided, reversed and broadcast arrays give what contiguous copies do."""
    for name, arrange in (("strided", _strided), ("broadcast", _broadcast)):
        odd = [arrange(x) for x in problem.point]
        even = [np.array(x) for x in odd]
        try:
            plain, other = [problem.gradient(1, point) for point in (even, odd)]
            pairs = list(zip(plain, other, strict=True))
            if all(_close(one, two, tolerance) for one, two in pairs):
                continue
            near = problem.gradient(1, [_nudged(x) for x in even])
        except (ArithmeticError, ValueError):
            if name == "broadcast":  # equal elements may be outside its domain
                continue
            raise
        # the rounding of the largest: what is 0 but for that, as the derivative of
        # the softmax of one number, need not be the same 0
        largest = max([np.abs(x[np.isfinite(x)]).max(initial=0) for x in plain])
        least = 100 * np.finfo(plain[0].dtype).eps * largest
        for n, ((one, two), three) in enumerate(zip(pairs, near, strict=True)):
            # where rounding decides, as in the inverse of a singular matrix
            vague = least + np.nan_to_num(100 * np.abs(one - three), nan=np.inf)
            if not _close(one, two, tolerance, vague):
                _refuse_layout(problem, n, name)


def _close(one: np.ndarray, two: np.ndarray, tolerance: float, vague: Any = 0) -> bool:
    allowed = tolerance * np.abs(one[np.isfinite(one)]).max(initial=0) + vague
    same = (one == two) | (np.isnan(one) & np.isnan(two)) | np.isinf(vague)
    return bool((same | (np.abs(one - two) <= allowed)).all())


def _refuse_layout(problem: Problem, n: int, name: str) -> None:
    raise GradientError(
        f"{named(problem.f)} gives another gradient for {of_input(problem, n)} when "
        f"its inputs are {name} arrays than for contiguous copies of them: is a kernel "
        "reading memory in order, or a result a view of its input?"
    )


def _nudged(x: np.ndarray) -> np.ndarray:
    """x after a rounding of its last digit, here and there."""
    signs = np.random.default_rng(0).integers(-1, 2, x.shape)
    return np.asarray(x * (1 + np.finfo(x.dtype).eps * signs), x.dtype)


def _strided(x: np.ndarray) -> np.ndarray:
    """An equal array whose elements are apart in memory, and in reverse."""
    spaced = np.full([2 * n for n in x.shape], 7.0, x.dtype)
    every_other: Any = (..., *[slice(None, None, -2)] * x.ndim)
    view = spaced[every_other]
    view[...] = x
    return view


def _broadcast(x: np.ndarray) -> np.ndarray:
    """One element everywhere, without memory of its own: all strides are 0."""
    first = x.reshape(-1)[:1]
    return np.broadcast_to(first.reshape((1,) * x.ndim), x.shape) if x.size else x


def _number(value: Any) -> Any:
    return np.asarray(value._data if isinstance(value, Variable) else value)
