"""Arithmetic and choices: special numbers, and kinks each by its rule."""

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
    inf,
    nan,
    nth,
)

NAMES = [
    "absolute",
    "add",
    "divide",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "reciprocal",
    "sign",
    "square",
    "subtract",
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_special_numbers(name: str, dtype: str) -> None:
    check_values(name, dtype)
    # |NaN| has the derivative NaN here, 0 in PyTorch
    check_slopes(name, dtype, np.isnan if name == "absolute" else None)


@pytest.mark.parametrize("name", NAMES)
def test_integers(name: str) -> None:
    check_integers(name)


@pytest.mark.parametrize("name", NAMES)
def test_elements_keep_their_places(name: str) -> None:
    check_square(getattr(tg, name), len(REGISTRY[name].inputs))


def test_where_keeps_its_elements_in_their_places() -> None:
    condition = np.array([[1, 1, 0], [0, 1, 0], [0, 1, 1]], bool)

    def function(x: Tensor, y: Tensor) -> Any:
        return tg.where(condition.reshape(x.shape), x, y)

    check_square(function, 2)


@pytest.mark.parametrize(
    ("function", "values", "expected"),
    [
        (tg.absolute, [[-2, -0.0, 0.0, 2]], [[-1, 0, 0, 1]]),
        (tg.sign, [[-2, -0.0, 0.0, 2]], [[0, 0, 0, 0]]),
        (tg.reciprocal, [[0.0, -0.0, 2.0]], [[-inf, -inf, -0.25]]),
        (tg.square, [[0.0, -3.0]], [[0, -6]]),
        (tg.maximum, [[1, 2, 3], [3, 2, 1]], [[0, 0.5, 1], [1, 0.5, 0]]),
        (tg.minimum, [[1, 2, 3], [3, 2, 1]], [[1, 0.5, 0], [0, 0.5, 1]]),
        (
            tg.maximum,
            [[inf, 0.0, -inf], [inf, -0.0, 1]],
            [[0.5, 0.5, 0], [0.5, 0.5, 1]],
        ),
        (tg.maximum, [[2, 2], [2]], [[0.5, 0.5], [1]]),
        (tg.minimum, [[2, 2], 2], [[0.5, 0.5], 1]),
        (lambda x: tg.maximum(x, x), [[3, 0]], [[1, 1]]),
        (lambda x: tg.maximum(x, 0.0), [[-1, 0, 1]], [[0, 0.5, 1]]),
        (lambda x: tg.minimum(0.0, x), [[-1, 0, 1]], [[1, 0.5, 0]]),
        (lambda x: tg.clip(x, min=0, max=1), [[-1, 0, 0.5, 1, 2]], [[0, 1, 1, 1, 0]]),
        (lambda x: tg.clip(x, min=1, max=1), [[0, 1, 2]], [[0, 1, 0]]),
        (lambda x: tg.clip(x, min=1, max=0), [[0, 0.5, 1]], [[0, 0, 0]]),
        (tg.clip, [[-inf, 0, inf]], [[1, 1, 1]]),
    ],
)
def test_kinks(function: Any, values: Any, expected: Any) -> None:
    check_kinks(function, values, expected)


def test_what_is_nearly_equal_does_not_tie() -> None:
    x, y = [1.0, 1 + 1e-9], [1 + 1e-9, 1.0]
    check_kinks(tg.maximum, [x, y], [[0, 1], [1, 0]])
    check_kinks(tg.minimum, [x, y], [[1, 0], [0, 1]])


@pytest.mark.parametrize(
    "function",
    [
        tg.sign,
        tg.zeros_like,
        lambda x: tg.clip(x, min=3.0),
        lambda x: tg.clip(x, max=0),
    ],
)
def test_a_slope_of_zero_stops_a_gradient_that_is_not_finite(function: Any) -> None:
    x = Tensor(np.ones(2), requires_grad=True)
    out = function(x)
    if out.requires_grad:
        (found,) = grad(out, [x], Tensor(np.array([inf, nan])))
        assert found.tolist() == [0, 0]


def test_zeros_are_zeros_whatever_they_are_like() -> None:
    assert tg.zeros_like(np.array([inf, nan, -1.0])).tolist() == [0, 0, 0]


def test_bounds_may_be_arrays_that_broadcast() -> None:
    low, high = np.array([[0.0], [1.5]]), np.array([1.0, 5.0, 1.0])
    x = np.array([0.5, 2.0, -1.0])
    found = tg.clip(Tensor(x), min=low, max=high)
    np.testing.assert_array_equal(found.data, np.clip(x, low, high))
    check_kinks(lambda x: tg.clip(x, min=low, max=high), [x], [[1, 2, 0]])


def test_clipped_integers_are_numpys() -> None:
    x = np.array([1, 5, 9])
    for bounds in ({"min": 2}, {"max": 6}, {"min": 2, "max": 6}, {}, {"min": 2.5}):
        found, expected = tg.clip(Tensor(x), **bounds), np.clip(x, **bounds)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found.data, expected)


def test_a_condition_of_numbers_holds_where_they_are_not_zero() -> None:
    def function(x: Any, y: Any) -> Any:
        return tg.where(np.array([2, 0, -1]), x, y)

    assert function(1.0, 0.0).tolist() == [1, 0, 1]
    check_kinks(function, [[5, 6, 7], [8, 9, 10]], [[1, 0, 1], [0, 1, 0]])


def test_a_nan_takes_the_gradient_with_it() -> None:
    for op in (tg.maximum, tg.minimum):
        check_kinks(op, [[nan, 1], [0, nan]], [[1, 1], [1, 1]])


@pytest.mark.parametrize("x", [0.0, -2.0])
def test_all_derivatives_of_a_square(x: float) -> None:
    assert [nth(tg.square, n, x)[0] for n in range(5)] == [x * x, 2 * x, 2, 0, 0]


def test_derivatives_beyond_a_kink_are_those_of_the_pieces() -> None:
    cubed = [lambda x: tg.maximum(x, 0.0) ** 3, lambda x: tg.absolute(x) ** 3]
    for function, sign in zip(cubed, (0, -1), strict=True):
        assert nth(function, 3, [-2.0, 2.0]) == [[6 * sign, 6]]
