"""`python -m gpt eval`: how well a model predicts a text."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tyro.conf import OmitArgPrefixes

from nn import cli
from nn.data import Array, sequential_blocks
from nn.evaluation import evaluate as mean_loss
from nn.parts import threads_for
from nn.progress import counting
from nn.text import TextFile, naming
from nn.token_file import TokenFile
from nn.tokenizer import Tokenizer
from tensorgrad.errors import ConfigError, DataError

from .objective import measure
from .options import Weights
from .saved import TOKENS, Saved, load

PROGRAM = "python -m gpt eval"


@dataclass(frozen=True)
class EvalOptions:
    """Measure how well a GPT predicts a text."""

    weights: OmitArgPrefixes[Weights] = field(default_factory=Weights)
    data: cli.File = None
    """A text file in UTF-8; None: what the run held out of its own text."""
    stride: int | None = None
    """Move on by so many tokens at a time: all but these are context alone. The fewer,
    the more context each has, and the longer it takes; None: all of the context."""
    batch_size: int = 12
    """Blocks of text that are read at a time."""
    plain: bool = False
    """No live display."""

    def __post_init__(self) -> None:
        cli.require_positive(self, "stride", "batch_size")


def evaluate(argv: Sequence[str]) -> None:
    options = cli.parse(EvalOptions, argv, PROGRAM)
    saved = load(options.weights)
    size = saved.model.config.block_size
    stride = options.stride or size
    if stride > size:
        raise ConfigError(
            f"stride must be at most the context of {size}, or tokens would be left "
            f"out; got {stride}"
        )
    with text_tokens(saved, options.data) as tokens:
        blocks = sequential_blocks(tokens, size, options.batch_size, stride)
        with counting("evaluating", options.plain) as told:
            threads = threads_for(saved.model, None)
            loss, count = mean_loss(
                saved.model, measure(saved.model), blocks, told=told, threads=threads
            )
        characters, spelt = lengths(saved.tokenizer, tokens[1:])
    bits = loss * count / math.log(2)
    windows = f", in windows of {size} that move by {stride}" * (stride < size)
    print(
        f"{saved.name}, over {count:,} tokens of "
        f"{options.data or 'the held-out text'}{windows}\n"
        f"loss                {loss:.4f} nats per token\n"
        f"perplexity          {perplexity(loss):.4g}\n"
        f"bits per character  {bits / max(1, characters):.4f}\n"
        f"bits per byte       {bits / max(1, spelt):.4f}"
    )


@contextmanager
def text_tokens(saved: Saved, data: str | None) -> Iterator[Array]:
    """The tokens of a file, or those the run held out; mapped, not read whole."""
    if data is None:
        if saved.step is None:
            raise ConfigError(
                f"data: {saved.folder} has held out no text of its own: name a text "
                "file with --data"
            )
        kept = TokenFile(saved.folder / TOKENS)
        kept.check()
        yield kept.held_out
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / TOKENS
        with naming(data):
            tokens = TokenFile.write(
                path, TextFile(data), saved.tokenizer, fraction=0.0
            )
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
