"""Statements that multiply arrays, and what networks make of products."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np

from ... import ops
from .reductions import spread
from .scope import any_of, broadcast, one, two
from .statement import Kind, named


def matrices(x: np.ndarray, y: np.ndarray) -> Any:
    """Whether x @ y is defined."""
    if not x.ndim or not y.ndim:
        return False
    inner = y.shape[-2] if y.ndim > 1 else y.shape[0]
    lead = [np.empty(z.shape[:-2]) for z in (x, y)]
    return x.shape[-1] == inner and broadcast(*lead)


def like_rows(x: np.ndarray, y: np.ndarray) -> Any:
    """x (..., D) and y (S, D)."""
    return x.ndim > 0 and y.ndim == 2 and x.shape[-1] == y.shape[-1]


def vectors(x: np.ndarray, y: np.ndarray) -> bool:
    return x.ndim == y.ndim == 1


def size(draw: st.DrawFn, x: np.ndarray) -> int:
    return x.shape[-2]


def gram(torch: Any, x: Any, n: int) -> Any:
    return x @ x.mT + torch.eye(n, dtype=x.dtype)


def matrix(x: np.ndarray) -> bool:
    return x.ndim > 1 and x.size > 0


def attends(q: np.ndarray, k: np.ndarray) -> bool:
    """q (..., T, D) and k (..., S, D), with T <= S so that no query is left alone."""
    return (
        q.ndim > 1
        and k.ndim == q.ndim
        and (q.shape[:-2], q.shape[-1]) == (k.shape[:-2], k.shape[-1])
        and 0 < q.shape[-2] <= k.shape[-2]
        and q.size > 0
    )


def their_attention(torch: Any, q: Any, k: Any, causal: bool) -> Any:
    t, s = q.shape[-2], k.shape[-2]
    scores = q @ k.mT / q.shape[-1] ** 0.5
    if causal:
        ahead = ~torch.ones(t, s, dtype=torch.bool).tril(s - t)
        scores = scores.masked_fill(ahead, -torch.inf)
    return torch.softmax(scores, -1) @ k


def their_norm(torch: Any, x: Any, weight: Any) -> Any:
    """Spelt out: F.layer_norm has been wrong in its third derivative."""
    centred = x - x.mean(-1, keepdim=True)
    variance = (centred * centred).mean(-1, keepdim=True)
    return centred / torch.sqrt(variance + 1e-5) * weight + weight


def targets(draw: st.DrawFn, x: np.ndarray) -> np.ndarray:
    seed = draw(st.integers(0, 99))
    return np.random.default_rng(seed).integers(0, x.shape[-1], x.shape[:-1])


def their_cross_entropy(torch: Any, x: Any, targets: np.ndarray) -> Any:
    found = torch.log_softmax(x, -1).gather(-1, torch.tensor(targets)[..., None])
    return -found[..., 0]


PRODUCTS = (
    Kind("{0} @ {1}", two(matrices), lambda x, y: x @ y, lambda torch, x, y: x @ y),
    named("outer", two(vectors), "outer", n=2),
    named("inner", two(like_rows), "inner", n=2),
    Kind(
        "tg.inv({0} @ {0}.mT + np.eye({n}))",
        one(matrix, n=size),
        lambda x, n: ops.inv(x @ x.mT + np.eye(n)),
        lambda torch, x, n: torch.linalg.inv(gram(torch, x, n)),
    ),
    Kind(
        "tg.det({0} @ {0}.mT + np.eye({n}))",
        one(matrix, n=size),
        lambda x, n: ops.det(x @ x.mT + np.eye(n)),
        lambda torch, x, n: torch.linalg.det(gram(torch, x, n)),
    ),
    named("linear", two(like_rows), "nn.functional.linear", n=2),
    Kind(
        "tg.einsum('...i,...i->...', {0}, {1})",
        two(lambda x, y: x.ndim > 0 and x.shape == y.shape),
        lambda x, y: ops.einsum("...i,...i->...", x, y),
        lambda torch, x, y: torch.einsum("...i,...i->...", x, y),
    ),
    Kind(
        "tg.attention({0}, {1}, {1}, causal={causal})",
        two(attends, causal=any_of(False, True)),
        lambda q, k, causal: ops.attention(q, k, k, causal=causal),
        their_attention,
    ),
    Kind(
        "tg.layer_norm({0}, {1}, {1})",
        two(lambda x, weight: spread(x) and weight.shape == x.shape[-1:]),
        lambda x, weight: ops.layer_norm(x, weight, weight),
        their_norm,
    ),
    Kind(
        "tg.cross_entropy({0}, {targets})",
        one(matrix, targets=targets),
        lambda x, targets: ops.cross_entropy(x, targets),
        their_cross_entropy,
    ),
)
