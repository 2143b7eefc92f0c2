"""tokenizer.json: what is left out of it, and shapes that are refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nn.published.tokenizers import load_published_tokenizer
from nn.tokenizers import tokenizer_from_json
from tensorgrad.errors import DataError
from tests.commands import edit
from tests.nn.published.files import (
    TEXT,
    json_of,
    ours,
    refuses,
)

pytest.importorskip("tokenizers")
pytest.importorskip("sentencepiece")


@pytest.mark.parametrize(
    ("kind", "part", "changes"),
    [
        ("gpt2", "pre_tokenizer", {"add_prefix_space": True}),
        ("gpt2", "pre_tokenizer", {"use_regex": False}),
        ("bert", "pre_tokenizer", {"type": "Whitespace"}),
        ("bert", "normalizer", {"type": "NFC"}),
    ],
)
def test_where_a_word_ends_is_not_sure_of_other_pipelines(
    kind: str, part: str, changes: dict[str, Any]
) -> None:
    saved = json.loads(json_of(kind))
    saved["pipeline"][part] |= changes
    assert tokenizer_from_json(json.dumps(saved)).settled("to be or") == 0
    assert ours(kind).settled("to be or") == len("to be")


def test_what_pads_or_cuts_texts_in_training_is_left_out(tmp_path: Path) -> None:
    ours("bert").save_pretrained(tmp_path)
    path = tmp_path / "tokenizer.json"
    content = json.loads(path.read_text())
    content["truncation"] = {
        **{"direction": "Right", "max_length": 3},
        **{"strategy": "LongestFirst", "stride": 0},
    }
    path.write_text(json.dumps(content))
    assert (
        load_published_tokenizer(path).encode(TEXT).tolist()
        == ours("bert").encode(TEXT).tolist()
    )


# --- refusals


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": None}, "it has no model"),
        ({"model": {"type": "Unigram", "vocab": {"a": 0}}}, "model 'Unigram' is none"),
        ({"model": {"type": "BPE", "vocab": {"a": 9}}, "added_tokens": []}, "number 0"),
        ({"normalizer": {"type": "Replace"}}, "normalizer 'Replace' is none"),
        ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": 3}}, "list of steps"),
        ({"pre_tokenizer": {"type": "Sequence"}}, "list of steps"),
        ({"pre_tokenizer": "ByteLevel"}, "pre_tokenizer 'ByteLevel' is none"),
        ({"decoder": {"type": "Metaspace"}}, "decoder 'Metaspace' is none"),
        ({"decoder": {"type": "WordPiece", "prefix": 3}}, "not a tokenizer that"),
        ({"added_tokens": {"a": 1}}, "a vocabulary maps tokens to numbers"),
        ({"added_tokens": [3]}, "is no added token"),
        ({"added_tokens": [{"id": 7, "content": "the"}]}, "token 7 and another"),
        (
            {"normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend"}]}},
            "normalizer 'Prepend' is none",
        ),
        ({"version": "9.0"}, "not a tokenizer that"),
        # the package would panic, with lines of its own on standard error
        (
            {
                "post_processor": {
                    **{"type": "TemplateProcessing", "special_tokens": {}},
                    "single": [{"Sequence": {"id": "A", "type_id": 0}}],
                    "pair": [{"SpecialToken": {"id": "[X]", "type_id": 0}}],
                }
            },
            r"'\[X\]' has no token",
        ),
        (
            {
                "post_processor": {
                    **{"type": "TemplateProcessing", "special_tokens": {}},
                    **{"single": [{"SpecialToken": {"id": {}}}], "pair": []},
                }
            },
            "not a tokenizer that",
        ),
        # it would end the process in the package, when the merges are read
        (
            {
                "model": {
                    **{"type": "BPE", "continuing_subword_prefix": "aaaaaa"},
                    **{"vocab": {"é": 0, "\xa0": 1}, "merges": [["é", "\xa0"]]},
                },
                "added_tokens": [],
            },
            "with a prefix",
        ),
    ],
)
def test_a_tokenizer_json_of_another_shape(
    tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    ours("bert").save_pretrained(tmp_path)
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    refuses(path, says)


def test_steps_one_after_the_other(tmp_path: Path) -> None:
    ours("bert").save_pretrained(tmp_path)
    path = tmp_path / "tokenizer.json"
    content = json.loads(path.read_text())
    steps = [{"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"}]
    content["normalizer"] = {"type": "Sequence", "normalizers": steps}
    path.write_text(json.dumps(content))
    tokens = load_published_tokenizer(path).encode("The é").tolist()
    assert tokens == ours("bert").encode("the e").tolist()


def test_an_added_token_that_the_package_leaves_out(tmp_path: Path) -> None:
    ours("bert").save_pretrained(tmp_path)
    path = tmp_path / "tokenizer.json"
    content = json.loads(path.read_text())
    added = content["added_tokens"]
    added.append({**added[0], "id": ours("bert").vocab_size, "content": ""})
    path.write_text(json.dumps(content))
    refuses(path, "other numbers than they say")


def test_words_without_end_are_not_for_word_pieces(tmp_path: Path) -> None:
    ours("bert").save_pretrained(tmp_path)
    edit(tmp_path / "tokenizer.json", '_word": 100', '_word": 1000000')
    refuses(tmp_path, "words of 1000000 characters")


parts = st.sampled_from(["added_tokens", "normalizer", "decoder", "model", "version"])


steps = st.sampled_from(
    [{"type": kind} for kind in ("NFKC", "ByteLevel", "Fuse", "Whitespace", "Sequence")]
    + [{"type": "BPEDecoder", "suffix": "a"}, {"type": "Strip", "strip_left": True}]
)


values = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | steps


inner = st.dictionaries(
    st.sampled_from(["type", "prefix", "suffix", "unk_token", "lowercase", "cleanup"]),
    values | st.lists(values, max_size=2),
)


@settings(max_examples=60)
@given(st.sampled_from(["gpt2", "gpt1", "bert"]), parts, values | inner)
def test_another_part_is_read_or_refused(kind: str, part: str, value: Any) -> None:
    saved = json.loads(json_of(kind))
    pipeline = saved["pipeline"]
    edited = isinstance(value, dict) and isinstance(pipeline[part], dict)
    pipeline[part] = {**pipeline[part], **value} if edited else value
    try:
        tokenizer = tokenizer_from_json(json.dumps(saved))
        tokens, stream = tokenizer.encode("The étude [SEP] 你好"), tokenizer.stream()
    except DataError as error:
        assert "\n" not in str(error)  # noqa: PT017 - the rest may pass
    else:
        assert stream.feed(tokens) + stream.finish() == tokenizer.decode(tokens)
