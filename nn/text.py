"""Text files and the default corpus; small files that are written whole or not at all.

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
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, final

from tensorgrad.errors import DataError

StrPath = str | os.PathLike[str]
T = TypeVar("T")

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
            other = no_file(self.path)
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {reason(error)}") from None
        if other:
            raise DataError(f"{path}: {other}, not a file. Give one text file (UTF-8).")

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
            raise DataError(
                f"{self.path}: the file is empty: fetch it again, or give another"
            )
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


def no_file(path: Path) -> str:
    """What stands there in place of a file, such as a pipe that never ends; or ""."""
    mode = path.stat().st_mode
    if stat.S_ISREG(mode):
        return ""
    return "a folder" if stat.S_ISDIR(mode) else "a device or a pipe"


def read_text(path: StrPath) -> str:
    """The whole of a `TextFile`, with its errors."""
    return "".join(TextFile(path))


def read_file(path: StrPath) -> bytes:
    """The bytes of a small file; DataError names it, or what stands in its place."""
    try:
        if other := no_file(Path(path)):
            raise DataError(f"{path}: {other}, not a file")
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {reason(error)}") from None


def read_as(path: StrPath, parse: Callable[[str], T]) -> T:
    """parse(the file's text); a DataError of either names the file."""
    with naming(path):
        return parse(read_text(path))


@contextmanager
def naming(path: StrPath) -> Iterator[None]:
    """A DataError from inside begins with the file, if it doesn't name it yet."""
    try:
        yield
    except DataError as error:
        prefix = "" if str(path) in str(error) else f"{path}: "
        raise DataError(f"{prefix}{error}") from None


def json_object(text: str | bytes) -> dict[str, Any]:
    """What is written as an object in JSON; DataError where none is."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"truncated or edited: {error}. Fetch it again.") from None
    if not isinstance(found, dict):
        raise DataError(
            f"holds a {type(found).__name__} where names map to values: edited, or "
            "another file under this name"
        )
    return found


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
    write_file(path, text)


def write_file(path: StrPath, content: str | bytes) -> None:
    """As `write_text`; bytes are written as they are."""
    write_pieces(path, [content.encode() if isinstance(content, str) else content])


def write_pieces(path: StrPath, pieces: Iterable[bytes | memoryview]) -> None:
    """As `write_text`, a file of these bytes, each written before the next is made."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            file.writelines(pieces)
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


def shown(text: str, limit: int = 80) -> str:
    """What a file gave, fit to be printed: cut off where long, and in one line.

    Anything else that no printer shows is escaped, as a terminal might obey it.
    """
    text = text if len(text) <= limit else f"{text[: limit - 3]}..."
    return text if text.isprintable() else ascii(text)[1:-1]


def disk_full(error: OSError) -> bool:
    """Whether the disk, or the user's share of it, is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def reason(error: OSError) -> str:
    """The error in words, without number and path."""
    return "disk full" if disk_full(error) else error.strerror or str(error)
