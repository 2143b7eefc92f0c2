"""Running sums and products: zeros, huge numbers, 0-d and empty arrays, refusals."""

import itertools
from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import Tensor, grad
from tensorgrad.errors import ConfigError, ShapeError
from tensorgrad.testing import assert_gradients
from tests.tensorgrad.ops.special import nth

ZEROS = [n for k in range(5) for n in itertools.combinations(range(4), k)]


@pytest.mark.parametrize("zeros", ZEROS, ids=str)
def test_running_products_with_zeros_have_all_their_derivatives(zeros: Any) -> None:
    x = np.array([2.0, -3.0, 0.5, 7.0])
    x[list(zeros)] = 0
    assert_gradients(tg.cumprod, x, order=3)


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_running_products_with_zeros_along_an_axis(axis: Any) -> None:
    x = np.random.default_rng(0).uniform(0.5, 1.5, (2, 4, 3))
    x[0, 1, :2] = x[1, :3, 0] = x[1, 3, 1] = 0
    assert_gradients(lambda x: tg.cumprod(x, axis=axis), x, order=3)


def test_running_products_by_hand() -> None:
    # 2, 2 * 3, 2 * 3 * 5
    assert nth(tg.cumprod, 1, [2, 3, 5]) == [[1 + 3 + 15, 2 + 10, 6]]
    assert nth(tg.cumprod, 1, [0, 3, 5]) == [[19, 0, 0]]
    assert nth(tg.cumprod, 1, [2, 0, 0]) == [[1, 2, 0]]
    assert nth(tg.cumprod, 1, [1e-200, 1e-200, 1]) == [[1, 2e-200, 0]]


def test_factors_that_overflow_elsewhere_do_no_harm() -> None:
    x = Tensor(np.array([1e-200, 1e200, 1e200, 1.0]), requires_grad=True)
    (g,) = grad(tg.cumprod(x)[0], [x])
    assert g.tolist() == [1, 0, 0, 0]


def test_a_running_sum_by_hand() -> None:
    assert nth(tg.cumsum, 1, [5, 6, 7]) == [[3, 2, 1]]
    assert nth(lambda x: tg.cumsum(x) ** 2, 2, [0, 0]) == [[6, 4]]


def test_a_factor_of_a_safe_product_is_divided_out_as_if_it_were_not() -> None:
    x = np.random.default_rng(0).uniform(-2, 2, (3, 5))
    for function in (tg.cumprod, tg.prod):
        for axis in (None, 0, 1):
            leaf = Tensor(x, requires_grad=True)
            out = function(leaf, axis=axis)
            g = Tensor(np.arange(1.0, out.size + 1).reshape(out.shape))
            (quick,) = grad(out, [leaf], g, retain_graph=True)
            (slow,) = grad(out, [leaf], g, create_graph=True)
            np.testing.assert_allclose(quick.data, slow.data, rtol=1e-13)


@pytest.mark.parametrize("dtype", ["bool", "int8", "int32", "float16", "float32"])
def test_a_running_sum_has_numpys_dtype(dtype: str) -> None:
    x = np.ones((2, 3), dtype)
    for axis in (None, 0, 1):
        found = tg.cumsum(Tensor(x), axis=axis)
        expected = np.cumsum(x, axis=axis)
        np.testing.assert_array_equal(found.data, expected, strict=True)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_recurrences_of_any_length(n: int, reverse: bool) -> None:
    def function(x: Any, y: Any) -> Any:
        return tg.linear_recurrence(x, y, axis=0, reverse=reverse)

    rng = np.random.default_rng(n)
    inputs = rng.normal(size=(2, n, 2))
    assert_gradients(function, *map(np.array, inputs), order=3)


def test_a_recurrence_is_what_it_says() -> None:
    x, y = np.array([9.0, 2.0, 0.0, 3.0]), np.array([1.0, 1.0, 5.0, 1.0])
    assert tg.linear_recurrence(x, y).tolist() == [1, 3, 5, 16]
    back = tg.linear_recurrence(x, y, reverse=True)
    assert back.tolist() == [1 + 9 * 11, 1 + 2 * 5, 5, 1]
    assert tg.linear_recurrence(np.ones(4), y).tolist() == tg.cumsum(y).tolist()
    for one, other in (("f4", "f8"), ("f8", "f4")):
        mixed = tg.linear_recurrence(Tensor(x.astype(one)), Tensor(y.astype(other)))
        assert mixed.dtype == "float64"
    assert x.tolist() == [9, 2, 0, 3]


@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
@pytest.mark.parametrize("axis", [None, 0, -1])
def test_a_scalar_is_one_number_long(name: str, axis: Any) -> None:
    x = Tensor(np.array(3.0), requires_grad=True)
    out = getattr(tg, name)(x, axis=axis)
    (g,) = grad(out.sum(), [x], create_graph=True)
    assert (out.shape, out.tolist(), g.shape, g.item()) == ((1,), [3], (), 1)


@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 3)])
def test_nothing_runs_to_nothing(name: str, shape: Any) -> None:
    for axis in (None, *range(len(shape))):
        assert_gradients(
            lambda x, axis=axis: getattr(tg, name)(x, axis=axis),
            np.zeros(shape),
            order=3,
        )


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "diff"])
@pytest.mark.parametrize("dtype", ["int8", "int64", "float16", "float32"])
def test_dtypes_are_numpys(name: str, dtype: str) -> None:
    x = np.array([[1, 2, 3], [4, 5, 6]], dtype)
    expected = getattr(np, name)(x, axis=0)
    found = getattr(tg, name)(Tensor(x), axis=0)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found.data, expected)


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_differences_of_more_than_there_is(n: int) -> None:
    x = np.arange(3.0) ** 2
    np.testing.assert_array_equal(tg.diff(Tensor(x), n).data, np.diff(x, n))
    assert_gradients(lambda x: tg.diff(x * x, n), x, order=3)


def test_refusals() -> None:
    x = Tensor(np.ones((2, 3)))
    for name in ("cumsum", "cumprod", "diff"):
        for axis in (2, -3):
            with pytest.raises(ValueError):
                getattr(tg, name)(x, axis=axis)
    with pytest.raises(ShapeError, match="broadcast_to"):
        tg.linear_recurrence(x, x[0])
    with pytest.raises(ShapeError):
        tg.linear_recurrence(x, 1.0)
    with pytest.raises(ValueError):
        tg.linear_recurrence(x, x, axis=2)
    with pytest.raises(ConfigError):
        tg.diff(x, -1)
    with pytest.raises(ValueError):
        tg.diff(Tensor(1.0))


@pytest.mark.parametrize("dtype", ["f2", "f4"])
def test_running_products_have_gradients_where_g_times_out_is_too_large(
    dtype: str,
) -> None:
    half = dtype == "f2"
    x = Tensor(np.array([200] + [1] * 399 if half else [1e30, 1], dtype))
    x.requires_grad = True
    g = np.full(x.shape, 1 if half else 1e9, dtype)
    with np.errstate(over="ignore"):  # that of the last element is too large
        (gx,) = tg.grad(tg.cumprod(x, axis=0), [x], g)
    assert gx.data[0] == np.array(400 if half else 2e9, dtype)
