"""Subwords: nothing is lost, training repeats, streams print whole characters."""

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.subwords import LONGEST, SubwordTokenizer
from nn.text import TextFile, default_corpus
from nn.tokenizers import load_tokenizer, tokenizer_from_json
from nn.tokenizers_package import LETTERS
from tensorgrad.errors import ConfigError, DataError, MissingExtra

ROOT = Path(__file__).resolve().parents[2]
OTHER_SCRIPTS = "Ein Übermaß an Größe. Привет, мир! 你好，世界。 नमस्ते 🎉👩‍👩‍👧 é" * 20

needs_package = pytest.mark.skipif(
    find_spec("tokenizers") is None, reason="needs the extra text"
)


@cache
def trained() -> SubwordTokenizer:
    return SubwordTokenizer.train([default_corpus()[:100_000], OTHER_SCRIPTS], 1000)


whole = st.characters(exclude_categories=["Cs"])
texts = st.text(whole) | st.lists(
    st.sampled_from(["the ", "statement", "Größe", "你好", "🎉", "\n", "\0", "  "])
    | st.text(whole, max_size=2)
).map("".join)


# --- what it writes comes back


@needs_package
@given(texts)
def test_decode_undoes_encode(text: str) -> None:
    tokens = trained().encode(text)
    assert tokens.dtype == np.int64
    assert tokens.shape == (len(tokens),)
    assert trained().decode(tokens) == text
    assert trained().to_bytes(tokens) == text.encode()
    assert len(tokens) <= len(text.encode())
    assert np.array_equal(trained().lookup(text), tokens)


@needs_package
@given(texts)
def test_a_stream_prints_whole_characters(text: str) -> None:
    stream, printed = trained().stream(), ""
    for token in trained().encode(text):
        printed += stream.feed(token)
        assert text.startswith(printed)
    assert stream.finish() == ""
    assert printed == text


@given(st.lists(st.integers(0, 258)))
def test_a_stream_of_any_tokens_gives_what_decode_gives(tokens: list[int]) -> None:
    # the first three merges of a euro sign's bytes: tokens that are half a character
    tokenizer = SubwordTokenizer([(0xE2, 0x82), (0xAC, 0xE2), (257, 0x82)])
    stream = tokenizer.stream()
    pieces = [stream.feed(token) for token in tokens]
    assert "".join(pieces) + stream.finish() == tokenizer.decode(tokens)


@needs_package
@given(texts)
def test_json_keeps_all_of_it(text: str) -> None:
    again = tokenizer_from_json(trained().to_json())
    assert isinstance(again, SubwordTokenizer)
    assert again.merges == trained().merges
    assert np.array_equal(again.encode(text), trained().encode(text))


@needs_package
def test_save_and_load(tmp_path: Path) -> None:
    trained().save(tmp_path / "tokenizer.json")
    loaded = load_tokenizer(tmp_path / "tokenizer.json")
    assert loaded.to_json() == trained().to_json()
    assert loaded.vocab_size == trained().vocab_size == 1000


# --- what the tokens are


def by_hand(tokenizer: SubwordTokenizer, word: str) -> list[bytes]:
    """The definition: of the merges that fit, the earliest, everywhere; again."""
    parts = [bytes([byte]) for byte in word.encode()]
    merges = [
        (tokenizer.to_bytes([left]), tokenizer.to_bytes([right]))
        for left, right in tokenizer.merges
    ]
    while fitting := [m for m in merges if m in pairwise(parts)]:
        left, right = fitting[0]
        joined: list[bytes] = []
        for part in parts:
            if part == right and joined and joined[-1] == left:
                joined[-1] = left + right
            else:
                joined.append(part)
        parts = joined
    return parts


@needs_package
@given(st.text("abc", max_size=12), st.lists(st.text("abc", min_size=1), min_size=1))
def test_the_earliest_merge_goes_first(word: str, words: list[str]) -> None:
    tokenizer = SubwordTokenizer.train(" ".join(words * 2), 270)
    spelt = [tokenizer.to_bytes([token]) for token in tokenizer.encode(word)]
    assert spelt == by_hand(tokenizer, word)


@needs_package
def test_the_package_writes_bytes_with_the_same_letters() -> None:
    from tokenizers.pre_tokenizers import ByteLevel

    assert set(LETTERS.values()) == set(ByteLevel.alphabet())
    for byte, letter in LETTERS.items():
        if byte < 128:  # a whole character of UTF-8
            [(spelt, _)] = ByteLevel(add_prefix_space=False).pre_tokenize_str(chr(byte))
            assert spelt == letter


@needs_package
def test_two_ways_to_one_token_are_one_token() -> None:
    merges = [(97, 98), (256, 99), (98, 99), (97, 258)]  # ab, abc, bc, a + bc
    tokenizer = SubwordTokenizer(merges)
    assert tokenizer.vocab_size == 256 + 3
    assert tokenizer.encode("abc bc").tolist() == [257, 32, 258]


@needs_package
def test_a_trained_text_takes_fewer_tokens() -> None:
    text = default_corpus()[:100_000]
    assert len(trained().encode(text)) < 0.5 * len(text)


@needs_package
def test_no_token_is_longer_than_allowed() -> None:
    tokenizer = SubwordTokenizer.train("a" * 5000 + " " * 5000, 2000)
    longest = max(len(tokenizer.to_bytes([i])) for i in range(tokenizer.vocab_size))
    assert 32 < longest <= LONGEST
    doubling = [[97, 97], *([256 + i, 256 + i] for i in range(60))]
    with pytest.raises(DataError, match="256 bytes; 128 are allowed"):
        SubwordTokenizer(doubling)


# --- training


@needs_package
@given(st.lists(st.text(whole, max_size=8), max_size=8), st.integers(256, 300))
def test_training_repeats_and_stays_within_the_size(
    pieces: list[str], vocab_size: int
) -> None:
    first, second = (SubwordTokenizer.train(iter(pieces), vocab_size) for _ in range(2))
    assert first.merges == second.merges
    assert 256 <= first.vocab_size <= vocab_size
    # and does not see where the pieces end
    assert first.merges == SubwordTokenizer.train("".join(pieces), vocab_size).merges


@needs_package
def test_training_repeats_in_another_process() -> None:
    # every pair of letters is as frequent as every other: all is decided by ties
    text = " ".join(a + b for a in "abcdefgh" for b in "abcdefgh") * 2
    code = (
        "import sys; from nn.subwords import SubwordTokenizer as S\n"
        "print(S.train(sys.argv[1], 300).to_json())"
    )
    expected = SubwordTokenizer.train(text, 300).to_json()
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", code, text],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == expected
    assert len(json.loads(expected)["merges"]) == 300 - 256


@needs_package
def test_what_is_seen_once_makes_no_token() -> None:
    assert SubwordTokenizer.train("abcdef", 1000).vocab_size == 256
    assert SubwordTokenizer.train([], 1000).vocab_size == 256
    assert SubwordTokenizer.train("ab ab", 1000).merges == [(97, 98)]


def test_sizes_that_are_refused() -> None:
    with pytest.raises(ConfigError, match="vocab_size=255"):
        SubwordTokenizer.train("abc", 255)
    with pytest.raises(ConfigError, match="1,048,576 tokens at most"):
        SubwordTokenizer.train("abc", 10**12)


# --- refusals


@needs_package
def test_half_a_pair_is_refused() -> None:
    with pytest.raises(DataError, match="character 1 "):
        trained().encode("a\udcff")
    with pytest.raises(DataError, match="character 5 "):
        SubwordTokenizer.train(["abc", "ab\udcff"], 300)


@needs_package
def test_an_error_in_the_text_comes_through(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"caf\xe9")
    with pytest.raises(DataError, match="not UTF-8 at byte 3"):
        SubwordTokenizer.train(TextFile(path), 300)


@pytest.mark.parametrize("tokens", [[258], [-1], [0.5], [[0, 1]]])
def test_decode_refuses_what_is_no_token(tokens: list[object]) -> None:
    with pytest.raises(DataError, match="decode"):
        SubwordTokenizer([(0, 1), (1, 2)]).decode(tokens)  # type: ignore[arg-type]


@pytest.fixture
def without_package(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in sys.modules if name.startswith("tokenizers")]:
        monkeypatch.delitem(sys.modules, name)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "tokenizers", None)
        yield


@pytest.mark.usefixtures("without_package")
def test_without_the_package_the_extra_is_named() -> None:
    tokenizer = tokenizer_from_json(SubwordTokenizer([(97, 98)]).to_json())
    assert tokenizer.decode([256, 99]) == "abc"
    assert tokenizer.stream().feed([256, 99]) == "abc"
    for use in (tokenizer.encode, lambda text: SubwordTokenizer.train(text, 300)):
        with pytest.raises(MissingExtra, match=r"pip install '\.\[text\]'"):
            use("abc")
