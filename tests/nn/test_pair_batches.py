"""Batches of pairs: every token in its place, exact resumes, little padding."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.data import DataLoader
from nn.losses import IGNORED
from nn.pair_batches import PairBatch, TokenPairs
from nn.pairs import TextPair
from nn.tokenizers import ByteTokenizer, CharTokenizer
from nn.vocabulary import BERT, SPECIALS, Vocabulary
from tensorgrad.errors import CheckpointError, ConfigError, DataError

SOURCE = Vocabulary(CharTokenizer("abc"))
# the specials' numbers differ from the source's
TARGET = Vocabulary(ByteTokenizer(), ("eos", "bos", "pad"))

words = st.text("abc", max_size=9)
many = st.lists(st.tuples(words, words), min_size=1, max_size=30)
sizes = st.integers(1, 9)


def texts(pairs: list[tuple[str, str]]) -> list[TextPair]:
    return [TextPair(*pair, line) for line, pair in enumerate(pairs, 1)]


def token_pairs(pairs: list[tuple[str, str]], **options: Any) -> TokenPairs:
    return TokenPairs(texts(pairs), SOURCE, TARGET, **options)


def read(batch: PairBatch) -> list[tuple[str, str]]:
    """What a batch says, once each row was checked."""
    pairs = []
    for source, target_in, target_out in zip(*batch, strict=True):
        (end,) = np.flatnonzero(source == SOURCE.eos)
        assert (source[end + 1 :] == SOURCE.pad).all()
        (stop,) = np.flatnonzero(target_out == TARGET.eos)
        assert (target_out[stop + 1 :] == IGNORED).all()
        assert (target_in[stop + 1 :] == TARGET.pad).all()
        # what is predicted at t is what is read at t + 1
        assert target_in[0] == TARGET.bos
        assert np.array_equal(target_in[1 : stop + 1], target_out[:stop])
        pairs.append((SOURCE.decode(source), TARGET.decode(target_out[:stop])))
    return pairs


def equal(left: PairBatch, right: PairBatch) -> bool:
    return all(map(np.array_equal, left, right))


# --- what is in a batch


@given(many)
def test_a_batch_says_its_pairs(pairs: list[tuple[str, str]]) -> None:
    dataset = token_pairs(pairs)
    batch = dataset.collate(dataset)
    assert read(batch) == pairs
    S, T = (max(map(len, texts)) + 1 for texts in zip(*pairs, strict=True))
    assert batch.source.shape == (len(pairs), S)
    assert batch.target_in.shape == batch.target_out.shape == (len(pairs), T)
    for array in batch:
        assert array.dtype == np.int64
        assert array.flags.c_contiguous
    assert dataset.lengths.tolist() == [[len(s) + 1, len(t) + 1] for s, t in pairs]


@given(many, sizes, st.integers(1, 3) | st.none(), st.integers(0, 5))
def test_an_epoch_gives_every_pair_once(
    pairs: list[tuple[str, str]], batch_size: int, pool: int | None, seed: int
) -> None:
    dataset = token_pairs(pairs)
    loader = dataset.loader(batch_size, seed, pool=pool)
    assert isinstance(loader, DataLoader)
    for _ in range(2):
        batches = list(loader)
        assert sorted(pair for batch in batches for pair in read(batch)) == sorted(
            pairs
        )
        assert all(len(batch.source) == batch_size for batch in batches[:-1])


@given(many, sizes)
def test_batches_to_evaluate_on_are_sorted(
    pairs: list[tuple[str, str]], batch_size: int
) -> None:
    batches = token_pairs(pairs).batches(batch_size)
    found = [pair for batch in batches for pair in read(batch)]
    assert found == sorted(pairs, key=lambda pair: max(map(len, pair)))
    assert all(len(batch.source) == batch_size for batch in batches[:-1])


# --- resuming


@given(many, sizes, st.integers(1, 3) | st.none(), st.integers(0, 20))
def test_a_resumed_loader_gives_what_would_have_followed(
    pairs: list[tuple[str, str]], batch_size: int, pool: int | None, before: int
) -> None:
    first, second = (
        token_pairs(pairs).loader(batch_size, seed, pool=pool) for seed in (1, 2)
    )
    for _ in range(before):
        next(first)
    second.load_state(json.loads(json.dumps(first.state())))
    for _ in range(2 * len(first)):
        assert equal(next(first), next(second))
        assert first.state() == second.state()


def test_a_loader_refuses_the_state_of_other_pairs() -> None:
    state = token_pairs([("a", "b")] * 3).loader(2, 0).state()
    with pytest.raises(CheckpointError, match="3 examples, this has 4"):
        token_pairs([("a", "b")] * 4).loader(2, 0).load_state(state)


# --- padding


def test_the_share_of_padding() -> None:
    dataset = token_pairs([("aaa", "a"), ("a", "a")])
    # sources of 4 and 2 tokens in 2 x 4 places, targets of 2 and 2 in 2 x 2
    assert dataset.padding_share(dataset.batches(2)) == 2 / 12
    assert dataset.padding_share(dataset.batches(1)) == 0


def test_pools_leave_little_padding() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 40, 2000)
    others = np.maximum(1, lengths + rng.integers(-3, 4, 2000))
    dataset = token_pairs(
        [("a" * n, "b" * m) for n, m in zip(lengths, others, strict=True)]
    )
    drawn = dataset.padding_share(dataset.loader(16, 0, pool=None))
    pooled = dataset.padding_share(dataset.loader(16, 0))
    assert pooled < 0.15 < 0.4 < drawn


# --- limits


@given(many, st.integers(2, 10))
def test_longer_pairs_are_refused_or_dropped_and_counted(
    pairs: list[tuple[str, str]], limit: int
) -> None:
    fitting = [pair for pair in pairs if max(map(len, pair)) < limit]
    if not fitting:
        with pytest.raises(DataError, match=f"all {len(pairs)} are over max_length"):
            token_pairs(pairs, max_length=limit, drop_longer=True)
        return
    dataset = token_pairs(pairs, max_length=limit, drop_longer=True)
    assert read(dataset.collate(dataset)) == fitting
    assert dataset.texts == [text for text in texts(pairs) if text[:2] in fitting]
    assert dataset.dropped == len(pairs) - len(fitting)
    assert dataset.lengths.max() <= limit
    if dataset.dropped:
        with pytest.raises(DataError, match="max_length"):
            token_pairs(pairs, max_length=limit)
    else:
        assert len(token_pairs(pairs, max_length=limit)) == len(pairs)


def test_a_refusal_names_the_line_and_both_lengths() -> None:
    pairs = [("a", "b"), ("abcab", "ab"), ("abcabc", "b")]
    with pytest.raises(DataError) as caught:
        token_pairs(pairs, max_length=5)
    assert str(caught.value) == (
        "line 2: 6 tokens in the source and 3 in the target are over max_length=5: "
        "raise it, or set drop_longer"
    )
    with pytest.raises(ConfigError, match="max_length=1"):
        token_pairs(pairs, max_length=1)
    with pytest.raises(DataError, match=r"there are no pairs$"):
        token_pairs([])


def test_characters_that_are_lacking_are_named_with_their_line() -> None:
    strict = Vocabulary(CharTokenizer("abc"), ("pad", "bos", "eos"))
    pairs = texts([("a", "b"), ("a", "é")])
    with pytest.raises(DataError, match=r"line 2: .*lacks 'é'"):
        TokenPairs(pairs, strict, strict)
    unknown = TokenPairs(pairs, SOURCE, SOURCE)
    assert unknown[1][1].tolist() == [SOURCE.bos, SOURCE.unk, SOURCE.eos]


def test_specials_that_are_needed_are_named() -> None:
    for needed in ("pad", "eos"):
        some = Vocabulary(ByteTokenizer(), [s for s in SPECIALS if s != needed])
        with pytest.raises(ConfigError, match=f"no '{needed}'"):
            TokenPairs(texts([("a", "b")]), some, TARGET)
    for needed in ("pad", "bos", "eos"):
        some = Vocabulary(ByteTokenizer(), [s for s in SPECIALS if s != needed])
        with pytest.raises(ConfigError, match=f"no '{needed}'"):
            TokenPairs(texts([("a", "b")]), SOURCE, some)
    with pytest.raises(ConfigError, match="no 'eos'"):
        TokenPairs(texts([("a", "b")]), Vocabulary(ByteTokenizer(), BERT), TARGET)
