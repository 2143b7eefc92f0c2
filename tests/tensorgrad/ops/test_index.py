"""Picking and putting back: repeats, dtypes, 0-d arrays, refusals."""

from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import Tensor, grad
from tensorgrad.testing import assert_gradients

X = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    ("key", "shape"),
    [
        (0, (3,)),
        (0, ()),
        ([0, 0, 1], (3, 3)),
        ([0, 0, 1], (3,)),
        (([0, 0], [1, 1]), (2,)),
        ((slice(None), [2, 2]), (2, 1)),
        (np.array([[True, False, True], [False, True, False]]), (3,)),
        ((..., None, 1), (1,)),
        ((), (2, 1)),
        (Tensor([1, 1]), (2, 3)),
    ],
    ids=repr,
)
def test_what_is_added_to_one_place_adds_up(key: Any, shape: Any) -> None:
    value = np.asarray(np.random.default_rng(0).normal(size=shape))
    expected = X.copy()
    np.add.at(expected, getattr(key, "_data", key), value)
    found = tg.add_at(Tensor(X), Tensor(value), key=key)
    np.testing.assert_allclose(found.data, expected)
    assert_gradients(
        lambda x, value: tg.add_at(x * x, value * value, key=key) ** 3,
        X,
        value,
        order=3,
    )


def test_neither_array_changes() -> None:
    x, value = np.zeros(3), np.ones(2)
    out = tg.add_at(x, value, key=[1, 1])
    assert (x.tolist(), value.tolist(), out.tolist()) == ([0] * 3, [1] * 2, [0, 2, 0])


def test_the_sum_has_the_dtype_that_x_plus_value_has() -> None:
    for x, value, dtype in (
        (Tensor([1, 2]), 1.5, "float64"),
        (Tensor([1.0, 2.0]), 1.5, "float32"),
        (Tensor([1.0, 2.0]), Tensor(np.array(1.5)), "float64"),
        (Tensor([1, 2]), Tensor(1.5), "float64"),
        (np.array([1, 2]), [1.5], "float64"),
        (np.array([1.0, 2.0], "f4"), 1.5, "float32"),
    ):
        out = tg.add_at(x, value, key=[0])
        assert out.dtype == dtype
        assert out.tolist() == [2.5, 2]
    x = Tensor(np.ones(2, "f4"), requires_grad=True)
    value = Tensor(np.ones(2), requires_grad=True)
    gx, gvalue = grad(tg.add_at(x, value, key=[0, 0]).sum(), [x, value])
    assert (gx.dtype, gvalue.dtype) == ("float32", "float64")


def test_an_assignment_keeps_the_dtype_of_x() -> None:
    for x, dtype in ((Tensor([1, 2]), "int64"), (Tensor([1.0, 2.0]), "float32")):
        out = tg.setitem(x, np.array([2.75]), key=[0])
        assert (out.dtype, out.tolist()) == (
            dtype,
            [2 if dtype == "int64" else 2.75, 2],
        )


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint64"])
def test_tokens_of_any_integer_dtype(dtype: str) -> None:
    weight = Tensor(np.arange(6.0).reshape(3, 2), requires_grad=True)
    out = tg.embedding(weight, np.array([2, 0, 2], dtype))
    assert out.tolist() == [[4, 5], [0, 1], [4, 5]]
    assert grad(out.sum(), [weight])[0].tolist() == [[1, 1], [0, 0], [2, 2]]


@pytest.mark.parametrize("axis", [None, 0, -1])
def test_indices_count_from_the_end_and_may_outnumber_x(axis: int | None) -> None:
    picks = np.array([-1, -2, 0, 1, -1, 0, 1, 1])
    x = X if axis is None else X[:, :2]
    picks = picks if axis is None else np.stack([picks, picks], 1 if axis == 0 else 0)
    for function in (
        lambda x: tg.take_along_axis(x * x, picks, axis),
        lambda x: tg.take(x * x, picks, axis=axis),
        lambda x: tg.take(x * x, -1, axis=axis),
    ):
        assert_gradients(function, x, order=2)
    found = tg.take_along_axis(Tensor(x), picks, axis)
    np.testing.assert_array_equal(found.data, np.take_along_axis(x, picks, axis))


def test_numpys_own_is_in_place_and_refused() -> None:
    with pytest.raises(TypeError):
        np.add.at(Tensor(X), 0, 1.0)


@pytest.mark.parametrize("axis", [None, 0, -1])
def test_a_scalar_is_taken_as_numpy_has_it(axis: Any) -> None:
    x = Tensor(np.array(3.0), requires_grad=True)
    out = tg.take(x, np.array([0, 0]), axis=axis)
    (g,) = grad(out.sum(), [x], create_graph=True)
    assert (out.tolist(), g.shape, g.item()) == ([3, 3], (), 2)


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_a_permutation_is_undone_exactly(axis: Any) -> None:
    x = np.random.default_rng(0).normal(size=(3, 4))
    order = np.argsort(x, axis)
    assert_gradients(lambda x: tg.take_along_axis(x * x, order, axis), x, order=3)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: tg.take(x, np.array([0]), axis=2),
        lambda x: tg.take_along_axis(x, np.array([[0]]), axis=2),
        lambda x: tg.take_along_axis(x, np.array([[0]]), axis=-3),
        lambda x: tg.take_along_axis(x, np.array([0]), axis=0),
        lambda x: tg.add_at(x, np.ones(5), key=0),
    ],
)
def test_refusals(call: Any) -> None:
    for x in (X, Tensor(X, requires_grad=True)):
        with pytest.raises(ValueError):
            call(x)


@pytest.mark.parametrize("key", [0, [0], [0, 1, 0], slice(None), ...])
@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (1, 1, 1)])
def test_a_value_with_more_axes_than_its_place(key: Any, shape: Any) -> None:
    x, value = np.array([1.0, 2.0]), np.full(shape, 5.0)
    expected = x.copy()
    for i in np.atleast_1d(np.arange(2)[key]):
        expected[i] += 5.0
    np.testing.assert_array_equal(tg.add_at(x, value, key=key), expected)


@pytest.mark.parametrize(
    ("key", "shape"),
    [
        (np.array([0, -1, 0, 2] * 90), (5,)),
        (np.array([[3, -4], [0, 3]] * 30), (4, 9)),
        (np.array([1, 0, -2] * 2000), (3, 4)),  # as rows of a table
        ((np.array([[1], [-1]] * 20), np.array([0, 2, 2, 0] * 5)), (2, 3)),
        ((slice(None), np.array([0, 0, -1] * 40), slice(1, None)), (2, 4, 3)),
    ],
)
def test_what_goes_to_one_place_is_added_by_every_way(key: Any, shape: Any) -> None:
    x = np.random.default_rng(0).normal(size=np.zeros(shape)[key].shape)
    expected = np.zeros(shape)
    np.add.at(expected, key, x)
    found = tg.scatter_add(x, key=key, shape=shape)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    if isinstance(key, np.ndarray):
        with pytest.raises(IndexError):
            tg.scatter_add(x, key=np.where(key == 0, 9, key), shape=shape)
