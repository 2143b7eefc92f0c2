"""MyGrad's gradients of the same ops. It has none of higher order."""

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import tensorgrad as tg
from tensorgrad.testing.domains import DOMAINS
from tensorgrad.testing.problem import Problem, inner

mygrad: Any = pytest.importorskip("mygrad")
from mygrad.nnet import activations, layers, losses  # noqa: E402

from tests.tensorgrad.in_mygrad import CONSTANT, MISSING, MYGRAD, ONLY  # noqa: E402

SMOOTH = sorted(name for name, domain in DOMAINS.items() if domain.smooth)


def theirs(function: Callable[..., Any], problem: Problem) -> Any:
    """The gradient of the problem's L."""
    xs = [np.asarray(x) if isinstance(x, np.ndarray) else x for x in problem.given]
    for i in problem.places:
        xs[i] = mygrad.tensor(xs[i])
    outs = function(*xs)
    inner(outs if isinstance(outs, list) else [outs], problem.weights).backward()
    return [xs[i].grad for i in problem.places]


def test_every_op_with_derivatives_is_compared_or_missing_for_a_reason() -> None:
    assert set(SMOOTH) == MYGRAD.keys() | MISSING.keys()
    assert not MYGRAD.keys() & MISSING.keys()
    assert not ONLY.keys() - MYGRAD.keys()


@pytest.mark.parametrize("name", sorted(MISSING))
def test_what_is_missing_is_not_there(name: str) -> None:
    if name in CONSTANT.split():
        with pytest.raises(ValueError, match="non-constant"):
            getattr(mygrad, name)(*[mygrad.tensor(1.5)] * getattr(np, name).nin)
    elif name == "astype":
        assert mygrad.tensor(1.5).astype(float).creator is None
    else:
        places = mygrad, mygrad.linalg, activations, layers, losses
        assert not any([hasattr(place, name) for place in places])


@pytest.mark.parametrize("name", sorted(MYGRAD))
@given(data=st.data())
def test_as_mygrad_has_it(name: str, data: Any) -> None:
    cases = DOMAINS[name].cases
    if name in ONLY:
        cases = cases.filter(lambda case: ONLY[name](*case[0], **case[1]))
    inputs, settings = data.draw(cases)

    def ours(*xs: Any) -> Any:
        if name == "einsum":
            return tg.einsum(settings["subscripts"], *xs)
        return getattr(tg, name)(*xs, **settings)

    problem = Problem(ours, inputs, seed=0)
    found = problem.gradient(1)
    others = theirs(lambda *xs: MYGRAD[name](*xs, **settings), problem)
    for one, other in zip(found, others, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-8)
