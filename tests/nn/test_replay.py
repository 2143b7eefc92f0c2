"""Where the first number that is not finite came from."""

from typing import Any

import numpy as np
import pytest

import tensorgrad as tg
from nn import Dropout, Linear, Parameter, Sequential
from nn.replay import (
    explain,
    generators,
    is_finite,
    random_states,
    set_random_states,
)
from tensorgrad import Tensor


def test_every_generator_is_found_once() -> None:
    shared, own = np.random.default_rng(0), np.random.default_rng(1)
    model = Sequential(
        Dropout(0.5, rng=shared),
        Sequential(Dropout(0.5, rng=own), Linear(1, 1)),
        Dropout(0.5, rng=shared),
    )
    found = generators(model)
    assert list(found) == ["0", "1.0"]
    assert list(found.values()) == [shared, own]
    before = random_states(found)
    draws = [shared.random(), own.random()]
    set_random_states(found, before)
    assert [shared.random(), own.random()] == draws


def test_the_first_parameter_that_is_not_finite_is_named() -> None:
    model = Sequential(Linear(1, 2, rng=0), Linear(2, 1, rng=0))
    model[1].bias.writable()[0] = np.nan
    assert explain(model, pytest.fail).startswith("1.bias is not finite")


def test_the_op_and_its_line_are_named() -> None:
    model = Sequential(Linear(1, 1, rng=0))
    model[0].weight = Parameter([[-1.0]])
    model[0].bias = Parameter([0.0])

    def attempt() -> None:
        tg.log(model(np.ones((1, 1), np.float32))).sum().backward()

    said = explain(model, attempt)
    assert said.startswith("log gave nan")
    assert "tg.log(model(" in said


def test_what_no_op_made_is_said_so() -> None:
    assert "no single op" in explain(Sequential(Linear(1, 1, rng=0)), lambda: None)


@pytest.mark.parametrize(
    ("batch", "finite"),
    [
        (np.ones(3), True),
        (np.array([1.0, np.inf]), False),
        (np.array([1, 2]), True),
        ([(np.ones(2), np.ones(2)), (np.ones(2), np.array([np.nan]))], False),
        ({"x": np.ones(2), "y": [Tensor([np.nan])]}, False),
        ({"x": np.ones(2), "y": [Tensor([1.0])], "name": "a"}, True),
    ],
)
def test_batches_of_any_shape_are_searched(batch: Any, finite: bool) -> None:
    assert is_finite(batch) is finite
