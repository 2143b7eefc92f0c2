"""Greedy decoding and sampling against enumeration, and the laws of batches."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.decoding import Completion, Sampling, generate, stream
from nn.tokenizers import ByteTokenizer, CharTokenizer
from tensorgrad.errors import ConfigError
from tests.nn.decoding.models import Recomputing, Tree
from tests.nn.decoding.reference import probabilities, sequences

GREEDY = Sampling(temperature=0)
SEEDS = st.integers(0, 2**32)
PROMPTS = st.lists(
    st.lists(st.integers(0, 3), min_size=1, max_size=4), min_size=1, max_size=5
)
SETTINGS = st.builds(
    Sampling,
    repetition_penalty=st.sampled_from([0.5, 1.0, 1.7]),
    no_repeat_ngram=st.integers(0, 3),
    temperature=st.sampled_from([0, 0.3, 1.0, 2.0]),
    top_k=st.integers(0, 5),
    top_p=st.sampled_from([0.2, 0.7, 1.0]),
    suppress=st.sampled_from([(), (1,), (3, 0)]),
    final_token=st.sampled_from([None, 2]),
)


def same(a: list[Completion], b: list[Completion]) -> None:
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x.tokens, y.tokens)
        np.testing.assert_array_equal(x.log_probs, y.log_probs)
        assert (x.text, x.reason) == (y.text, y.reason)
        np.testing.assert_array_equal(x.top_tokens, y.top_tokens)
        np.testing.assert_array_equal(x.top_log_probs, y.top_log_probs)


@pytest.mark.parametrize(
    "settings",
    [
        Sampling(),
        Sampling(temperature=0.4),
        Sampling(temperature=0),
        Sampling(temperature=3.0),
        Sampling(top_k=2),
        Sampling(top_p=0.7),
        Sampling(repetition_penalty=1.8),
        Sampling(no_repeat_ngram=1),
        Sampling(no_repeat_ngram=2),
        Sampling(1.4, 2, 0.8, 3, 0.9),
        Sampling(suppress=(1,)),
        Sampling(final_token=3),
        Sampling(1.4, 2, 0.8, 3, 0.9, suppress=(3, 0), final_token=1),
    ],
)
def test_sequences_come_as_often_as_they_are_probable(settings: Sampling) -> None:
    tree, prompt, length, N = Tree(4, seed=1, spread=1.0), [2, 1, 2], 3, 2000
    done = generate(
        tree.model(),
        [prompt] * N,
        max_new_tokens=length,
        settings=settings,
        stop_tokens={3},
        rng=5,
    )
    expected: dict[tuple[int, ...], float] = {}
    for tokens in sequences(4, length, {3}):
        p, sequence = 1.0, list(prompt)
        for token in tokens:
            last = len(sequence) - len(prompt) == length - 1
            scores = tree.scores(sequence).tolist()
            left = probabilities(scores, sequence, settings, last)
            p *= left.get(token, 0.0)
            sequence.append(token)
        if p:
            expected[tokens] = N * p
    assert sum(expected.values()) == pytest.approx(N)
    counts = dict.fromkeys(expected, 0)
    for completion in done:
        counts[tuple(completion.tokens.tolist())] += 1  # KeyError: it has p = 0
    chi2 = sum((counts[t] - n) ** 2 / n for t, n in expected.items())
    freedom = len(expected) - 1
    assert chi2 <= freedom + 4 * np.sqrt(2 * freedom)


@given(SEEDS, PROMPTS)
def test_greedy_takes_the_likeliest(seed: int, prompts: list[list[int]]) -> None:
    tree = Tree(4, seed)
    done = generate(tree.model(), prompts, max_new_tokens=5, settings=GREEDY)
    for prompt, completion in zip(prompts, done, strict=True):
        sequence = list(prompt)
        for _ in range(5):
            sequence.append(int(tree.scores(sequence).argmax()))
        assert completion.tokens.tolist() == sequence[len(prompt) :]
        assert completion.reason == "length"
        assert completion.text == ""


@given(SEEDS, PROMPTS)
def test_a_tiny_temperature_is_greedy(seed: int, prompts: list[list[int]]) -> None:
    tree = Tree(4, seed)
    tiny = Sampling(temperature=5e-324)
    same(
        generate(tree.model(), prompts, max_new_tokens=3, settings=tiny, rng=seed),
        generate(tree.model(), prompts, max_new_tokens=3, settings=GREEDY),
    )


def test_greedy_takes_the_first_of_equals() -> None:
    flat = Recomputing(lambda tokens, real: np.zeros((len(tokens), 5)))
    [done] = generate(flat, [[4]], max_new_tokens=3, settings=GREEDY)
    assert done.tokens.tolist() == [0, 0, 0]


@given(SEEDS, PROMPTS, SETTINGS)
def test_log_probs_are_the_models_own(
    seed: int, prompts: list[list[int]], settings: Sampling
) -> None:
    tree = Tree(4, seed)
    done = generate(
        tree.model(), prompts, max_new_tokens=4, settings=settings, rng=seed
    )
    for prompt, completion in zip(prompts, done, strict=True):
        assert completion.tokens.dtype == np.int64
        assert completion.log_probs.dtype == np.float64
        expected = tree.log_probs_of(prompt, completion.tokens.tolist())
        np.testing.assert_allclose(completion.log_probs, expected, rtol=1e-12)


@given(SEEDS, PROMPTS, st.data())
def test_prompts_dont_meet(seed: int, prompts: list[list[int]], data: Any) -> None:
    tree = Tree(4, seed)
    settings = Sampling(1.3, 2, temperature=0)
    given = {"max_new_tokens": 5, "settings": settings, "stop_tokens": {0}}
    together = generate(tree.model(), prompts, **given)
    alone = [generate(tree.model(), [prompt], **given)[0] for prompt in prompts]
    same(together, alone)
    order = data.draw(st.permutations(range(len(prompts))))
    permuted = generate(tree.model(), [prompts[i] for i in order], **given)
    same(permuted, [together[i] for i in order])


@given(SEEDS, PROMPTS, SETTINGS)
def test_a_stop_changes_no_sequence_but_its_own(
    seed: int, prompts: list[list[int]], settings: Sampling
) -> None:
    tree = Tree(4, seed)
    given = {"max_new_tokens": 6, "settings": settings, "rng": seed}
    whole = generate(tree.model(), prompts, **given)
    stopped = generate(tree.model(), prompts, stop_tokens={1, 2}, **given)
    for all_of_it, part in zip(whole, stopped, strict=True):
        tokens = all_of_it.tokens.tolist()
        ends = [i for i, token in enumerate(tokens) if token in (1, 2)]
        length = ends[0] + 1 if ends else 6
        assert part.tokens.tolist() == tokens[:length]
        assert part.reason == ("stop_token" if ends else "length")


@given(SEEDS, PROMPTS, SETTINGS)
def test_a_seed_repeats_and_a_stream_is_the_same(
    seed: int, prompts: list[list[int]], settings: Sampling
) -> None:
    given: Any = {
        "max_new_tokens": 6,
        "settings": settings,
        "stop_tokens": {0},
        "stop_strings": ["bd", "cc"],
        "tokenizer": CharTokenizer("abcd"),
        "top": 2,
    }
    done = generate(Tree(4, seed).model(), prompts, rng=seed, **given)
    rng = np.random.default_rng(seed)
    same(done, generate(Tree(4, seed).model(), prompts, rng=rng, **given))
    found: list[list[Any]] = [[[], [], "", None, [], []] for _ in prompts]
    for step in stream(Tree(4, seed).model(), prompts, rng=seed, **given):
        tops: Any = step.top_tokens, step.top_log_probs
        each = [step.tokens, step.log_probs, step.texts, step.reasons, *tops]
        for row, parts in zip(step.rows, zip(*each, strict=True), strict=True):
            assert found[row][3] is None, "it has ended"
            found[row][3] = parts[3]
            found[row][2] += parts[2]
            for i in (0, 1, 4, 5):
                found[row][i].append(parts[i])
    for parts in found:
        for i in (0, 1, 4, 5):
            parts[i] = np.array(parts[i])
    same(done, [Completion(*parts) for parts in found])


@given(SEEDS, PROMPTS, SETTINGS, st.integers(1, 6))
def test_the_top_are_the_models_likeliest(
    seed: int, prompts: list[list[int]], settings: Sampling, k: int
) -> None:
    tree = Tree(4, seed)
    given: Any = {"max_new_tokens": 3, "settings": settings, "rng": seed}
    done = generate(tree.model(), prompts, top=k, **given)
    plain = generate(tree.model(), prompts, **given)
    for prompt, one, without in zip(prompts, done, plain, strict=True):
        np.testing.assert_array_equal(one.tokens, without.tokens)
        np.testing.assert_array_equal(one.log_probs, without.log_probs)
        assert without.top_tokens is without.top_log_probs is None
        for t in range(3):
            log_probs = tree.log_probs([*prompt, *one.tokens[:t].tolist()])
            order = np.argsort(-log_probs)[:k]
            np.testing.assert_array_equal(one.top_tokens[t], order)
            np.testing.assert_allclose(one.top_log_probs[t], log_probs[order])


def test_of_equals_the_first_is_the_top() -> None:
    scores = np.array([[-np.inf, 2.0, 0.0, 2.0, 2.0]])
    flat = Recomputing(lambda tokens, real: scores)
    [done] = generate(flat, [[0]], max_new_tokens=1, settings=GREEDY, top=5)
    assert done.top_tokens.tolist() == [[1, 3, 4, 2, 0]]
    assert done.top_log_probs[0, -1] == -np.inf
    with pytest.raises(ConfigError, match="top must be a whole number, 0 or more"):
        stream(flat, [[0]], max_new_tokens=1, top=-1)


@given(SEEDS, PROMPTS, SETTINGS)
def test_what_is_suppressed_is_never_written_and_the_last_may_be_fixed(
    seed: int, prompts: list[list[int]], settings: Sampling
) -> None:
    limits = [1 + i for i in range(len(prompts))]
    done = generate(
        Tree(4, seed).model(),
        prompts,
        max_new_tokens=limits,
        settings=settings,
        rng=seed,
    )
    for limit, completion in zip(limits, done, strict=True):
        assert len(completion.tokens) == limit
        assert set(completion.tokens.tolist()).isdisjoint(settings.suppress)
        if settings.final_token is not None:
            assert completion.tokens[-1] == settings.final_token


def test_a_final_token_that_stops_is_why_it_ends() -> None:
    tree, settings = Tree(4), Sampling(suppress=(3,), final_token=2)
    [done] = generate(
        tree.model(), [[0]], max_new_tokens=1, settings=settings, stop_tokens={2}
    )
    assert (done.tokens.tolist(), done.reason) == ([2], "stop_token")
    assert done.log_probs[0] == pytest.approx(tree.log_probs([0])[2])


def test_scores_are_not_copied_and_log_probs_are_in_float64() -> None:
    scores = np.random.default_rng(0).standard_normal((2, 9)).astype(np.float32)
    model = Recomputing(lambda tokens, real: scores)
    [step] = stream(model, [[0], [1]], max_new_tokens=1, settings=GREEDY)
    assert step.logits is scores
    exact = scores.astype(np.float64)
    exact -= np.log(np.exp(exact).sum(-1, keepdims=True))
    np.testing.assert_allclose(step.log_probs, exact.max(-1), rtol=1e-14)


def test_sequences_that_have_ended_cost_nothing() -> None:
    def successor(tokens: np.ndarray, real: np.ndarray) -> np.ndarray:
        return np.eye(9)[(tokens[:, -1] + 1) % 9]

    model = Recomputing(successor)
    done = generate(
        model, [[5], [1, 2, 3], [6]], max_new_tokens=5, settings=GREEDY, stop_tokens={7}
    )
    assert [c.tokens.tolist() for c in done] == [[6, 7], [4, 5, 6, 7], [7]]
    assert model.rows_read == [3, 2, 1, 1]


def test_a_step_has_the_scores_it_was_drawn_from() -> None:
    tree = Tree(5)
    steps = list(stream(tree.model(), [[1], [2, 3]], max_new_tokens=2, rng=0))
    first, second = steps
    np.testing.assert_array_equal(first.logits[1], tree.scores([2, 3]))
    sequence = [2, 3, int(first.tokens[1])]
    np.testing.assert_array_equal(second.logits[1], tree.scores(sequence))
    assert [step.rows.tolist() for step in steps] == [[0, 1], [0, 1]]


@given(st.text("ab€", min_size=1, max_size=8), st.text("ab€", min_size=1, max_size=3))
def test_a_stop_string_ends_the_text_before_it(text: str, stop: str) -> None:
    spelt = ByteTokenizer().encode(text)

    def next_byte(tokens: np.ndarray, real: np.ndarray) -> np.ndarray:
        written = tokens.shape[1] - 1
        return np.eye(256)[[spelt[written % len(spelt)]]]

    [done] = generate(
        Recomputing(next_byte),
        [[0]],
        max_new_tokens=len(spelt),
        settings=GREEDY,
        stop_strings=[stop],
        tokenizer=ByteTokenizer(),
    )
    before, found, _ = text.partition(stop)
    assert done.text == before
    assert bytes(done.tokens.tolist()).decode() == before + found
    assert done.reason == ("stop_string" if found else "length")


@given(SEEDS)
def test_without_stops_the_text_is_that_of_the_tokens(seed: int) -> None:
    tokenizer = ByteTokenizer()
    spread = Recomputing(lambda tokens, real: np.zeros((len(tokens), 256)))
    for done in generate(
        spread, [[0], [1, 2]], max_new_tokens=7, rng=seed, tokenizer=tokenizer
    ):
        assert done.text == tokenizer.decode(done.tokens)


def test_stop_strings_need_a_tokenizer() -> None:
    with pytest.raises(ConfigError, match="give the tokenizer"):
        stream(Tree(3).model(), [[0]], max_new_tokens=1, stop_strings=["a"])
