"""Matrices as products of simpler ones, (..., m, n) each by itself.

The factors are those that LAPACK returns; some are unique only up to signs.
"""

import numpy as np

from ..errors import GraphError
from ..op import primitive
from .elementwise import where, zeros_like
from .inverses import inv, matrices, solve, square
from .join import concatenate

__all__ = [
    "cholesky",
    "eigh",
    "eigvalsh",
    "qr",
    "svd",
]


def symmetric(x):
    """(x + x^T) / 2."""
    return (x + x.mT) * 0.5


@primitive(smooth="x positive definite", kinks="LinAlgError where it is not")
def cholesky(x, *, upper=False):
    """The lower triangular L with L L^T = x; with `upper` its transpose.

    x stands for the symmetric (x + x^T) / 2, which is x itself where it is symmetric,
    as it should be; the gradient is symmetric. (NumPy reads one triangle.)

    >>> cholesky(Tensor([[4.0, 2.0], [2.0, 2.0]]))
    Tensor([[2., 0.], [1., 1.]], dtype=float32)
    """
    return np.linalg.cholesky(symmetric(square("cholesky", x)), upper=upper)


def _cholesky_x(g, out, upper):
    """L^-T P(L^T g) L^-1, where P halves the diagonal and drops what is above."""
    if upper:
        g, out = g.mT, out.mT
    n = out.shape[-1]
    halved = np.tri(n, dtype=g.dtype) - 0.5 * np.eye(n, dtype=g.dtype)
    inverse = inv(out)
    return symmetric(inverse.mT @ (halved * (out.mT @ g)) @ inverse)


cholesky.gradient(x=_cholesky_x)


@primitive(smooth="distinct eigenvalues", kinks="NaN for the vectors of equal ones")
def eigh(x):
    """(w, v) with x v = v * w: eigenvalues, rising, and vectors, in v's columns.

    x stands for the symmetric (x + x^T) / 2, which is x itself where it is symmetric,
    as it should be; the gradient is symmetric. (NumPy reads one triangle.) Functions
    of w alone have first derivatives where eigenvalues are equal, too.

    >>> eigh(Tensor([[2.0, 0.0], [0.0, 1.0]]))[0]
    Tensor([1., 2.], dtype=float32)
    """
    return tuple(np.linalg.eigh(symmetric(square("eigh", x))))


def _eigh_x(g, out):
    """v (diag gw + v^T gv / (w_j - w_i)) v^T."""
    (gw, gv), (w, v) = g, out
    if gv is None:
        return (v * gw[..., None, :]) @ v.mT
    eye = np.eye(w.shape[-1], dtype=bool)
    gaps = w[..., None, :] - w[..., :, None]
    inner = v.mT @ gv / where(eye, np.inf, gaps)
    if gw is not None:
        inner = inner + eye * gw[..., None, :]
    return symmetric(v @ inner @ v.mT)


eigh.gradient(x=_eigh_x)


def eigvalsh(x):
    """The eigenvalues of a symmetric x, rising: (..., n, n) -> (..., n). See `eigh`.

    >>> eigvalsh(Tensor([[2.0, 0.0], [0.0, 1.0]]))
    Tensor([1., 2.], dtype=float32)
    """
    return eigh(x)[0]


@primitive(
    smooth="distinct singular values, above 0 where m != n",
    kinks="NaN for the vectors of equal ones",
)
def svd(x, *, full_matrices=True, compute_uv=True):
    """(u, s, vt) with x = (u * s) @ vt: (..., m, n) -> (m, k), (k,) falling, (k, n).

    k is the smaller of m and n; u and vt have orthonormal columns and rows. With
    `full_matrices` both are square; the vectors that this adds are any that complete
    a basis, so they have no derivative, and asking for one is a GraphError. Without
    `compute_uv` the result is s alone, which has first derivatives where singular
    values are equal, too.

    >>> svd(Tensor([[0.0, 2.0], [1.0, 0.0]]), compute_uv=False)
    Tensor([2., 1.], dtype=float32)
    """
    matrices("svd", x)
    if not compute_uv:
        return np.linalg.svd(x, compute_uv=False)
    return tuple(np.linalg.svd(x, full_matrices=full_matrices))


def _svd_x(g, x, out, compute_uv):
    """u (inner) v^T, and what gu and gv hold outside of the spans of u and v."""
    if not compute_uv:
        u, _, vt = svd(x, full_matrices=False)
        return (u * g[..., None, :]) @ vt
    (gu, gs, gvt), (u, s, vt) = g, out
    k = s.shape[-1]
    u, gu = u[..., :k], _first(gu, k)
    v, gv = vt.mT[..., :k], _first(gvt if gvt is None else gvt.mT, k)
    gx = u @ _svd_inner(gu, gs, gv, u, s, v) @ v.mT
    if gu is not None and u.shape[-2] > k:
        outside = gu / s[..., None, :]
        gx = gx + (outside - u @ (u.mT @ outside)) @ v.mT
    if gv is not None and v.shape[-2] > k:
        outside = gv / s[..., None, :]
        gx = gx + u @ (outside - v @ (v.mT @ outside)).mT
    return gx


def _svd_inner(gu, gs, gv, u, s, v):
    """diag(gs) + (a + a^T) s + s (b + b^T), a = u^T gu / (s_j^2 - s_i^2), b of v."""
    eye = np.eye(s.shape[-1], dtype=bool)
    columns, rows = s[..., None, :], s[..., :, None]
    gaps = where(eye, np.inf, (columns - rows) * (columns + rows))
    inner = 0.0 if gs is None else eye * gs[..., None, :]
    if gu is not None:
        a = u.mT @ gu / gaps
        inner = inner + (a + a.mT) * columns
    if gv is not None:
        b = v.mT @ gv / gaps
        inner = inner + (b + b.mT) * rows
    return inner


def _first(g, k):
    """The gradient of the first k vectors, if the others have none."""
    if g is None or g.shape[-1] == k:
        return g
    if np.any(getattr(g, "_data", g)[..., k:]):
        raise GraphError(
            "svd: the vectors that full_matrices adds have no derivative. Pass "
            f"full_matrices=False, or use the first {k} alone"
        )
    return g[..., :k]


svd.gradient(x=_svd_x)


@primitive(
    smooth="independent columns, the first min(m, n)",
    kinks="LinAlgError where they are not",
)
def qr(x):
    """(q, r) with q r = x: (..., m, n) -> (m, k) and (k, n), k the smaller of m and n.

    q has orthonormal columns, r is upper triangular.

    >>> qr(Tensor([[0.0, 2.0], [3.0, 0.0]]))
    (Tensor([[ 0., -1.], [-1.,  0.]], dtype=float32),
     Tensor([[-3.,  0.], [ 0., -2.]], dtype=float32))
    """
    return tuple(np.linalg.qr(matrices("qr", x)))


def _qr_x(g, out):
    """Of the first k columns, x' = q r, and of those beyond, x'' = q w."""
    (q, r), k = out, out[0].shape[-1]
    gq, gr = [zeros_like(z) if gz is None else gz for gz, z in zip(g, out, strict=True)]
    if r.shape[-1] == k:
        return _tall_qr_x(gq, gr, q, r)
    w, gw = r[..., k:], gr[..., k:]
    first = _tall_qr_x(gq + q @ (w @ gw.mT), gr[..., :k], q, r[..., :k])
    return concatenate([first, q @ gw], axis=-1)


def _tall_qr_x(gq, gr, q, r):
    """(gq + q M) r^-T, M symmetric with the lower triangle of r gr^T - gq^T q."""
    inner = r @ gr.mT - gq.mT @ q
    lower = np.tri(r.shape[-1], dtype=inner.dtype)
    below = lower - np.eye(r.shape[-1], dtype=inner.dtype)
    gx = gq + q @ (inner * lower + (inner * below).mT)
    return solve(r, gx.mT).mT


qr.gradient(x=_qr_x)
