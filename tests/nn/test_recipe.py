"""TrainerConfig: what it refuses, and the rates and groups it stands for."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn import Linear
from nn.recipe import SCHEDULES, TrainerConfig
from tensorgrad.errors import ConfigError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_steps", 0),
        ("batch_size", 0),
        ("accumulate", -1),
        ("eval_interval", 0),
        ("eval_batches", 0),
        ("patience", 0),
        ("log_interval", 0),
        ("checkpoint_interval", 0),
        ("keep", 0),
        ("warmup_steps", -1),
        ("seed", -1),
        ("learning_rate", -1e-3),
        ("learning_rate", math.nan),
        ("learning_rate", math.inf),
        ("min_lr", -1.0),
        ("min_lr", 1.0),  # more than learning_rate
        ("weight_decay", -0.1),
        ("clip", -1.0),
        ("beta1", 1.0),
        ("beta2", -0.1),
        ("schedule", "exponential"),
    ],
)
def test_a_value_outside_its_range_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"^{name} must be .*; got ") as error:
        TrainerConfig(**{name: value})
    assert repr(value) in str(error.value)


@given(
    schedule=st.sampled_from(sorted(SCHEDULES)),
    steps=st.integers(1, 50),
    warmup=st.integers(0, 50),
    top=st.floats(1e-5, 1.0),
)
def test_the_rate_never_exceeds_learning_rate(
    schedule: Any, steps: int, warmup: int, top: float
) -> None:
    config = TrainerConfig(
        max_steps=steps, warmup_steps=warmup, learning_rate=top, schedule=schedule
    )
    rates = [config.rate()(step) for step in range(steps)]
    assert all(0 < rate <= top * (1 + 1e-12) for rate in rates)
    if warmup < steps:
        highest = max(rates)
        assert math.isclose(highest, top, rel_tol=1e-6)


def test_the_default_rate_falls_to_a_tenth() -> None:
    rate = TrainerConfig().rate()
    assert rate(0) == pytest.approx(1e-3 / 101)
    assert rate(100) == pytest.approx(1e-3)
    assert rate(2000) == pytest.approx(1e-4)


def test_matrices_alone_decay() -> None:
    model = Linear(2, 3, rng=np.random.default_rng(0))
    optimizer = TrainerConfig(weight_decay=0.3, beta1=0.8).optimizer(model)
    decays = {
        id(parameter): group["weight_decay"]
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    assert model.bias is not None
    assert decays == {id(model.weight): 0.3, id(model.bias): 0.0}
    assert {group["betas"] for group in optimizer.param_groups} == {(0.8, 0.99)}
