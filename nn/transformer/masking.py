"""The task that BERT learns from: some tokens are hidden, and it says what they were.

Source: Devlin et al., BERT, section 3.1, arXiv 1810.04805.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tensorgrad.errors import ConfigError

Tokens = NDArray[np.int64]
IGNORED = -100  # what cross_entropy does not count


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
