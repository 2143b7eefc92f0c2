"""Texts become tokens and labels, whatever tokenizer there is, or none."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.published.pipeline_tokenizer import PipelineTokenizer
from nn.published.pipelines import byte_level
from nn.tokenizers import ByteTokenizer, CharTokenizer
from nn.tokenizers_package import LETTERS
from nn.vocabulary import BERT, Vocabulary
from tensorgrad.errors import InputError, ShapeError
from tensorgrad.viz.texts import Reader, packed, unpacked


@given(
    st.sampled_from(["int32", "float32", "float64"]),
    st.lists(st.integers(0, 3), max_size=3),
)
def test_what_is_packed_is_unpacked(dtype: str, shape: list[int]) -> None:
    x = np.random.default_rng(0).normal(0, 9, shape).astype(dtype)
    back = unpacked(packed(x))
    assert back.dtype == x.dtype
    assert np.array_equal(back, x)
    assert np.array_equal(unpacked(packed(x.T)), x.T)


def test_other_dtypes_are_not_packed() -> None:
    with pytest.raises(ShapeError, match="int64"):
        packed(np.zeros(2, np.int64))


@given(st.text("abc é\n", min_size=1))
def test_labels_join_to_the_text(text: str) -> None:
    read = Reader("attention", CharTokenizer("\n abcé")).read(text)
    assert "".join(read.labels) == text
    assert read.tokens.shape == (len(text),)


def test_a_byte_that_is_no_text_is_shown_as_a_byte() -> None:
    assert Reader("attention", ByteTokenizer()).read("né").labels == [
        "n",
        r"\xc3",
        r"\xa9",
    ]


def test_special_tokens_have_their_names() -> None:
    vocabulary = Vocabulary(CharTokenizer("ab"), BERT)
    reader = Reader("attention", vocabulary)
    assert reader.labels([2, 5, 3]) == ["<cls>", "a", "<sep>"]
    letters = {letter: byte for byte, letter in LETTERS.items()} | {"<|end|>": 256}
    published = PipelineTokenizer(byte_level(letters, []), {"eos": 256})
    assert Reader("attention", published).labels([32, 97, 256]) == [" ", "a", "<|end|>"]
    # a model may have more tokens than its tokenizer
    assert Reader("attention", published).labels([999, 97]) == ["token 999", "a"]


def test_a_tokenizer_of_another_package_needs_encode_and_decode_alone() -> None:
    class Foreign:
        def encode(self, text: str) -> list[int]:
            return [ord(c) for c in text]

        def decode(self, tokens: Any) -> str:
            return "".join(map(chr, tokens))

    assert Reader("attention", Foreign()).read("hi").labels == ["h", "i"]


def test_what_starts_and_ends_a_text_is_put_around_it_alone() -> None:
    reader = Reader("attention", CharTokenizer("ab"), ["a", "b", "<s>", "</s>"])
    assert reader.read("ab", start=2, end=3).labels == ["<s>", "a", "b", "</s>"]
    assert reader.read([0, 1], start=2, end=3).labels == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ab", "give tokenizer="),
        ([], "one or more token ids"),
        ([[1, 2]], r"shape \(1, 2\)"),
        ([0.5], "float64"),
        ([4], "labels name 2 tokens, and one is 4"),
    ],
)
def test_what_is_no_text_is_refused(text: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        Reader("attention", None, ["a", "b"]).read(text)
