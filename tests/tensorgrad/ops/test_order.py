"""Sorting, ranking and choosing: ties, NaN, empty arrays, refusals."""

from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import Tensor, grad
from tensorgrad.errors import ConfigError
from tensorgrad.testing import assert_gradients
from tests.tensorgrad.ops.special import check_kinks

nan = float("nan")

X = np.array([[3.0, 1.0, 3.0, 2.0], [0.0, 0.0, 5.0, 0.0]])


def weighed(function: Any) -> Any:
    """The result times 1, 2, 3, ..., to see which element of it is which."""

    def product(x: Any) -> Any:
        out = function(x)
        return out * np.arange(1.0, out.shape[-1] + 1)

    return product


@pytest.mark.parametrize(
    ("function", "values", "expected"),
    [
        (weighed(tg.sort), [[3, 1, 3, 2]], [[3, 1, 4, 2]]),
        (weighed(tg.sort), [[0, 0, 0]], [[1, 2, 3]]),
        (weighed(lambda x: tg.topk(x, 3)[0]), [[3, 1, 3, 2]], [[1, 0, 2, 3]]),
        (weighed(lambda x: tg.topk(x, 2)[0]), [[0, 0, 0]], [[1, 2, 0]]),
        (
            weighed(lambda x: tg.topk(x, 2, largest=False)[0]),
            [[4, 0, 0, 0]],
            [[0, 1, 2, 0]],
        ),
        (tg.median, [[7, 7, 7, 7]], [[0, 0.5, 0.5, 0]]),
        (tg.median, [[7, 1, 7, 7, 9]], [[0, 0, 1, 0, 0]]),
        (lambda x: tg.median(x, axis=0), [[[1, 2], [1, 2]]], [[[0.5] * 2] * 2]),
    ],
)
def test_elements_that_tie_keep_their_order(
    function: Any, values: Any, expected: Any
) -> None:
    check_kinks(function, values, expected)


def test_many_that_tie_keep_their_order() -> None:
    x = np.array([1.0, 0.0] * 50)  # a sort that is not stable may be on a few
    order = np.argsort(x, kind="stable")
    weights = np.empty(100)
    weights[order] = np.arange(1.0, 101)
    check_kinks(weighed(tg.sort), [x], [weights])
    check_kinks(weighed(lambda x: tg.topk(x, 100, largest=False)[0]), [x], [weights])
    middle = np.zeros(99)
    middle[np.argsort(x[1:], kind="stable")[49]] = 1
    check_kinks(tg.median, [x[1:]], [middle])


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_indices_are_those_of_a_stable_sort(axis: Any) -> None:
    found = tg.argsort(Tensor(X, requires_grad=True), axis=axis)
    np.testing.assert_array_equal(found.data, np.argsort(X, axis, kind="stable"))
    picked = tg.take_along_axis(X, found, axis)
    np.testing.assert_array_equal(picked, tg.sort(X, axis=axis))


@pytest.mark.parametrize("largest", [False, True])
@pytest.mark.parametrize("axis", [None, 0, 1, -2])
def test_the_best_come_first(axis: Any, largest: bool) -> None:
    n = X.size if axis is None else X.shape[axis]
    for k in range(n + 1):
        values, indices = tg.topk(X, k, axis, largest)
        np.testing.assert_array_equal(values, np.take_along_axis(X, indices, axis))
        order = np.sort(X, axis)
        order = np.flip(order, axis or 0) if largest else order
        np.testing.assert_array_equal(values, np.take(order, range(k), axis or 0))


def test_topk_has_values_with_a_gradient_and_indices_without() -> None:
    x = Tensor(X, requires_grad=True)
    values, indices = tg.topk(x, 2)
    assert values.requires_grad
    assert isinstance(indices, Tensor)
    assert not indices.requires_grad
    assert (indices.dtype, indices.tolist()) == ("int64", [[0, 2], [2, 0]])
    values.sum().backward()
    assert x.grad.tolist() == [[1, 0, 1, 0], [1, 0, 1, 0]]
    assert tg.topk(np.array([0, 9, 4], "u1"), 2)[0].tolist() == [9, 4]


@pytest.mark.parametrize("name", ["argmax", "argmin", "argsort"])
def test_indices_have_no_gradient(name: str) -> None:
    x = Tensor(X, requires_grad=True)
    out = getattr(tg, name)(x, axis=1)
    assert isinstance(out, Tensor)
    assert not out.requires_grad
    assert out.dtype == "int64"
    expected = getattr(np, name)(X[1])
    np.testing.assert_array_equal(getattr(tg, name)(X[1]), expected)
    (x * out.sum()).sum().backward()
    assert x.grad.shape == X.shape


def test_nan_sorts_to_the_end_and_spoils_a_median() -> None:
    x = Tensor(np.array([nan, 1.0, 0.0]), requires_grad=True)
    assert tg.sort(x).tolist()[:2] == [0, 1]
    (g,) = grad(tg.sort(x)[:2].sum(), [x])
    assert g.tolist() == [0, 1, 1]
    assert np.isnan(tg.median(x).item())
    for name in ("argmax", "argmin"):
        assert getattr(tg, name)(np.array([1.0, nan, 3.0, nan])) == 1  # the first


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 3)])
def test_nothing_sorts_to_nothing(shape: Any) -> None:
    for axis in (None, *range(len(shape))):
        assert_gradients(lambda x, axis=axis: tg.sort(x, axis=axis), np.zeros(shape))
    values, indices = tg.topk(Tensor(np.zeros(shape)), 0)
    assert values.shape == indices.shape == (*shape[:-1], 0)


def test_the_median_of_nothing_is_numpys() -> None:
    x = Tensor(np.zeros((2, 0)), requires_grad=True)
    with pytest.warns(RuntimeWarning):
        out = tg.median(x, axis=1)
    assert np.isnan(out.data).all()
    (g,) = grad(out.sum(), [x])
    assert g.shape == (2, 0)
    assert tg.median(x, axis=0).shape == (0,)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "bool", "float32"])
@pytest.mark.parametrize("name", ["sort", "median", "argmax", "argmin"])
def test_dtypes_are_numpys(name: str, dtype: str) -> None:
    x = np.array([[1, 0, 1], [3, 5, 7]]).astype(dtype)
    if (name, dtype) == ("median", "bool"):
        return  # NumPy can't take their mean
    expected = getattr(np, name)(x, axis=1)
    found = getattr(tg, name)(Tensor(x), axis=1)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found.data, expected)


@pytest.mark.parametrize("name", ["sort", "argsort", "argmax", "argmin", "median"])
@pytest.mark.parametrize("axis", [2, -3])
def test_axes_that_are_not_there(name: str, axis: int) -> None:
    with pytest.raises(ValueError):
        getattr(tg, name)(Tensor(X), axis=axis)


def test_refusals() -> None:
    for k in (-1, 5):
        with pytest.raises(ConfigError, match="k ="):
            tg.topk(Tensor(X), k)
    with pytest.raises(TypeError):
        tg.topk(Tensor(X), 1.5)
    for x, axis in ((Tensor(X), 2), (Tensor(1.0), -1)):
        with pytest.raises(ValueError):
            tg.topk(x, 1, axis)
    with pytest.raises(ValueError):
        tg.sort(Tensor(1.0))
    assert tg.sort(Tensor(1.0), axis=None).tolist() == [1]


def test_numpys_functions_of_tensors() -> None:
    for call in (
        lambda x: np.sort(x, 0),
        lambda x: np.argsort(x, 0),
        lambda x: np.argmax(x, axis=1, keepdims=True),
        lambda x: np.argmin(x),
        lambda x: np.median(x, axis=(0, 1), keepdims=True),
    ):
        found = call(Tensor(X))
        assert isinstance(found, Tensor)
        np.testing.assert_array_equal(found.data, call(X))


@pytest.mark.parametrize("special", [[], [np.nan], [0.0, -0.0], [np.inf, np.inf]])
@pytest.mark.parametrize("axis", [0, 1])
def test_long_rows_sort_as_short_ones(axis: int, special: Any) -> None:
    x = np.random.default_rng(0).normal(size=(40, 40))
    x[7, : len(special)] = x[: len(special), 7] = special
    order = np.argsort(x, axis=axis, kind="stable")
    np.testing.assert_array_equal(tg.argsort(x, axis=axis), order)
    leaf, g = (
        Tensor(x, requires_grad=True),
        np.random.default_rng(1).normal(size=x.shape),
    )
    tg.sort(leaf, axis=axis).backward(g)
    assert leaf.grad is not None
    np.testing.assert_array_equal(np.take_along_axis(leaf.grad.data, order, axis), g)
    np.testing.assert_array_equal(tg.median(x, axis=axis), np.median(x, axis=axis))
