"""Norms: at 0, at ties, and as NumPy has them."""

from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import Tensor, grad
from tensorgrad.errors import ConfigError, ShapeError
from tensorgrad.testing import gradcheck

inf = float("inf")


def gradient(function: Any, x: Any) -> Any:
    x = Tensor(np.asarray(x, float), requires_grad=True)
    function(x).sum().backward()
    assert x.grad is not None
    return x.grad


@pytest.mark.parametrize("order", [0, 0.5, 1, 1.5, 2, 2.5, 3, 4, inf, -inf])
def test_the_norm_of_zeros_has_zero_derivatives(order: float) -> None:
    def function(x: Any) -> Any:
        return tg.vector_norm(x, ord=order, axis=-1)

    x = np.array([[0.0, 0.0], [3.0, -4.0]])
    found = gradient(function, x)
    assert found[0].tolist() == [0, 0]
    np.testing.assert_allclose(found[1].data, gradient(function, x[1]).data)
    zeros = Tensor(np.zeros(2), requires_grad=True)
    (first,) = grad(function(zeros), [zeros], create_graph=True)
    if first.node is not None:
        weighed = (first * np.array([1.0, 2.0])).sum()
        assert grad(weighed, [zeros])[0].tolist() == [0, 0]


@pytest.mark.parametrize("order", [0.5, 1, 1.5, 2, 2.5, 3, 4, -1, -2])
def test_elements_that_are_zero(order: float) -> None:
    def function(x: Any) -> Any:
        return tg.vector_norm(x, ord=order)

    x = np.array([0.0, 3.0, -4.0, 0.0])
    with np.errstate(divide="ignore"):
        found = gradient(function, x)
    assert found[::3].tolist() == [0, 0]
    if order > 0:
        kept = gradient(function, x[1:3])
        np.testing.assert_allclose(found.data[1:3], kept.data)
    if order in (2, 4):  # smooth here, where |x| is not
        gradcheck(function, x, order=3)


@pytest.mark.parametrize(("n", "expected"), [(4, 6), (6, 120)])
def test_the_nth_derivative_of_the_nth_norm_at_an_element_that_is_zero(
    n: int, expected: int
) -> None:
    x = Tensor(np.array(0.0), requires_grad=True)
    y = tg.vector_norm(tg.stack([x, Tensor(np.array(1.0))]), ord=n)
    for _ in range(n):
        (y,) = grad(y, [x], create_graph=True)
    assert y.item() == pytest.approx(expected)  # of (x^n + 1)^(1/n)


def test_ties_share_evenly() -> None:
    for order in (inf, -inf):
        found = gradient(lambda x, order=order: tg.norm(x, order), [2.0, -2.0])
        assert found.tolist() == [0.5, -0.5]
    found = gradient(lambda x: tg.norm(x, 1), [[1, -1], [1, 1]])
    assert found.tolist() == [[0.5, -0.5], [0.5, 0.5]]
    for order, expected in ((2, 0.5), (-2, 0.5), ("nuc", 1)):
        found = gradient(lambda x, order=order: tg.norm(x, order), [[3, 0], [0, 3]])
        np.testing.assert_allclose(found.data, expected * np.eye(2), atol=1e-12)


@pytest.mark.parametrize("order", [None, "fro", "nuc", 1, -1, 2, -2, inf, -inf])
def test_the_norm_of_a_zero_matrix_has_a_zero_derivative(order: Any) -> None:
    found = gradient(lambda x: tg.norm(x, order), np.zeros((2, 3)))
    assert found.tolist() == [[0] * 3] * 2


# --- as NumPy has them

LIKE_NUMPY = {
    "norm": lambda x: np.linalg.norm(x),
    "by position": lambda x: np.linalg.norm(x, "nuc", (1, 0), True),
    "of all": lambda x: np.linalg.norm(x[None], keepdims=True),
    "of rows": lambda x: np.linalg.norm(x, axis=(-1,), ord=1),
    "of columns, backwards": lambda x: np.linalg.norm(x, 1, axis=(1, 0)),
    "vector_norm": lambda x: np.linalg.vector_norm(x, axis=0, ord=3),
}


@pytest.mark.parametrize("function", LIKE_NUMPY.values(), ids=LIKE_NUMPY)
@pytest.mark.parametrize("dtype", ["f4", "f8", "i8"])
def test_numpys_functions_take_tensors(function: Any, dtype: str) -> None:
    x = np.array([[4, -2], [1, 3]], dtype)
    found, expected = function(Tensor(x)), function(x)
    assert isinstance(found, Tensor)
    assert (found.shape, found.dtype) == (np.shape(expected), expected.dtype)
    np.testing.assert_allclose(found.data, expected, rtol=1e-6)


def test_arrays_lists_and_nothing() -> None:
    assert tg.norm([3.0, 4.0]) == 5
    assert tg.norm(np.array([30, 40], "i1")) == 50
    assert tg.norm([[3, 0], [0, 4]], 1) == 4
    assert tg.norm(np.zeros((0, 2)), axis=0).tolist() == [0, 0]
    assert gradient(lambda x: tg.norm(x, 3, axis=0), np.zeros((0, 2))).shape == (0, 2)
    assert gradient(tg.norm, 5.0).tolist() == 1


@pytest.mark.parametrize(
    "function",
    [
        lambda x: tg.norm(x) * tg.norm(x, 1, axis=0) / tg.norm(x, "nuc"),
        lambda x: x / tg.norm(x, axis=-1, keepdims=True),
        lambda x: tg.norm(x - tg.vector_norm(x, axis=0, ord=2.5), 2),
    ],
)
def test_one_tensor_in_several_norms(function: Any) -> None:
    gradcheck(function, np.random.default_rng(0).normal(size=(3, 3)), order=3)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda: tg.norm(np.ones((2, 2, 2)), 1), ShapeError),
        (lambda: tg.norm(np.float64(1), 1), ShapeError),
        (lambda: tg.norm(np.ones((2, 2)), axis=(0, -2)), ValueError),
        (lambda: tg.norm(np.ones((2, 2)), 3), ConfigError),
        (lambda: tg.norm(np.ones(2), "fro"), ConfigError),
        (lambda: tg.vector_norm(np.ones(2), ord=None), ConfigError),
    ],
)
def test_refused(wrong: Any, error: Any) -> None:
    with pytest.raises(error):
        wrong()
