"""Writing token by token beside reading the whole target at once."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgrad as tg
from nn.attention import attention_weights
from nn.transformer import Transformer, TransformerConfig
from nn.transformer.blocks import DecoderCache
from tensorgrad.errors import GraphError, InputError, ShapeError
from tensorgrad.testing import laws

N, S, T, V = 3, 4, 6, 11
rng = np.random.default_rng(0)
SOURCE, TARGET = rng.integers(3, V, (N, S)), rng.integers(3, V, (N, T))
SOURCE[1, 2:] = 0  # padding
CLOSE = {"rtol": 1e-10, "atol": 1e-10}  # float64, sums in another order
KINDS: list[dict[str, Any]] = [
    {},
    {"norm_first": True, "positions": "learned", "output_bias": True},
]
MODELS = [
    Transformer(
        TransformerConfig(8, 2, 12, vocab_size=V, n_encoder=1, n_decoder=2, **kind)
    ).to(np.float64)
    for kind in KINDS
]
kinds = pytest.mark.parametrize("model", MODELS, ids=["post-norm", "pre-norm"])
seeds = st.integers(0, 2**32 - 1)


def last(model: Transformer, source: Any, target: Any) -> np.ndarray:
    """The scores of what follows the target, without a cache and without dropout."""
    model.eval()
    with tg.no_grad():
        scores = model(source, target).data[:, -1]
    model.train()
    return scores


@kinds
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(seed=seeds)
def test_in_chunks_of_any_length_scores_are_those_of_the_whole(
    model: Transformer, dtype: Any, seed: int
) -> None:
    ours = Transformer(model.config, seed).to(dtype).eval()

    def cached(chunk: Any, state: Any) -> tuple[Any, Any]:
        state = state or ours.start(SOURCE)
        return state.advance(chunk)[:, None], state

    laws.cached_equals_uncached(lambda y: ours(SOURCE, y), cached, TARGET, seed=seed)


steps = st.lists(
    st.one_of(
        st.integers(1, 2),  # so many tokens more
        st.lists(st.integers(0, N - 1), min_size=1, max_size=N + 2),  # these rows
    ),
    min_size=1,
    max_size=6,
)


@kinds
@given(plan=steps, seed=seeds, capacity=st.sampled_from([None, 3, 9999]))
def test_each_row_goes_on_as_if_it_were_alone(
    model: Transformer, plan: list[Any], seed: int, capacity: int | None
) -> None:
    """Selected, repeated or left out: before the first token and at any later time."""
    draws = np.random.default_rng(seed)
    state = model.start(SOURCE, capacity=capacity)
    rows = [(n, []) for n in range(N)]  # of which source, and the target so far
    for step in [*plan, 1]:
        if isinstance(step, int):
            new = draws.integers(0, V, (len(rows), step))
            pairs = zip(rows, new.tolist(), strict=True)
            rows = [(n, [*target, *more]) for (n, target), more in pairs]
            scores = state.advance(new)
        else:
            step = [i % len(rows) for i in step]
            state.select(step)
            rows = [rows[i] for i in step]
    for (n, target), found in zip(rows, scores, strict=True):
        expected = last(model, SOURCE[n : n + 1], [target])[0]
        np.testing.assert_allclose(found, expected, **CLOSE)


@kinds
@given(seed=seeds, lengths=st.lists(st.integers(1, 4), min_size=N, max_size=N))
def test_targets_of_unequal_length_are_padded_on_the_left(
    model: Transformer, seed: int, lengths: list[int]
) -> None:
    draws = np.random.default_rng(seed)
    real = np.arange(4) >= 4 - np.array(lengths)[:, None]
    prompt = draws.integers(0, V, (N, 4))  # what stands in the padding is not seen
    state, targets = model.start(SOURCE), [p[r] for p, r in zip(prompt, real, strict=1)]
    scores = state.advance(prompt, real)
    order = draws.permutation(N)
    for _ in range(3):
        for n in range(N):
            expected = last(model, SOURCE[n : n + 1], targets[n][None])[0]
            np.testing.assert_allclose(scores[n], expected, **CLOSE)
        new = draws.integers(0, V, (N, 1))
        targets = [np.append(t, w) for t, w in zip(targets, new, strict=True)]
        scores = state.advance(new)
    state.select(order)
    new = draws.integers(0, V, (N, 2))
    for n, found in zip(order, state.advance(new[order]), strict=True):
        target = np.append(targets[n], new[n])[None]
        np.testing.assert_allclose(found, last(model, SOURCE[[n]], target)[0], **CLOSE)


@kinds
def test_padding_in_sources_changes_nothing(model: Transformer) -> None:
    wider = np.pad(SOURCE, [(0, 0), (0, 3)])
    masked = np.where(wider == 0, 5, wider)
    given = [
        model.start(wider),
        model.start(masked, wider != 0),
        model.start(SOURCE, SOURCE != 0),
    ]
    for state in given:
        state.advance(TARGET[:, :2])
        found = state.advance(TARGET[:, 2:])
        np.testing.assert_allclose(found, last(model, SOURCE, TARGET), **CLOSE)


def test_a_source_of_padding_alone_has_finite_scores_and_spoils_none() -> None:
    source = SOURCE.copy()
    source[0] = 0
    found = MODELS[0].start(source).advance(TARGET)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[1:], last(MODELS[0], SOURCE, TARGET)[1:], **CLOSE)


def test_nothing_is_dropped_or_recorded_and_the_mode_stays() -> None:
    model = MODELS[0]
    state = model.start(SOURCE)
    assert state.memory.node is None
    first = state.advance(TARGET)
    np.testing.assert_array_equal(first, model.start(SOURCE).advance(TARGET))
    assert all(module.training for module in model.modules())
    kept = first.copy()
    state.advance(TARGET[:, :1])
    np.testing.assert_array_equal(first, kept)
    assert all(p.grad is None for p in model.parameters())


def test_weights_are_shown_while_writing() -> None:
    model = MODELS[0].eval()
    with attention_weights(model) as whole:
        model(SOURCE, TARGET)
    state = model.start(SOURCE)
    state.advance(TARGET[:, :-1])
    with attention_weights(model) as weights:
        state.advance(TARGET[:, -1:])
    model.train()
    assert weights.keys() == {name for name in whole if name.startswith("decoder")}
    for name, array in weights.items():
        np.testing.assert_allclose(array, whole[name][:, :, -1:], **CLOSE)


def test_what_could_not_be_read_was_not_read() -> None:
    model = MODELS[0]
    state = model.start(SOURCE)
    state.advance(TARGET[:, :2])
    for tokens, real, error in (
        (np.full((N, 1), V), None, ShapeError),
        (TARGET[:2], None, InputError),
        (TARGET[0], None, InputError),
        (TARGET, np.ones((N, 1), bool), ShapeError),
        (np.ones((N, 511), int), None, InputError),
    ):
        with pytest.raises(error):
            state.advance(tokens, real)
    found = state.advance(TARGET[:, 2:])
    np.testing.assert_allclose(found, last(model, SOURCE, TARGET), **CLOSE)


def test_a_target_ends_with_the_context_and_padding_does_not_count() -> None:
    config = TransformerConfig(8, 2, 12, vocab_size=V, max_length=T)
    model = Transformer(config).to(np.float64)
    state = model.start(SOURCE)
    real = np.array([[False] * 2, [False] * 2, [False] * 2])
    padded = np.concatenate([real, np.ones((N, T), bool)], axis=1)
    found = state.advance(np.pad(TARGET, [(0, 0), (2, 0)]), padded)
    np.testing.assert_allclose(found, last(model, SOURCE, TARGET), **CLOSE)
    with pytest.raises(InputError, match=f"target of {T + 1} tokens"):
        state.advance(TARGET[:, :1])


def test_a_cache_takes_no_part_in_training() -> None:
    model = MODELS[0]
    caches = [DecoderCache() for _ in model.decoder]
    with pytest.raises(GraphError, match="no_grad"):
        model.decode(TARGET, model.encode(SOURCE), caches=caches)
