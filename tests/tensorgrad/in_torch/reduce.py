"""Ops that combine elements along axes, in PyTorch."""

from collections.abc import Callable
from typing import Any

import torch


def axes(x: Any, axis: Any) -> Any:
    """PyTorch takes an empty tuple for all axes; NumPy for none."""
    return tuple(range(x.ndim)) if axis is None else axis


def reduce(function: Callable[..., Any]) -> Callable[..., Any]:
    def reduced(x: Any, axis: Any, keepdims: bool, **settings: Any) -> Any:
        if axis == ():
            return x * 1 if function is not torch.var else x * 0
        return function(x, axes(x, axis), keepdim=keepdims, **settings)

    return reduced


REDUCTIONS = {
    "sum": reduce(torch.sum),
    "mean": reduce(torch.mean),
    "var": lambda x, axis, ddof, keepdims: reduce(torch.var)(
        x, axis, keepdims, correction=ddof
    ),
    "max": reduce(torch.amax),
    "min": reduce(torch.amin),
    "logsumexp": reduce(torch.logsumexp),
}
