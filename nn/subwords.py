"""Subwords: byte-level byte-pair encoding, trained and run by the package `tokenizers`.

Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units" (2016),
over bytes and within words as GPT-2 cuts them (Radford et al., 2019, section 2.2).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tensorgrad.errors import ConfigError, DataError

from .published.pipelines import byte_level, pretrained_files
from .tokenizer import Tokenizer, after_a_word, checked, recut, utf8
from .tokenizers_package import LETTERS, tokenizers_package

LONGEST = 128  # bytes in a token: a run of spaces is no reason for one without end

MOST = 1 << 20  # tokens in a vocabulary


@final
class SubwordTokenizer(Tokenizer):
    """Tokens 0 to 255 are the bytes; each merge joins two tokens into the next one.

    Encoding applies the merges in their order, within words. It writes every text
    there is, in fewer tokens the more it looks like the text trained on. Training
    and encoding need the extra `text`; decoding, saving and loading do not.

    >>> tokenizer = SubwordTokenizer([(116, 104), (256, 101)])  # th, the
    >>> tokenizer.vocab_size, tokenizer.decode([257, 114, 101])
    (258, 'there')
    """

    def __init__(self, merges: Sequence[Sequence[int]]) -> None:
        self._tokens = [bytes([byte]) for byte in range(256)]
        number = {token: i for i, token in enumerate(self._tokens)}
        _check_merges(merges)
        for left, right in merges:
            if max(left, right) >= len(self._tokens):
                raise DataError(
                    f"merge ({left}, {right}) joins what no merge before it has made"
                )
            token = self._tokens[left] + self._tokens[right]
            if len(token) > LONGEST:
                raise DataError(f"a token of {len(token)} bytes; {LONGEST} are allowed")
            if token not in number:  # ab + c and a + bc make one token
                number[token] = len(self._tokens)
                self._tokens.append(token)
        self.merges = [(left, right) for left, right in merges]
        self.vocab_size = len(self._tokens)

    @classmethod
    def train(cls, text: Iterable[str], vocab_size: int) -> SubwordTokenizer:
        """The merges of the most frequent neighbours, up to `vocab_size` tokens.

        The same text, whole or in any pieces, gives the same merges. They are fewer
        where no two tokens follow each other twice. MissingExtra without the extra
        `text`.
        """
        check_vocab_size(vocab_size)
        package = tokenizers_package()
        trainer = package.trainers.BpeTrainer(
            vocab_size=vocab_size,
            min_frequency=2,
            initial_alphabet=list(LETTERS.values()),
            max_token_length=LONGEST,
            show_progress=False,
        )
        trained = _within_words(package, package.models.BPE())
        pieces = recut(text, after_a_word)
        whole = (piece for piece in pieces if utf8(piece))  # half a pair is refused
        trained.train_from_iterator(whole, trainer)
        return cls(_numbered(json.loads(trained.to_str())["model"]["merges"]))

    def encode(self, text: str) -> NDArray[np.int64]:
        utf8(text)  # half a pair is refused
        return np.array(self._encoder.encode(text).ids, np.int64)

    def settled(self, text: str) -> int:
        return after_a_word(text)

    def to_bytes(self, tokens: ArrayLike) -> bytes:
        return b"".join(
            [self._tokens[i] for i in checked(tokens, self.vocab_size).tolist()]
        )

    def to_json(self) -> str:
        return json.dumps({"type": "subword", "merges": self.merges})

    def pretrained_files(self) -> dict[str, str | bytes]:
        return pretrained_files(byte_level(*self.as_letters()))

    def as_letters(self) -> tuple[dict[str, int], list[tuple[str, str]]]:
        """Vocabulary and merges as GPT-2 publishes them: each byte a letter."""
        letters = [_spelt(token) for token in self._tokens]
        merges = [(letters[left], letters[right]) for left, right in self.merges]
        return {spelt: i for i, spelt in enumerate(letters)}, merges

    @cached_property
    def _encoder(self) -> Any:
        package = tokenizers_package()
        return _within_words(package, package.models.BPE(*self.as_letters()))


def check_vocab_size(vocab_size: int) -> None:
    """ConfigError for a size that no training reaches, or the package has no room for.

    It makes room for as many tokens as are asked for, before it reads a text.
    """
    if vocab_size < 256:
        raise ConfigError(f"vocab_size={vocab_size}: 256 bytes are tokens already")
    if vocab_size > MOST:
        raise ConfigError(f"vocab_size={vocab_size}: {MOST:,} tokens at most")


def _within_words(package: Any, model: Any) -> Any:
    """The package's tokenizer over words and the spaces before them, and nothing else.

    It changes no text first and knows no special tokens, so nothing is lost.
    """
    tokenizer = package.Tokenizer(model)
    tokenizer.pre_tokenizer = package.pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


def _spelt(token: bytes) -> str:
    return token.decode("latin-1").translate(LETTERS)


def _numbered(merges: Iterable[tuple[str, str]]) -> list[tuple[int, int]]:
    """Merges of letters as merges of tokens, numbered in the order they are made."""
    number = {letter: byte for byte, letter in LETTERS.items()}
    pairs = []
    for left, right in merges:
        pairs.append((number[left], number[right]))
        number.setdefault(left + right, len(number))
    return pairs


def _check_merges(merges: Any) -> None:
    """DataError for what is no list of different pairs of numbers: an edited file."""
    if not isinstance(merges, list | tuple):
        raise DataError("merges are a list of pairs of tokens")
    for merge in merges:
        pair = isinstance(merge, list | tuple) and len(merge) == 2
        if not pair or not all(type(token) is int and token >= 0 for token in merge):
            raise DataError(f"merge {merge!r:.40} is no pair of tokens")
    if len({tuple(merge) for merge in merges}) < len(merges):
        raise DataError("a merge is there twice")
