"""Softmax and its loss: rows far apart, odd arrays, and what the definitions do."""

from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad import REGISTRY, Tensor, grad
from tensorgrad.errors import ShapeError
from tensorgrad.testing import assert_gradients

inf, nan = float("inf"), float("nan")
FAR = np.array([[0.0, 1.0, -1.0], [-1000.0, -1001.0, -999.0], [1e4, 1e4, 1e4 - 1]])


def both(name: str) -> list[Any]:
    """The op, and the definition that its higher derivatives come from."""
    return [getattr(tg, name), REGISTRY[name].definition]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_rows_far_from_each_other(name: str, dtype: str) -> None:
    x = FAR.astype(dtype)
    near = x - x.max(axis=1, keepdims=True)
    weights = np.exp(near) / np.exp(near).sum(axis=1, keepdims=True)
    expected = weights if name == "softmax" else np.log(weights)
    for function in both(name):
        for found in (function(Tensor(x), axis=1), function(Tensor(x.T), axis=0).mT):
            np.testing.assert_allclose(found.data, expected, rtol=1e-3)
            assert found.dtype == dtype


def test_masked_and_ignored_rows() -> None:
    masked = np.array([[-inf, -inf], [-inf, 0.0]])
    for function in both("softmax"):
        assert function(Tensor(masked)).tolist() == [[0, 0], [0, 1]]
    logits, targets = np.array([[nan, 0.0], [inf, -inf], [1.0, 1.0]]), [-100, -100, 1]
    for function in both("cross_entropy"):
        x = Tensor(logits, requires_grad=True)
        out = function(x, np.array(targets))
        np.testing.assert_allclose(out.data, [0, 0, np.log(2)])


@pytest.mark.parametrize("smoothing", [0.0, 0.3, 1.0])
def test_targets_in_any_order_in_memory(smoothing: float) -> None:
    logits = np.random.default_rng(0).normal(size=(2, 3, 4))
    targets = np.array([[0, 1, 2], [3, 2, 1]])

    def losses(x: Any, targets: Any) -> Any:
        return tg.cross_entropy(x, targets, label_smoothing=smoothing)

    for odd in (np.asfortranarray(targets), targets[::-1][::-1], targets.astype("u1")):
        xs = [Tensor(logits, requires_grad=True) for _ in range(2)]
        outs = [losses(x, t) for x, t in zip(xs, (targets, odd), strict=True)]
        np.testing.assert_array_equal(outs[0].data, outs[1].data)
        g = Tensor(np.arange(6.0).reshape(2, 3))
        one, two = [grad(out, [x], g)[0] for out, x in zip(outs, xs, strict=True)]
        np.testing.assert_array_equal(one.data, two.data)
    assert_gradients(lambda x: losses(x, targets), logits, order=3)


def test_a_class_that_is_not_there() -> None:
    for bad in (4, -1):
        with pytest.raises(ValueError, match="none of the 4 classes"):
            tg.cross_entropy(Tensor(np.ones((1, 4))), np.array([bad]))


@pytest.mark.parametrize("ignored", [-100, -1])
def test_a_target_too_large_for_a_signed_number_is_refused(ignored: int) -> None:
    logits, huge = np.ones((1, 3), np.float32), np.array([2**64 + ignored], np.uint64)
    with pytest.raises(ShapeError, match=f"target {2**64 + ignored} is none of the 3"):
        tg.cross_entropy(logits, huge, ignore_index=ignored)
