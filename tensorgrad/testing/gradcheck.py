"""gradcheck: derivatives held against finite differences, and failures explained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ConfigError, DtypeError
from ..mode import enable_grad
from .compare import Level, Mismatch
from .diagnose import diagnose
from .explain import explain
from .plumbing import Found, backward_of, check, check_layouts, check_recorded
from .problem import GradientError, Problem, differentiable, named

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
    of all orders from 1 to `order` are compared, for each input along a random
    direction: reverse mode against central differences of the order below, and element
    by element where they disagree. `method="complex"` takes the complex step for the
    first order: exact, for analytic functions of arrays. Beside
    the numbers it checks that f gives the same twice; that neither f nor its
    derivative writes to an input; that a second backward pass, and one that is itself
    recorded, agree with the first; shape and dtype of every gradient; and, with
    `layouts`, that strided and broadcast arrays give what contiguous ones do.

    A relative `tolerance` is needed for float32 inputs; float64 has 1e-6. `seed` draws
    weights and directions. On a failure GradientError says which input and element,
    both values, and the likely cause; with `raise_exception=False` a falsy Report says
    it. Away from kinks only: at a kink both one-sided slopes are in the message. What
    f closes over, such as a module's parameters, is not differentiated: pass it too.

    >>> import tensorgrad as tg
    >>> bool(gradcheck(tg.matmul, np.ones((2, 3)), np.ones((3, 2)), order=3))
    True
    """
    __tracebackhide__ = True  # pytest then shows the line of the test
    given, tolerance = tolerance, _checked(f, inputs, order, method, tolerance)
    options = _options(order=order, method=method, tolerance=given, seed=seed)
    with enable_grad(), np.errstate(all="ignore"):
        problem = Problem(f, inputs, seed)
        try:
            check(problem)
            _check_order(problem, 1, method, tolerance)
            if layouts:
                check_layouts(problem, tolerance)
            check_recorded(problem)
            for k in range(2, order + 1):
                _check_order(problem, k, method, tolerance)
        except Found as found:
            message = explain(problem, found.mismatches, options)
            report = Report(found.mismatches, message)
            error = GradientError(message)
        except GradientError as caught:
            report = Report((Mismatch(order=1, cause=str(caught)),), str(caught))
            error = caught
        else:
            return Report()
    if raise_exception:
        raise error from error.__cause__
    return report


def assert_gradients(f: Callable[..., Any], *inputs: Any, **options: Any) -> None:
    """`gradcheck` as a statement in a test: it fails, or says nothing.

    >>> import tensorgrad as tg
    >>> assert_gradients(tg.exp, np.array([0.5, -1.0]), order=3)
    """
    __tracebackhide__ = True
    gradcheck(f, *inputs, **options | {"raise_exception": True})


def _check_order(problem: Problem, order: int, method: str, tolerance: float) -> None:
    """Random directions; where they disagree, element by element."""
    with backward_of(problem, order):
        level = Level(problem, order, tolerance, method)
    wrong = level.compared()
    if wrong and level.exact and not Level(problem, order, tolerance).compared():
        raise GradientError(
            f"{named(problem.f)} is not analytic: for complex numbers its slope is not "
            "that for real ones (|x|, a comparison, .real). Use method='central'"
        )
    if wrong:
        raise Found([diagnose(level, some) for some in wrong])


def _options(**given: Any) -> str:
    """The settings that a call needs to be made again."""
    usual = {"order": 1, "method": "central", "tolerance": None}
    return "".join([f", {k}={v!r}" for k, v in given.items() if usual.get(k, ...) != v])


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
        if isinstance(x, tuple | list) and any(map(differentiable, x)):
            raise ConfigError(
                f"gradcheck: input {i} is a {type(x).__name__} of arrays, which would "
                "not be differentiated. Pass them one by one, as in gradcheck(lambda "
                "*xs: f(xs), x, y)"
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
