"""The task that BERT learns from: some tokens are hidden, and it says what they were.

Source: Devlin et al., BERT, section 3.1, arXiv 1810.04805.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

import tensorgrad as tg
from tensorgrad import Tensor
from tensorgrad.errors import ConfigError

from ..data import BlockSampler
from ..evaluation import Objective
from ..losses import IGNORED
from ..vocabulary import Vocabulary
from .bert_heads import BertForMaskedLM

Tokens = NDArray[np.int64]


def mask_tokens(
    tokens: ArrayLike,
    rng: np.random.Generator,
    *,
    mask: int,
    vocab_size: int,
    special: Collection[int] = (),
    share: float = 0.15,
) -> tuple[Tokens, Tokens]:
    """(inputs, targets), both (B, T), of tokens (B, T): what is seen, and what it was.

    Each token that is not `special` is chosen with probability `share`. Of those, 80 %
    become the token `mask`, 10 % one drawn from all that are not special, and 10 %
    stay; targets elsewhere are -100. The second and third kind make the model think
    about every token: in use, none is masked.

    >>> inputs, targets = mask_tokens(
    ...     [[0, 5, 6, 7, 8]], np.random.default_rng(1), mask=1, vocab_size=9,
    ...     special=(0, 1), share=0.5,
    ... )
    >>> inputs.tolist(), targets.tolist()
    ([[0, 5, 1, 7, 1]], [[-100, -100, 6, -100, 8]])
    """
    if not 0 < share <= 1:
        raise ConfigError(f"share={share} must be above 0 and at most 1")
    inputs = np.array(tokens, np.int64)
    ordinary = np.setdiff1d(np.arange(vocab_size), list(special))
    if not ordinary.size:
        raise ConfigError(f"all {vocab_size} tokens are special: none can be hidden")
    chosen = (rng.random(inputs.shape) < share) & ~np.isin(inputs, list(special))
    targets = np.where(chosen, inputs, IGNORED)
    fate = rng.random(inputs.shape)
    inputs[chosen & (fate < 0.8)] = mask
    replaced = chosen & (fate >= 0.8) & (fate < 0.9)
    inputs[replaced] = rng.choice(ordinary, np.count_nonzero(replaced))
    return inputs, targets


def framed(blocks: ArrayLike, vocabulary: Vocabulary) -> Tokens:
    """(B, T) -> (B, T + 2): [CLS] before each row and [SEP] behind it."""
    blocks = np.asarray(blocks, np.int64)
    first = np.full((len(blocks), 1), vocabulary.cls)
    last = np.full((len(blocks), 1), vocabulary.sep)
    return np.concatenate([first, blocks, last], axis=1)


def masked(
    blocks: ArrayLike, vocabulary: Vocabulary, rng: np.random.Generator
) -> tuple[Tokens, Tokens]:
    """(inputs, targets), both (B, T + 2): `mask_tokens` of the blocks, `framed`."""
    return mask_tokens(
        framed(blocks, vocabulary),
        rng,
        mask=vocabulary.mask,
        vocab_size=len(vocabulary),
        special=range(len(vocabulary.specials)),
    )


@final
class MaskedBlocks:
    """Endless (inputs, targets), both (B, T + 2), to train a BertForMaskedLM on.

    The blocks of T tokens begin anywhere in the text, and are `masked` anew each time.
    """

    def __init__(
        self,
        tokens: NDArray[Any],
        vocabulary: Vocabulary,
        block_size: int,
        batch_size: int,
        rng: np.random.Generator,
    ) -> None:
        self.vocabulary, self.rng = vocabulary, rng
        self.sampler = BlockSampler(tokens, block_size, batch_size, rng)

    def __iter__(self) -> Iterator[tuple[Tokens, Tokens]]:
        return self

    def __next__(self) -> tuple[Tokens, Tokens]:
        blocks, _ = next(self.sampler)
        return masked(blocks, self.vocabulary, self.rng)

    def state(self) -> dict[str, Any]:
        """What decides every batch to come."""
        return self.sampler.state()  # its generator is the one that hides

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue where `state()` was taken; CheckpointError for other data."""
        self.sampler.load_state(state)


def objective(model: BertForMaskedLM) -> Objective:
    """(the sum of -log p(what was hidden), how many were) of (inputs, targets)."""

    def losses(batch: tuple[Tokens, Tokens]) -> tuple[Tensor, int]:
        inputs, targets = batch
        places = np.nonzero(targets != IGNORED)
        scores = model(inputs, places=places)  # (N, V): nothing else is scored
        summed: Tensor = tg.cross_entropy(scores, targets[places]).sum()
        return summed, len(places[0])

    return losses
