"""Vocabularies: special tokens first, then the tokenizer's, and nothing mixed up."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.tokenizer import Tokenizer
from nn.tokenizers import ByteTokenizer, CharTokenizer
from nn.vocabulary import BERT, ENCODER_DECODER, SPECIALS, Vocabulary
from tensorgrad.errors import ConfigError, DataError

texts = st.text(st.characters(exclude_categories=["Cs"]))
chosen = st.lists(st.sampled_from(SPECIALS), unique=True)


def tokenizers(text: str) -> list[Tokenizer]:
    return [CharTokenizer.train(text + "x"), ByteTokenizer()]


@given(texts, chosen)
def test_tokens_follow_the_specials(text: str, specials: list[str]) -> None:
    for tokenizer in tokenizers(text):
        vocabulary = Vocabulary(tokenizer, specials)
        tokens = vocabulary.encode(text)
        assert tokens.dtype == np.int64
        assert np.array_equal(tokens, tokenizer.encode(text) + len(specials))
        assert len(vocabulary) == vocabulary.vocab_size
        assert vocabulary.vocab_size == len(specials) + len(tokenizer)
        assert vocabulary.decode(tokens) == text


@given(texts, chosen.filter(bool), st.data())
def test_decode_leaves_specials_out_wherever_they_are(
    text: str, specials: list[str], data: st.DataObject
) -> None:
    for tokenizer in tokenizers(text):
        vocabulary = Vocabulary(tokenizer, specials)
        numbers = [vocabulary.special(name) for name in specials]
        mixed: list[int] = []
        for token in vocabulary.encode(text).tolist():
            mixed += [*data.draw(st.lists(st.sampled_from(numbers), max_size=2)), token]
        assert vocabulary.decode([*mixed, *numbers]) == text
        assert vocabulary.decode(np.array([*numbers, *mixed])) == text


@given(chosen)
def test_specials_are_properties(specials: list[str]) -> None:
    vocabulary = Vocabulary(ByteTokenizer(), specials)
    for name in SPECIALS:
        if name in specials:
            number = getattr(vocabulary, name)
            assert number == specials.index(name) == vocabulary.special(name)
            assert vocabulary.decode([number]) == ""
        else:
            with pytest.raises(ConfigError, match=f"has no '{name}'"):
                getattr(vocabulary, name)


def test_the_two_usual_sets() -> None:
    vocabulary = Vocabulary(ByteTokenizer())
    assert vocabulary.specials == ENCODER_DECODER
    assert (vocabulary.pad, vocabulary.bos, vocabulary.eos, vocabulary.unk) == (
        0,
        1,
        2,
        3,
    )
    bert = Vocabulary(ByteTokenizer(), BERT)
    assert (bert.pad, bert.unk, bert.cls, bert.sep, bert.mask) == (0, 1, 2, 3, 4)


@given(st.text())
def test_characters_that_are_lacking_become_unk(text: str) -> None:
    tokenizer = CharTokenizer("abc é")
    vocabulary = Vocabulary(tokenizer)
    tokens = vocabulary.encode(text)
    assert len(tokens) == len(text)
    known = [character in tokenizer.vocabulary for character in text]
    assert (tokens != vocabulary.unk).tolist() == known
    assert (tokens[known] >= 4).all()
    kept = "".join(c for c in text if c in tokenizer.vocabulary)
    assert vocabulary.decode(tokens) == kept
    without = Vocabulary(tokenizer, ("pad", "bos", "eos"))
    if kept == text:
        assert np.array_equal(without.encode(text) + 1, tokens)
    else:
        with pytest.raises(DataError, match="lacks"):
            without.encode(text)


def test_a_text_that_spells_a_special_is_text() -> None:
    vocabulary = Vocabulary(ByteTokenizer(), BERT)
    for text in ("pad", "<pad>", "[MASK]", "\0"):
        assert vocabulary.encode(text).min() >= len(BERT)
        assert vocabulary.decode(vocabulary.encode(text)) == text
    with pytest.raises(DataError, match="half"):
        vocabulary.encode("\ud800")  # bytes lack no character, and this is none


# --- saving


@given(texts, chosen)
def test_json_keeps_all_of_it(text: str, specials: list[str]) -> None:
    for tokenizer in tokenizers(text):
        vocabulary = Vocabulary(tokenizer, specials)
        again = Vocabulary.from_json(vocabulary.to_json())
        assert again.specials == tuple(specials)
        assert type(again.tokenizer) is type(tokenizer)
        assert np.array_equal(again.encode(text), vocabulary.encode(text))


def test_save_and_load(tmp_path: Path) -> None:
    vocabulary = Vocabulary(CharTokenizer("zé\n"), BERT)
    vocabulary.save(tmp_path / "vocabulary.json")
    loaded = Vocabulary.load(tmp_path / "vocabulary.json")
    assert loaded.to_json() == vocabulary.to_json()


GOOD = {"specials": ["pad"], "tokenizer": {"type": "byte"}}


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        "3",
        "[" * 100_000,
        "{}",
        json.dumps({**GOOD, "specials": "pad"}),
        json.dumps({**GOOD, "specials": ["pad", "pad"]}),
        json.dumps({**GOOD, "specials": ["word\n"]}),
        json.dumps({**GOOD, "specials": [["pad"]]}),
        json.dumps({**GOOD, "specials": None}),
        json.dumps({"specials": ["pad"]}),
        json.dumps({"tokenizer": {"type": "byte"}}),
        json.dumps({**GOOD, "tokenizer": {"type": "word"}}),
        json.dumps({**GOOD, "tokenizer": None}),
        json.dumps({**GOOD, "tokenizer": {"type": "char"}}),
        CharTokenizer("ab").to_json(),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "vocabulary.json"
    path.write_text(content)
    with pytest.raises(DataError, match=re.escape(str(path))) as caught:
        Vocabulary.load(path)
    assert "not a saved vocabulary" in str(caught.value)
    assert "\n" not in str(caught.value)


# --- refusals


@pytest.mark.parametrize("specials", [("pad", "pad"), ("pad", "end"), ("",), "pad"])
def test_names_that_are_no_specials(specials: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="choose different ones of pad, bos"):
        Vocabulary(ByteTokenizer(), specials)


@pytest.mark.parametrize("tokens", [[7], [-1], [0.5], [[0, 1]], [[4, 5]], [True]])
def test_decode_refuses_what_is_no_token(tokens: list[object]) -> None:
    with pytest.raises(DataError, match="decode"):
        Vocabulary(CharTokenizer("abc")).decode(tokens)  # type: ignore[arg-type]
