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
any_rows = st.lists(
    st.one_of(
        st.integers(0, 5),
        st.lists(st.integers(0, N - 1), min_size=1, max_size=N + 3),
        st.permutations(range(N)),
    ),
    max_size=9,
)
seeds = st.integers(0, 2**32 - 1)


def draw(
    rng: np.random.Generator, t: int, dtype: Any = np.float64, rows: int = N
) -> list[Tensor]:
    return [Tensor(rng.standard_normal((rows, H, t, D)).astype(dtype)) for _ in "kv"]


@given(
    any_rows,
    seeds,
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from([0, 3, 40]),
)
def test_a_cache_gives_all_that_was_put_in_for_the_rows_that_are_left(
    plan: list[Any], seed: int, dtype: Any, capacity: int
) -> None:
    """Selecting equals fancy indexing, whatever room there is."""
    rng, cache = np.random.default_rng(seed), KeyValueCache(capacity)
    expected = [np.zeros((N, H, 0, D), dtype) for _ in "kv"]
    given_out: list[tuple[Tensor, np.ndarray]] = []
    begun = False
    for step in [*plan, 1]:
        if isinstance(step, int):
            new = draw(rng, step, dtype, len(expected[0]))
            pairs = zip(expected, new, strict=True)
            expected = [np.concatenate([a, b.data], axis=2) for a, b in pairs]
            given_out += zip(cache.extend(*new), expected, strict=True)
            begun = True
        elif begun:
            step = [i % len(expected[0]) for i in step]
            check(given_out)  # up to here, nothing has moved them
            cache.select(step)
            expected = [a[step] for a in expected]
            given_out = list(zip(cache.all(), expected, strict=True))
        assert cache.length == expected[0].shape[2]
    check(given_out)
    assert all(tensor.dtype == dtype for tensor, _ in given_out)


def check(given_out: list[tuple[Tensor, np.ndarray]]) -> None:
    for tensor, array in given_out:
        np.testing.assert_array_equal(tensor.data, array)


def test_rows_may_be_named_in_every_way_that_indexing_knows() -> None:
    k, v = draw(np.random.default_rng(0), 2)
    for rows in ([-1, 0], [True, False, True], np.uint8([2, 2]), np.zeros(0, int)):
        cache = KeyValueCache(4)
        cache.extend(k, v)
        cache.select(rows)
        np.testing.assert_array_equal(cache.all()[0].data, k.data[rows])
    with pytest.raises(IndexError):
        cache.select([3])


def test_selecting_writes_only_rows_that_change_and_in_place() -> None:
    cache = KeyValueCache(8)
    memory = cache.extend(*draw(np.random.default_rng(0), 2))[0].data
    for rows in ([0, 1, 2], [0, 0, 2], [2, 1], [0, 1, 1]):
        before = cache.all()[0].data.copy()
        cache.select(rows)
        assert np.shares_memory(cache.all()[0].data, memory)
        np.testing.assert_array_equal(cache.all()[0].data, before[rows])


def test_what_does_not_grow_is_not_copied_where_rows_hold_the_same() -> None:
    k, v = draw(np.random.default_rng(0), 2)
    cache = FixedCache()
    cache.update(lambda: (k, v))
    cache.select([0, 0, 0, 1, 1])
    memory = cache.all()[0].data
    memory.flags.writeable = True
    memory[1] += 7  # a mark that would not outlive a copy from row 0
    for rows in ([1, 2, 0, 3, 3], [2, 2, 2, 4, 3], [0, 1, 2, 3, 4]):
        cache.select(rows)
        marked = k.data[[0, 0, 0, 1, 1]]
        marked[1] += 7
        np.testing.assert_array_equal(cache.all()[0].data, marked)


def test_what_was_cleared_is_written_anew() -> None:
    rng, cache = np.random.default_rng(0), KeyValueCache(4)
    memory = cache.extend(*draw(rng, 4))[0].data
    cache.clear()
    k, v = draw(rng, 3)
    found = cache.extend(k, v)
    assert cache.length == 3
    assert np.shares_memory(found[0].data, memory)
    np.testing.assert_array_equal(found[1].data, v.data)


def test_a_token_costs_no_copy_of_those_before_it() -> None:
    rng, cache = np.random.default_rng(0), KeyValueCache()
    before, copies = cache.extend(*draw(rng, 1))[0].data, 0
    for _ in range(127):
        now = cache.extend(*draw(rng, 1))[0].data
        copies += not np.shares_memory(before, now)
        before = now
    assert copies == 7  # at lengths 2, 3, 5, 9, ... 65


@pytest.mark.parametrize("capacity", [8, 1])
def test_within_its_capacity_a_cache_never_moves(capacity: int) -> None:
    rng, cache = np.random.default_rng(0), KeyValueCache(capacity)
    first, *others = [cache.extend(*draw(rng, 1))[0].data for _ in range(8)]
    moved = [not np.shares_memory(first, other) for other in others]
    assert moved == [capacity < 8] * 7


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
