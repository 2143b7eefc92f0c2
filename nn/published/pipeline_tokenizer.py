"""Tokenizers of tokenizer.json, run by the package `tokenizers`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, final

import numpy as np

from tensorgrad.errors import DataError

from ..tokenizer import after_a_word, checked, utf8
from ..tokenizers_package import tokenizers_package
from .pipelines import (
    Pipeline,
    check_pipeline,
    cuts_words,
    pretrained_files,
    with_specials,
)
from .special_tokens import check_specials, config_fields
from .spelling import Spelling, spelling_of
from .tokenizer import Inputs, PublishedTokenizer, Tokens, refused


@final
class PipelineTokenizer(PublishedTokenizer):
    """A tokenizer as tokenizer.json describes it; `specials` are numbers by name.

    >>> from nn.published.pipelines import byte_level
    >>> from nn.tokenizers_package import LETTERS
    >>> vocabulary = {letter: byte for byte, letter in LETTERS.items()}
    >>> vocabulary |= {"th": 256, "<|endoftext|>": 257}
    >>> pipeline = byte_level(vocabulary, [("t", "h")])
    >>> tokenizer = PipelineTokenizer(pipeline, {"eos": 257})
    >>> tokenizer.encode("this").tolist(), tokenizer.decode([256, 105, tokenizer.eos])
    ([256, 105, 115], 'thi')
    """

    def __init__(
        self, pipeline: Mapping[str, Any], specials: Mapping[str, int]
    ) -> None:
        found, vocabulary = check_pipeline(pipeline)
        self.vocab_size = len(vocabulary)
        self._name_specials(check_specials(specials, self.vocab_size))
        self.tokens = sorted(vocabulary, key=vocabulary.__getitem__)
        named = {self.tokens[number]: number for number in self.specials.values()}
        self._pipeline = with_specials(found, named)
        self._encoder = _build(self._pipeline)
        if self._encoder.get_vocab(True) != vocabulary:
            raise DataError("its added tokens have other numbers than they say")
        self.silent = frozenset(
            token["id"]
            for token in self._pipeline["added_tokens"]
            if token.get("special")
        )
        self.inputs("", "")  # its template may name tokens that there are not

    def encode(self, text: str, *, recognise: bool = False) -> Tokens:
        return np.array(self._encoded(text, None, recognise, False).ids, np.int64)

    def settled(self, text: str) -> int:
        return after_a_word(text) if cuts_words(self._pipeline) else 0

    def inputs(
        self, text: str, second: str | None = None, *, recognise: bool = False
    ) -> Inputs:
        found = self._encoded(text, second, recognise, True)
        tokens = checked(np.array(found.ids, np.int64), self.vocab_size)
        return Inputs(tokens, np.array(found.type_ids, np.int64))

    def _encoded(
        self, text: str, second: str | None, recognise: bool, enclose: bool
    ) -> Any:
        utf8(text + (second or ""))  # half a pair is refused
        self._encoder.encode_special_tokens = not recognise
        with refused("this tokenizer cannot read the text"):
            return self._encoder.encode(text, second, add_special_tokens=enclose)

    @cached_property
    def _spelling(self) -> Spelling:
        return spelling_of(self._pipeline["decoder"], self.tokens)

    def to_json(self) -> str:
        saved = {"specials": self.specials, "pipeline": self._pipeline}
        return json.dumps({"type": "pipeline", **saved}, ensure_ascii=False)

    def pretrained_files(self) -> dict[str, str | bytes]:
        named = config_fields(self.specials, self.tokens)
        return pretrained_files(self._pipeline, named)


def _build(pipeline: Pipeline) -> Any:
    package = tokenizers_package()
    with refused("not a tokenizer that the package `tokenizers` reads"):
        return package.Tokenizer.from_str(json.dumps(pipeline))
