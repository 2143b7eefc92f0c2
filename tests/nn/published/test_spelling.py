"""Spellings: every decoder of tokenizer.json, as the package `tokenizers` has it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.published.spelling import Speller, Spelling, from_letters, spelling_of
from nn.tokenizer import StreamDecoder
from tensorgrad.errors import DataError

tokenizers = pytest.importorskip("tokenizers")
decoders = tokenizers.decoders
BOTH: list[tuple[dict[str, Any], Any]] = [
    ({"type": "ByteLevel"}, decoders.ByteLevel()),
    ({"type": "Fuse"}, decoders.Fuse()),
    *(
        (
            {"type": "WordPiece", "prefix": prefix, "cleanup": cleanup},
            decoders.WordPiece(prefix, cleanup),
        )
        for prefix in ("##", "a", "")
        for cleanup in (False, True)
    ),
    *(
        ({"type": "BPEDecoder", "suffix": suffix}, decoders.BPEDecoder(suffix))
        for suffix in ("</w>", "a")
    ),
]
parts = st.sampled_from(
    ["##", "</w>", "a", "b", " ", "é", "Ġ", "Ã", "©", "'", "n't", "do", " not", "."]
)
words = st.lists(st.lists(parts, min_size=1, max_size=4).map("".join), max_size=8)


@given(words, st.integers(0, len(BOTH) - 1), st.integers(0, 8))
def test_tokens_join_as_by_the_package(tokens: list[str], which: int, n: int) -> None:
    about, decoder = BOTH[which]
    speller = Speller(spelling_of(about, tokens), frozenset())
    stream = StreamDecoder(speller.feed, speller.end)
    joined = [stream.feed(list(range(n))[: len(tokens)])]
    joined += [stream.feed(token) for token in range(n, len(tokens))]
    assert "".join(joined) + stream.finish() == decoder.decode(tokens)


@given(words)
def test_without_a_decoder_spaces_stand_between_tokens(tokens: list[str]) -> None:
    speller = Speller(spelling_of(None, tokens), frozenset())
    spelt = speller.feed(list(range(len(tokens)))) + speller.end()
    assert spelt.decode() == " ".join(tokens)


def test_silent_tokens_are_as_if_not_there() -> None:
    spelling = Spelling([b"a", b"b", b"?"], [b" a", b" b", b"?"])
    speller = Speller(spelling, frozenset({2}))
    assert speller.feed([2, 0, 2, 1, 2]) + speller.end() == b"a b"


def test_an_end_within_a_token_waits_for_what_follows() -> None:
    spelling = spelling_of({"type": "BPEDecoder", "suffix": "</w>"}, ["a</w>b", "c"])
    speller = Speller(spelling, frozenset())
    assert [speller.feed(0), speller.feed(1), speller.feed(0)] == [b"a", b" bc", b"a"]
    assert (speller.end(), speller.end()) == (b"b", b"")


def test_an_unknown_decoder_and_other_letters() -> None:
    with pytest.raises(DataError, match="decoder 'CTC' is none"):
        spelling_of({"type": "CTC"}, ["a"])
    assert from_letters("Ġ") == b" "
    assert from_letters("你Ġ") == "你Ġ".encode()
