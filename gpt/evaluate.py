"""`python -m gpt eval`: how well a model predicts a text."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nn import cli
from nn.data import Array, sequential_blocks
from nn.evaluation import evaluate as mean_loss
from nn.text import TextFile
from nn.token_file import TokenFile
from nn.tokenizer import Tokenizer
from tensorgrad.errors import ConfigError, DataError

from .objective import objective
from .saved import TOKENS, Saved, load

PROGRAM = "python -m gpt eval"


@dataclass(frozen=True)
class EvalOptions:
    """Measure how well a trained GPT predicts a text."""

    run: cli.Folder = None
    """The run folder; None: the newest run under runs/."""
    data: cli.File = None
    """A text file in UTF-8; None: what the run held out of its own text."""
    batch_size: int = 12
    """Blocks at a time; they follow each other, so every token but the first counts."""
    best: bool = False
    """Use the weights of the lowest validation loss (train with --keep-best)."""

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ConfigError(f"batch_size must be 1 or more; got {self.batch_size}")


def evaluate(argv: Sequence[str]) -> None:
    options = cli.parse(EvalOptions, argv, PROGRAM)
    saved = load(options.run, options.best)
    with text_tokens(saved, options.data) as tokens:
        blocks = sequential_blocks(
            tokens, saved.model.config.block_size, options.batch_size
        )
        loss, count = mean_loss(saved.model, objective(saved.model), blocks)
        characters, size = lengths(saved.tokenizer, tokens[1:])
    bits = loss * count / math.log(2)
    what = options.data or "the held-out text"
    print(
        f"{saved.folder} at step {saved.step:,}, over {count:,} tokens of {what}\n"
        f"loss                {loss:.4f} nats per token\n"
        f"perplexity          {perplexity(loss):.4g}\n"
        f"bits per character  {bits / max(1, characters):.4f}\n"
        f"bits per byte       {bits / max(1, size):.4f}"
    )


@contextmanager
def text_tokens(saved: Saved, data: str | None) -> Iterator[Array]:
    """The tokens of a file, or those the run held out; mapped, not read whole."""
    if data is None:
        kept = TokenFile(saved.folder / TOKENS)
        kept.check()
        yield kept.held_out
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / TOKENS
        try:
            tokens = TokenFile.write(
                path, TextFile(data), saved.tokenizer, fraction=0.0
            )
        except DataError as error:
            prefix = "" if data in str(error) else f"{data}: "
            raise DataError(f"{prefix}{error}") from None
        if len(tokens) < 2:
            raise DataError(f"{data}: too short: one token predicts nothing")
        yield tokens.train


def lengths(tokenizer: Tokenizer, tokens: Array) -> tuple[int, int]:
    """(characters, bytes) that the tokens spell."""
    characters = size = 0
    for start in range(0, len(tokens), 1 << 20):
        data = tokenizer.to_bytes(tokens[start : start + (1 << 20)])
        codes = np.frombuffer(data, np.uint8)
        # every character has one byte that does not continue another: 10xxxxxx
        characters += int(np.count_nonzero((codes & 0xC0) != 0x80))
        size += len(data)
    return characters, size


def perplexity(loss: float) -> float:
    return math.exp(loss) if loss < 700 else math.inf
