"""Inverses, determinants and powers: numbers large and small, long products."""

from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import Tensor, grad
from tensorgrad.errors import ShapeError
from tensorgrad.testing import gradcheck

rng = np.random.default_rng(0)
X = rng.normal(size=(4, 4)) + 3 * np.eye(4)
U, _, VT = np.linalg.svd(X)


def cofactors(x: np.ndarray) -> np.ndarray:
    """Each from the matrix without the element's row and column."""
    out = np.empty_like(x)
    for i, j in np.ndindex(x.shape):
        minor = np.delete(np.delete(x, i, 0), j, 1)
        out[i, j] = (-1) ** (i + j) * np.linalg.det(minor)
    return out


def slopes(x: np.ndarray, scale: float) -> Any:
    """The determinant's derivatives at x times `scale`, but as large as at x."""
    leaf = Tensor(x * scale, requires_grad=True)
    (first,) = grad(tg.det(leaf), [leaf], create_graph=True)
    (second,) = grad((first * X).sum(), [leaf])
    return first.data / scale**3, second.data / scale**2


@pytest.mark.parametrize("scale", [1e-20, 1e-9, 1.0, 1e9, 1e20])
@pytest.mark.parametrize("values", [(5, 4, 3, 0), (5, 4, 0, 0), (5, 4, 3, 2)])
def test_determinants_of_any_scale(values: Any, scale: float) -> None:
    x = (U * np.array(values)) @ VT
    first, second = slopes(x, scale)
    np.testing.assert_allclose(first, cofactors(x), atol=1e-11)
    np.testing.assert_allclose(second, slopes(x, 1.0)[1], atol=1e-9)


@pytest.mark.parametrize("least", [1e-4, 1e-7, 1e-10])
def test_determinants_of_what_is_nearly_singular(least: float) -> None:
    gradcheck(tg.det, (U * np.array([2, 3, 4, least])) @ VT, order=3)
    gradcheck(tg.det, (U * np.array([2, 3, least, least])) @ VT, order=3)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_a_logarithm_of_what_would_overflow(scale: float) -> None:
    x = Tensor(X * scale, requires_grad=True)
    sign, logabsdet = tg.slogdet(x)
    expected = np.log(abs(np.linalg.det(X))) + 4 * np.log(scale)
    np.testing.assert_allclose(logabsdet.item(), expected)
    assert sign.item() == np.sign(np.linalg.det(X))
    (found,) = grad(logabsdet, [x])
    np.testing.assert_allclose(found.data * scale, np.linalg.inv(X).T, rtol=1e-10)


@pytest.mark.parametrize("n", [-13, -8, -1, 0, 1, 8, 11, 16])
def test_high_powers(n: int) -> None:
    x = X / 4
    expected = np.linalg.matrix_power(x, n)
    np.testing.assert_allclose(tg.matrix_power(x, n), expected, rtol=1e-10)
    if abs(n) < 12:
        gradcheck(lambda x: tg.matrix_power(x, n), x / 2 if n > 0 else 2 * x, order=2)


def test_the_power_0_of_what_has_no_inverse() -> None:
    x = Tensor(np.zeros((2, 3, 3)), requires_grad=True)
    out = tg.matrix_power(x, 0)
    np.testing.assert_array_equal(out.data, np.broadcast_to(np.eye(3), (2, 3, 3)))
    assert not grad(out.sum(), [x])[0].data.any()


@pytest.mark.parametrize("shape", [(4, 3), (3, 2), (2, 3, 2), (3,)])
def test_solutions_need_as_many_equations_as_unknowns(shape: Any) -> None:
    with pytest.raises(ShapeError, match="y should be"):
        tg.solve(np.eye(2), np.ones(shape))
