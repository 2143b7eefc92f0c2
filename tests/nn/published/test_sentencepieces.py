"""Marian's tokenizers: two languages, codes in front, and what a run keeps."""

import json
import sys
from typing import Any

import pytest
from hypothesis import given

from nn.published.tokenizer import PublishedTokenizer
from nn.tokenizers import tokenizer_from_json
from tensorgrad.errors import ConfigError, DataError, MissingExtra
from tests.nn.published.files import (
    ids,
    json_of,
    ours,
    plain,
    theirs,
)

pytest.importorskip("tokenizers")
pytest.importorskip("sentencepiece")


@given(plain)
def test_a_translation_is_cut_by_the_pieces_of_its_own_language(text: str) -> None:
    expected = theirs("marian")(text_target=text)["input_ids"]
    assert ours("marian").target.inputs(text).tokens.tolist() == expected


def test_one_source_text_alone() -> None:
    with pytest.raises(ConfigError, match="one source text"):
        ours("marian").inputs("a", "b")


def test_a_language_is_named_in_front() -> None:
    tokenizer, other = ours("marian"), theirs("marian")
    code = tokenizer.tokens.index(">>fra<<")
    for text in (">>fra<< The end", ">>fra<<", ">>xyz<<The end", ">>fra", "a >>fra<<"):
        tokens = tokenizer.encode(text).tolist()
        assert tokens == ids(other, text, split_special_tokens=True)
        assert (tokens[0] == code) is text.startswith(">>fra<<")


def test_letters_that_no_piece_has_spell_no_special_token() -> None:
    saved = json.loads(json_of("marian"))
    vocabulary = saved["vocabulary"]
    vocabulary["\u6f22\u5b57"] = vocabulary.pop("<pad>")
    assert saved["specials"]["pad"] == vocabulary["\u6f22\u5b57"]
    tokenizer = tokenizer_from_json(json.dumps(saved))
    assert isinstance(tokenizer, PublishedTokenizer)
    assert tokenizer.pad not in tokenizer.encode("\u6f22\u5b57")
    found = tokenizer.encode("\u6f22\u5b57", recognise=True).tolist()
    assert found == [tokenizer.pad]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"source": "%"}, "its models are edited"),
        ({"source": 3}, "its models are edited"),
        ({"target": "AAAA"}, "target.spm is not a model"),
        ({"target": ""}, "target.spm is empty"),
        ({"specials": {}}, "lacks <unk> or </s>"),
        ({"specials": {"begin": 0}}, "special tokens have names among bos, eos"),
        ({"specials": {"unk": 1, "eos": 10**6}}, "special token eos is 1000000"),
        ({"vocabulary": ["a"]}, "a vocabulary maps tokens to numbers"),
    ],
)
def test_what_a_run_kept_was_edited(changes: dict[str, Any], says: str) -> None:
    saved = json.loads(json_of("marian")) | changes
    with pytest.raises(DataError, match=says):
        tokenizer_from_json(json.dumps(saved))


def test_without_the_package_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    saved = json_of("marian")
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(MissingExtra, match=r"pip install '\.\[text\]'"):
        tokenizer_from_json(saved)
