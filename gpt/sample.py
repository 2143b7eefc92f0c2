"""`python -m gpt sample`: the model writes on, character by character."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from tyro.conf import OmitArgPrefixes, UseAppendAction, arg

from nn import cli
from nn.decoding import Sampling, stream
from nn.tokenizer import Tokenizer
from tensorgrad.errors import ConfigError, DataError

from .model import GPT
from .saved import load

PROGRAM = "python -m gpt sample"
Texts = Annotated[tuple[str, ...], UseAppendAction, arg(metavar="TEXT")]


@dataclass(frozen=True)
class SampleOptions:
    """Let a trained GPT write on from a prompt."""

    run: cli.Folder = None
    """The run folder; None: the newest run under runs/."""
    prompt: str = ""
    """What the text starts with; empty: the model starts after a newline."""
    max_new_tokens: int = 300
    """How many tokens to write, at most."""
    stop: Texts = ()
    """A text that ends it, and is not written."""
    num_samples: int = 1
    """How many texts to write, each from the prompt."""
    seed: int | None = None
    """The same seed writes the same text; None: another one each time."""
    best: bool = False
    """Use the weights of the lowest validation loss (train with --keep-best)."""
    sampling: OmitArgPrefixes[Sampling] = field(
        default_factory=lambda: Sampling(temperature=0.8)
    )

    def __post_init__(self) -> None:
        for name in ("max_new_tokens", "num_samples"):
            if getattr(self, name) < 1:
                raise ConfigError(
                    f"{name} must be 1 or more; got {getattr(self, name)}"
                )
        if self.seed is not None and self.seed < 0:
            raise ConfigError(f"seed must be 0 or more; got {self.seed}")
        if not all(self.stop):
            raise ConfigError("stop must be texts, none of them empty")


def sample(argv: Sequence[str]) -> None:
    options = cli.parse(SampleOptions, argv, PROGRAM)
    saved = load(options.run, options.best)
    tokens = start(saved.tokenizer, options.prompt)
    rng = np.random.default_rng(options.seed)
    for i in range(options.num_samples):
        print("\n---" * (i > 0), end="\n" * (i > 0))
        print(options.prompt, end="", flush=True)
        for piece in write(saved.model, saved.tokenizer, tokens, options, rng):
            print(piece, end="", flush=True)
        print(flush=True)


def start(tokenizer: Tokenizer, prompt: str) -> np.ndarray:
    """The tokens (T,) that a text starts from; T >= 1.

    For an empty prompt a newline, as between paragraphs; or, where that is no token,
    the vocabulary's first.
    """
    try:
        tokens = tokenizer.encode(prompt or "\n")
    except DataError:
        if prompt:
            raise
        return np.zeros(1, np.int64)
    return tokens if len(tokens) else np.zeros(1, np.int64)


def write(
    model: GPT,
    tokenizer: Tokenizer,
    tokens: np.ndarray,
    options: SampleOptions,
    rng: np.random.Generator,
) -> Iterator[str]:
    """The text that follows the tokens (T,), in pieces, as it comes."""
    for step in stream(
        model.start(),
        [tokens],
        max_new_tokens=options.max_new_tokens,
        settings=options.sampling,
        rng=rng,
        stop_strings=options.stop,
        tokenizer=tokenizer,
    ):
        yield step.texts[0]
