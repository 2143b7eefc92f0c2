"""Domain of attention."""

import math
from typing import Any

import hypothesis.strategies as st
import numpy as np

from .draws import Constant, Domain, bools, sizes, uniform


@st.composite
def attentions(draw: Any) -> Any:
    lead = draw(st.sampled_from([(), (2,), (2, 3), (0, 2), (2, 1, 2)]))
    t, s, d, e = (draw(sizes) for _ in "tsde")
    heads = draw(st.sampled_from([None, None, 1, 2]))
    ends = [(n, width * (heads or 1)) for n, width in ((t, d), (s, d), (s, e))]
    q, k, v = (uniform(draw, (*lead, *end)) for end in ends)
    lead = lead if heads is None else (*lead, heads)
    mask_shape = draw(st.sampled_from([(t, s), (s,), (t, 1), (*lead, t, s)]))
    allowed = bools(draw, mask_shape, 0.6)
    added = uniform(draw, mask_shape).view(Constant)
    mask = draw(st.sampled_from(["none", "allowed", "added"]))
    chosen = {"none": None, "allowed": allowed, "added": added}
    kept = bools(draw, (*lead, t, s), 0.7)
    dropout = (kept / 0.7).view(Constant) if draw(st.booleans()) else None
    return [q, k, v, chosen[mask], dropout], {
        "causal": draw(st.booleans()),
        "scale": draw(st.sampled_from([None, 0.7])),
        "heads": heads,
    }


def in_heads(attention: Any) -> Any:
    """The same, also of heads that lie side by side in the last axis."""

    def attend(
        q: Any,
        k: Any,
        v: Any,
        mask: Any,
        dropout: Any,
        causal: Any,
        scale: Any,
        heads: Any,
    ) -> Any:
        if heads is None:
            return attention(q, k, v, mask, dropout, causal, scale)
        q, k, v = (
            x.reshape(*x.shape[:-1], heads, x.shape[-1] // heads).swapaxes(-2, -3)
            for x in (q, k, v)
        )
        out = attention(q, k, v, mask, dropout, causal, scale).swapaxes(-2, -3)
        return out.reshape(*out.shape[:-2], heads * out.shape[-1])

    return attend


@in_heads
def attention(
    q: Any, k: Any, v: Any, mask: Any, dropout_mask: Any, causal: bool, scale: Any
) -> Any:
    t, s = q.shape[-2], k.shape[-2]
    scores = np.einsum("...td,...sd->...ts", q, k)
    scores = scores * (scale if scale else 1 / math.sqrt(max(q.shape[-1], 1)))
    allowed = np.ones(scores.shape, bool)
    if causal:
        allowed &= np.arange(s) <= np.arange(t)[:, None] + s - t
    if mask is not None and mask.dtype == bool:
        allowed &= mask
    elif mask is not None:
        scores = scores + mask
    weights = np.where(allowed, np.exp(scores), 0)
    sums = weights.sum(-1, keepdims=True)
    weights = weights / np.where(sums == 0, 1, sums)
    weights = weights if dropout_mask is None else weights * dropout_mask
    return np.einsum("...ts,...se->...te", weights, v)


ATTENTION = {
    "attention": Domain(attentions(), attention),
}
