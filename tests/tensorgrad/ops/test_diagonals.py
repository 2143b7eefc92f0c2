"""Diagonals and triangles: offsets past the edge, empty matrices, refusals."""

from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.errors import ShapeError
from tensorgrad.testing import assert_gradients

SHAPES = [
    (0, 0),
    (0, 3),
    (3, 0),
    (1, 1),
    (2, 3),
    (3, 2),
    (3, 3),
    (2, 3, 4),
    (6, 2),
    (2, 6),
]
OFFSETS = [-7, -4, -2, -1, 0, 1, 2, 4, 7]


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("shape", SHAPES)
def test_matrices_of_any_shape_at_any_offset(shape: Any, offset: int) -> None:
    x = np.random.default_rng(0).normal(size=shape)
    for name in ("diagonal", "trace", "tril", "triu"):
        setting = {"k": offset} if name.startswith("tri") else {"offset": offset}
        found = getattr(tg, name)(Tensor(x), **setting)
        np.testing.assert_allclose(found.data, getattr(np, name)(x, **setting))


@pytest.mark.parametrize("k", OFFSETS)
@pytest.mark.parametrize("n", [0, 1, 3])
def test_a_vector_becomes_a_matrix_and_comes_back(n: int, k: int) -> None:
    x = np.arange(1.0, n + 1)
    matrix = tg.diag(Tensor(x), k)
    np.testing.assert_array_equal(matrix.data, np.diag(x, k))
    np.testing.assert_array_equal(tg.diag(matrix, k).data, x)


def test_products_of_diagonals_to_third_order() -> None:
    x = np.random.default_rng(0).normal(size=(3, 4, 3))
    assert_gradients(lambda x: tg.diagonal(x, 1, 1, -1) ** 3, x, order=3)
    assert_gradients(lambda x: tg.trace(x, -1, 2, 0) ** 3, x, order=3)
    assert_gradients(
        lambda x: tg.diag(x[0, 0]) @ tg.diag(x[1, :3]) @ x[2, 1], x, order=3
    )
    assert_gradients(lambda x: tg.tril(x, k=-1) * tg.triu(x, k=-2) * x, x, order=3)


def test_a_triangle_is_exact_where_numbers_are_not_finite() -> None:
    x = Tensor(np.full((2, 2), np.nan), requires_grad=True)
    assert tg.tril(x).data[0, 1] == 0
    (tg.triu(x)[1, 0] * 5.0).backward()
    assert x.grad.tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("dtype", ["int8", "bool", "float16", "float32"])
def test_dtypes_are_numpys(dtype: str) -> None:
    x = np.ones((3, 3), dtype)
    for name in ("diagonal", "trace", "diag", "tril", "triu"):
        found = getattr(tg, name)(Tensor(x))
        expected = getattr(np, name)(x)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found.data, expected)


def test_what_is_picked_can_be_written_to() -> None:
    x = Tensor(np.eye(3))
    picked = tg.diagonal(x).copy()
    picked[0] = 5.0
    assert picked.tolist() == [5, 1, 1]
    assert x.data[0, 0] == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.diagonal(x, 1),
        lambda x: np.diagonal(x, offset=-1, axis1=1, axis2=0),
        lambda x: np.trace(x, 1),
        lambda x: np.diag(x, k=1),
        lambda x: np.tril(x, -1),
        lambda x: np.triu(x, k=1),
    ],
)
def test_numpys_functions_of_tensors(call: Any) -> None:
    x = np.arange(12.0).reshape(3, 4)
    found = call(Tensor(x))
    assert isinstance(found, Tensor)
    np.testing.assert_array_equal(found.data, call(x))


@pytest.mark.parametrize("x", [[1.0, 2.0], Tensor([1.0, 2.0]), Tensor(1.0)], ids=repr)
def test_less_than_a_matrix_is_refused(x: Any) -> None:
    for function in (tg.tril, tg.triu, tg.diagonal, tg.trace):
        with pytest.raises(ShapeError, match="two axes"):
            function(x)


def test_refusals() -> None:
    x = Tensor(np.ones((2, 3, 4)))
    for axes in ((0, 3), (-4, 0), (1, 1), (0, -3)):
        with pytest.raises(ValueError):
            tg.diagonal(x, 0, *axes)
        with pytest.raises(ValueError):
            tg.trace(x, 0, *axes)
    for bad in (x, Tensor(1.0)):
        with pytest.raises(ShapeError, match="vector or a matrix"):
            tg.diag(bad)
