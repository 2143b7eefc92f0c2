"""Rounding and remainders: special numbers, jumps, and integers."""

from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import REGISTRY, Tensor, grad
from tests.tensorgrad.ops.special import (
    DTYPES,
    check_integers,
    check_kinks,
    check_slopes,
    check_square,
    check_values,
    nth,
)

NAMES = tg.ops.rounding.__all__
ROUNDING = ["ceil", "floor", "round", "trunc"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_special_numbers(name: str, dtype: str) -> None:
    check_values(name, dtype)
    # the slope of what is NaN is NaN here, and an infinity in PyTorch
    differs = (lambda x, y: np.isnan(np.fmod(x, y))) if name == "fmod" else None
    check_slopes(name, dtype, differs)


@pytest.mark.parametrize("name", NAMES)
def test_integers(name: str) -> None:
    check_integers(name)


@pytest.mark.parametrize("name", ROUNDING)
def test_every_derivative_of_rounding_is_0(name: str) -> None:
    x = [-1.5, -0.5, -0.0, 0.0, 0.5, 1.0, 1e30]
    for n in (1, 2, 3):
        assert nth(getattr(tg, name), n, x) == [[0.0] * 7]
        # and the factor beside it keeps its own
        found = nth(lambda x: getattr(tg, name)(x) * x, n, x)[0]
        np.testing.assert_array_equal(found, getattr(np, name)(x) * (n == 1))


@pytest.mark.parametrize("name", [*ROUNDING, "floor_divide"])
def test_a_gradient_that_is_not_finite_stops(name: str) -> None:
    inputs = [Tensor(np.array([0.5, 1.5]), requires_grad=True)]
    inputs *= len(REGISTRY[name].inputs)
    (found,) = grad(getattr(tg, name)(*inputs), inputs[:1], Tensor([np.inf, np.nan]))
    assert found.tolist() == [0, 0]


def test_round_goes_to_even_digits() -> None:
    x = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5])
    assert tg.round(Tensor(x)).tolist() == [-2, -2, 0, 0, 2, 2]
    assert tg.round(Tensor(x * 10), decimals=-1).tolist() == [-20, -20, 0, 0, 20, 20]
    assert tg.round(Tensor([0.25, 0.74]), decimals=1).tolist() == pytest.approx(
        [0.2, 0.7]
    )
    assert tg.round(Tensor([1.234], requires_grad=True), decimals=2).dtype == "float32"
    assert np.round(Tensor([1.26, 4.0]), 1).tolist() == pytest.approx([1.3, 4.0])


@pytest.mark.parametrize("name", NAMES)
def test_elements_keep_their_places(name: str) -> None:
    check_square(getattr(tg, name), len(REGISTRY[name].inputs))


@pytest.mark.parametrize(
    ("function", "values", "expected"),
    [
        # within a piece
        (tg.remainder, [[7, -7, 7, -7], [3, 3, -3, -3]], [[1] * 4, [-2, 3, 3, -2]]),
        (tg.fmod, [[7, -7, 7, -7], [3, 3, -3, -3]], [[1] * 4, [-2, 2, 2, -2]]),
        (tg.floor_divide, [[7, -7], [3, 3]], [[0, 0], [0, 0]]),
        # where it jumps
        (tg.remainder, [[6, 0, -6], [3, 3, 3]], [[1, 1, 1], [-2, 0, 2]]),
        (tg.fmod, [[6, 0, -6], [3, 3, 3]], [[1, 1, 1], [-2, 0, 2]]),
        (tg.floor_divide, [[6, 0], [3, 3]], [[0, 0], [0, 0]]),
        # 1 / 0.1 rounds to 10, but 0.1 is a little more than a tenth
        (tg.remainder, [[1.0], [0.1]], [[1], [-9]]),
        (tg.remainder, [[5.0, 6.0], 4.0], [[1, 1], -2]),
    ],
)
def test_kinks(function: Any, values: Any, expected: Any) -> None:
    check_kinks(function, values, expected)


@pytest.mark.parametrize("y", [0.1, 0.7, -3.0, 1e-3])
def test_quotient_and_remainder_make_the_number(y: float) -> None:
    x = np.linspace(-10, 10, 401)
    made = tg.floor_divide(x, y) * y + tg.remainder(x, y)
    np.testing.assert_allclose(made, x, rtol=1e-12, atol=1e-12)


def test_the_quotient_of_fmod_is_the_one_that_its_value_has() -> None:
    y = Tensor(np.array(0.1), requires_grad=True)
    out = tg.fmod(1.0, y)  # 1 / 0.1 rounds to 10, and 9 times fit
    out.backward()
    assert out.item() > 0
    assert y.grad.item() == -9
