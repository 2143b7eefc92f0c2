"""Reductions: products with zeros in them, kinks, empty and 0-d arrays, refusals."""

import itertools
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

import tensorgrad as tg
from tensorgrad import Tensor, grad
from tensorgrad.testing import assert_gradients
from tests.tensorgrad.ops.special import check_kinks, nth

inf, nan = float("inf"), float("nan")

ZEROS = [n for k in range(5) for n in itertools.combinations(range(4), k)]
AXES = [None, 0, -1, (0, 2), (2, 0), (-1, 0, 1), ()]


# --- products


@pytest.mark.parametrize("zeros", ZEROS, ids=str)
def test_a_product_with_zeros_has_all_its_derivatives(zeros: Any) -> None:
    x = np.array([2.0, -3.0, 0.5, 7.0])
    x[list(zeros)] = 0
    assert_gradients(tg.prod, x, order=3)


@pytest.mark.parametrize("axis", AXES, ids=str)
def test_products_with_zeros_along_any_axes(axis: Any) -> None:
    x = np.random.default_rng(0).uniform(0.5, 1.5, (2, 4, 3))
    x[0, 1, :2] = x[0, 2, 0] = 0  # of more than three, no derivative here is left
    assert_gradients(lambda x: tg.prod(x, axis=axis), x, order=3)
    assert_gradients(lambda x: tg.prod(x, axis=axis, keepdims=True), x, order=3)


def test_the_derivatives_of_a_product_are_products_of_the_others() -> None:
    assert nth(tg.prod, 1, [2, 3, 5]) == [[15, 10, 6]]
    assert nth(tg.prod, 1, [0, 3, 5]) == [[15, 0, 0]]
    assert nth(tg.prod, 1, [0, 0, 5]) == [[0, 0, 0]]
    assert nth(tg.prod, 2, [0, 0, 5]) == [[5, 5, 0]]  # the Hessian's rows, summed
    assert nth(tg.prod, 3, [0, 0, 0]) == [[2, 2, 2]]
    assert nth(tg.prod, 1, [1e-200, 1e-200, 1]) == [[1e-200, 1e-200, 0]]


def test_a_long_product_neither_divides_nor_slows_down() -> None:
    x = np.ones(100_000)
    x[70_000] = 0
    found = np.array(nth(tg.prod, 1, x)[0])
    assert found[70_000] == 1
    assert found.sum() == 1


# --- kinks


def columns(x: Any) -> Any:
    return tg.max(x, axis=0)


@pytest.mark.parametrize(
    ("function", "values", "expected"),
    [
        (tg.std, [[3, 3, 3]], [[0, 0, 0]]),
        (tg.std, [[2]], [[0]]),
        (lambda x: tg.std(x, axis=1), [[[3, 3], [1, 3]]], [[[0, 0], [-0.5, 0.5]]]),
        (tg.max, [[5, 1, 5, 5]], [[1 / 3, 0, 1 / 3, 1 / 3]]),
        (tg.min, [[1, 5, 1]], [[0.5, 0, 0.5]]),
        (columns, [[[1, 2], [1, 3]]], [[[0.5, 0], [0.5, 1]]]),
        (lambda x: tg.max(x, axis=(0, 1)), [[[2, 1], [0, 2]]], [[[0.5, 0], [0, 0.5]]]),
        (tg.logsumexp, [[-inf, -inf]], [[0, 0]]),
        (tg.logsumexp, [[inf, 0]], [[nan, 0]]),
        (tg.std, [[0, 1e-9]], [[-0.5, 0.5]]),
        (tg.max, [[1, 1 + 1e-9]], [[0, 1]]),
    ],
)
def test_kinks(function: Any, values: Any, expected: Any) -> None:
    check_kinks(function, values, expected)


def test_a_deviation_of_zero_has_no_derivatives_of_any_order() -> None:
    for n in (1, 2, 3):
        assert nth(tg.std, n, [4, 4]) == [[0, 0]]
    x = Tensor(np.array([4.0, 4.0]), requires_grad=True)
    (first,) = grad(tg.std(x), [x], create_graph=True)  # their sum is 0 in any case
    assert grad((first * np.array([1.0, 2.0])).sum(), [x])[0].tolist() == [0, 0]
    mixed = nth(lambda x: tg.std(x, axis=1), 2, [[4, 4], [1, 2]])
    assert np.isfinite(mixed).all()


# --- large, close and special numbers


def test_rows_far_from_each_other() -> None:
    x = np.array([[-1000.0, -1000.0], [1000.0, 1000.0], [0.0, 0.0]])
    np.testing.assert_allclose(tg.logsumexp(x, axis=1), x[:, 0] + np.log(2))
    (slopes,) = nth(lambda x: tg.logsumexp(x, axis=1), 1, x)
    np.testing.assert_allclose(slopes, np.full((3, 2), 0.5), rtol=1e-12)


def test_digits_that_a_naive_formula_loses() -> None:
    x = 1e9 + np.array([1.0, 2.0, 3.0])
    assert tg.var(x) == 2 / 3
    assert tg.std(x, ddof=1) == 1
    assert tg.sum(np.full(10**6, 0.1, "f4")) == pytest.approx(1e5, rel=1e-6)


def test_nan_and_infinity_as_numpy_has_them() -> None:
    x = np.array([[nan, 1.0], [2.0, 3.0], [-inf, 1.0], [0.5, inf]])
    for name in ("max", "min", "sum", "prod", "mean"):
        found = getattr(tg, name)(Tensor(x), axis=1)
        np.testing.assert_array_equal(found.data, getattr(np, name)(x, axis=1))
    assert tg.logsumexp(np.array([inf, 0.0])) == inf


@pytest.mark.parametrize("name", ["sum", "prod", "logsumexp", "max"])
def test_nothing_keeps_its_dtype(name: str) -> None:
    assert getattr(tg, name)(Tensor(np.ones((2, 0), "f4")), axis=0).dtype == "float32"


# --- empty and 0-d arrays


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 3), (2, 0, 3)])
@pytest.mark.parametrize("name", ["sum", "prod", "all", "any"])
def test_nothing_reduces_as_numpy_has_it(name: str, shape: Any) -> None:
    x = np.zeros(shape)
    for axis in (None, *range(-len(shape), len(shape))):
        found = getattr(tg, name)(Tensor(x), axis=axis)
        np.testing.assert_array_equal(found.data, getattr(np, name)(x, axis=axis))
        if name in ("sum", "prod"):
            assert_gradients(lambda x, axis=axis: getattr(tg, name)(x, axis=axis), x)


@pytest.mark.parametrize("name", ["max", "min", "argmax"])
def test_nothing_has_no_extremes(name: str) -> None:
    with pytest.raises(ValueError):
        getattr(tg, name)(Tensor(np.zeros((2, 0))), axis=1)


@pytest.mark.parametrize("axis", [None, 0, -1, ()])
@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "logsumexp"])
def test_a_scalar_has_an_axis_where_numpy_says_so(name: str, axis: Any) -> None:
    x = Tensor(np.array(3.0), requires_grad=True)
    for keepdims in (False, True):
        out = getattr(tg, name)(x, axis=axis, keepdims=keepdims)
        (g,) = grad(out, [x], create_graph=True)
        assert (out.shape, out.item(), g.shape, g.item()) == ((), 3, (), 1)


# --- dtypes and refusals


@pytest.mark.parametrize("name", ["prod", "std"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_dtype_stays(name: str, dtype: str) -> None:
    x = Tensor(np.array([[1.5, 0.5], [0.0, 2.0]], dtype), requires_grad=True)
    out = getattr(tg, name)(x, axis=0)
    for _ in range(3):
        assert out.dtype == dtype
        (out,) = grad((out * out).sum(), [x], create_graph=True)
    assert out.dtype == dtype


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "bool"])
@pytest.mark.parametrize("name", [n for n in tg.ops.reduce.__all__ if hasattr(np, n)])
def test_integers_reduce_as_numpy_has_it(name: str, dtype: str) -> None:
    x = np.array([[1, 0, 1], [3, 5, 7]]).astype(dtype)
    expected = getattr(np, name)(x, axis=1)
    for found in (getattr(tg, name)(x, axis=1), getattr(tg, name)(Tensor(x), axis=1)):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(np.asarray(found), expected)


@pytest.mark.parametrize("name", tg.ops.reduce.__all__)
@pytest.mark.parametrize("axis", [2, -3, (0, 2), (0, 0)])
def test_axes_that_are_not_there(name: str, axis: Any) -> None:
    with pytest.raises(ValueError):
        getattr(tg, name)(Tensor(np.ones((2, 3))), axis=axis)


def test_truths_have_no_gradient() -> None:
    x = Tensor(np.array([1.0, 0.0]), requires_grad=True)
    for out in (tg.all(x), np.any(x), tg.any(x > 3)):
        assert isinstance(out, Tensor)
        assert not out.requires_grad


def test_numpys_functions_of_tensors() -> None:
    x = np.array([[1.0, 2.0], [3.0, 5.0]])
    for call in (
        lambda x: np.prod(x, 0),
        lambda x: np.std(x, 0, ddof=1, keepdims=True),
        lambda x: np.all(x, axis=1),
        lambda x: np.any(x),
    ):
        found = call(Tensor(x))
        assert isinstance(found, Tensor)
        np.testing.assert_allclose(found.data, call(x))
    with pytest.raises(TypeError):
        np.prod(Tensor(x), where=x > 1)


@given(
    hnp.arrays(
        st.sampled_from([np.float16, np.float32, np.float64, np.int64]),
        hnp.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=6),
        elements=st.integers(-100, 100),
    ),
    st.sampled_from([None, 0, -1, (0, 1), ()]),
    st.booleans(),
)
def test_a_mean_is_numpy_s_to_the_last_bit(x: Any, axis: Any, keepdims: bool) -> None:
    x = x / x.dtype.type(7) if x.dtype.kind == "f" else x
    found = tg.REGISTRY["mean"].forward(x, axis=axis, keepdims=keepdims)
    expected = np.mean(x, axis=axis, keepdims=keepdims)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype
