"""HIPS/autograd's gradients of the same ops, and its gradients of those gradients."""

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import tensorgrad as tg
from tensorgrad.testing.domains import DOMAINS
from tensorgrad.testing.problem import Problem, curvature, inner

autograd: Any = pytest.importorskip("autograd")
from autograd.core import primitive_vjps  # noqa: E402
from autograd.scipy import special  # noqa: E402

from tests.tensorgrad.in_autograd import AUTOGRAD, MISSING, ONLY  # noqa: E402

SMOOTH = sorted(name for name, domain in DOMAINS.items() if domain.smooth)


def theirs(function: Callable[..., Any], problem: Problem, order: int) -> Any:
    """The gradient of the problem's L of that order."""
    inputs = [np.asarray(x) if isinstance(x, np.ndarray) else x for x in problem.given]

    def total(*xs: Any) -> Any:
        outs = function(*xs)
        outs = outs if isinstance(outs, list) else [outs]
        value = inner(outs, problem.weights)
        return value if order == 1 else value + curvature(outs, problem.weights)

    first = autograd.grad(total, problem.places)
    if order == 1:
        return first(*inputs)

    def slope(*xs: Any) -> Any:
        return inner(first(*xs), problem.direction(1))

    return autograd.grad(slope, problem.places)(*inputs)


def test_every_op_with_derivatives_is_compared_or_missing_for_a_reason() -> None:
    assert set(SMOOTH) == AUTOGRAD.keys() | MISSING.keys()
    assert not AUTOGRAD.keys() & MISSING.keys()
    assert not ONLY.keys() - AUTOGRAD.keys()


@pytest.mark.parametrize("name", sorted(MISSING))
def test_what_is_missing_has_no_derivative_there(name: str) -> None:
    for module in (autograd.numpy, autograd.numpy.linalg, special):
        assert getattr(module, name, None) not in primitive_vjps


@pytest.mark.filterwarnings("ignore:Output seems independent")  # of floor and its like
@pytest.mark.parametrize("name", sorted(AUTOGRAD))
@settings(max_examples=settings.default.max_examples // 2)  # each to the second order
@given(data=st.data())
def test_as_autograd_has_it(name: str, data: Any) -> None:
    cases = DOMAINS[name].cases
    if name in ONLY:
        cases = cases.filter(lambda case: ONLY[name](*case[0], **case[1]))
    inputs, chosen = data.draw(cases)

    def ours(*xs: Any) -> Any:
        if name == "einsum":
            return tg.einsum(chosen["subscripts"], *xs)
        return getattr(tg, name)(*xs, **chosen)

    problem = Problem(ours, inputs, seed=0)
    for order in (1, 2):
        found = problem.gradient(order)
        others = theirs(lambda *xs: AUTOGRAD[name](*xs, **chosen), problem, order)
        for one, other in zip(found, others, strict=True):
            assert one.shape == np.shape(other)
            np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-8)
