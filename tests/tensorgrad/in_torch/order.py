"""Ops that scan, sort and choose, in PyTorch."""

import math
from collections.abc import Callable
from typing import Any

import torch


def flattened(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function along an axis, which for None is that of x flattened."""

    def along(x: Any, axis: Any, **settings: Any) -> Any:
        x, axis = (x.reshape(-1), 0) if axis is None else (x, axis)
        return function(x, axis, **settings)

    return along


def recurrence(x: Any, y: Any, axis: int, reverse: bool) -> Any:
    pairs = list(zip(x.unbind(axis), y.unbind(axis), strict=True))
    outs: list[Any] = []
    for factor, term in reversed(pairs) if reverse else pairs:
        outs.append(factor * outs[-1] + term if outs else term)
    return torch.stack(outs[::-1] if reverse else outs, axis) if outs else y * 1


def running_sum(x: Any, axis: int, reverse: bool) -> Any:
    return x.flip(axis).cumsum(axis).flip(axis) if reverse else x.cumsum(axis)


def median(x: Any, axis: Any, keepdims: bool) -> Any:
    # differs: of an even count torch.median is the lower of the two in the middle
    axes = tuple(range(x.ndim)) if axis is None else axis
    axes = [a % x.ndim for a in (axes if isinstance(axes, tuple) else (axes,))]
    kept = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
    rest = [a for a in range(x.ndim) if a not in axes]
    n = math.prod(x.shape[a] for a in axes)
    rows = x.permute((*rest, *axes)).reshape(-1, n).sort(-1).values
    out = (rows[:, (n - 1) // 2] + rows[:, n // 2]) / 2
    return out.reshape(kept if keepdims else [x.shape[a] for a in rest])


ORDERS = {
    "sort": flattened(lambda x, axis: x.sort(dim=axis, stable=True).values),
    "median": median,
    "topk": lambda x, k, axis, largest: tuple(torch.topk(x, k, axis, largest)),
}
SCANS = {
    "cumsum": flattened(running_sum),
    "cumprod": flattened(torch.cumprod),
    "linear_recurrence": recurrence,
    "diff": torch.diff,
}
