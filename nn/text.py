"""Text files and tokenizers: characters or bytes in, numbers out, and back.

A `TextFile` is read in pieces, so nothing here needs a whole corpus in memory.
"""

from __future__ import annotations

import codecs
import errno
import hashlib
import io
import json
import os
import stat
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tensorgrad.errors import ConfigError, DataError

StrPath = str | os.PathLike[str]


class Tokenizer(ABC):
    """decode(encode(text)) == text; tokens are int64 numbers below `vocab_size`."""

    vocab_size: int

    def __len__(self) -> int:
        return self.vocab_size

    @abstractmethod
    def encode(self, text: str) -> NDArray[np.int64]:
        """Text to tokens (T,); DataError for what the vocabulary lacks."""

    @abstractmethod
    def to_bytes(self, tokens: ArrayLike) -> bytes:
        """The UTF-8 that the tokens spell; DataError for numbers out of range."""

    @abstractmethod
    def to_json(self) -> str:
        """All of it as JSON; `tokenizer_from_json` reads it back."""

    def decode(self, tokens: ArrayLike) -> str:
        """Tokens (T,) to text; bytes that are not UTF-8 become U+FFFD."""
        return self.to_bytes(tokens).decode("utf-8", "replace")

    def stream(self) -> StreamDecoder:
        """A decoder that takes tokens as they come, for printing while generating."""
        return StreamDecoder(self)

    def save(self, path: StrPath) -> None:
        """Write `to_json()` to a file; `load_tokenizer` reads it back."""
        write_text(path, self.to_json() + "\n")

    def _checked(self, tokens: ArrayLike) -> NDArray[Any]:
        array = np.atleast_1d(np.asarray(tokens))
        if array.size == 0:
            return np.zeros(0, np.int64)
        if array.dtype.kind not in "iu" or array.ndim > 1:
            raise DataError(
                f"decode: tokens are integers (T,), not {array.dtype} {array.shape}"
            )
        for token in (array.min(), array.max()):
            if not 0 <= token < self.vocab_size:
                raise DataError(
                    f"decode: token {token} is outside this vocabulary of "
                    f"{self.vocab_size}. Was it made with another tokenizer?"
                )
        return array


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
    def train(cls, text: str) -> CharTokenizer:
        """The distinct characters of the text, sorted."""
        return cls("".join(sorted(set(text))))

    def encode(self, text: str) -> NDArray[np.int64]:
        codes = np.minimum(_code_points(text), len(self._token_of) - 1)
        tokens: NDArray[np.int64] = self._token_of[codes]
        if tokens.size and tokens.min() < 0:
            raise DataError(
                f"the vocabulary ({self.vocab_size} characters) lacks "
                f"{_shown(set(text) - set(self.vocabulary))}: leave that out, or "
                "train with --tokenizer byte, which knows all characters"
            )
        return tokens

    def to_bytes(self, tokens: ArrayLike) -> bytes:
        codes: NDArray[np.uint32] = self._codes[self._checked(tokens)]
        return codes.tobytes().decode("utf-32-le").encode("utf-8")

    def to_json(self) -> str:
        return json.dumps({"type": "char", "vocabulary": self.vocabulary})


@final
class ByteTokenizer(Tokenizer):
    """One token per byte of UTF-8; 256 tokens write every text there is.

    >>> ByteTokenizer().encode("né").tolist()
    [110, 195, 169]
    """

    vocab_size = 256

    def encode(self, text: str) -> NDArray[np.int64]:
        try:
            data = text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise DataError(
                f"character {error.start} of the text, {text[error.start]!a}, is half "
                "of a pair and has no UTF-8: was the text typed in another encoding?"
            ) from None
        return np.frombuffer(data, np.uint8).astype(np.int64)

    def to_bytes(self, tokens: ArrayLike) -> bytes:
        return bytes(self._checked(tokens).astype(np.uint8))

    def to_json(self) -> str:
        return json.dumps({"type": "byte"})


@final
class StreamDecoder:
    """The pieces of `feed` and `finish`, joined, equal decode(all tokens).

    A character is given out once its last byte has arrived, never by halves.

    >>> stream = ByteTokenizer().stream()
    >>> [stream.feed(token) for token in (110, 195, 169)], stream.finish()
    (['n', '', 'é'], '')
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._pending = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, tokens: ArrayLike) -> str:
        """The text that these tokens complete: one token, or several (T,)."""
        return self._pending.decode(self._tokenizer.to_bytes(tokens))

    def finish(self) -> str:
        """What is left: U+FFFD for a character that was never completed."""
        return self._pending.decode(b"", final=True)


def make_tokenizer(name: str, vocabulary: str) -> Tokenizer:
    """The tokenizer called `char` or `byte`; only `char` uses the vocabulary."""
    if name == "char":
        return CharTokenizer(vocabulary)
    if name == "byte":
        return ByteTokenizer()
    raise ConfigError(f"tokenizer={name!r}: choose char or byte")


def tokenizer_from_json(text: str) -> Tokenizer:
    """The tokenizer whose `to_json()` gave this text; DataError if none did."""
    try:
        content = json.loads(text)
        return make_tokenizer(content["type"], content.get("vocabulary", ""))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise DataError(f"not a saved tokenizer: {error}") from None


def load_tokenizer(path: StrPath) -> Tokenizer:
    """The tokenizer that `save` wrote; DataError names the file."""
    try:
        return tokenizer_from_json(read_text(path))
    except DataError as error:
        prefix = "" if str(path) in str(error) else f"{path}: "
        raise DataError(f"{prefix}{error}") from None


UTF_16_AND_32 = (
    codecs.BOM_UTF16_LE,
    codecs.BOM_UTF16_BE,
    codecs.BOM_UTF32_LE,
    codecs.BOM_UTF32_BE,
)


@final
class TextFile:
    """A UTF-8 file as pieces of text, decoded as Python's text mode does.

    Iterate as often as needed. A byte-order mark is dropped and every line end
    becomes a newline. DataError for a file that is missing, a folder, empty,
    binary or not UTF-8; the last two name the byte, counted from the file's start.
    """

    def __init__(self, path: StrPath, *, piece: int = 1 << 20) -> None:
        self.path = Path(path)
        self.piece = piece
        try:
            mode = self.path.stat().st_mode
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {reason(error)}") from None
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "a device or a pipe"
            raise DataError(f"{path}: {kind}, not a file. Give one text file (UTF-8).")

    def __iter__(self) -> Iterator[str]:
        lines = io.IncrementalNewlineDecoder(None, translate=True)
        first, empty = True, True
        for text in self._decoded():
            if first and text:
                first, text = False, text.removeprefix("\ufeff")
            text = lines.decode(text)
            empty = empty and not text
            yield text
        last = lines.decode("", final=True)  # a carriage return may have waited
        if empty and not last:
            raise DataError(f"{self.path}: the file is empty. Give a text to train on.")
        yield last

    def _decoded(self) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")()
        position = 0
        for data in self._raw():
            waiting = len(decoder.getstate()[0])
            try:
                yield decoder.decode(data, final=not data)
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{self.path}: not UTF-8 at byte {position - waiting + error.start}"
                    f" ({error.reason}). Convert it, from Latin 1 for example: "
                    f"iconv -f LATIN1 -t UTF-8 {self.path} > NEW"
                ) from None
            position += len(data)

    def _raw(self) -> Iterator[bytes]:
        """Pieces of the file, then one empty piece that says it has ended."""
        position = 0
        try:
            with self.path.open("rb") as file:
                while data := file.read(self.piece):
                    if not position and data.startswith(UTF_16_AND_32):
                        raise DataError(
                            f"{self.path}: begins as UTF-16 or UTF-32. "
                            f"Convert it: iconv -f UTF-16 -t UTF-8 {self.path} > NEW"
                        )
                    if (nul := data.find(0)) >= 0:
                        raise DataError(
                            f"{self.path}: a binary file or UTF-16 (a zero at byte "
                            f"{position + nul}). Give text in UTF-8."
                        )
                    yield data
                    position += len(data)
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read: {reason(error)}") from None
        yield b""


def read_text(path: StrPath) -> str:
    """The whole of a `TextFile`, with its errors."""
    return "".join(TextFile(path))


def default_corpus() -> str:
    """Python's language reference, from the standard library: 465,000 characters.

    It differs a little between Python releases: name `corpus_hash` with a result.
    """
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise DataError(
            "this Python came without pydoc_data, the default corpus: give a text of "
            "your own with --data FILE"
        ) from None
    return "\n\n".join(topics[name] for name in sorted(topics))


def corpus_hash(pieces: str | Iterable[str]) -> str:
    """The first 16 hex digits of SHA-256 over the UTF-8, of a text or its pieces."""
    digest = hashlib.sha256()
    for piece in [pieces] if isinstance(pieces, str) else pieces:
        digest.update(piece.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:16]


def write_text(path: StrPath, text: str) -> None:
    """Replace a small file in one step: after a kill it holds the old or the new."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def sync(path: StrPath) -> None:
    """Force a file, or the list of names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def disk_full(error: OSError) -> bool:
    """Whether the disk, or the user's share of it, is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def reason(error: OSError) -> str:
    """The error in words, without number and path."""
    return "disk full" if disk_full(error) else error.strerror or str(error)


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def _check_vocabulary(vocabulary: str) -> None:
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
