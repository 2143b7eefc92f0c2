"""Domains of the normalisations."""

from typing import Any

import hypothesis.strategies as st
import numpy as np

from .draws import Domain, apart, shapes, uniform

epsilons = st.sampled_from([1e-5, 0.1])


def parameter(draw: Any, size: int) -> Any:
    return None if draw(st.booleans()) else uniform(draw, size)


@st.composite
def norms(draw: Any) -> Any:
    features = draw(st.integers(2, 4))
    (x,) = apart(draw, (*draw(shapes)[:2], features))
    weight, bias = parameter(draw, features), parameter(draw, features)
    return [x, weight, bias], {"eps": draw(epsilons)}


@st.composite
def rms_norms(draw: Any) -> Any:
    features = draw(st.sampled_from([3, 1, 2, 4]))
    (x,) = apart(draw, (*draw(shapes)[:2], features))
    # no row is close to zero, where the norm turns abruptly
    return [4 * x, parameter(draw, features)], {"eps": draw(epsilons)}


@st.composite
def batch_norms(draw: Any) -> Any:
    channels = draw(st.sampled_from([2, 1, 3]))
    batch, *rest = draw(
        st.sampled_from([(2, 2), (4,), (1, 3), (2, 1, 2), (2,), (0,), (0, 2), (3, 0)])
    )
    (x,) = apart(draw, (batch, channels, *rest))
    weight, bias = parameter(draw, channels), parameter(draw, channels)
    # no channel's values are close to each other, where the norm turns abruptly
    return [4 * x, weight, bias], {"eps": draw(epsilons)}


def layer_norm(x: Any, weight: Any, bias: Any, eps: float) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    out = centred / np.sqrt(x.var(-1, keepdims=True) + eps)
    out = out if weight is None else out * weight
    return out if bias is None else out + bias


def rms_norm(x: Any, weight: Any, eps: float) -> Any:
    squares = np.einsum("...i,...i->...", x, x)[..., None]
    out = x / np.sqrt(squares / x.shape[-1] + eps)
    return out if weight is None else out * weight


def batch_norm(x: Any, weight: Any, bias: Any, eps: float) -> Any:
    """Each channel as layer norm has it, with all of its elements in one row."""
    out = np.empty(x.shape)
    for c, channel in enumerate(np.moveaxis(x, 1, 0)):
        if channel.size:
            row = layer_norm(channel.ravel(), None, None, eps)
            out[:, c] = row.reshape(channel.shape) * (
                1 if weight is None else weight[c]
            )
            out[:, c] += 0 if bias is None else bias[c]
    return out


NORMS = {
    "layer_norm": Domain(norms(), layer_norm),
    "rms_norm": Domain(rms_norms(), rms_norm),
    "batch_norm": Domain(batch_norms(), batch_norm),
}
