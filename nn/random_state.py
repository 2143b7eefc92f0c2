"""The state of a random generator, as JSON can hold it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tensorgrad.errors import CheckpointError


def rng_state(generator: np.random.Generator) -> dict[str, Any]:
    """All that decides a generator's future draws, as JSON can hold it exactly."""
    state: dict[str, Any] = _map_leaves(generator.bit_generator.state, _to_json)
    return state


def set_rng_state(generator: np.random.Generator, state: Mapping[str, Any]) -> None:
    """Put a generator where `rng_state` was taken; CheckpointError if it cannot be.

    >>> rng, twin = np.random.default_rng(1), np.random.default_rng(2)
    >>> set_rng_state(twin, rng_state(rng))
    >>> bool(rng.random() == twin.random())
    True
    """
    try:
        generator.bit_generator.state = _map_leaves(dict(state), _from_json)
    except (ValueError, LookupError, TypeError, OverflowError) as error:
        raise CheckpointError(f"this is not a saved random state: {error}") from None


def _map_leaves(tree: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(tree, dict):
        return {key: _map_leaves(value, change) for key, value in tree.items()}
    return change(tree)


def _to_json(leaf: Any) -> Any:
    # most readers of JSON hold numbers as doubles, which end being exact at 2**53
    if isinstance(leaf, int) and abs(leaf) >= 2**53:
        return str(leaf)
    return [str(word) for word in leaf] if isinstance(leaf, np.ndarray) else leaf


def _from_json(leaf: Any) -> Any:
    if isinstance(leaf, list):
        return np.array([int(word) for word in leaf], np.uint64)
    return int(leaf) if isinstance(leaf, str) and leaf.isdecimal() else leaf
