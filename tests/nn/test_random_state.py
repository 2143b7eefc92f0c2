"""Random states that go through JSON, even through a reader that rounds integers."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.random_state import rng_state, set_rng_state
from tensorgrad.errors import CheckpointError


@pytest.mark.parametrize("kind", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
@given(seed=st.integers(0, 2**70), before=st.integers(0, 9))
def test_a_restored_generator_goes_on(kind: str, seed: int, before: int) -> None:
    rng = np.random.Generator(getattr(np.random, kind)(seed))
    rng.integers(9, size=before, dtype=np.int32)  # may leave half a word behind
    text = json.dumps(rng_state(rng))
    saved = json.loads(text, parse_int=lambda digits: int(float(digits)))
    other = np.random.Generator(getattr(np.random, kind)(0))
    set_rng_state(other, saved)
    assert rng_state(other) == rng_state(rng)
    expected = rng.integers(2**62, size=700).tolist()
    assert expected == other.integers(2**62, size=700).tolist()


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"bit_generator": "default_rng"},
        {"bit_generator": "PCG64"},
        {"bit_generator": "PCG64", "state": {"state": "x", "inc": "1"}},
        {"bit_generator": "MT19937", "state": {"key": ["1"], "pos": 0}},
    ],
)
def test_other_states_are_refused(state: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match="not a saved random state"):
        set_rng_state(np.random.default_rng(0), state)
