"""Domains of the normalisations."""

from typing import Any

import hypothesis.strategies as st
import numpy as np

from .draws import Domain, apart, shapes, uniform


@st.composite
def norms(draw: Any) -> Any:
    features = draw(st.integers(2, 4))
    (x,) = apart(draw, (*draw(shapes)[:2], features))
    weight, bias = [
        uniform(draw, features) if draw(st.booleans()) else None for _ in "wb"
    ]
    return [x, weight, bias], {"eps": draw(st.sampled_from([1e-5, 0.1]))}


def layer_norm(x: Any, weight: Any, bias: Any, eps: float) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    out = centred / np.sqrt(x.var(-1, keepdims=True) + eps)
    out = out if weight is None else out * weight
    return out if bias is None else out + bias


NORMS = {
    "layer_norm": Domain(norms(), layer_norm),
}
