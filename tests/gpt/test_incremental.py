"""Reading token by token equals reading the window again, for each row by itself."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt import GPT, GPTConfig
from gpt.incremental import GPTState, window
from nn.decoding import Beams, Sampling, beam_search, generate
from nn.decoding.incremental import pack
from tensorgrad.errors import InputError, ShapeError
from tensorgrad.testing import laws

V = 7
SIZES = {"n_layer": 2, "n_head": 2, "n_embd": 8, "vocab_size": V}
contexts = st.integers(1, 7)
seeds = st.integers(0, 3)


def gpt(block_size: int, seed: int = 0, **changes: Any) -> GPT:
    """In float64, with weights large enough for the tokens to matter."""
    config = GPTConfig(block_size=block_size, **{**SIZES, **changes})
    model = GPT(config, rng=seed).to(np.float64).eval()
    for p in model.parameters():
        p.writable()[...] *= 5
    return model


def expected(model: GPT, sequence: list[int]) -> np.ndarray:
    """The scores (V,) of what follows, from the window alone."""
    seen = int(window(np.array(len(sequence)), model.config.block_size))
    return model.logits([sequence[-seen:]]).data[0, -1]


def check(model: GPT, scores: np.ndarray, sequences: list[list[int]]) -> None:
    whole = [expected(model, sequence) for sequence in sequences]
    # float64, sums in another order
    np.testing.assert_allclose(scores, whole, rtol=1e-9, atol=1e-9)


# --- the rule


@given(st.integers(1, 40), st.integers(1, 200))
def test_the_window_is_all_then_from_half_to_all(block_size: int, read: int) -> None:
    now, after = window(np.array([read, read + 1]), block_size).tolist()
    half = max(1, block_size // 2)
    assert 1 <= now <= block_size
    assert after == (now + 1 if now < block_size else half)
    if read <= block_size:
        assert now == read


# --- any way of reading


capacities = st.sampled_from([None, 2, 30])


@given(contexts, seeds, st.lists(st.integers(1, 9), min_size=1, max_size=6), capacities)
def test_any_chunks_give_what_the_window_gives(
    block_size: int, seed: int, chunks: list[int], capacity: int | None
) -> None:
    model, rng = gpt(block_size, seed), np.random.default_rng(seed)
    state, sequences = model.start(capacity), [[], []]  # type: ignore[var-annotated]
    chunks[0] = min(chunks[0], block_size)
    for length in chunks:
        tokens = rng.integers(0, V, (2, length))
        for sequence, new in zip(sequences, tokens.tolist(), strict=True):
            sequence += new
        check(model, state.advance(tokens), sequences)


def test_within_the_context_it_is_the_law_of_caches() -> None:
    model = gpt(9)

    def cached(chunk: Any, state: GPTState | None) -> Any:
        state = state or model.start()
        return state.advance(chunk)[:, None], state

    tokens = np.random.default_rng(0).integers(0, V, (3, 9))
    laws.cached_equals_uncached(model.logits, cached, tokens)


prompts = st.lists(
    st.lists(st.integers(0, V - 1), min_size=1, max_size=7), min_size=1, max_size=4
)


def fitting(given_prompts: list[list[int]], block_size: int) -> list[list[int]]:
    """The last tokens of each that the context has room for."""
    return [row[-block_size:] for row in given_prompts]


@given(contexts, seeds, prompts, capacities, st.data())
def test_each_row_goes_on_as_if_alone(
    block_size: int,
    seed: int,
    given_prompts: list[list[int]],
    capacity: int | None,
    data: st.DataObject,
) -> None:
    """Prompts of any lengths; then rows are read, dropped, doubled and swapped."""
    model, sequences = gpt(block_size, seed), fitting(given_prompts, block_size)
    state, (tokens, real) = model.start(capacity), pack(sequences)
    check(model, state.advance(tokens, real), sequences)
    for _ in range(data.draw(st.integers(0, 6))):
        if data.draw(st.booleans()):
            row = st.integers(0, len(sequences) - 1)
            rows = data.draw(st.lists(row, min_size=1, max_size=4))
            state.select(np.array(rows))
            sequences = [list(sequences[i]) for i in rows]
        length = data.draw(st.integers(1, 3))
        new = st.lists(st.integers(0, V - 1), min_size=length, max_size=length)
        tokens = np.array([data.draw(new) for _ in sequences])
        for sequence, more in zip(sequences, tokens.tolist(), strict=True):
            sequence += more
        check(model, state.advance(tokens), sequences)


def test_reading_leaves_the_model_as_it_was() -> None:
    model = gpt(4, dropout=0.5)
    calm = model.start().advance([[1, 2, 3, 4]])
    state = model.start()
    model.train()
    model.h[1].eval()
    modes = [module.training for module in model.modules()]
    for reading in (state, model.start()):
        assert np.array_equal(reading.advance([[1, 2, 3, 4]]), calm)
        assert [module.training for module in model.modules()] == modes
    assert all(p.grad is None for p in model.parameters())


def test_only_a_state_reads_past_the_context() -> None:
    with pytest.raises(InputError, match="5 tokens are more than the context of 4"):
        gpt(4).logits([[1, 2, 3, 4, 5]])


def test_a_prompt_has_to_fit_the_context() -> None:
    said = "prompt 1 has 5 tokens, and the context is 4: shorten it, to its last 4 "
    whole, beyond = [1, 2, 3, 4], [1, 2, 3, 4, 5]
    with pytest.raises(InputError, match=said):
        gpt(4).generate([whole, beyond], max_new_tokens=1)
    state, twin = gpt(4).start(), gpt(4).start()
    with pytest.raises(InputError, match="prompt 0 has 5 tokens"):
        state.advance([beyond])
    np.testing.assert_array_equal(state.advance([whole]), twin.advance([whole]))
    assert len(gpt(4).generate([whole], max_new_tokens=9)[0].tokens) == 9


def test_no_more_memory_is_taken_than_was_asked_for() -> None:
    model = gpt(8)
    for capacity, rows in ((5, 1), (100, 2)):
        state = model.start(capacity)
        state.advance(np.ones((rows, 3), int))
        first = [cache.all()[0].data for cache in state.caches]
        for _ in range(2 if capacity == 5 else 20):  # past the context
            state.advance(np.ones((rows, 1), int))
        for cache, before in zip(state.caches, first, strict=True):
            assert np.shares_memory(cache.all()[0].data, before)
            assert cache.capacity == min(capacity, 8)


# --- through nn.decoding


def by_hand(model: GPT, prompt: list[int], count: int) -> list[int]:
    sequence = list(prompt)
    for _ in range(count):
        sequence.append(int(expected(model, sequence).argmax()))
    return sequence[len(prompt) :]


@given(contexts, seeds, prompts)
def test_greedy_decoding_goes_past_the_context(
    block_size: int, seed: int, given_prompts: list[list[int]]
) -> None:
    given_prompts = fitting(given_prompts, block_size)
    model, greedy = gpt(block_size, seed), Sampling(temperature=0)
    found = model.generate(given_prompts, max_new_tokens=12, settings=greedy)
    for prompt, done in zip(given_prompts, found, strict=True):
        assert done.tokens.tolist() == by_hand(model, prompt, 12)


@given(contexts, seeds, prompts)
def test_no_row_depends_on_when_another_ends(
    block_size: int, seed: int, given_prompts: list[list[int]]
) -> None:
    given_prompts = fitting(given_prompts, block_size)
    model, stops = gpt(block_size, seed), {0, 1}
    greedy = Sampling(temperature=0)
    options: dict[str, Any] = {"settings": greedy, "stop_tokens": stops}
    together = model.generate(given_prompts, max_new_tokens=9, **options)
    for prompt, done in zip(given_prompts, together, strict=True):
        [alone] = generate(model.start(), [prompt], max_new_tokens=9, **options)
        assert done.tokens.tolist() == alone.tokens.tolist()
        assert done.reason == alone.reason
        np.testing.assert_allclose(done.log_probs, alone.log_probs, rtol=1e-9)


@given(contexts, seeds, prompts)
def test_beams_go_past_the_context(
    block_size: int, seed: int, given_prompts: list[list[int]]
) -> None:
    given_prompts = fitting(given_prompts, block_size)
    model = gpt(block_size, seed)
    found = beam_search(
        model.start(), given_prompts, max_new_tokens=6, settings=Beams(3, 3, alpha=0)
    )
    for prompt, best in zip(given_prompts, found, strict=True):
        for hypothesis in best:
            sequence, total = list(prompt), 0.0
            for token in hypothesis.tokens.tolist():
                scores = expected(model, sequence)
                total += scores[token] - np.log(np.exp(scores).sum())
                sequence.append(token)
            assert hypothesis.log_prob == pytest.approx(total, rel=1e-9)


def test_what_cannot_be_read_leaves_the_state_as_it_was() -> None:
    model, tokens = gpt(4), np.array([[1, 2, 3], [4, 5, 6]])
    state, twin = model.start(), model.start()
    for each in (state, twin):
        each.advance(tokens)
    for bad in (
        np.full((2, 1), V),
        np.full((2, 1), -1),
        np.full((2, 3), V),  # past the context
        np.zeros((2, 1)),
        np.zeros(2, int),
        np.zeros((3, 1), int),
    ):
        with pytest.raises((ShapeError, InputError)):
            state.advance(bad)
    np.testing.assert_array_equal(
        state.advance(tokens[:, :1]), twin.advance(tokens[:, :1])
    )
