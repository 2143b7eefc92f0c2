"""`python -m gpt tokenize`: from a text to a tokenizer that suits it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

import numpy as np
from numpy.typing import NDArray

from nn import cli, runs
from nn.progress import counting
from nn.run_training import what_next
from nn.subwords import SubwordTokenizer, check_vocab_size
from nn.text import TextFile, default_corpus
from nn.token_file import Survey, survey
from nn.tokenizer import recut
from nn.tokenizers import SUBWORDS

from .options import DEFAULT_NAME

PROGRAM = "python -m gpt tokenize"
EXAMPLE = 60  # characters of a line that is shown cut
SHOWN = 8  # tokens in a list


@dataclass(frozen=True)
class TokenizeOptions:
    """Make tokens of what a text repeats: byte-pair encoding, as GPT-2's.

    Fewer tokens say the same text, so a context holds more of it and an epoch takes
    fewer steps; the model has more tokens to tell apart.
    """

    data: cli.File = None
    """A text file in UTF-8; None: the language reference that comes with Python."""
    vocab_size: int = 4096
    """How many tokens to make, at most: the 256 bytes, then merges of two tokens."""
    out: cli.Folder = None
    """The folder to make; None: the next free of runs/tokenizer-1, ..."""
    plain: bool = False
    """Plain lines instead of a live display."""

    def __post_init__(self) -> None:
        check_vocab_size(self.vocab_size)


def tokenize(argv: Sequence[str]) -> None:
    options = cli.parse(TokenizeOptions, argv, PROGRAM)
    if options.out:
        runs.check_free(Path(options.out))  # before a long text is read
    text = TextFile(options.data) if options.data else [default_corpus()]
    started = time.monotonic()
    found = survey(text)
    with counting("learning", options.plain) as told:
        pieces = counted(text, found.characters, told)
        tokenizer = SubwordTokenizer.train(pieces, options.vocab_size)
    learnt = time.monotonic() - started
    with counting("encoding", options.plain) as told:
        times = count(tokenizer, counted(text, found.characters, told))

    def fill(folder: Path) -> None:
        tokenizer.save(folder / SUBWORDS)
        tokenizer.save_pretrained(folder)

    folder = runs.new("tokenizer", options.out, fill)
    about = f"{options.data or DEFAULT_NAME}: {found.characters:,} characters"
    print(about, f"of {len(found.vocabulary)} kinds, hash {found.hash}")
    print(*report(tokenizer, times, found, options, learnt), sep="\n")
    print(cut(tokenizer, example(text)))
    print(
        f"{folder} holds {SUBWORDS}, and tokenizer.json for transformers' AutoTokenizer"
    )
    place, data = quote(str(folder)), options.data
    named = f" --data {quote(data)}" if data else ""
    what_next(f"python -m gpt train --tokenizer {place}{named}")


def counted(
    text: Iterable[str], total: int, told: Callable[[int, int], None]
) -> Iterator[str]:
    """The pieces of a text, and how many of its characters have passed."""
    done = 0
    for piece in text:
        yield piece
        done += len(piece)
        told(done, total)


def count(tokenizer: SubwordTokenizer, text: Iterable[str]) -> NDArray[np.int64]:
    """How often a text has each token (V,)."""
    times = np.zeros(tokenizer.vocab_size, np.int64)
    for piece in recut(text, tokenizer.settled):
        times += np.bincount(tokenizer.encode(piece), minlength=len(times))
    return times


def report(
    tokenizer: SubwordTokenizer,
    times: NDArray[np.int64],
    found: Survey,
    options: TokenizeOptions,
    seconds: float,
) -> Iterator[str]:
    """The lines that say what the tokens are like."""
    made = range(256, tokenizer.vocab_size)
    lengths = np.array([len(tokenizer.to_bytes([i])) for i in range(len(tokenizer))])
    size, used = int(lengths @ times), int(times.sum())
    yield (
        f"{len(tokenizer):,} tokens, {len(made):,} of them new, learnt in "
        f"{seconds:,.1f} s"
    )
    if len(tokenizer) < options.vocab_size:
        yield "  no two others stand together twice: a longer text would make more"
    yield f"bytes per token       {1:.2f} before, {size / used:.2f} now"
    yield (
        f"characters per token  {found.characters / size:.2f} before, "
        f"{found.characters / used:.2f} now"
    )
    yield f"tokens of the text    {size:,} before, {used:,} now"
    letters = [i for i in made if tokenizer.decode([i]).strip().isalpha()]
    longest = sorted(letters or made, key=lambda i: -lengths[i])[:SHOWN]
    yield "longest new words     " + " ".join(shown(tokenizer, i) for i in longest)
    frequent = sorted(made, key=lambda i: -times[i])[:SHOWN]
    yield "most frequent         " + " ".join(
        f"{shown(tokenizer, i)} {times[i]:,}" for i in frequent
    )


def shown(tokenizer: SubwordTokenizer, token: int) -> str:
    """A token in quotes, cut where it is long; bytes where it is no text."""
    spelt = tokenizer.to_bytes([token])
    try:
        text = repr(spelt.decode("utf-8"))
    except UnicodeDecodeError:
        text = repr(spelt)
    return text if len(text) <= 30 else f"{text[:26]}...{text[-1]}"


def example(text: Iterable[str]) -> str:
    """The beginning of the first line that is long enough to show, or of the text."""
    first = next(piece for piece in text if piece)
    lines = [line.strip() for line in first.splitlines()] or [first]
    return next((line for line in lines if len(line) >= EXAMPLE), lines[0])[:EXAMPLE]


def cut(tokenizer: SubwordTokenizer, text: str) -> str:
    """A text with a bar between its tokens, and half characters as their bytes."""
    parts = (tokenizer.to_bytes([token]) for token in tokenizer.encode(text))
    spelt = (part.decode("utf-8", "backslashreplace") for part in parts)
    return "for example           " + "|".join(spelt)
