"""The content of tokenizer.json for the tokenizers of GPT-1, GPT-2 and BERT.

The package `tokenizers` reads it as four parts: a normalizer changes the text, a
pre-tokenizer cuts it into words, a model cuts the words into tokens, and a decoder
joins them again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from tensorgrad.errors import DataError

from .special_tokens import check_vocabulary

Pipeline = dict[str, Any]
Merges = Sequence[tuple[str, str]]
LONGEST_WORD = 1000  # characters: WordPiece takes the square of it

KNOWN = {
    "model": {"BPE", "WordPiece", "WordLevel"},
    "normalizer": {
        *("BertNormalizer", "Lowercase", "NFC", "NFD", "NFKC", "NFKD"),
        *("Sequence", "Strip", "StripAccents"),
    },
    "pre_tokenizer": {
        *("BertPreTokenizer", "ByteLevel", "Digits", "Punctuation", "Sequence"),
        *("Whitespace", "WhitespaceSplit"),
    },
    "post_processor": {
        *("BertProcessing", "ByteLevel", "RobertaProcessing", "Sequence"),
        "TemplateProcessing",
    },
    "decoder": {"BPEDecoder", "ByteLevel", "Fuse", "WordPiece"},
}


def byte_level(
    vocabulary: Mapping[str, int], merges: Merges, *, within_words: bool = True
) -> Pipeline:
    """GPT-2's: byte-pair encoding of bytes, within words and the space before them."""
    level = {"add_prefix_space": False, "trim_offsets": True}
    return _pipeline(
        _bpe(vocabulary, merges),
        pre_tokenizer={"type": "ByteLevel", **level, "use_regex": within_words},
        post_processor={"type": "ByteLevel", **level, "use_regex": within_words},
        decoder={"type": "ByteLevel", **level, "use_regex": within_words},
    )


def word_ends(vocabulary: Mapping[str, int], merges: Merges) -> Pipeline:
    """GPT-1's: byte-pair encoding of BERT's words in lower case, with </w> at ends."""
    return _pipeline(
        _bpe(vocabulary, merges, unk_token="<unk>", end_of_word_suffix="</w>"),
        normalizer=_bert_normalizer(),
        pre_tokenizer={"type": "BertPreTokenizer"},
        decoder={"type": "BPEDecoder", "suffix": "</w>"},
    )


def word_pieces(
    vocabulary: Mapping[str, int], specials: Mapping[str, int], **settings: Any
) -> Pipeline:
    """BERT's: the longest pieces from a word's start; ## before those that go on."""
    spelt = {number: token for token, number in vocabulary.items()}
    unknown = spelt[specials["unk"]]
    ends = [(spelt[specials[name]], specials[name]) for name in ("cls", "sep")]
    return _pipeline(
        {
            "type": "WordPiece",
            "unk_token": unknown,
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": dict(vocabulary),
        },
        normalizer=_bert_normalizer(**settings),
        pre_tokenizer={"type": "BertPreTokenizer"},
        post_processor=_first_and_second(*ends),
        decoder={"type": "WordPiece", "prefix": "##", "cleanup": True},
    )


def characters(vocabulary: Mapping[str, int]) -> Pipeline:
    """A token for each character."""
    return _pipeline(_bpe(vocabulary, []), decoder={"type": "Fuse"})


def with_specials(pipeline: Mapping[str, Any], numbers: Mapping[str, int]) -> Pipeline:
    """The pipeline with these tokens of its vocabulary marked as special."""
    added = list(pipeline["added_tokens"])
    marked = {token["content"] for token in added}
    plain = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    for content, number in sorted(numbers.items(), key=lambda item: item[1]):
        if content not in marked:
            special = {"id": number, "content": content, **plain, "special": True}
            added.append(special)
    return {**pipeline, "added_tokens": sorted(added, key=lambda token: token["id"])}


def pretrained_files(
    pipeline: Pipeline, specials: Mapping[str, str] = MappingProxyType({})
) -> dict[str, str | bytes]:
    """The files from which transformers reads a pipeline; see `config_fields`."""
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        **specials,
    }
    return {
        "tokenizer.json": json.dumps(pipeline, ensure_ascii=False) + "\n",
        "tokenizer_config.json": json.dumps(config, indent=2) + "\n",
    }


def _pipeline(model: Mapping[str, Any], **parts: Any) -> Pipeline:
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": None,
        **parts,
        "model": model,
    }


def _bpe(
    vocabulary: Mapping[str, int], merges: Merges, **settings: Any
) -> dict[str, Any]:
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": "",
        "end_of_word_suffix": "",
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
        **settings,
        "vocab": dict(vocabulary),
        "merges": [list(merge) for merge in merges],
    }


def _bert_normalizer(
    lower: bool = True, chinese: bool = True, accents: bool | None = None
) -> dict[str, Any]:
    return {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": chinese,
        "strip_accents": accents,
        "lowercase": lower,
    }


def _first_and_second(cls: tuple[str, int], sep: tuple[str, int]) -> dict[str, Any]:
    """[CLS] A [SEP], or [CLS] A [SEP] B [SEP], the last two as segment 1."""

    def special(token: tuple[str, int], segment: int) -> dict[str, Any]:
        return {"SpecialToken": {"id": token[0], "type_id": segment}}

    first = {"Sequence": {"id": "A", "type_id": 0}}
    second = {"Sequence": {"id": "B", "type_id": 1}}
    single = [special(cls, 0), first, special(sep, 0)]
    return {
        "type": "TemplateProcessing",
        "single": single,
        "pair": [*single, second, special(sep, 1)],
        "special_tokens": {
            spelt: {"id": spelt, "ids": [number], "tokens": [spelt]}
            for spelt, number in (cls, sep)
        },
    }


# --- what was read from a file


def check_pipeline(found: Any) -> tuple[Pipeline, dict[str, int]]:
    """A pipeline as read from a file, and its vocabulary; DataError for other shapes.

    What cuts, pads or varies texts is taken out: it belongs to a model's training.
    """
    if not isinstance(found, dict) or not isinstance(found.get("model"), dict):
        raise DataError("no tokenizer of the package `tokenizers`: it has no model")
    model = dict(found["model"])
    model.setdefault("type", _type_of(model))
    _check_part("model", model)
    vocabulary = _with_added(model.get("vocab"), found.get("added_tokens"))
    check_vocabulary(vocabulary)
    longest = model.get("max_input_chars_per_word", 0)
    if type(longest) is not int or not 0 <= longest <= LONGEST_WORD:
        raise DataError(f"words of {longest!r:.40} characters; {LONGEST_WORD} at most")
    if model["type"] == "BPE" and model.get("continuing_subword_prefix"):
        raise DataError("byte-pair encoding with a prefix, which none published has")
    if "dropout" in model:
        model["dropout"] = None
    pipeline = {**_pipeline(model), **found, "model": model}
    pipeline |= {"truncation": None, "padding": None}
    pipeline["added_tokens"] = pipeline["added_tokens"] or []
    for part in set(KNOWN) - {"model"}:
        _check_part(part, pipeline[part])
    return pipeline, vocabulary


def cuts_words(pipeline: Pipeline) -> bool:
    """Whether it is sure that a space after a word ends what comes before it.

    So it is where texts are cut at spaces, without a change at their two ends or a
    token that was added to span words.
    """
    normalizer, cutter = pipeline["normalizer"], pipeline["pre_tokenizer"] or {}
    by_bytes = cutter.get("use_regex", True) and not cutter.get("add_prefix_space")
    return (
        (normalizer or {"type": "BertNormalizer"})["type"] == "BertNormalizer"
        and cutter.get("type") in ("BertPreTokenizer", "ByteLevel")
        and bool(by_bytes)
        and all(token.get("special") for token in pipeline["added_tokens"])
    )


def _type_of(model: Mapping[str, Any]) -> str:
    """Files of before 2020 don't say which model it is."""
    return "BPE" if "merges" in model else "WordPiece"


def _with_added(vocabulary: Any, added: Any) -> dict[str, int]:
    """The vocabulary with what `added_tokens` adds to it, if both are well formed."""
    if not isinstance(vocabulary, dict) or not isinstance(added, list | None):
        raise DataError("a vocabulary maps tokens to numbers: edited, or another kind")
    whole = dict(vocabulary)
    for token in added or []:
        if not isinstance(token, dict) or not {"id", "content"} <= set(token):
            raise DataError(f"{token!r:.40} is no added token: edited")
        content, number = token["content"], token["id"]
        if not isinstance(content, str) or whole.get(content, number) != number:
            raise DataError(f"{content!r:.40} is token {number!r:.40} and another")
        whole[content] = number
    return whole


def _check_part(part: str, found: Any, depth: int = 0) -> None:
    if found is None and part != "model":
        return
    kind = found.get("type") if isinstance(found, dict) else found
    known = isinstance(kind, str) and kind in KNOWN[part]
    if not known or not isinstance(found, dict) or depth > 3:
        raise DataError(
            f"{part} {kind!r:.40} is none of {', '.join(sorted(KNOWN[part]))}, which "
            "GPT-1's, GPT-2's and BERT's kinds of tokenizer need"
        )
    if kind == "Sequence":
        steps = [value for key, value in found.items() if key != "type"]
        if len(steps) != 1 or not isinstance(steps[0], list):
            raise DataError(f"{part}: a sequence is a list of steps: edited")
        for step in steps[0]:
            _check_part(part, step, depth + 1)
    if kind == "TemplateProcessing":
        _check_template(found)


def _check_template(found: Mapping[str, Any]) -> None:
    """DataError for a token that it does not spell: the package would panic, aloud."""
    spelt = found.get("special_tokens")
    for name in ("single", "pair"):
        pieces = found.get(name)
        for piece in pieces if isinstance(pieces, list) else ():
            token = piece.get("SpecialToken") if isinstance(piece, dict) else None
            text = token.get("id") if isinstance(token, dict) else None
            if isinstance(text, str) and isinstance(spelt, dict) and text not in spelt:
                raise DataError(f"post_processor: {text!r:.40} has no token: edited")
