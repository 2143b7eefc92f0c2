"""Ops that combine elements along axes, in PyTorch."""

from collections.abc import Callable
from typing import Any

import torch

from .order import ORDERS, SCANS


def axes(x: Any, axis: Any) -> Any:
    """PyTorch takes an empty tuple for all axes; NumPy for none."""
    return tuple(range(x.ndim)) if axis is None else axis


def reduce(function: Callable[..., Any]) -> Callable[..., Any]:
    def reduced(x: Any, axis: Any, keepdims: bool, **settings: Any) -> Any:
        if axis == ():
            return x * 1 if function is not torch.var else x * 0
        return function(x, axes(x, axis), keepdim=keepdims, **settings)

    return reduced


def product(x: Any, axis: Any, keepdims: bool) -> Any:
    """PyTorch's prod takes one axis."""
    axis = axes(x, axis)
    axis = axis if isinstance(axis, tuple) else (axis,)
    for a in sorted((a % max(x.ndim, 1) for a in axis), reverse=True):
        x = x.prod(a, keepdim=keepdims)
    return x * 1


REDUCTIONS = {
    **ORDERS,
    **SCANS,
    "sum": reduce(torch.sum),
    "mean": reduce(torch.mean),
    "var": lambda x, axis, ddof, keepdims: reduce(torch.var)(
        x, axis, keepdims, correction=ddof
    ),
    "std": lambda x, axis, ddof, keepdims: reduce(torch.std)(
        x, axis, keepdims, correction=ddof
    ),
    "prod": product,
    "max": reduce(torch.amax),
    "min": reduce(torch.amin),
    "logsumexp": reduce(torch.logsumexp),
}
