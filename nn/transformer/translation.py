"""Texts in, texts out: a Transformer with the vocabularies of both sides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.errors import ConfigError, DataError, InputError

from ..attention import attention_weights
from ..data import pad_batch
from ..decoding import GREEDY, Beams, Sampling, beam_search, generate
from ..evaluation import Objective, evaluating
from ..losses import IGNORED
from ..pair_batches import PairBatch
from ..vocabulary import Side
from .encoder_decoder import Transformer

EXTRA = 50  # how much longer than its source a target may get: Vaswani et al., 6.1


def objective(model: Transformer, label_smoothing: float = 0.0) -> Objective:
    """(the sum of -log p(target), how many targets) of a batch, padding left out.

    Labels are smoothed in training alone, so that a validation loss is one.
    """

    def losses(batch: PairBatch) -> tuple[Tensor, int]:
        source, target_in, target_out = batch
        summed: Tensor = tg.cross_entropy(
            model(source, target_in),
            target_out,
            ignore_index=IGNORED,
            label_smoothing=label_smoothing if model.training else 0.0,
        ).sum()
        return summed, int(np.count_nonzero(target_out != IGNORED))

    return losses


@dataclass(frozen=True)
class Translation:
    """A target that the model wrote."""

    text: str
    score: float
    """What it was chosen by: with beams, log p evened out for length."""
    log_prob: float
    """log p of all its tokens, the end included."""
    tokens: tuple[int, ...]
    """What was written, the end included."""


@dataclass(frozen=True)
class Translator:
    """A trained Transformer and what its tokens mean."""

    model: Transformer
    source: Side
    target: Side

    def translate(
        self,
        texts: Sequence[str],
        how: Beams | Sampling = GREEDY,
        *,
        max_new_tokens: int | None = None,
        batch_size: int = 64,
        rng: np.random.Generator | int | None = None,
        first: int = 1,
        told: Callable[[int, int], object] = lambda done, total: None,
    ) -> list[list[Translation]]:
        """For each text its translations, best first: n_best of them, or a single one.

        Greedy unless told how. A target has up to 50 tokens more than its source, or
        `max_new_tokens`, and no more than the context. `told(done, total)` is called
        after each batch. InputError numbers the text that cannot be read, from `first`.
        """
        if batch_size < 1:
            raise ConfigError(f"batch_size must be 1 or more; got {batch_size}")
        found: dict[int, list[Translation]] = {}
        rng, longest = np.random.default_rng(rng), self.model.config.max_length
        for rows, sources in self._batches(texts, batch_size, first):
            limits = [
                len(source) + EXTRA if max_new_tokens is None else max_new_tokens
                for source in sources
            ]
            limits = [min(limit, longest) for limit in limits]
            found |= zip(rows, self._write(sources, how, limits, rng), strict=True)
            told(len(found), len(texts))
        return [found[i] for i in range(len(texts))]

    def _batches(
        self, texts: Sequence[str], batch_size: int, first: int
    ) -> Iterator[tuple[list[int], list[NDArray[np.int64]]]]:
        """Texts of about one length at a time: which they are, and their tokens."""
        sources = [self._tokens(i, text) for i, text in enumerate(texts, first)]
        order = sorted(range(len(texts)), key=lambda i: len(sources[i]))
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            yield rows, [sources[i] for i in rows]

    def _tokens(self, number: int, text: str) -> NDArray[np.int64]:
        if not text.strip():
            raise DataError(f"text {number} is empty: there is nothing to translate")
        try:
            tokens = np.append(self.source.encode(text), self.source.eos)
        except DataError as error:
            raise DataError(f"text {number}: {error}") from None
        longest = self.model.config.max_length
        if len(tokens) > longest:
            raise InputError(
                f"text {number} has {len(tokens)} tokens, and the context {longest}: "
                "shorten it"
            )
        return tokens

    def _write(
        self,
        sources: Sequence[NDArray[np.int64]],
        how: Beams | Sampling,
        limits: Sequence[int],
        rng: np.random.Generator,
    ) -> list[list[Translation]]:
        padded, real = pad_batch(sources, self.source.pad)  # (B, S)
        state = self.model.start(padded, real, capacity=max(limits))
        starts = [[self.target.bos]] * len(sources)
        stops = {self.target.eos}
        if isinstance(how, Sampling):
            completions = generate(
                state,
                starts,
                max_new_tokens=limits,
                settings=how,
                rng=rng,
                stop_tokens=stops,
            )
            totals = [float(done.log_probs.sum()) for done in completions]
            return [
                [self._translation(done.tokens, total, total)]
                for done, total in zip(completions, totals, strict=True)
            ]
        searched = beam_search(
            state, starts, max_new_tokens=limits, settings=how, stop_tokens=stops
        )
        return [
            [self._translation(one.tokens, one.score, one.log_prob) for one in best]
            for best in searched
        ]

    def _translation(
        self, tokens: NDArray[np.int64], score: float, log_prob: float
    ) -> Translation:
        text = self.target.decode(tokens)
        return Translation(text, score, log_prob, tuple(tokens.tolist()))

    def attention(self, source: str, target: str) -> dict[str, NDArray[np.floating]]:
        """Who looks where as the target is written: see `attention_weights`.

        Names to (H, T, S): a row for each token written, the target's and the end,
        and a column for each token looked at, with the end of the source.
        """
        tokens = self._tokens(1, source)[None]
        target_in = np.array([[self.target.bos, *self.target.encode(target)]])
        looking = attention_weights(self.model)
        with evaluating(self.model), tg.no_grad(), looking as weights:
            self.model(tokens, target_in)
        return {name: array[0] for name, array in weights.items()}
