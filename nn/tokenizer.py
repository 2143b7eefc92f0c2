"""What every tokenizer can do, and the decoder that prints its tokens as they come.

The kinds there are, and how one is made or read back, are in tokenizers.py.
"""

from __future__ import annotations

import codecs
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tensorgrad.errors import DataError

from .text import StrPath, reason, write_file, write_text


class Tokenizer(ABC):
    """decode(encode(text)) == text; tokens are int64 numbers below `vocab_size`.

    Published ones may lose case, accents and spaces; they say so.
    """

    vocab_size: int
    bos: int | None = None
    """The token that begins a text; None: there is none."""
    eos: int | None = None
    """The token that ends a text; None: there is none."""

    def __len__(self) -> int:
        return self.vocab_size

    @abstractmethod
    def encode(self, text: str) -> NDArray[np.int64]:
        """Text to tokens (T,); DataError for what the vocabulary lacks."""

    def lookup(self, text: str) -> NDArray[np.int64]:
        """As `encode`, with -1 for each character that the vocabulary lacks."""
        return self.encode(text)  # most kinds lack none

    def settled(self, text: str) -> int:
        """How many of the first characters are tokens by now, whatever text follows.

        Of n, encode(text + more) is encode(text[:n]), then encode(text[n:] + more).
        """
        return len(text)  # where every character stands for itself

    @abstractmethod
    def to_bytes(self, tokens: ArrayLike) -> bytes:
        """The UTF-8 that the tokens spell; DataError for numbers out of range."""

    @abstractmethod
    def to_json(self) -> str:
        """All of it as JSON; `tokenizer_from_json` reads it back."""

    def decode(self, tokens: ArrayLike) -> str:
        """Tokens (T,) to text; bytes that are not UTF-8 become U+FFFD."""
        return self.to_bytes(tokens).decode("utf-8", "replace")

    def labels(self, tokens: ArrayLike) -> list[str]:
        r"""How each token (T,) is shown by itself; a byte that is no text as \xe2.

        >>> from nn.tokenizers import ByteTokenizer
        >>> ByteTokenizer().labels([104, 226])
        ['h', '\\xe2']
        """
        numbers = checked(tokens, self.vocab_size).tolist()
        return [self.to_bytes([i]).decode("utf-8", "backslashreplace") for i in numbers]

    def stream(self) -> StreamDecoder:
        """A decoder that takes tokens as they come, for printing while generating."""
        return StreamDecoder(self.to_bytes)

    def save(self, path: StrPath) -> None:
        """Write `to_json()` to a file; `load_tokenizer` reads it back."""
        write_text(path, self.to_json() + "\n")

    @abstractmethod
    def pretrained_files(self) -> dict[str, str | bytes]:
        """What `save_pretrained` writes: the content of each file, by name."""

    def save_pretrained(self, folder: StrPath) -> None:
        """Write the files from which transformers' AutoTokenizer reads it."""
        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, content in self.pretrained_files().items():
                write_file(folder / name, content)
        except OSError as error:
            raise DataError(f"{folder}: cannot be written: {reason(error)}") from None


@final
class StreamDecoder:
    """The pieces of `feed` and `finish`, joined, equal decode(all tokens).

    A character is given out once its last byte has arrived, never by halves.

    >>> from nn.tokenizers import ByteTokenizer
    >>> stream = ByteTokenizer().stream()
    >>> [stream.feed(token) for token in (110, 195, 169)], stream.finish()
    (['n', '', 'é'], '')
    """

    def __init__(
        self,
        spell: Callable[[ArrayLike], bytes],
        end: Callable[[], bytes] = bytes,
        *,
        strip: bool = False,
    ) -> None:
        """`spell` gives the bytes of more tokens, `end` those that end the text.

        With `strip`, spaces at the text's two ends are left out.
        """
        self._spell, self._end, self._strip = spell, end, strip
        self._pending = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun, self._spaces = False, ""

    def feed(self, tokens: ArrayLike) -> str:
        """The text that these tokens complete: one token, or several (T,)."""
        return self._stripped(self._pending.decode(self._spell(tokens)))

    def finish(self) -> str:
        """What is left: U+FFFD for a character that was never completed."""
        return self._stripped(self._pending.decode(self._end(), final=True))

    def _stripped(self, text: str) -> str:
        """The text up to its last letter, after the spaces that were held back."""
        if not self._strip:
            return text
        text = self._spaces + text
        shown = text.rstrip()
        if not shown:
            self._spaces = text
            return ""
        self._spaces = text[len(shown) :]
        shown, self._begun = shown if self._begun else shown.lstrip(), True
        return shown


def recut(pieces: str | Iterable[str], settled: Callable[[str], int]) -> Iterator[str]:
    """The same text in pieces that end only where all before is settled.

    >>> list(recut(["to be o", "r not", " to be"], after_a_word))
    ['to be', ' or', ' not to', ' be']
    """
    left = ""
    for piece in [pieces] if isinstance(pieces, str) else pieces:
        left += piece
        if n := settled(left):
            yield left[:n]
            left = left[n:]
    if left:
        yield left


def after_a_word(text: str) -> int:
    """Where the last space or newline stands that follows no other; 0 if none does.

    A word may take the space before it along, never the one behind it.
    """
    for i in range(len(text) - 1, 0, -1):
        if text[i] in " \n" and not text[i - 1].isspace():
            return i
    return 0


def utf8(text: str) -> bytes:
    """The bytes of a text; DataError where it holds half of a surrogate pair."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            f"character {error.start} of the text, {text[error.start]!a}, is half "
            "of a pair and has no UTF-8: was the text typed in another encoding?"
        ) from None


def checked(tokens: ArrayLike, vocab_size: int) -> NDArray[Any]:
    """Tokens as an array (T,); DataError for what is none of a vocabulary's."""
    array = np.atleast_1d(np.asarray(tokens))
    if array.size == 0:
        return np.zeros(0, np.int64)
    if array.dtype.kind not in "iu" or array.ndim > 1:
        raise DataError(
            f"decode: tokens are integers (T,), not {array.dtype} {array.shape}"
        )
    for token in (array.min(), array.max()):
        if not 0 <= token < vocab_size:
            raise DataError(
                f"decode: token {token} is outside this vocabulary of "
                f"{vocab_size}. Was it made with another tokenizer?"
            )
    return array
