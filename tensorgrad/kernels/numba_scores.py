"""What attention does with the scores of a block of queries: masks, and weights.

They stand one column a query, (keys, queries), so that sums over keys are sums of
vectors.
"""

import numpy as np

from .numba_jit import exp, helper
from .numba_matmul import copied
from .numba_memory import lent, spread
from .numba_vectors import columns, highest, subtract, sums

TERMS = 512  # of a sum over keys, before it is added to what came before


@helper
def for_scores(mask, q, k):
    """The mask broadcast to (B, H, T, S); if it is empty, to no queries and keys."""
    T, S = (q.shape[2], k.shape[2]) if mask.size else (0, 0)
    return spread(lent(mask), (q.shape[0], q.shape[1], T, S))


@helper
def scale_all(x, scale):
    """x *= scale, of contiguous x."""
    flat = x.reshape(-1)
    for i in range(len(flat)):
        flat[i] *= scale


@helper
def apply_mask(scores, mask, memory, adds):
    """Add the mask (queries, keys) to scores (keys, queries), or multiply by it."""
    if mask.size:
        turned = copied(mask.T, memory)[0]
        for i in range(scores.shape[0]):
            for j in range(columns(scores)):
                x, m = scores[i, j], turned[i, j]
                scores[i, j] = x + m if adds else x * m


@helper
def hide(scores, limit):
    """Hide keys: the first query sees `limit` of them, each later one a key more."""
    for i in range(max(0, limit), scores.shape[0]):
        for j in range(min(columns(scores), i - limit + 1)):
            scores[i, j] = -np.inf


@helper
def weigh(scores, shift, total):
    """exp(scores - shift), where shift is the highest of a query, and their sums."""
    highest(scores, shift)
    for j in range(columns(scores)):  # of a query that sees nothing, the sum is 0
        shift[j] = 0 if shift[j] == -np.inf else shift[j]
    subtract(scores, shift)
    flat = scores.reshape(-1)  # of rows as short as these LLVM makes no vectors
    for i in range(len(flat)):
        flat[i] = exp(flat[i])
    total[:] = 0
    for k in range(0, scores.shape[0], TERMS):
        sums(scores[k : k + TERMS], total)


@helper
def weigh_backward(scores, gweights, normaliser, products, scale):
    """Scores become weights, and the weights' gradients the scores', in place.

    Products are those of a query's result and its gradient: the sum over keys of each
    weight times its gradient.
    """
    for i in range(scores.shape[0]):
        for j in range(columns(scores)):
            weight = exp(scores[i, j] - normaliser[j])
            scores[i, j] = weight
            gweights[i, j] = weight * (gweights[i, j] - products[j]) * scale
