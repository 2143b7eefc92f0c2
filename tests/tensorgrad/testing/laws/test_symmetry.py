"""Order and company: what does not matter to attention, and where it does."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorgrad import Tensor
from tensorgrad.errors import ShapeError
from tensorgrad.testing import laws
from tests.tensorgrad.testing.laws.tiny import (
    POSITIONS,
    TABLE,
    TOKENS,
    B,
    T,
    X,
    attend,
    broken,
)

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.integers(0, 1))
def test_attention_without_positions_has_no_order(seed: int, axis: int) -> None:
    def attention(x: Any) -> Any:
        return attend(x, T)

    laws.permutation_equivariance(attention, X, axis=axis, seed=seed)
    laws.permutation_invariance(lambda x: attention(x).mean(1), Tensor(X), seed=seed)
    laws.batch_independence(attention, X, seed=seed)
    laws.batch_independence(lambda t: attend(TABLE[t]), TOKENS, seed=seed)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: attend(x, T) + POSITIONS[:T],
        attend,
        lambda x: x + np.roll(x, 1, axis=1),  # a rotation would not show it
    ],
)
def test_an_order_that_matters_is_found(wrong: Any) -> None:
    message = broken(laws.permutation_equivariance, wrong, X)
    assert message.startswith("output[")
    assert "along axis 1" in message
    assert "order was [" in message

    def first(x: Any) -> Any:
        return wrong(x)[:, 0]

    assert "in f(x[order]) and" in broken(laws.permutation_invariance, first, X)


def test_long_orders_are_not_written_out() -> None:
    x = np.arange(40.0)[None]
    message = broken(laws.permutation_equivariance, lambda x: np.cumsum(x, 1), x)
    assert "order was of 40 places" in message


def test_equivariance_needs_the_axis_in_the_output() -> None:
    with pytest.raises(ShapeError, match="Is it permutation_invariance"):
        laws.permutation_equivariance(lambda x: x.sum(1), X)
    with pytest.raises(ShapeError, match="length of at least 2 along axis 0"):
        laws.permutation_invariance(lambda x: x, X[:1], axis=0)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: (x - x.mean(0)) / x.std(0),
        lambda x: x[[0] * len(x)],
        lambda x: x + x.max(),
        lambda x: attend(x.transpose(1, 0, 2), B).transpose(1, 0, 2),
    ],
)
def test_rows_that_see_each_other_are_found(wrong: Any) -> None:
    message = broken(laws.batch_independence, wrong, X)
    assert "changed and" in message
    assert "taken over the batch?" in message


def test_names_that_depend_on_another_row_are_found() -> None:
    def sorted_out(x: Any) -> Any:
        return {"large" if x[0].max() > X.max() else "small": x}

    message = broken(laws.batch_independence, sorted_out, X, seed=1)
    assert message.startswith("only after x[0] changed is there output['large']")


def test_a_row_more_or_less_is_no_row_of_the_batch() -> None:
    with pytest.raises(ShapeError, match="should begin with"):
        laws.batch_independence(lambda x: x[:1], X)
