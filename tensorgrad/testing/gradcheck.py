"""gradcheck: derivatives held against finite differences, and failures explained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ConfigError, DtypeError
from ..mode import enable_grad
from .diagnose import Mismatch, compare, explain
from .differences import careful, central, complex_step
from .problem import GradientError, Problem, differentiable, named, slopes

TOLERANCE = 1e-6  # of float64 central differences: 1e-12 of rounding over the step
_METHODS = ("central", "complex")


@dataclass(frozen=True)
class Report:
    """What a gradient check found: true if nothing was wrong."""

    mismatches: tuple[Mismatch, ...] = ()
    message: str = "the derivatives are right"

    def __bool__(self) -> bool:
        return not self.message or not self.mismatches

    def __str__(self) -> str:
        return self.message


def gradcheck(
    f: Callable[..., Any],
    *inputs: Any,
    order: int = 1,
    method: str = "central",
    tolerance: float | None = None,
    seed: int = 0,
    layouts: bool = True,
    raise_exception: bool = True,
) -> Report:
    """Hold the derivatives of f at the inputs against numerical ones.

    Differentiated are the inputs that are arrays of floats, or Tensors that require a
    gradient; everything else is passed to f as it is. f takes Tensors and returns a
    Tensor or a tuple of them. The outputs are weighed at random and the derivatives
    of all orders from 1 to `order` are compared along one random direction: reverse
    mode against central differences of the order below. `method="complex"` takes the
    complex step for the first order: exact, for analytic functions of arrays. Beside
    the numbers it checks that f gives the same twice; that neither f nor its
    derivative writes to an input; that a second backward pass, and one that is itself
    recorded, agree with the first; shape and dtype of every gradient; and, with
    `layouts`, that strided and broadcast arrays give what contiguous ones do.

    A relative `tolerance` is needed for float32 inputs; float64 has 1e-6. `seed` draws
    weights and directions. On a failure GradientError says which input and element,
    both values, and the likely cause; with `raise_exception=False` a falsy Report says
    it. Away from kinks only: at a kink both one-sided slopes are in the message.

    >>> import tensorgrad as tg
    >>> bool(gradcheck(tg.matmul, np.ones((2, 3)), np.ones((3, 2)), order=3))
    True
    """
    tolerance = _checked(f, inputs, order, method, tolerance)
    with enable_grad(), np.errstate(all="ignore"):
        problem = Problem(f, inputs, seed)
        try:
            _check_plumbing(problem)
            if layouts:
                _check_layouts(problem, tolerance)
            _check_order(problem, 1, method, tolerance)
            _check_recorded(problem)
            for k in range(2, order + 1):
                _check_order(problem, k, method, tolerance)
        except _Found as found:
            message = explain(problem, found.mismatches, seed)
            if raise_exception:
                raise GradientError(message) from None
            return Report(found.mismatches, message)
        except GradientError as error:
            if raise_exception:
                raise
            return Report((Mismatch(order=1, cause=str(error)),), str(error))
    return Report()


def assert_gradients(f: Callable[..., Any], *inputs: Any, **options: Any) -> None:
    """`gradcheck` as a statement in a test: it fails, or says nothing.

    >>> import tensorgrad as tg
    >>> assert_gradients(tg.exp, np.array([0.5, -1.0]), order=3)
    """
    gradcheck(f, *inputs, **options | {"raise_exception": True})


class _Found(Exception):
    """Mismatches, on their way to a message."""

    def __init__(self, mismatches: Sequence[Mismatch]) -> None:
        self.mismatches = tuple(mismatches)


def _checked(
    f: Any, inputs: Any, order: int, method: str, tolerance: float | None
) -> float:
    """The tolerance, once everything that was given can be used."""
    if order not in (1, 2, 3):
        raise ConfigError(f"gradcheck: order is 1, 2 or 3, not {order!r}")
    if method not in _METHODS:
        raise ConfigError(f"gradcheck: method is one of {_METHODS}, not {method!r}")
    wanted = [x for x in inputs if differentiable(x)]
    for i, x in enumerate(inputs):
        if np.asarray(getattr(x, "_data", x)).dtype.kind == "c":
            raise DtypeError(
                f"gradcheck: input {i} is complex, and gradients are of real numbers: "
                "pass the real and the imaginary part as two inputs"
            )
    if not wanted:
        raise ConfigError(
            f"gradcheck of {named(f)}: none of the {len(inputs)} inputs is an array of "
            "floats or a Tensor that requires a gradient, so nothing is differentiated"
        )
    narrow = {str(x.dtype) for x in wanted} - {"float64"}
    if narrow and tolerance is None:
        raise DtypeError(
            f"gradcheck: {', '.join(sorted(narrow))} keeps too few digits for "
            "differences of nearby values (float32: 7, of which 3 to 4 are left). "
            "Check in float64, .astype('float64'), or pass a tolerance such as 1e-2"
        )
    for i, x in enumerate(inputs):
        if differentiable(x) and not np.isfinite(getattr(x, "_data", x)).all():
            raise ConfigError(f"gradcheck: input {i} holds NaN or infinity")
    return TOLERANCE if tolerance is None else tolerance


def _check_plumbing(problem: Problem) -> None:
    """f is repeatable and only reads; a second backward pass is like the first."""
    f, leaves = named(problem.f), problem.tensors()
    before = [x.copy() for x in problem.point]
    value, again = [problem.total(problem.outputs(leaves)) for _ in range(2)]
    if not np.array_equal(_number(value), _number(again), equal_nan=True):
        raise GradientError(
            f"{f} gave two different values for the same inputs: seed its randomness "
            "inside, or pass the random numbers as an input"
        )
    if not np.isfinite(_number(value)):
        raise GradientError(f"{f} gives {_number(value)} here: there is no derivative")
    first, second = [slopes(value, leaves, retain_graph=True) for _ in range(2)]
    for i, x, old in zip(problem.places, problem.point, before, strict=True):
        if not np.array_equal(x, old):
            raise GradientError(
                f"{f}, or its derivative, wrote to input {i}: work on a copy, since "
                "the caller still holds the array"
            )
    for i, one, two, x in zip(problem.places, first, second, before, strict=True):
        _check_kind(f, i, one, x)
        if not np.array_equal(one.data, two.data, equal_nan=True):
            raise GradientError(
                f"two backward passes through {f} differ for input {i}: does a formula "
                "write to what it saved, or to the g that it was given?"
            )


def _check_recorded(problem: Problem) -> None:
    """The gradient that is itself recorded, on Tensors, is that on arrays."""
    leaves = problem.tensors()
    value = problem.total(problem.outputs(leaves))
    recorded = slopes(value, leaves, create_graph=True)
    plain = slopes(value, leaves)
    wrong = []
    for i, one, two in zip(problem.places, plain, recorded, strict=True):
        _check_kind(named(problem.f), i, two, one._data)
        tolerance = 1e-8 if one.dtype == np.float64 else 1e-3
        if not np.allclose(one.data, two.data, tolerance, tolerance, equal_nan=True):
            wrong.append(_between(i, one.data, two.data))
    if wrong:
        raise _Found(wrong)


def _check_kind(f: str, i: int, g: Any, x: np.ndarray) -> None:
    if g.shape != x.shape or g.dtype != x.dtype:
        raise GradientError(
            f"the gradient of {f} for input {i} is {g.dtype} of shape {g.shape}; the "
            f"input is {x.dtype} of shape {x.shape}"
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


def _check_layouts(problem: Problem, tolerance: float) -> None:
    """Strided, reversed and broadcast arrays give what contiguous copies do."""
    for name, arrange in (("strided", _strided), ("broadcast", _broadcast)):
        odd = [arrange(x) for x in problem.point]
        try:
            plain, other = [
                problem.gradient(1, point)
                for point in ([np.array(x) for x in odd], odd)
            ]
        except (ArithmeticError, ValueError):
            if name == "broadcast":  # equal elements may be outside its domain
                continue
            raise
        for i, one, two in zip(problem.places, plain, other, strict=True):
            if not np.allclose(one, two, tolerance, tolerance, equal_nan=True):
                raise GradientError(
                    f"{named(problem.f)} gives another gradient for input {i} when its "
                    f"inputs are {name} arrays than for contiguous copies of them: is "
                    "a kernel reading memory in order, or a result a view of its input?"
                )


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


def _check_order(problem: Problem, order: int, method: str, tolerance: float) -> None:
    """One random direction; where it disagrees, element by element."""
    gradients = problem.gradient(order)
    direction = problem.direction(order)
    parts = [float((g * v).sum()) for g, v in zip(gradients, direction, strict=True)]
    expected = _numerical(problem, order, method, direction)
    # what was summed, not the sum, says how large the rounding is
    pairs = zip(gradients, direction, strict=True)
    scale = 1 + sum(float(np.abs(g * v).sum()) for g, v in pairs)
    if abs(sum(parts) - expected) <= tolerance * scale:
        return
    found = [
        mismatch
        for n in range(len(problem.places))
        if (mismatch := compare(problem, order, n, gradients[n], tolerance))
    ]
    slope, doubt = careful(problem.value(order), problem.point, direction)
    if not found and not abs(sum(parts) - slope) <= 10 * tolerance * scale + 2 * doubt:
        found = [Mismatch(order=order, analytic=sum(parts), numeric=slope)]
    if found:
        raise _Found(found)


def _numerical(problem: Problem, order: int, method: str, direction: Any) -> float:
    if method == "complex" and order == 1:
        arguments = list(problem.given)

        def f(*xs: Any) -> Any:
            for i, x in zip(problem.places, xs, strict=True):
                arguments[i] = x
            return problem.f(*arguments)

        return complex_step(f, problem.point, direction, problem.weights)
    return central(problem.value(order), problem.point, direction)


def _number(value: Any) -> Any:
    return np.asarray(getattr(value, "_data", value))
