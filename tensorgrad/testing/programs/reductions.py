"""Statements that reduce and normalise arrays, or put them in order."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np

from ... import ops
from .elementwise import GAP
from .scope import any_of, anything, one
from .statement import Kind, named


def axes(x: np.ndarray) -> list[Any]:
    """Every `axis` that a reduction of x takes, but for tuples of three."""
    pairs = [(0, -1)] if x.ndim > 1 else []
    return [None, *range(-x.ndim, x.ndim), *pairs]


def axis(draw: st.DrawFn, x: np.ndarray) -> Any:
    return draw(st.sampled_from(axes(x)))


def untied(x: np.ndarray) -> list[Any]:
    """The axes along which both the largest and the smallest element stand alone."""
    return [axis for axis in axes(x) if x.size and _stand_alone(x, axis)]


def _stand_alone(x: np.ndarray, axis: Any) -> Any:
    if isinstance(axis, tuple):
        return False
    steps = np.diff(np.sort(x, axis=axis), axis=-1 if axis is None else axis)
    if axis is not None:
        steps = np.moveaxis(steps, axis, -1)
    return not steps.shape[-1] or min(steps[..., 0].min(), steps[..., -1].min()) >= GAP


def untied_axis(draw: st.DrawFn, x: np.ndarray) -> Any:
    return draw(st.sampled_from(untied(x)))


def any_axis(draw: st.DrawFn, x: np.ndarray) -> Any:
    return draw(st.integers(-x.ndim, x.ndim - 1))


def filled(x: np.ndarray) -> bool:
    return x.size > 0


def rows(x: np.ndarray) -> bool:
    """Whether x has an axis, and elements."""
    return x.ndim > 0 and x.size > 0


def apart(x: np.ndarray) -> Any:
    """Whether no two elements are close."""
    return x.ndim > 0 and (np.diff(np.sort(x, axis=None)) >= GAP).all()


def spread(x: np.ndarray) -> Any:
    """Whether no row is nearly constant, where layer_norm would be steep."""
    return rows(x) and x.shape[-1] > 1 and x.std(-1).min() >= 2 * GAP


def dims(x: Any, axis: Any) -> Any:
    return tuple(range(x.ndim)) if axis is None else axis


def below(name: str) -> Any:
    """PyTorch's reduction of that name, with our settings."""

    def theirs(torch: Any, x: Any, axis: Any, keepdims: bool) -> Any:
        return getattr(torch, name)(x, dim=dims(x, axis), keepdim=keepdims)

    return theirs


def their_var(torch: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    return torch.var(x, dim=dims(x, axis), correction=0, keepdim=keepdims)


KEEP = any_of(False, True)


def reduction(name: str, suits: Any, theirs: Any, axis: Any = axis) -> Kind:
    draw = one(suits, axis=axis, keepdims=KEEP)
    theirs = below(theirs) if isinstance(theirs, str) else theirs
    return named(name, draw, theirs, "axis", "keepdims")


def along(name: str, suits: Any) -> Kind:
    """The kind for an op along one axis, of the same name and settings in PyTorch."""
    draw = one(suits, axis=any_axis)
    return named(
        name, draw, lambda torch, x, axis: getattr(torch, name)(x, axis), "axis"
    )


REDUCTIONS = (
    reduction("sum", anything, "sum"),
    reduction("mean", filled, "mean"),
    reduction("var", rows, their_var),
    reduction("max", untied, "amax", untied_axis),
    reduction("min", untied, "amin", untied_axis),
    reduction("logsumexp", rows, "logsumexp"),
    along("softmax", rows),
    along("log_softmax", rows),
    along("cumsum", rows),
    along("cumprod", rows),
    along("prod", rows),
    named(
        "sort",
        one(apart, axis=any_axis),
        lambda torch, x, axis: torch.sort(x, axis).values,
        "axis",
    ),
    Kind(
        "tg.std({0}, axis=-1)",
        one(spread),
        lambda x: ops.std(x, axis=-1),
        lambda torch, x: torch.std(x, -1, correction=0),
    ),
    Kind(
        "tg.norm({0}, axis=-1)",
        one(spread),
        lambda x: ops.norm(x, axis=-1),
        lambda torch, x: torch.linalg.vector_norm(x, dim=-1),
    ),
)
