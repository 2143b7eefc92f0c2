"""Ops that combine elements along axes, and products, in MyGrad."""

from typing import Any

import mygrad as mg
from mygrad.linalg import norm
from mygrad.nnet import activations

from .common import by_name


def logsumexp(x: Any, **settings: Any) -> Any:
    return mg.log(mg.sum(mg.exp(x), **settings))


def cumsum(x: Any, axis: Any, reverse: bool) -> Any:
    """In reverse all of it, less what comes before."""
    if not reverse:
        return mg.cumsum(x, axis)
    whole = mg.sum(x, axis, keepdims=axis is not None)
    return whole - mg.cumsum(x, axis) + (x.reshape(-1) if axis is None else x)


REDUCTIONS = by_name("sum mean var std prod max min cumprod") | {
    "cumsum": cumsum,
    "log_softmax": activations.logsoftmax,
    "logsumexp": logsumexp,
    "softmax": activations.softmax,
}


def einsum(*xs: Any, subscripts: str) -> Any:
    return mg.einsum(subscripts, *xs)


def linear(x: Any, weight: Any, bias: Any) -> Any:
    out = mg.matmul(x, weight.T)
    return out if bias is None else out + bias


def vector_norm(x: Any, axis: Any, keepdims: bool, ord: Any) -> Any:
    if isinstance(axis, int):
        return norm(x, ord, axis, keepdims)
    out = norm(mg.ravel(x), ord)  # differs: several axes are those of a matrix
    return mg.reshape(out, (1,) * x.ndim) if keepdims else out


PRODUCTS = {
    "contract": einsum,
    "einsum": einsum,
    "matmul": mg.matmul,
    "linear": linear,
    "norm": norm,
    "vector_norm": vector_norm,
    "outer": lambda x, y: mg.reshape(x, (x.size, 1)) * mg.ravel(y),
}
