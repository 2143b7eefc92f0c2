"""What order and company must not change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...errors import ShapeError
from .compare import Array, agree, arrays, settled
from .inputs import Substitutes, check_lead, data_of, like, long_enough


def permutation_equivariance(
    f: Callable[[Any], Any],
    x: Any,
    *,
    axis: int = 1,
    seed: int = 0,
    tolerance: float | None = None,
) -> None:
    """f(x[order]) = f(x)[order], along `axis` of x and of every output.

    The orders are two places exchanged, all moved on by one, and a random one.

    >>> permutation_equivariance(lambda x: x - x.mean(1, keepdims=True), np.eye(3))
    >>> permutation_equivariance(lambda x: np.cumsum(x, 1), np.eye(3))
    Traceback (most recent call last):
    tensorgrad.testing.laws.compare.LawError: permutation_equivariance: output[1, 1] is
    0.0 in f(x[order]) and 1.0 in f(x)[order] (2 of 9 elements differ, this one most).
    The order was [0, 2, 1] along axis 1: ...
    """
    law, array = "permutation_equivariance", data_of(x)
    n = long_enough(law, array, axis)
    before = settled(law, f, like(x, array))
    for name, out in before.items():
        if out.ndim <= axis or out.shape[axis] != n:
            raise ShapeError(
                f"{law}: {name} of shape {out.shape} should have the input's length "
                f"{n} along axis {axis}. Is it permutation_invariance that holds?"
            )
    for order in orders(n, seed):
        agree(
            law,
            arrays(f(like(x, array.take(order, axis)))),
            {name: out.take(order, axis) for name, out in before.items()},
            ("in f(x[order])", "in f(x)[order]"),
            because(order, axis),
            tolerance=tolerance,
        )


def permutation_invariance(
    f: Callable[[Any], Any],
    x: Any,
    *,
    axis: int = 1,
    seed: int = 0,
    tolerance: float | None = None,
) -> None:
    """f(x[order]) = f(x), for orders along `axis` of x.

    The orders are those of permutation_equivariance.

    >>> permutation_invariance(lambda x: x.max(axis=1), np.eye(3))
    >>> permutation_invariance(lambda x: x[:, 0], np.eye(3))
    Traceback (most recent call last):
    tensorgrad.testing.laws.compare.LawError: permutation_invariance: output[0] is ...
    """
    law, array = "permutation_invariance", data_of(x)
    n = long_enough(law, array, axis)
    before = settled(law, f, like(x, array))
    for order in orders(n, seed):
        agree(
            law,
            arrays(f(like(x, array.take(order, axis)))),
            before,
            ("in f(x[order])", "in f(x)"),
            because(order, axis),
            tolerance=tolerance,
        )


def orders(n: int, seed: int) -> Iterator[Array]:
    """A swap and a rotation, of which all orders are made, and a random one."""
    rng, swap = np.random.default_rng(seed), np.arange(n)
    pair = rng.choice(n, 2, replace=False)
    swap[pair] = swap[pair[::-1]]
    yield from (swap, np.roll(np.arange(n), 1), rng.permutation(n))


def because(order: Array, axis: int) -> str:
    said = order.tolist() if len(order) <= 12 else f"of {len(order)} places"
    return (
        f"The order was {said} along axis {axis}: does a position, a mask, an "
        "index or a convolution depend on the place there?"
    )


def batch_independence(
    f: Callable[[Any], Any],
    x: Any,
    *,
    vocab_size: int | None = None,
    seed: int = 0,
) -> None:
    """d f(x)[i] / d x[j] = 0 exactly, for all rows i != j.

    f takes tokens or floats (B, ...) and gives (B, ...), or several of that. Each row
    in turn is changed, and no other may change, not by a bit. Batch norm breaks it in
    training, on purpose. Other tokens are drawn as in `causality`.

    >>> batch_independence(lambda x: x / x.sum(axis=1, keepdims=True), np.ones((2, 3)))
    >>> batch_independence(lambda x: x - x.mean(axis=0), np.ones((2, 3)))
    Traceback (most recent call last):
    tensorgrad.testing.laws.compare.LawError: batch_independence: output[1, 2] is
    -0.320... after x[0] changed and 0.0 before ...
    """
    law, array = "batch_independence", data_of(x)
    B = long_enough(law, array, 0)
    substitutes = Substitutes(law, array, vocab_size, seed)
    before = settled(law, f, like(x, array))
    check_lead(law, before, (B,))
    for i in range(B):
        changed = array.copy()
        changed[i] = substitutes.other(array[i])
        after = arrays(f(like(x, changed)))
        for name, out in after.items():
            if name in before and out.shape == before[name].shape:
                out[i] = before[name][i]
        agree(
            law,
            after,
            before,
            (f"after x[{i}] changed", "before"),
            "Is a mean, a norm or an index taken over the batch?",
        )
