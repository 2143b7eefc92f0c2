"""What a model of sequences may see: held by attention, broken by its faults."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.errors import ConfigError, DtypeError, ShapeError
from tensorgrad.testing import laws
from tests.tensorgrad.testing.laws.tiny import (
    POSITIONS,
    TABLE,
    TOKENS,
    B,
    T,
    V,
    X,
    attend,
    broken,
)

Array = np.ndarray
seeds = st.integers(0, 2**32 - 1)


# --- causality


@given(seeds)
def test_causal_attention_is_causal_for_floats_and_tokens(seed: int) -> None:
    laws.causality(attend, X, seed=seed)
    laws.causality(attend, Tensor(X.astype(np.float32)), seed=seed)
    laws.causality(lambda tokens: attend(TABLE[tokens]), TOKENS, seed=seed)
    laws.causality(lambda tokens: attend(TABLE[tokens]), TOKENS, vocab_size=V)


def test_a_mask_off_by_one_is_found_at_its_first_query() -> None:
    message = broken(laws.causality, lambda x: attend(x, 1), X)
    assert "output[" in message
    assert "after x[:, 1] changed" in message
    message = broken(laws.causality, lambda t: attend(TABLE[t], 1), TOKENS)
    assert "mask off by one" in message
    message = broken(laws.causality, lambda x: attend(x[None], 1)[0], X[0], axis=0)
    assert "after x[1] changed" in message


@pytest.mark.parametrize(
    "leak",
    [
        lambda x: x - x.mean(1, keepdims=True),
        lambda x: x / tg.norm(x, axis=1, keepdims=True),
        lambda x: tg.softmax(x, axis=1),
        lambda x: x - x.mean(0, keepdims=True).mean(1, keepdims=True).detach(),
        # a finite mask lets the future through once scores are as large as it is
        lambda x: (
            tg.softmax(tg.where(np.tri(T, dtype=bool), 400 * x @ x.mT, -30.0)) @ x
        ),
    ],
)
def test_a_leak_through_a_norm_over_time_or_a_finite_mask_is_found(leak: Any) -> None:
    message = broken(laws.causality, leak, Tensor(X))
    assert "a mean, a norm or a softmax taken over time?" in message


def test_a_gradient_from_the_future_is_found_where_values_show_nothing() -> None:
    def straight_through(x: Any) -> Any:
        mean = x.mean(1, keepdims=True)
        return x + (mean - mean.detach())

    message = broken(laws.causality, straight_through, Tensor(X))
    assert message.startswith("d output[:, 0] / d x[")
    assert "should be 0" in message


def test_the_part_of_a_result_that_leaks_is_named() -> None:
    def two(x: Any) -> Any:
        return {"logits": attend(x), "extra": (None, x[:, ::-1])}

    assert "output['extra'][1][" in broken(laws.causality, two, X)


def test_results_that_have_nothing_of_the_input_are_causal() -> None:
    w = Tensor(np.ones((T, 1)), requires_grad=True)

    def several(x: Any) -> Any:
        ones = np.ones(x.shape)
        return attend(x), w * ones, Tensor(ones), ones.astype(int), None

    laws.causality(several, Tensor(X))


def test_causality_refuses_what_it_could_say_nothing_about() -> None:
    with pytest.raises(ShapeError, match="at least 2 along axis 1"):
        laws.causality(attend, X[:, :1])
    with pytest.raises(ConfigError, match="Pass vocab_size"):
        laws.causality(lambda t: t, np.zeros((1, 3), int))
    with pytest.raises(ShapeError, match=r"output of shape \(2, 3\) should begin with"):
        laws.causality(lambda x: x.mean(1), X)
    with pytest.raises(DtypeError, match="returned nothing"):
        laws.causality(lambda x: None, X)
    assert "NaN equals nothing" in broken(laws.causality, lambda x: x * np.nan, X)


# --- padding


def masked_attend(x: Any, mask: Array) -> Any:
    seen = tg.where(mask[:, None, :], x @ x.mT, -np.inf)
    return tg.softmax(seen) @ x


@given(seeds, st.integers(1, 3), st.lists(st.integers(1, T), min_size=B, max_size=B))
def test_masked_attention_does_not_see_padding(
    seed: int, extra: int, lengths: list[int]
) -> None:
    laws.padding_invariance(masked_attend, X, extra=extra, lengths=lengths, seed=seed)
    laws.padding_invariance(masked_attend, Tensor(X), seed=seed)

    def tokens(t: Array, mask: Array) -> Any:
        return masked_attend(TABLE[t], mask), mask.sum(1)

    laws.padding_invariance(tokens, TOKENS, vocab_size=V, lengths=lengths)


def test_a_model_that_finds_its_own_mask_needs_its_pad() -> None:
    def lengths(t: Array, mask: Array) -> Array:
        return (t != V).sum(1)

    laws.padding_invariance(lengths, TOKENS, pad=V)
    assert "padded and" in broken(laws.padding_invariance, lengths, TOKENS)


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        (lambda x, mask: (x * mask[..., None]).mean(1), "output[0, "),
        (lambda x, mask: masked_attend(x, mask | True), "output["),
        (lambda x, mask: masked_attend(x, mask[:1].repeat(len(x), 0)), "output[1, "),
        (lambda x, mask: x - x.mean(1, keepdims=True), "output["),
        # zeros are no mask: a bias makes something of them
        (lambda x, mask: tg.softmax(x.sum(2) * mask), "output["),
    ],
)
def test_padding_that_counts_is_found_in_its_row(wrong: Any, place: str) -> None:
    message = broken(laws.padding_invariance, wrong, X)
    assert message.startswith(place)
    assert "Does padding count in a mean" in message


def test_padding_invariance_says_what_fits() -> None:
    for options in ({"lengths": [1]}, {"lengths": [0, 1]}, {"extra": 0}):
        with pytest.raises(ShapeError, match="from 1 to 4"):
            laws.padding_invariance(masked_attend, X, **options)
    with pytest.raises(ShapeError, match="should begin with"):
        laws.padding_invariance(lambda x, mask: x.sum(), X)


# --- cached and uncached


def embedded(tokens: Array, start: int = 0) -> Array:
    return TABLE[tokens] + POSITIONS[start : start + tokens.shape[1]]


def full(tokens: Array) -> Any:
    return attend(embedded(tokens))


def cached(tokens: Array, keys: Array | None, shift: int = 0, last: int = 0) -> Any:
    """Attention to all keys so far: what is new is appended to them."""
    old = 0 if keys is None else keys.shape[1]
    x = embedded(tokens, old)
    keys = x if keys is None else np.concatenate([keys, x], axis=1)
    seen = np.tri(x.shape[1], keys.shape[1], old + shift, dtype=bool)
    out = tg.softmax(tg.where(seen, x @ keys.mT, -np.inf)) @ keys
    return out[:, -last:], keys


def forgets_positions(tokens: Array, keys: Array | None) -> Any:
    x = embedded(tokens)
    keys = x if keys is None else np.concatenate([keys, x], axis=1)
    return tg.softmax(x @ keys.mT) @ keys, keys


@given(seeds)
def test_attention_with_cached_keys_is_attention(seed: int) -> None:
    laws.cached_equals_uncached(full, cached, TOKENS, seed=seed)
    laws.cached_equals_uncached(
        full, lambda t, keys: cached(t, keys, last=1), TOKENS, chunks=[2, 1, 1]
    )


@pytest.mark.parametrize(
    ("wrong", "chunks"),
    [
        (forgets_positions, [1, 1, 1, 1]),
        (lambda t, keys: cached(t, keys, shift=1), [T]),
        (lambda t, keys: cached(t, None if keys is None else keys[:, -2:]), [1] * T),
        # a mask of its own for every chunk: right as long as chunks are single
        (
            lambda t, keys: cached(
                t, keys, shift=-keys.shape[1] if keys is not None else 0
            ),
            [2, 2],
        ),
    ],
)
def test_a_wrong_cache_is_found_with_the_chunks_that_show_it(
    wrong: Any, chunks: list[int]
) -> None:
    message = broken(laws.cached_equals_uncached, full, wrong, TOKENS, chunks=chunks)
    assert f"in chunks {chunks} and" in message
    assert "in one pass" in message
    assert message.startswith("output[")
    broken(laws.cached_equals_uncached, full, wrong, TOKENS)


def test_outputs_of_a_cache_must_have_times() -> None:
    def pooled(tokens: Array, state: Any) -> Any:
        return cached(tokens, state)[0].mean(1), None

    message = broken(laws.cached_equals_uncached, full, pooled, TOKENS)
    assert "output has shape (2, 3) for the 1 times up to 1 of (2, 4, 3)" in message
    with pytest.raises(ShapeError, match="should add up to 4"):
        laws.cached_equals_uncached(full, cached, TOKENS, chunks=[1, 2])


def test_a_cache_in_float64_may_serve_a_model_in_float32() -> None:
    def narrow(tokens: Array) -> Array:
        return full(tokens).astype(np.float32)

    laws.cached_equals_uncached(narrow, cached, TOKENS)
    message = broken(
        laws.cached_equals_uncached, narrow, cached, TOKENS, tolerance=1e-12
    )
    assert "elements differ" in message
