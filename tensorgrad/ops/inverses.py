"""Inverses, determinants and powers of stacks of matrices, each by itself.

The names and settings are those of numpy.linalg, whose LinAlgError says that a matrix
is singular.
"""

import operator

import numpy as np

from ..errors import DtypeError, ShapeError
from ..op import primitive
from .elementwise import where, zeros_like
from .products import matmul
from .reduce import sum
from .shape import expand_dims, squeeze

__all__ = [
    "det",
    "inv",
    "matrix_power",
    "slogdet",
    "solve",
]


def square(name, x):
    """x, if its last two axes make square matrices."""
    x = matrices(name, x)
    if x.shape[-1] != x.shape[-2]:
        raise ShapeError(
            f"{name} is of square matrices (..., n, n), not of {x.shape}: the last two "
            "axes must be equal"
        )
    return x


def matrices(name, x):
    """x, if its last two axes make matrices of real numbers."""
    x = x if hasattr(x, "shape") else np.asarray(x)
    if x.ndim < 2:
        raise ShapeError(f"{name} is of matrices (..., m, n), not of {x.shape}")
    if x.dtype.kind == "c":
        raise DtypeError(f"{name} is of real numbers, not of {x.dtype}")
    return x


@primitive(smooth="x invertible", kinks="LinAlgError where x is singular")
def inv(x):
    """x^-1, the inverse of each matrix: (..., n, n) -> (..., n, n).

    >>> inv(Tensor([[2.0, 0.0], [0.0, 4.0]]))
    Tensor([[0.5 , 0.  ], [0.  , 0.25]], dtype=float32)
    """
    return np.linalg.inv(square("inv", x))


inv.gradient(x=lambda g, out: -(out.mT @ g @ out.mT))


@primitive(
    broadcasts=True, smooth="x invertible", kinks="LinAlgError where x is singular"
)
def solve(x, y):
    """The z with x @ z = y: (..., n, n) and (..., n, k) -> (..., n, k).

    Leading axes broadcast. A y with one axis, (n,), is a vector: (..., n, n) and
    (n,) -> (..., n). Any other holds matrices, as NumPy has it.

    >>> solve(Tensor([[2.0, 0.0], [0.0, 4.0]]), Tensor([2.0, 2.0]))
    Tensor([1. , 0.5], dtype=float32)
    """
    n, shape = square("solve", x).shape[-1], np.shape(y)
    if shape[-2:-1] != (n,) and shape != (n,):
        raise ShapeError(
            f"solve: x {x.shape} with y {shape}: y should be ({n},) or (..., {n}, k). "
            "For a stack of vectors, solve(x, y[..., None])"
        )
    return np.linalg.solve(x, y)


def _solve_x(g, x, y_shape, out):
    """-x^-T g z^T."""
    if len(y_shape) == 1:
        g, out = expand_dims(g, axis=-1), expand_dims(out, axis=-1)
    return -(solve(x.mT, g) @ out.mT)


def _solve_y(g, x, y_shape):
    """x^-T g."""
    if len(y_shape) == 1:
        return squeeze(solve(x.mT, expand_dims(g, axis=-1)), axis=-1)
    return solve(x.mT, g)


solve.gradient(x=_solve_x, y=_solve_y)


@primitive
def det(x):
    """The determinant of each matrix: (..., n, n) -> (...).

    It is a polynomial in the elements, and so has all derivatives at singular
    matrices too.

    >>> det(Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor(-2., dtype=float32)
    """
    return np.linalg.det(square("det", x))


det.gradient(x=lambda g, x, out: g[..., None, None] * _cofactors(x, out))


def _cofactors(x, determinant):
    """d det / dx: det(x) x^-T where x is safely invertible."""
    u, s, vt = np.linalg.svd(getattr(x, "_data", x))
    small = s <= np.finfo(s.dtype).eps ** (1 / 3) * s[..., :1]
    rank = s.shape[-1] - np.max(np.add.reduce(small, axis=-1), initial=0)
    if rank == s.shape[-1]:
        return determinant[..., None, None] * inv(x).mT
    sign = np.linalg.det(u) * np.linalg.det(vt)
    return sign[..., None, None] * _adjugate_beside(x, u, vt, rank).mT


def _adjugate_beside(x, u, vt, rank):
    """det(u v) adj(x) for an x = u s v^T with singular values near 0 after `rank`.

    With u and v constant, let [[p, q], [r, t]] = u^T x v. Its first block p is far
    from singular, so det(x) = +-det(p) det(t - r p^-1 q), and differentiating this
    gives the products below. Only p is inverted; the rest is polynomial.
    """
    u1, u2 = u[..., :rank].mT, u[..., rank:].mT
    v1, v2 = vt[..., :rank, :].mT, vt[..., rank:, :].mT
    p = u1 @ x @ v1
    most = v1 @ inv(p) @ u1
    small = u2 @ (x - x @ most @ x) @ v2
    adjugate = _adjugate(small)
    left, right = most @ x @ v2 - v2, u2 @ x @ most - u2
    rest = _trace(small @ adjugate) / small.shape[-1]  # det(small)
    return det(p)[..., None, None] * (rest * most + left @ adjugate @ right)


def _adjugate(x):
    """The adjugate by Faddeev and LeVerrier: sums and products of matrices alone."""
    n = x.shape[-1]
    eye = np.eye(n, dtype=x.dtype)
    out = eye
    for k in range(1, n):
        product = x @ out
        out = product - _trace(product) / k * eye
    return out if n % 2 else -out


def _trace(x):
    """The sum of each diagonal, (..., n, n) -> (..., 1, 1)."""
    return sum(x * np.eye(x.shape[-1], dtype=x.dtype), axis=(-2, -1), keepdims=True)


@primitive(smooth="x invertible", kinks="LinAlgError where x is singular")
def slogdet(x):
    """(sign of det x, log |det x|): (..., n, n) -> two of (...).

    Neither overflows. The sign has the derivative 0.

    >>> slogdet(Tensor([[0.0, 1.0], [1.0, 0.0]]))
    (Tensor(-1., dtype=float32), Tensor(0., dtype=float32))
    """
    return tuple(np.linalg.slogdet(square("slogdet", x)))


def _slogdet_x(g, x):
    _, g = g
    return zeros_like(x) if g is None else g[..., None, None] * inv(x).mT


slogdet.gradient(x=_slogdet_x)


def matrix_power(x, n):
    """x @ x @ ... @ x, n times; the inverse's power for n < 0, identities for 0.

    >>> matrix_power(Tensor([[1.0, 1.0], [0.0, 1.0]]), 5)
    Tensor([[1., 5.], [0., 1.]], dtype=float32)
    """
    x, n = square("matrix_power", x), operator.index(n)
    if n == 0:  # still a function of x, with the derivative 0
        return where(True, np.eye(x.shape[-1], dtype=x.dtype), x)
    if n < 0:
        x, n = inv(x), -n
    out = None
    while True:  # x is squared once per binary digit of n
        if n % 2:
            out = x if out is None else matmul(out, x)
        n //= 2
        if not n:
            return out
        x = matmul(x, x)
