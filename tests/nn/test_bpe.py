"""Byte-pair encoding by hand: cut, trained and applied as by the package."""

import unicodedata
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nn.bpe import BytePairTokenizer, merge, words
from nn.subwords import SubwordTokenizer
from nn.text import default_corpus
from nn.tokenizers import tokenizer_from_json
from tensorgrad.errors import ConfigError, DataError

whole = st.characters(exclude_categories=["Cs"])
pieces = st.sampled_from(
    [
        *("the", "'s", "'ll", "'", " ", "  ", "\n", "\t ", "\x1c", "\x85", "\u3000"),
        *("42", "½", "你好", "é", "🎉", "!?", "_", "\u0301", "\u200d", "DON'T", "²"),
    ]
)
texts = st.text(whole) | st.lists(pieces | st.text(whole, max_size=2)).map("".join)
repeating = st.lists(st.text("ab' \n", min_size=1, max_size=9) | pieces, max_size=30)


@cache
def by_the_package() -> Any:
    return pytest.importorskip("tokenizers").pre_tokenizers.ByteLevel(
        add_prefix_space=False
    )


def cut_by_the_package(text: str) -> list[str]:
    return [text[a:b] for _, (a, b) in by_the_package().pre_tokenize_str(text)]


def same_unicode(text: str) -> bool:
    """Whether Python and the package agree on what each character is.

    Each knows the Unicode of its own year; to the older one of them, a character that
    was added since is no letter yet.
    """
    return all(
        cut_by_the_package(before + c) == list(words(before + c))
        for c in set(text)
        for before in "a1!"
    )


# --- words


@given(texts)
def test_words_are_cut_as_the_package_cuts_them(text: str) -> None:
    assert "".join(words(text)) == text
    assume(same_unicode(text))
    assert list(words(text)) == cut_by_the_package(text)


def test_python_and_the_package_differ_in_young_characters_alone() -> None:
    first = range(0x3000)  # and then every 50th
    for code in [*first, *range(0x3000, 0xD800, 50), *range(0xE000, 0x11_0000, 50)]:
        if not same_unicode(chr(code)):
            assert unicodedata.category(chr(code)) == "Cn", hex(code)


# --- laws


@given(repeating, st.integers(256, 290), texts)
def test_encode_is_that_of_the_package(
    trained_on: list[str], vocab_size: int, text: str
) -> None:
    pytest.importorskip("tokenizers")
    fast = SubwordTokenizer.train(trained_on, vocab_size)
    plain = BytePairTokenizer(fast.merges)
    text += "".join(trained_on)
    assert plain.decode(plain.encode(text)) == text
    assume(same_unicode(text))
    assert np.array_equal(plain.encode(text), fast.encode(text))


@st.composite
def any_merges(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Merges of a and b that no training found: in any order, to tokens twice."""
    merges: list[tuple[int, int]] = []
    for _ in range(draw(st.integers(0, 12))):
        made = SubwordTokenizer(merges).vocab_size
        token = st.sampled_from([97, 98, *range(256, made)])
        pair = draw(st.tuples(token, token))
        merges += [pair] * (pair not in merges)
    return merges


@given(any_merges(), st.text("ab", max_size=30))
def test_any_merges_are_applied_as_by_the_package(
    merges: list[tuple[int, int]], text: str
) -> None:
    pytest.importorskip("tokenizers")
    try:
        fast = SubwordTokenizer(merges)
    except DataError:  # too long a token
        return
    assert np.array_equal(BytePairTokenizer(merges).encode(text), fast.encode(text))


@given(repeating, st.integers(256, 300))
def test_training_is_that_of_the_package(
    trained_on: list[str], vocab_size: int
) -> None:
    pytest.importorskip("tokenizers")
    assume(same_unicode("".join(trained_on)))
    plain = BytePairTokenizer.train(trained_on, vocab_size)
    assert plain.merges == SubwordTokenizer.train(trained_on, vocab_size).merges


def test_a_real_text_trains_to_the_same_merges() -> None:
    pytest.importorskip("tokenizers")
    text = default_corpus()[:20_000]
    plain, fast = (c.train(text, 400) for c in (BytePairTokenizer, SubwordTokenizer))
    assert plain.merges == fast.merges
    assert np.array_equal(plain.encode(text), fast.encode(text))


def test_a_long_run_trains_to_the_same_merges() -> None:
    pytest.importorskip("tokenizers")
    long = "a" * 127 + " " + "ab" * 64 + " "
    for text in ("a" * 1000, " " * 1000, "é" * 500, "abc" * 300, long * 3):
        plain, fast = (
            c.train(text, 300) for c in (BytePairTokenizer, SubwordTokenizer)
        )
        assert plain.merges == fast.merges


@given(st.lists(st.integers(0, 3)), st.tuples(st.integers(0, 3), st.integers(0, 3)))
def test_a_merge_leaves_what_the_tokens_spell(
    tokens: list[int], pair: tuple[int, int]
) -> None:
    merged = merge(tokens, pair, 9)
    spelt = [part for token in merged for part in (pair if token == 9 else (token,))]
    assert spelt == tokens
    assert pair not in pairwise(merged)


@given(texts)
def test_it_is_saved_as_the_fast_one(text: str) -> None:
    plain = BytePairTokenizer([(97, 98), (256, 99), (98, 99), (97, 258)])
    again = tokenizer_from_json(plain.to_json())
    assert isinstance(again, SubwordTokenizer)
    assert again.merges == plain.merges
    assert again.decode(plain.encode(text)) == text
    assert plain.pretrained_files() == again.pretrained_files()
    assert plain.settled(text) == again.settled(text)


def test_two_ways_to_one_token_are_one_token() -> None:
    merges = [(97, 98), (256, 99), (98, 99), (97, 258)]  # ab, abc, bc, a + bc
    assert BytePairTokenizer(merges).encode("abc bc").tolist() == [257, 32, 258]


def test_refusals() -> None:
    with pytest.raises(ConfigError, match="vocab_size=255"):
        BytePairTokenizer.train("abc", 255)
    with pytest.raises(DataError, match="half of a pair"):
        BytePairTokenizer([]).encode("a\udcff")
    with pytest.raises(DataError, match="half of a pair"):
        BytePairTokenizer.train("a\udcff", 300)
    with pytest.raises(DataError, match="no merge before it"):
        BytePairTokenizer([(1, 256)])
