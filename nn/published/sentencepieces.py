"""Marian's tokenizers: pieces by the package `sentencepiece`, numbers by vocab.json."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, final

import numpy as np

from tensorgrad.errors import ConfigError, DataError, MissingExtra

from ..tokenizer import utf8
from .special_tokens import check_specials, check_vocabulary, config_fields
from .spelling import Spelling
from .tokenizer import Inputs, PublishedTokenizer, Tokens, refused

SPACE = "\N{LOWER ONE EIGHTH BLOCK}"  # as SentencePiece writes it


@final
class SentencePieceTokenizer(PublishedTokenizer):
    """A model of pieces for each language, and one vocabulary that numbers them all.

    `encode` reads the language that is translated from; `target`, a tokenizer of the
    same tokens, reads the one translated into. A code such as ">>fra<<" in front of a
    text, by which some models are told the language to write, is one token.

    The text is read as it is, which is also what transformers' MarianTokenizer does. To
    put ASCII in the place of typographic quotes and dashes first, as the models'
    training texts were prepared, is left to whoever wants it (sacremoses does it).
    """

    strip = True

    def __init__(
        self,
        vocabulary: Mapping[str, int],
        specials: Mapping[str, int],
        source: bytes,
        target: bytes,
    ) -> None:
        self._numbers = check_vocabulary(vocabulary)
        self.vocab_size = len(vocabulary)
        self.tokens = sorted(self._numbers, key=self._numbers.__getitem__)
        self._name_specials(check_specials(specials, self.vocab_size))
        if not {"unk", "eos"} <= set(specials):
            raise DataError("the vocabulary lacks <unk> or </s>: edited")
        self._unknown = specials["unk"]
        self.silent = frozenset(specials.values())
        spelt = sorted((self.tokens[i] for i in self.silent), key=len, reverse=True)
        self._spelt = re.compile("(" + "|".join(map(re.escape, spelt)) + ")")
        self._models = source, target
        self._pieces = _load("source.spm", source)
        _load("target.spm", target)

    @cached_property
    def target(self) -> SentencePieceTokenizer:
        """The tokenizer of the language that is translated into."""
        source, target = self._models
        return SentencePieceTokenizer(self._numbers, self.specials, target, source)

    def encode(self, text: str, *, recognise: bool = False) -> Tokens:
        utf8(text)  # half a pair is refused
        # every other part is a special token
        parts = self._spelt.split(text) if recognise else [text]
        tokens: list[int] = []
        for i, part in enumerate(parts):
            tokens += [self._numbers[part]] if i % 2 else self._cut(part)
        return np.array(tokens, np.int64)

    def _cut(self, text: str) -> list[int]:
        code, text = _language_code(text)
        with refused("this tokenizer cannot read the text"):
            pieces = code + self._pieces.encode(text, out_type=str)
        numbers = [self._numbers.get(piece, self._unknown) for piece in pieces]
        # letters that no piece has come as they are, and may spell a special token
        return [self._unknown if i in self.silent else i for i in numbers]

    def inputs(
        self, text: str, second: str | None = None, *, recognise: bool = False
    ) -> Inputs:
        """The text's tokens, then `eos`; one text alone."""
        if second is not None:
            raise ConfigError("a translation has one source text: leave the second out")
        tokens = np.append(self.encode(text, recognise=recognise), self.specials["eos"])
        return Inputs(tokens, np.zeros_like(tokens))

    @cached_property
    def _spelling(self) -> Spelling:
        spelt = [token.replace(SPACE, " ").encode("utf-8") for token in self.tokens]
        return Spelling(spelt, spelt)

    def to_json(self) -> str:
        source, target = (base64.b64encode(m).decode("ascii") for m in self._models)
        saved = {
            "type": "sentencepiece",
            "specials": self.specials,
            "vocabulary": self._numbers,
            "source": source,
            "target": target,
        }
        return json.dumps(saved, ensure_ascii=False)

    @classmethod
    def from_saved(cls, saved: Mapping[str, Any]) -> SentencePieceTokenizer:
        """The tokenizer of what `to_json` wrote."""
        try:
            source, target = (
                base64.b64decode(saved[side], validate=True)
                for side in ("source", "target")
            )
        except (binascii.Error, TypeError) as error:
            raise DataError(f"its models are edited: {error}") from None
        return cls(saved["vocabulary"], saved["specials"], source, target)

    def pretrained_files(self) -> dict[str, str | bytes]:
        named = config_fields(self.specials, self.tokens)
        config = {"tokenizer_class": "MarianTokenizer", **named}
        source, target = self._models
        return {
            "source.spm": source,
            "target.spm": target,
            "vocab.json": json.dumps(self._numbers, ensure_ascii=False) + "\n",
            "tokenizer_config.json": json.dumps(config, indent=2) + "\n",
        }


def _language_code(text: str) -> tuple[list[str], str]:
    """(">>fra<<", the rest) of a text that begins so."""
    end = text.find("<<") + 2
    if text.startswith(">>") and end > 2:
        return [text[:end]], text[end:]
    return [], text


def _load(name: str, model: bytes) -> Any:
    package = sentencepiece_package()
    if not model:  # which the package takes for a model of no pieces
        raise DataError(f"{name} is empty: fetch it again")
    with refused(f"{name} is not a model of SentencePiece, or damaged"):
        return package.SentencePieceProcessor(model_proto=model)


def sentencepiece_package() -> Any:
    try:
        import sentencepiece
    except ImportError:
        raise MissingExtra(
            "Marian's tokenizers need the package sentencepiece, which comes with the "
            "extra `text`: pip install '.[text]' in the checkout"
        ) from None
    return sentencepiece
