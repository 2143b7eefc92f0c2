"""The candidates of a page, and the settings that it starts with."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.decoding.incremental import largest
from tensorgrad.errors import InputError
from tensorgrad.viz.candidates import Grid, candidates_of, log_sum_exp
from tensorgrad.viz.texts import unpacked


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=12), st.integers(1, 14))
def test_candidates_are_in_the_order_of_decoding(values: list[int], N: int) -> None:
    logits = np.array([values], np.float32)
    found = candidates_of(logits, Grid(candidates=N))
    tokens = unpacked(found["tokens"])[0]
    assert np.array_equal(tokens, largest(logits[0], N))
    assert np.array_equal(unpacked(found["logits"])[0], logits[0, tokens])
    beyond = np.delete(logits[0], tokens)
    assert found["beyond"] == len(beyond)
    assert found["ties"] == [np.count_nonzero(beyond == logits[0, tokens[-1]])]


def test_suppressed_tokens_are_none_but_count_for_the_model() -> None:
    logits = np.array([[3.0, 2.0, 1.0]])
    found = candidates_of(logits, Grid(suppress=(0,)))
    assert unpacked(found["tokens"]).tolist() == [[1, 2]]
    np.testing.assert_allclose(unpacked(found["total"]), log_sum_exp(logits))


def test_the_sliders_can_take_the_values_given() -> None:
    grid = Grid(temperature=0.85, top_k=7, top_p=0.87)
    data = grid.as_data()
    assert 0.85 in data["temperatures"]
    assert 7 in data["top_ks"]
    assert data["top_ks"][-1] == 0
    assert 0.87 in data["top_ps"]
    for name in ("temperatures", "top_ps"):
        assert data[name] == sorted(data[name])
    assert Grid(candidates=3).top_ks == [1, 2, 3, 0]


@pytest.mark.parametrize(
    "setting",
    [
        {"candidates": 0},
        {"temperature": -1.0},
        {"temperature": float("nan")},
        {"top_k": -1},
        {"top_k": 201},
        {"top_p": 0.0},
        {"top_p": 1.5},
    ],
)
def test_settings_out_of_range_are_refused_by_name(setting: dict[str, Any]) -> None:
    [name] = setting
    with pytest.raises(InputError, match=f"next_token: {name} must be"):
        Grid(**setting)


def test_something_must_be_left_to_write() -> None:
    with pytest.raises(InputError, match="token 3 is none of the model's 3"):
        Grid(suppress=(3,)).allowed(3)
    with pytest.raises(InputError, match="rules out every token"):
        Grid(suppress=(0, 1)).allowed(2)
