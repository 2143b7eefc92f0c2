"""Linear algebra: what the factors multiply to, edges, kinks and refusals."""

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import tensorgrad as tg
from tensorgrad import Tensor, grad
from tensorgrad.errors import DtypeError, GraphError, ShapeError
from tensorgrad.testing import gradcheck
from tensorgrad.testing.domains import DOMAINS
from tests.tensorgrad.checks import listed


def cases(name: str) -> Any:
    """The inputs that the op's domain draws, without the settings."""
    return DOMAINS[name].cases.map(lambda case: case[0])


def equal(x: Any, y: Any) -> None:
    np.testing.assert_allclose(x, y, rtol=1e-11, atol=1e-11)


def identity(like: np.ndarray) -> np.ndarray:
    return np.broadcast_to(np.eye(like.shape[-1]), like.shape)


# --- what they multiply to


@given(cases("inv"))
def test_inverses(xs: Any) -> None:
    (x,) = xs
    equal(x @ tg.inv(x), identity(x))
    sign, logabsdet = tg.slogdet(x)
    equal(sign * np.exp(logabsdet), tg.det(x))
    equal(tg.det(x @ x.mT), tg.det(x) ** 2)
    equal(tg.matrix_power(x, -2) @ tg.matrix_power(x, 3), x)


@given(cases("solve"))
def test_solutions(xs: Any) -> None:
    x, y = xs
    z = tg.solve(x, y)
    found = (x @ z[..., None])[..., 0] if y.ndim == 1 else x @ z
    equal(found, np.broadcast_to(y, found.shape))


@given(cases("cholesky"))
def test_roots(xs: Any) -> None:
    (x,) = xs
    root, upper = tg.cholesky(x), tg.cholesky(x, upper=True)
    equal(root @ root.mT, x)
    np.testing.assert_array_equal(root, np.tril(root))
    equal(upper, root.mT)


@given(cases("eigh"))
def test_eigenvectors(xs: Any) -> None:
    (x,) = xs
    w, v = tg.eigh(x)
    equal((v * w[..., None, :]) @ v.mT, x)
    equal(v.mT @ v, identity(v))
    assert (np.diff(w) >= 0).all()
    equal(tg.eigvalsh(x), w)


@given(cases("svd"), st.booleans())
def test_singular_vectors(xs: Any, full: bool) -> None:
    (x,) = xs
    u, s, vt = tg.svd(x, full_matrices=full)
    k = min(x.shape[-2:])
    equal((u[..., :k] * s[..., None, :]) @ vt[..., :k, :], x)
    for vectors in (u, vt.mT):
        assert vectors.shape[-1] == (vectors.shape[-2] if full else k)
        equal(vectors.mT @ vectors, identity(vectors.mT @ vectors))
    assert (np.diff(s) <= 0).all()
    equal(tg.svd(x, compute_uv=False), s)


@given(cases("qr"))
def test_orthonormal_columns(xs: Any) -> None:
    (x,) = xs
    q, r = tg.qr(x)
    equal(q @ r, x)
    equal(q.mT @ q, identity(q.mT @ q))
    np.testing.assert_array_equal(r, np.triu(r))


# --- derivatives of some outputs, of the same input twice, of larger matrices

rng = np.random.default_rng(0)
X = rng.normal(size=(5, 5)) + 3 * np.eye(5)
WIDE, TALL = rng.normal(size=(2, 4)), rng.normal(size=(2, 4, 2))
U, _, VT = np.linalg.svd(X)


def of_rank(rank: int) -> np.ndarray:
    return np.asarray((U[:, :rank] * np.arange(2.0, 2 + rank)) @ VT[:rank])


PARTS: dict[str, tuple[Callable[..., Any], np.ndarray]] = {
    "w": (lambda x: tg.eigh(x)[0], X + X.T),
    "v": (lambda x: tg.eigh(x)[1], X + X.T),
    "sign": (lambda x: tg.slogdet(x)[0] * x.sum(), X),
    "logabsdet": (lambda x: tg.slogdet(x)[1], X),
    "u": (lambda x: tg.svd(x, full_matrices=False)[0], WIDE),
    "u, tall": (lambda x: tg.svd(x, full_matrices=False)[0], TALL),
    "s": (lambda x: tg.svd(x)[1], WIDE),
    "s, tall": (lambda x: tg.svd(x)[1], TALL),
    "vt": (lambda x: tg.svd(x, full_matrices=False)[2], WIDE),
    "u, s": (lambda x: tg.svd(x)[:2], WIDE),
    "s, vt": (lambda x: tg.svd(x)[1:], TALL),
    "vt, of full ones": (lambda x: tg.svd(x)[2][..., :2, :], WIDE),
    "u, of full ones": (lambda x: tg.svd(x)[0][..., :2], TALL),
    "q": (lambda x: tg.qr(x)[0], WIDE),
    "r": (lambda x: tg.qr(x)[1], WIDE),
    "q, tall": (lambda x: tg.qr(x)[0], TALL),
    "r, tall": (lambda x: tg.qr(x)[1], TALL),
    "solve(x, x)": (lambda x: tg.solve(x, x * x), X),
    "solve(x, x[0])": (lambda x: tg.solve(x, x[0]) * x, X),
    "inv(x) @ x": (lambda x: tg.inv(x) @ x @ x, X),
    "det(x) inv(x)": (lambda x: tg.det(x) * tg.inv(x) * 0.01, X),
    "v w v": (lambda x: tg.eigh(x)[1] @ x * tg.eigvalsh(x), X + X.T),
    "cholesky(x x^T)": (lambda x: tg.cholesky(x @ x.mT), X),
    "matrix_power": (lambda x: tg.matrix_power(x, -3) @ tg.matrix_power(x, 6), X / 4),
}


@pytest.mark.parametrize(("function", "x"), PARTS.values(), ids=PARTS)
def test_derivatives_to_the_third(function: Any, x: np.ndarray) -> None:
    gradcheck(function, x, order=3)


@pytest.mark.parametrize("rank", [0, 1, 2, 3, 4])
def test_the_determinant_has_all_derivatives_at_singular_matrices(rank: int) -> None:
    gradcheck(tg.det, of_rank(rank), order=3)
    stack = np.stack([X, of_rank(rank), 1e-9 * X, of_rank(4)])
    gradcheck(lambda x: tg.det(x) * x[:, 0, 0], stack, order=2)


def test_the_gradient_of_a_singular_determinant_is_the_cofactors() -> None:
    x = Tensor([[1.0, 2.0], [2.0, 4.0]], requires_grad=True)
    (first,) = grad(tg.det(x), [x], create_graph=True)
    np.testing.assert_allclose(first.data, [[4, -2], [-2, 1]], atol=1e-6)
    (second,) = grad(first[0, 1], [x])
    np.testing.assert_allclose(second.data, [[0, 0], [-1, 0]], atol=1e-6)


def test_the_symmetric_part_is_what_counts() -> None:
    part = (X + X.T) / 2
    np.testing.assert_array_equal(tg.cholesky(X), np.linalg.cholesky(part))
    for found, expected in zip(tg.eigh(X), np.linalg.eigh(part), strict=True):
        np.testing.assert_array_equal(found, expected)
    for function in (tg.cholesky, lambda x: tg.eigh(x)[1], tg.eigvalsh):
        x = Tensor(X, requires_grad=True)
        function(x)[0].sum().backward()
        assert x.grad is not None
        equal(x.grad.data, x.grad.data.T)


# --- edges: size 0 and 1, float32, integers, NumPy's own functions

SQUARE = {
    name: getattr(tg, name)
    for name in ("inv", "det", "slogdet", "cholesky", "eigh", "eigvalsh", "svd", "qr")
}
SQUARE |= {
    "solve": lambda x: tg.solve(x, x),
    "solve, vector": lambda x: tg.solve(x, np.ones(x.shape[-1], x.dtype)),
    "matrix_power": lambda x: tg.matrix_power(x, 3),
    "matrix_power, 0": lambda x: tg.matrix_power(x, 0),
    "thin svd": lambda x: tg.svd(x, full_matrices=False),
    "singular values": lambda x: tg.svd(x, compute_uv=False),
}


def gradient(function: Any, x: Any) -> Any:
    x = Tensor(x, requires_grad=True)
    outs = listed(function(x))
    sum(out.sum() for out in outs).backward()
    assert all(out.dtype == x.dtype for out in outs)
    assert x.grad is not None
    return x.grad


@pytest.mark.parametrize("name", SQUARE)
@pytest.mark.parametrize("shape", [(0, 0), (0, 2, 2), (3, 0, 0), (1, 1), (2, 1, 1, 1)])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_empty_and_smallest(name: str, shape: Any, dtype: str) -> None:
    g = gradient(SQUARE[name], np.full(shape, 2, dtype))
    assert (g.shape, g.dtype) == (shape, np.dtype(dtype))
    gradcheck(SQUARE[name], np.full(shape, 2.0), order=3)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 2, 3), (2, 3, 0)])
def test_empty_and_not_square(shape: Any) -> None:
    for function in (tg.qr, lambda x: tg.svd(x, full_matrices=False)):
        assert gradient(function, np.zeros(shape)).shape == shape
    assert tg.svd(np.zeros(shape))[0].shape[-2:] == (shape[-2], shape[-2])


@pytest.mark.parametrize("name", SQUARE)
def test_float32_stays_and_integers_become_what_numpy_makes_of_them(name: str) -> None:
    x = np.array([[4, 1], [1, 3]])
    exact = listed(SQUARE[name](x))
    for found, expected in zip(listed(SQUARE[name](Tensor(x))), exact, strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found.data, expected)
    assert exact[0].dtype == (int if "power" in name else float)
    single = listed(SQUARE[name](Tensor(x, dtype="f4")))
    for found, expected in zip(single, exact, strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found.data, expected, rtol=1e-5, atol=1e-6)


LIKE_NUMPY: dict[str, Callable[..., Any]] = {
    "inv": lambda x: np.linalg.inv(x),
    "solve": lambda x: np.linalg.solve(x, x[0]),
    "det": lambda x: np.linalg.det(x),
    "slogdet": lambda x: np.linalg.slogdet(x),
    "matrix_power": lambda x: np.linalg.matrix_power(x, 3),
    "cholesky": lambda x: np.linalg.cholesky(x, upper=True),
    "eigh": lambda x: np.linalg.eigh(x),
    "eigvalsh": lambda x: np.linalg.eigvalsh(x),
    "svd": lambda x: np.linalg.svd(x[:1]),
    "svd, thin": lambda x: np.linalg.svd(x[:1], full_matrices=False),
    "svd, s": lambda x: np.linalg.svd(x, compute_uv=False),
    "qr": lambda x: np.linalg.qr(x),
}


@pytest.mark.parametrize("function", LIKE_NUMPY.values(), ids=LIKE_NUMPY)
def test_numpys_functions_take_tensors(function: Any) -> None:
    x = np.array([[4.0, 1.0], [1.0, 3.0]])
    expected = function(x)
    for found, other in zip(listed(function(Tensor(x))), listed(expected), strict=True):
        assert isinstance(found, Tensor)
        assert found.shape == np.shape(other)
        equal(found.data, other)


# --- kinks


def slope(function: Any, x: Any) -> Any:
    return gradient(function, np.asarray(x, float)).tolist()


def test_equal_eigenvalues_have_first_derivatives_but_not_their_vectors() -> None:
    equal(slope(tg.eigvalsh, np.eye(3)), np.eye(3))
    equal(slope(lambda x: tg.svd(x)[1] * 3, 2 * np.eye(2)), 3 * np.eye(2))
    for function in (lambda x: tg.eigh(x)[1], lambda x: tg.svd(x)[0]):
        with np.errstate(divide="ignore", invalid="ignore"):
            assert not np.isfinite(slope(function, np.eye(2))).all()


# --- refusals


def test_the_vectors_that_full_matrices_adds_have_no_derivative() -> None:
    x = Tensor(WIDE, requires_grad=True)
    _, _, vt = tg.svd(x)
    with pytest.raises(GraphError, match="full_matrices=False"):
        vt[2].sum().backward()


@pytest.mark.parametrize("name", ["inv", "det", "slogdet", "cholesky", "eigh"])
def test_matrices_must_be_square_and_real(name: str) -> None:
    function = getattr(tg, name)
    for shape in ((2, 3), (3,), ()):
        with pytest.raises(ShapeError, match=f"{name} is of"):
            function(np.ones(shape))
    with pytest.raises(DtypeError, match="complex128"):
        function(np.eye(2) * 1j)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda: tg.solve(np.eye(2), 1.0), ShapeError),
        (lambda: tg.solve(np.eye(2), np.ones((4, 3))), ShapeError),
        (lambda: tg.solve(np.ones((2, 3)), np.ones(3)), ShapeError),
        (lambda: tg.svd(np.ones(3)), ShapeError),
        (lambda: tg.qr(np.ones(3)), ShapeError),
        (lambda: tg.matrix_power(np.ones((2, 3)), 2), ShapeError),
        (lambda: tg.matrix_power(np.eye(2), 0.5), TypeError),
        (lambda: tg.inv(np.ones((2, 2))), np.linalg.LinAlgError),
        (lambda: tg.cholesky(-np.eye(2)), np.linalg.LinAlgError),
    ],
)
def test_refused(wrong: Any, error: Any) -> None:
    with pytest.raises(error):
        wrong()
