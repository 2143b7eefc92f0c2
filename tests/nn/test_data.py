"""Samplers and loaders: nothing lost, nothing twice, exact resumes."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.data import (
    BlockSampler,
    DataLoader,
    by_length,
    pad_batch,
    sequential_blocks,
    stack,
)
from nn.losses import IGNORED
from tensorgrad.errors import CheckpointError, ConfigError, DataError

sizes = st.integers(1, 9)


def through_json(state: dict[str, Any]) -> dict[str, Any]:
    # as a reader that holds numbers as doubles would see it
    again = json.loads(json.dumps(state), parse_int=lambda digits: int(float(digits)))
    assert isinstance(again, dict)
    return again


def batches_equal(left: Any, right: Any) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))


# --- blocks


@given(st.integers(2, 40), sizes, sizes, st.integers(0, 5))
def test_blocks_are_pieces_of_the_text_with_targets_one_later(
    length: int, block_size: int, batch_size: int, seed: int
) -> None:
    tokens = np.arange(length, dtype=np.uint8)
    rng = np.random.default_rng(seed)
    if length <= block_size:
        with pytest.raises(DataError, match=f"{block_size + 1} are needed"):
            BlockSampler(tokens, block_size, batch_size, rng)
        return
    x, y = next(BlockSampler(tokens, block_size, batch_size, rng))
    for array in (x, y):
        assert array.shape == (batch_size, block_size)
        assert array.dtype == np.int64
        assert array.flags.c_contiguous
    assert np.array_equal(y, x + 1)  # the tokens count up
    assert np.array_equal(np.diff(x, axis=1), np.ones((batch_size, block_size - 1)))


def test_blocks_begin_everywhere() -> None:
    sampler = BlockSampler(np.arange(7), 3, 500, np.random.default_rng(0))
    x, y = next(sampler)
    assert set(x[:, 0].tolist()) == {0, 1, 2, 3}
    assert y.max() == 6


@pytest.mark.parametrize("kind", ["PCG64", "MT19937", "Philox", "SFC64"])
@given(before=st.integers(0, 5), after=st.integers(1, 5))
def test_a_resumed_sampler_draws_what_it_would_have(
    kind: str, before: int, after: int
) -> None:
    def sampler(seed: int) -> BlockSampler:
        rng = np.random.Generator(getattr(np.random, kind)(seed))
        return BlockSampler(np.arange(100), 4, 3, rng)

    first, second = sampler(1), sampler(2)
    for _ in range(before):
        next(first)
    second.load_state(through_json(first.state()))
    for _ in range(after):
        assert batches_equal(next(first), next(second))


def test_a_sampler_refuses_the_state_of_other_data() -> None:
    rng = np.random.default_rng(0)
    state = BlockSampler(np.arange(100), 4, 3, rng).state()
    with pytest.raises(CheckpointError, match="100 tokens, this has 99"):
        BlockSampler(np.arange(99), 4, 3, rng).load_state(state)


@given(st.integers(2, 60), sizes, sizes)
def test_every_target_once_and_in_order(
    length: int, block_size: int, batch_size: int
) -> None:
    tokens = np.arange(length, dtype=np.uint8)
    batches = list(sequential_blocks(tokens, block_size, batch_size))
    for x, y in batches:
        assert x.dtype == y.dtype == np.int64
        assert x.shape == y.shape
        assert x.shape[0] <= batch_size
        assert x.shape[1] <= block_size
        assert np.array_equal(y, x + 1)
    seen = np.concatenate([y.ravel() for _, y in batches])
    assert np.array_equal(seen, np.arange(1, length))
    assert all(x.shape == (batch_size, block_size) for x, _ in batches[:-2])


@given(st.integers(2, 60), sizes, sizes, st.data())
def test_with_a_stride_targets_are_counted_once_with_their_context(
    length: int, block_size: int, batch_size: int, data: st.DataObject
) -> None:
    stride = data.draw(st.integers(1, block_size))
    tokens = np.arange(length, dtype=np.uint8)
    blocks = sequential_blocks(tokens, block_size, batch_size, stride)
    counted: list[int] = []
    for x, y in blocks:
        assert x.dtype == y.dtype == np.int64
        assert x.shape == y.shape
        assert x.shape[0] <= batch_size
        assert x.shape[1] <= block_size
        assert np.array_equal(np.diff(x[:, 0]), [stride] * (len(x) - 1))
        for row, targets in zip(x, y, strict=True):
            new = targets != IGNORED
            assert new.any()
            assert np.array_equal(targets[new], row[new] + 1)
            for target in targets[new]:
                seen = target - row[0]
                assert seen >= min(target, block_size - stride + 1)
            counted += targets[new].tolist()
    assert counted == list(range(1, length))
    if stride == block_size:
        plain = sequential_blocks(tokens, block_size, batch_size)
        assert all(map(batches_equal, blocks, plain))
        assert len(blocks) == len(plain)


@pytest.mark.parametrize("stride", [0, -1, 5])
def test_a_stride_leaves_no_token_out(stride: int) -> None:
    with pytest.raises(ConfigError, match=f"stride={stride}: 1 is the least"):
        sequential_blocks(np.arange(9), 4, 2, stride)


@given(st.integers(2, 60), sizes, sizes, st.integers(-20, 20), st.integers(1, 5))
def test_sequential_blocks_are_a_sequence(
    length: int, block_size: int, batch_size: int, i: int, every: int
) -> None:
    stride = min(every, block_size)
    blocks = sequential_blocks(np.arange(length), block_size, batch_size, stride)
    batches = list(blocks)
    assert len(batches) == len(blocks)
    assert all(map(batches_equal, blocks[i::every], batches[i::every]))
    if -len(batches) <= i < len(batches):
        assert batches_equal(blocks[i], batches[i])
    else:
        with pytest.raises(IndexError):
            blocks[i]


def test_sizes_are_checked_when_asked_not_when_used() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match="1 tokens are too few: 2"):
        sequential_blocks(np.arange(1), 4, 2)
    with pytest.raises(ConfigError, match="block_size=0"):
        sequential_blocks(np.arange(9), 0, 2)
    with pytest.raises(ConfigError, match="batch_size=-1"):
        BlockSampler(np.arange(9), 4, -1, rng)


# --- the loader


@given(st.integers(1, 30), sizes, st.booleans(), st.booleans())
def test_an_epoch_gives_every_example_once(
    size: int, batch_size: int, shuffle: bool, drop_last: bool
) -> None:
    data = (np.arange(size), np.arange(size) * 2)
    used = size // batch_size * batch_size if drop_last else size
    if not used:
        with pytest.raises(DataError, match="do not fill one batch"):
            DataLoader(data, batch_size, drop_last=drop_last)
        return
    loader = DataLoader(data, batch_size, shuffle=shuffle, rng=3, drop_last=drop_last)
    for _ in range(2):
        batches = list(loader)
        assert len(batches) == len(loader)
        seen = np.concatenate([x for x, _ in batches])
        assert len(seen) == len(set(seen.tolist())) == used
        assert shuffle or np.array_equal(seen, np.arange(used))
        assert all(np.array_equal(y, 2 * x) for x, y in batches)


def test_shuffling_is_seeded_and_new_in_each_epoch() -> None:
    def epochs(rng: np.random.Generator | int) -> list[list[int]]:
        loader = DataLoader(np.arange(50), 50, shuffle=True, rng=rng)
        return [next(loader).tolist() for _ in range(3)]

    first, second, third = epochs(1)
    assert first != second != third != first
    assert epochs(1) == epochs(np.random.default_rng(1)) == [first, second, third]
    assert epochs(2) != epochs(1)
    with pytest.raises(ConfigError, match="needs rng="):
        DataLoader(np.arange(50), 50, shuffle=True)


@given(st.integers(1, 20), sizes, st.booleans(), st.integers(0, 30), st.booleans())
def test_a_resumed_loader_neither_repeats_nor_skips(
    size: int, batch_size: int, shuffle: bool, before: int, by_epoch: bool
) -> None:
    def loader(seed: int) -> DataLoader:
        data = (np.arange(size),)
        return DataLoader(data, batch_size, shuffle=shuffle, rng=seed)

    def endless(source: DataLoader) -> Iterator[Any]:
        while True:
            yield from source if by_epoch else [next(source)]

    first, second = loader(1), loader(2)
    stream = endless(first)
    for _ in range(before):
        next(stream)
    next(second)
    second.load_state(through_json(first.state()))
    resumed = endless(second)
    for _ in range(2 * len(first)):
        assert batches_equal(next(stream), next(resumed))
        assert first.state() == second.state()


def test_a_for_loop_goes_on_from_where_the_loader_stands() -> None:
    loader = DataLoader(np.arange(6), 2)
    for batch in loader:
        if batch[0] == 2:
            break
    assert [batch.tolist() for batch in loader] == [[4, 5]]
    assert (loader.epoch, loader.position) == (1, 0)


def test_a_loader_refuses_the_state_of_other_data() -> None:
    state = DataLoader(np.arange(6), 2).state()
    with pytest.raises(CheckpointError, match="6 examples, this has 7"):
        DataLoader(np.arange(7), 2).load_state(state)
    with pytest.raises(DataError, match="differ in length"):
        DataLoader((np.arange(6), np.arange(7)), 2)


def test_a_position_past_the_end_begins_the_next_epoch() -> None:
    loader = DataLoader(np.arange(7), 2)
    for _ in range(3):
        next(loader)
    shorter = DataLoader(np.arange(7), 2, drop_last=True)
    shorter.load_state(loader.state())
    assert next(shorter).tolist() == [0, 1]


@given(st.lists(st.integers(0, 9), max_size=60), sizes, sizes, st.integers(0, 5))
def test_pools_are_sorted_and_their_batches_shuffled(
    lengths: list[int], batch_size: int, pool: int, seed: int
) -> None:
    order = np.random.default_rng(seed).permutation(len(lengths))
    arrange = by_length(lengths, batch_size, pool)
    arranged = arrange(order.copy(), np.random.default_rng(seed))
    whole = len(order) - len(order) % batch_size
    assert np.array_equal(arranged[whole:], order[whole:])
    for start in range(0, whole, pool * batch_size):
        part = slice(start, min(start + pool * batch_size, whole))
        place = {int(i): n for n, i in enumerate(order)}
        expected = sorted(order[part].tolist(), key=lambda i: (lengths[i], place[i]))
        batches = arranged[part].reshape(-1, batch_size).tolist()
        wanted = np.reshape(expected, (-1, batch_size)).tolist()
        assert sorted(batches) == sorted(wanted)


def test_a_pool_s_batches_come_in_another_order_each_time() -> None:
    arrange = by_length(np.arange(100), 5)
    first, second = (
        arrange(np.arange(100), np.random.default_rng(seed)) for seed in (0, 1)
    )
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, np.arange(100))
    with pytest.raises(ConfigError, match="pool=0"):
        by_length([1], 1, 0)


@given(st.integers(1, 40), sizes, st.integers(0, 30), st.booleans())
def test_an_arranged_loader_gives_everything_once_and_resumes_exactly(
    size: int, batch_size: int, before: int, shuffle: bool
) -> None:
    lengths = np.random.default_rng(size).integers(0, 9, size)

    def loader(seed: int) -> DataLoader:
        arrange = by_length(lengths, batch_size, pool=2)
        data = (np.arange(size),)
        return DataLoader(data, batch_size, shuffle=shuffle, rng=seed, arrange=arrange)

    assert sorted(np.concatenate([x for (x,) in loader(1)])) == list(range(size))
    first, second = loader(1), loader(2)
    for _ in range(before):
        next(first)
    second.load_state(through_json(first.state()))
    for _ in range(2 * len(first)):
        assert batches_equal(next(first), next(second))


def test_an_epoch_arranged_otherwise_is_not_gone_on_with() -> None:
    def loader(batch_size: int, pool: int | None) -> DataLoader:
        lengths = np.random.default_rng(0).integers(0, 9, 40)
        arrange = pool and by_length(lengths, batch_size, pool)
        return DataLoader(
            lengths, batch_size, shuffle=True, rng=1, arrange=arrange or None
        )

    saved = loader(4, 2)
    at_once = saved.state()
    next(saved)
    within = saved.state()
    for other in (loader(5, 2), loader(4, 3), loader(4, None)):
        other.load_state(at_once)
        with pytest.raises(CheckpointError, match="batch_size and pool of then"):
            other.load_state(within)
    other = loader(4, 2)
    other.load_state(within)
    assert np.array_equal(next(other), next(saved))


def test_collate_joins_examples_of_any_kind() -> None:
    sentences = [[1], [2, 3], [4, 5, 6]]
    array, mask = next(DataLoader(sentences, 3, collate=pad_batch))
    assert array.tolist() == [[1, 0, 0], [2, 3, 0], [4, 5, 6]]
    assert mask.sum() == 6
    pairs = [(1.0, [1, 2]), (2.0, [3, 4])]
    left, right = next(DataLoader(pairs, 2))
    assert left.tolist() == [1.0, 2.0]
    assert right.shape == (2, 2)
    columns = DataLoader((np.arange(3), np.arange(3)), 2, collate=lambda items: items)
    assert next(columns) == [(0, 0), (1, 1)]
    with pytest.raises(DataError, match="pad_batch"):
        stack(sentences)


@given(st.lists(st.lists(st.integers(-5, 5), max_size=6), max_size=6))
def test_padding_keeps_every_element(sequences: list[list[int]]) -> None:
    array, mask = pad_batch(sequences, pad=9)
    assert (
        array.shape
        == mask.shape
        == (len(sequences), max(map(len, sequences), default=0))
    )
    assert array.dtype == np.int64
    for row, real, sequence in zip(array, mask, sequences, strict=True):
        assert row[real].tolist() == sequence
        assert (row[~real] == 9).all()
        assert np.array_equal(real, np.arange(len(row)) < len(sequence))


def test_padding_keeps_the_dtype() -> None:
    rows = [np.ones(2, np.float32), np.ones(0, np.float64)]
    assert pad_batch(rows)[0].dtype == np.float32
    with pytest.raises(DataError, match="one axis"):
        pad_batch([np.ones((2, 2))])
