"""Products and linear algebra, in HIPS/autograd."""

import functools
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd.numpy import linalg

from .common import all_axes, by_name, outputs, whole


def linear(x: Any, weight: Any, bias: Any) -> Any:
    return anp.matmul(x, weight.T) + (0 if bias is None else bias)


def einsum(*xs: Any, subscripts: str) -> Any:
    return anp.einsum(subscripts, *xs)


# differs: outer takes vectors alone.
def outer(x: Any, y: Any) -> Any:
    return anp.outer(anp.ravel(x), anp.ravel(y))


# differs: the derivative of solve is that for matrices, without broadcasting.
def solve(x: Any, y: Any) -> Any:
    z = y[:, None] if y.ndim == 1 else y
    stack = np.broadcast_shapes(x.shape[:-2], z.shape[:-2])
    out = linalg.solve(whole(x, (*stack, 1, 1)), whole(z, (*stack, 1, 1)))
    return out[..., 0] if y.ndim == 1 else out


def matrix_power(x: Any, n: int) -> Any:
    factor = linalg.inv(x) if n < 0 else x
    return functools.reduce(anp.matmul, [factor] * abs(n), np.eye(x.shape[-1]) + 0 * x)


# differs: the gradient of eigh is that of one triangle.
def symmetric(x: Any) -> Any:
    return (x + anp.swapaxes(x, -1, -2)) / 2


def cholesky(x: Any, upper: bool) -> Any:
    out = linalg.cholesky(x)
    return anp.swapaxes(out, -1, -2) if upper else out


def svd(x: Any, full_matrices: bool, compute_uv: bool) -> Any:
    # the domain has full_matrices for square ones alone, where it changes nothing
    found = linalg.svd(x, full_matrices=False, compute_uv=compute_uv)
    return outputs(found) if compute_uv else found


# differs: norm has wrong derivatives with keepdims or axes counted from the end.
def norm(x: Any, ord: Any, axis: Any, keepdims: bool) -> Any:
    axes = all_axes(x, axis)
    if ord is axis is None:
        out = linalg.norm(anp.ravel(x))
    else:
        out = linalg.norm(x, ord, axes if len(axes) == 2 else axes[0])
    return anp.expand_dims(out, axes) if keepdims else out


def vector_norm(x: Any, axis: Any, keepdims: bool, ord: Any) -> Any:
    reduce = {np.inf: anp.max, -np.inf: anp.min}.get(ord, anp.sum)
    if reduce is not anp.sum:
        return reduce(anp.abs(x), axis=axis, keepdims=keepdims)
    out = anp.sum(anp.abs(x) ** ord, axis=axis, keepdims=keepdims)
    return out ** (1 / ord) if ord else out


PRODUCTS = by_name("matmul dot inner tensordot") | {
    "cholesky": cholesky,
    "contract": einsum,
    "det": linalg.det,
    "eigh": lambda x: outputs(linalg.eigh(symmetric(x))),
    "eigvalsh": lambda x: linalg.eigh(symmetric(x))[0],
    "einsum": einsum,
    "inv": linalg.inv,
    "linear": linear,
    "matrix_power": matrix_power,
    "norm": norm,
    "outer": outer,
    "slogdet": lambda x: outputs(linalg.slogdet(x)),
    "solve": solve,
    "svd": svd,
    "vector_norm": vector_norm,
}
