"""A text's tokens in a file that is mapped into memory, never read whole."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO, final

import numpy as np
from numpy.typing import NDArray

from tensorgrad.errors import ConfigError, DataError

from .text import StrPath, reason, write_text
from .tokenizer import Tokenizer, recut

Array = NDArray[Any]


@dataclass(frozen=True)
class Survey:
    """What one reading of a text tells: its length, its characters, its hash."""

    characters: int
    vocabulary: str
    hash: str


def survey(text: Iterable[str]) -> Survey:
    """Read a text once, piece by piece; `vocabulary` is sorted.

    >>> survey(["hel", "lo"])
    Survey(characters=5, vocabulary='ehlo', hash='2cf24dba5fb0a30e')
    """
    characters, distinct, digest = 0, set[str](), hashlib.sha256()
    for piece in text:
        characters += len(piece)
        distinct.update(piece)
        digest.update(piece.encode("utf-8", "surrogatepass"))
    if not characters:
        raise DataError("the text is empty. Give a text to train on.")
    return Survey(characters, "".join(sorted(distinct)), digest.hexdigest()[:16])


@final
class TokenFile:
    """A text's tokens in a file, mapped into memory and never read whole.

    `train` holds the tokens of text[:cut] and `held_out` those of text[cut:], with
    cut = int((1 - fraction) * characters): read-only arrays (N,) of the smallest
    unsigned dtype that fits. FILE.npy holds the tokens, FILE.json the rest.
    """

    def __init__(self, path: StrPath) -> None:
        self.path = Path(path)
        try:
            about = json.loads(_beside(self.path).read_bytes())
            tokens = np.load(self.path, mmap_mode="r", allow_pickle=False)
            self.survey = Survey(**about["survey"])
            self.vocab_size = int(about["vocab_size"])
            complete = tokens.shape == (about["train"] + about["held_out"],)
            self._sha256 = str(about["sha256"])
        except (OSError, EOFError, ValueError, LookupError, TypeError) as error:
            raise DataError(
                f"{path}: not a complete token file ({error}). Write it again."
            ) from None
        if not complete:
            raise DataError(f"{path}: truncated or edited. Write it again.")
        self.tokens: Array = np.asarray(tokens)
        self.train = self.tokens[: about["train"]]
        self.held_out = self.tokens[about["train"] :]

    def __len__(self) -> int:
        return len(self.tokens)

    def check(self) -> None:
        """Read all tokens once; DataError if they are not those that were written."""
        digest = hashlib.sha256()
        for start in range(0, len(self), 1 << 20):
            digest.update(self.tokens[start : start + (1 << 20)].data)
        if digest.hexdigest() != self._sha256:
            raise DataError(
                f"{self.path}: edited or damaged: its SHA-256 differs. Write it again."
            )

    @classmethod
    def write(
        cls,
        path: StrPath,
        text: Iterable[str],
        tokenizer: Tokenizer,
        *,
        fraction: float = 0.1,
        surveyed: Survey | None = None,
    ) -> TokenFile:
        """Encode a text piece by piece; what was at `path` stays until all is written.

        `text` is read twice, or once if `survey(text)` is passed: a `TextFile`, or a
        list such as [default_corpus()]. DataError when the disk is full.
        """
        if not 0 <= fraction < 1:
            raise ConfigError(f"fraction={fraction}: held out is 0 or more, below 1")
        path = Path(path)
        surveyed = surveyed or survey(text)
        temporary = path.with_name(f".{path.name}.tmp")
        try:
            with temporary.open("wb") as file:
                total = surveyed.characters
                cut = int((1 - fraction) * total)
                about = _write_tokens(file, text, tokenizer, cut, total)
            _beside(path).unlink(missing_ok=True)  # it described the file before
            os.replace(temporary, path)
            about |= {"survey": asdict(surveyed), "vocab_size": tokenizer.vocab_size}
            write_text(_beside(path), json.dumps(about) + "\n")
        except OSError as error:
            raise DataError(f"{path}: cannot be written: {reason(error)}") from error
        finally:
            temporary.unlink(missing_ok=True)
        return cls(path)


def _beside(path: Path) -> Path:
    return path.with_suffix(".json")


def _write_tokens(
    file: BinaryIO, text: Iterable[str], tokenizer: Tokenizer, cut: int, total: int
) -> dict[str, Any]:
    """Write a .npy file whose length is known only at its end; what FILE.json says."""
    dtype = np.min_scalar_type(tokenizer.vocab_size - 1)
    counts, position, digest = [0, 0], 0, hashlib.sha256()
    _write_header(file, dtype, 0)
    for side, parts in groupby(_sides(text, cut), key=itemgetter(0)):
        # a piece that ended within a word would cut it in two
        for piece in recut((part for _, part in parts), tokenizer.settled):
            tokens = tokenizer.encode(piece).astype(dtype)
            file.write(tokens.data)
            digest.update(tokens.data)
            counts[side] += len(tokens)
            position += len(piece)
    if position != total:
        raise DataError(
            f"the text had {total} characters, and {position} when read again: "
            "something else writes to it, or it can be read only once"
        )
    file.seek(0)
    _write_header(file, dtype, sum(counts))  # NumPy leaves room for a longer number
    file.flush()
    os.fsync(file.fileno())
    return {"train": counts[0], "held_out": counts[1], "sha256": digest.hexdigest()}


def _sides(text: Iterable[str], cut: int) -> Iterator[tuple[int, str]]:
    """The text's pieces, each with 0 before the cut, 1 after it; none is empty."""
    position = 0
    for piece in text:
        border = min(max(cut - position, 0), len(piece))
        for side, part in enumerate((piece[:border], piece[border:])):
            if part:
                yield side, part
        position += len(piece)


def _write_header(file: BinaryIO, dtype: np.dtype[Any], length: int) -> None:
    about = {"descr": dtype.str, "fortran_order": False, "shape": (length,)}
    np.lib.format.write_array_header_1_0(file, about)
