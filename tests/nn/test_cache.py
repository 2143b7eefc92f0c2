"""Cached keys and values, and times, beside what is simply joined and counted."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgrad as tg
from nn.cache import FixedCache, KeyValueCache, Times
from tensorgrad import Tensor
from tensorgrad.errors import GraphError, ShapeError

N, H, D = 3, 2, 4
steps = st.lists(
    st.one_of(
        st.integers(0, 5),  # so many times more
        st.lists(st.integers(0, N - 1), min_size=N, max_size=N),  # these rows
    ),
    max_size=8,
)
seeds = st.integers(0, 2**32 - 1)


def draw(rng: np.random.Generator, t: int, dtype: Any = np.float64) -> list[Tensor]:
    return [Tensor(rng.standard_normal((N, H, t, D)).astype(dtype)) for _ in "kv"]


@given(steps, seeds, st.sampled_from([np.float32, np.float64]))
def test_a_cache_gives_all_that_was_put_in_for_the_rows_that_are_left(
    plan: list[Any], seed: int, dtype: Any
) -> None:
    rng, cache = np.random.default_rng(seed), KeyValueCache()
    expected = [np.zeros((N, H, 0, D), dtype) for _ in "kv"]
    given_out: list[tuple[Tensor, np.ndarray]] = []
    for step in plan:
        if isinstance(step, int):
            new = draw(rng, step, dtype)
            pairs = zip(expected, new, strict=True)
            expected = [np.concatenate([a, b.data], axis=2) for a, b in pairs]
            found = cache.extend(*new)
            given_out += zip(found, expected, strict=True)
        else:
            cache.select(step)
            expected = [a[step] for a in expected]
        assert cache.length == expected[0].shape[2]
    for tensor, array in given_out:  # later ones have not moved them
        assert tensor.dtype == dtype
        np.testing.assert_array_equal(tensor.data, array)


def test_a_token_costs_no_copy_of_those_before_it() -> None:
    rng, cache = np.random.default_rng(0), KeyValueCache()
    before, copies = cache.extend(*draw(rng, 1))[0].data, 0
    for _ in range(127):
        now = cache.extend(*draw(rng, 1))[0].data
        copies += not np.shares_memory(before, now)
        before = now
    assert copies == 7  # at lengths 2, 3, 5, 9, ... 65


def test_what_does_not_grow_is_made_once_and_follows_its_rows() -> None:
    rng, cache = np.random.default_rng(0), FixedCache()
    k, v = draw(rng, 5)
    cache.select([2, 1, 0])  # nothing is there yet
    made: list[int] = []

    def make() -> tuple[Tensor, Tensor]:
        made.append(1)
        return k, v

    for rows in ([0, 1, 2], [2, 2, 0, 1], [0]):
        with tg.no_grad():
            found = cache.update(make)
        np.testing.assert_array_equal(found[0].data, k.data)
        np.testing.assert_array_equal(found[1].data, v.data)
        cache.select(rows)
        k, v = k[rows], v[rows]
    assert len(made) == 1


def test_nothing_is_cached_through_which_a_gradient_should_pass() -> None:
    rng, cache = np.random.default_rng(0), KeyValueCache()
    k, v = draw(rng, 2)
    cache.extend(k, v)  # numbers, even while gradients are recorded
    tracked = Tensor(k.data, requires_grad=True) * 2.0
    for pair in ((tracked, v), (k, tracked)):
        with pytest.raises(GraphError, match="no_grad"):
            cache.extend(*pair)
        with pytest.raises(GraphError, match="no_grad"):
            FixedCache().update(lambda pair=pair: pair)
    assert cache.length == 2  # and it is as it was
    with tg.no_grad():
        assert cache.extend(tracked, v)[0].shape == (N, H, 4, D)


def test_a_fixed_cache_that_was_filled_without_gradients_does_not_hide_them() -> None:
    k, v = draw(np.random.default_rng(0), 2)
    tracked, cache = Tensor(k.data, requires_grad=True), FixedCache()
    with tg.no_grad():
        cache.update(lambda: (tracked * 2.0, v))
    with pytest.raises(GraphError, match="no_grad"):
        cache.update(lambda: (tracked * 2.0, v))
    frozen, _ = cache.update(lambda: (k * 2.0, v))
    np.testing.assert_array_equal(frozen.data, k.data * 2)


@given(steps, seeds)
def test_positions_count_what_is_real(plan: list[Any], seed: int) -> None:
    rng, times = np.random.default_rng(seed), Times()
    rows: list[list[bool]] = [[] for _ in range(N)]
    for step in plan:
        if not isinstance(step, int):
            times.select(step)
            rows = [list(rows[i]) for i in step]
            continue
        real = rng.random((N, step)) < 0.7 if seed % 2 else None
        positions = times.extend((N, step), real)
        assert positions.shape == (N, step)
        for n, row in enumerate(rows):
            for t in range(step):
                row.append(real is None or bool(real[n, t]))
                assert positions[n, t] == max(sum(row) - 1, 0)
    if all(all(row) for row in rows):
        assert times.mask is None
    else:
        assert times.mask is not None
        np.testing.assert_array_equal(times.mask, np.array(rows)[:, None, :])


def test_times_are_for_all_tokens_or_an_error() -> None:
    times = Times()
    with pytest.raises(ShapeError, match=r"real \(2, 1\)"):
        times.extend((2, 3), [[True], [True]])
    assert times.mask is None
