"""Scaled dot-product attention in plain NumPy, whole score matrices at once."""

import numpy as np


def _scores(q, k, mask, causal, scale):
    """scale q k^T, plus the mask; -inf where a query may not look: (B, H, T, S)."""
    scores = q @ k.mT
    scores *= float(scale)
    lowest = q.dtype.type(-np.inf)
    if mask is not None:
        if mask.dtype == bool:
            mask = np.where(mask, q.dtype.type(0), lowest)
        scores = scores + mask
    queries, keys = scores.shape[-2:]
    if causal and queries > 1:  # a single one sees all keys
        ahead = ~np.tri(queries, keys, keys - queries, dtype=bool)
        scores = np.where(ahead, lowest, scores)
    return scores.astype(q.dtype, copy=False)


@np.errstate(all="ignore")
def attention(q, k, v, mask, dropout_mask, causal, scale):
    """softmax(scale q k^T + mask) v, and the log of the softmax's denominators.

    q (B, H, T, D), k and v (B, H, S, D), out (B, H, T, D), log_normaliser
    (B, H, T, 1). mask broadcasts to (B, H, T, S): True, or a finite number to add,
    where a query may attend. Under causal, query t attends to the keys up to
    t + S - T. dropout_mask multiplies the weights, and holds its own 1 / (1 - p).
    A query that may attend to nothing gets zeros; its log_normaliser is inf, so
    that exp(score - log_normaliser) is zero too.
    """
    scores = _scores(q, k, mask, causal, scale)
    # lowest and one: no-ops, except in a row of -inf, which then gives zeros
    lowest = np.finfo(q.dtype).min
    highest = np.maximum.reduce(scores, axis=-1, keepdims=True, initial=lowest)
    weights = np.exp(scores - highest)
    total = np.add.reduce(weights, axis=-1, keepdims=True)
    weights /= np.maximum(total, 1)
    if dropout_mask is not None:
        weights = (weights * dropout_mask).astype(q.dtype, copy=False)
    log_normaliser = np.where(total == 0, q.dtype.type(np.inf), highest + np.log(total))
    return weights @ v, log_normaliser


@np.errstate(all="ignore")
def attention_backward(
    g, q, k, v, out, log_normaliser, mask, dropout_mask, causal, scale
):
    """(gq, gk, gv), from weights computed anew out of the rows' log_normaliser."""
    weights = np.exp(_scores(q, k, mask, causal, scale) - log_normaliser)
    gweights = g @ v.mT
    kept = weights
    if dropout_mask is not None:
        kept = (weights * dropout_mask).astype(q.dtype, copy=False)
        gweights = (gweights * dropout_mask).astype(q.dtype, copy=False)
    # sum_s weight_s gweight_s = g . out: a row statistic instead of a second pass
    gscores = weights * (gweights - np.add.reduce(g * out, axis=-1, keepdims=True))
    gscores *= float(scale)
    return gscores @ k, gscores.mT @ q, kept.mT @ g
