"""What every published tokenizer can do: special tokens, and model inputs with them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tensorgrad.errors import DataError

from ..text import shown
from ..tokenizer import StreamDecoder, Tokenizer, checked
from .spelling import Speller, Spelling

Tokens = NDArray[np.int64]


class Inputs(NamedTuple):
    """What a model reads: tokens (T,), and of which text each is, 0 or 1 (T,)."""

    tokens: Tokens
    segments: Tokens


class PublishedTokenizer(Tokenizer):
    """A tokenizer of a published model: with special tokens, and rules of its own.

    `bos`, `eos`, `pad`, `unk`, `cls`, `sep` and `mask` are their numbers, or None
    where it has none. `encode` adds none, and a text that spells one is text: what a
    user types can't end a document. `inputs` adds those that the model expects.
    `decode` leaves them out. Case, accents and spaces come back only from the kinds
    that keep them: GPT-2's does.
    """

    bos: int | None
    eos: int | None
    pad: int | None
    unk: int | None
    cls: int | None
    sep: int | None
    mask: int | None

    tokens: list[str]
    """How the vocabulary writes each token."""
    specials: dict[str, int]
    silent: frozenset[int]
    """The tokens that `decode` leaves out."""
    strip = False
    """Whether `decode` leaves out spaces at both ends."""

    def _name_specials(self, specials: Mapping[str, int]) -> None:
        self.specials = dict(specials)
        self.bos, self.eos = specials.get("bos"), specials.get("eos")
        self.pad, self.unk = specials.get("pad"), specials.get("unk")
        self.cls, self.sep = specials.get("cls"), specials.get("sep")
        self.mask = specials.get("mask")

    @abstractmethod
    def encode(self, text: str, *, recognise: bool = False) -> Tokens:
        """Text to tokens (T,), no special ones added.

        With `recognise`, a special token that the text spells is that token, as in
        transformers unless `split_special_tokens` is set: "Paris is [MASK]."
        """

    def settled(self, text: str) -> int:
        return 0  # a kind that knows better says so

    @abstractmethod
    def inputs(
        self, text: str, second: str | None = None, *, recognise: bool = False
    ) -> Inputs:
        """One text or two, with the special tokens that the model expects of them."""

    @cached_property
    @abstractmethod
    def _spelling(self) -> Spelling:
        """How the tokens join to text."""

    def labels(self, tokens: ArrayLike) -> list[str]:
        """Each token as it is spelt after others: " the", "ing"; special ones whole."""
        return [
            self.tokens[i]
            if i in self.silent
            else self._spelling.later[i].decode("utf-8", "backslashreplace")
            for i in checked(tokens, self.vocab_size).tolist()
        ]

    def to_bytes(self, tokens: ArrayLike) -> bytes:
        """The UTF-8 of these tokens as a text of their own; specials left out."""
        speller = Speller(self._spelling, self.silent)
        spelt = speller.feed(tokens) + speller.end()
        if not self.strip:
            return spelt
        return spelt.decode("utf-8", "replace").strip().encode("utf-8")

    def stream(self) -> StreamDecoder:
        speller = Speller(self._spelling, self.silent)
        return StreamDecoder(speller.feed, speller.end, strip=self.strip)


@contextmanager
def refused(what: str) -> Iterator[None]:
    """A DataError for whatever the package raises inside, its panics included."""
    try:
        yield
    except BaseException as error:
        # of Rust: a BaseException, of a module that can't be imported
        panic = type(error).__name__ == "PanicException"
        passes = isinstance(error, MemoryError) or not isinstance(error, Exception)
        if passes and not panic:
            raise
        said = " ".join(str(error).split())
        raise DataError(f"{what}: {shown(said, 300)}") from None
