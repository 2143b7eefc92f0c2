"""Prompts as one array, scores that can't be chosen from, and refusals by name."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.decoding import GREEDY, Beams, beam_search, generate, stream
from nn.decoding.incremental import checked, pack
from tensorgrad.errors import ConfigError, InputError, ShapeError
from tests.nn.decoding.models import Recomputing, Tree


def test_prompts_are_padded_on_the_left() -> None:
    tokens, real = pack([[1, 2], [3], np.array([4, 5, 6], np.int32)])
    assert tokens.tolist() == [[0, 1, 2], [0, 0, 3], [4, 5, 6]]
    assert real.tolist() == [[False, True, True], [False, False, True], [True] * 3]
    assert tokens.dtype == np.int64


@pytest.mark.parametrize("decode", [generate, stream, beam_search])
@pytest.mark.parametrize(
    ("prompts", "said"),
    [
        ([[1], []], "prompt 1 is empty"),
        ([[0.5]], "prompt 0 is not"),
        ([1, 2], "prompt 0 is not"),
        ([[[1]]], "prompt 0 is not"),
        ([[1, -1]], "prompt 0 is not"),
    ],
)
def test_bad_prompts_are_refused_at_the_call(
    decode: Any, prompts: Any, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        decode(Tree(3).model(), prompts, max_new_tokens=1)


@pytest.mark.parametrize("decode", [generate, stream, beam_search])
@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens"),
        ({"max_new_tokens": 2.5}, "max_new_tokens"),
        ({"max_new_tokens": [1, 1]}, "max_new_tokens must be one number, or 1 of them"),
        ({"max_new_tokens": [0]}, "max_new_tokens"),
        ({"max_new_tokens": 1, "stop_tokens": {-1}}, "stop_tokens"),
        ({"max_new_tokens": 1, "stop_tokens": ["a"]}, "stop_tokens"),
    ],
)
def test_bad_limits_are_refused_at_the_call(
    decode: Any, settings: Any, named: str
) -> None:
    with pytest.raises(ConfigError, match=named):
        decode(Tree(3).model(), [[1]], **settings)


@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=4),
    st.integers(0, 9),
    st.sampled_from([{"settings": GREEDY}, {"settings": Beams(3)}]),
)
def test_each_prompt_may_have_a_limit_of_its_own(
    limits: list[int], seed: int, how: Any
) -> None:
    """What follows it is what would if the limit were that of all."""
    decode = beam_search if isinstance(how["settings"], Beams) else generate
    tree, prompts = Tree(4, seed), [[i] for i in range(len(limits))]
    stops: Any = {"stop_tokens": {3}}
    found = decode(tree.model(), prompts, max_new_tokens=limits, **how, **stops)
    for i, limit in enumerate(limits):
        [alone] = decode(tree.model(), [[i]], max_new_tokens=limit, **how, **stops)
        for one, other in zip(flat(found[i]), flat(alone), strict=True):
            assert one.tokens.tolist() == other.tokens.tolist()
            assert len(one.tokens) <= limit


def flat(found: Any) -> list[Any]:
    return found if isinstance(found, list) else [found]


@pytest.mark.parametrize("decode", [generate, beam_search])
def test_no_prompts_no_results(decode: Any) -> None:
    model = Tree(3).model()
    assert decode(model, [], max_new_tokens=5) == []
    assert model.rows_read == []


@pytest.mark.parametrize("decode", [generate, beam_search])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_give_no_probabilities(decode: Any, bad: float) -> None:
    def function(tokens: np.ndarray, real: np.ndarray) -> np.ndarray:
        scores = np.zeros((len(tokens), 3))
        scores[1, 1] = bad
        return scores

    with pytest.raises(InputError, match=rf"sequence 1 have {bad} for their maximum"):
        decode(Recomputing(function), [[0], [0]], max_new_tokens=2)


def test_scores_that_rule_out_everything() -> None:
    with pytest.raises(InputError, match="sequence 0 have -inf"):
        checked(np.full((2, 3), -np.inf), 2)


@pytest.mark.parametrize("shape", [(3,), (1, 3), (2, 1, 3), (2, 0)])
def test_scores_of_the_wrong_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"should be \(2, V\)"):
        checked(np.zeros(shape), 2)
