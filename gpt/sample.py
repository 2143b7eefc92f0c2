"""`python -m gpt sample`: the model writes on, as it comes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated

import numpy as np
from tyro.conf import OmitArgPrefixes, UseAppendAction, arg

from nn import cli
from nn.decoding import Sampling, Step, stream
from nn.decoding.filters import check_known
from nn.tokenizer import Tokenizer
from tensorgrad.errors import ConfigError, DataError, InputError

from .candidates import Candidates
from .interactive import converse
from .model import GPT
from .options import Weights
from .saved import Saved, load

PROGRAM = "python -m gpt sample"
Texts = Annotated[tuple[str, ...], UseAppendAction, arg(metavar="TEXT")]


@dataclass(frozen=True)
class SampleOptions:
    """Let a GPT write on from a prompt."""

    weights: OmitArgPrefixes[Weights] = field(default_factory=Weights)
    prompt: str = ""
    """What the text starts with; empty: the model begins by itself."""
    interactive: bool = False
    """Ask for one prompt after another; in a pipe, each line is one."""
    explain: bool = False
    """Show for each token what the settings make of its candidates."""
    rows: int = 8
    """How many candidates --explain shows, likeliest first."""
    max_new_tokens: int = 300
    """How many tokens to write, at most."""
    stop: Texts = ()
    """A text that ends it, and is not written."""
    num_samples: int = 1
    """How many texts to write, each from the prompt."""
    seed: int | None = None
    """The same seed writes the same text; None: another one each time."""
    sampling: OmitArgPrefixes[Sampling] = field(
        default_factory=lambda: Sampling(temperature=0.8)
    )

    def __post_init__(self) -> None:
        cli.require_positive(self, "max_new_tokens", "num_samples", "rows")
        if self.seed is not None and self.seed < 0:
            raise ConfigError(f"seed must be 0 or more; got {self.seed}")
        if not all(self.stop):
            raise ConfigError("stop must be texts, none of them empty")
        if self.interactive and self.prompt:
            raise ConfigError("interactive asks for each prompt: leave --prompt out")


def sample(argv: Sequence[str]) -> None:
    options = cli.parse(SampleOptions, argv, PROGRAM)
    saved, rng = load(options.weights), np.random.default_rng(options.seed)
    how = settings(saved.model, saved.tokenizer, options.sampling)
    options = replace(options, sampling=how)

    def show(prompt: str) -> None:
        tokens = start(saved.tokenizer, prompt)
        check_length(tokens, saved.model)
        for i in range(options.num_samples):
            print("\n---" * (i > 0), end="\n" * (i > 0))
            for piece in pieces(saved, prompt, tokens, options, rng):
                print(piece, end="", flush=True)
            print(flush=True)

    if options.interactive:
        converse(show)
    else:
        show(options.prompt)


def start(tokenizer: Tokenizer, prompt: str) -> np.ndarray:
    """The tokens (T,) that a text starts from; T >= 1.

    For an empty prompt what begins a text, or ends the one before; else a newline, as
    between paragraphs; or, where that is no token, the vocabulary's first.
    """
    if prompt and len(tokens := tokenizer.encode(prompt)):
        return tokens
    for token in (tokenizer.bos, tokenizer.eos):
        if token is not None:
            return np.array([token])
    try:
        tokens = tokenizer.encode("\n")
    except DataError:
        tokens = np.zeros(0, np.int64)
    return tokens if len(tokens) else np.zeros(1, np.int64)


def check_length(tokens: np.ndarray, model: GPT) -> None:
    """InputError for a prompt that is longer than the context."""
    size = model.config.block_size
    if len(tokens) > size:
        raise InputError(
            f"the prompt has {len(tokens)} tokens, and the model's context is {size}: "
            "shorten the prompt"
        )


def pieces(
    saved: Saved,
    prompt: str,
    tokens: np.ndarray,
    options: SampleOptions,
    rng: np.random.Generator,
) -> Iterator[str]:
    """What is shown of a text as it comes: the prompt first, or tables before it."""
    model, tokenizer = saved.model, saved.tokenizer
    if not options.explain:
        yield prompt
        yield from write(model, tokenizer, tokens, options, rng)
        return
    text, last = prompt, options.max_new_tokens
    candidates = Candidates(tokenizer, options.sampling)
    for i, step in enumerate(steps(model, tokenizer, tokens, options, rng), 1):
        token = int(step.tokens[0])
        shown = candidates.table(
            step.logits[0], tokens, token, options.rows, last=i == last
        )
        yield f"after {candidates.tail(text)}\n{shown}\n"
        text += step.texts[0]
        tokens = np.append(tokens, token)
    yield text


def write(
    model: GPT,
    tokenizer: Tokenizer,
    tokens: np.ndarray,
    options: SampleOptions,
    rng: np.random.Generator,
) -> Iterator[str]:
    """The text that follows the tokens (T,), in pieces, as it comes."""
    for step in steps(model, tokenizer, tokens, options, rng):
        yield step.texts[0]


def steps(
    model: GPT,
    tokenizer: Tokenizer,
    tokens: np.ndarray,
    options: SampleOptions,
    rng: np.random.Generator,
) -> Iterator[Step]:
    """The tokens that follow; where the tokenizer has a token that ends, up to it."""
    return stream(
        model.start(capacity=len(tokens) + options.max_new_tokens - 1),
        [tokens],
        max_new_tokens=options.max_new_tokens,
        settings=options.sampling,
        rng=rng,
        stop_tokens=() if tokenizer.eos is None else (tokenizer.eos,),
        stop_strings=options.stop,
        tokenizer=tokenizer,
    )


def settings(model: GPT, tokenizer: Tokenizer, sampling: Sampling) -> Sampling:
    """The same, without the tokens that a model has in excess of its tokenizer.

    InputError for tokens that the model lacks.
    """
    check_known(sampling, model.config.vocab_size)
    unknown = range(tokenizer.vocab_size, model.config.vocab_size)
    return replace(sampling, suppress=(*sampling.suppress, *unknown))
