"""One parameter in several places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...differentiate import grad
from ...errors import DtypeError
from ...graph import Variable
from ...mode import enable_grad
from ...tensor import Tensor
from .compare import Array, Arrays, LawError, agree, leaves, margin, settled
from .inputs import data_of

LAW = "tied_gradient_is_sum"


def tied_gradient_is_sum(
    f: Callable[..., Any],
    w: Any,
    *,
    uses: int = 2,
    seed: int = 0,
    tolerance: float | None = None,
) -> None:
    """d f(w, ..., w) / d w = sum_i d f(w_1, ..., w_n) / d w_i at w_1 = ... = w_n = w.

    f takes a parameter once for each of its `uses` and gives a Tensor, or several:
    for a model, a function that puts its arguments where the shared weight stands.
    Every use must send a gradient: one that does not is a copy, or detached. Outputs
    are weighed at random.

    >>> x = np.array([0.5, 2.0])
    >>> tied_gradient_is_sum(lambda a, b: (x @ a) @ b, np.eye(2))
    >>> tied_gradient_is_sum(lambda a, b: (x @ a) @ b.copy().detach(), np.eye(2))
    Traceback (most recent call last):
    tensorgrad.testing.laws.compare.LawError: tied_gradient_is_sum: use 1 of 2 sends no
    gradient back: ...
    """
    data = data_of(w)
    if data.dtype.kind != "f" or uses < 2:
        raise DtypeError(
            f"{LAW}: needs a parameter of floats, not {data.dtype}, and 2 uses or "
            f"more, not {uses}"
        )
    tied, copies = leaf(data), [leaf(data) for _ in range(uses)]
    agree(
        LAW,
        settled(LAW, f, *[tied] * uses),
        settled(LAW, f, *copies),
        ("tied", "with a copy for each use"),
        "Values must not depend on whether two uses are the same object",
        tolerance=tolerance,
    )
    parts = [
        sent(f"use {i} of {uses}", g)
        for i, g in enumerate(slopes(f, copies, copies, seed))
    ]
    [g] = slopes(f, [tied] * uses, [tied], seed)
    found = {"gradient": sent("the tied parameter", g)}
    expected = {"gradient": np.sum(parts, axis=0, dtype=data.dtype)}
    agree(
        LAW,
        found,
        expected,
        ("tied", f"summed over {uses} uses"),
        likely(found, expected, parts, tolerance),
        tolerance=tolerance,
    )


def sent(who: str, g: Array | None) -> Array:
    if g is None:
        raise LawError(
            f"{LAW}: {who} sends no gradient back: is the parameter copied or "
            "detached on the way, or never used there?"
        )
    return g


def leaf(data: Array) -> Tensor:
    return Tensor(data, requires_grad=True)


def slopes(
    f: Callable[..., Any], given: list[Tensor], wanted: list[Tensor], seed: int
) -> list[Array | None]:
    """The gradients of f's outputs, weighed at random; None for what they ignore."""
    rng, total = np.random.default_rng(seed), Tensor(0.0)
    with enable_grad():
        for _, out in leaves(f(*given)):
            if isinstance(out, Variable) and out._data.dtype.kind == "f":
                weights = np.asarray(rng.standard_normal(out._data.shape))
                total = total + (out * weights.astype(out._data.dtype)).sum()
    if total.node is None:
        return [None for _ in wanted]
    found = grad(total, wanted, allow_unused=True)
    return [None if g is None else g.data for g in found]


def likely(
    found: Arrays, expected: Arrays, parts: list[Array], tolerance: float | None
) -> str:
    """Which of the uses would explain what was found."""
    allowed, g = margin(found, expected, tolerance), found["gradient"]
    total = expected["gradient"]
    for i, one in enumerate(parts):
        if np.abs(g - one).max(initial=0) <= allowed:
            return f"Use {i} alone explains it: is there = where += belongs?"
        if np.abs(g - (total - one)).max(initial=0) <= allowed:
            return f"Use {i} is missing from it: is it made from a copy once tied?"
    return "Does the function, or a formula in it, do something else for equal objects?"
