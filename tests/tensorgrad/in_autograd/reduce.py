"""Ops that combine elements along axes, in HIPS/autograd."""

import itertools
import operator
from typing import Any

import autograd.numpy as anp
from autograd.scipy import special

from .common import by_name, slices


def logsumexp(x: Any, axis: Any, keepdims: bool) -> Any:
    return special.logsumexp(x, axis, keepdims=keepdims)


def sort(x: Any, axis: Any) -> Any:
    return anp.sort(anp.ravel(x) if axis is None else x)


def topk(x: Any, k: int, axis: int, largest: bool) -> Any:
    return anp.sort(x)[:: -1 if largest else 1][:k]


def sum_to(x: Any, shape: Any) -> Any:
    lead = x.ndim - len(shape)
    ones = tuple(i for i in range(x.ndim) if i < lead or shape[i - lead] == 1)
    return anp.reshape(anp.sum(x, axis=ones, keepdims=True), shape)


def cumprod(x: Any, axis: Any) -> Any:
    x, axis = (anp.ravel(x), 0) if axis is None else (x, axis)
    parts = itertools.accumulate(slices(x, axis), operator.mul)
    return anp.stack(list(parts), axis)


def linear_recurrence(x: Any, y: Any, axis: int, reverse: bool) -> Any:
    pairs = list(zip(slices(x, axis), slices(y, axis), strict=True))
    outs = [0.0]
    for factor, term in pairs[:: -1 if reverse else 1]:
        outs.append(factor * outs[-1] + term)
    return anp.stack(outs[:0:-1] if reverse else outs[1:], axis)


def log_softmax(x: Any, axis: int) -> Any:
    return x - logsumexp(x, axis, keepdims=True)


def cumsum(x: Any, axis: Any, reverse: bool) -> Any:
    """In reverse all of it, less what comes before."""
    if not reverse:
        return anp.cumsum(x, axis)
    whole = anp.sum(x, axis, keepdims=axis is not None)
    return whole - anp.cumsum(x, axis) + (x.reshape(-1) if axis is None else x)


REDUCTIONS = by_name("sum mean var std prod max min diff") | {
    "cumprod": cumprod,
    "cumsum": cumsum,
    "linear_recurrence": linear_recurrence,
    "log_softmax": log_softmax,
    "logsumexp": logsumexp,
    "softmax": lambda x, axis: anp.exp(log_softmax(x, axis)),
    "sort": sort,
    "sum_to": sum_to,
    "topk": topk,
}
