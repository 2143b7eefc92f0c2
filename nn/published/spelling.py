"""How the tokens of published vocabularies join to text, one token after another.

GPT-2 writes every byte as a letter, GPT-1 ends words with </w>, BERT begins those that
go on with ##, SentencePiece writes a space as ▁.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from numpy.typing import ArrayLike

from tensorgrad.errors import DataError

from ..tokenizer import checked
from ..tokenizers_package import LETTERS

BYTE_OF = {letter: byte for byte, letter in LETTERS.items()}
CLEANED = (  # what BERT's decoder makes of a token with the space before it
    (" .", "."),
    (" ?", "?"),
    (" !", "!"),
    (" ,", ","),
    (" ' ", "'"),
    (" n't", "n't"),
    (" 'm", "'m"),
    (" do not", " don't"),
    (" 's", "'s"),
    (" 've", "'ve"),
    (" 're", "'re"),
)


@dataclass(frozen=True)
class Spelling:
    """The UTF-8 of each token: as the first, after others, and as the last of them.

    Only a token that is both first and last is spelt by `last`; None: as any other.
    """

    first: Sequence[bytes]
    later: Sequence[bytes]
    last: Sequence[bytes] | None = None


@final
class Speller:
    """The bytes of tokens as they come, without `silent` ones.

    >>> first, later, last = [b"to </w>"], [b"to "], [b"to"]
    >>> speller = Speller(Spelling(later, later, last), frozenset())
    >>> speller.feed([0, 0]), speller.end()
    (b'to to', b'')
    """

    def __init__(self, spelling: Spelling, silent: frozenset[int]) -> None:
        self._spelling, self._silent = spelling, silent
        self._begun = False
        self._if_more = self._if_last = b""

    def feed(self, tokens: ArrayLike) -> bytes:
        """What these tokens spell, whatever follows them."""
        spelling, pieces = self._spelling, []
        for token in checked(tokens, len(spelling.later)).tolist():
            if token in self._silent:
                continue
            table = spelling.later if self._begun else spelling.first
            pieces += [self._if_more, table[token]]
            self._begun, self._if_more = True, b""
            if spelling.last is not None:
                pieces[-1] = self._hold(pieces[-1], spelling.last[token])
        return b"".join(pieces)

    def _hold(self, if_more: bytes, if_last: bytes) -> bytes:
        """What is sure; the rest waits for another token, or the end."""
        same = min(len(if_more), len(if_last))
        while if_more[:same] != if_last[:same]:
            same -= 1
        self._if_more, self._if_last = if_more[same:], if_last[same:]
        return if_more[:same]

    def end(self) -> bytes:
        """What the last token adds once it is known to be the last."""
        ending, self._if_more, self._if_last = self._if_last, b"", b""
        return ending


def spelling_of(decoder: Mapping[str, Any] | None, tokens: Sequence[str]) -> Spelling:
    """The spelling that a decoder of tokenizer.json stands for."""
    kind = None if decoder is None else decoder["type"]
    if decoder is None:
        return Spelling(_utf8(tokens), _utf8([f" {token}" for token in tokens]))
    if kind == "ByteLevel":
        spelt = [from_letters(token) for token in tokens]
        return Spelling(spelt, spelt)
    if kind == "Fuse":
        return Spelling(_utf8(tokens), _utf8(tokens))
    if kind == "WordPiece":
        return _word_pieces(tokens, decoder["prefix"], decoder["cleanup"])
    if kind == "BPEDecoder":
        return _word_ends(tokens, decoder["suffix"])
    raise DataError(f"decoder {kind!r:.40} is none that is known here")


def from_letters(token: str) -> bytes:
    """The bytes that GPT-2's letters stand for; other text stands for itself."""
    try:
        return bytes([BYTE_OF[letter] for letter in token])
    except KeyError:
        return token.encode("utf-8")


def _word_pieces(tokens: Sequence[str], prefix: str, cleanup: bool) -> Spelling:
    later = [
        token.removeprefix(prefix) if token.startswith(prefix) else f" {token}"
        for token in tokens
    ]
    first = list(tokens)
    return Spelling(
        *(_utf8([_cleaned(t) for t in ts] if cleanup else ts) for ts in (first, later))
    )


def _cleaned(text: str) -> str:
    for old, new in CLEANED:
        text = text.replace(old, new)
    return text


def _word_ends(tokens: Sequence[str], suffix: str) -> Spelling:
    spaced = _utf8([token.replace(suffix, " ") for token in tokens])
    return Spelling(spaced, spaced, _utf8([t.replace(suffix, "") for t in tokens]))


def _utf8(texts: Sequence[str]) -> list[bytes]:
    return [text.encode("utf-8") for text in texts]
