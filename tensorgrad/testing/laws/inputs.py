"""Inputs taken apart, and other ones in their place."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import ConfigError, ShapeError
from ...graph import Variable
from ...tensor import Tensor
from .compare import Array, Arrays


def data_of(x: Any) -> Array:
    """A copy of its array."""
    return np.array(getattr(x, "_data", x))


def like(x: Any, array: Array) -> Any:
    """The array, as a Tensor if x is one."""
    return Tensor(array) if isinstance(x, Variable) else array


def long_enough(law: str, x: Array, axis: int, least: int = 2) -> int:
    """How long x is along the axis; ShapeError where the law would say nothing."""
    if not 0 <= axis < x.ndim or x.shape[axis] < least:
        raise ShapeError(
            f"{law}: an input of shape {x.shape} needs a length of at least {least} "
            f"along axis {axis}, or there is nothing to compare"
        )
    return x.shape[axis]


def part(axis: int, chosen: Any) -> Any:
    """The index of what is chosen along an axis."""
    return (*[slice(None)] * axis, chosen)


def check_lead(law: str, outputs: Arrays, lead: tuple[int, ...]) -> None:
    for name, out in outputs.items():
        if out.shape[: len(lead)] != lead:
            raise ShapeError(
                f"{law}: {name} of shape {out.shape} should begin with {lead}, as the "
                "input does. Return only what has these axes"
            )


class Substitutes:
    """Draws other values like those of `x`: other tokens, or floats moved at random.

    Tokens come from range(vocab_size), or else from those in x: surely a model knows
    them.
    """

    def __init__(self, law: str, x: Array, vocab_size: int | None, seed: int) -> None:
        self.law, self.rng = law, np.random.default_rng(seed)
        self.floats = x.dtype.kind == "f"
        if not self.floats:
            known = np.unique(x) if vocab_size is None else np.arange(vocab_size)
            self.known = known.astype(x.dtype)
        else:
            self.scale = float(np.abs(x).max(initial=0)) or 1.0

    def other(self, values: Array) -> Array:
        """Different from `values` in every element."""
        if self.floats:
            return values + self.normal(values)
        n = len(self.known)
        if n < 2:
            raise ConfigError(
                f"{self.law}: the input holds one token only, {self.known}, so there "
                "is nothing to change it to. Pass vocab_size"
            )
        steps = self.rng.integers(1, n, values.shape)
        return self.known[(np.searchsorted(self.known, values) + steps) % n]

    def fresh(self, values: Array) -> Array:
        """Of the same shape and dtype, whatever `values` are."""
        if self.floats:
            return self.normal(values)
        return self.known[self.rng.integers(0, len(self.known), values.shape)]

    def normal(self, values: Array) -> Array:
        drawn = self.rng.standard_normal(values.shape) * self.scale
        return np.asarray(drawn, values.dtype)
