"""Exponentials, logarithms, powers and roots: special numbers, precision, kinks."""

import math
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

NAMES = [n for n in tg.ops.exponential.__all__ if n != "power_constant"]
DIFFERS = {
    "cbrt": lambda x: x == 0,  # PyTorch has none: sign(x) |x|^(1/3) gives NaN
    "hypot": lambda x, y: (x == 0) & (y == 0),  # NaN
    "logaddexp": lambda x, y: (x == -inf) & (y == -inf),  # NaN
    "logaddexp2": lambda x, y: (x == -inf) & (y == -inf),  # NaN
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_special_numbers(name: str, dtype: str) -> None:
    check_values(name, dtype)
    check_slopes(name, dtype, DIFFERS.get(name))


@pytest.mark.parametrize("name", NAMES)
def test_integers(name: str) -> None:
    check_integers(name)


@pytest.mark.parametrize("name", NAMES)
def test_elements_keep_their_places(name: str) -> None:
    check_square(getattr(tg, name), len(REGISTRY[name].inputs))


@pytest.mark.parametrize(
    ("function", "values", "expected"),
    [
        (tg.sqrt, [[-1, 0, 4]], [[nan, inf, 0.25]]),
        (tg.cbrt, [[-8, -0.0, 0.0, 8]], [[1 / 12, inf, inf, 1 / 12]]),
        (tg.log, [[0, 2]], [[inf, 0.5]]),
        (tg.log2, [[0, 2]], [[inf, 0.5 / math.log(2)]]),
        (tg.log10, [[0, 2]], [[inf, 0.5 / math.log(10)]]),
        (tg.log1p, [[-1, 1]], [[inf, 0.5]]),
        (tg.hypot, [[0.0, -0.0, 3], [0.0, 0.0, 4]], [[0, 0, 0.6], [0, 0, 0.8]]),
        (tg.hypot, [[0, 0], 0], [[0, 0], 0]),
        (tg.hypot, [[-2, 0], [0, -2]], [[-1, 0], [0, -1]]),
        (tg.logaddexp, [[-inf, -inf, 5], [-inf, 5, -inf]], [[0, 0, 1], [0, 1, 0]]),
        (tg.logaddexp2, [[-inf, -inf, 5], [-inf, 5, -inf]], [[0, 0, 1], [0, 1, 0]]),
        (tg.logaddexp, [[inf, 3], [0, 3]], [[1, 0.5], [0, 0.5]]),
        (tg.power, [[0, 0, 0], [2, 1, 0]], [[0, 1, 0], [0, 0, 0]]),
        (tg.power, [[-2, -2], [3, 2]], [[12, -4], [nan, nan]]),
        (tg.power, [[0], [-1]], [[-inf], [-inf]]),
        (tg.power, [[-2, 2], [0, 0]], [[0, 0], [nan, math.log(2)]]),
    ],
)
def test_kinks(function: Any, values: Any, expected: Any) -> None:
    check_kinks(function, values, expected)


def test_at_the_origin_every_derivative_of_hypot_is_0() -> None:
    for n in (1, 2, 3):
        assert nth(tg.hypot, n, 0.0, 0.0)[0] == 0


def test_mixed_derivatives_of_a_power_where_the_exponent_is_0() -> None:
    x, y = (Tensor(np.array(v), requires_grad=True) for v in (2.0, 0.0))
    gx, gy = grad(tg.power(x, y), [x, y], create_graph=True)
    assert grad(gx, y, retain_graph=True).item() == grad(gy, x).item() == 0.5


def test_second_derivatives_of_a_power_are_finite_where_both_are_0() -> None:
    x, y = (Tensor(np.zeros(1), requires_grad=True) for _ in range(2))
    gx, gy = grad(tg.power(x, y).sum(), [x, y], create_graph=True)
    for g in grad((gx * 2.0 + gy).sum(), [x, y]):
        assert g.tolist() == [0]


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 4.0])
def test_whole_powers_are_smooth_at_0(exponent: float) -> None:
    def function(x: Any) -> Any:
        return tg.power_constant(x, exponent=exponent)

    found = [nth(function, n, 0.0)[0] for n in range(5)]
    assert found == [math.factorial(n) * (n == exponent) for n in range(5)]


@pytest.mark.parametrize("dtype", ["float16", *DTYPES])
@pytest.mark.parametrize("exponent", [-3, -2, -0.5, 3, 4, 3.0])
def test_a_power_by_products_is_within_2_units_of_the_exact(
    exponent: float, dtype: str
) -> None:
    wide = {"float16": "f8", "float32": "f8", "float64": "g"}[dtype]
    largest = math.log(np.finfo(dtype).max) / 2
    sizes = np.exp(np.random.default_rng(0).uniform(-largest, largest, 999))
    x = np.array([*sizes, *-sizes, 0.0, -0.0, inf, nan], dtype)
    with np.errstate(all="ignore"):
        found = tg.power_constant(x, exponent=exponent)
        exact = x.astype(wide) ** exponent
        expected = exact.astype(dtype)
    assert found.dtype == dtype
    finite = np.isfinite(expected)
    error = np.abs(found[finite] - exact[finite])
    assert (error <= 2 * np.spacing(np.abs(expected[finite]))).all()
    np.testing.assert_array_equal(found[~finite], expected[~finite])


def test_whole_powers_of_integers_are_numpys() -> None:
    for dtype in ("int8", "int64"):
        x = np.arange(9, dtype=dtype)
        found = tg.power_constant(x, exponent=3)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, x**3)
        with pytest.raises(ValueError, match="negative integer powers"):
            tg.power_constant(x, exponent=-2)


@pytest.mark.parametrize("dtype", ["float16", *DTYPES, "int8", "uint8", "bool"])
@pytest.mark.parametrize("name", ["logaddexp", "logaddexp2"])
def test_logarithms_of_sums_of_many_elements_are_numpys(name: str, dtype: str) -> None:
    draws = np.random.default_rng(0).normal(0, 30, (2, 300))
    special = np.array([-inf, inf, nan, 0.0, -200.0, 200.0])
    x, y = (
        np.concatenate([axis.ravel(), row])
        for axis, row in zip(np.meshgrid(special, special), draws, strict=True)
    )
    if dtype in ("int8", "uint8", "bool"):
        x, y = (np.abs(row) for row in draws)
    x, y = x.astype(dtype), y.astype(dtype)
    ours, numpys = getattr(tg, name), getattr(np, name)
    for inputs in ((x, y), (y, x), (x, y[-1:]), (x, x)):
        found = ours(*inputs)
        with np.errstate(all="ignore"):
            expected = numpys(*inputs)
        eps = np.finfo(expected.dtype).eps
        np.testing.assert_allclose(found, expected, rtol=3 * eps, atol=3 * eps)
        if x.dtype.kind == "f":
            assert found.dtype == dtype


def test_large_and_small_numbers_without_a_warning() -> None:
    for op in (tg.logaddexp, tg.logaddexp2):
        x, y = [2000.0, -2000.0, 1e30, 0.0], [0.0, 0.0, -1e30, 2000.0]
        assert nth(op, 0, x, y) == [[2000, 0, 1e30, 2000]]
        assert nth(op, 1, x, y) == [[1, 0, 1, 0], [0, 1, 0, 1]]
        for n in (2, 3):
            assert nth(op, n, x, y)[0] == [0, 0, 0, 0]
    assert nth(tg.expm1, 1, -1000.0) == [0]
    assert nth(tg.hypot, 1, 1e300, 1e300) == pytest.approx([0.5**0.5] * 2)
    assert nth(tg.hypot, 1, 3e-300, 4e-300) == pytest.approx([0.6, 0.8])


def test_digits_that_a_naive_formula_loses() -> None:
    x = np.array([-40.0, -1e-9, 1e-9])
    np.testing.assert_allclose(nth(tg.expm1, 1, x)[0], np.exp(x), rtol=1e-15)
    np.testing.assert_allclose(tg.log1p(x[1:]), x[1:], rtol=1e-8)
    # 1 / (1 + e^40), of two numbers whose sum has no digits left for it
    for op, base in ((tg.logaddexp, math.e), (tg.logaddexp2, 2)):
        found = nth(op, 1, 1e9, 1e9 + 40)[0]
        np.testing.assert_allclose(found, 1 / (1 + base**40.0), rtol=1e-13)


@pytest.mark.parametrize("op", [tg.logaddexp, tg.logaddexp2])
@pytest.mark.parametrize("dtype", ["i1", "u1", "i4", "f2", "f4", "f8"])
def test_the_dtype_does_not_depend_on_the_size(op: Any, dtype: str) -> None:
    few, many = (op(np.ones(n, dtype), np.ones(n, dtype)) for n in (4, 400))
    assert few.dtype == many.dtype
    np.testing.assert_allclose(many[:4], few, rtol=1e-2)
