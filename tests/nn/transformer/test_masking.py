"""What is hidden from BERT: how much, what takes its place, and what never is."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.transformer.masking import IGNORED, mask_tokens
from tensorgrad.errors import ConfigError

PAD, CLS, MASK, V = 0, 1, 2, 50
SPECIAL = (PAD, CLS, MASK)


def masked(tokens: Any, seed: int = 0, **settings: Any) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    known = {"mask": MASK, "vocab_size": V, "special": SPECIAL}
    return mask_tokens(tokens, rng, **{**known, **settings})


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(0, 5), st.integers(0, 20)),
    share=st.floats(0.01, 1),
)
def test_only_targets_change_and_specials_are_none(
    seed: int, shape: tuple[int, int], share: float
) -> None:
    tokens = np.random.default_rng(seed).integers(0, V, shape)
    before = tokens.copy()
    inputs, targets = masked(tokens, seed, share=share)
    np.testing.assert_array_equal(tokens, before)
    chosen = targets != IGNORED
    np.testing.assert_array_equal(targets[chosen], tokens[chosen])
    np.testing.assert_array_equal(inputs[~chosen], tokens[~chosen])
    assert not np.isin(tokens[chosen], SPECIAL).any()
    assert not np.isin(inputs[chosen], (PAD, CLS)).any()
    again = masked(tokens, seed, share=share)
    np.testing.assert_array_equal(inputs, again[0])
    np.testing.assert_array_equal(targets, again[1])


def test_the_shares_are_those_of_the_paper() -> None:
    tokens = np.random.default_rng(1).integers(len(SPECIAL), V, (1000, 400))
    inputs, targets = masked(tokens)
    chosen = targets != IGNORED
    n = np.count_nonzero(chosen)
    # four standard deviations of a share measured on n draws
    assert abs(n / tokens.size - 0.15) < 4 * np.sqrt(0.15 * 0.85 / tokens.size)
    hidden = (inputs[chosen] == MASK).mean()
    kept = (inputs[chosen] == tokens[chosen]).mean()
    assert abs(hidden - 0.8) < 4 * np.sqrt(0.8 * 0.2 / n)
    # one in 47 of the drawn ones is the token itself
    expected = 0.1 + 0.1 / (V - len(SPECIAL))
    assert abs(kept - expected) < 4 * np.sqrt(expected * (1 - expected) / n)
    drawn = inputs[chosen & (inputs != MASK) & (inputs != tokens)]
    counts = np.bincount(drawn, minlength=V)[len(SPECIAL) :]
    assert abs(counts / counts.mean() - 1).max() < 5 / np.sqrt(counts.mean())


@pytest.mark.parametrize("share", [0, -0.1, 1.1, np.nan])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(ConfigError, match="share"):
        masked([[5]], share=share)


def test_a_vocabulary_of_specials_is_refused() -> None:
    with pytest.raises(ConfigError, match="all 3 tokens are special"):
        masked([[0]], vocab_size=3)
