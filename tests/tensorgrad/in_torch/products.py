"""Products and linear algebra, in PyTorch."""

import itertools
from typing import Any

import numpy as np
import torch


def einsum(*xs: Any, subscripts: str) -> Any:
    return torch.einsum(subscripts, *xs)


# differs: torch.dot is for vectors alone, and torch.inner can't broadcast size 0.
def dot(x: Any, y: Any) -> Any:
    if x.ndim == 0 or y.ndim == 0:
        return x * y
    return torch.tensordot(x, y, dims=([-1], [max(-2, -y.ndim)]))


def inner(x: Any, y: Any) -> Any:
    if x.ndim == 0 or y.ndim == 0:
        return x * y
    return torch.tensordot(x, y, dims=([-1], [-1]))


def outer(x: Any, y: Any) -> Any:
    return torch.outer(x.reshape(-1), y.reshape(-1))


def tensordot(x: Any, y: Any, axes: Any) -> Any:
    if isinstance(axes, tuple):
        axes = tuple([of] if isinstance(of, int) else of for of in axes)
    return torch.tensordot(x, y, dims=axes)


# differs: PyTorch takes y for a stack of vectors where its shape allows that.
def solve(x: Any, y: Any) -> Any:
    z = y[:, None] if y.ndim == 1 else y
    stack = torch.broadcast_shapes(x.shape[:-2], z.shape[:-2])
    out = torch.linalg.solve(x, z.expand(*stack, *z.shape[-2:]))
    return out[..., 0] if y.ndim == 1 else out


# differs: PyTorch's derivative at a singular matrix is approximate, and it has no
# second one.
def det(x: Any) -> Any:
    singular = torch.linalg.matrix_rank(x.detach(), rtol=1e-9) < x.shape[-1]
    if not singular.any():
        return torch.linalg.det(x)
    n, total = x.shape[-1], 0.0
    for order in itertools.permutations(range(n)):
        sign = torch.linalg.det(torch.eye(n, dtype=x.dtype)[list(order)])
        total = total + sign * x[..., range(n), order].prod(-1)
    return total


# differs: PyTorch reads one triangle; its gradient is that of the symmetric part.
def symmetric(x: Any) -> Any:
    return (x + x.mT) / 2


def cholesky(x: Any, upper: bool) -> Any:
    return torch.linalg.cholesky(symmetric(x), upper=upper)


# differs: vectors are unique up to signs, so PyTorch's get those that NumPy's have.
def signs(vectors: Any, of: Any) -> Any:
    """1 or -1 for each column of PyTorch's `vectors`: whether NumPy's, `of`, agrees."""
    return torch.tensor(np.sign((vectors.detach().numpy() * of).sum(-2, keepdims=True)))


def eigh(x: Any) -> Any:
    w, v = torch.linalg.eigh(symmetric(x))
    return w, v * signs(v, np.linalg.eigh(symmetric(x.detach().numpy()))[1])


def svd(x: Any, full_matrices: bool, compute_uv: bool) -> Any:
    if not compute_uv:
        return torch.linalg.svdvals(x)
    u, s, vt = torch.linalg.svd(x, full_matrices=full_matrices)
    flips = signs(u, np.linalg.svd(x.detach().numpy(), full_matrices=full_matrices)[0])
    return u * flips, s, vt * flips.mT


def qr(x: Any) -> Any:
    q, r = torch.linalg.qr(x)
    flips = signs(q, np.linalg.qr(x.detach().numpy())[0])
    return q * flips, r * flips.mT


def vector_norm(x: Any, axis: Any, keepdims: bool, ord: Any) -> Any:
    return torch.linalg.vector_norm(x, ord=ord, dim=axis, keepdim=keepdims)


def norm(x: Any, ord: Any, axis: Any, keepdims: bool) -> Any:
    return torch.linalg.norm(x, ord=ord, dim=axis, keepdim=keepdims)


PRODUCTS = {
    "matmul": torch.matmul,
    "linear": torch.nn.functional.linear,
    "dot": dot,
    "inner": inner,
    "outer": outer,
    "tensordot": tensordot,
    "contract": einsum,
    "einsum": einsum,
    "inv": torch.linalg.inv,
    "solve": solve,
    "det": det,
    "slogdet": torch.linalg.slogdet,
    "matrix_power": torch.linalg.matrix_power,
    "cholesky": cholesky,
    "eigh": eigh,
    "eigvalsh": lambda x: torch.linalg.eigvalsh(symmetric(x)),
    "svd": svd,
    "qr": qr,
    "vector_norm": vector_norm,
    "norm": norm,
}
