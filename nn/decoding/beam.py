"""Beam search: the likeliest whole sequences, as far as a few at a time can tell."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

import tensorgrad as tg

from .filters import check_known, penalties
from .incremental import (
    Incremental,
    Scores,
    Tokens,
    checked,
    largest,
    limits,
    pack,
    read_prompts,
    require,
    require_penalties,
    require_whole,
    stop_set,
)


@dataclass(frozen=True)
class Beams:
    """How a beam search goes, and how long and short sequences compare.

    Penalties apply to log-probabilities, before these are added up. Once beam_size
    sequences have ended, early_stopping says when the search is over: at once (True),
    if none that goes on would be better by ending now (False), if none can get better
    (never).
    """

    beam_size: int = 4
    """Sequences that are followed at a time; 1 is greedy, V^(T - 1) is exhaustive."""
    n_best: int = 1
    """How many of the best to return; at most beam_size."""
    length_penalty: Literal["hugging_face", "google"] = "hugging_face"
    """What a log-probability is divided by: L^alpha, or ((5 + L) / 6)^alpha."""
    alpha: float = 1.0
    """How far length is evened out; 0: not at all, above 0 favours the longer."""
    early_stopping: bool | Literal["never"] = "never"
    """Whether a search that has found beam_size sequences is over: see above."""
    repetition_penalty: float = 1.0
    """Above 1, tokens that were there before become less likely; 1: they don't."""
    no_repeat_ngram: int = 0
    """No n tokens come in the same order twice, prompt included; 0: they may."""
    suppress: tuple[int, ...] = ()
    """Tokens that are never written, by their numbers."""
    final_token: int | None = None
    """The last of max_new_tokens is this one; None: any. It costs no probability."""
    renormalize: bool = False
    """After the penalties, probabilities add up to 1 again."""

    def __post_init__(self) -> None:
        require_whole("beam_size", self.beam_size, 1)
        require_whole("n_best", self.n_best, 1)
        few = self.n_best <= self.beam_size
        require(few, "n_best", self.n_best, f"at most beam_size ({self.beam_size})")
        names = ("hugging_face", "google")
        known = self.length_penalty in names
        require(known, "length_penalty", self.length_penalty, " or ".join(names))
        require(math.isfinite(self.alpha), "alpha", self.alpha, "a finite number")
        when = self.early_stopping
        known = isinstance(when, bool) or when == "never"
        require(known, "early_stopping", when, "True, False or 'never'")
        require_penalties(self)

    def score(self, log_prob: float, length: int) -> float:
        """What sequences are compared by.

        >>> Beams(alpha=1).score(-6.0, 3), Beams(length_penalty="google").score(-6.0, 7)
        (-2.0, -3.0)
        """
        unit = length if self.length_penalty == "hugging_face" else (5 + length) / 6
        return float(log_prob / unit**self.alpha)


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """A sequence that beam search has found."""

    tokens: Tokens
    """(T,): what follows the prompt, a stop token included."""
    score: float
    """The log-probability after the penalties, that of length last."""
    log_prob: float
    """log p of all its tokens under the model itself."""


def beam_search(
    model: Incremental,
    prompts: Sequence[ArrayLike],
    *,
    max_new_tokens: int | Sequence[int],
    settings: Beams = Beams(),
    stop_tokens: Collection[int] = (),
) -> list[list[Hypothesis]]:
    """The n_best sequences that follow each prompt, best first.

    A sequence ends with a stop token, or after `max_new_tokens`, a number for all
    prompts or one for each. There are fewer than n_best where the vocabulary does not
    allow for as many. Of equals the one found first comes first. Sources: Wu et al.,
    Google's Neural Machine Translation System (2016), section 7; Hugging Face's
    `generate`, whose results these are, for alpha its length_penalty.
    """
    longest = limits(max_new_tokens, len(prompts))
    stops = np.array(sorted(stop_set(stop_tokens)), np.int64)
    tokens, real = pack(prompts)
    searches = [
        Search(tokens[i, real[i]], settings, longest[i], stops)
        for i in range(len(prompts))
    ]
    going = searches
    scores: ArrayLike = read_prompts(model, tokens, real) if going else []
    while going:
        starts = np.cumsum([0, *(len(search.sequences) for search in going)])
        logits, _ = checked(scores, int(starts[-1]))
        log_probs = tg.log_softmax(logits)
        rows = [
            start + search.step(own)
            for search, start, own in zip(
                going, starts[:-1], np.split(log_probs, starts[1:-1]), strict=True
            )
        ]
        going = [search for search in going if len(search.sequences)]
        if going:
            model.select(np.concatenate(rows))
            last = [search.sequences[:, -1:] for search in going]
            scores = model.advance(np.concatenate(last))
    return [search.ended[: settings.n_best] for search in searches]


@final
class Search:
    """The beams of one prompt: those that go on, and the best that have ended."""

    def __init__(
        self, prompt: Tokens, settings: Beams, max_new_tokens: int, stops: Tokens
    ) -> None:
        self.sequences = prompt[None]  # (beams, prompt and new tokens)
        self.ended: list[Hypothesis] = []
        self._totals = np.zeros(1)  # log p of each beam after penalties
        self._log_probs = np.zeros(1)  # and before
        self._length = 0
        self._prompt_length = len(prompt)
        self._settings = settings
        self._max_length = max_new_tokens
        self._stops = stops

    def step(self, log_probs: Scores) -> NDArray[np.int64]:
        """Go one token on, given log p of it (beams, V); which beams (M,) went on.

        Of the beam_size best sequences one token longer, those that end have ended.
        The beam_size best that don't go on; there are as many among the candidates
        even if every beam has ended in every way that it can.
        """
        size, V = self._settings.beam_size, log_probs.shape[-1]
        check_known(self._settings, V)
        totals = (self._totals[:, None] + self._penalised(log_probs)).ravel()
        best = largest(totals, size * (1 + max(1, len(self._stops))))
        best = best[totals[best] > -np.inf]
        beams, tokens = np.divmod(best, V)
        sequences = np.concatenate([self.sequences[beams], tokens[:, None]], -1)
        totals = totals[best]
        log_probs = self._log_probs[beams] + log_probs[beams, tokens]
        self._length += 1
        ends = np.isin(tokens, self._stops) | (self._length == self._max_length)
        for i in np.flatnonzero(ends[:size]):
            self._end(sequences[i], float(totals[i]), float(log_probs[i]))
        on = np.flatnonzero(~ends)[:size]
        if on.size and self._settled(float(totals[on[0]])):
            on = on[:0]
        self.sequences, self._totals = sequences[on], totals[on]
        self._log_probs = log_probs[on]
        return beams[on]

    def _penalised(self, log_probs: Scores) -> Scores:
        last = self._length + 1 == self._max_length
        for each in penalties(self._settings, self.sequences, last).values():
            log_probs = each(log_probs)
        return tg.log_softmax(log_probs) if self._settings.renormalize else log_probs

    def _end(self, sequence: Tokens, total: float, log_prob: float) -> None:
        score = self._settings.score(total, self._length)
        found = Hypothesis(sequence[self._prompt_length :], score, log_prob)
        insort(self.ended, found, key=lambda hypothesis: -hypothesis.score)
        del self.ended[self._settings.beam_size :]

    def _settled(self, best: float) -> bool:
        """Whether to stop, with this the best log-probability that could go on."""
        settings = self._settings
        if len(self.ended) < settings.beam_size:
            return False
        if settings.early_stopping is True:
            return True
        # log-probabilities only fall: a longer sequence gains by its length alone
        gains = settings.early_stopping == "never" and settings.alpha > 0
        length = self._max_length if gains else self._length
        return settings.score(best, length) <= self.ended[-1].score
