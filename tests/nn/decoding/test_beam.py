"""Beam search against looking at every sequence, and its laws."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.decoding import Beams, Hypothesis, Sampling, beam_search, generate
from nn.decoding.incremental import BLOCK, largest
from tensorgrad.errors import ConfigError
from tests.nn.decoding.models import Recomputing, Tree
from tests.nn.decoding.reference import best

SEEDS = st.integers(0, 2**32)
PROMPTS = st.lists(
    st.lists(st.integers(0, 3), min_size=1, max_size=4), min_size=1, max_size=4
)
SETTINGS = st.builds(
    Beams,
    beam_size=st.integers(2, 5),
    n_best=st.integers(1, 2),
    length_penalty=st.sampled_from(["hugging_face", "google"]),
    alpha=st.sampled_from([-1.0, 0.0, 0.6, 1.0, 2.0]),
    early_stopping=st.sampled_from([False, True, "never"]),
    repetition_penalty=st.sampled_from([0.5, 1.0, 1.7]),
    no_repeat_ngram=st.integers(0, 3),
    suppress=st.sampled_from([(), (1,), (3, 0)]),
    final_token=st.sampled_from([None, 2]),
)
STOPS = st.sets(st.integers(0, 3), max_size=2)


def same(a: list[list[Hypothesis]], b: list[list[Hypothesis]]) -> None:
    assert len(a) == len(b)
    for xs, ys in zip(a, b, strict=True):
        assert [x.tokens.tolist() for x in xs] == [y.tokens.tolist() for y in ys]
        assert [(x.score, x.log_prob) for x in xs] == [
            (y.score, y.log_prob) for y in ys
        ]


@pytest.mark.parametrize("name", ["hugging_face", "google"])
@pytest.mark.parametrize("alpha", [-0.5, 0.0, 0.6, 1.0, 3.0])
@pytest.mark.parametrize("stops", [set(), {2}, {0, 2}])
@pytest.mark.parametrize(
    "penalties",
    [
        {},
        {"repetition_penalty": 1.5, "suppress": (0,)},
        {"no_repeat_ngram": 2, "final_token": 2},
    ],
)
def test_a_beam_of_all_beginnings_finds_the_best(
    name: Any, alpha: float, stops: set[int], penalties: dict[str, Any]
) -> None:
    V, T = 3, 4
    size = V ** (T - 1)
    settings = Beams(size, size, name, alpha, "never", **penalties)
    for seed in range(2):
        tree, prompt = Tree(V, seed), [1, 0]
        [found] = beam_search(
            tree.model(),
            [prompt],
            max_new_tokens=T,
            settings=settings,
            stop_tokens=stops,
        )
        expected = best(tree, prompt, T, stops, settings)
        expected = [pair for pair in expected if pair[0] > -np.inf][:size]
        assert [tuple(h.tokens.tolist()) for h in found] == [t for _, t in expected]
        np.testing.assert_allclose(
            [h.score for h in found], [score for score, _ in expected], rtol=1e-12
        )
        for h in found:
            own = tree.log_prob(prompt, h.tokens.tolist())
            assert h.log_prob == pytest.approx(own, rel=1e-12)


@pytest.mark.parametrize("stops", [set(), {2}])
@pytest.mark.parametrize("renormalize", [True, False])
def test_renormalized_all_that_is_not_suppressed_has_probability_1(
    stops: set[int], renormalize: bool
) -> None:
    V, T = 3, 4
    settings = Beams(
        V**T, V**T, alpha=0, suppress=(0,), renormalize=renormalize
    )  # with alpha=0, a score is log p
    for seed in range(4):
        [found] = beam_search(
            Tree(V, seed).model(),
            [[1]],
            max_new_tokens=T,
            settings=settings,
            stop_tokens=stops,
        )
        total = sum(np.exp(h.score) for h in found)
        assert (total == pytest.approx(1, rel=1e-12)) == renormalize


@given(SEEDS, PROMPTS, SETTINGS, STOPS)
def test_scores_and_log_probs_are_those_of_the_tokens(
    seed: int, prompts: list[list[int]], settings: Beams, stops: set[int]
) -> None:
    tree, length = Tree(4, seed), 5
    found = beam_search(
        tree.model(),
        prompts,
        max_new_tokens=length,
        settings=settings,
        stop_tokens=stops,
    )
    for prompt, hypotheses in zip(prompts, found, strict=True):
        assert 1 <= len(hypotheses) <= settings.n_best
        scores = [h.score for h in hypotheses]
        assert scores == sorted(scores, reverse=True)
        assert len({tuple(h.tokens) for h in hypotheses}) == len(hypotheses)
        for h in hypotheses:
            *begin, last = h.tokens.tolist()
            assert stops.isdisjoint(begin)
            assert last in stops or len(h.tokens) == length
            assert set(h.tokens.tolist()).isdisjoint(settings.suppress)
            if len(h.tokens) == length and settings.final_token is not None:
                assert last == settings.final_token
            own = tree.log_prob(prompt, h.tokens.tolist())
            assert h.log_prob == pytest.approx(own, rel=1e-12)
            if settings.repetition_penalty == 1 and settings.final_token is None:
                expected = settings.score(own, len(h.tokens))
                assert h.score == pytest.approx(expected, rel=1e-12)


@given(SEEDS, PROMPTS, STOPS, st.integers(0, 3), st.booleans())
def test_a_beam_of_1_is_greedy(
    seed: int, prompts: list[list[int]], stops: set[int], ngram: int, early: bool
) -> None:
    tree = Tree(4, seed)
    given = {"max_new_tokens": 6, "stop_tokens": stops}
    greedy = generate(
        tree.model(),
        prompts,
        settings=Sampling(temperature=0, no_repeat_ngram=ngram),
        **given,
    )
    # "never" too, where a longer one can't make up for what it is less likely
    for settings in (
        Beams(1, early_stopping=early, no_repeat_ngram=ngram),
        Beams(1, alpha=0, no_repeat_ngram=ngram),
    ):
        beams = beam_search(tree.model(), prompts, settings=settings, **given)
        for completion, [h] in zip(greedy, beams, strict=True):
            assert h.tokens.tolist() == completion.tokens.tolist()
            total = completion.log_probs.sum()
            assert h.log_prob == pytest.approx(total, rel=1e-12)


@given(SEEDS, PROMPTS, SETTINGS, STOPS, st.data())
def test_prompts_dont_meet(
    seed: int, prompts: list[list[int]], settings: Beams, stops: set[int], data: Any
) -> None:
    tree = Tree(4, seed)

    def search(prompts: list[list[int]]) -> list[list[Hypothesis]]:
        return beam_search(
            tree.model(),
            prompts,
            max_new_tokens=5,
            settings=settings,
            stop_tokens=stops,
        )

    together = search(prompts)
    same(together, [search([prompt])[0] for prompt in prompts])
    order = data.draw(st.permutations(range(len(prompts))))
    same(search([prompts[i] for i in order]), [together[i] for i in order])


@given(SEEDS, st.integers(2, 4), st.sampled_from([-0.4, -0.1, 0.0, 0.6, 2.0]))
def test_never_stops_only_where_going_on_changes_nothing(
    seed: int, size: int, alpha: float
) -> None:
    tree = Tree(4, seed)
    settings = Beams(size, size, alpha=alpha)
    search = {"max_new_tokens": 6, "settings": settings, "stop_tokens": {0}}
    stopped = beam_search(tree.model(), [[1]], **search)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nn.decoding.beam.Search._settled", lambda self, best: False)
        same(stopped, beam_search(tree.model(), [[1]], **search))


def test_never_waits_for_a_short_one_where_short_is_favoured() -> None:
    def scores(sequence: list[int]) -> list[float]:
        if sequence == [1]:
            return [-3.0, -0.1, -3.1]
        if sequence == [1, 1]:
            return [-5.0, -0.01, -5.0]
        return [0.0, 0.0, 0.0] if sequence[1] == 2 else [0.0, -4.0, -5.0]

    def function(tokens: np.ndarray, real: np.ndarray) -> np.ndarray:
        return np.array([scores(sequence) for sequence in tokens.tolist()])

    [[found]] = beam_search(
        Recomputing(function),
        [[1]],
        max_new_tokens=200,  # by then, it could never catch up
        settings=Beams(2, alpha=-1.0),
        stop_tokens={0},
    )
    assert found.tokens.tolist() == [1, 1, 0]


def test_the_ended_dont_starve_the_beam() -> None:
    def stops_first(tokens: np.ndarray, real: np.ndarray) -> np.ndarray:
        return np.tile([9.0, 8.0, 7.0, 0.0, 1.0, 2.0], (len(tokens), 1))

    model = Recomputing(stops_first)
    settings = Beams(3, alpha=9.0)  # so that the longest is the best
    [[found]] = beam_search(
        model, [[5]], max_new_tokens=4, settings=settings, stop_tokens={0, 1, 2}
    )
    assert model.rows_read == [1, 3, 3, 3]
    assert found.tokens.tolist() == [5, 5, 5, 0]


def test_the_two_length_penalties() -> None:
    hugging_face, google = Beams(alpha=2), Beams(length_penalty="google", alpha=2)
    assert hugging_face.score(-9.0, 3) == -1.0
    assert google.score(-9.0, 13) == -1.0


def certain(*paths: list[int], V: int = 6) -> Recomputing:
    """Every path from token 0 is as likely as its place says, the rest impossible."""

    def function(tokens: np.ndarray, real: np.ndarray) -> np.ndarray:
        scores = np.full((len(tokens), V), -np.inf)
        for row, sequence in zip(scores, tokens.tolist(), strict=True):
            for place, path in reversed(list(enumerate(paths))):
                if path[: len(sequence)] == sequence and len(path) > len(sequence):
                    row[path[len(sequence)]] = -float(place)
            if np.isneginf(row).all():
                row[:] = 0.0
        return scores

    return Recomputing(function)


def test_impossible_tokens_make_no_hypotheses() -> None:
    model = certain([0, 1, 5], [0, 2, 5], V=6)
    [found] = beam_search(
        model,
        [[0]],
        max_new_tokens=2,
        settings=Beams(4, 4),
        stop_tokens={5},
    )
    assert [h.tokens.tolist() for h in found] == [[1, 5], [2, 5]]
    assert all(np.isfinite(h.score) for h in found)


def test_a_beam_wider_than_the_vocabulary() -> None:
    tree = Tree(2)
    [found] = beam_search(tree.model(), [[0]], max_new_tokens=2, settings=Beams(50, 50))
    assert len(found) == 4  # all there are
    [found] = beam_search(
        tree.model(),
        [[0]],
        max_new_tokens=3,
        settings=Beams(50, 50),
        stop_tokens={0, 1},
    )
    assert sorted(h.tokens.tolist() for h in found) == [[0], [1]]


def test_a_vocabulary_of_one() -> None:
    one = Recomputing(lambda tokens, real: np.zeros((len(tokens), 1)))
    [[found]] = beam_search(one, [[0]], max_new_tokens=3, settings=Beams(3))
    assert found.tokens.tolist() == [0, 0, 0]
    assert found.log_prob == 0


def test_the_prompt_is_read_once_and_the_ended_cost_nothing() -> None:
    def successor(tokens: np.ndarray, real: np.ndarray) -> np.ndarray:
        return 50 * np.eye(9)[(tokens[:, -1] + 1) % 9]

    for size, rows_read in [(1, [2, 1, 1]), (3, [2, 6, 6, 6, 6])]:
        model = Recomputing(successor)
        found = beam_search(
            model,
            [[5], [1, 2, 3]],
            max_new_tokens=5,
            settings=Beams(size, early_stopping=True),
            stop_tokens={6},
        )
        assert [h.tokens.tolist() for [h] in found] == [[6], [4, 5, 6]]
        assert model.rows_read == rows_read


@given(
    st.lists(st.sampled_from([-np.inf, -2.0, -1.0, 0.0]), min_size=1),
    st.integers(1, 9),
)
def test_the_largest_are_those_of_a_stable_sort(values: list[float], n: int) -> None:
    expected = sorted(range(len(values)), key=lambda i: -values[i])[:n]
    assert largest(np.array(values), n).tolist() == expected


@given(
    st.integers(0, 2**32),
    st.sampled_from([BLOCK, 3 * BLOCK + 5, 20 * BLOCK]),
    st.integers(1, 24),
)
def test_the_largest_of_many_are_found_by_blocks(seed: int, size: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 9 * size, size) * 1.0  # some of them equal
    values[rng.random(size) < 0.3] = -np.inf
    expected = np.argsort(-values, kind="stable")[:n]
    assert largest(values, n).tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"beam_size": 0}, "beam_size must be a whole number, 1 or more; got 0"),
        ({"beam_size": 1.5}, "beam_size"),
        ({"n_best": 0}, "n_best"),
        (
            {"beam_size": "x" * 9999},
            "beam_size must be a whole number, 1 or more; got 'x{79}$",
        ),
        ({"beam_size": 2, "n_best": 3}, r"n_best must be at most beam_size \(2\)"),
        ({"length_penalty": "none"}, "length_penalty must be hugging_face or google"),
        ({"alpha": np.nan}, "alpha"),
        ({"alpha": np.inf}, "alpha"),
        ({"early_stopping": "always"}, "early_stopping"),
        ({"early_stopping": None}, "early_stopping"),
        ({"repetition_penalty": -1.0}, "repetition_penalty"),
        ({"no_repeat_ngram": -1}, "no_repeat_ngram"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(settings: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=f"^{said}"):
        Beams(**settings)
