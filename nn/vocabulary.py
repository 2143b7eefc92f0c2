"""Special tokens before a tokenizer's own, for models that need more than text.

No text encodes to a special token, except to `unk`: a text that says "pad" is text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Protocol, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tensorgrad.errors import ConfigError, DataError

from .text import StrPath, read_as, write_text
from .tokenizer import Tokenizer, checked
from .tokenizers import tokenizer_from_json

ENCODER_DECODER = ("pad", "bos", "eos", "unk")
BERT = ("pad", "unk", "cls", "sep", "mask")
SPECIALS = tuple(dict.fromkeys(ENCODER_DECODER + BERT))


class Side(Protocol):
    """What one side of a translation is read or written with, such as a Vocabulary.

    Fills a batch up with `pad`, and knows where a text begins and ends.
    """

    @property
    def pad(self) -> int: ...
    @property
    def bos(self) -> int: ...
    @property
    def eos(self) -> int: ...
    def encode(self, text: str) -> NDArray[np.int64]: ...
    def decode(self, tokens: ArrayLike) -> str: ...
    def labels(self, tokens: ArrayLike) -> list[str]: ...


@final
class Vocabulary:
    """Special i is token i; token t of the tokenizer is token t + len(specials).

    `specials` are names among `SPECIALS`, and each is a property: its number here.

    >>> from nn.tokenizers import CharTokenizer
    >>> vocabulary = Vocabulary(CharTokenizer("abc"), ENCODER_DECODER)
    >>> vocabulary.pad, vocabulary.unk, vocabulary.vocab_size
    (0, 3, 7)
    >>> vocabulary.encode("cab?").tolist()
    [6, 4, 5, 3]
    >>> vocabulary.decode([vocabulary.bos, 6, 4, 5, vocabulary.eos, vocabulary.pad])
    'cab'
    """

    def __init__(
        self, tokenizer: Tokenizer, specials: Sequence[str] = ENCODER_DECODER
    ) -> None:
        if len(set(specials)) < len(specials) or not set(specials) <= set(SPECIALS):
            raise ConfigError(
                f"specials={tuple(specials)}: choose different ones of "
                f"{', '.join(SPECIALS)}"
            )
        self.tokenizer, self.specials = tokenizer, tuple(specials)
        self.vocab_size = len(specials) + tokenizer.vocab_size

    def __len__(self) -> int:
        return self.vocab_size

    def special(self, name: str) -> int:
        """The token of this name; ConfigError where there is none."""
        if name not in self.specials:
            raise ConfigError(
                f"this vocabulary has no {name!r}, only {', '.join(self.specials)}: "
                "make it with specials= that name it"
            )
        return self.specials.index(name)

    @property
    def pad(self) -> int:
        """Fills a batch up, and is never predicted."""
        return self.special("pad")

    @property
    def bos(self) -> int:
        """Stands before the first token that a decoder writes."""
        return self.special("bos")

    @property
    def eos(self) -> int:
        """Ends a sequence."""
        return self.special("eos")

    @property
    def unk(self) -> int:
        """Stands for every character that the tokenizer lacks."""
        return self.special("unk")

    @property
    def cls(self) -> int:
        """Stands first, where BERT's classifier looks."""
        return self.special("cls")

    @property
    def sep(self) -> int:
        """Ends each of BERT's segments."""
        return self.special("sep")

    @property
    def mask(self) -> int:
        """Hides a token that BERT is to guess."""
        return self.special("mask")

    def encode(self, text: str) -> NDArray[np.int64]:
        """Text to tokens (T,), with no specials but `unk`.

        DataError for a character that the tokenizer lacks, if there is no `unk`.
        """
        if "unk" not in self.specials:
            return self.tokenizer.encode(text) + len(self.specials)
        tokens = self.tokenizer.lookup(text)
        return np.where(tokens < 0, self.unk, tokens + len(self.specials))

    def decode(self, tokens: ArrayLike) -> str:
        """Tokens (T,) to text, the specials left out."""
        array = checked(tokens, self.vocab_size)
        first = len(self.specials)
        return self.tokenizer.decode(array[array >= first] - first)

    def labels(self, tokens: ArrayLike) -> list[str]:
        """How each token (T,) is shown by itself, special ones as <eos>."""
        first = len(self.specials)
        return [
            f"<{self.specials[i]}>"
            if i < first
            else self.tokenizer.labels([i - first])[0]
            for i in checked(tokens, self.vocab_size).tolist()
        ]

    def to_json(self) -> str:
        """All of it as JSON; `from_json` reads it back."""
        tokenizer = json.loads(self.tokenizer.to_json())
        return json.dumps({"specials": self.specials, "tokenizer": tokenizer})

    @classmethod
    def from_json(cls, text: str) -> Vocabulary:
        """The vocabulary whose `to_json()` gave this text; DataError if none did."""
        try:
            saved = json.loads(text)
            if not isinstance(saved["specials"], list):
                raise TypeError("specials are a list of names")
            tokenizer = tokenizer_from_json(json.dumps(saved["tokenizer"]))
            return cls(tokenizer, saved["specials"])
        except KeyError as error:
            raise DataError(f"not a saved vocabulary: it has no {error}") from None
        except (ValueError, TypeError, RecursionError) as error:
            raise DataError(f"not a saved vocabulary: {error}") from None

    def save(self, path: StrPath) -> None:
        """Write `to_json()` to a file; `load` reads it back."""
        write_text(path, self.to_json() + "\n")

    @classmethod
    def load(cls, path: StrPath) -> Vocabulary:
        """The vocabulary that `save` wrote; DataError names the file."""
        return read_as(path, cls.from_json)
