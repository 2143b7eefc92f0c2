"""Schedules: where they rise, peak, fall and end, and PyTorch's where it has them."""

import math
from dataclasses import FrozenInstanceError
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.schedules import Constant, Noam, WarmupCosine, WarmupLinear
from tensorgrad.errors import ConfigError

shapes = st.sampled_from([WarmupCosine, WarmupLinear])


@given(shapes, st.integers(0, 20), st.integers(1, 50), st.floats(0, 1))
def test_a_warmup_rises_to_the_rate_and_what_follows_falls_to_the_minimum(
    shape: Any, warmup: int, rest: int, low: float
) -> None:
    rate = shape(lr=2.0, warmup_steps=warmup, total_steps=warmup + rest, min_lr=low)
    rates = [rate(step) for step in range(warmup + rest + 3)]
    assert rates[warmup] == pytest.approx(2.0)
    assert rates[warmup + rest :] == [low] * 3
    assert rates[: warmup + 1] == sorted(rates[: warmup + 1])
    assert rates[warmup:] == sorted(rates[warmup:], reverse=True)
    assert rates[0] > 0
    steps = [b - a for a, b in pairwise(rates[: warmup + 1])]
    assert steps == pytest.approx([2.0 / (warmup + 1)] * warmup)


def test_the_cosine_is_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=3.0)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20, eta_min=0.5)
    ours = WarmupCosine(lr=3.0, warmup_steps=0, total_steps=20, min_lr=0.5)
    for step in range(20):
        assert ours(step) == pytest.approx(theirs.get_last_lr()[0], abs=1e-12)
        optimizer.step()
        theirs.step()


def test_the_line_is_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=3.0)
    theirs = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.25, total_iters=12)
    ours = WarmupLinear(lr=3.0, warmup_steps=0, total_steps=12, min_lr=0.75)
    for step in range(15):
        assert ours(step) == pytest.approx(theirs.get_last_lr()[0], abs=1e-12)
        optimizer.step()
        theirs.step()


@given(st.integers(1, 512), st.integers(1, 40), st.floats(0, 4))
def test_noam_grows_for_the_warmup_then_falls_as_the_root(
    d_model: int, warmup: int, factor: float
) -> None:
    rate = Noam(d_model, warmup, factor)
    peak = factor / math.sqrt(d_model * warmup)
    assert rate(warmup - 1) == pytest.approx(peak)
    for step in range(warmup):
        assert rate(step) == pytest.approx(peak * (step + 1) / warmup)
    assert rate(4 * warmup - 1) == pytest.approx(peak / 2)


def test_a_schedule_is_a_value() -> None:
    rate = WarmupCosine(1.0, 2, 10)
    assert rate == WarmupCosine(1.0, 2, 10)
    with pytest.raises(FrozenInstanceError):
        rate.lr = 2.0  # type: ignore[misc]
    assert [Constant(0.3)(step) for step in (0, 10**9)] == [0.3, 0.3]


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Constant(-1.0), "lr"),
        (lambda: Constant(math.nan), "lr"),
        (lambda: WarmupCosine(math.inf, 0, 1), "lr"),
        (lambda: WarmupCosine(1.0, 0, 1, -0.1), "min_lr"),
        (lambda: WarmupLinear(1.0, 0, 1, 2.0), "min_lr"),
        (lambda: WarmupLinear(1.0, 5, 4), "warmup_steps"),
        (lambda: WarmupLinear(1.0, -1, 4), "warmup_steps"),
        (lambda: Noam(0, 10), "d_model"),
        (lambda: Noam(10, 0), "warmup_steps"),
        (lambda: Noam(10, 10, -1.0), "factor"),
    ],
)
def test_bad_settings_are_refused_by_name(make: Any, name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        make()
