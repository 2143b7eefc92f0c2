"""The kinds of tokenizer: a character, a byte, a subword, or as published.

Each has a name in `KINDS`, which is all that making and loading know of them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tensorgrad.errors import ConfigError, DataError

from .published.pipeline_tokenizer import PipelineTokenizer
from .published.pipelines import byte_level, characters, pretrained_files
from .published.sentencepieces import SentencePieceTokenizer
from .published.special_tokens import read_mapping
from .published.tokenizers import load_published_tokenizer
from .subwords import SubwordTokenizer
from .text import StrPath, read_as
from .tokenizer import Tokenizer, checked, utf8
from .tokenizers_package import LETTERS

SUBWORDS = "subwords.json"
"""What a folder keeps a tokenizer in whose tokenizer.json is for transformers."""


@final
class CharTokenizer(Tokenizer):
    """One token per character; token i stands for vocabulary[i].

    >>> tokenizer = CharTokenizer.train("hello")
    >>> tokenizer.vocabulary, tokenizer.encode("hole").tolist()
    ('ehlo', [1, 3, 2, 0])
    """

    def __init__(self, vocabulary: str) -> None:
        _check_vocabulary(vocabulary)
        self.vocabulary = vocabulary
        self.vocab_size = len(vocabulary)
        self._codes = _code_points(vocabulary)
        # one place more than the largest code: what lies beyond is looked up there
        self._token_of = np.full(int(self._codes.max()) + 2, -1, np.int64)
        self._token_of[self._codes] = np.arange(self.vocab_size)

    @classmethod
    def train(cls, text: Iterable[str]) -> CharTokenizer:
        """The distinct characters of the text, whole or in pieces, sorted."""
        return cls("".join(sorted(set(chain.from_iterable(text)))))

    def encode(self, text: str) -> NDArray[np.int64]:
        tokens = self.lookup(text)
        if tokens.size and tokens.min() < 0:
            raise DataError(
                f"the vocabulary ({self.vocab_size} characters) lacks "
                f"{_shown(set(text) - set(self.vocabulary))}: leave that out, or "
                "train with --tokenizer byte, which knows all characters"
            )
        return tokens

    def lookup(self, text: str) -> NDArray[np.int64]:
        codes = np.minimum(_code_points(text), len(self._token_of) - 1)
        tokens: NDArray[np.int64] = self._token_of[codes]
        return tokens

    def to_bytes(self, tokens: ArrayLike) -> bytes:
        codes: NDArray[np.uint32] = self._codes[checked(tokens, self.vocab_size)]
        return codes.tobytes().decode("utf-32-le").encode("utf-8")

    def to_json(self) -> str:
        return json.dumps({"type": "char", "vocabulary": self.vocabulary})

    def pretrained_files(self) -> dict[str, str | bytes]:
        numbers = {character: i for i, character in enumerate(self.vocabulary)}
        return pretrained_files(characters(numbers))


@final
class ByteTokenizer(Tokenizer):
    """One token per byte of UTF-8; 256 tokens write every text there is.

    >>> ByteTokenizer().encode("né").tolist()
    [110, 195, 169]
    """

    vocab_size = 256

    def encode(self, text: str) -> NDArray[np.int64]:
        return np.frombuffer(utf8(text), np.uint8).astype(np.int64)

    def to_bytes(self, tokens: ArrayLike) -> bytes:
        return bytes(checked(tokens, self.vocab_size).astype(np.uint8))

    def to_json(self) -> str:
        return json.dumps({"type": "byte"})

    def pretrained_files(self) -> dict[str, str | bytes]:
        numbers = {letter: byte for byte, letter in LETTERS.items()}
        return pretrained_files(byte_level(numbers, [], within_words=False))


class Kind(NamedTuple):
    """How tokenizers of one kind are made, and read back from their JSON."""

    read: Callable[[Mapping[str, Any]], Tokenizer]
    # of pieces of text and vocab_size; None: it is published, not made here
    train: Callable[[Iterable[str], int], Tokenizer] | None = None


KINDS = {
    "char": Kind(
        lambda saved: CharTokenizer(saved["vocabulary"]),
        lambda text, vocab_size: CharTokenizer.train(text),
    ),
    "byte": Kind(
        lambda saved: ByteTokenizer(), lambda text, vocab_size: ByteTokenizer()
    ),
    "subword": Kind(
        lambda saved: SubwordTokenizer(saved["merges"]), SubwordTokenizer.train
    ),
    "pipeline": Kind(
        lambda saved: PipelineTokenizer(saved["pipeline"], saved["specials"])
    ),
    "sentencepiece": Kind(SentencePieceTokenizer.from_saved),
}
TRAINED = [name for name, kind in KINDS.items() if kind.train]


def make_tokenizer(
    name: str, text: Iterable[str], *, vocab_size: int = 4096
) -> Tokenizer:
    """A tokenizer of a kind named in `TRAINED`, trained on a text, whole or in pieces.

    `char` looks at the characters alone, so a survey's vocabulary is text enough;
    `byte` looks at nothing. `vocab_size` is for `subword`: the most tokens to make.

    >>> make_tokenizer("char", "hello").encode("hole").tolist()
    [1, 3, 2, 0]
    """
    train = KINDS[name].train if name in KINDS else None
    if train is None:
        raise ConfigError(f"tokenizer={name!r}: choose {', '.join(TRAINED)}")
    return train(text, vocab_size)


def tokenizer_from_json(text: str) -> Tokenizer:
    """The tokenizer whose `to_json()` gave this text; DataError if none did.

    >>> tokenizer_from_json(CharTokenizer("ab").to_json()).decode([1, 0])
    'ba'
    """
    try:
        saved = json.loads(text)
        if saved["type"] not in KINDS:
            raise DataError(f"type {saved['type']!r:.40} is none of {', '.join(KINDS)}")
        return KINDS[saved["type"]].read(saved)
    except KeyError as error:
        raise DataError(f"not a saved tokenizer: it has no {error}") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(f"not a saved tokenizer: {error}") from None


def load_tokenizer(path: StrPath) -> Tokenizer:
    """The tokenizer that `save` wrote; DataError names the file."""
    return read_as(path, tokenizer_from_json)


def find_tokenizer(path: StrPath) -> Tokenizer:
    """The tokenizer of a folder or a file: saved by `save`, of a run, or published."""
    path = Path(path)
    if (path / SUBWORDS).exists():
        return load_tokenizer(path / SUBWORDS)
    file = path / "tokenizer.json" if path.is_dir() else path
    ours = file.suffix == ".json" and file.exists() and "type" in read_mapping(file)
    return load_tokenizer(file) if ours else load_published_tokenizer(path)


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def _check_vocabulary(vocabulary: str) -> None:
    if not isinstance(vocabulary, str):  # from an edited file
        raise DataError("a vocabulary is one string of characters")
    repeated = {char for char, count in Counter(vocabulary).items() if count > 1}
    pairs_halves = {char for char in vocabulary if "\ud800" <= char <= "\udfff"}
    if not vocabulary:
        raise DataError("a vocabulary needs at least one character")
    if repeated or pairs_halves:
        raise DataError(
            f"a vocabulary is made of different whole characters; it cannot hold "
            f"{_shown(repeated or pairs_halves)}. CharTokenizer.train makes one."
        )


def _shown(characters: Iterable[str], limit: int = 10) -> str:
    """The first few characters, quoted, and how many more there are."""
    ordered = sorted(characters)
    shown = ", ".join(map(repr, ordered[:limit]))
    more = len(ordered) - limit
    return f"{shown} and {more} more" if more > 0 else shown
