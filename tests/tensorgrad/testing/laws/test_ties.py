"""A tied gradient, and what is lost on the way to it."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.errors import DtypeError
from tensorgrad.testing import laws
from tests.tensorgrad.testing.laws.tiny import ROWS, C, broken

MIX = np.random.default_rng(1).standard_normal((C, C))


@given(st.integers(2, 4))
def test_a_tied_gradient_is_the_sum_over_its_uses(uses: int) -> None:
    def chain(*ws: Tensor) -> Any:
        x = ROWS
        for w in ws:
            x = tg.tanh(x @ w)
        return {"out": x, "n": 3}

    laws.tied_gradient_is_sum(chain, MIX, uses=uses)
    laws.tied_gradient_is_sum(chain, Tensor(MIX.astype(np.float32)), uses=uses)


def test_a_use_through_a_copy_is_named() -> None:
    def copied(a: Tensor, b: Tensor) -> Any:
        return tg.tanh(ROWS @ a) @ Tensor(b.data)

    message = broken(laws.tied_gradient_is_sum, copied, MIX)
    assert message.startswith("use 1 of 2 sends no gradient back")
    message = broken(laws.tied_gradient_is_sum, lambda a, b: 1.0, MIX)
    assert message.startswith("use 0 of 2")


def only(kept: set[int]) -> Any:
    """A chain of products in which, once tied, only some uses send a gradient."""

    def chain(*ws: Tensor) -> Any:
        tied, x = ws[0] is ws[1], ROWS
        for i, w in enumerate(ws):
            x = tg.tanh(x @ (w.detach() if tied and i not in kept else w))
        return x

    return chain


@pytest.mark.parametrize(
    ("kept", "cause"),
    [
        ({1, 2}, "Use 0 is missing from it"),
        ({2}, "Use 2 alone explains it: is there = where += belongs?"),
        (set(), "the tied parameter sends no gradient back"),
    ],
)
def test_a_use_that_is_lost_once_tied_is_named(kept: set[int], cause: str) -> None:
    message = broken(laws.tied_gradient_is_sum, only(kept), MIX, uses=3)
    assert cause in message
    if kept:
        assert message.startswith("gradient[")
        assert "tied and" in message
        assert "summed over 3 uses (9 of 9 elements differ" in message


def test_other_differences_between_tied_and_not_are_found() -> None:
    law = laws.tied_gradient_is_sum

    def doubled(a: Tensor, b: Tensor) -> Any:
        return ROWS @ a + ROWS @ b + ((a - a.detach()).sum() if a is b else 0.0)

    assert "equal objects?" in broken(law, doubled, MIX)

    def other_values(a: Tensor, b: Tensor) -> Any:
        return ROWS @ a + (0.0 if a is b else 1.0) * b.sum()

    assert "Values must not depend" in broken(law, other_values, MIX)


def test_ties_are_between_two_floats() -> None:
    with pytest.raises(DtypeError, match="2 uses or more, not 1"):
        laws.tied_gradient_is_sum(lambda a: a, MIX, uses=1)
    with pytest.raises(DtypeError, match="parameter of floats, not int64"):
        laws.tied_gradient_is_sum(lambda a, b: a + b, np.ones(3, int))
