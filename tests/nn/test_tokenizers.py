"""Tokenizers of every kind: round trips, and every refusal in one line."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.text import default_corpus
from nn.tokenizer import Tokenizer
from nn.tokenizers import (
    KINDS,
    TRAINED,
    ByteTokenizer,
    CharTokenizer,
    find_tokenizer,
    load_tokenizer,
    make_tokenizer,
    tokenizer_from_json,
)
from tensorgrad.errors import ConfigError, DataError

texts = st.text(st.characters(exclude_categories=["Cs"]))


def both(text: str) -> list[Tokenizer]:
    return [CharTokenizer.train(text), ByteTokenizer()]


@given(texts.filter(bool))
def test_decode_undoes_encode(text: str) -> None:
    for tokenizer in both(text):
        tokens = tokenizer.encode(text)
        assert tokens.dtype == np.int64
        assert tokens.ndim == 1
        assert tokenizer.decode(tokens) == text
        assert tokenizer.decode(tokens.tolist()) == text
        assert 0 <= tokens.min() <= tokens.max() < len(tokenizer)


@given(texts.filter(bool))
def test_char_tokens_are_places_in_the_sorted_vocabulary(text: str) -> None:
    tokenizer = CharTokenizer.train(text)
    vocabulary = sorted(set(text))
    assert tokenizer.vocabulary == "".join(vocabulary)
    assert tokenizer.encode(text).tolist() == [vocabulary.index(c) for c in text]


@given(texts.filter(bool))
def test_json_keeps_all_of_a_tokenizer(text: str) -> None:
    for tokenizer in both(text):
        again = tokenizer_from_json(tokenizer.to_json())
        assert type(again) is type(tokenizer)
        assert again.encode(text).tolist() == tokenizer.encode(text).tolist()


@given(st.text())
def test_lookup_is_encode_where_nothing_is_missing(text: str) -> None:
    tokenizer = CharTokenizer("abc€")
    tokens = tokenizer.lookup(text)
    known = "".join(c for c in text if c in tokenizer.vocabulary)
    assert (tokens >= 0).tolist() == [c in tokenizer.vocabulary for c in text]
    assert tokens[tokens >= 0].tolist() == tokenizer.encode(known).tolist()
    assert ByteTokenizer().lookup(known).tolist() == list(known.encode())


def test_the_default_corpus_comes_back_whole() -> None:
    text = default_corpus()
    for tokenizer in both(text):
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_encoding_nothing_and_decoding_nothing() -> None:
    for tokenizer in both("abc"):
        assert tokenizer.encode("").shape == (0,)
        assert tokenizer.decode([]) == ""


@pytest.mark.parametrize(
    ("text", "named"), [("cé€", "'é', '€'"), ("\udcff", r"'\udcff'"), ("𝔸", "'𝔸'")]
)
def test_unknown_characters_are_named(text: str, named: str) -> None:
    with pytest.raises(DataError, match=re.escape(named)) as caught:
        CharTokenizer("abc").encode(text)
    assert "--tokenizer byte" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_many_unknown_characters_stay_on_one_line() -> None:
    with pytest.raises(DataError, match="and 16 more"):
        CharTokenizer("\n").encode("abcdefghijklmnopqrstuvwxyz")


def test_bytes_refuse_half_a_pair() -> None:
    with pytest.raises(DataError, match="character 1 "):
        ByteTokenizer().encode("a\udcff")


@pytest.mark.parametrize("tokens", [[3], [-1], [0, 300], [0.5], [[0, 1]]])
def test_decode_refuses_what_is_no_token(tokens: list[object]) -> None:
    with pytest.raises(DataError, match="decode"):
        CharTokenizer("abc").decode(tokens)  # type: ignore[arg-type]


@pytest.mark.parametrize("vocabulary", ["", "aa", "a\ud800"])
def test_bad_vocabularies(vocabulary: str) -> None:
    with pytest.raises(DataError, match="vocabulary"):
        CharTokenizer(vocabulary)


def test_make_tokenizer_by_name() -> None:
    assert isinstance(make_tokenizer("byte", ""), ByteTokenizer)
    for text in ("yx", ["y", "", "xy"]):
        tokenizer = make_tokenizer("char", text)
        assert isinstance(tokenizer, CharTokenizer)
        assert tokenizer.vocabulary == "xy"
    with pytest.raises(ConfigError, match="'word': choose char, byte, subword"):
        make_tokenizer("word", "xy")


def test_every_kind_is_read_back_as_its_own() -> None:
    pytest.importorskip("tokenizers")
    for name in TRAINED:
        tokenizer = make_tokenizer(name, "to be or not to be", vocab_size=260)
        again = tokenizer_from_json(tokenizer.to_json())
        assert type(again) is type(tokenizer)
        assert json.loads(again.to_json())["type"] == name
        assert again.to_json() == tokenizer.to_json()


def test_save_and_load(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    CharTokenizer("zé\n").save(path)
    loaded = load_tokenizer(path)
    assert isinstance(loaded, CharTokenizer)
    assert loaded.vocabulary == "zé\n"


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        "{}",
        "3",
        "null",
        "[" * 100_000,
        '{"type": "word"}',
        '{"type": ["char"]}',
        '{"type": "char"}',
        '{"type": "char", "vocabulary": 3}',
        '{"type": "char", "vocabulary": ""}',
        '{"type": "char", "vocabulary": "aa"}',
        '{"type": "char", "vocabulary": ["a", "b"]}',
        '{"type": "char", "vocabulary": "\\udc00"}',
        '{"type": "subword"}',
        '{"type": "subword", "merges": 3}',
        '{"type": "subword", "merges": {"a": 1}}',
        '{"type": "subword", "merges": [3]}',
        '{"type": "subword", "merges": ["ab"]}',
        '{"type": "subword", "merges": [[1, 2, 3]]}',
        '{"type": "subword", "merges": [["a\\n", "b"]]}',
        '{"type": "subword", "merges": [[1.0, 2]]}',
        '{"type": "subword", "merges": [[true, 2]]}',
        '{"type": "subword", "merges": [[-1, 2]]}',
        '{"type": "subword", "merges": [[1, 256]]}',
        '{"type": "subword", "merges": [[1, 2], [1, 2]]}',
        '{"type": "pipeline", "specials": {}}',
        '{"type": "pipeline", "specials": {}, "pipeline": {"model": {}}}',
        '{"type": "sentencepiece", "specials": {}, "vocabulary": {"a": 0}}',
    ],
)
def test_a_broken_tokenizer_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(content)
    with pytest.raises(DataError, match=re.escape(str(path))) as caught:
        load_tokenizer(path)
    assert "\n" not in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from([*KINDS, "word", None]), json_values, json_values)
def test_any_json_is_a_tokenizer_or_an_error(kind: Any, x: Any, y: Any) -> None:
    names = ("vocabulary", "merges", "pipeline", "specials", "source", "target")
    text = json.dumps({"type": kind, **dict(zip(names, (x, y) * 3, strict=True))})
    try:
        tokenizer_from_json(text)
    except DataError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017 - the rest may pass


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        load_tokenizer(tmp_path / "absent.json")


def test_a_tokenizer_is_found_where_it_is_kept(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    tokenizer = make_tokenizer("subword", "to be or not to be", vocab_size=260)
    made, run = tmp_path / "made", tmp_path / "run"
    tokenizer.save_pretrained(made)
    published = find_tokenizer(made)
    assert json.loads(published.to_json())["type"] == "pipeline"
    tokenizer.save(made / "subwords.json")
    run.mkdir()
    tokenizer.save(run / "tokenizer.json")
    for path in (made, made / "subwords.json", run, run / "tokenizer.json"):
        assert find_tokenizer(path).to_json() == tokenizer.to_json()
    (run / "tokenizer.json").write_text("{")
    (made / "subwords.json").write_text("{}")
    for path in (made, run, run / "tokenizer.json", tmp_path / "absent"):
        with pytest.raises(DataError, match=re.escape(str(path))):
            find_tokenizer(path)
