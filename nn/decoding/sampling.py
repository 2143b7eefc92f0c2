"""Greedy decoding and sampling: token by token, or the whole at once."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

import tensorgrad as tg

from ..tokenizer import Tokenizer
from . import filters
from .incremental import (
    Incremental,
    Scores,
    Tokens,
    checked,
    limits,
    pack,
    read_prompts,
    require,
    require_penalties,
    require_whole,
    stop_set,
)
from .stopping import Ending, Reason, StoppingText, check_stop_strings


@dataclass(frozen=True)
class Sampling:
    """How a token is drawn from the scores. The filters apply in this order."""

    repetition_penalty: float = 1.0
    """Above 1, tokens that were there before become less likely; 1: they don't."""
    no_repeat_ngram: int = 0
    """No n tokens come in the same order twice, prompt included; 0: they may."""
    temperature: float = 1.0
    """Below 1 the likely becomes likelier; 0 always takes the likeliest."""
    top_k: int = 0
    """Draw from the k likeliest tokens only; 0: from all."""
    top_p: float = 1.0
    """Draw from the fewest likeliest tokens with this much probability; 1: from all."""

    def __post_init__(self) -> None:
        require_penalties(self.repetition_penalty, self.no_repeat_ngram)
        t, p = self.temperature, self.top_p
        require(0 <= t < math.inf, "temperature", t, "a number, 0 or more")
        require_whole("top_k", self.top_k, 0)
        require(0 < p <= 1, "top_p", p, "a number above 0 and at most 1")

    def candidates(self, logits: ArrayLike, tokens: Tokens) -> Scores:
        """Logits (..., V) after all filters, for sequences (..., T); -1 is padding."""
        x = filters.repetition_penalty(logits, tokens, self.repetition_penalty)
        x = filters.no_repeat_ngram(x, tokens, self.no_repeat_ngram)
        x = filters.temperature(x, self.temperature)
        return filters.top_p(filters.top_k(x, self.top_k), self.top_p)


GREEDY = Sampling(temperature=0)


@dataclass(frozen=True, eq=False)
class Step:
    """One more token for each of the M sequences that had not ended yet."""

    rows: NDArray[np.int64]
    """(M,): which prompts they belong to, in ascending order."""
    tokens: Tokens
    """(M,): the tokens drawn."""
    log_probs: Scores
    """(M,): log p of each under the model itself, before all filters."""
    logits: Scores
    """(M, V): the model's scores that they were drawn from, before all filters."""
    texts: list[str]
    """The text that became certain in each; empty without a tokenizer."""
    reasons: list[Reason | None]
    """Why each sequence ends with this token; None where it goes on."""


@dataclass(frozen=True, eq=False)
class Completion:
    """What a model wrote after one prompt."""

    tokens: Tokens
    """(T,): all that were drawn, those of a stop included."""
    log_probs: Scores
    """(T,): log p of each under the model itself, before all filters."""
    text: str
    """Their text, without the stop; empty without a tokenizer."""
    reason: Reason
    """Why it ends there."""


def generate(
    model: Incremental,
    prompts: Sequence[ArrayLike],
    *,
    max_new_tokens: int | Sequence[int],
    settings: Sampling = Sampling(),
    rng: np.random.Generator | int | None = None,
    stop_tokens: Collection[int] = (),
    stop_strings: Sequence[str] = (),
    tokenizer: Tokenizer | None = None,
) -> list[Completion]:
    """What follows each prompt, in the prompts' order: all steps of `stream`, joined.

    >>> class Uniform:
    ...     def advance(self, tokens, real=None):
    ...         return np.zeros((len(tokens), 4))
    ...
    ...     def select(self, rows):
    ...         pass
    >>> [done] = generate(Uniform(), [[0]], max_new_tokens=9, stop_tokens={3}, rng=0)
    >>> done.tokens, done.log_probs, done.reason
    (array([2, 1, 0, 0, 3]), array([-1.38, -1.38, -1.38, -1.38, -1.38]), 'stop_token')
    """
    steps = stream(
        model,
        prompts,
        max_new_tokens=max_new_tokens,
        settings=settings,
        rng=rng,
        stop_tokens=stop_tokens,
        stop_strings=stop_strings,
        tokenizer=tokenizer,
    )
    tokens: list[list[int]] = [[] for _ in prompts]
    log_probs: list[list[float]] = [[] for _ in prompts]
    texts = [""] * len(prompts)
    reasons: dict[int, Reason] = {}
    for step in steps:
        for i, row in enumerate(step.rows.tolist()):
            tokens[row].append(step.tokens[i])
            log_probs[row].append(step.log_probs[i])
            texts[row] += step.texts[i]
            if reason := step.reasons[i]:
                reasons[row] = reason
    return [
        Completion(np.array(tokens[n]), np.array(log_probs[n]), texts[n], reasons[n])
        for n in range(len(prompts))
    ]


def stream(
    model: Incremental,
    prompts: Sequence[ArrayLike],
    *,
    max_new_tokens: int | Sequence[int],
    settings: Sampling = Sampling(),
    rng: np.random.Generator | int | None = None,
    stop_tokens: Collection[int] = (),
    stop_strings: Sequence[str] = (),
    tokenizer: Tokenizer | None = None,
) -> Iterator[Step]:
    """One `Step` after the other, until each sequence has ended.

    A sequence ends after `max_new_tokens` (a number for all prompts, or one for each),
    after a stop token, or once its text (that of the new tokens alone) holds a stop
    string. The model no longer works on it then.
    Each step takes one number from `rng` for each prompt, whichever have ended, so
    no sequence depends on where another one stops.
    """
    longest = limits(max_new_tokens, len(prompts))
    strings = check_stop_strings(stop_strings, tokenizer)
    stops = stop_set(stop_tokens)
    tokens, real = pack(prompts)
    endings = [
        Ending(
            longest[i],
            stops,
            None if tokenizer is None else StoppingText(tokenizer, strings, prompts[i]),
        )
        for i in range(len(prompts))
    ]
    # what is wrong is said above, at the call, not at the first step
    return _steps(model, tokens, real, endings, settings, np.random.default_rng(rng))


def _steps(
    model: Incremental,
    tokens: Tokens,
    real: NDArray[np.bool_],
    endings: list[Ending],
    settings: Sampling,
    rng: np.random.Generator,
) -> Iterator[Step]:
    rows = np.arange(len(endings))
    if not rows.size:
        return
    sequences = np.where(real, tokens, -1)
    scores = read_prompts(model, tokens, real)
    while True:
        logits = checked(scores, len(rows))
        chances = rng.random(len(endings))[rows]
        new = draw(settings.candidates(logits, sequences), chances)
        log_probs = np.take_along_axis(tg.log_softmax(logits), new[:, None], -1)[:, 0]
        live = [endings[row] for row in rows]
        texts = [end.feed(token) for end, token in zip(live, new.tolist(), strict=True)]
        reasons = [end.reason for end in live]
        yield Step(rows, new, log_probs, logits, texts, reasons)
        on = np.array([i for i, reason in enumerate(reasons) if reason is None], int)
        if not on.size:
            return
        if on.size < rows.size:
            model.select(on)
        rows = rows[on]
        sequences = np.concatenate([sequences, new[:, None]], -1)[on]
        scores = model.advance(new[on, None])


def draw(logits: Scores, chances: Scores) -> Tokens:
    """The token (...) whose part of softmax(logits) (..., V) the chance falls in.

    Chances (...) are at least 0 and below 1.

    >>> draw(np.log([0.25, 0.25, 0.5]), np.array(0.4))
    array(1)
    """
    ends = np.exp(logits - logits.max(-1, keepdims=True)).cumsum(-1)
    # below the last end, since chances are; a token of probability 0 has no part
    points = chances[..., None] * ends[..., -1:]
    return np.asarray((points < ends).argmax(-1))
