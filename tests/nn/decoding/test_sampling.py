"""Greedy decoding and sampling against enumeration, and the laws of batches."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.decoding import Completion, Sampling, generate, stream
from nn.decoding.sampling import draw
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
)


def same(a: list[Completion], b: list[Completion]) -> None:
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x.tokens, y.tokens)
        np.testing.assert_array_equal(x.log_probs, y.log_probs)
        assert (x.text, x.reason) == (y.text, y.reason)


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
    ],
)
def test_sequences_come_as_often_as_they_are_probable(settings: Sampling) -> None:
    tree, prompt, length, N = Tree(4, seed=1, spread=1.0), [2, 1, 2], 3, 4000
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
            left = probabilities(tree.scores(sequence).tolist(), sequence, settings)
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
    }
    done = generate(Tree(4, seed).model(), prompts, rng=seed, **given)
    rng = np.random.default_rng(seed)
    same(done, generate(Tree(4, seed).model(), prompts, rng=rng, **given))
    found: list[list[Any]] = [[[], [], "", None] for _ in prompts]
    for step in stream(Tree(4, seed).model(), prompts, rng=seed, **given):
        parts = zip(step.tokens, step.log_probs, step.texts, step.reasons, strict=True)
        for row, (token, log_prob, text, reason) in zip(step.rows, parts, strict=True):
            assert found[row][3] is None, "it has ended"
            found[row][0].append(token)
            found[row][1].append(log_prob)
            found[row][2] += text
            found[row][3] = reason
    same(done, [Completion(np.array(t), np.array(p), *rest) for t, p, *rest in found])


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


@pytest.mark.parametrize("V", [2, 7])
def test_every_chance_draws_a_token_that_has_one(V: int) -> None:
    rng = np.random.default_rng(V)
    logits = rng.standard_normal((500, V)) * 300
    logits[:, ::2] = -np.inf
    for chance in (0.0, 0.5, np.nextafter(1, 0)):
        drawn = draw(logits, np.full(500, chance))
        assert (drawn % 2 == 1).all()
    last = draw(np.zeros((1, V)), np.array([np.nextafter(1, 0)]))
    assert last.tolist() == [V - 1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", -0.1),
        ("temperature", np.inf),
        ("temperature", np.nan),
        ("top_k", -1),
        ("top_k", 2.5),
        ("top_p", 0.0),
        ("top_p", 1.1),
        ("top_p", np.nan),
        ("repetition_penalty", 0.0),
        ("repetition_penalty", np.inf),
        ("no_repeat_ngram", -1),
        ("no_repeat_ngram", 1.5),
    ],
)
def test_settings_out_of_range_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"^{name} must be"):
        Sampling(**{name: value})


def test_stop_strings_need_a_tokenizer() -> None:
    with pytest.raises(ConfigError, match="give the tokenizer"):
        stream(Tree(3).model(), [[0]], max_new_tokens=1, stop_strings=["a"])
