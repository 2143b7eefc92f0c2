"""Greedy decoding and sampling: token by token, or the whole at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..tokenizer import Tokenizer
from .filters import check_known
from .incremental import (
    Incremental,
    Logits,
    Scores,
    Tokens,
    checked,
    largest,
    limits,
    log_probs_of,
    pack,
    read_prompts,
    require_whole,
    stop_set,
)
from .sampling import UNCHANGED, Sampling, choose
from .stopping import Ending, Reason, StoppingText, check_stop_strings


@dataclass(frozen=True, eq=False)
class Step:
    """One more token for each of the M sequences that had not ended yet."""

    rows: NDArray[np.int64]
    """(M,): which prompts they belong to, in ascending order."""
    tokens: Tokens
    """(M,): the tokens drawn."""
    log_probs: Scores
    """(M,): log p of each under the model itself, before all filters."""
    logits: Logits
    """(M, V): the model's scores that they were drawn from, before all filters."""
    texts: list[str]
    """The text that became certain in each; empty without a tokenizer."""
    reasons: list[Reason | None]
    """Why each sequence ends with this token; None where it goes on."""
    top_tokens: Tokens | None = None
    """(M, k): the likeliest, likeliest first, of equals the first; None without top."""
    top_log_probs: Scores | None = None
    """(M, k): log p of each under the model itself."""


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
    top_tokens: Tokens | None = None
    """(T, k): the likeliest at each place, likeliest first; None without top."""
    top_log_probs: Scores | None = None
    """(T, k): log p of each under the model itself."""


def generate(
    model: Incremental,
    prompts: Sequence[ArrayLike],
    *,
    max_new_tokens: int | Sequence[int],
    settings: Sampling = UNCHANGED,
    rng: np.random.Generator | int | None = None,
    stop_tokens: Collection[int] = (),
    stop_strings: Sequence[str] = (),
    tokenizer: Tokenizer | None = None,
    top: int = 0,
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
        top=top,
    )
    return joined(steps, len(prompts))


def joined(steps: Iterable[Step], prompts: int) -> list[Completion]:
    """What the steps wrote after each of so many prompts."""
    parts: list[list[tuple[Any, ...]]] = [[] for _ in range(prompts)]
    texts = [""] * prompts
    reasons: dict[int, Reason] = {}
    for step in steps:
        each = [step.tokens, step.log_probs]
        if step.top_tokens is not None and step.top_log_probs is not None:
            each += [step.top_tokens, step.top_log_probs]
        for i, row in enumerate(step.rows.tolist()):
            parts[row].append(tuple(array[i] for array in each))
            texts[row] += step.texts[i]
            if reason := step.reasons[i]:
                reasons[row] = reason
    completions = []
    for n, text in enumerate(texts):
        tokens, log_probs, *tops = map(np.array, zip(*parts[n], strict=True))
        completions.append(Completion(tokens, log_probs, text, reasons[n], *tops))
    return completions


def stream(
    model: Incremental,
    prompts: Sequence[ArrayLike],
    *,
    max_new_tokens: int | Sequence[int],
    settings: Sampling = UNCHANGED,
    rng: np.random.Generator | int | None = None,
    stop_tokens: Collection[int] = (),
    stop_strings: Sequence[str] = (),
    tokenizer: Tokenizer | None = None,
    top: int = 0,
) -> Iterator[Step]:
    """One `Step` after the other, until each sequence has ended.

    A sequence ends after `max_new_tokens` (a number for all prompts, or one for each),
    after a stop token, or once its text (that of the new tokens alone) holds a stop
    string. The model no longer works on it then. With `top`, steps have so many of the
    likeliest tokens, and what the model thinks of them; fewer where V is less.
    Each step takes one number from `rng` for each prompt, whichever have ended, so
    no sequence depends on where another one stops.
    """
    longest = limits(max_new_tokens, len(prompts))
    require_whole("top", top, 0)
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
    rng = np.random.default_rng(rng)
    return _steps(model, tokens, real, endings, settings, rng, top)


def _steps(
    model: Incremental,
    tokens: Tokens,
    real: NDArray[np.bool_],
    endings: list[Ending],
    settings: Sampling,
    rng: np.random.Generator,
    top: int,
) -> Iterator[Step]:
    rows = np.arange(len(endings))
    if not rows.size:
        return
    sequences = np.where(real, tokens, -1)
    scores = read_prompts(model, tokens, real)
    while True:
        logits, likeliest = checked(scores, len(rows))
        check_known(settings, logits.shape[-1])  # now, not at the last token
        live = [endings[row] for row in rows]
        last = np.array([end.left == 1 for end in live])
        chances = rng.random(len(endings))[rows]
        new = choose(settings, logits, likeliest, sequences, last, chances)
        log_probs, *tops = _judged(logits, likeliest, new, top)
        texts = [end.feed(token) for end, token in zip(live, new.tolist(), strict=True)]
        reasons = [end.reason for end in live]
        yield Step(rows, new, log_probs, logits, texts, reasons, *tops)
        on = np.array([i for i, reason in enumerate(reasons) if reason is None], int)
        if not on.size:
            return
        if on.size < rows.size:
            model.select(on)
        rows = rows[on]
        sequences = np.concatenate([sequences, new[:, None]], -1)[on]
        scores = model.advance(new[on, None])


def _judged(
    logits: Logits, likeliest: Tokens, new: Tokens, top: int
) -> tuple[Any, ...]:
    """log p (M,) of the new tokens; with `top`, the top tokens (M, k) and log p too."""
    if not top:
        return (log_probs_of(logits, likeliest, new[:, None])[:, 0],)
    tops = np.stack([largest(row, top) for row in logits])
    both = log_probs_of(logits, likeliest, np.column_stack([new, tops]))
    return both[:, 0], tops, both[:, 1:]
