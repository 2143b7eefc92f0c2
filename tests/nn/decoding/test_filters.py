"""Laws of the filters: what they keep, and what they may not depend on."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nn.decoding import Beams, Sampling, beam_search, filters, generate
from tensorgrad.errors import InputError
from tests.nn.decoding.models import Recomputing

# small whole numbers: ties are common, and sums and differences exact
ROWS = hnp.arrays(np.float64, hnp.array_shapes(max_dims=3), elements=st.integers(-9, 9))
PS = st.floats(0, 1, exclude_min=True)
Filter = Callable[[np.ndarray], np.ndarray]


def kept(logits: np.ndarray) -> np.ndarray:
    return ~np.isneginf(logits)


def some_ruled_out(logits: np.ndarray) -> np.ndarray:
    """With -inf for the lowest, where something else is left."""
    lowest = logits == logits.min(-1, keepdims=True)
    return np.where(lowest & ~lowest.all(-1, keepdims=True), -np.inf, logits)


FILTERS: list[Filter] = [
    lambda x: filters.temperature(x, 0.5),
    lambda x: filters.temperature(x, 0),
    lambda x: filters.temperature(x, 1e-308),
    lambda x: filters.temperature(x, 5e-324),
    lambda x: filters.top_k(x, 2),
    lambda x: filters.top_p(x, 0.6),
    lambda x: filters.top_p(x, 5e-324),
    lambda x: filters.no_repeat_ngram(x, np.zeros((*x.shape[:-1], 3), int), 2),
    lambda x: filters.repetition_penalty(x, np.zeros((*x.shape[:-1], 1), int), 2.0),
]
every_filter = pytest.mark.parametrize("chosen", FILTERS)


@every_filter
@given(logits=ROWS)
def test_something_is_left_and_nothing_comes_back(
    chosen: Filter, logits: np.ndarray
) -> None:
    for x in (logits, some_ruled_out(logits)):
        before = x.copy()
        out = chosen(x)
        assert out.dtype == np.float64
        assert kept(out).any(-1).all()
        assert not np.isnan(out).any()
        assert not (kept(out) & ~kept(x)).any()
        np.testing.assert_array_equal(x, before)


@every_filter
@given(logits=ROWS)
def test_each_row_is_filtered_alone(chosen: Filter, logits: np.ndarray) -> None:
    out = chosen(logits)
    for place in np.ndindex(logits.shape[:-1]):
        np.testing.assert_array_equal(out[place], chosen(logits[place]))


@every_filter
@given(logits=ROWS)
def test_float32_is_filtered_in_float64(chosen: Filter, logits: np.ndarray) -> None:
    np.testing.assert_array_equal(chosen(logits.astype(np.float32)), chosen(logits))


@given(ROWS, st.integers(-1000, 1000))
def test_a_constant_more_on_every_logit_changes_nothing(
    logits: np.ndarray, more: int
) -> None:
    for chosen in FILTERS[:7]:
        np.testing.assert_array_equal(kept(chosen(logits + more)), kept(chosen(logits)))


@given(ROWS)
def test_settings_that_change_nothing(logits: np.ndarray) -> None:
    tokens = np.zeros((*logits.shape[:-1], 4), int)
    for same in (
        filters.suppress(logits, ()),
        filters.final_token(logits, None, True),
        filters.final_token(logits, 0, False),
        filters.repetition_penalty(logits, tokens, 1),
        filters.repetition_penalty(logits, tokens[..., :0], 2.0),
        filters.repetition_penalty(logits, tokens - 1, 2.0),
        filters.no_repeat_ngram(logits, tokens, 0),
        filters.no_repeat_ngram(logits, tokens, 5),
        filters.no_repeat_ngram(logits, tokens - 1, 2),
        filters.top_k(logits, 0),
        filters.top_k(logits, logits.shape[-1]),
        filters.top_k(logits, 1000),
        filters.top_p(logits, 1.0),
    ):
        np.testing.assert_array_equal(same, logits)
    differences = filters.temperature(logits, 1)
    np.testing.assert_array_equal(differences, logits - logits.max(-1, keepdims=True))


@given(ROWS, st.integers(1, 6))
def test_top_k_keeps_k_and_ties(logits: np.ndarray, k: int) -> None:
    out = filters.top_k(logits, k)
    larger = (logits[..., None, :] > logits[..., :, None]).sum(-1)
    np.testing.assert_array_equal(kept(out), larger < k)
    np.testing.assert_array_equal(out[kept(out)], logits[kept(out)])
    np.testing.assert_array_equal(filters.top_k(out, k), out)
    assert not (kept(out) & ~kept(filters.top_k(logits, k + 1))).any()


@given(ROWS, PS, PS)
def test_top_p_is_monotone(logits: np.ndarray, p: float, q: float) -> None:
    p, q = sorted([p, q])
    less, more = filters.top_p(logits, p), filters.top_p(logits, q)
    assert not (kept(less) & ~kept(more)).any()


@given(hnp.arrays(np.float64, st.integers(1, 8), elements=st.integers(-9, 9)), PS)
def test_top_p_keeps_the_fewest_that_reach_p(logits: np.ndarray, p: float) -> None:
    probabilities = np.exp(logits) / np.exp(logits).sum()
    left = kept(filters.top_p(logits, p))
    slack = 1e-12  # sums in another order
    assert probabilities[left].sum() >= p - slack
    without_the_last = np.sort(probabilities[left])[1:]
    assert without_the_last.sum() < p + slack
    assert probabilities[left].min() >= probabilities[~left].max(initial=0)


def test_top_p_takes_the_first_of_equals() -> None:
    logits = np.zeros(4)
    for p, n in [(0.1, 1), (0.25, 1), (0.26, 2), (0.75, 3), (0.76, 4)]:
        assert kept(filters.top_p(logits, p)).tolist() == [i < n for i in range(4)]


@given(ROWS, st.sampled_from([0.25, 0.5, 2.0, 8.0]), st.sampled_from([0.5, 4.0]))
def test_temperatures_multiply(logits: np.ndarray, a: float, b: float) -> None:
    np.testing.assert_array_equal(
        filters.temperature(filters.temperature(logits, a), b),
        filters.temperature(logits, a * b),
    )


@given(ROWS)
def test_a_tiny_temperature_is_temperature_0_but_for_ties(logits: np.ndarray) -> None:
    tiny = filters.temperature(logits, 1e-320)
    top = logits == logits.max(-1, keepdims=True)
    np.testing.assert_array_equal(tiny == 0, top)
    zero = filters.temperature(logits, 0)
    assert (kept(zero).sum(-1) == 1).all()
    np.testing.assert_array_equal(zero.argmax(-1), logits.argmax(-1))
    np.testing.assert_array_equal(filters.temperature(zero, 0), zero)


@given(ROWS, st.sampled_from([0.5, 2.0]))
def test_a_penalty_above_1_never_rewards(logits: np.ndarray, penalty: float) -> None:
    tokens = np.zeros((*logits.shape[:-1], 2), int)
    out = filters.repetition_penalty(logits, tokens, penalty)
    np.testing.assert_array_equal(out[..., 1:], logits[..., 1:])
    less = out[..., 0] <= logits[..., 0]
    more = out[..., 0] >= logits[..., 0]
    assert (less if penalty > 1 else more).all()


@given(st.lists(st.integers(0, 3), max_size=9), st.integers(1, 4), st.integers(0, 3))
def test_ngrams_that_were_there_are_banned(
    sequence: list[int], n: int, padding: int
) -> None:
    there = {tuple(sequence[i : i + n]) for i in range(len(sequence) - n + 1)}
    last = tuple(sequence[max(0, len(sequence) - n + 1) :])
    banned = [(*last, token) in there for token in range(4)]
    assume(not all(banned))
    tokens = np.array([-1] * padding + sequence, int)
    out = filters.no_repeat_ngram(np.zeros(4), tokens, n)
    assert (~kept(out)).tolist() == banned


def test_a_ban_on_everything_is_waived() -> None:
    out = filters.no_repeat_ngram(np.zeros((2, 2)), np.array([[0, 1], [0, 0]]), 1)
    np.testing.assert_array_equal(out, [[0, 0], [-np.inf, 0]])
    out = filters.no_repeat_ngram([-np.inf, 1.0], np.array([1]), 1)
    np.testing.assert_array_equal(out, [-np.inf, 1])


@given(ROWS, st.data())
def test_what_is_suppressed_alone_is_gone(logits: np.ndarray, data: Any) -> None:
    V = logits.shape[-1]
    never = data.draw(st.lists(st.integers(0, V - 1), max_size=V + 2))
    if set(never) == set(range(V)):
        with pytest.raises(InputError, match="rules out every token"):
            filters.suppress(logits, never)
        return
    before, out = logits.copy(), filters.suppress(logits, never)
    gone = np.isin(np.arange(V), never)
    assert np.isneginf(out[..., gone]).all()
    np.testing.assert_array_equal(out[..., ~gone], logits[..., ~gone])
    np.testing.assert_array_equal(logits, before)


@given(ROWS, st.data())
def test_the_final_token_is_all_that_is_left(logits: np.ndarray, data: Any) -> None:
    token = data.draw(st.integers(0, logits.shape[-1] - 1))
    last = data.draw(hnp.arrays(bool, logits.shape[:-1]))
    out = filters.final_token(logits, token, last)
    assert (kept(out[last]) == (np.arange(logits.shape[-1]) == token)).all()
    assert (out[last][..., token] == 0).all()
    np.testing.assert_array_equal(out[~last], logits[~last])


def test_tokens_that_the_model_lacks_are_named() -> None:
    with pytest.raises(InputError, match="suppress: token 4 is none of the model's 4"):
        filters.suppress(np.zeros(4), [0, 4])
    with pytest.raises(InputError, match="final_token: token 9 is none"):
        filters.final_token(np.zeros(4), 9, True)
    model = Recomputing(lambda tokens, real: np.zeros((len(tokens), 4)))
    for name, value in (("suppress", (1, 4)), ("final_token", 4)):
        for decode, kind in ((generate, Sampling), (beam_search, Beams)):
            with pytest.raises(InputError, match=f"{name}: token 4 is none"):
                decode(model, [[0]], max_new_tokens=3, settings=kind(**{name: value}))
            model.rows_read.clear()


def test_a_ban_on_all_that_is_left_is_waived() -> None:
    settings = Sampling(no_repeat_ngram=1, suppress=(0, 1))
    x = settings.candidates(np.zeros(4), np.array([2, 3]))
    np.testing.assert_array_equal(x, [-np.inf, -np.inf, 0, 0])


@given(hnp.arrays(np.float64, (3, 40), elements=st.floats(-9, 9)), PS)
def test_what_top_p_need_not_sort_makes_no_difference(
    logits: np.ndarray, p: float
) -> None:
    order = np.argsort(-logits, axis=-1, kind="stable")
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    mass = weights / weights.sum(-1, keepdims=True)
    sums = np.take_along_axis(mass, order, -1).cumsum(-1)
    assume((np.abs(sums - p) > 1e-12).all())  # else rounding decides
    expected = np.zeros(logits.shape, bool)
    before = np.pad(sums, [(0, 0), (1, 0)])[:, :-1]
    np.put_along_axis(expected, order, before < p, -1)
    np.testing.assert_array_equal(kept(filters.top_p(logits, p)), expected)
