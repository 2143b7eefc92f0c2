"""Attention: masks that broadcast, dtypes that differ, and a scale of 0."""

from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import REGISTRY, Tensor, grad
from tensorgrad.testing import assert_gradients

rng = np.random.default_rng(0)
LEAD = (2, 3, 2)
QKV = [rng.normal(size=(*LEAD, n, 2)) for n in (2, 3, 3)]
MASKS = [(1, 3, 1, 2, 3), (2, 1, 2, 1, 3), (3, 1, 2, 1), (3, 2, 1, 1), (1, 2, 3), (3,)]


@pytest.mark.parametrize("shape", MASKS, ids=str)
def test_masks_of_more_axes_broadcast(shape: Any) -> None:
    allowed, added = rng.random(shape) < 0.7, rng.normal(size=shape)
    kept = (rng.random(shape) < 0.7) / 0.7
    definition = REGISTRY["attention"].definition
    assert definition is not None
    for mask, dropout in ((allowed, kept), (added, None)):
        ours, defined = ([Tensor(x, requires_grad=True) for x in QKV] for _ in "ab")
        out = tg.attention(*ours, mask, dropout)
        expected = definition(*defined, mask, dropout)
        np.testing.assert_allclose(out.data, expected.data, atol=1e-12)
        first = grad((out**2).sum(), ours)
        for one, other in zip(first, grad((expected**2).sum(), defined), strict=True):
            np.testing.assert_allclose(one.data, other.data, atol=1e-12)


@pytest.mark.parametrize("one", range(3))
@pytest.mark.parametrize("wide", ["float32", "float64"])
def test_the_widest_dtype_is_the_results(one: int, wide: str) -> None:
    narrow = {"float32": "float64", "float64": "float32"}[wide]
    xs = [x.astype(wide if i == one else narrow) for i, x in enumerate(QKV)]
    found = tg.attention(*map(Tensor, xs))
    assert found.dtype == np.float64
    exact = tg.attention(*[x.astype("float64") for x in xs])
    np.testing.assert_allclose(found.data, exact, rtol=1e-12)


def test_a_scale_of_zero_weighs_all_keys_alike() -> None:
    q, k, v = QKV
    found = tg.attention(q, k, v, scale=0.0)
    mean = np.broadcast_to(v.mean(axis=-2, keepdims=True), found.shape)
    np.testing.assert_allclose(found, mean)
    assert_gradients(lambda *xs: tg.attention(*xs, scale=0.0), *QKV, order=2)


def test_a_scale_beyond_the_dtype_is_infinite_and_warns_of_nothing() -> None:
    x = np.ones((2, 3, 200, 32), np.float32)  # enough for a compiled kernel
    with np.errstate(all="raise"):
        out = tg.attention(x, x, x, scale=1e300)
    assert np.isnan(out).all()
