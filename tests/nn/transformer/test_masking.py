"""What is hidden from BERT: how much, what takes its place, and what never is."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgrad as tg
from nn.losses import IGNORED
from nn.tokenizers import CharTokenizer
from nn.transformer import Bert, BertConfig, BertForMaskedLM
from nn.transformer.masking import (
    MaskedBlocks,
    framed,
    mask_tokens,
    masked,
    objective,
)
from nn.vocabulary import BERT, Vocabulary
from tensorgrad.errors import CheckpointError, ConfigError

PAD, CLS, MASK, V = 0, 1, 2, 50
SPECIAL = (PAD, CLS, MASK)
VOCABULARY = Vocabulary(CharTokenizer("abcdefgh"), BERT)
TEXT = VOCABULARY.encode("abcdefgh" * 20)


def hide(tokens: Any, seed: int = 0, **settings: Any) -> tuple[Any, Any]:
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
    inputs, targets = hide(tokens, seed, share=share)
    np.testing.assert_array_equal(tokens, before)
    chosen = targets != IGNORED
    np.testing.assert_array_equal(targets[chosen], tokens[chosen])
    np.testing.assert_array_equal(inputs[~chosen], tokens[~chosen])
    assert not np.isin(tokens[chosen], SPECIAL).any()
    assert not np.isin(inputs[chosen], (PAD, CLS)).any()
    again = hide(tokens, seed, share=share)
    np.testing.assert_array_equal(inputs, again[0])
    np.testing.assert_array_equal(targets, again[1])


def test_the_shares_are_those_of_the_paper() -> None:
    tokens = np.random.default_rng(1).integers(len(SPECIAL), V, (1000, 400))
    inputs, targets = hide(tokens)
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
        hide([[5]], share=share)


def test_a_vocabulary_of_specials_is_refused() -> None:
    with pytest.raises(ConfigError, match="all 3 tokens are special"):
        hide([[0]], vocab_size=3)


# --- batches of blocks, and the loss


def blocks(seed: int = 0, tokens: Any = TEXT) -> MaskedBlocks:
    return MaskedBlocks(tokens, VOCABULARY, 6, 4, np.random.default_rng(seed))


def test_a_frame_is_never_hidden() -> None:
    block = TEXT[:12].reshape(2, 6)
    rows = framed(block, VOCABULARY)
    np.testing.assert_array_equal(rows[:, 1:-1], block)
    assert set(rows[:, 0]) == {VOCABULARY.cls}
    assert set(rows[:, -1]) == {VOCABULARY.sep}
    inputs, targets = masked(
        block.repeat(100, axis=0), VOCABULARY, np.random.default_rng(0)
    )
    assert (inputs[:, 0] == VOCABULARY.cls).all()
    assert (targets[:, [0, -1]] == IGNORED).all()
    assert (inputs == VOCABULARY.mask).any()


def test_blocks_are_the_text_where_nothing_is_hidden() -> None:
    drawn = blocks()
    assert iter(drawn) is drawn
    for _ in range(20):
        inputs, targets = next(drawn)
        assert inputs.shape == targets.shape == (4, 8)
        text = np.where(targets == IGNORED, inputs, targets)[:, 1:-1]
        # the text goes up by one token at a time, and from its last to its first
        assert set(np.diff(text).ravel()) <= {1, -7}


@given(seed=st.integers(0, 2**32 - 1), steps=st.integers(0, 5))
def test_blocks_go_on_as_they_would_have(seed: int, steps: int) -> None:
    drawn, again = blocks(seed), blocks(seed + 1)
    for _ in range(steps):
        next(drawn)
    again.load_state(drawn.state())
    for expected, found in zip(next(drawn), next(again), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_blocks_of_another_text_do_not_go_on() -> None:
    with pytest.raises(CheckpointError, match="tokens"):
        blocks().load_state(blocks(tokens=TEXT[:-1]).state())


def test_the_objective_scores_what_was_hidden_and_nothing_else() -> None:
    config = BertConfig(
        d_model=8,
        n_head=2,
        d_ff=16,
        n_layer=1,
        vocab_size=len(VOCABULARY),
        max_length=8,
        dropout=0.0,
        attention_dropout=0.0,
    )
    model = BertForMaskedLM(Bert(config))
    inputs, targets = next(blocks(3))
    summed, count = objective(model)((inputs, targets))
    assert count == np.count_nonzero(targets != IGNORED) > 0
    log_p = tg.log_softmax(model(inputs)).detach().numpy()  # (B, T, V)
    expected = -sum(
        log_p[b, t, targets[b, t]] for b, t in np.argwhere(targets != IGNORED)
    )
    # float32: the scores of all places are one matrix product, those of some another
    assert summed.item() == pytest.approx(expected, rel=1e-5)
