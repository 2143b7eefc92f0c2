"""Finite differences beside the gradients of a page."""

import math
from typing import Any

import numpy as np
import pytest

import nn
import tensorgrad as tg
from tests.tensorgrad.checks import leaf
from tests.tensorgrad.viz.explore.reading import Steps


def test_a_wrong_derivative_is_caught() -> None:
    try:

        @tg.primitive
        def halved(x: Any) -> Any:
            return x / 2.0

        halved.gradient(x=lambda g: g * 2.0)
        x = leaf(1.0, 2.0)
        seen = Steps(lambda: halved(x).sum())
        [sent] = seen.titled("halved")["sent"]
        assert [check["agrees"] for check in sent["checks"]] == [False, False]
        assert "derivative is wrong" in sent["checks"][0]["why"]
        assert sent["checks"][0]["slope"] == 2
        assert math.isclose(sent["checks"][0]["numeric"], 0.5, rel_tol=1e-6)
    finally:
        tg.REGISTRY.pop("halved", None)


@pytest.mark.parametrize("x", [1e-8, -1e-8, 1e-12, 3e-7])
def test_beside_zero_steps_are_small_enough(x: float) -> None:
    near = leaf(x, x / 2)
    seen = Steps(lambda: (tg.log(near * near) + 1.0 / near).sum())
    assert [check for check in seen.checks if not check["agrees"]] == []


def test_beside_zero_small_gradients_are_checked_as_well() -> None:
    x = leaf(1e-8)
    seen = Steps(lambda: (tg.sqrt(x) * 1e-6).sum())
    [sent] = seen.titled("sqrt")["sent"]
    assert all(check["agrees"] for check in sent["checks"])


def test_what_rounding_leaves_of_a_zero_gradient_is_not_called_wrong() -> None:
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Linear(3, 4, rng=0), nn.BatchNorm1d(4), nn.Linear(4, 2, rng=1)
    )
    x = rng.normal(size=(5, 3)).astype(np.float32)
    seen = Steps(lambda: (model(x) ** 2).sum())  # batch norm takes the bias off again
    assert [check for check in seen.checks if not check["agrees"]] == []


@pytest.mark.parametrize("factor", [0.0, 0.9, 1.1, -1.0])
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_small_gradients_are_checked_as_well_as_large_ones(
    factor: float, size: float
) -> None:
    try:

        @tg.primitive
        def squared(x: Any) -> Any:
            return x * x

        squared.gradient(x=lambda g, x: 2.0 * factor * g * x)
        x = leaf(1.0 * size, -2.0 * size)
        seen = Steps(lambda: (squared(x) * 1e-6).sum())
        [sent] = seen.titled("squared")["sent"]
        assert [check["agrees"] for check in sent["checks"]] == [False, False]
    finally:
        tg.REGISTRY.pop("squared", None)


def test_a_kink_is_named() -> None:
    x = leaf(0.0, 1.0)
    checks = Steps(lambda: tg.relu(x).sum()).titled("relu")["sent"][0]["checks"]
    assert [check["agrees"] for check in checks] == [False, True]
    assert "0 to the left, 1 to the right" in checks[0]["why"]
    assert tg.REGISTRY["relu"].kinks in checks[0]["why"]
