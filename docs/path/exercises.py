"""The checks of the exercises: each prints "right", or what differs, and where.

A number or an array goes to `check`, a function to `check_function`, formulas of a
derivative to `check_gradient`, and a function of Scalars to `check_slopes`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scalar import Scalar

import tensorgrad as tg
from tensorgrad.testing import GradientError, gradcheck

UNANSWERED = "not answered yet: put your answer in place of the ..."


def check(answer: Any, expected: Any, *, tolerance: float = 1e-6) -> None:
    """Print whether a number, an array or a list is as expected.

    >>> check([1.0, 2.0], [1.0, 2.5])
    not yet: 1 of 2 elements differ. At [1] yours is 2.0, and 2.5 is right: off by -0.5
    """
    print(verdict(answer, expected, tolerance))


def check_function(
    answer: Callable[..., Any],
    reference: Callable[..., Any],
    *cases: Sequence[Any],
    tolerance: float = 1e-6,
) -> None:
    """Print whether answer(*case) is reference(*case) for each case."""
    for case in cases:
        message = verdict(answer(*case), reference(*case), tolerance)
        if message != "right":
            asked = "" if message == UNANSWERED else f"\n  for {described(case)}"
            print(message + asked)
            return
    print("right")


def check_gradient(
    forward: Callable[..., Any],
    formulas: Mapping[str, Callable[..., Any]],
    *inputs: Any,
) -> None:
    """Print whether the formulas are the derivative of `forward`, as gradcheck finds.

    A formula takes g, and by their names what it needs of the inputs and of `out`.
    """
    arrays = [np.array(x, np.float64) for x in inputs]
    print(judged(op(forward, formulas), arrays))


def check_slopes(
    f: Callable[..., Any], *points: Sequence[float], value: Callable[..., float]
) -> None:
    """Print whether f, a function of Scalars, has this value, and the right slopes.

    The inputs are the elements of one array x, so that x[0] is the first.
    """

    def of_scalars(x: Any) -> Any:
        return np.array(f(*map(Scalar, x)).value)

    def slopes(g: Any, x: Any) -> Any:
        leaves = [Scalar(float(v)) for v in x]
        f(*leaves).backward()
        return g * np.array([leaf.grad for leaf in leaves])

    if blank(f(*map(Scalar, points[0]))):
        print(UNANSWERED)
        return
    of_scalars.__name__ = f.__name__
    checked = op(of_scalars, {"x": slopes})
    messages = [verdict(of_scalars(p), value(*p), 1e-6) for p in points]
    messages += [judged(checked, [np.array(p)]) for p in points]
    print(next((m for m in messages if m != "right"), "right"))


# --- how a check comes to its words


def verdict(answer: Any, expected: Any, tolerance: float) -> str:
    """ "right", or in which element the two differ, and by how much."""
    if blank(answer):
        return UNANSWERED
    try:
        yours, right = array(answer), array(expected)
    except ValueError:
        return "not yet: its rows have different lengths"
    if yours.shape != right.shape:
        return f"not yet: the shape is {yours.shape}, and {right.shape} is right"
    numbers = yours.dtype.kind in "fiub" and right.dtype.kind in "fiu"
    if numbers:
        wrong = ~np.isclose(yours, right, tolerance, tolerance, equal_nan=True)
    else:
        wrong = np.asarray(yours != right)
    if not wrong.any():
        return "right"
    at = tuple(map(int, np.argwhere(wrong)[0]))
    where = f"{wrong.sum()} of {wrong.size} elements differ. At {[*at]} " if at else ""
    one, other = element(yours, at), element(right, at)
    gap = f": off by {one - other:.6g}" if numbers else ""
    return f"not yet: {where}yours is {one!r}, and {other!r} is right{gap}"


def element(array: np.ndarray, at: tuple[int, ...]) -> Any:
    """array[at] as Python has it."""
    found = array[at]
    return found.item() if isinstance(found, np.generic) else found


def op(forward: Callable[..., Any], formulas: Mapping[str, Callable[..., Any]]) -> Any:
    """An op that the registry does not keep, so that a cell may run many times."""

    @functools.wraps(forward)
    def yours(*inputs: Any) -> Any:
        return forward(*inputs)

    yours.__name__ = f"your {forward.__name__}"
    function = tg.primitive(yours)
    del tg.REGISTRY[yours.__name__]
    function.gradient(**formulas)
    return function


def judged(function: Any, inputs: Sequence[np.ndarray]) -> str:
    """ "right", or what gradcheck says, without the call that would repeat it."""
    tensors = [tg.Tensor(x, requires_grad=True) for x in inputs]
    node = function(*tensors).node
    parents = [x.node for x in tensors]
    for i, formula, place in node.op.rules:
        g = np.ones(node.shape)
        found = formula(g) if place is None else formula(g, node.saved[place])
        if blank(found):
            return UNANSWERED
        if np.shape(found) != parents[i].shape:
            return (
                f"not yet: the gradient for {node.op.inputs[i]} has the shape "
                f"{np.shape(found)}, and {node.op.inputs[i]} itself {parents[i].shape}"
            )
    try:
        gradcheck(function, *inputs)
    except GradientError as error:
        lines = str(error).split("\n  formula:")[0].split("\n  again:")[0]
        return f"not yet: {lines}"
    return "right"


def blank(answer: Any) -> bool:
    """Whether the place for the answer is as it was, or one place among several."""
    if isinstance(answer, list | tuple):
        return any(map(blank, answer))
    return answer is None or answer is ...


def array(x: Any) -> np.ndarray:
    return np.asarray(x.detach().data if isinstance(x, tg.Tensor) else x)


def described(case: Sequence[Any]) -> str:
    """The arguments, in one line."""
    texts = [" ".join(repr(x).split()) for x in case]
    return ", ".join([t if len(t) <= 60 else f"{t[:57]}..." for t in texts])
